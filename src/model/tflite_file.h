// SPDX-License-Identifier: Apache-2.0
// What a .tflite file holds: tensors, quantisation, operators, metadata; read from untrusted bytes,
// weights never touched. After the public schema of TensorFlow Lite, version 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"

namespace anynpu::model {

/// How a tensor is quantised, without the list of a scale per channel.
struct QuantisationSummary {
  std::size_t scales = 0;  // 0: not quantised, 1: per tensor, more: one per index of `axis`
  int axis = 0;
  float least_scale = 0, most_scale = 0;
  std::int64_t least_zero_point = 0, most_zero_point = 0;
  bool blockwise = false;  // by another tensor, which newer converters do
};

struct TfliteTensor {
  std::string name;
  std::string type_name;  // "float32"
  engine::DType type = engine::DType::kUnknown;
  engine::Shape shape;      // -1 where the signature leaves a dimension open
  bool shape_known = true;  // converters leave out those of some custom operators' outputs
  QuantisationSummary quantisation;
  std::uint64_t constant_bytes = 0;  // of its data in the file; 0 for what is computed
  bool variable = false;
};

/// An operator with its version, as the file's operator list names it.
struct OperatorUse {
  std::string name;  // "CONV_2D", or a custom operator's own name
  bool custom = false;
  int version = 1;
  std::size_t count = 0;
};

struct TfliteSubgraph {
  std::string name;
  std::vector<TfliteTensor> tensors;
  std::vector<std::size_t> inputs, outputs;  // indices of tensors
  std::size_t operators = 0;
};

struct TfliteMetadata {
  std::string name;
  std::uint64_t bytes = 0;
};

/// A file that metadata tools have appended to the model as a zip archive.
struct AssociatedFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint64_t offset =
      0;  // of its content, when that is stored as it is; 0 when it is compressed
};

struct TfliteFile {
  std::uint32_t schema_version = 0;
  std::string description;
  std::vector<TfliteSubgraph> subgraphs;
  std::vector<OperatorUse> operators;  // of all subgraphs, by count
  std::vector<TfliteMetadata> metadata;
  std::vector<AssociatedFile> associated_files;
  std::vector<std::string> signatures;
  /// Tensors of the first TFLite_Detection_PostProcess: boxes, classes, scores, count; or none.
  std::vector<std::size_t> detection_outputs;
  std::size_t buffers = 0;
  std::uint64_t buffer_bytes = 0;  // weights and other constants
};

/// Whether the bytes start like a .tflite file.
bool looks_like_tflite(std::span<const std::byte> bytes);

/// `file` is the name that errors start with. At most 1,000 subgraphs and 200,000 tensors.
Result<TfliteFile> read_tflite(std::span<const std::byte> bytes, const std::string& file);

}  // namespace anynpu::model

// SPDX-License-Identifier: Apache-2.0
// What an .onnx file holds: inputs and outputs, weights by number and size, operators; read from
// untrusted bytes, weights never touched. After the public onnx.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"
#include "model/tflite_file.h"

namespace anynpu::model {

struct OnnxValue {
  std::string name;
  std::string type_name;  // "float32"; "sequence", "map", "optional" for what is not a tensor
  engine::DType type = engine::DType::kUnknown;
  engine::Shape shape;      // -1 where open
  std::string shown_shape;  // "batch x 3 x 224 x 224", with the names of open dimensions
};

struct OnnxFile {
  std::int64_t ir_version = 0;
  std::string producer;  // name and version
  std::string graph_name;
  std::vector<std::pair<std::string, std::int64_t>> opsets;  // domain ("" is ONNX's own), version
  std::vector<OnnxValue> inputs;  // what a caller must give: without weights
  std::vector<OnnxValue> outputs;
  std::size_t initializers = 0;
  std::uint64_t initializer_bytes = 0;    // as their types and shapes say
  std::size_t external_initializers = 0;  // kept in another file
  std::vector<OperatorUse> operators;     // of the graph and the graphs inside it, by count
  std::size_t nodes = 0;
  std::size_t quantised_nodes = 0;  // QuantizeLinear, QLinearConv, MatMulInteger, ...
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Whether the bytes start like an .onnx file. The format has no signature: a guess.
bool looks_like_onnx(std::span<const std::byte> bytes);

/// `file` is the name that errors start with.
Result<OnnxFile> read_onnx(std::span<const std::byte> bytes, const std::string& file);

}  // namespace anynpu::model

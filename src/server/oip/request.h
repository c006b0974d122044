// SPDX-License-Identifier: Apache-2.0
// An inference request of the Open Inference Protocol v2: JSON, JSON followed by binary tensors, or
// one raw tensor; from untrusted bytes.
//
// Sources: the protocol's "Predict Protocol - Version 2" and Triton's binary tensor data,
// classification and scheduling extensions; pictures as BYTES after OpenVINO Model Server.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/tensor.h"
#include "server/oip/parameters.h"

namespace anynpu::server::oip {

struct RequestLimits {
  std::size_t inputs = 64;
  std::size_t outputs = 256;
  std::size_t rank = 16;
  std::size_t name_bytes = 1024;                      // of a name or an id
  std::size_t tensor_bytes = std::size_t{256} << 20;  // of all tensors that are read from JSON
};

struct InferInput {
  std::string name;
  engine::DType type = engine::DType::kUnknown;
  engine::Shape shape;  // complete; the product of its dimensions fits an int64
  Parameters parameters;
  std::vector<std::byte> owned;             // elements that were read from JSON
  std::span<const std::byte> in_body = {};  // elements that stand in the body

  /// The elements, as many as `shape` asks for: row-major, little-endian; BYTES as engine::Tensor.
  std::span<const std::byte> bytes() const { return owned.empty() ? in_body : owned; }
};

struct InferOutput {
  std::string name;
  std::optional<bool> binary;        // as asked for; nothing: as the whole request
  std::uint32_t classification = 0;  // the k best classes instead of the tensor; 0: the tensor
};

struct InferRequest {
  std::string id;
  Parameters parameters;
  std::vector<InferInput> inputs;
  std::vector<InferOutput> outputs;  // empty: all
  bool binary_output = false;        // of outputs that do not say
  std::optional<microseconds> timeout;
  /// A raw request: no JSON at all; the one input's elements, whatever it is called.
  std::optional<std::span<const std::byte>> raw;
};

/// `json_length` is the header Inference-Header-Content-Length: where binary tensors start; nothing
/// when there is no such header, 0 for a raw request. What is returned refers to `body`.
Result<InferRequest> parse_infer_request(std::string_view body,
                                         std::optional<std::uint64_t> json_length,
                                         const RequestLimits& limits = {});

/// The value of Inference-Header-Content-Length; nothing when the header is not there (empty).
Result<std::optional<std::uint64_t>> parse_json_length(std::string_view header);

}  // namespace anynpu::server::oip

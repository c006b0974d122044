// SPDX-License-Identifier: Apache-2.0
// The reply to an inference request: JSON, or JSON followed by binary tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"
#include "server/oip/parameters.h"

namespace anynpu::server::oip {

struct ResponseOutput {
  engine::Tensor tensor;  // under its declared name and type
  bool binary = false;
};

struct InferResponse {
  std::string model_name;
  std::string model_version;
  std::string id;  // of the request; empty: it had none
  Parameters parameters;
  std::vector<ResponseOutput> outputs;
};

struct EncodedResponse {
  std::string body;
  /// The header Inference-Header-Content-Length, when an output is binary: what follows so many
  /// bytes of JSON are the binary outputs in their order. Such a body is application/octet-stream.
  std::optional<std::size_t> json_length;
};

Result<EncodedResponse> encode_response(const InferResponse& response);

}  // namespace anynpu::server::oip

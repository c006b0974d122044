// SPDX-License-Identifier: Apache-2.0
// The messages of Frigate's ZMQ detector (frigate/detectors/plugins/zmq_ipc.py), from untrusted
// bytes:
//
//   {"shape": [1,320,320,3], "dtype": "uint8", ...}, tensor  ->  {"shape": [20,6], ...}, 480 bytes
//   {"model_request": true, "model_name": "x"}               ->  {"model_available",
//   "model_loaded"}
//   {"model_data": true, "model_name": "x"}, file            ->  {"model_saved", "model_loaded"}
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vision/image.h"
#include "vision/image_model.h"

namespace anynpu::server::frigate {

inline constexpr std::size_t kMostFrames = 2;
inline constexpr std::size_t kMostTensorBytes = 64 << 20;
inline constexpr int kMostSide = 4096;         // pixels
inline constexpr std::size_t kMostBoxes = 20;  // Frigate reads exactly so many

struct Request {
  enum class Kind { kTensor, kModelRequest, kModelData };
  Kind kind = Kind::kTensor;
  std::string model_name;  // as Frigate's configuration has it: a file's name
  std::vector<std::int64_t> shape;
  std::string dtype;
};

/// Code::kInvalid: no such message.
Result<Request> parse_request(const std::vector<std::string>& frames);

/// The picture that a tensor of [1, height, width, 3] or [1, 3, height, width] holds, of uint8, or
/// of float32 from 0 to 1.
Result<vision::Image> image_of(const Request& request, std::string_view tensor);

/// 20 rows of [class, score, y_min, x_min, y_max, x_max], float32, fractions of the picture; the
/// best ones first, the rest zeros.
std::string detections_tensor(const std::vector<vision::Prediction>& predictions);

}  // namespace anynpu::server::frigate

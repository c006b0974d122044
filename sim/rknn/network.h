// SPDX-License-Identifier: Apache-2.0
// The network of a test artifact: its tensors as the RKNN API describes them, and real results.
//
// Quantised networks are int8 for the API, as after conversion; float networks are float16. The
// layouts that the simulated NPU calls its own are those of the RK3588: rows of 16 bytes, channels
// in blocks of 16 bytes, and for pictures of up to four channels NHWC with padded rows.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/rknn_abi.h"
#include "engine/rknn_file.h"
#include "engine/session.h"

namespace anynpu::sim {

namespace rk = engine::rknn;

struct RknnTensor {
  rk::TensorAttr attr;                             // as the network declares it
  rk::TensorAttr native;                           // as the NPU has it
  engine::DType stored = engine::DType::kUnknown;  // in the .tflite
};

class RknnNetwork {
 public:
  /// `file` has been read from `bytes`.
  static Result<std::unique_ptr<RknnNetwork>> load(std::span<const std::byte> bytes,
                                                   const engine::RknnFile& file);

  const std::vector<RknnTensor>& inputs() const { return inputs_; }
  const std::vector<RknnTensor>& outputs() const { return outputs_; }
  /// Per choice, the shape of each input; empty: fixed.
  const std::vector<std::vector<engine::Shape>>& dynamic_shapes() const { return choices_; }
  bool choose(std::size_t choice);

  /// Takes one input in what form `given` says: pass_through, type, fmt, w_stride. False when the
  /// bytes are too few or the form is not one that the runtime takes.
  bool set_input(std::size_t index, const rk::TensorAttr& given, std::span<const std::byte> bytes);
  bool run();
  /// Writes the last result in the form that `wanted` says. False: as for set_input.
  bool get_output(std::size_t index, const rk::TensorAttr& wanted,
                  std::span<std::byte> bytes) const;
  /// Another answer than the right one.
  void spoil();

  std::uint32_t weight_bytes() const { return weight_bytes_; }

 private:
  bool take_shapes(const std::vector<engine::Shape>& shapes);
  bool describe();

  std::unique_ptr<engine::Session> session_;
  std::vector<RknnTensor> inputs_, outputs_;
  std::vector<std::vector<engine::Shape>> choices_;
  std::vector<engine::Shape> shapes_;        // of the inputs, now
  std::vector<std::vector<float>> given_;    // real values of each input, in its declared order
  std::vector<std::vector<float>> results_;  // of each output
  float mean_ = 0, std_ = 1;
  bool nchw_outputs_ = false;
  std::uint32_t weight_bytes_ = 0;
};

/// Bytes of one element.
std::size_t size_of(rk::Type type);

}  // namespace anynpu::sim

// SPDX-License-Identifier: Apache-2.0
// Picture: the PreparedImage that ImageModel hands out.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/tensor.h"
#include "model/package.h"
#include "vision/decode.h"
#include "vision/image_model.h"

namespace anynpu::vision {

class Picture : public PreparedImage {
 public:
  /// `input`: the only tensor that takes the picture; nothing: any that can.
  Picture(Decoded decoded, const model::Preprocess& preprocess, std::optional<std::size_t> input,
          double decode_ms);

  /// Makes the input of this size now and lets go of the rest. A request may wait long, so it holds
  /// one small image; other sizes, which artifacts of one network seldom have, are made from that.
  void settle(int width, int height);

  Result<engine::Shape> shape(std::size_t index, const engine::TensorInfo& tensor) const override;
  Result<> write(std::size_t index, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override;

  int original_width() const override { return width_; }
  int original_height() const override { return height_; }
  double decode_ms() const override { return decode_ms_; }
  double preprocess_ms() const override { return preprocess_ms_; }

 private:
  std::shared_ptr<const Image> at(int width, int height) const;

  Image source_;
  Region part_;
  bool fitted_ = false;  // source_ is already laid out as an input
  model::Preprocess preprocess_;
  std::optional<std::size_t> input_;
  int width_, height_;
  double decode_ms_;
  double preprocess_ms_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<std::shared_ptr<const Image>> made_;  // one per size
};

}  // namespace anynpu::vision

// SPDX-License-Identifier: Apache-2.0
// LatePicture: a picture that is decoded by the first who asks for its pixels.
//
// Where no other thread would do it sooner, the one that feeds a worker decodes the picture itself:
// to hand it from one thread to the next may take a fifth of the time that decoding takes.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "vision/image_model.h"

namespace anynpu::vision {

/// Decoded within a few milliseconds: a plain JPEG of up to two megapixels.
bool is_quickly_decoded(std::span<const std::byte> encoded);

class LatePicture : public runtime::InputSource {
 public:
  LatePicture(std::shared_ptr<const ImageModel> model, std::string encoded);

  Result<engine::Shape> shape(std::size_t index, const engine::TensorInfo& tensor) const override;
  Result<> write(std::size_t index, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override;

  /// As ImageModel::prepare; decodes it when nobody has.
  Result<std::shared_ptr<const PreparedImage>> picture() const;
  /// What is wrong with the picture, if it was decoded and something is.
  std::optional<Error> problem() const;

 private:
  const std::shared_ptr<const ImageModel> model_;
  mutable std::mutex mutex_;
  mutable std::string encoded_;  // let go once it is decoded
  mutable std::optional<Result<std::shared_ptr<const PreparedImage>>> picture_;
};

}  // namespace anynpu::vision

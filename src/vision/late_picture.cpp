// SPDX-License-Identifier: Apache-2.0
// LatePicture: decodes once, under a lock; whoever asks meanwhile waits.
#include "vision/late_picture.h"

#include <utility>

#include "vision/format.h"
#include "vision/jpeg_header.h"

namespace anynpu::vision {
namespace {

constexpr std::int64_t kFewPixels = 2'000'000;

}  // namespace

bool is_quickly_decoded(std::span<const std::byte> encoded) {
  if (format_of(encoded) != Format::kJpeg) return false;
  const auto header = read_jpeg_header(encoded);
  return header && !header->buffered && std::int64_t{header->width} * header->height <= kFewPixels;
}

LatePicture::LatePicture(std::shared_ptr<const ImageModel> model, std::string encoded)
    : model_(std::move(model)), encoded_(std::move(encoded)) {}

Result<engine::Shape> LatePicture::shape(std::size_t index,
                                         const engine::TensorInfo& tensor) const {
  ANYNPU_TRY(decoded, picture());
  return decoded->shape(index, tensor);
}

Result<> LatePicture::write(std::size_t index, const engine::TensorInfo& tensor,
                            std::span<std::byte> to) const {
  ANYNPU_TRY(decoded, picture());
  return decoded->write(index, tensor, to);
}

Result<std::shared_ptr<const PreparedImage>> LatePicture::picture() const {
  const std::lock_guard lock(mutex_);
  if (!picture_) {
    picture_ = model_->prepare(std::as_bytes(std::span(encoded_)));
    encoded_ = {};
  }
  return *picture_;
}

std::optional<Error> LatePicture::problem() const {
  const std::lock_guard lock(mutex_);
  if (!picture_ || *picture_) return std::nullopt;
  return picture_->error();
}

}  // namespace anynpu::vision

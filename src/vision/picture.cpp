// SPDX-License-Identifier: Apache-2.0
// Picture: resized once per size, written as often as workers ask.
#include "vision/picture.h"

#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "vision/fit.h"
#include "vision/pixels.h"
#include "vision/resize.h"

namespace anynpu::vision {
namespace {

constexpr std::size_t kMostSizes = 4;

}  // namespace

Picture::Picture(Decoded decoded, const model::Preprocess& preprocess,
                 std::optional<std::size_t> input, double decode_ms)
    : source_(std::move(decoded.image)),
      part_(decoded.part),
      preprocess_(preprocess),
      input_(input),
      width_(decoded.width),
      height_(decoded.height),
      decode_ms_(decode_ms) {}

void Picture::settle(int width, int height) {
  const TimePoint start = Clock::now();
  source_ = apply(fit(preprocess_.resize, width_, height_, width, height), source_, part_);
  part_ = {0, 0, static_cast<double>(width), static_cast<double>(height)};
  fitted_ = true;
  preprocess_ms_ = ms_since(start);
}

std::shared_ptr<const Image> Picture::at(int width, int height) const {
  // Not owned: source_ lives as long as this.
  if (fitted_ && source_.width == width && source_.height == height)
    return {std::shared_ptr<void>(), &source_};
  const std::lock_guard lock(mutex_);
  for (const auto& image : made_)
    if (image->width == width && image->height == height) return image;
  Image image =
      fitted_ ? resize(source_, width, height)
              : apply(fit(preprocess_.resize, width_, height_, width, height), source_, part_);
  auto shared = std::make_shared<const Image>(std::move(image));
  if (made_.size() < kMostSizes) made_.push_back(shared);
  return shared;
}

Result<engine::Shape> Picture::shape(std::size_t index, const engine::TensorInfo& tensor) const {
  if (input_ && index != *input_)
    return Error{
        Code::kUnsupported,
        fmt::format("input \"{}\" is not the picture, and nothing else was given", tensor.name)}
        .with_hint("models with further inputs are run with tensors, not with a picture");
  ANYNPU_TRY(layout, picture_layout(tensor));
  ANYNPU_TRY(size, input_size(tensor, layout));
  if (layout.channels_first) return engine::Shape{1, layout.channels, size.height, size.width};
  return engine::Shape{1, size.height, size.width, layout.channels};
}

Result<> Picture::write(std::size_t index, const engine::TensorInfo& tensor,
                        std::span<std::byte> to) const {
  ANYNPU_TRY(shape_of_one, shape(index, tensor));
  ANYNPU_TRY(layout, picture_layout(tensor));
  ANYNPU_TRY(table, sample_table(tensor, preprocess_));
  const auto wanted =
      static_cast<std::size_t>(engine::element_count(shape_of_one)) * table.element_size;
  if (to.size() != wanted)
    return Error{Code::kInternal,
                 fmt::format("input \"{}\" has room for {} bytes; the picture has {}", tensor.name,
                             to.size(), wanted)};
  ANYNPU_TRY(size, input_size(tensor, layout));
  const std::shared_ptr<const Image> image = at(size.width, size.height);
  write_samples(*image, layout, preprocess_.colour, table, to);
  return {};
}

}  // namespace anynpu::vision

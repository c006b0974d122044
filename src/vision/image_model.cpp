// SPDX-License-Identifier: Apache-2.0
// ImageModel: finds a model's picture input, prepares pictures for it, reads its outputs.
#include "vision/image_model.h"

#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/json_text.h"
#include "vision/canary_input.h"
#include "vision/classify.h"
#include "vision/decode.h"
#include "vision/detect.h"
#include "vision/fit.h"
#include "vision/picture.h"
#include "vision/pixels.h"
#include "vision/synthetic.h"

namespace anynpu::vision {
namespace {

constexpr int kCanarySide = 640;  // as large as any common input, so that nothing is blown up

// What a float has to say and no more: 0.87 and not 0.8700000047683716.
double rounded(float value, double steps) {
  return std::round(double{value} * steps) / steps;
}

void append_box(std::string& to, const Box& box, double steps) {
  JsonObject json(to);
  json.add("x_min", rounded(box.x_min, steps));
  json.add("y_min", rounded(box.y_min, steps));
  json.add("x_max", rounded(box.x_max, steps));
  json.add("y_max", rounded(box.y_max, steps));
}

Decoded whole(Image image) {
  Decoded decoded;
  decoded.width = image.width;
  decoded.height = image.height;
  decoded.part = {0, 0, static_cast<double>(image.width), static_cast<double>(image.height)};
  decoded.image = std::move(image);
  return decoded;
}

std::shared_ptr<const runtime::InputSource> canary_of(Decoded decoded,
                                                      const model::Package& package) {
  return std::make_shared<CanaryInput>(
      std::make_shared<Picture>(std::move(decoded), package.preprocess, std::nullopt, 0));
}

}  // namespace

void append_json(std::string& to, const Prediction& prediction) {
  JsonObject json(to);
  json.add("class_id", prediction.class_id);
  json.add("label", prediction.label);
  json.add("score", rounded(prediction.score, 1e6));
  if (prediction.box) append_box(json.name("box"), *prediction.box, 1e2);
  if (prediction.box_normalized)
    append_box(json.name("box_normalized"), *prediction.box_normalized, 1e6);
}

Json to_json(const Prediction& prediction) {
  std::string text;
  append_json(text, prediction);
  return Json::parse(text);
}

Result<ImageModel> ImageModel::create(const model::Package& package,
                                      const engine::SessionInfo& session) {
  ImageModel found;
  found.package_ = package;
  for (std::size_t i = 0; i < session.inputs.size(); ++i) {
    const engine::TensorInfo& input = session.inputs[i];
    const auto layout = picture_layout(input);
    if (!layout) continue;
    ANYNPU_CHECK(sample_table(input, package.preprocess));
    found.input_index_ = i;
    ANYNPU_TRY(size, input_size(input, *layout));
    found.width_ = size.width;
    found.height_ = size.height;
    found.channels_ = layout->channels;
    return found;
  }
  if (session.inputs.size() == 1) return picture_layout(session.inputs[0]).error();
  return Error{Code::kUnsupported, fmt::format("none of the {} inputs of {} takes a picture",
                                               session.inputs.size(), package.name)}
      .with_hint(
          "pictures go into inputs of shape 1 x height x width x 3 or 1 x 3 x height x width");
}

Result<std::shared_ptr<const PreparedImage>> ImageModel::prepare(
    std::span<const std::byte> encoded) const {
  DecodeOptions options;
  options.target_width = width_;
  options.target_height = height_;
  options.inside = package_.preprocess.resize == model::Resize::kLetterbox;
  const TimePoint start = Clock::now();
  ANYNPU_TRY(decoded, decode(encoded, options));
  auto picture = std::make_shared<Picture>(std::move(decoded), package_.preprocess, input_index_,
                                           ms_since(start));
  picture->settle(width_, height_);
  return picture;
}

Result<std::shared_ptr<const PreparedImage>> ImageModel::prepare(const Image& image) const {
  if (image.width < 1 || image.height < 1 ||
      image.rgb.size() !=
          static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3)
    return Error{Code::kInvalid, fmt::format("{} bytes are not an image of {} x {} pixels",
                                             image.rgb.size(), image.width, image.height)};
  auto picture = std::make_shared<Picture>(whole(image), package_.preprocess, input_index_, 0);
  picture->settle(width_, height_);
  return picture;
}

Result<std::shared_ptr<const runtime::InputSource>> ImageModel::canary(
    const model::Package& package) {
  if (package.canary.empty())
    return canary_of(whole(synthetic_picture(kCanarySide, kCanarySide)), package);
  DecodeOptions options;
  options.target_width = options.target_height = kCanarySide;
  auto bytes = read_bytes(package.canary, options.limits.most_bytes);
  if (!bytes) return std::move(bytes).error().within("canary");
  auto decoded = decode(*bytes, options);
  if (!decoded)
    return std::move(decoded).error().within(fmt::format("canary {}", package.canary.string()));
  return canary_of(std::move(*decoded), package);
}

Result<std::vector<Prediction>> ImageModel::interpret(const std::vector<engine::Tensor>& outputs,
                                                      const PreparedImage& image,
                                                      const InterpretOptions& options) const {
  const model::Postprocess& post = package_.postprocess;
  const int top = options.top > 0 ? options.top : post.top;
  const float threshold = options.threshold >= 0 ? options.threshold : post.threshold;
  switch (package_.task) {
    case model::Task::kClassify:
      return classify(package_, outputs, top);
    case model::Task::kDetect: {
      const PictureSize size = {image.original_width(), image.original_height()};
      return detect(package_, outputs,
                    fit(package_.preprocess.resize, size.width, size.height, width_, height_), size,
                    threshold, top);
    }
    case model::Task::kRaw:
    case model::Task::kTranscribe:
    case model::Task::kVad:
      break;
  }
  return Error{Code::kUnsupported, fmt::format("{} neither classifies nor detects", package_.name)}
      .with_hint("set task = \"classify\" or \"detect\" in its model.toml");
}

}  // namespace anynpu::vision

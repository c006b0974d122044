// SPDX-License-Identifier: Apache-2.0
// Finding the four outputs of a detector, and reading them.
#include "vision/detect.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "vision/classify.h"
#include "vision/nms.h"

namespace anynpu::vision {
namespace {

struct Found {
  std::vector<float> boxes, classes, scores;
  std::size_t count = 0;
};

bool holds_boxes(const engine::Tensor& output) {
  const engine::Shape& shape = output.info.shape;
  return shape.size() >= 2 && shape.size() <= 3 && shape.back() == 4;
}

Error not_a_detector(const std::vector<engine::Tensor>& outputs) {
  std::vector<std::string> shapes;
  for (const engine::Tensor& output : outputs)
    shapes.push_back(engine::to_string(output.info.shape));
  return Error{Code::kUnsupported,
               fmt::format("outputs of shapes {} are not those of a detector", join(shapes, ", "))}
      .with_hint(
          "a detector gives boxes 1xNx4, classes 1xN, scores 1xN and a count, as "
          "TFLite_Detection_PostProcess does");
}

// The index that the package names when `fits`, else the first that does.
template <typename Fits>
std::optional<std::size_t> choose(int named, std::size_t size, Fits fits) {
  if (named >= 0 && static_cast<std::size_t>(named) < size && fits(static_cast<std::size_t>(named)))
    return static_cast<std::size_t>(named);
  for (std::size_t i = 0; i < size; ++i)
    if (fits(i)) return i;
  return std::nullopt;
}

bool are_classes(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return value >= 0 && value == std::floor(value); });
}
bool are_scores(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float value) { return value >= 0 && value <= 1.01F; });
}

Result<Found> find_outputs(const model::Postprocess& post,
                           const std::vector<engine::Tensor>& outputs) {
  const auto count_of = [&](std::size_t i) { return engine::element_count(outputs[i].info.shape); };
  const auto boxes = choose(post.boxes_output, outputs.size(),
                            [&](std::size_t i) { return holds_boxes(outputs[i]); });
  if (!boxes) return not_a_detector(outputs);
  const std::int64_t places = count_of(*boxes) / 4;
  // With a single place a count looks like a class or a score; then only the package tells them
  // apart.
  const auto single = choose(post.count_output, outputs.size(),
                             [&](std::size_t i) { return i != *boxes && count_of(i) == 1; });
  const auto per_box = [&](std::size_t i) {
    return i != *boxes && i != single && count_of(i) == places;
  };
  auto classes = choose(post.classes_output, outputs.size(), per_box);
  auto scores = choose(post.scores_output, outputs.size(),
                       [&](std::size_t i) { return per_box(i) && i != classes; });
  if (places < 1 || !classes || !scores) return not_a_detector(outputs);

  Found found;
  ANYNPU_TRY(box_values, engine::to_floats(outputs[*boxes]));
  ANYNPU_TRY(class_values, engine::to_floats(outputs[*classes]));
  ANYNPU_TRY(score_values, engine::to_floats(outputs[*scores]));
  found.boxes = std::move(box_values);
  found.classes = std::move(class_values);
  found.scores = std::move(score_values);
  found.count = static_cast<std::size_t>(places);
  if (single) {
    ANYNPU_TRY(count, engine::to_floats(outputs[*single]));
    if (std::isfinite(count[0]))
      found.count =
          static_cast<std::size_t>(std::clamp(count[0], 0.0F, static_cast<float>(places)));
  }
  const auto used = [&](const std::vector<float>& values) {
    return std::span(values).first(found.count);
  };
  if (!(are_classes(used(found.classes)) && are_scores(used(found.scores))) &&
      are_classes(used(found.scores)) && are_scores(used(found.classes)))
    std::swap(found.classes, found.scores);
  return found;
}

Box in_pixels(const Box& box, PictureSize picture) {
  const auto width = static_cast<float>(picture.width);
  const auto height = static_cast<float>(picture.height);
  return {box.x_min * width, box.y_min * height, box.x_max * width, box.y_max * height};
}

}  // namespace

Result<std::vector<Prediction>> detect(const model::Package& package,
                                       const std::vector<engine::Tensor>& outputs, const Fit& fit,
                                       PictureSize picture, float threshold, int top) {
  ANYNPU_TRY(found, find_outputs(package.postprocess, outputs));
  std::vector<Prediction> predictions;
  for (std::size_t i = 0; i < found.count; ++i) {
    const float score = found.scores[i];
    const float class_value = found.classes[i];
    if (!(score >= threshold) || !std::isfinite(score) || !(class_value >= 0 && class_value < 1e6F))
      continue;
    const float* corners = &found.boxes[i * 4];
    if (!std::all_of(corners, corners + 4, [](float corner) { return std::isfinite(corner); }))
      continue;
    const Box box = undo(fit, {corners[1], corners[0], corners[3], corners[2]});
    if (!(box.x_max > box.x_min && box.y_max > box.y_min)) continue;
    const int class_id = static_cast<int>(std::lround(class_value));
    predictions.push_back(
        {class_id, label_of(package, class_id), score, in_pixels(box, picture), box});
  }
  suppress(predictions, package.postprocess.iou);
  predictions.resize(std::min(predictions.size(), static_cast<std::size_t>(std::max(top, 1))));
  return predictions;
}

}  // namespace anynpu::vision

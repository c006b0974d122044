// SPDX-License-Identifier: Apache-2.0
// Top-k over dequantised scores.
#include "vision/classify.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include <fmt/format.h>

namespace anynpu::vision {
namespace {

const engine::Tensor& scores_output(const model::Package& package,
                                    const std::vector<engine::Tensor>& outputs) {
  for (const engine::Tensor& output : outputs)
    if (!package.labels.empty() && engine::element_count(output.info.shape) ==
                                       static_cast<std::int64_t>(package.labels.size()))
      return output;
  return outputs.front();
}

}  // namespace

void softmax(std::span<float> logits) {
  float highest = -std::numeric_limits<float>::infinity();
  for (float logit : logits)
    if (std::isfinite(logit)) highest = std::max(highest, logit);
  double sum = 0;
  for (float& logit : logits) {
    logit =
        std::isfinite(logit) ? std::exp(logit - highest) : std::numeric_limits<float>::quiet_NaN();
    if (!std::isnan(logit)) sum += logit;
  }
  for (float& logit : logits) logit = static_cast<float>(logit / sum);
}

const std::string& label_of(const model::Package& package, int class_id) {
  static const std::string none;
  const std::int64_t line = std::int64_t{class_id} + package.postprocess.label_offset;
  if (line < 0 || line >= static_cast<std::int64_t>(package.labels.size())) return none;
  return package.labels[static_cast<std::size_t>(line)];
}

Result<std::vector<Prediction>> classify(const model::Package& package,
                                         const std::vector<engine::Tensor>& outputs, int top) {
  if (outputs.empty()) return Error{Code::kInvalid, "the model has no outputs"};
  ANYNPU_TRY(scores, engine::to_floats(scores_output(package, outputs)));
  if (package.postprocess.softmax) softmax(scores);
  std::vector<int> classes;
  classes.reserve(scores.size());
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (std::isfinite(scores[i])) classes.push_back(static_cast<int>(i));
  if (classes.empty())
    return Error{Code::kDevice,
                 fmt::format("none of the model's {} scores is a number", scores.size())}
        .with_hint("see whether another device or engine gives numbers: anynpu bench");
  const auto score = [&](int class_id) { return scores[static_cast<std::size_t>(class_id)]; };
  const auto count = std::min(classes.size(), static_cast<std::size_t>(std::max(top, 1)));
  const auto middle = classes.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(classes.begin(), middle, classes.end(), [&](int a, int b) {
    return score(a) != score(b) ? score(a) > score(b) : a < b;
  });
  std::vector<Prediction> predictions;
  for (std::size_t i = 0; i < count; ++i)
    predictions.push_back({classes[i], label_of(package, classes[i]), score(classes[i])});
  return predictions;
}

}  // namespace anynpu::vision

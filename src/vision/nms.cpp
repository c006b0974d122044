// SPDX-License-Identifier: Apache-2.0
// Greedy non-maximum suppression per class.
#include "vision/nms.h"

#include <algorithm>
#include <utility>

namespace anynpu::vision {
namespace {

float area(const Box& box) {
  return std::max(0.0F, box.x_max - box.x_min) * std::max(0.0F, box.y_max - box.y_min);
}

}  // namespace

float intersection_over_union(const Box& a, const Box& b) {
  const Box both = {std::max(a.x_min, b.x_min), std::max(a.y_min, b.y_min),
                    std::min(a.x_max, b.x_max), std::min(a.y_max, b.y_max)};
  const float common = area(both);
  const float either = area(a) + area(b) - common;
  return either > 0 ? common / either : 0;
}

void suppress(std::vector<Prediction>& predictions, float iou) {
  std::stable_sort(predictions.begin(), predictions.end(),
                   [](const Prediction& a, const Prediction& b) {
                     return a.score != b.score ? a.score > b.score : a.class_id < b.class_id;
                   });
  std::vector<Prediction> kept;
  for (Prediction& prediction : predictions) {
    const bool covered = std::any_of(kept.begin(), kept.end(), [&](const Prediction& better) {
      return better.class_id == prediction.class_id &&
             intersection_over_union(*better.box_normalized, *prediction.box_normalized) > iou;
    });
    if (!covered) kept.push_back(std::move(prediction));
  }
  predictions = std::move(kept);
}

}  // namespace anynpu::vision

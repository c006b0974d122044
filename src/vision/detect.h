// SPDX-License-Identifier: Apache-2.0
// From a detector's outputs to labelled boxes.
//
// Detectors with TensorFlow's post-processing built in (TFLite_Detection_PostProcess) give four
// outputs: boxes [1, N, 4] as y_min, x_min, y_max, x_max in fractions of the input, classes [1, N],
// scores [1, N] and the count of those that are real.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"
#include "model/package.h"
#include "vision/fit.h"
#include "vision/image_model.h"

namespace anynpu::vision {

struct PictureSize {
  int width = 0;
  int height = 0;
};

/// Detections of at least `threshold`, highest first, at most `top`; the package's `iou`
/// suppresses.
///
/// Exporters order the outputs as they like, so the package's indexes are only a first guess: boxes
/// are known by their shape, the count by its single element, and classes from scores by their
/// values (whole numbers against fractions of 1).
Result<std::vector<Prediction>> detect(const model::Package& package,
                                       const std::vector<engine::Tensor>& outputs, const Fit& fit,
                                       PictureSize picture, float threshold, int top);

}  // namespace anynpu::vision

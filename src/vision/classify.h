// SPDX-License-Identifier: Apache-2.0
// From a classifier's outputs to labels.
#pragma once

#include <span>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"
#include "model/package.h"
#include "vision/image_model.h"

namespace anynpu::vision {

/// In place: exp(x) / sum(exp(x)). Values that are not finite count as nothing and become NaN.
void softmax(std::span<float> logits);

/// The `top` highest scores of the scores' output, highest first, equal ones by class. The scores'
/// output is the only one, or the first with one score per label. Scores that are not finite are
/// left out; when none is left, that is an error.
Result<std::vector<Prediction>> classify(const model::Package& package,
                                         const std::vector<engine::Tensor>& outputs, int top);

/// The package's name for a class; empty when it has none.
const std::string& label_of(const model::Package& package, int class_id);

}  // namespace anynpu::vision

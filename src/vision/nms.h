// SPDX-License-Identifier: Apache-2.0
// Non-maximum suppression: of boxes of one class that overlap, the best stays.
#pragma once

#include <vector>

#include "vision/image_model.h"

namespace anynpu::vision {

/// The area of both over the area of either; 0 when one of them is empty.
float intersection_over_union(const Box& a, const Box& b);

/// Sorts by score, highest first, equal ones by class and then as they came, and removes what
/// overlaps a better box of the same class by more than `iou`. Looks at `box_normalized`, which all
/// must have.
void suppress(std::vector<Prediction>& predictions, float iou);

}  // namespace anynpu::vision

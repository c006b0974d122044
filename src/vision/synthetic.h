// SPDX-License-Identifier: Apache-2.0
// The picture on which placements are compared when a package brings none.
#pragma once

#include "vision/image.h"

namespace anynpu::vision {

/// Gradients with a disc, a ring, a bar and stripes: smooth areas, edges and colours. Made of
/// integers only, so it is the same to the byte on every machine. Sides at least 1.
Image synthetic_picture(int width, int height);

}  // namespace anynpu::vision

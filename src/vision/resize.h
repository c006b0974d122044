// SPDX-License-Identifier: Apache-2.0
// Resizing with a triangle filter, equal to Pillow's Image.resize(..., BILINEAR).
#pragma once

#include "vision/image.h"

namespace anynpu::vision {

/// The whole image at another size. When it gets smaller, the filter grows with the ratio, so
/// nothing aliases. All sides at least 1.
Image resize(const Image& source, int width, int height);

/// The same of a part of it, as Pillow's `box`: edges may fall inside a pixel. A part that reaches
/// over the image's edges is cut to them.
Image resize(const Image& source, const Region& part, int width, int height);

}  // namespace anynpu::vision

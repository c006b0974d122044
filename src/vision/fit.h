// SPDX-License-Identifier: Apache-2.0
// Fit: how a picture lies in a model's input: stretched, letterboxed or cropped; and the way back.
#pragma once

#include "model/package.h"
#include "vision/image.h"
#include "vision/image_model.h"

namespace anynpu::vision {

struct Fit {
  Region source;                            // what is used of the picture, as fractions of it
  int x = 0, y = 0, width = 0, height = 0;  // where that lies in the input, in pixels
  int input_width = 0, input_height = 0;
};

/// kStretch: all of it everywhere. kLetterbox: all of it, its shape kept, in the middle. kCrop: the
/// largest part from its middle that has the input's shape. All sizes at least 1.
Fit fit(model::Resize way, int picture_width, int picture_height, int input_width,
        int input_height);

/// The input's pixels: `part` is what the picture covers of `image`. Bars of a letterbox are grey
/// 114, as detectors that letterbox are trained.
Image apply(const Fit& fit, const Image& image, const Region& part);

/// From fractions of the input to fractions of the picture, cut to it.
Box undo(const Fit& fit, const Box& in_input);

}  // namespace anynpu::vision

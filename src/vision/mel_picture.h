// SPDX-License-Identifier: Apache-2.0
// A mel spectrogram as a picture: time to the right, frequency upwards, loud is bright.
#pragma once

#include <cstddef>
#include <span>

#include "vision/image.h"

namespace anynpu::vision {

/// values[bin * frames + frame], as logarithms or energies. Pictures are at most 8192 wide: longer
/// spectrograms show the largest value of neighbouring frames.
Image mel_picture(std::span<const float> values, std::size_t bins, std::size_t frames,
                  bool logarithmic);

}  // namespace anynpu::vision

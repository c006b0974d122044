/* SPDX-License-Identifier: Apache-2.0
 * The mel kernel of an AIE2 tile: its sizes, its memory, its entry. Also read by the host. */
#pragma once

#include <stdint.h>

namespace anynpu::mel::xdna {

constexpr int kWindow = 400;  // samples of a frame at 16 kHz
constexpr int kHop = 160;
constexpr int kBins = 80;
constexpr int kLanes = 8;  // frames side by side: as many 64-bit accumulators as a vector has
constexpr int kSpectrum = kWindow / 2 + 1;

/// A feature is 8 log2(mel energy) + 56, rounded, from -128 to 127: 32 octaves in steps of 0.0376
/// of a base-10 logarithm, up to just above a full-scale tone.
constexpr int kFeaturesPerOctave = 8;
constexpr int kFeatureOfOne = 56;

/// int16 samples that hold so many frames, one each `stride` samples: kHop for frames of one
/// stream, kWindow for frames that were collected from several.
constexpr int32_t samples_for(int32_t frames, int32_t stride) {
  return (frames - 1) * stride + kWindow;
}

/// What the kernel computes in: the rows of 16-point transforms, those of 25 points, the spectrum.
constexpr int32_t kScratchWords = (8 * 25 * 2 + 2 * 25 * 2 + kSpectrum) * kLanes;

}  // namespace anynpu::mel::xdna

extern "C" {
/// Reads samples_for(frames, stride) samples and writes frames x 80 features, frame by frame.
/// `scratch` has kScratchWords words, whose content does not matter.
void anynpu_mel_batch(const int16_t* samples, int8_t* features, int32_t* scratch, int32_t frames,
                      int32_t stride);
}

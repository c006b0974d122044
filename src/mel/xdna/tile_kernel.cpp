// SPDX-License-Identifier: Apache-2.0
// From a block of samples to the tile's features, and from those to base-10 logarithms.
#include "mel/xdna/tile_kernel.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "mel/xdna/mel_kernel.h"

namespace anynpu::mel::xdna {
namespace {

float tile_run_int16(const Plan&, const Block<std::int16_t>& block, Workspace&) {
  std::vector<std::int8_t> features(static_cast<std::size_t>(block.frames) * kBins);
  std::vector<std::int32_t> scratch(kScratchWords);
  anynpu_mel_batch(block.samples, features.data(), scratch.data(), block.frames, kHop);
  const float step = std::log10(2.0F) / kFeaturesPerOctave;
  float largest = -3e38F;
  const std::int8_t* feature = features.data();
  for (int frame = 0; frame < block.frames; ++frame) {
    for (int bin = 0; bin < kBins; ++bin) {
      const float value = step * static_cast<float>(*feature++ - kFeatureOfOne);
      block.out[bin * block.stride + frame] = value;
      largest = std::max(largest, value);
    }
  }
  return largest;
}

float tile_run(const Plan& plan, const Block<float>& block, Workspace& workspace) {
  const auto count = static_cast<std::size_t>(samples_for(block.frames, kHop));
  std::vector<std::int16_t> samples(count);
  for (std::size_t i = 0; i < count; ++i)
    samples[i] = static_cast<std::int16_t>(
        std::lround(std::clamp(block.samples[i] * 32768.0F, -32768.0F, 32767.0F)));
  return tile_run_int16(
      plan, {samples.data(), samples.size(), block.frames, block.out, block.stride}, workspace);
}

}  // namespace

const Kernel& tile_kernel() {
  static const Kernel kernel = [] {
    Kernel made = kernels().front();
    made.name = "tile";
    made.lanes = kLanes;
    made.run = tile_run;
    made.run_int16 = tile_run_int16;
    return made;
  }();
  return kernel;
}

}  // namespace anynpu::mel::xdna

// SPDX-License-Identifier: Apache-2.0
// Audio files from any bytes: decoded, mixed and resampled, and turned into frames.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "audio/mono.h"
#include "mel/front_end.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu;
  auto source = audio::memory_source(std::as_bytes(std::span(data, size)));
  auto reader = audio::MonoReader::open(*source, 16000, {.most_channels = 8, .most_rate = 96000});
  if (!reader) {
    if (reader.error().message.empty()) std::abort();
    return 0;
  }
  std::vector<float> samples;
  while (samples.size() < 160000 && reader->read(samples).value_or(false)) {
  }
  for (float sample : samples)
    if (std::isnan(sample)) std::abort();
  auto front_end = mel::FrontEnd::create(mel::plain());
  std::vector<float> mel(front_end->frames(samples.size()) * front_end->bins());
  front_end->compute(std::span<const float>(samples), mel.data());
  return 0;
}

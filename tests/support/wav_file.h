// SPDX-License-Identifier: Apache-2.0
// WAV files for tests: a tone, one channel, 16 bit.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

namespace anynpu::test {

/// `claimed`: the bytes of sound that the header tells of; 0: as many as there are.
inline std::string wav_file(double seconds, int rate = 16000, std::uint32_t claimed = 0,
                            double loudness = 8000) {
  std::string data;
  for (int i = 0; i < static_cast<int>(seconds * rate); ++i) {
    const auto value = static_cast<std::uint16_t>(
        std::lround(loudness * std::sin(2 * std::numbers::pi * 440 * i / rate)));
    data += static_cast<char>(value & 0xffU);
    data += static_cast<char>(value >> 8U);
  }
  std::string file;
  auto put = [&file](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) file += static_cast<char>(value >> (8 * i) & 0xFFU);
  };
  const auto hertz = static_cast<std::uint32_t>(rate);
  const std::uint32_t size = claimed > 0 ? claimed : static_cast<std::uint32_t>(data.size());
  file += "RIFF";
  put(size + 36, 4);
  file += "WAVEfmt ";
  put(16, 4);
  put(1, 2);
  put(1, 2);
  put(hertz, 4);
  put(hertz * 2, 4);
  put(2, 2);
  put(16, 2);
  file += "data";
  put(size, 4);
  return file + data;
}

}  // namespace anynpu::test

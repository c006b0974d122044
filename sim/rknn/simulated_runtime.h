// SPDX-License-Identifier: Apache-2.0
// The simulated librknnrt as any version, and small artifacts for it, for tests.
#pragma once

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "engine/library.h"
#include "sim/rknn/artifact.h"
#include "temporary_folder.h"
#include "tiny_tflite.h"

namespace anynpu::sim {

inline const std::vector<std::string>& runtime_builds() {
  static const std::vector<std::string> all = {"1.3.0 (c193be371@2022-05-04T20:16:33)",
                                               "1.4.0 (a10f100eb@2022-09-09)",
                                               "1.5.0 (e6fe0c678)",
                                               "1.5.2 (c6b7b351a@2023-08-23)",
                                               "1.6.0 (9a7b5d24c@2023-12-13T17:32:13)",
                                               "2.0.0b0 (35a6907d79)",
                                               "2.1.0 (967d001cc8)",
                                               "2.2.0 (c195366594)",
                                               "2.3.0 (c949ad889d)",
                                               "2.3.2 (429f97ae6b@2025-04-09T09:09:27)"};
  return all;
}

inline void replace_in(std::string& bytes, const std::string& from, std::string to) {
  to.resize(from.size(), '\0');
  const std::size_t at = bytes.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  bytes.replace(at, from.size(), to);
}

/// Writes a copy of the library that is of another version: its text says so, which it follows, and
/// the functions that came later are not in it.
inline std::filesystem::path runtime_of_version(const TemporaryFolder& folder,
                                                const std::string& build) {
  constexpr std::size_t kMostBytes = 256 << 20;
  std::string bytes = read_text(ANYNPU_SIM_RKNN_LIBRARY, kMostBytes).value_or("");
  replace_in(bytes, "librknnrt version: 2.3.2 (429f97ae6b@2025-04-09T09:09:27)",
             "librknnrt version: " + build);
  auto lacks = [&](const char* symbol, const char* since) {
    if (engine::compare_versions(build.substr(0, build.find(' ')), since) >= 0) return;
    std::string other = symbol;
    other.back() = '_';
    const std::string name = std::string(1, '\0') + symbol + '\0';
    for (std::size_t at = bytes.find(name); at != std::string::npos; at = bytes.find(name, at + 1))
      bytes.replace(at + 1, other.size(), other);
  };
  lacks("rknn_set_input_shape", "1.4");
  lacks("rknn_set_input_shapes", "1.5");
  lacks("rknn_mem_sync", "1.6");
  lacks("rknn_create_mem2", "2.0");
  const auto to = folder / ("librknnrt-" + build.substr(0, build.find(' ')) + ".so");
  std::ofstream(to, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return to;
}

/// A convolution of quantised pictures: [1, height, width, in] to [1, height, width, out].
inline std::vector<std::byte> quantised_network(std::int32_t height, std::int32_t width,
                                                std::int32_t in, std::int32_t out) {
  using namespace anynpu::test;
  TinyTflite model;
  const int x =
      model.input({"pixels", TfliteType::kUint8, {1, height, width, in}, {}, {0.5F}, {128}});
  std::vector<std::uint8_t> weights(static_cast<std::size_t>(out * in));
  for (std::size_t i = 0; i < weights.size(); ++i)
    weights[i] = static_cast<std::uint8_t>(100 + (i * 37) % 60);
  const int w =
      model.constant({"w", TfliteType::kUint8, {out, 1, 1, in}, {}, {0.05F}, {128}}, weights);
  const int b = model.constant({"b", TfliteType::kInt32, {out}, {}, {0.025F}, {0}},
                               std::vector<std::int32_t>(static_cast<std::size_t>(out), 7));
  const int y =
      model.output({"map", TfliteType::kUint8, {1, height, width, out}, {}, {0.25F}, {120}});
  model.conv_2d(x, w, b, y);
  return model.build();
}

/// y = x + 1 for `width` floats; the batch is open.
inline std::vector<std::byte> float_network(std::int32_t width) {
  using namespace anynpu::test;
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1, width}, {-1, width}});
  const int y = model.output({"y", TfliteType::kFloat32, {1, width}, {-1, width}});
  model.add(x, model.constant({"one", TfliteType::kFloat32, {1}}, std::vector<float>{1}), y);
  return model.build();
}

/// Sets a variable of the environment until it goes.
class WithVariable {
 public:
  WithVariable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~WithVariable() { ::unsetenv(name_); }
  WithVariable(const WithVariable&) = delete;
  WithVariable& operator=(const WithVariable&) = delete;

 private:
  const char* name_;
};

}  // namespace anynpu::sim

// SPDX-License-Identifier: Apache-2.0
// Test artifacts: a .tflite in the frame of a real .rknn file (engine/rknn_file.h).
//
// The head, the FlatBuffer's identifier and texts and the JSON tail are as Rockchip's toolkit
// writes them. The FlatBuffer is a table of four texts and the .tflite; where a real file has NPU
// commands, nothing but the simulated runtime can run what is here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace anynpu::sim {

struct RknnArtifact {
  std::uint64_t format = 6;
  std::string platform = "rk3588";
  std::string toolkit = "2.3.2";
  std::string name = "simulated";
  /// The shapes that each input has to choose from, in the order of the inputs; empty: fixed.
  std::vector<std::vector<std::vector<std::int64_t>>> dynamic_shapes = {};
  /// What conversion built in: the runtime takes pixels and makes (value - mean) / std of them.
  float mean = 0;
  float std = 1;
  bool nchw_outputs = false;  // outputs of four dimensions as ONNX networks have them
};

namespace artifact_detail {

inline void append(std::vector<std::byte>& to, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const std::byte*>(data);
  to.insert(to.end(), bytes, bytes + size);
}

template <typename Number>
void append_number(std::vector<std::byte>& to, Number number) {
  append(to, &number, sizeof number);
}

inline void pad(std::vector<std::byte>& to, std::size_t alignment) {
  while (to.size() % alignment != 0) to.push_back(std::byte{0});
}

constexpr std::size_t kFields = 5;  // kind of shapes, platform, compiler, architecture, network

/// root offset, "RKNN", the table's directory, the table, then what its fields point to.
inline std::vector<std::byte> flatbuffer(const std::vector<std::string>& texts,
                                         std::span<const std::byte> network) {
  constexpr std::uint16_t kDirectory = 4 + 2 * kFields;
  constexpr std::uint16_t kTable = 4 + 4 * kFields;
  std::vector<std::byte> out;
  append_number<std::uint32_t>(out, 8 + kDirectory + 2);
  append(out, "RKNN", 4);
  append_number<std::uint16_t>(out, kDirectory);
  append_number<std::uint16_t>(out, kTable);
  for (std::uint16_t i = 0; i < kFields; ++i)
    append_number<std::uint16_t>(out, static_cast<std::uint16_t>(4 + 4 * i));
  pad(out, 4);
  const std::size_t table = out.size();
  append_number<std::int32_t>(out, kDirectory + 2);
  out.resize(table + kTable);
  auto point = [&](std::size_t field) {
    const std::size_t at = table + 4 + 4 * field;
    const auto distance = static_cast<std::uint32_t>(out.size() - at);
    std::memcpy(out.data() + at, &distance, sizeof distance);
  };
  for (std::size_t i = 0; i < texts.size(); ++i) {
    pad(out, 4);
    point(i);
    append_number(out, static_cast<std::uint32_t>(texts[i].size()));
    append(out, texts[i].c_str(), texts[i].size() + 1);
  }
  while (out.size() % 16 != 12) out.push_back(std::byte{0});  // the network itself is aligned
  point(kFields - 1);
  append_number(out, static_cast<std::uint32_t>(network.size()));
  append(out, network.data(), network.size());
  pad(out, 8);
  return out;
}

inline std::string arch_of(const std::string& platform) {
  if (platform.starts_with("rk356")) return platform == "rk3562" ? "RKNPU t4" : "RKNPU lite";
  return platform == "rk3576" ? "RKNPU f2" : "RKNPU v2";
}

}  // namespace artifact_detail

/// The bytes of a .rknn that holds `tflite`.
inline std::vector<std::byte> make_rknn(std::span<const std::byte> tflite,
                                        const RknnArtifact& artifact,
                                        const nlohmann::json& tensors = nlohmann::json::array(),
                                        int inputs = 1, int outputs = 1) {
  using namespace artifact_detail;
  const std::vector<std::byte> buffer = flatbuffer(
      {artifact.dynamic_shapes.empty() ? "static_shape" : "dynamic_shape", artifact.platform,
       artifact.toolkit + "(compiler version: " + artifact.toolkit +
           " (e045de294f@2025-04-07T19:48:25))",
       arch_of(artifact.platform)},
      tflite);
  nlohmann::json tail{{"target_platform", {artifact.platform}},
                      {"version", artifact.toolkit},
                      {"name", artifact.name},
                      {"ori_network_platform", "TFLite"},
                      {"input_num", inputs},
                      {"output_num", outputs},
                      {"norm_tensor", tensors},
                      {"nodes", nlohmann::json::array()}};
  tail["anynpu_simulated"] = {{"mean", artifact.mean},
                              {"std", artifact.std},
                              {"nchw_outputs", artifact.nchw_outputs},
                              {"dynamic_shapes", artifact.dynamic_shapes}};
  const std::string text = tail.dump();
  std::vector<std::byte> out;
  append(out, "RKNN\0\0\0\0", 8);
  append_number<std::uint64_t>(out, artifact.format);
  append_number<std::uint64_t>(out, buffer.size());
  out.resize(64);
  append(out, buffer.data(), buffer.size());
  append_number<std::uint64_t>(out, text.size());
  append(out, text.data(), text.size());
  return out;
}

/// The .tflite in the FlatBuffer of an artifact; none when there is none.
inline std::optional<std::span<const std::byte>> network_of(std::span<const std::byte> buffer) {
  auto u32 = [&](std::size_t at) {
    std::uint32_t number = 0;
    std::memcpy(&number, buffer.data() + at, sizeof number);
    return static_cast<std::size_t>(number);
  };
  constexpr std::size_t kField = 4 * artifact_detail::kFields;  // the last one, in the table
  if (buffer.size() < 8) return std::nullopt;
  const std::size_t table = u32(0);
  if (table > buffer.size() || buffer.size() - table < kField + 4) return std::nullopt;
  const std::size_t vector = table + kField + u32(table + kField);
  if (vector > buffer.size() || buffer.size() - vector < 4) return std::nullopt;
  const std::size_t size = u32(vector);
  if (size > buffer.size() - vector - 4) return std::nullopt;
  const auto network = buffer.subspan(vector + 4, size);
  if (size < 8 || std::memcmp(network.data() + 4, "TFL3", 4) != 0) return std::nullopt;
  return network;
}

}  // namespace anynpu::sim

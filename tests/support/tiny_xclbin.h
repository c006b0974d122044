// SPDX-License-Identifier: Apache-2.0
// Builds .xclbin containers: the header, and sections with the tables that are read of them.
//
//   TinyXclbin file;
//   file.partition(4, {1}, 2048);
//   file.kernel("MLIR_AIE:MLIRAIE");
//   std::vector<std::byte> bytes = file.build();
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace anynpu::test {

class TinyXclbin {
 public:
  static constexpr std::uint32_t kIpLayout = 8, kUserMetadata = 16, kAiePartition = 32;

  void section(std::uint32_t kind, const std::string& name, std::vector<std::byte> content) {
    sections_.push_back({kind, name, std::move(content)});
  }
  void section(std::uint32_t kind, const std::string& name, std::span<const std::byte> content) {
    section(kind, name, std::vector<std::byte>(content.begin(), content.end()));
  }

  void partition(std::uint16_t columns, const std::vector<std::uint16_t>& starts,
                 std::uint32_t operations_per_cycle) {
    std::vector<std::byte> content(184 + 2 * starts.size() + 8);
    const auto name_at = static_cast<std::uint32_t>(184 + 2 * starts.size());
    put(content, 4, name_at);
    put(content, 8, operations_per_cycle);
    put(content, 32, columns);
    put(content, 40, static_cast<std::uint32_t>(starts.size()));
    put(content, 44, std::uint32_t{184});
    put(content, 120, std::uint32_t{1});
    for (std::size_t i = 0; i < starts.size(); ++i) put(content, 184 + 2 * i, starts[i]);
    std::memcpy(content.data() + name_at, "QoS", 4);
    section(kAiePartition, "partition", std::move(content));
  }

  void kernel(const std::string& name) {
    std::vector<std::byte> content(8 + 80);
    put(content, 0, std::int32_t{1});
    std::memcpy(content.data() + 8 + 16, name.data(), name.size() < 63 ? name.size() : 63);
    section(kIpLayout, "ip_layout", std::move(content));
  }

  std::vector<std::byte> build() const {
    std::vector<std::byte> bytes(456 + 40 * (sections_.empty() ? 1 : sections_.size()));
    std::memcpy(bytes.data(), "xclbin2", 8);
    put(bytes, 8, std::int32_t{-1});
    put(bytes, 312, std::uint64_t{1'766'000'000});
    put(bytes, 330, std::uint8_t{2});
    put(bytes, 331, std::uint8_t{25});
    std::memcpy(bytes.data() + 352, "RyzenAI-npu1", 12);
    for (std::size_t i = 0; i < 16; ++i) bytes[416 + i] = static_cast<std::byte>(i * 17);
    put(bytes, 448, static_cast<std::uint32_t>(sections_.size()));
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      const Section& section = sections_[i];
      bytes.resize((bytes.size() + 7) / 8 * 8);
      const std::size_t at = 456 + 40 * i;
      put(bytes, at, section.kind);
      std::memcpy(bytes.data() + at + 4, section.name.data(),
                  section.name.size() < 15 ? section.name.size() : 15);
      put(bytes, at + 24, std::uint64_t{bytes.size()});
      put(bytes, at + 32, std::uint64_t{section.content.size()});
      bytes.insert(bytes.end(), section.content.begin(), section.content.end());
    }
    put(bytes, 304, std::uint64_t{bytes.size()});
    return bytes;
  }

  template <typename T>
  static void put(std::vector<std::byte>& bytes, std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }

 private:
  struct Section {
    std::uint32_t kind;
    std::string name;
    std::vector<std::byte> content;
  };
  std::vector<Section> sections_;
};

}  // namespace anynpu::test

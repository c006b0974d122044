// SPDX-License-Identifier: Apache-2.0
// Bytes: numbers read from untrusted bytes, in either byte order, never past their end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace anynpu::vision {

class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> bytes, bool big_endian = false)
      : bytes_(bytes), big_endian_(big_endian) {}

  std::size_t size() const { return bytes_.size(); }
  bool has(std::size_t offset, std::size_t count) const {
    return offset <= bytes_.size() && count <= bytes_.size() - offset;
  }
  std::optional<std::uint32_t> u8(std::size_t offset) const { return number(offset, 1); }
  std::optional<std::uint32_t> u16(std::size_t offset) const { return number(offset, 2); }
  std::optional<std::uint32_t> u32(std::size_t offset) const { return number(offset, 4); }
  bool has_text(std::size_t offset, std::string_view text) const {
    if (!has(offset, text.size())) return false;
    return std::string_view(reinterpret_cast<const char*>(bytes_.data()) + offset, text.size()) ==
           text;
  }
  /// Empty when it would go past the end.
  std::span<const std::byte> part(std::size_t offset, std::size_t count) const {
    return has(offset, count) ? bytes_.subspan(offset, count) : std::span<const std::byte>{};
  }

 private:
  std::optional<std::uint32_t> number(std::size_t offset, std::size_t count) const {
    if (!has(offset, count)) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t at = offset + (big_endian_ ? i : count - 1 - i);
      value = value << 8 | std::to_integer<std::uint32_t>(bytes_[at]);
    }
    return value;
  }

  std::span<const std::byte> bytes_;
  bool big_endian_;
};

}  // namespace anynpu::vision

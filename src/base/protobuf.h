// SPDX-License-Identifier: Apache-2.0
// A bounds-checked reader of protobuf's wire format, without generated code and without copies; and
// what it takes to write some.
//
// A message is a span of bytes; its fields are visited in order. Nested messages are spans of the
// same bytes, so the work is linear in the file's size per level of nesting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace anynpu {

/// One field: its number and its value, by wire type.
struct ProtoField {
  std::uint32_t number = 0;
  bool is_bytes = false;
  std::uint64_t value = 0;      // varint, fixed64, fixed32
  std::string_view bytes = {};  // string, bytes, message, packed list
  std::string_view whole = {};  // with its tag, as it stands in the message

  std::int64_t integer() const { return static_cast<std::int64_t>(value); }
};

class ProtoReader {
 public:
  explicit ProtoReader(std::string_view message) : rest_(message) {}

  /// The next field; false at the end, and where the message is damaged.
  bool next(ProtoField& field) {
    if (rest_.empty() || damaged_) return false;
    const std::string_view from = rest_;
    std::uint64_t tag = varint();
    field = ProtoField{};
    if (tag >> 3 == 0 || tag >> 3 > 0x1FFFFFFF) damaged_ = true;
    field.number = static_cast<std::uint32_t>(tag >> 3);
    switch (tag & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed<std::uint64_t>();
        break;
      case 2:
        field.is_bytes = true;
        field.bytes = take(varint());
        break;
      case 5:
        field.value = fixed<std::uint32_t>();
        break;
      default:
        damaged_ = true;  // groups are older than ONNX
    }
    field.whole = from.substr(0, from.size() - rest_.size());
    return !damaged_;
  }
  /// Whether the message ended in the middle of a field.
  bool damaged() const { return damaged_; }

  /// The next number of a packed list of varints.
  bool next_packed(std::uint64_t& value) {
    if (rest_.empty() || damaged_) return false;
    value = varint();
    return !damaged_;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) break;
      auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    damaged_ = true;
    return 0;
  }
  template <typename T>
  T fixed() {
    T value{};
    std::string_view bytes = take(sizeof(T));
    if (bytes.size() == sizeof(T)) std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  std::string_view take(std::uint64_t length) {
    if (length > rest_.size()) {
      damaged_ = true;
      return {};
    }
    std::string_view taken = rest_.substr(0, static_cast<std::size_t>(length));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
  bool damaged_ = false;
};

/// Appends a varint; and a field that is a string, bytes or a message, a varint or four bytes.
inline void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 128; value >>= 7) to += static_cast<char>(value | 128);
  to += static_cast<char>(value);
}
inline void append_field(std::string& to, std::uint32_t number, std::string_view content) {
  append_varint(to, std::uint64_t{number} << 3 | 2);
  append_varint(to, content.size());
  to += content;
}
inline void append_field(std::string& to, std::uint32_t number, std::uint64_t value) {
  append_varint(to, std::uint64_t{number} << 3);
  append_varint(to, value);
}
inline void append_fixed32(std::string& to, std::uint32_t number, std::uint32_t value) {
  append_varint(to, std::uint64_t{number} << 3 | 5);
  for (unsigned shift = 0; shift < 32; shift += 8) to += static_cast<char>(value >> shift);
}

}  // namespace anynpu

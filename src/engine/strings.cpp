// SPDX-License-Identifier: Apache-2.0
// String tensors, with every length and offset checked.
#include "engine/strings.h"

#include <cstdint>
#include <cstring>
#include <limits>

#include <fmt/format.h>

namespace anynpu::engine {
namespace {

/// Little-endian like every processor that anynpu runs on. `at` was checked.
std::uint32_t word_at(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

void append_word(std::vector<std::byte>& bytes, std::uint32_t word) {
  const auto* from = reinterpret_cast<const std::byte*>(&word);
  bytes.insert(bytes.end(), from, from + sizeof word);
}

std::string_view text_at(std::span<const std::byte> bytes, std::size_t at, std::size_t length) {
  return {reinterpret_cast<const char*>(bytes.data()) + at, length};
}

}  // namespace

Result<std::vector<std::string_view>> split_strings(std::span<const std::byte> bytes,
                                                    std::size_t count) {
  // Each string takes four bytes at least, so a huge count is refused before memory is taken for
  // it.
  if (count > bytes.size() / 4)
    return Error{Code::kInvalid,
                 fmt::format("{} bytes cannot hold {} strings", bytes.size(), count)};
  std::vector<std::string_view> strings;
  strings.reserve(count);
  std::size_t at = 0;
  while (strings.size() < count) {
    if (bytes.size() - at < 4)
      return Error{Code::kInvalid,
                   fmt::format("the length of string {} is cut off", strings.size())};
    const std::size_t length = word_at(bytes, at);
    at += 4;
    if (bytes.size() - at < length)
      return Error{Code::kInvalid, fmt::format("string {} says {} bytes, {} are left",
                                               strings.size(), length, bytes.size() - at)};
    strings.push_back(text_at(bytes, at, length));
    at += length;
  }
  if (at != bytes.size())
    return Error{Code::kInvalid,
                 fmt::format("{} bytes follow the last of {} strings", bytes.size() - at, count)};
  return strings;
}

void append_string(std::vector<std::byte>& bytes, std::string_view text) {
  append_word(bytes, static_cast<std::uint32_t>(text.size()));
  const auto* from = reinterpret_cast<const std::byte*>(text.data());
  bytes.insert(bytes.end(), from, from + text.size());
}

Result<std::vector<std::byte>> to_tflite_strings(std::span<const std::string_view> strings) {
  std::size_t total = 4 * (strings.size() + 2);
  const std::size_t first = total;
  for (const std::string_view text : strings) total += text.size();
  if (total > std::numeric_limits<std::int32_t>::max())
    return Error{Code::kTooLarge,
                 fmt::format("{} bytes of strings are more than TFLite can hold", total)};
  std::vector<std::byte> buffer;
  buffer.reserve(total);
  append_word(buffer, static_cast<std::uint32_t>(strings.size()));
  std::size_t offset = first;
  append_word(buffer, static_cast<std::uint32_t>(offset));
  for (const std::string_view text : strings)
    append_word(buffer, static_cast<std::uint32_t>(offset += text.size()));
  for (const std::string_view text : strings) {
    const auto* from = reinterpret_cast<const std::byte*>(text.data());
    buffer.insert(buffer.end(), from, from + text.size());
  }
  return buffer;
}

Result<std::vector<std::string_view>> from_tflite_strings(std::span<const std::byte> buffer) {
  if (buffer.empty()) return std::vector<std::string_view>{};
  if (buffer.size() < 4) return Error{Code::kInvalid, "a string tensor of under 4 bytes"};
  const std::size_t count = word_at(buffer, 0);
  if (count == 0) return std::vector<std::string_view>{};
  if (count > buffer.size() / 4 || 4 * (count + 2) > buffer.size())
    return Error{Code::kInvalid, fmt::format("a string tensor of {} bytes cannot hold {} strings",
                                             buffer.size(), count)};
  std::vector<std::string_view> strings;
  strings.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t begin = word_at(buffer, 4 + 4 * i);
    const std::size_t end = word_at(buffer, 8 + 4 * i);
    if (begin > end || end > buffer.size())
      return Error{Code::kInvalid, fmt::format("string {} of a tensor lies outside of it", i)};
    strings.push_back(text_at(buffer, begin, end - begin));
  }
  return strings;
}

}  // namespace anynpu::engine

// SPDX-License-Identifier: Apache-2.0
// Tensors made in one line, for the tests of this folder.
#pragma once

#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor.h"
#include "server/oip/binary_tensor.h"

namespace anynpu::server::oip {

template <typename T>
std::vector<std::byte> bytes_of(std::initializer_list<T> values) {
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  std::size_t at = 0;
  for (T value : values) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
    at += sizeof value;
  }
  return bytes;
}

template <typename T>
std::vector<T> values_of(std::span<const std::byte> bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

template <typename T>
engine::Tensor tensor_of(std::string name, engine::DType type, engine::Shape shape,
                         std::initializer_list<T> values) {
  return {{std::move(name), type, std::move(shape)}, bytes_of(values)};
}

inline std::vector<std::byte> bytes_of_texts(std::initializer_list<std::string_view> texts) {
  std::vector<std::byte> bytes;
  for (std::string_view text : texts) append_bytes_element(bytes, text);
  return bytes;
}

inline std::vector<std::string> texts_of(std::span<const std::byte> bytes) {
  std::vector<std::string> texts;
  while (!bytes.empty()) {
    auto text = take_bytes_element(bytes, "test");
    if (!text) break;
    texts.emplace_back(*text);
  }
  return texts;
}

inline std::string as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace anynpu::server::oip

// SPDX-License-Identifier: Apache-2.0
// The bytes of string tensors: the Open Inference Protocol's BYTES, and TFLite's own layout.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace anynpu::engine {

/// Splits BYTES into exactly `count` strings, which point into `bytes`.
Result<std::vector<std::string_view>> split_strings(std::span<const std::byte> bytes,
                                                    std::size_t count);
/// Appends one string as BYTES. At most 2^32-1 bytes long.
void append_string(std::vector<std::byte>& bytes, std::string_view text);

/// TFLite's layout: int32 count, count+1 int32 offsets from the start, then the characters.
/// Code::kTooLarge over 2^31-1 bytes.
Result<std::vector<std::byte>> to_tflite_strings(std::span<const std::string_view> strings);
/// The same backwards; the strings point into `buffer`. An empty buffer holds no strings.
Result<std::vector<std::string_view>> from_tflite_strings(std::span<const std::byte> buffer);

}  // namespace anynpu::engine

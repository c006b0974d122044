// SPDX-License-Identifier: Apache-2.0
// What every session asks of the shapes and bytes that it is given.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/result.h"
#include "engine/session.h"

namespace anynpu::engine {

/// No single input may be larger.
inline constexpr std::size_t kMostInputBytes = std::size_t{1} << 30;

/// Whether a dimension of an input waits for the request.
bool is_dynamic(const Shape& shape);

/// `shapes` fit the declared inputs: one for each, of the same rank, equal where the artifact fixes
/// a dimension (the leading one is free when the session is batchable), each dimension at least
/// `least` and each input at most kMostInputBytes.
Result<> check_input_shapes(const SessionInfo& info, const std::vector<Shape>& shapes,
                            std::int64_t least);

/// `index` is an input, and `bytes` is as long as `shape` asks for. Strings are only counted.
Result<> check_input(const SessionInfo& info, std::size_t index, const Shape& shape,
                     std::span<const std::byte> bytes);

/// `threads` is 1 to 256.
Result<> check_threads(int threads);

/// The error of running before set_input_shapes.
Error shapes_missing(const SessionInfo& info);

/// The error of asking for an output that the artifact has not.
Error no_such_output(const SessionInfo& info, std::size_t index);

}  // namespace anynpu::engine

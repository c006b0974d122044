// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files: writing arrays of float.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "base/result.h"

namespace anynpu::mel {

/// Format 1.0, little-endian float32, C order; `values` has as many numbers as `shape` says. The
/// old file stays until the new one is whole.
Result<> write_npy(const std::filesystem::path& path, std::span<const float> values,
                   const std::vector<std::size_t>& shape);

}  // namespace anynpu::mel

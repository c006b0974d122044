// SPDX-License-Identifier: Apache-2.0
// Writing PNG files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "base/result.h"
#include "vision/image.h"

namespace anynpu::vision {

/// An image with sides of at least 1.
Result<std::vector<std::byte>> encode_png(const Image& image);
/// The old file stays until the new one is whole.
Result<> write_png(const std::filesystem::path& path, const Image& image);

}  // namespace anynpu::vision

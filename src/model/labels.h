// SPDX-License-Identifier: Apache-2.0
// Labels: a text file whose line n names class n.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace anynpu::model {

inline constexpr std::size_t kMostLabels = 100000;
inline constexpr std::size_t kMostLabelBytes = 8 << 20;

/// Lines without their ends; an empty line is a class without a name. Control characters and
/// invalid UTF-8 are replaced. `file` is the name that errors start with.
Result<std::vector<std::string>> parse_labels(std::string_view text, const std::string& file);
Result<std::vector<std::string>> read_labels(const std::filesystem::path& path);

}  // namespace anynpu::model

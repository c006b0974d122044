// SPDX-License-Identifier: Apache-2.0
// The folders of the user that anynpu writes to, after the XDG base directory specification.
#pragma once

#include <filesystem>
#include <vector>

namespace anynpu::model {

/// ($XDG_DATA_HOME or ~/.local/share)/anynpu. Empty when neither variable is set.
std::filesystem::path user_data_folder();

/// ($XDG_CACHE_HOME or ~/.cache)/anynpu. Empty when neither variable is set.
std::filesystem::path user_cache_folder();

/// The folders of an environment variable that is a :-list; empty entries are left out.
std::vector<std::filesystem::path> folder_list(const char* variable);

}  // namespace anynpu::model

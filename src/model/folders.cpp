// SPDX-License-Identifier: Apache-2.0
// The folders of the user that anynpu writes to, after the XDG base directory specification.
#include "model/folders.h"

#include <cstdlib>

#include "base/text.h"

namespace anynpu::model {
namespace {

// The specification wants relative paths in the XDG variables to be ignored.
std::filesystem::path xdg_folder(const char* variable, const char* below_home) {
  const char* chosen = std::getenv(variable);
  if (chosen != nullptr && chosen[0] == '/') return std::filesystem::path(chosen) / "anynpu";
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] == '\0') return {};
  return std::filesystem::path(home) / below_home / "anynpu";
}

}  // namespace

std::filesystem::path user_data_folder() {
  return xdg_folder("XDG_DATA_HOME", ".local/share");
}
std::filesystem::path user_cache_folder() {
  return xdg_folder("XDG_CACHE_HOME", ".cache");
}

std::vector<std::filesystem::path> folder_list(const char* variable) {
  std::vector<std::filesystem::path> folders;
  const char* value = std::getenv(variable);
  if (value == nullptr) return folders;
  for (const std::string& part : split(value, ':'))
    if (!part.empty()) folders.emplace_back(part);
  return folders;
}

}  // namespace anynpu::model

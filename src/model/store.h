// SPDX-License-Identifier: Apache-2.0
// The store: where model packages live on this machine, and how a name on the command line is
// found.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/package.h"

namespace anynpu::model {

/// Folders that are searched for packages, in order: $ANYNPU_MODELS (a :-list), the user's
/// ($XDG_DATA_HOME or ~/.local/share)/anynpu/models, /usr/local/share/anynpu/models,
/// /usr/share/anynpu/models. The first one that can be written is where pull puts new packages.
std::vector<std::filesystem::path> store_folders();

/// `name` is a package name, a folder with model.toml, or an artifact file. Not found: the error's
/// hint says how to pull it when the catalog has it, or names the nearest one.
Result<Package> open_package(const std::string& name);

/// All packages of all folders, by name; a broken one is in `broken` with its error.
struct Inventory {
  std::vector<Package> packages;
  std::vector<std::pair<std::filesystem::path, Error>> broken;
};
Inventory list_packages();

}  // namespace anynpu::model

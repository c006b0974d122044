// SPDX-License-Identifier: Apache-2.0
// Finds packages by name in the folders of this machine.
#include "model/store.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "model/catalog.h"
#include "model/folders.h"
#include "model/package_toml.h"

namespace anynpu::model {

namespace fs = std::filesystem;

std::vector<fs::path> store_folders() {
  std::vector<fs::path> folders = folder_list("ANYNPU_MODELS");
  if (fs::path user = user_data_folder(); !user.empty()) folders.push_back(user / "models");
  folders.emplace_back("/usr/local/share/anynpu/models");
  folders.emplace_back("/usr/share/anynpu/models");
  return folders;
}

namespace {

bool is_package(const fs::path& folder) {
  std::error_code failed;
  return fs::is_regular_file(folder / "model.toml", failed);
}

// Subfolders with a model.toml, by name. Names that start with a dot are pulls under way.
std::vector<fs::path> packages_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed))
    if (entry->path().filename().string()[0] != '.' && is_package(entry->path()))
      found.push_back(entry->path());
  std::sort(found.begin(), found.end());
  return found;
}

Error not_found(const std::string& name) {
  Error error{Code::kNotFound, fmt::format("there is no model '{}'", printable(name, 100))};
  std::vector<std::string> names;
  for (const Package& package : list_packages().packages) names.push_back(package.name);
  if (Result<Catalog> catalog = open_catalog()) {
    if (catalog->find(name) != nullptr)
      return std::move(error).with_hint(fmt::format("fetch it with: anynpu models pull {}", name));
    for (const CatalogModel& model : catalog->models) names.push_back(model.name());
  }
  std::string near = did_you_mean(name, names);
  for (const std::string& candidate : names)
    if (near.empty() && name.size() >= 3 && candidate.starts_with(name)) near = candidate;
  return std::move(error).with_hint(near.empty() ? "'anynpu models list' shows what there is"
                                                 : fmt::format("did you mean '{}'?", near));
}

}  // namespace

Result<Package> open_package(const std::string& name) {
  if (name.empty()) return Error{Code::kInvalid, "the model's name is empty"};
  std::error_code failed;
  if (is_package_name(name))
    for (const fs::path& folder : store_folders())
      if (is_package(folder / name)) return read_package(folder / name);
  fs::path path(name);
  if (fs::is_directory(path, failed)) {
    if (is_package(path)) return read_package(path);
    if (!is_package_name(name))
      return Error{Code::kNotFound, fmt::format("{}: has no model.toml", printable(name))}
          .with_hint("docs/models.md shows how to make a package");
  } else if (fs::exists(path, failed)) {
    return package_of_file(path);
  }
  for (Package& package : list_packages().packages)
    if (package.name == name) return std::move(package);
  if (name.find('/') != std::string::npos)
    return Error{Code::kNotFound, fmt::format("{}: no such file or folder", printable(name))};
  return not_found(name);
}

Inventory list_packages() {
  Inventory inventory;
  std::set<std::string> seen;
  for (const fs::path& folder : store_folders()) {
    for (const fs::path& path : packages_in(folder)) {
      Result<Package> package = read_package(path);
      if (!package)
        inventory.broken.emplace_back(path, std::move(package).error());
      else if (seen.insert(package->name).second)
        inventory.packages.push_back(*std::move(package));
    }
  }
  std::sort(inventory.packages.begin(), inventory.packages.end(),
            [](const Package& a, const Package& b) { return a.name < b.name; });
  return inventory;
}

}  // namespace anynpu::model

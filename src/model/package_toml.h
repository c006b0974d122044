// SPDX-License-Identifier: Apache-2.0
// The keys of model.toml: read from text, and written for packages that come from the catalog.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/package.h"
#include "model/toml_document.h"

namespace anynpu::model {

inline constexpr std::size_t kMostModelTomlBytes = 256 * 1024;

/// A package as its model.toml describes it, before its files are looked at.
struct PackageText {
  Package package;     // without labels; `canary` and artifact paths are as `resolve` gave them
  std::string labels;  // file, relative to the package's folder; empty: none
  std::string canary;
};

/// From a file that model.toml names, relative to the package's folder ("1/model.tflite"), to its
/// path. What it refuses is reported at the line that names the file.
using ResolveFile = std::function<Result<std::filesystem::path>(const std::string& relative)>;

/// Accepts every name that stays inside the package, whether the file is there or not.
Result<std::filesystem::path> resolve_by_name(const std::string& relative);

/// Reads the keys of `reader`'s table, and refuses unknown ones. `name` is the package's name
/// unless the text has one. Errors end up in the reader.
PackageText read_package_keys(TomlReader& reader, const std::string& file,
                              std::optional<Error>& error, const std::string& name,
                              const ResolveFile& resolve);

/// The same for text. `file` is the name that errors start with.
Result<PackageText> parse_package(std::string_view text, const std::string& file,
                                  const std::string& name, const ResolveFile& resolve);

/// model.toml for the package; parse_package() reads it back.
std::string to_toml(const PackageText& text);

/// Names are [a-z0-9][a-z0-9_.-]*, at most 64 characters.
bool is_package_name(std::string_view name);

/// Code::kInvalid unless the path is relative and stays inside its folder.
Result<> check_inside(std::string_view relative);

}  // namespace anynpu::model

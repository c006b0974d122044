// SPDX-License-Identifier: Apache-2.0
// Reads a package's folder: model.toml, the labels, and where each file is.
#include "model/package.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "base/text.h"
#include "model/labels.h"
#include "model/package_toml.h"

namespace anynpu::model {

namespace fs = std::filesystem;

std::string_view to_string(Task task) {
  switch (task) {
    case Task::kRaw:
      return "raw";
    case Task::kClassify:
      return "classify";
    case Task::kDetect:
      return "detect";
    case Task::kTranscribe:
      return "transcribe";
    case Task::kVad:
      return "vad";
  }
  return "raw";
}

const Version* Package::find(int number) const {
  auto found = std::find_if(versions.begin(), versions.end(),
                            [&](const Version& version) { return version.number == number; });
  return found != versions.end() ? &*found : nullptr;
}

namespace {

// The file, which must be regular and, with symbolic links followed, inside `folder` (canonical).
Result<fs::path> resolve_in(const fs::path& folder, const std::string& relative) {
  ANYNPU_CHECK(check_inside(relative));
  std::error_code failed;
  fs::path path = fs::canonical(folder / relative, failed);
  if (failed == std::errc::no_such_file_or_directory)
    return Error{Code::kNotFound, fmt::format("'{}' is not there", printable(relative, 100))}
        .with_hint(fmt::format("put the file into {}", (folder / relative).parent_path().string()));
  if (failed) return system_error((folder / relative).string(), failed.value());
  auto inside = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  if (inside.first != folder.end())
    return Error{Code::kInvalid, fmt::format("'{}' is a link to {}, which is outside the package",
                                             printable(relative, 100), path.string())}
        .with_hint("copy the file into the package's folder");
  if (!fs::is_regular_file(path, failed))
    return Error{Code::kInvalid,
                 fmt::format("'{}' is not a regular file", printable(relative, 100))};
  return path;
}

}  // namespace

Result<Package> read_package(const fs::path& folder) {
  std::error_code failed;
  fs::path home = fs::canonical(folder, failed);
  if (failed) return system_error(folder.string(), failed.value());
  fs::path file = home / "model.toml";
  ANYNPU_TRY(content, read_text(file, kMostModelTomlBytes));
  ANYNPU_TRY(
      text, parse_package(content, file.string(), home.filename().string(),
                          [&](const std::string& relative) { return resolve_in(home, relative); }));
  Package package = std::move(text.package);
  package.folder = home;
  for (Version& version : package.versions) version.folder = home / std::to_string(version.number);
  if (!text.labels.empty()) {
    ANYNPU_TRY(labels, read_labels(home / text.labels));
    package.labels = std::move(labels);
  }
  return package;
}

}  // namespace anynpu::model

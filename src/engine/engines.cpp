// SPDX-License-Identifier: Apache-2.0
// The engines of this process: opened once, surveyed, chosen by file ending.
#include "engine/engines.h"

#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/library.h"
#include "engine/onnxruntime.h"
#include "engine/onnxruntime_abi.h"
#include "engine/tflite.h"
#include "engine/tflite_abi.h"
#include "engine/vendor_library.h"

namespace anynpu::engine {
namespace {

/// An engine that runs models. Adding one is a row in kEngines.
struct EngineRow {
  const char* name;
  const char* artifact;
  LibraryNames (*names)();
  Result<std::string> (*version_of)(const SharedLibrary& library);
  Result<std::unique_ptr<Engine>> (*open)(const LibraryChoice& choice);
};

constexpr std::array kEngines = {
    EngineRow{"tflite", ".tflite", tflite_names, tflite::version_of, open_tflite},
    EngineRow{"onnxruntime", ".onnx", onnxruntime_names, ort::version_of, open_onnxruntime},
};

/// What is known of an engine of this process. A success stays; a failure is tried again, as the
/// user may have mended it.
struct Opened {
  LibraryChoice choice;
  std::unique_ptr<Engine> engine;
};

struct OpenEngines {
  std::mutex mutex;
  std::array<Opened, kEngines.size()> opened;
  std::map<std::string, std::unique_ptr<Engine>> vendors;
  bool vendors_allowed = false;
};

OpenEngines& open_engines() {
  static auto& engines =
      *new OpenEngines;  // never destroyed: the libraries' threads end with the process
  return engines;
}

/// With the mutex held.
Result<> open(const EngineRow& row, Opened& opened) {
  if (opened.engine) return {};
  opened.choice = choose_library(row.names(), library_places(), row.version_of);
  auto engine = row.open(opened.choice);
  if (!engine) return std::move(engine).error();
  opened.engine = std::move(*engine);
  return {};
}

/// Folders that the user named; vendor libraries are looked for there first.
std::vector<std::filesystem::path> named_folders() {
  std::vector<std::filesystem::path> folders = library_places().chosen;
  if (const char* path = std::getenv("LD_LIBRARY_PATH"))
    for (const std::string& folder : split(path, ':'))
      if (!folder.empty()) folders.emplace_back(folder);
  return folders;
}

std::optional<VendorLibrary> vendor_library(const std::string& engine) {
  for (VendorLibrary& library : vendor_libraries())
    if (library.engine == engine) return std::move(library);
  return std::nullopt;
}

Error unusable(const EngineStatus& status) {
  return Error{status.library.empty() ? Code::kNotFound : Code::kUnsupported, status.problem}
      .with_hint(status.hint);
}

Error unknown_engine(const std::string& name) {
  std::vector<std::string> names;
  for (const EngineRow& row : kEngines) names.emplace_back(row.name);
  for (const VendorLibrary& library : vendor_libraries()) names.push_back(library.engine);
  return Error{Code::kInvalid, fmt::format("there is no engine '{}'", printable(name))}.with_hint(
      "engines: " + join(names, ", "));
}

}  // namespace

std::vector<EngineStatus> survey_engines() {
  std::vector<EngineStatus> all;
  OpenEngines& engines = open_engines();
  const std::lock_guard lock(engines.mutex);
  for (std::size_t i = 0; i < kEngines.size(); ++i) {
    Opened& opened = engines.opened[i];
    EngineStatus status{kEngines[i].name, "cpu", kEngines[i].artifact};
    auto result = open(kEngines[i], opened);
    status.usable = result.has_value();
    status.searched = opened.choice.searched;
    if (!opened.choice.libraries.empty()) {
      status.library = opened.choice.libraries.front().library.path();
      status.version = opened.choice.libraries.front().version;
    }
    if (!result) {
      status.problem = result.error().message;
      status.hint = result.error().hint;
    }
    all.push_back(std::move(status));
  }
  for (const VendorLibrary& library : vendor_libraries())
    all.push_back(survey_vendor_library(library, named_folders()));
  return all;
}

Result<Engine*> open_engine(const std::string& name) {
  OpenEngines& engines = open_engines();
  const std::lock_guard lock(engines.mutex);
  for (std::size_t i = 0; i < kEngines.size(); ++i) {
    if (name != kEngines[i].name) continue;
    ANYNPU_CHECK(open(kEngines[i], engines.opened[i]));
    return engines.opened[i].engine.get();
  }
  const std::optional<VendorLibrary> library = vendor_library(name);
  if (!library) return unknown_engine(name);
  if (!engines.vendors_allowed)
    return Error{Code::kInternal, library->title + " is opened in worker processes only"};
  std::unique_ptr<Engine>& opened = engines.vendors[name];
  if (!opened) {
    const EngineStatus status = survey_vendor_library(*library, named_folders());
    if (!status.usable) return unusable(status);
    ANYNPU_TRY(engine, library->open(status));
    opened = std::move(engine);
  }
  return opened.get();
}

void allow_vendor_libraries() {
  OpenEngines& engines = open_engines();
  const std::lock_guard lock(engines.mutex);
  engines.vendors_allowed = true;
}

Result<std::vector<std::string>> variants_of(const std::string& engine) {
  if (const std::optional<VendorLibrary> library = vendor_library(engine)) {
    const EngineStatus status = survey_vendor_library(*library, named_folders());
    if (!status.usable) return unusable(status);
    return std::vector<std::string>{""};
  }
  ANYNPU_TRY(opened, open_engine(engine));
  return opened->variants();
}

std::string engine_on(const std::string& engine, const std::string& family) {
  std::string artifact;
  for (const EngineRow& row : kEngines)
    if (engine == row.name) artifact = row.artifact;
  for (const VendorLibrary& library : vendor_libraries())
    if (engine == library.engine) artifact = library.artifact;
  if (artifact.empty()) return "";
  if (family == "cpu") {
    for (const EngineRow& row : kEngines)
      if (artifact == row.artifact) return row.name;
  }
  for (const VendorLibrary& library : vendor_libraries())
    if (family == library.family && artifact == library.artifact) return library.engine;
  return "";
}

std::string engine_for(const std::filesystem::path& artifact) {
  const std::string ending = to_lower(artifact.extension().string());
  for (const EngineRow& row : kEngines)
    if (ending == row.artifact) return row.name;
  for (const VendorLibrary& library : vendor_libraries())
    if (ending == library.artifact) return library.engine;
  return "";
}

}  // namespace anynpu::engine

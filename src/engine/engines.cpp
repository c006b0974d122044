// SPDX-License-Identifier: Apache-2.0
// The engines of this process: opened once, surveyed, chosen by file ending.
#include "engine/engines.h"

#include <array>
#include <mutex>

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
  std::vector<std::filesystem::path> first = library_places().chosen;
  if (const char* path = std::getenv("LD_LIBRARY_PATH"))
    for (const std::string& folder : split(path, ':'))
      if (!folder.empty()) first.emplace_back(folder);
  for (const VendorLibrary& library : vendor_libraries())
    all.push_back(survey_vendor_library(library, first));
  return all;
}

Result<Engine*> open_engine(const std::string& name) {
  OpenEngines& engines = open_engines();
  const std::lock_guard lock(engines.mutex);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kEngines.size(); ++i) {
    names.emplace_back(kEngines[i].name);
    if (name != kEngines[i].name) continue;
    ANYNPU_CHECK(open(kEngines[i], engines.opened[i]));
    return engines.opened[i].engine.get();
  }
  for (const VendorLibrary& library : vendor_libraries())
    if (name == library.engine)
      return Error{Code::kUnsupported,
                   "this version of anynpu does not yet run models with " + library.title}
          .with_hint("use an artifact for one of: " + join(names, ", "));
  return Error{Code::kInvalid, fmt::format("there is no engine '{}'", printable(name))}.with_hint(
      "engines: " + join(names, ", "));
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

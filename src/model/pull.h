// SPDX-License-Identifier: Apache-2.0
// Pull: brings models and runtimes of the catalog into their folders, and checks what is there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/catalog.h"
#include "model/fetch.h"

namespace anynpu::model {

struct PulledFile {
  std::string path;
  std::string from;  // empty: it was there already
};

struct Pulled {
  std::filesystem::path folder;
  std::vector<PulledFile> files;
  std::string note;  // what the user should know, such as a model.toml of their own that was kept

  bool already_there() const;
};

/// Whether everything is there as it was checked once: nothing is hashed, nothing is written.
bool is_whole(const CatalogModel& model, const std::filesystem::path& folder);
bool is_whole(const CatalogRuntime& runtime, const std::filesystem::path& folder);

/// Brings a model into STORE/NAME. A new package appears whole, by one rename; in one that is
/// there, files are replaced one by one. A pull that was interrupted goes on. A model.toml that the
/// user has changed is kept. One process at a time pulls into a store: hold its lock.
Result<Pulled> pull_model(const CatalogModel& model, const std::filesystem::path& store,
                          Fetcher& fetcher);

/// Brings a runtime's libraries into `folder`.
Result<Pulled> pull_runtime(const CatalogRuntime& runtime, const std::filesystem::path& folder,
                            Fetcher& fetcher);

/// What is wrong with a file that was pulled.
struct Fault {
  std::string path;
  std::string problem;
};

/// Hashes every file of a pulled model again, stamp or not; a wrong one will be fetched by the next
/// pull.
std::vector<Fault> verify_model(const CatalogModel& model, const std::filesystem::path& folder);

/// The first store folder that can be written, made when it is not there.
Result<std::filesystem::path> writable_store();

}  // namespace anynpu::model

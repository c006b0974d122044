// SPDX-License-Identifier: Apache-2.0
// Pull: a package is gathered in STORE/.NAME.pull and renamed to STORE/NAME when it is whole.
#include "model/pull.h"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "model/stamp.h"
#include "model/store.h"

namespace anynpu::model {

namespace fs = std::filesystem;

namespace {

constexpr const char* kModelToml = "model.toml";

std::string hash_of_text(const std::string& text) {
  return sha256_of(std::as_bytes(std::span(text)));
}

// Whether the file is there and right; hashed when the stamp does not know it.
bool is_right(const CatalogFile& file, const fs::path& folder, Stamp& stamp) {
  if (stamp.matches(file.path, file.sha256)) return true;
  if (!check_content(folder / file.path, file.size, file.sha256)) return false;
  stamp.note(file.path, file.sha256);
  return true;
}

bool all_checked(const std::vector<CatalogFile>& files, const fs::path& folder) {
  Stamp stamp = Stamp::of(folder);
  return std::all_of(files.begin(), files.end(), [&](const CatalogFile& file) {
    return stamp.matches(file.path, file.sha256);
  });
}

Result<std::vector<PulledFile>> pull_files(const std::vector<CatalogFile>& files,
                                           const fs::path& folder, Stamp& stamp, Fetcher& fetcher) {
  std::vector<const CatalogFile*> missing;
  std::uint64_t bytes = 0;
  std::vector<PulledFile> pulled;
  for (const CatalogFile& file : files) {
    if (is_right(file, folder, stamp)) {
      pulled.push_back({file.path, ""});
    } else {
      missing.push_back(&file);
      bytes += file.size;
    }
  }
  ANYNPU_CHECK(check_space(folder, bytes));
  for (const CatalogFile* file : missing) {
    ANYNPU_TRY(from, fetcher.fetch(*file, folder / file->path));
    stamp.note(file->path, file->sha256);
    pulled.push_back({file->path, from});
  }
  return pulled;
}

// Writes model.toml unless the user has made it their own. Returns what to say about that.
Result<std::string> write_model_toml(const CatalogModel& model, const fs::path& folder,
                                     Stamp& stamp) {
  std::string text = to_toml(model.package);
  fs::path path = folder / kModelToml;
  std::string wanted = hash_of_text(text);
  std::error_code failed;
  if (fs::exists(path, failed)) {
    Result<std::string> found = sha256_of_file(path);
    if (found && *found == wanted) {
      stamp.note(kModelToml, wanted);
      return std::string();
    }
    if (found && *found != stamp.noted(kModelToml))
      return fmt::format("{} was changed by hand and is kept", path.string());
  }
  ANYNPU_CHECK(write_file(path, text));
  stamp.note(kModelToml, wanted);
  return std::string();
}

bool has_file(const fs::path& folder) {
  std::error_code failed;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, failed))
    if (entry.is_regular_file(failed)) return true;
  return false;
}

}  // namespace

bool Pulled::already_there() const {
  return std::all_of(files.begin(), files.end(),
                     [](const PulledFile& file) { return file.from.empty(); });
}

bool is_whole(const CatalogModel& model, const fs::path& folder) {
  std::error_code failed;
  return fs::exists(folder / kModelToml, failed) && all_checked(model.files, folder);
}

bool is_whole(const CatalogRuntime& runtime, const fs::path& folder) {
  return all_checked(runtime.files, folder);
}

Result<Pulled> pull_model(const CatalogModel& model, const fs::path& store, Fetcher& fetcher) {
  fs::path folder = store / model.name();
  fs::path gathering = store / ("." + model.name() + ".pull");
  std::error_code failed;
  bool is_new = !fs::exists(folder, failed);
  fs::path target = is_new ? gathering : folder;
  fs::create_directories(target, failed);
  if (failed)
    return system_error("cannot make " + target.string(), failed.value())
        .with_hint("choose a folder that you can write: ANYNPU_MODELS=FOLDER");
  Stamp stamp = Stamp::of(target);
  Result<std::vector<PulledFile>> files = pull_files(model.files, target, stamp, fetcher);
  if (!files) {
    if (!is_new || !has_file(target)) fs::remove_all(gathering, failed);  // else it is gone on with
    return std::move(files).error().within(model.name());
  }
  Pulled pulled{folder, *std::move(files), ""};
  ANYNPU_TRY(note, write_model_toml(model, target, stamp));
  pulled.note = note;
  ANYNPU_CHECK(stamp.save());
  if (is_new) {
    fs::rename(target, folder, failed);
    if (failed) return system_error("cannot make " + folder.string(), failed.value());
  }
  return pulled;
}

Result<Pulled> pull_runtime(const CatalogRuntime& runtime, const fs::path& folder,
                            Fetcher& fetcher) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return system_error("cannot make " + folder.string(), failed.value());
  Stamp stamp = Stamp::of(folder);
  Result<std::vector<PulledFile>> files = pull_files(runtime.files, folder, stamp, fetcher);
  if (!files) return std::move(files).error().within(runtime.name);
  ANYNPU_CHECK(stamp.save());
  return Pulled{folder, *std::move(files), ""};
}

std::vector<Fault> verify_model(const CatalogModel& model, const fs::path& folder) {
  std::vector<Fault> faults;
  Stamp stamp = Stamp::of(folder);
  bool changed = false;
  for (const CatalogFile& file : model.files) {
    Result<> right = check_content(folder / file.path, file.size, file.sha256);
    if (right) continue;
    faults.push_back({file.path, right.error().message});
    stamp.forget(file.path);
    changed = true;
  }
  if (changed)
    (void)stamp.save();  // a folder that cannot be written is pulled into by someone else
  return faults;
}

Result<fs::path> writable_store() {
  std::string tried;
  for (const fs::path& folder : store_folders()) {
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (::access(folder.c_str(), W_OK | X_OK) == 0) return folder;
    tried += (tried.empty() ? "" : ", ") + folder.string();
  }
  return Error{Code::kPermission, "no folder for models can be written: " + tried}.with_hint(
      "set ANYNPU_MODELS to a folder of yours");
}

}  // namespace anynpu::model

// SPDX-License-Identifier: Apache-2.0
// Shared libraries that run models: where they are looked for, and how they are opened.
//
// Nothing is linked. A library is looked for in this order:
//   1. the exact path in its own variable ($ANYNPU_TFLITE, $ANYNPU_ONNXRUNTIME): nothing else then;
//   2. the folders of $ANYNPU_LIBRARY_PATH: chosen by the user, so the first one found is taken;
//   3. the user's library folder, where anynpu's set-up puts what it fetched;
//   4. ../lib/anynpu beside the program;
//   5. the system: its usual folders, and what the dynamic loader finds by name.
// Of 3 to 5 the newest version is taken; an opened library is asked for its version.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace anynpu::engine {

/// An opened library. It stays open until the process ends: such libraries start threads and
/// register handlers, and unloading them is what crashes.
class SharedLibrary {
 public:
  /// `path` without a slash is looked up by the dynamic loader. Symbols stay local to the library,
  /// unless libraries that are opened after it shall find them.
  /// An error says what the loader said, or for which processor the file is, and hints at the cure.
  enum class Symbols { kLocal, kGlobal };
  static Result<SharedLibrary> open(const std::filesystem::path& path,
                                    Symbols symbols = Symbols::kLocal);

  /// Where it was opened from, absolute.
  const std::filesystem::path& path() const { return path_; }
  /// nullptr when the library has no such symbol.
  void* find(const char* symbol) const;
  /// Both are the same opened library.
  bool operator==(const SharedLibrary& other) const { return handle_ == other.handle_; }

 private:
  SharedLibrary(void* handle, std::filesystem::path path)
      : handle_(handle), path_(std::move(path)) {}
  void* handle_;
  std::filesystem::path path_;
};

/// Sets `function` to a symbol; false when the library has none of that name.
template <typename Function>
bool resolve(const SharedLibrary& library, const char* symbol, Function*& function) {
  function = reinterpret_cast<Function*>(library.find(symbol));
  return function != nullptr;
}

/// What one library is called.
struct LibraryNames {
  std::string title;               // "TFLite"
  std::string variable;            // "ANYNPU_TFLITE"; empty: none
  std::vector<std::string> files;  // "libtensorflow-lite.so*": a last * stands for any ending
};

struct LibraryPlaces {
  std::vector<std::filesystem::path> chosen;  // 2
  std::vector<std::filesystem::path> own;     // 3, 4
  std::vector<std::filesystem::path> system;  // 5
  bool loader = true;                         // 5, by name
};

/// The places of this process, from its environment.
LibraryPlaces library_places();

/// "amd64" or "arm64": the name of this processor in anynpu's library folder.
std::string processor_name();

/// The files of `folder` with one of these names, sorted so that later versions come first; several
/// names of one file count once.
std::vector<std::filesystem::path> find_files(const std::filesystem::path& folder,
                                              const std::vector<std::string>& names);

struct VersionedLibrary {
  SharedLibrary library;
  std::string version;  // "2.9.0"
};

struct LibraryChoice {
  std::vector<VersionedLibrary> libraries;      // the one to use first, then what else there is
  std::vector<std::filesystem::path> searched;  // in the order in which they were looked for
  std::vector<Error> failures;                  // of files that are there and could not be opened
};

/// The version of a library, or why it cannot be used.
using VersionOf = std::function<Result<std::string>(const SharedLibrary&)>;

LibraryChoice choose_library(const LibraryNames& names, const LibraryPlaces& places,
                             const VersionOf& version_of);

/// Why nothing was chosen: the first failure, or that nothing was found, with what was looked for.
Error no_library(const LibraryNames& names, const LibraryChoice& choice);

/// Less than, equal to or greater than 0, comparing numbers: "2.14.1" is after "2.9.0".
int compare_versions(const std::string& a, const std::string& b);

}  // namespace anynpu::engine

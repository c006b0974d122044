// SPDX-License-Identifier: Apache-2.0
// Which of the libraries of a machine is taken: where they are looked for, and the newest of them.
#include <algorithm>
#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/library.h"

namespace anynpu::engine {
namespace fs = std::filesystem;
namespace {

#if defined(__x86_64__)
constexpr const char* kProcessor = "amd64";
constexpr const char* kMultiarch = "x86_64-linux-gnu";
#else
constexpr const char* kProcessor = "arm64";
constexpr const char* kMultiarch = "aarch64-linux-gnu";
#endif

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool matches(const std::string& file, const std::string& name) {
  if (name.ends_with('*'))
    return file.starts_with(std::string_view(name).substr(0, name.size() - 1));
  return file == name;
}

/// The numbers in a version or in a file name: "libx.so.2.14.1" gives 2, 14, 1.
std::vector<unsigned long> numbers_in(const std::string& text) {
  std::vector<unsigned long> numbers;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    unsigned long number = 0;
    auto [next, error] = std::from_chars(at, end, number);
    if (error == std::errc{}) numbers.push_back(number);
    at = error == std::errc{} ? next : at + 1;
  }
  return numbers;
}

/// Opens one candidate. Files that are one and the same library are taken once.
void try_library(const fs::path& path, const VersionOf& version_of, LibraryChoice& choice) {
  auto library = SharedLibrary::open(path);
  if (!library) {
    // That the loader knows no such name is no failure: it is one more place searched in vain.
    if (library.error().code != Code::kNotFound)
      choice.failures.push_back(std::move(library).error());
    return;
  }
  for (const VersionedLibrary& other : choice.libraries)
    if (other.library == *library) return;
  auto version = version_of(*library);
  if (!version) {
    choice.failures.push_back(std::move(version).error());
    return;
  }
  choice.libraries.push_back({*library, *version});
}

}  // namespace

std::string processor_name() {
  return kProcessor;
}

LibraryPlaces library_places() {
  LibraryPlaces places;
  for (const std::string& folder : split(environment("ANYNPU_LIBRARY_PATH"), ':'))
    if (!folder.empty()) places.chosen.emplace_back(folder);
  const std::string data = environment("XDG_DATA_HOME");
  const std::string home = environment("HOME");
  const fs::path share = !data.empty()   ? fs::path(data)
                         : !home.empty() ? fs::path(home) / ".local/share"
                                         : "";
  if (!share.empty()) places.own.push_back(share / "anynpu/lib" / kProcessor);
  std::error_code error;
  if (const fs::path program = fs::read_symlink("/proc/self/exe", error); !error)
    places.own.push_back((program.parent_path() / "../lib/anynpu").lexically_normal());
  places.system = {"/usr/local/lib", fs::path("/usr/local/lib") / kMultiarch,
                   fs::path("/usr/lib") / kMultiarch, "/usr/lib64", "/usr/lib"};
  return places;
}

std::vector<fs::path> find_files(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<fs::path> found;
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error))
    files.push_back(at->path());
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    const int order = compare_versions(a.filename().string(), b.filename().string());
    return order != 0 ? order > 0 : a < b;
  });
  for (const std::string& name : names)
    for (const fs::path& file : files) {
      if (!matches(file.filename().string(), name) || !fs::is_regular_file(file, error)) continue;
      const bool known = std::any_of(found.begin(), found.end(), [&](const fs::path& other) {
        std::error_code ignored;
        return fs::equivalent(file, other, ignored);
      });
      if (!known) found.push_back(file);
    }
  return found;
}

int compare_versions(const std::string& a, const std::string& b) {
  const auto left = numbers_in(a);
  const auto right = numbers_in(b);
  if (left == right) return 0;
  return left < right ? -1 : 1;
}

LibraryChoice choose_library(const LibraryNames& names, const LibraryPlaces& places,
                             const VersionOf& version_of) {
  LibraryChoice choice;
  if (!names.variable.empty())
    if (const std::string exact = environment(names.variable.c_str()); !exact.empty()) {
      const fs::path path =
          exact.find('/') == std::string::npos ? fs::path("./" + exact) : fs::path(exact);
      choice.searched.push_back(path);
      auto library = SharedLibrary::open(path);
      auto version = library ? version_of(*library) : Result<std::string>(library.error());
      if (version)
        choice.libraries.push_back({*library, *version});
      else
        choice.failures.push_back(std::move(version).error().within("$" + names.variable));
      return choice;
    }
  auto look_in = [&](const fs::path& folder) {
    for (const std::string& name : names.files) choice.searched.push_back(folder / name);
    for (const fs::path& file : find_files(folder, names.files))
      try_library(file, version_of, choice);
  };
  for (const fs::path& folder : places.chosen) {
    look_in(folder);
    if (!choice.libraries.empty()) return choice;
  }
  for (const fs::path& folder : places.own) look_in(folder);
  for (const fs::path& folder : places.system) look_in(folder);
  if (places.loader)
    for (std::string name : names.files) {
      if (name.ends_with('*')) name.pop_back();
      choice.searched.emplace_back(name);
      try_library(name, version_of, choice);
    }
  std::stable_sort(choice.libraries.begin(), choice.libraries.end(),
                   [](const VersionedLibrary& a, const VersionedLibrary& b) {
                     return compare_versions(a.version, b.version) > 0;
                   });
  return choice;
}

Error no_library(const LibraryNames& names, const LibraryChoice& choice) {
  if (!choice.failures.empty()) return choice.failures.front();
  std::vector<std::string> folders;
  for (const fs::path& path : choice.searched) {
    const std::string folder =
        path.has_parent_path() ? path.parent_path().string() : "the loader's folders";
    if (std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(folder);
  }
  std::string hint = "`make run` in anynpu's source folder fetches it";
  if (!names.variable.empty()) hint += ", or name a library of your own in $" + names.variable;
  return Error{Code::kNotFound, fmt::format("no {} library: looked for {} in {}", names.title,
                                            join(names.files, ", "), join(folders, ", "))}
      .with_hint(std::move(hint));
}

}  // namespace anynpu::engine

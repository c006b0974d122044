// SPDX-License-Identifier: Apache-2.0
// Holds the sources to the floors of docs/architecture.md: a file includes its own folder and lower
// floors, nothing includes in a circle, every file says its licence.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/text.h"

namespace anynpu {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const std::map<std::string, int, std::less<>> kFloors = {
    {"base", 1},   {"engine", 2},  {"mel", 2},    {"audio", 2},    {"host", 2},      {"npu", 3},
    {"model", 3},  {"runtime", 4}, {"doctor", 4}, {"recovery", 4}, {"container", 4}, {"vision", 5},
    {"speech", 5}, {"wake", 5},    {"kube", 5},   {"server", 6},   {"wyoming", 6},   {"command", 7},
};

struct Source {
  std::string path;  // relative to src: "engine/session.h"
  std::string text;
};

std::string folder_of(std::string_view path) {
  return std::string(path.substr(0, path.find('/')));
}

std::optional<int> floor_of(std::string_view folder) {
  auto found = kFloors.find(folder);
  return found == kFloors.end() ? std::nullopt : std::optional(found->second);
}

/// The names between the quotes of the #include lines.
std::vector<std::string> includes_of(std::string_view text) {
  std::vector<std::string> names;
  for (const std::string& line : split(text, '\n')) {
    std::string_view rest = trim(line);
    if (!rest.starts_with('#')) continue;
    rest = trim(rest.substr(1));
    if (!rest.starts_with("include")) continue;
    rest = trim(rest.substr(std::string_view("include").size()));
    if (!rest.starts_with('"')) continue;
    rest.remove_prefix(1);
    names.emplace_back(rest.substr(0, rest.find('"')));
  }
  return names;
}

/// Empty when `folder` may use `other`; otherwise what is wrong with it.
std::string floor_problem(const std::string& folder, const std::string& other) {
  if (folder == other) return "";
  std::optional<int> own = floor_of(folder);
  std::optional<int> used = floor_of(other);
  if (!own) return "folder " + folder + " has no floor";
  if (!used) return "folder " + other + " has no floor";
  if (*used > *own) return folder + " uses " + other + ", which is above it";
  if (*used == *own) return folder + " uses " + other + ", which is on the same floor";
  return "";
}

bool names_its_licence(std::string_view text) {
  std::vector<std::string> lines = split(text.substr(0, 1000), '\n');
  lines.resize(std::min<std::size_t>(lines.size(), 3));
  return std::any_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.find("SPDX-License-Identifier: Apache-2.0") != std::string::npos;
  });
}

/// A circle of includes that starts and ends with the same file; empty when there is none.
std::vector<std::string> find_circle(
    const std::map<std::string, std::vector<std::string>>& includes) {
  std::set<std::string> finished;
  std::vector<std::string> way;
  std::function<bool(const std::string&)> visit = [&](const std::string& path) {
    auto seen = std::find(way.begin(), way.end(), path);
    if (seen != way.end()) {
      way.erase(way.begin(), seen);
      way.push_back(path);
      return true;
    }
    if (finished.contains(path)) return false;
    way.push_back(path);
    if (auto found = includes.find(path); found != includes.end())
      for (const std::string& next : found->second)
        if (visit(next)) return true;
    way.pop_back();
    finished.insert(path);
    return false;
  };
  for (const auto& [path, unused] : includes)
    if (visit(path)) return way;
  return {};
}

/// Everything that is wrong with the sources, one line each. `outside` are names that may be
/// included without being among the sources: generated files and the helpers of tests.
std::vector<std::string> problems_of(const std::vector<Source>& sources,
                                     const std::set<std::string>& outside) {
  std::vector<std::string> problems;
  std::map<std::string, std::vector<std::string>> graph;
  std::set<std::string> known = outside;
  for (const Source& source : sources) known.insert(source.path);
  for (const Source& source : sources) {
    if (!names_its_licence(source.text)) problems.push_back(source.path + ": has no SPDX line");
    std::string folder = folder_of(source.path);
    if (!floor_of(folder)) problems.push_back(source.path + ": folder " + folder + " has no floor");
    for (const std::string& name : includes_of(source.text)) {
      if (!known.contains(name)) {
        problems.push_back(source.path + ": includes " + name +
                           ", which is no \"folder/file.h\" of src");
        continue;
      }
      graph[source.path].push_back(name);
      if (name.find('/') == std::string::npos) continue;
      std::string problem = floor_problem(folder, folder_of(name));
      if (!problem.empty()) problems.push_back(source.path + ": includes " + name + ": " + problem);
    }
  }
  if (std::vector<std::string> circle = find_circle(graph); !circle.empty())
    problems.push_back("includes in a circle: " + join(circle, " -> "));
  return problems;
}

/// What is wrong with the USES lists of src/CMakeLists.txt.
std::vector<std::string> problems_of_uses(std::string_view cmake) {
  std::vector<std::string> problems;
  constexpr std::string_view kCall = "anynpu_folder(";
  for (std::size_t at = cmake.find(kCall); at != std::string_view::npos;
       at = cmake.find(kCall, at + 1)) {
    std::string call(cmake.substr(at + kCall.size(), cmake.find(')', at) - at - kCall.size()));
    std::replace(call.begin(), call.end(), '\n', ' ');
    std::vector<std::string> words = split(call, ' ');
    bool uses = false;
    for (const std::string& word : words) {
      if (word == "USES" || word == "LINKS") {
        uses = word == "USES";
      } else if (uses && !word.empty()) {
        std::string problem = floor_problem(words.front(), word);
        if (word == words.front()) problem = word + " uses itself";
        if (!problem.empty()) problems.push_back("CMakeLists.txt: " + problem);
      }
    }
  }
  return problems;
}

std::vector<Source> read_sources(const std::filesystem::path& top) {
  const std::set<std::string> kEndings = {".cpp", ".h", ".in", ".html", ".css", ".js"};
  std::vector<Source> sources;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(top)) {
    if (!entry.is_regular_file() || !kEndings.contains(entry.path().extension())) continue;
    Result<std::string> text = read_text(entry.path());
    if (!text) {
      ADD_FAILURE() << text.error().message;
      continue;
    }
    sources.push_back({std::filesystem::relative(entry.path(), top).generic_string(), *text});
  }
  return sources;
}

TEST(IncludeGraph, SourcesKeepToTheirFloors) {
  const std::filesystem::path top = std::filesystem::path(ANYNPU_SOURCE_DIR);
  std::set<std::string> outside = {"base/version.h"};
  if (std::filesystem::is_directory(top / "tests/support"))
    for (const auto& entry : std::filesystem::directory_iterator(top / "tests/support"))
      outside.insert(entry.path().filename().string());
  std::vector<Source> sources = read_sources(top / "src");
  ASSERT_GT(sources.size(), 10U);
  std::vector<std::string> problems = problems_of(sources, outside);
  EXPECT_THAT(problems, IsEmpty()) << join(problems, "\n");
}

TEST(IncludeGraph, CMakeUsesKeepToTheirFloors) {
  Result<std::string> cmake =
      read_text(std::filesystem::path(ANYNPU_SOURCE_DIR) / "src/CMakeLists.txt");
  ASSERT_TRUE(cmake) << cmake.error().message;
  ASSERT_THAT(*cmake, HasSubstr("anynpu_folder(base"));
  EXPECT_THAT(problems_of_uses(*cmake), IsEmpty());
}

// The checker itself, on made-up sources.

Source made_up(const std::string& path, const std::string& includes) {
  return {path, "// SPDX-License-Identifier: Apache-2.0\n// Made up.\n" + includes};
}

TEST(IncludeGraphChecker, LowerFloorsAndTheOwnFolderAreFine) {
  EXPECT_THAT(
      problems_of({made_up("model/a.h", "#include \"engine/b.h\"\n#include \"model/c.h\"\n"),
                   made_up("engine/b.h", "#include <vector>\n"),
                   made_up("model/c.h", "// see #include \"command/x.h\"\n")},
                  {}),
      IsEmpty());
}

TEST(IncludeGraphChecker, CatchesIncludingUpwards) {
  EXPECT_THAT(
      problems_of(
          {made_up("engine/a.cpp", "#include \"runtime/b.h\"\n"), made_up("runtime/b.h", "")}, {}),
      ElementsAre("engine/a.cpp: includes runtime/b.h: engine uses runtime, which is above "
                  "it"));
}

TEST(IncludeGraphChecker, CatchesIncludingSideways) {
  EXPECT_THAT(
      problems_of({made_up("engine/a.cpp", "  #  include \"host/b.h\"\n"), made_up("host/b.h", "")},
                  {}),
      ElementsAre("engine/a.cpp: includes host/b.h: engine uses host, which is on the same floor"));
}

TEST(IncludeGraphChecker, CatchesACircle) {
  EXPECT_THAT(problems_of({made_up("base/a.h", "#include \"base/b.h\"\n"),
                           made_up("base/b.h", "#include \"base/c.h\"\n"),
                           made_up("base/c.h", "#include \"base/b.h\"\n")},
                          {}),
              ElementsAre("includes in a circle: base/b.h -> base/c.h -> base/b.h"));
}

TEST(IncludeGraphChecker, CatchesUnknownFoldersAndFiles) {
  EXPECT_THAT(problems_of({made_up("misc/a.h", "")}, {}),
              ElementsAre("misc/a.h: folder misc has no floor"));
  EXPECT_THAT(problems_of({made_up("base/a.h", "#include \"b.h\"\n")}, {}),
              ElementsAre("base/a.h: includes b.h, which is no \"folder/file.h\" of src"));
  EXPECT_THAT(problems_of({made_up("base/a_test.cpp", "#include \"b.h\"\n")}, {"b.h"}), IsEmpty());
}

TEST(IncludeGraphChecker, CatchesAMissingLicence) {
  EXPECT_THAT(problems_of({{"base/a.h", "// A file.\n#pragma once\n"}}, {}),
              ElementsAre("base/a.h: has no SPDX line"));
}

TEST(IncludeGraphChecker, CatchesUsesOfTheSameFloorAndAbove) {
  EXPECT_THAT(problems_of_uses("anynpu_folder(base LINKS fmt::fmt)\n"
                               "anynpu_folder(engine USES base\n  host LINKS x)\n"
                               "anynpu_folder(host USES runtime base)\n"),
              ElementsAre("CMakeLists.txt: engine uses host, which is on the same floor",
                          "CMakeLists.txt: host uses runtime, which is above it"));
}

}  // namespace
}  // namespace anynpu

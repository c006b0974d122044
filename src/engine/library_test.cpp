// SPDX-License-Identifier: Apache-2.0
#include "engine/library.h"

#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "temporary_folder.h"

namespace anynpu::engine {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A variable that is put back at the end.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    const char* old = std::getenv(name);
    had_ = old != nullptr;
    if (had_) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (had_)
      ::setenv(name_, old_.c_str(), 1);
    else
      ::unsetenv(name_);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::string old_;
  bool had_ = false;
};

void write(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
}

/// Puts a library that can be opened there: a copy of the C library's empty libdl.
void put_library(const fs::path& path) {
  auto library = SharedLibrary::open("libdl.so.2");
  ASSERT_TRUE(library) << library.error().message;
  fs::copy_file(library->path(), path);
}

/// The beginning of an ELF file for a machine.
std::string elf_for(unsigned char machine) {
  std::string head(64, '\0');
  head.replace(0, 6,
               std::string("\x7f"
                           "ELF\2\1",
                           6));
  head[18] = static_cast<char>(machine);
  return head;
}

Result<std::string> version_one(const SharedLibrary&) {
  return std::string("1.0");
}

LibraryPlaces only(std::vector<fs::path> own, std::vector<fs::path> system = {}) {
  return {{}, std::move(own), std::move(system), false};
}

const LibraryNames kThing = {"Thing", "ANYNPU_TEST_LIBRARY", {"libthing.so*"}};

TEST(SharedLibrary, OpensByNameAndResolves) {
  auto library = SharedLibrary::open("libc.so.6");
  ASSERT_TRUE(library) << library.error().message;
  EXPECT_TRUE(library->path().is_absolute());
  int (*absolute)(int) = nullptr;
  ASSERT_TRUE(resolve(*library, "abs", absolute));
  EXPECT_EQ(absolute(-3), 3);
  EXPECT_FALSE(resolve(*library, "anynpu_has_no_such_symbol", absolute));
}

TEST(SharedLibrary, AMissingFileIsSaid) {
  auto library = SharedLibrary::open("/nonexistent/libthing.so");
  ASSERT_FALSE(library);
  EXPECT_EQ(library.error().code, Code::kNotFound);
  EXPECT_EQ(library.error().message, "/nonexistent/libthing.so: there is no such file");
  auto named = SharedLibrary::open("libanynpu-has-no-such-library.so");
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().message,
            "libanynpu-has-no-such-library.so: the loader finds no such library");
}

TEST(SharedLibrary, TextIsNoLibrary) {
  const TemporaryFolder folder;
  write(folder / "libthing.so", "INPUT(libother.so)");
  auto library = SharedLibrary::open(folder / "libthing.so");
  ASSERT_FALSE(library);
  EXPECT_THAT(library.error().message, HasSubstr("is not a shared library"));
  EXPECT_FALSE(library.error().hint.empty());
}

TEST(SharedLibrary, AnotherProcessorIsNamed) {
  const TemporaryFolder folder;
  write(folder / "libthing.so", elf_for(40));  // EM_ARM
  auto library = SharedLibrary::open(folder / "libthing.so");
  ASSERT_FALSE(library);
  EXPECT_EQ(library.error().code, Code::kUnsupported);
  EXPECT_THAT(library.error().message,
              HasSubstr("is a library for armhf, this machine is " + processor_name()));
}

TEST(SharedLibrary, ACutOffLibraryIsALoaderError) {
  const TemporaryFolder folder;
  write(folder / "libthing.so", elf_for(processor_name() == "amd64" ? 62 : 183));
  auto library = SharedLibrary::open(folder / "libthing.so");
  ASSERT_FALSE(library);
  EXPECT_EQ(library.error().code, Code::kUnsupported);
  EXPECT_THAT(library.error().message, HasSubstr((folder / "libthing.so").string()));
  EXPECT_FALSE(library.error().hint.empty());
}

TEST(Versions, AreComparedAsNumbers) {
  EXPECT_GT(compare_versions("2.14.1", "2.9.0"), 0);
  EXPECT_LT(compare_versions("1.9", "1.10"), 0);
  EXPECT_EQ(compare_versions("2.9.0", "2.9.0"), 0);
  EXPECT_GT(compare_versions("2.9.1", "2.9"), 0);
  EXPECT_LT(compare_versions("", "0.1"), 0);
}

TEST(FindFiles, LaterVersionsFirstAndEachFileOnce) {
  const TemporaryFolder folder;
  write(folder / "libthing.so.2.9.0", "a");
  write(folder / "libthing.so.2.14.1", "b");
  write(folder / "libthing_other.so", "c");
  fs::create_symlink("libthing.so.2.14.1", folder / "libthing.so");
  fs::create_directory(folder / "libthing.so.folder");
  EXPECT_THAT(find_files(folder.path(), {"libthing.so*"}),
              ElementsAre(folder / "libthing.so.2.14.1", folder / "libthing.so.2.9.0"));
  EXPECT_THAT(find_files(folder.path(), {"libthing.so"}), ElementsAre(folder / "libthing.so"));
  EXPECT_THAT(find_files("/nonexistent", {"libthing.so*"}), IsEmpty());
}

TEST(ChooseLibrary, NothingFoundSaysWhatWasLookedForAndWhere) {
  const TemporaryFolder folder;
  const auto choice = choose_library(kThing, only({folder.path()}), version_one);
  EXPECT_THAT(choice.libraries, IsEmpty());
  EXPECT_THAT(choice.searched, ElementsAre(folder / "libthing.so*"));
  const Error error = no_library(kThing, choice);
  EXPECT_EQ(error.code, Code::kNotFound);
  EXPECT_EQ(error.message,
            "no Thing library: looked for libthing.so* in " + folder.path().string());
  EXPECT_THAT(error.hint, HasSubstr("$ANYNPU_TEST_LIBRARY"));
}

TEST(ChooseLibrary, TheNewestIsFirst) {
  const TemporaryFolder fetched;
  const TemporaryFolder system;
  put_library(fetched / "libthing.so");
  put_library(system / "libthing.so.2");
  auto by_folder = [&](const SharedLibrary& library) -> Result<std::string> {
    return std::string(library.path().parent_path() == fetched.path() ? "2.9.0" : "2.14.1");
  };
  auto versions = [&](const LibraryPlaces& places) {
    std::vector<std::string> found;
    for (const auto& library : choose_library(kThing, places, by_folder).libraries)
      found.push_back(library.version);
    return found;
  };
  EXPECT_THAT(versions(only({fetched.path()}, {system.path()})), ElementsAre("2.14.1", "2.9.0"));
  EXPECT_THAT(versions(only({fetched.path()})), ElementsAre("2.9.0"));
}

TEST(ChooseLibrary, OneLibraryUnderTwoNamesCountsOnce) {
  const TemporaryFolder folder;
  put_library(folder / "libthing.so.1");
  fs::create_directory(folder / "other");
  fs::create_symlink("../libthing.so.1", folder.path() / "other/libthing.so.1");
  const auto choice =
      choose_library(kThing, only({folder.path(), folder.path() / "other"}), version_one);
  EXPECT_EQ(choice.libraries.size(), 1U);
}

TEST(ChooseLibrary, AnUnusableOneIsPassedOverAndRemembered) {
  const TemporaryFolder folder;
  write(folder / "libthing.so", "no library");
  const auto choice = choose_library(kThing, only({folder.path()}), version_one);
  EXPECT_THAT(choice.libraries, IsEmpty());
  ASSERT_EQ(choice.failures.size(), 1U);
  EXPECT_THAT(no_library(kThing, choice).message, HasSubstr("is not a shared library"));
}

TEST(ChooseLibrary, TheVariableWinsAndNothingElseIsTried) {
  const TemporaryFolder folder;
  put_library(folder / "libthing.so");
  const Variable variable("ANYNPU_TEST_LIBRARY", "/nonexistent/libmine.so");
  const auto choice = choose_library(kThing, only({folder.path()}), version_one);
  EXPECT_THAT(choice.libraries, IsEmpty());
  EXPECT_THAT(choice.searched, ElementsAre("/nonexistent/libmine.so"));
  EXPECT_EQ(no_library(kThing, choice).message,
            "$ANYNPU_TEST_LIBRARY: /nonexistent/libmine.so: there is no such file");
}

TEST(ChooseLibrary, ChosenFoldersWinOverNewerLibraries) {
  const TemporaryFolder folder;
  put_library(folder / "libthing.so");
  LibraryPlaces places = only({}, {"/nonexistent"});
  places.chosen = {"/nonexistent/too", folder.path()};
  const auto choice = choose_library(kThing, places, version_one);
  ASSERT_EQ(choice.libraries.size(), 1U);
  EXPECT_THAT(choice.searched,
              ElementsAre("/nonexistent/too/libthing.so*", folder / "libthing.so*"));
}

TEST(LibraryPlaces, FollowTheEnvironment) {
  const Variable chosen("ANYNPU_LIBRARY_PATH", "/one::/two");
  const Variable data("XDG_DATA_HOME", "/data");
  LibraryPlaces places = library_places();
  EXPECT_THAT(places.chosen, ElementsAre("/one", "/two"));
  EXPECT_EQ(places.own.at(0), fs::path("/data/anynpu/lib") / processor_name());
  EXPECT_EQ(places.own.at(1).filename(), "anynpu");
  const Variable no_data("XDG_DATA_HOME", "");
  const Variable home("HOME", "/home/someone");
  places = library_places();
  EXPECT_EQ(places.own.at(0), fs::path("/home/someone/.local/share/anynpu/lib") / processor_name());
}

}  // namespace
}  // namespace anynpu::engine

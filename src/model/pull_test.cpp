// SPDX-License-Identifier: Apache-2.0
// Pulls from mirrors and from programs that stand in for npm, curl and apt-get on PATH.
#include "model/pull.h"

#include <cstdlib>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/subprocess.h"
#include "model/file_lock.h"
#include "model/stamp.h"
#include "model/store.h"
#include "temporary_folder.h"

namespace anynpu::model {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

namespace fs = std::filesystem;

class ScopedVariable {
 public:
  ScopedVariable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~ScopedVariable() {
    if (old_.empty())
      ::unsetenv(name_);
    else
      ::setenv(name_, old_.c_str(), 1);
  }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  const char* name_;
  std::string old_;
};

std::string hash_of(const std::string& text) {
  return sha256_of(std::as_bytes(std::span(text)));
}

std::string read(const fs::path& file) {
  return read_text(file).value_or("(not there)");
}

void write(const fs::path& file, const std::string& content) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << content;
}

const std::string kWeights = "the weights of a model";
const std::string kLabels = "cat\ndog\n";

class PullTest : public ::testing::Test {
 protected:
  // A catalog with one model "m" of two files.
  Catalog catalog(const std::string& weights_sources, const std::string& archives = "",
                  const std::string& hash = hash_of(kWeights)) {
    std::string text = "schema = 1\n" + archives + R"(
[[model]]
name = "m"
[model.package]
task = "classify"
labels = "labels.txt"
version = [{artifact = [{file = "a.tflite"}]}]
[[model.file]]
path = "1/a.tflite"
size = )" + std::to_string(kWeights.size()) +
                       "\nsha256 = \"" + hash + "\"\nsources = [" + weights_sources + R"(]
[[model.file]]
path = "labels.txt"
size = 8
sha256 = ")" + hash_of(kLabels) +
                       "\"\nsources = [{text = \"cat\\ndog\\n\"}]\n";
    Result<Catalog> parsed = parse_catalog(text, "test");
    EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
    return parsed ? *parsed : Catalog{};
  }
  Result<Pulled> pull(const Catalog& from) {
    Fetcher fetcher(from, Mirror({mirror()}), cache());
    return pull_model(from.models.at(0), store(), fetcher);
  }
  // A program on PATH, before those of the system.
  void program(const std::string& name, const std::string& script) {
    write(folder_ / "bin" / name, "#!/bin/sh\n" + script + "\n");
    ::chmod((folder_ / "bin" / name).c_str(), 0755);
  }
  fs::path mirror() const { return folder_ / "mirror"; }
  fs::path cache() const { return folder_ / "cache"; }
  fs::path store() const { return folder_ / "store"; }
  fs::path log() const { return folder_ / "log"; }

  TemporaryFolder folder_;
  ScopedVariable path_{"PATH", (folder_ / "bin").string() + ":/usr/bin:/bin"};
};

// An npm that knows one package, and a curl that serves the file "tarball".
constexpr const char* kNpmView =
    "echo npm \"$@\" >> LOG\n[ \"$1\" = view ] && echo '\"https://registry.invalid/p.tgz\"'";

std::string with_log(std::string script, const fs::path& log) {
  for (std::size_t at = 0; (at = script.find("LOG", at)) != std::string::npos;)
    script.replace(at, 3, log.string());
  return script;
}

TEST_F(PullTest, TakesFilesFromTheMirrorWhateverTheirName) {
  write(mirror() / "deep/er/whatever.bin", kWeights);
  write(mirror() / "same size", std::string(kWeights.size(), 'x'));
  Catalog from = catalog("{url = \"https://nowhere.invalid/x\"}");
  Result<Pulled> pulled = pull(from);
  ASSERT_TRUE(pulled.has_value()) << pulled.error().message;
  EXPECT_EQ(read(store() / "m/1/a.tflite"), kWeights);
  EXPECT_FALSE(pulled->already_there());
  EXPECT_THAT(pulled->files[0].from, HasSubstr("whatever.bin"));
  Result<Package> package = read_package(store() / "m");
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(package->labels.size(), 2U);
  EXPECT_FALSE(fs::exists(store() / ".m.pull"));
}

TEST_F(PullTest, ASecondPullFetchesNothing) {
  write(mirror() / "w", kWeights);
  Catalog from = catalog("{url = \"https://nowhere.invalid/x\"}");
  ASSERT_TRUE(pull(from).has_value());
  EXPECT_TRUE(is_whole(from.models[0], store() / "m"));
  fs::remove(mirror() / "w");
  Result<Pulled> again = pull(from);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_TRUE(again->already_there());
}

TEST_F(PullTest, ADamagedFileIsFoundAndFetchedAgain) {
  write(mirror() / "w", kWeights);
  Catalog from = catalog("{url = \"https://nowhere.invalid/x\"}");
  ASSERT_TRUE(pull(from).has_value());
  EXPECT_TRUE(verify_model(from.models[0], store() / "m").empty());
  fs::path file = store() / "m/1/a.tflite";
  auto changed = fs::last_write_time(file);
  write(file, std::string(kWeights.size(), 'x'));
  fs::last_write_time(file, changed);  // even when its size and time say that nothing happened
  std::vector<Fault> faults = verify_model(from.models[0], store() / "m");
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].path, "1/a.tflite");
  EXPECT_FALSE(is_whole(from.models[0], store() / "m"));
  ASSERT_TRUE(pull(from).has_value());
  EXPECT_EQ(read(file), kWeights);
}

TEST_F(PullTest, AModelTomlOfTheUsersOwnIsKept) {
  write(mirror() / "w", kWeights);
  Catalog from = catalog("{url = \"https://nowhere.invalid/x\"}");
  ASSERT_TRUE(pull(from).has_value());
  std::string own = read(store() / "m/model.toml") + "\n# mine\n";
  write(store() / "m/model.toml", own);
  fs::remove(store() / "m/labels.txt");
  Result<Pulled> pulled = pull(from);
  ASSERT_TRUE(pulled.has_value());
  EXPECT_THAT(pulled->note, HasSubstr("changed by hand"));
  EXPECT_EQ(read(store() / "m/model.toml"), own);
  EXPECT_EQ(read(store() / "m/labels.txt"), kLabels);
}

TEST_F(PullTest, NpmTarballsAreDownloadedOnceAndRemoved) {
  write(folder_ / "p/package/w", kWeights);
  ASSERT_EQ(run_command({"tar", "-C", (folder_ / "p").string(), "-czf",
                         (folder_ / "tarball").string(), "package"})
                ->exit_code,
            0);
  program("npm", with_log(kNpmView, log()));
  program("curl",
          with_log("echo curl >> LOG\nwhile [ \"$1\" != --output ]; do shift; done\ncp ", log()) +
              (folder_ / "tarball").string() + " \"$2\"");
  std::string archive = "[archive.p]\nnpm = \"p@1.0.0\"\nsize = " +
                        std::to_string(fs::file_size(folder_ / "tarball")) + "\nsha256 = \"" +
                        *sha256_of_file(folder_ / "tarball") + "\"\n";
  Catalog from = catalog(
      "{archive = \"p\", member = \"package/none\"}, {archive = \"p\", member = \"package/w\"}",
      archive);
  Result<Pulled> pulled = pull(from);
  ASSERT_TRUE(pulled.has_value()) << pulled.error().message;
  EXPECT_EQ(read(store() / "m/1/a.tflite"), kWeights);
  EXPECT_EQ(pulled->files[0].from, "npm package p@1.0.0");
  std::string calls = read(log());
  EXPECT_EQ(calls.find("curl"), calls.rfind("curl")) << calls;
  EXPECT_TRUE(fs::is_empty(cache())) << "the archive is removed";
}

TEST_F(PullTest, ADownloadGoesOnAndAWrongStartIsDropped) {
  // Appends the rest of the file, as curl --continue-at - does.
  write(folder_ / "served", kWeights);
  program("curl",
          "while [ \"$1\" != --output ]; do shift; done\nhave=$(wc -c < \"$2\" 2>/dev/null)\n"
          "tail -c +$((${have:-0} + 1)) " +
              (folder_ / "served").string() + " >> \"$2\"");
  Catalog from = catalog("{url = \"https://somewhere.invalid/w\"}");
  fs::path part = cache() / (hash_of(kWeights).substr(0, 16) + ".part");
  write(part, kWeights.substr(0, 5));
  ASSERT_TRUE(pull(from).has_value());
  EXPECT_EQ(read(store() / "m/1/a.tflite"), kWeights);
  fs::remove_all(store());
  write(part, "WRONG");
  Result<Pulled> pulled = pull(from);
  ASSERT_TRUE(pulled.has_value()) << pulled.error().message;
  EXPECT_EQ(read(store() / "m/1/a.tflite"), kWeights);
  EXPECT_FALSE(fs::exists(part));
}

TEST_F(PullTest, AWrongFileIsNeverPutInPlace) {
  program("curl",
          "while [ \"$1\" != --output ]; do shift; done\nprintf 'something of 22 bytes!' > \"$2\"");
  Catalog from = catalog("{url = \"https://somewhere.invalid/w\"}");
  Result<Pulled> pulled = pull(from);
  ASSERT_FALSE(pulled.has_value());
  EXPECT_THAT(pulled.error().message, HasSubstr("has SHA-256"));
  EXPECT_FALSE(fs::exists(store() / "m"));
  EXPECT_FALSE(fs::exists(store() / ".m.pull/1/a.tflite"));
}

TEST_F(PullTest, WhatIsLargerThanItShouldBeIsStopped) {
  program("curl",
          "while [ \"$1\" != --output ]; do shift; done\nexec head -c 10000000 /dev/zero > \"$2\"");
  Catalog from = catalog("{url = \"https://somewhere.invalid/w\"}");
  Result<Pulled> pulled = pull(from);
  ASSERT_FALSE(pulled.has_value());
  for (const auto& entry : fs::recursive_directory_iterator(folder_.path()))
    if (entry.is_regular_file()) {
      EXPECT_LT(entry.file_size(), 10000U) << entry.path();
    }
}

TEST_F(PullTest, EachSourceIsNamedWithItsReason) {
  program("npm", "echo 'npm ERR! no network' >&2; exit 1");
  program("curl", "echo 'curl: (6) Could not resolve host' >&2; exit 6");
  program("apt-get", "exit 100");
  std::string sizes = "\nsize = 5\nsha256 = \"" + hash_of("x") + "\"\n";
  Catalog from = catalog(
      "{archive = \"p\", member = \"w\"}, {archive = \"d\", member = \"w\"}, {archive = \"b\", "
      "member = \"w\"}, "
      "{url = \"https://somewhere.invalid/w\"}",
      "[archive.p]\nnpm = \"p@1\"" + sizes + "[archive.d]\ndebian = \"pool/d.tar.xz\"" + sizes +
          "[archive.b]\ndeb = \"b\"\n");
  Result<Pulled> pulled = pull(from);
  ASSERT_FALSE(pulled.has_value());
  const std::string& message = pulled.error().message;
  EXPECT_THAT(message, HasSubstr("m: cannot get 1/a.tflite"));
  EXPECT_THAT(message, HasSubstr("no file with its SHA-256"));
  EXPECT_THAT(message, HasSubstr("no network"));
  EXPECT_THAT(message, HasSubstr("d: apt-get: ended with code 100"));
  EXPECT_THAT(message, HasSubstr("b: apt-get: ended with code 100"));
  EXPECT_THAT(message, HasSubstr("https://somewhere.invalid/w: curl: (6) Could not resolve host"));
  EXPECT_THAT(pulled.error().hint, HasSubstr("ANYNPU_MIRROR"));
}

TEST_F(PullTest, DebianPackagesComeThroughAptGet) {
  // dpkg-deb is asked for the archive inside; here the "package" is that archive.
  write(folder_ / "d/usr/share/w", kWeights);
  ASSERT_EQ(run_command({"tar", "-C", (folder_ / "d").string(), "-cf", (folder_ / "x.deb").string(),
                         "./usr"})
                ->exit_code,
            0);
  program("apt-get",
          "[ \"$1\" = download ] && cp " + (folder_ / "x.deb").string() + " x_1.0_all.deb");
  program("dpkg-deb", "cat \"$2\"");
  Catalog from =
      catalog("{archive = \"b\", member = \"usr/share/w\"}", "[archive.b]\ndeb = \"x\"\n");
  Result<Pulled> pulled = pull(from);
  ASSERT_TRUE(pulled.has_value()) << pulled.error().message;
  EXPECT_EQ(read(store() / "m/1/a.tflite"), kWeights);
  EXPECT_EQ(pulled->files[0].from, "Debian package x");
}

TEST_F(PullTest, DebianSourceArchivesComeFromTheMirrorOfApt) {
  write(folder_ / "s/src/w", kWeights);
  ASSERT_EQ(run_command({"tar", "-C", (folder_ / "s").string(), "-czf",
                         (folder_ / "src.tar").string(), "src"})
                ->exit_code,
            0);
  program("apt-get",
          "echo 'Vendor https://vendor.invalid/'; echo 'Debian https://debian.invalid/debian/'");
  program("curl", with_log("for a; do :; done\necho \"$a\" >> LOG\n[ \"$a\" = "
                           "https://debian.invalid/debian/pool/d.tar.gz ] || exit 22\n"
                           "while [ \"$1\" != --output ]; do shift; done\ncp ",
                           log()) +
                      (folder_ / "src.tar").string() + " \"$2\"");
  Catalog from = catalog("{archive = \"d\", member = \"src/w\"}",
                         "[archive.d]\ndebian = \"pool/d.tar.gz\"\nsize = " +
                             std::to_string(fs::file_size(folder_ / "src.tar")) + "\nsha256 = \"" +
                             *sha256_of_file(folder_ / "src.tar") + "\"\n");
  Result<Pulled> pulled = pull(from);
  ASSERT_TRUE(pulled.has_value()) << pulled.error().message;
  EXPECT_THAT(read(log()), Not(HasSubstr("vendor"))) << "Debian's own repositories are asked first";
}

TEST_F(PullTest, AnInterruptedPullGoesOn) {
  program("curl", "exit 7");
  Catalog broken = catalog("{url = \"https://somewhere.invalid/w\"}");
  std::swap(broken.models[0].files[0], broken.models[0].files[1]);
  ASSERT_FALSE(pull(broken).has_value());
  EXPECT_TRUE(fs::exists(store() / ".m.pull/labels.txt")) << "what was fetched stays";
  write(mirror() / "w", kWeights);
  Result<Pulled> pulled = pull(broken);
  ASSERT_TRUE(pulled.has_value()) << pulled.error().message;
  int fetched = 0;
  for (const PulledFile& file : pulled->files) fetched += file.from.empty() ? 0 : 1;
  EXPECT_EQ(fetched, 1);
}

// As when something else fills the disk meanwhile: that there is room was seen before.
TEST_F(PullTest, ADiskThatFillsUpEndsThePullAndItGoesOnLater) {
  write(folder_ / "served", kWeights);
  const std::string served = (folder_ / "served").string();
  const std::string to_output = "while [ \"$1\" != --output ]; do shift; done\n";
  program("curl", with_log("echo curl >> LOG\n", log()) + to_output + "head -c 9 " + served +
                      " > \"$2\"\necho 'curl: (23) Failure writing output to destination' >&2\n"
                      "echo 'No space left on device' >&2\nexit 23");
  Catalog from =
      catalog("{url = \"https://somewhere.invalid/w\"}, {url = \"https://elsewhere.invalid/w\"}");
  Result<Pulled> pulled = pull(from);
  ASSERT_FALSE(pulled.has_value());
  EXPECT_EQ(pulled.error().system_errno, ENOSPC);
  EXPECT_THAT(pulled.error().message, HasSubstr("No space left on device"));
  EXPECT_THAT(pulled.error().message, HasSubstr(cache().string())) << "where";
  EXPECT_THAT(pulled.error().hint, HasSubstr("free some space"));
  EXPECT_EQ(read(log()), "curl\n") << "another source would not help";
  EXPECT_FALSE(fs::exists(store() / "m"));
  EXPECT_FALSE(fs::exists(store() / ".m.pull")) << "nothing half written stays";

  program("curl", to_output + "tail -c +$(($(wc -c < \"$2\") + 1)) " + served + " >> \"$2\"");
  pulled = pull(from);
  ASSERT_TRUE(pulled.has_value()) << pulled.error().message;
  EXPECT_EQ(read(store() / "m/1/a.tflite"), kWeights) << "it went on where it was";
  EXPECT_TRUE(fs::is_empty(cache()));
}

TEST_F(PullTest, ALimitOnTheSizeOfFilesIsNamed) {
  write(mirror() / "w", kWeights);
  Catalog from = catalog("{url = \"https://nowhere.invalid/x\"}");
  rlimit before = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small = {10, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  Result<Pulled> pulled = pull(from);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(pulled.has_value());
  EXPECT_EQ(pulled.error().system_errno, EFBIG);
  EXPECT_THAT(pulled.error().message, HasSubstr("1/a.tflite: it has 22 B"));
  EXPECT_THAT(pulled.error().message, HasSubstr("the limit on the size of a file is 10 B"));
  EXPECT_THAT(pulled.error().hint, HasSubstr("ulimit -f unlimited"));
  EXPECT_FALSE(fs::exists(store() / ".m.pull"));
  EXPECT_TRUE(pull(from).has_value());
}

TEST_F(PullTest, RuntimesAreNotHashedAgain) {
  Catalog from = catalog("{url = \"https://nowhere.invalid/x\"}");
  CatalogRuntime runtime{"r", "1", "amd64", "MIT", {from.models[0].files[1]}};
  Fetcher fetcher(from, Mirror({}), cache());
  ASSERT_TRUE(pull_runtime(runtime, store(), fetcher).has_value());
  EXPECT_TRUE(is_whole(runtime, store()));
  write(store() / "labels.txt", "changed");
  EXPECT_FALSE(is_whole(runtime, store()));
}

TEST(CheckSpace, NamesWhatIsNeeded) {
  TemporaryFolder folder;
  EXPECT_TRUE(check_space(folder / "not/there/yet", 1).has_value());
  Result<> full = check_space(folder.path(), std::uint64_t{1} << 60);
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().system_errno, ENOSPC);
  EXPECT_THAT(full.error().message, HasSubstr("are needed"));
}

TEST(FileLock, IsHeldByOne) {
  TemporaryFolder folder;
  Result<FileLock> first = FileLock::take(folder / "a/lock");
  ASSERT_TRUE(first.has_value()) << first.error().message;
  Result<FileLock> second = FileLock::take(folder / "a/lock", milliseconds(1));
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, Code::kBusy);
  { FileLock gone = std::move(*first); }
  EXPECT_TRUE(FileLock::take(folder / "a/lock", milliseconds(1)).has_value());
}

TEST(Stamp, SurvivesGarbage) {
  TemporaryFolder folder;
  write(folder / ".checked", "[1, {");
  EXPECT_FALSE(Stamp::of(folder.path()).matches("x", "y"));
  write(folder / ".checked", "{\"x\": {\"sha256\": 3}, \"y\": 4}");
  EXPECT_EQ(Stamp::of(folder.path()).noted("x"), "");
}

class StoreTest : public ::testing::Test {
 protected:
  void package(const std::string& folder, const std::string& name, const std::string& extra = "") {
    write(folder_ / folder / name / "1/a.tflite", "x");
    write(folder_ / folder / name / "model.toml",
          extra + "task = \"raw\"\n[[version]]\n[[version.artifact]]\nfile = \"a.tflite\"\n");
  }
  TemporaryFolder folder_;
  ScopedVariable models_{"ANYNPU_MODELS",
                         (folder_ / "one").string() + "::" + (folder_ / "two").string()};
  ScopedVariable data_{"XDG_DATA_HOME", (folder_ / "data").string()};
};

TEST_F(StoreTest, FoldersAreSearchedInOrder) {
  std::vector<fs::path> folders = store_folders();
  ASSERT_GE(folders.size(), 3U);
  EXPECT_EQ(folders[0], folder_ / "one");
  EXPECT_EQ(folders[1], folder_ / "two");
  EXPECT_EQ(folders[2], folder_ / "data/anynpu/models");
  package("two", "same");
  package("data/anynpu/models", "same");
  package("data/anynpu/models", "other");
  EXPECT_EQ(open_package("same")->folder, fs::canonical(folder_ / "two/same"));
  EXPECT_TRUE(open_package("other").has_value());
  EXPECT_EQ(*writable_store(), folder_ / "one");
}

TEST_F(StoreTest, PackagesAreListedAndBrokenOnesNamed) {
  package("one", "b");
  package("two", "a", "name = \"renamed\"\n");
  write(folder_ / "two/broken/model.toml", "task = 1\n");
  write(folder_ / "two/.x.pull/model.toml", "task = 1\n");
  Inventory inventory = list_packages();
  std::vector<std::string> names;
  for (const Package& one : inventory.packages) names.push_back(one.name);
  EXPECT_THAT(names, ::testing::IsSupersetOf({"b", "renamed"}));
  ASSERT_EQ(inventory.broken.size(), 1U);
  EXPECT_EQ(inventory.broken[0].first.filename(), "broken");
  EXPECT_TRUE(open_package("renamed").has_value());
}

TEST_F(StoreTest, FoldersAndUnknownNames) {
  package("elsewhere", "mine");
  EXPECT_TRUE(open_package((folder_ / "elsewhere/mine").string()).has_value());
  Result<Package> none = open_package("mobilenet_v1");
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().hint, "fetch it with: anynpu models pull mobilenet_v1");
  EXPECT_EQ(open_package("mobilnet_v1").error().hint, "did you mean 'mobilenet_v1'?");
  EXPECT_THAT(open_package((folder_ / "elsewhere").string()).error().message,
              HasSubstr("has no model.toml"));
  EXPECT_EQ(open_package("./nothing.tflite").error().code, Code::kNotFound);
  EXPECT_EQ(open_package("").error().code, Code::kInvalid);
}

}  // namespace
}  // namespace anynpu::model

// SPDX-License-Identifier: Apache-2.0
#include "model/package.h"

#include <fstream>

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/labels.h"
#include "model/package_toml.h"
#include "temporary_folder.h"

namespace anynpu::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

constexpr const char* kSmall = R"(
task = "classify"
labels = "labels.txt"

[[version]]
[[version.artifact]]
file = "a.tflite"
)";

// A folder "thing" with model.toml, labels.txt and 1/a.tflite.
class PackageFolder {
 public:
  explicit PackageFolder(const std::string& toml) {
    fs::create_directories(path() / "1");
    write("model.toml", toml);
    write("labels.txt", "cat\r\ndog\n");
    write("1/a.tflite", "x");
  }
  fs::path path() const { return folder_ / "thing"; }
  void write(const std::string& file, const std::string& content) {
    std::ofstream(path() / file, std::ios::binary) << content;
  }
  fs::path beside(const std::string& name) const { return folder_ / name; }

 private:
  TemporaryFolder folder_;
};

// The error of parsing `toml`, "FILE:LINE:COLUMN: message", and its hint.
Error package_error(const std::string& toml) {
  Result<PackageText> text = parse_package(toml, "model.toml", "thing", resolve_by_name);
  EXPECT_FALSE(text.has_value()) << toml;
  return text ? Error{} : text.error();
}

Package parsed(const std::string& toml) {
  Result<PackageText> text = parse_package(toml, "model.toml", "thing", resolve_by_name);
  EXPECT_TRUE(text.has_value()) << (text ? "" : text.error().message);
  return text ? text->package : Package{};
}

TEST(Package, ReadsAFolder) {
  PackageFolder folder(kSmall);
  Result<Package> package = read_package(folder.path());
  ASSERT_TRUE(package.has_value()) << package.error().message;
  EXPECT_EQ(package->name, "thing");
  EXPECT_EQ(package->title, "thing");
  EXPECT_EQ(package->task, Task::kClassify);
  EXPECT_THAT(package->labels, ElementsAre("cat", "dog"));
  ASSERT_EQ(package->versions.size(), 1U);
  const Artifact& artifact = package->latest().artifacts.at(0);
  EXPECT_EQ(artifact.path, fs::canonical(folder.path() / "1/a.tflite"));
  EXPECT_EQ(artifact.engine, "tflite");
  EXPECT_THAT(artifact.families, ElementsAre("cpu"));
  EXPECT_TRUE(artifact.reference) << "the first for the CPU is the reference";
  EXPECT_EQ(package->latest().folder, fs::canonical(folder.path() / "1"));
}

TEST(Package, ReadsEveryKey) {
  Package package = parsed(R"(
name = "other"
title = "Title"
license = "MIT"
source = "here"
task = "detect"
[preprocess]
resize = "letterbox"
colour = "bgr"
mean = [1, 2.5, 3]
std = 2
[postprocess]
softmax = true
top = 7
threshold = 0.25
iou = 0.5
label_offset = -1
outputs = {boxes = 3, classes = 2, scores = 1, count = 0}
[[version]]
number = 12
[[version.artifact]]
file = "b.rknn"
[[version]]
number = 3
[[version.artifact]]
file = "weights.bin"
engine = "xclbin"
families = ["xdna"]
min_cosine = 0.5
[[version.artifact]]
file = "c.onnx"
max_batch = 16
[[version.artifact]]
file = "d.tflite"
families = ["cpu", "rocket"]
reference = true
)");
  EXPECT_EQ(package.name, "other");
  EXPECT_EQ(package.task, Task::kDetect);
  EXPECT_EQ(package.preprocess.resize, Resize::kLetterbox);
  EXPECT_EQ(package.preprocess.colour, Colour::kBgr);
  EXPECT_THAT(package.preprocess.mean, ElementsAre(1.0F, 2.5F, 3.0F));
  EXPECT_THAT(package.preprocess.std, ElementsAre(2.0F, 2.0F, 2.0F));
  EXPECT_TRUE(package.postprocess.softmax);
  EXPECT_EQ(package.postprocess.top, 7);
  EXPECT_EQ(package.postprocess.label_offset, -1);
  EXPECT_EQ(package.postprocess.boxes_output, 3);
  EXPECT_EQ(package.postprocess.count_output, 0);
  ASSERT_EQ(package.versions.size(), 2U);
  EXPECT_EQ(package.versions[0].number, 3) << "ascending by number";
  EXPECT_EQ(package.latest().number, 12);
  EXPECT_EQ(package.find(3)->artifacts.size(), 3U);
  EXPECT_EQ(package.find(4), nullptr);
  EXPECT_EQ(package.versions[0].artifacts[0].engine, "xclbin");
  EXPECT_EQ(package.versions[0].artifacts[1].engine, "onnxruntime");
  EXPECT_FALSE(package.versions[0].artifacts[1].reference);
  EXPECT_TRUE(package.versions[0].artifacts[2].reference);
  EXPECT_THAT(package.latest().artifacts[0].families, ElementsAre("rknpu"));
  EXPECT_FALSE(package.latest().artifacts[0].reference) << "it cannot run on the CPU";
}

TEST(Package, WhatIsWrittenReadsBackTheSame) {
  std::string toml = R"(
title = "with \"quotes\" and \\"
task = "detect"
labels = "l.txt"
canary = "c.jpg"
preprocess = {resize = "crop", colour = "grey", mean = [0, 127.5, 3.25], std = 0.1}
postprocess = {softmax = true, threshold = 0.3, label_offset = 4}
[[version]]
number = 2
[[version.artifact]]
file = "a.bin"
engine = "axmodel"
families = ["axcl"]
min_cosine = 0.75
)";
  Result<PackageText> first = parse_package(toml, "model.toml", "thing", resolve_by_name);
  ASSERT_TRUE(first.has_value()) << first.error().message;
  std::string written = to_toml(*first);
  Result<PackageText> second = parse_package(written, "model.toml", "thing", resolve_by_name);
  ASSERT_TRUE(second.has_value()) << second.error().message << written;
  EXPECT_EQ(to_toml(*second), written);
  EXPECT_EQ(second->package.title, "with \"quotes\" and \\");
  EXPECT_EQ(second->package.preprocess.std, first->package.preprocess.std);
  EXPECT_EQ(second->package.postprocess.threshold, first->package.postprocess.threshold);
  EXPECT_EQ(second->package.versions[0].artifacts[0].engine, "axmodel");
  EXPECT_EQ(second->labels, "l.txt");
}

TEST(Package, UnknownKeysAreRefusedWithTheOneThatWasMeant) {
  Error error = package_error(
      "task = \"raw\"\nlable = \"x\"\n[[version]]\n[[version.artifact]]\nfile = \"a.tflite\"\n");
  EXPECT_EQ(error.message, "model.toml:2:1: model.toml has no key 'lable'");
  EXPECT_EQ(error.hint, "did you mean 'labels'?");
  error = package_error(
      "task = \"raw\"\n[preprocess]\nmeen = 1\n[[version]]\n[[version.artifact]]\nfile = "
      "\"a.tflite\"\n");
  EXPECT_EQ(error.message, "model.toml:3:1: [preprocess] has no key 'meen'");
  EXPECT_EQ(error.hint, "did you mean 'mean'?");
}

struct BadToml {
  const char* toml;
  const char* message;
};

constexpr const char* kGoodVersion = "\n[[version]]\n[[version.artifact]]\nfile = \"a.tflite\"\n";

TEST(Package, ErrorsNameTheLine) {
  const BadToml cases[] = {
      {"task = ", "model.toml:1:"},
      {"task = \"clasify\"", "model.toml:1:8: unknown task 'clasify'"},
      {"task = 3", "model.toml:1:8: task must be text in quotes"},
      {"title = \"no task\"", "the package needs task"},
      {"task = \"raw\"\nname = \"Big Name\"",
       "model.toml:2:8: 'Big Name' cannot be a package's name"},
      {"task = \"raw\"\nlabels = \"../labels.txt\"",
       "model.toml:2:10: '../labels.txt' leaves the package"},
      {"task = \"raw\"\nlabels = \"/etc/passwd\"", "'/etc/passwd' is an absolute path"},
      {"task = \"raw\"\ncanary = \"\"", "'' is not a file name"},
      {"task = \"raw\"\n[preprocess]\nstd = 0", "model.toml:3:7: std must hold numbers"},
      {"task = \"raw\"\n[preprocess]\nmean = nan", "model.toml:3:8: mean must hold numbers"},
      {"task = \"raw\"\n[preprocess]\nmean = [1, inf, 2]", "mean must hold numbers"},
      {"task = \"raw\"\n[preprocess]\nmean = [1, 2]", "mean needs one number or three, not 2"},
      {"task = \"raw\"\n[postprocess]\nthreshold = nan", "threshold must be a number from 0 to 1"},
      {"task = \"raw\"\n[postprocess]\ntop = 0", "top must be a whole number from 1 to 1000"},
      {"task = \"raw\"\npreprocess = 3", "preprocess must be a table"},
  };
  for (const BadToml& one : cases)
    EXPECT_THAT(package_error(std::string(one.toml) + kGoodVersion).message, HasSubstr(one.message))
        << one.toml;
}

TEST(Package, VersionsAreChecked) {
  const BadToml cases[] = {
      {"", "the package has no version"},
      {"[[version]]", "version 1 has no artifact"},
      {"[[version]]\nnumber = 0", "number must be a whole number"},
      {"[[version]]\n[[version.artifact]]\nfile = \"a.bin\"", "no engine is known for 'a.bin'"},
      {"[[version]]\n[[version.artifact]]\nfile = \"../a.tflite\"", "leaves the package"},
      {"[[version]]\n[[version.artifact]]\nengine = \"tflite\"", "needs file"},
      {"[[version]]\n[[version.artifact]]\nfile = \"a.tflite\"\nfamilies = []",
       "families is empty"},
      {"[[version]]\n[[version.artifact]]\nfile = \"a.tflite\"\nfamilies = [\"rknpo\"]",
       "unknown family 'rknpo'"},
      {"[[version]]\n[[version.artifact]]\nfile = \"a.tflite\"\nmin_cosine = 2",
       "min_cosine must be"},
      {"[[version]]\n[[version.artifact]]\nfile = \"a.rknn\"\nreference = true",
       "does not run on the CPU"},
      {"[[version]]\n[[version.artifact]]\nfile = \"a.onnx\"\n[[version.artifact]]\nfile = "
       "\"a.onnx\"",
       "the same file is named twice"},
      {"[[version]]\n[[version.artifact]]\nfile = \"a.onnx\"\nreference = true\n"
       "[[version.artifact]]\nfile = \"b.onnx\"\nreference = true",
       "two artifacts of one version are marked"},
      {"[[version]]\n[[version.artifact]]\nfile = "
       "\"a.onnx\"\n[[version]]\n[[version.artifact]]\nfile = \"b.onnx\"",
       "there are two versions 1"},
  };
  for (const BadToml& one : cases)
    EXPECT_THAT(package_error("task = \"raw\"\n" + std::string(one.toml)).message,
                HasSubstr(one.message))
        << one.toml;
}

TEST(Package, LimitsAreKept) {
  std::string many = "task = \"raw\"\n[[version]]\n";
  for (int i = 0; i < 65; ++i)
    many += "[[version.artifact]]\nfile = \"" + std::to_string(i) + ".onnx\"\n";
  EXPECT_THAT(package_error(many).message, HasSubstr("more than the limit of 64"));
  EXPECT_THAT(package_error(std::string(300000, '#')).message, HasSubstr("larger than the limit"));
  EXPECT_THAT(package_error("task = " + std::string(100000, '[')).message,
              HasSubstr("nested too deeply"));
  std::string dotted = "a";
  for (int i = 0; i < 50000; ++i) dotted += ".a";
  EXPECT_THAT(package_error(dotted + " = 1").message, HasSubstr("nested too deeply"));
}

TEST(Package, FilesMustBeThereAndInside) {
  PackageFolder folder(kSmall);
  fs::remove(folder.path() / "1/a.tflite");
  Result<Package> package = read_package(folder.path());
  ASSERT_FALSE(package.has_value());
  EXPECT_THAT(package.error().message, HasSubstr("model.toml:7:8: '1/a.tflite' is not there"));

  std::ofstream(folder.beside("secret.tflite")) << "x";
  fs::create_symlink(folder.beside("secret.tflite"), folder.path() / "1/a.tflite");
  package = read_package(folder.path());
  ASSERT_FALSE(package.has_value());
  EXPECT_THAT(package.error().message, HasSubstr("outside the package"));

  fs::remove(folder.path() / "1/a.tflite");
  fs::create_directory(folder.path() / "1/a.tflite");
  package = read_package(folder.path());
  ASSERT_FALSE(package.has_value());
  EXPECT_THAT(package.error().message, HasSubstr("is not a regular file"));
}

TEST(Package, AFolderWithoutModelTomlIsNotFound) {
  TemporaryFolder folder;
  Result<Package> package = read_package(folder.path());
  ASSERT_FALSE(package.has_value());
  EXPECT_EQ(package.error().code, Code::kNotFound);
}

TEST(Labels, AreLinesMadeShowable) {
  Result<std::vector<std::string>> labels = parse_labels(
      "\xEF\xBB\xBF"
      "one\n\n th\x01ree \r\nb\xFF"
      "d",
      "l");
  ASSERT_TRUE(labels.has_value());
  EXPECT_THAT(*labels, ElementsAre("one", "", "th?ree", "b?d"));
  EXPECT_TRUE(parse_labels("", "l")->empty());
}

TEST(Labels, AreLimited) {
  std::string text(kMostLabels, '\n');
  EXPECT_EQ(parse_labels(text, "l")->size(), kMostLabels);
  Result<std::vector<std::string>> labels = parse_labels(text + "x", "labels.txt");
  ASSERT_FALSE(labels.has_value());
  EXPECT_EQ(labels.error().code, Code::kTooLarge);
  EXPECT_THAT(labels.error().message, HasSubstr("labels.txt"));
}

TEST(PackageName, IsPlain) {
  EXPECT_TRUE(is_package_name("mobilenet_v1"));
  EXPECT_TRUE(is_package_name("0.a-b"));
  EXPECT_FALSE(is_package_name(""));
  EXPECT_FALSE(is_package_name(".hidden"));
  EXPECT_FALSE(is_package_name("a/b"));
  EXPECT_FALSE(is_package_name("Upper"));
  EXPECT_FALSE(is_package_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace anynpu::model

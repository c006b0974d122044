// SPDX-License-Identifier: Apache-2.0
#include "model/catalog.h"

#include <gmock/gmock.h>

#include "base/file.h"
#include "model/built_in_catalog.h"
#include "model/labels.h"

namespace anynpu::model {
namespace {

using ::testing::HasSubstr;

const std::string kHash(64, 'a');

std::string file(const std::string& path, const std::string& sources = "[{text = \"x\"}]") {
  return "[[model.file]]\npath = \"" + path + "\"\nsize = 1\nsha256 = \"" + kHash +
         "\"\nsources = " + sources + "\n";
}

const std::string kModel = R"([[model]]
name = "m"
[model.package]
task = "raw"
version = [{artifact = [{file = "a.tflite"}]}]
)";

Error catalog_error(const std::string& text) {
  Result<Catalog> catalog = parse_catalog("schema = 1\n" + text, "catalog.toml");
  EXPECT_FALSE(catalog.has_value()) << text;
  return catalog ? Error{} : catalog.error();
}

TEST(Catalog, TheBuiltInOneIsWhole) {
  Result<Catalog> catalog = parse_catalog(built_in_catalog(), "built in");
  ASSERT_TRUE(catalog.has_value()) << catalog.error().message;
  for (const char* name : {"mobilenet_v1", "ssd_mobilenet_v1", "efficientdet_lite0"}) {
    const CatalogModel* model = catalog->find(name);
    ASSERT_NE(model, nullptr) << name;
    EXPECT_TRUE(model->in_default);
    EXPECT_EQ(model->package.package.license, "Apache-2.0");
    for (const CatalogFile& one : model->files)
      EXPECT_FALSE(one.license.empty()) << name << one.path;
    // What pull writes is what read_package reads.
    Result<PackageText> text =
        parse_package(to_toml(model->package), "model.toml", name, resolve_by_name);
    EXPECT_TRUE(text.has_value()) << text.error().message;
  }
  // A recording that is dropped on the page of `make run` becomes text.
  for (const char* name : {"moonshine_tiny", "silero_vad"})
    EXPECT_TRUE(catalog->find(name) != nullptr && catalog->find(name)->in_default) << name;
  EXPECT_EQ(catalog->find("mobilenet_v1")->package.package.latest().artifacts.size(), 2U);
  EXPECT_EQ(catalog->runtimes.size(), 4U) << "two engines for two architectures";
}

TEST(Catalog, TextsInItHaveTheirHash) {
  Result<Catalog> catalog = parse_catalog(built_in_catalog(), "built in");
  ASSERT_TRUE(catalog.has_value());
  int texts = 0;
  for (const CatalogModel& model : catalog->models)
    for (const CatalogFile& one : model.files)
      for (const FileSource& source : one.sources) {
        if (source.text.empty()) continue;
        ++texts;
        EXPECT_EQ(source.text.size(), one.size);
        EXPECT_EQ(sha256_of(std::as_bytes(std::span(source.text))), one.sha256);
        EXPECT_EQ(parse_labels(source.text, "labels")->at(17), "dog");
      }
  EXPECT_EQ(texts, 1);
}

TEST(Catalog, RefusesWhatCouldDoHarmOrCannotWork) {
  struct Bad {
    std::string text;
    const char* message;
  };
  const Bad cases[] = {
      {"[[model]]", "needs name"},
      {kModel, "the entry has no files"},
      {kModel + file("1/b.tflite"), "'1/a.tflite' is not among the model's files"},
      {kModel + file("1/a.tflite") + file("../x"), "leaves the package"},
      {kModel + file("1/a.tflite") + file("/x"), "absolute path"},
      {kModel + file("1/a.tflite") + file(".checked"), "cannot be used"},
      {kModel + file("1/a.tflite") + file("1/a.tflite"), "cannot be used"},
      {kModel + file("1/a.tflite", "[]"), "needs sources"},
      {kModel + file("1/a.tflite", "[{url = \"file:///etc/passwd\"}]"),
       "url must be http or https"},
      {kModel + file("1/a.tflite", "[{url = \"https://a b\"}]"), "url must be http or https"},
      {kModel + file("1/a.tflite", "[{archive = \"x\", member = \"y\"}]"),
       "there is no [archive.x]"},
      {kModel + file("1/a.tflite", "[{member = \"y\"}]"), "one of archive, url, text"},
      {kModel + file("1/a.tflite", "[{url = \"http://a\", text = \"y\"}]"),
       "one of archive, url, text"},
      {kModel + file("1/a.tflite", "[{uri = \"http://a\"}]"), "one of archive, url, text"},
      {kModel + "[[model.file]]\npath = \"1/a.tflite\"\nsize = 1\nsha256 = \"abc\"\nsources = "
                "[{text = \"\"}]",
       "64 lower-case hexadecimal digits"},
      {"[archive.x]\nnpm = \"--flag@1\"\nsize = 1\nsha256 = \"" + kHash + "\"",
       "not an address for npm"},
      {"[archive.x]\ndebian = \"../x\"\nsize = 1\nsha256 = \"" + kHash + "\"",
       "not an address for debian"},
      {"[archive.x]\ndeb = \"-o\"", "not an address for deb"},
      {"[archive.x]\nnpm = \"a@1\"", "needs its size"},
      {"[archive.x]\nsize = 1", "needs one of npm, debian, deb, url"},
      {"[archive.x]\ndeb = \"a\"\n" + kModel +
           file("1/a.tflite", "[{archive = \"x\", member = \"../y\"}]"),
       "plain path in the archive"},
      {"[archive.x]\ndeb = \"a\"\n" + kModel +
           file("1/a.tflite", "[{archive = \"x\", member = \"-y\"}]"),
       "plain path in the archive"},
      {"[[runtime]]\nname = \"x\"\nversion = \"1\"\narch = \"mips\"", "unknown arch"},
      {"[[modle]]", "the catalog has no key 'modle'"},
  };
  for (const Bad& one : cases)
    EXPECT_THAT(catalog_error(one.text).message, HasSubstr(one.message)) << one.text;
}

TEST(Catalog, ErrorsNameTheLine) {
  EXPECT_THAT(catalog_error("[[model]]\nname = \"m\"\nfoo = 1").message,
              HasSubstr("catalog.toml:"));
  EXPECT_THAT(parse_catalog("schema = 2", "c").error().message, HasSubstr("c:1:"));
}

}  // namespace
}  // namespace anynpu::model

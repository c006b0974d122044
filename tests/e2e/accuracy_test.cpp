// SPDX-License-Identifier: Apache-2.0
// What the default models say of real photographs, through the program: each artifact of the
// classifier has a right label among its first three, each detector finds the named objects.
//
// The photographs of Debian's packages are always there (`tools/setup test` fetches them); with
// an ANYNPU_MIRROR that has images/labels.tsv, its pictures are added.
#include <fstream>
#include <set>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/report.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "model/folders.h"

namespace anynpu {
namespace {

using testing::AnyOfArray;
using testing::Contains;
namespace fs = std::filesystem;

struct Picture {
  fs::path file;
  std::vector<int> classes;          // of ImageNet, background is 0; any of them is right
  std::vector<std::string> objects;  // of COCO; all of them are in the picture
};

template <typename Value>
std::vector<Value> list_of(const std::string& text) {
  std::vector<Value> values;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    if constexpr (std::is_same_v<Value, int>)
      values.push_back(std::stoi(word));
    else
      values.push_back(word);
  }
  return values;
}

std::vector<Picture> pictures_of_debian() {
  const fs::path data = model::user_data_folder();
  const fs::path pictures = data / "test-pictures";
  return {{data / "models/mobilenet_v1/canary.jpg", {653}, {"person", "tie"}},
          {pictures / "chelsea.png", {282, 283, 284, 285, 286}, {"cat"}},
          {pictures / "coffee.png", {505, 968, 969}, {"cup", "dining table"}},
          {pictures / "astronaut.png", {}, {"person"}}};
}

/// The rows of a mirror's images/labels.tsv: a file, classes, objects. None without a mirror.
std::vector<Picture> pictures_of_mirror() {
  fs::path images;
  for (const fs::path& mirror : model::folder_list("ANYNPU_MIRROR"))
    if (fs::exists(mirror / "images/labels.tsv")) images = mirror / "images";
  std::vector<Picture> pictures;
  std::ifstream rows(images / "labels.tsv");
  std::string row;
  std::getline(rows, row);  // the titles
  while (std::getline(rows, row)) {
    std::istringstream columns(row);
    std::string file, classes, objects;
    std::getline(columns, file, '\t');
    std::getline(columns, classes, '\t');
    std::getline(columns, objects, '\t');
    pictures.push_back({images / file, list_of<int>(classes), list_of<std::string>(objects)});
  }
  return pictures;
}

std::vector<Picture> all_pictures() {
  std::vector<Picture> pictures = pictures_of_debian();
  for (const Picture& picture : pictures)
    EXPECT_TRUE(fs::exists(picture.file)) << picture.file << " is missing: run `make test`";
  const std::vector<Picture> more = pictures_of_mirror();
  std::printf("%zu pictures of Debian's packages, %zu of a mirror\n", pictures.size(), more.size());
  pictures.insert(pictures.end(), more.begin(), more.end());
  return pictures;
}

/// The results of `anynpu run`, one for each picture.
Json run(const std::vector<Picture>& pictures, std::vector<std::string> options) {
  std::vector<std::string> words{ANYNPU_BINARY, "run", "--json"};
  words.insert(words.end(), options.begin(), options.end());
  for (const Picture& picture : pictures) words.push_back(picture.file);
  auto ran = run_command(words, {.timeout = seconds(600), .most_output = 16 << 20});
  if (!ran || ran->exit_code != 0) {
    ADD_FAILURE() << (ran ? ran->errors + ran->output : ran.error().message);
    return Json::array();
  }
  return Json::parse(ran->output).at("results");
}

TEST(Accuracy, EachArtifactOfTheClassifierHasARightLabelAmongItsFirstThree) {
  const std::vector<Picture> pictures = all_pictures();
  for (const char* placement : {"float32", "uint8"}) {
    const Json results = run(pictures, {"mobilenet_v1", "--top", "3", "--placement", placement});
    ASSERT_EQ(results.size(), pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      if (pictures[i].classes.empty()) continue;
      std::vector<int> said;
      for (const Json& prediction : results[i].at("predictions"))
        said.push_back(prediction.at("class_id").get<int>());
      EXPECT_EQ(said.size(), 3U);
      EXPECT_THAT(said, Contains(AnyOfArray(pictures[i].classes)))
          << placement << ": " << pictures[i].file << " is " << results[i].at("predictions");
    }
    const Json& first = results[0].at("predictions")[0];
    EXPECT_EQ(first.at("label"), "military uniform") << placement << ": " << first;
  }
}

TEST(Accuracy, EachDetectorFindsTheNamedObjects) {
  const std::vector<Picture> pictures = all_pictures();
  for (const char* detector : {"ssd_mobilenet_v1", "efficientdet_lite0"}) {
    const Json results = run(pictures, {detector});
    ASSERT_EQ(results.size(), pictures.size());
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      std::set<std::string> found;
      for (const Json& prediction : results[i].at("predictions"))
        found.insert(prediction.at("label").get<std::string>());
      for (const std::string& object : pictures[i].objects)
        EXPECT_THAT(found, Contains(object)) << detector << ": " << pictures[i].file;
    }
  }
}

}  // namespace
}  // namespace anynpu

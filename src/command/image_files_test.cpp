// SPDX-License-Identifier: Apache-2.0
// Which pictures a command line means.
#include "command/image_files.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::command {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ImageFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "anynpu-images-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void touch(const std::string& name) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << "x";
  }
  std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const ImageFile& image : find_images({(root_ / folder).string()})) {
      EXPECT_FALSE(image.error) << image.error->message;
      names.push_back(image.name.string());
    }
    return names;
  }

  fs::path root_;
};

TEST_F(ImageFilesTest, FoldersGiveTheirPicturesSorted) {
  for (const char* name :
       {"d/z.JPG", "d/a.png", "d/sub/b.WebP", "d/sub/c.jpeg", "d/e.bmp", "d/notes.txt", "d/jpg"})
    touch(name);
  EXPECT_THAT(names_in("d"), ElementsAre("a.png", "e.bmp", "sub/b.WebP", "sub/c.jpeg", "z.JPG"));
}

TEST_F(ImageFilesTest, FilesAreTakenByWhateverName) {
  auto images = find_images({"/none/x.txt", "y"});
  ASSERT_EQ(images.size(), 2U);
  EXPECT_EQ(images[0].path, "/none/x.txt");
  EXPECT_EQ(images[0].name, "x.txt");
  EXPECT_FALSE(images[0].error);
}

TEST_F(ImageFilesTest, AFolderWithoutPicturesIsAnError) {
  touch("d/notes.txt");
  auto images = find_images({(root_ / "d").string()});
  ASSERT_EQ(images.size(), 1U);
  ASSERT_TRUE(images[0].error);
  EXPECT_EQ(images[0].error->code, Code::kNotFound);
  EXPECT_THAT(images[0].error->hint, HasSubstr(".webp"));
}

TEST_F(ImageFilesTest, CirclesOfLinksEndAndFoldersThatLookLikePicturesAreFolders) {
  touch("d/a.jpg");
  touch("d/album.jpg/b.jpg");
  fs::create_directory_symlink(root_ / "d", root_ / "d" / "again");
  EXPECT_THAT(names_in("d"), ElementsAre("a.jpg", "album.jpg/b.jpg"));
}

TEST_F(ImageFilesTest, NamesNeedNotBeUtf8) {
  touch("d/\xff\xfe.jpg");
  EXPECT_THAT(names_in("d"), ElementsAre("\xff\xfe.jpg"));
}

}  // namespace
}  // namespace anynpu::command

// SPDX-License-Identifier: Apache-2.0
// The pictures that a command line names: files, and folders with all that is in them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace anynpu::command {

struct ImageFile {
  std::filesystem::path path;
  std::filesystem::path name;  // below the folder that was named: "holiday/cat.jpg"
  std::optional<Error> error;  // why there is nothing to read, such as a folder without pictures
};

/// Files as they are named, whatever their ending; of folders and the folders in them every file
/// that ends in .jpg, .jpeg, .png, .webp or .bmp, sorted by path. Links to folders are not
/// followed, so that a circle ends.
std::vector<ImageFile> find_images(const std::vector<std::string>& arguments);

}  // namespace anynpu::command

// SPDX-License-Identifier: Apache-2.0
// The pictures that a command line names.
#include "command/image_files.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace anynpu::command {
namespace {

namespace fs = std::filesystem;

bool ends_as_image(const fs::path& path) {
  constexpr std::array<std::string_view, 5> kEndings = {".jpg", ".jpeg", ".png", ".webp", ".bmp"};
  return std::find(kEndings.begin(), kEndings.end(), to_lower(path.extension().string())) !=
         kEndings.end();
}

void add_folder(const fs::path& folder, std::vector<ImageFile>& images) {
  std::size_t before = images.size();
  std::error_code error;
  fs::recursive_directory_iterator entry(folder, error);
  if (error) {
    images.push_back({folder, folder.filename(), system_error(folder.string(), error.value())});
    return;
  }
  for (; entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code unknown;
    if (ends_as_image(entry->path()) && !entry->is_directory(unknown))
      images.push_back({entry->path(), entry->path().lexically_relative(folder), std::nullopt});
  }
  // The increment stops at a folder that cannot be listed; what was found is still worth having.
  if (error)
    images.push_back(
        {folder, folder.filename(), system_error("a folder in " + folder.string(), error.value())});
  std::sort(images.begin() + static_cast<std::ptrdiff_t>(before), images.end(),
            [](const ImageFile& a, const ImageFile& b) { return a.path < b.path; });
  if (images.size() == before)
    images.push_back(
        {folder, folder.filename(),
         Error{Code::kNotFound, folder.string() + ": no pictures in this folder"}.with_hint(
             "pictures end in .jpg, .jpeg, .png, .webp or .bmp")});
}

}  // namespace

std::vector<ImageFile> find_images(const std::vector<std::string>& arguments) {
  std::vector<ImageFile> images;
  for (const std::string& argument : arguments) {
    fs::path path(argument);
    std::error_code unknown;
    if (fs::is_directory(path, unknown))
      add_folder(path, images);
    else
      images.push_back({path, path.filename(), std::nullopt});
  }
  return images;
}

}  // namespace anynpu::command

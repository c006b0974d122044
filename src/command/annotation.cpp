// SPDX-License-Identifier: Apache-2.0
// `--annotate`: pictures with what was seen drawn on them.
#include "command/annotation.h"

#include <system_error>

#include "vision/annotate.h"

namespace anynpu::command {

namespace fs = std::filesystem;

Annotator::Annotator(fs::path target, bool single) : target_(std::move(target)) {
  std::error_code unknown;
  one_file_ = single && !fs::is_directory(target_, unknown);
}

Result<> Annotator::draw(const fs::path& name, std::span<const std::byte> encoded,
                         const std::vector<vision::Prediction>& predictions) {
  fs::path path = one_file_ ? target_ : path_for(name);
  if (!one_file_) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error)
      return system_error("cannot make the folder " + path.parent_path().string(), error.value());
  }
  return vision::annotate_to_file(encoded, predictions, path);
}

// Two folders may hold pictures of one name; neither overwrites the other.
fs::path Annotator::path_for(const fs::path& name) {
  fs::path path = target_ / name;
  path += ".png";
  for (int n = 2; !written_.insert(path).second; ++n) {
    path = target_ / name;
    path += "-" + std::to_string(n) + ".png";
  }
  return path;
}

}  // namespace anynpu::command

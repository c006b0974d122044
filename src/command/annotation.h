// SPDX-License-Identifier: Apache-2.0
// `--annotate`: pictures with what was seen drawn on them.
#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "vision/image_model.h"

namespace anynpu::command {

class Annotator {
 public:
  /// `single`: one picture, so that `target` is a PNG file unless it is a folder that exists.
  Annotator(std::filesystem::path target, bool single);

  bool wanted() const { return !target_.empty(); }

  /// Writes the picture with its predictions drawn on it, whole or not at all. `name` is where it
  /// stands below the folder that was named: "holiday/cat.jpg" becomes TARGET/holiday/cat.jpg.png.
  Result<> draw(const std::filesystem::path& name, std::span<const std::byte> encoded,
                const std::vector<vision::Prediction>& predictions);

 private:
  std::filesystem::path path_for(const std::filesystem::path& name);

  std::filesystem::path target_;
  bool one_file_ = false;
  std::set<std::filesystem::path> written_;
};

}  // namespace anynpu::command

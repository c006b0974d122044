// SPDX-License-Identifier: Apache-2.0
// Annotating: boxes and labels drawn on a picture.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/result.h"
#include "vision/image.h"
#include "vision/image_model.h"

namespace anynpu::vision {

using Rgb = std::array<std::uint8_t, 3>;

/// The same class always has the same colour; neighbouring classes differ.
Rgb class_colour(int class_id);
/// Black or white, whichever can be read on it (WCAG 2.1 relative luminance).
Rgb text_colour(Rgb background);

/// Draws detections as boxes with their label and score, and labels without a box as a list in the
/// upper left corner. Lines and letters grow with the picture.
void annotate(Image& picture, std::span<const Prediction> predictions);

/// Decodes a picture at its own size, draws on it and writes it as PNG.
Result<> annotate_to_file(std::span<const std::byte> encoded,
                          std::span<const Prediction> predictions,
                          const std::filesystem::path& png);

}  // namespace anynpu::vision

// SPDX-License-Identifier: Apache-2.0
// Boxes, labels and their colours.
#include "vision/annotate.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "vision/decode.h"
#include "vision/font.h"
#include "vision/png_writer.h"

namespace anynpu::vision {
namespace {

constexpr std::size_t kMostLetters = 60;

// Half-open, in pixels; may reach over the picture's edges.
struct Rect {
  int x0, y0, x1, y1;
};

void fill(Image& picture, Rect rect, Rgb colour) {
  rect.x0 = std::clamp(rect.x0, 0, picture.width);
  rect.x1 = std::clamp(rect.x1, 0, picture.width);
  rect.y0 = std::clamp(rect.y0, 0, picture.height);
  rect.y1 = std::clamp(rect.y1, 0, picture.height);
  for (int y = rect.y0; y < rect.y1; ++y)
    for (int x = rect.x0; x < rect.x1; ++x) std::memcpy(picture.row(y) + 3 * x, colour.data(), 3);
}

void draw_frame(Image& picture, Rect rect, int line, Rgb colour) {
  fill(picture, {rect.x0, rect.y0, rect.x1, rect.y0 + line}, colour);
  fill(picture, {rect.x0, rect.y1 - line, rect.x1, rect.y1}, colour);
  fill(picture, {rect.x0, rect.y0, rect.x0 + line, rect.y1}, colour);
  fill(picture, {rect.x1 - line, rect.y0, rect.x1, rect.y1}, colour);
}

void draw_text(Image& picture, std::string_view text, int x, int y, int scale, Rgb colour) {
  for (char letter : text) {
    for (int row = 0; row < kGlyphHeight; ++row)
      for (int column = 0; column < kGlyphWidth; ++column)
        if (glyph_has(letter, column, row))
          fill(picture,
               {x + column * scale, y + row * scale, x + (column + 1) * scale,
                y + (row + 1) * scale},
               colour);
    x += (kGlyphWidth + 1) * scale;
  }
}

// Text on a strip of colour, whose upper left corner is (x, y), moved into the picture.
struct Strip {
  std::string text;
  int scale;

  int width() const { return (static_cast<int>(text.size()) * (kGlyphWidth + 1) + 1) * scale; }
  int height() const { return (kGlyphHeight + 2) * scale; }
  void draw(Image& picture, int x, int y, Rgb colour) const {
    x = std::clamp(x, 0, std::max(0, picture.width - width()));
    y = std::clamp(y, 0, std::max(0, picture.height - height()));
    fill(picture, {x, y, x + width(), y + height()}, colour);
    draw_text(picture, text, x + scale, y + scale, scale, text_colour(colour));
  }
};

std::string title_of(const Prediction& prediction) {
  std::string name =
      prediction.label.empty() ? fmt::format("class {}", prediction.class_id) : prediction.label;
  name.resize(std::min(name.size(), kMostLetters));
  return fmt::format("{} {:.0f}%", name, static_cast<double>(prediction.score) * 100);
}

double linear(std::uint8_t sample) {
  const double value = sample / 255.0;
  return value <= 0.03928 ? value / 12.92 : std::pow((value + 0.055) / 1.055, 2.4);
}

int to_pixel(float value, int side) {
  return static_cast<int>(std::lround(std::clamp(value, 0.0F, static_cast<float>(side))));
}

}  // namespace

Rgb class_colour(int class_id) {
  // Hues a golden angle apart never come close for neighbours; lighter and darker in turns.
  const double hue = std::fmod(std::abs(static_cast<double>(class_id)) * 137.50776, 360.0) / 60.0;
  const double value = class_id % 2 == 0 ? 255 : 215;
  const double saturation = 0.85;
  Rgb colour{};
  for (std::size_t c = 0; c < 3; ++c) {
    const double turned = std::fmod(hue + (c == 0 ? 5.0 : c == 1 ? 3.0 : 1.0), 6.0);
    const double dip = std::clamp(std::min(turned, 4.0 - turned), 0.0, 1.0);
    colour[c] = static_cast<std::uint8_t>(std::lround(value * (1 - saturation * dip)));
  }
  return colour;
}

Rgb text_colour(Rgb background) {
  const double luminance = 0.2126 * linear(background[0]) + 0.7152 * linear(background[1]) +
                           0.0722 * linear(background[2]);
  // Where the contrast with white, 1.05 / (L + 0.05), equals that with black, (L + 0.05) / 0.05.
  return luminance > 0.179 ? Rgb{0, 0, 0} : Rgb{255, 255, 255};
}

void annotate(Image& picture, std::span<const Prediction> predictions) {
  if (picture.empty()) return;
  const int side = std::max(picture.width, picture.height);
  const int line = std::max(2, side / 250);
  const int scale = side < 480 ? 1 : std::max(2, side / 500);
  int list_y = 0;
  // The best last, so that it lies on top.
  for (std::size_t i = predictions.size(); i-- > 0;) {
    const Prediction& prediction = predictions[i];
    if (!prediction.box) continue;
    const Box& box = *prediction.box;
    const Rect rect = {to_pixel(box.x_min, picture.width), to_pixel(box.y_min, picture.height),
                       to_pixel(box.x_max, picture.width), to_pixel(box.y_max, picture.height)};
    const Rgb colour = class_colour(prediction.class_id);
    draw_frame(picture, rect, line, colour);
    const Strip strip{title_of(prediction), scale};
    const bool fits_above = rect.y0 >= strip.height();
    strip.draw(picture, rect.x0, fits_above ? rect.y0 - strip.height() : rect.y0, colour);
  }
  for (const Prediction& prediction : predictions) {
    if (prediction.box) continue;
    const Strip strip{title_of(prediction), scale};
    if (list_y + strip.height() > picture.height && list_y > 0) break;
    strip.draw(picture, 0, list_y, class_colour(prediction.class_id));
    list_y += strip.height();
  }
}

Result<> annotate_to_file(std::span<const std::byte> encoded,
                          std::span<const Prediction> predictions,
                          const std::filesystem::path& png) {
  ANYNPU_TRY(decoded, decode(encoded));
  annotate(decoded.image, predictions);
  return write_png(png, decoded.image);
}

}  // namespace anynpu::vision

// SPDX-License-Identifier: Apache-2.0
// Dynamic time warping over attention.
#include "speech/alignment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

namespace anynpu::speech {
namespace {

constexpr std::size_t kSmooth = 7;  // frames of the median

// The median of each value and its neighbours; the ends are mirrored.
void smooth(std::span<float> row, std::vector<float>& copy) {
  constexpr std::size_t kHalf = kSmooth / 2;
  if (row.size() <= kHalf) return;
  copy.assign(row.begin(), row.end());
  const auto at = [&](std::ptrdiff_t i) {
    const auto last = static_cast<std::ptrdiff_t>(copy.size()) - 1;
    if (i < 0) i = -i;
    if (i > last) i = 2 * last - i;
    return copy[static_cast<std::size_t>(i)];
  };
  for (std::size_t i = 0; i < row.size(); ++i) {
    std::array<float, kSmooth> near{};
    for (std::size_t k = 0; k < kSmooth; ++k)
      near[k] = at(static_cast<std::ptrdiff_t>(i + k) - static_cast<std::ptrdiff_t>(kHalf));
    std::nth_element(near.begin(), near.begin() + kHalf, near.end());
    row[i] = near[kHalf];
  }
}

// Over the tokens: mean 0, deviation 1 for each frame.
void normalise(std::vector<float>& matrix, std::size_t rows, std::size_t columns) {
  for (std::size_t column = 0; column < columns; ++column) {
    double sum = 0, squares = 0;
    for (std::size_t row = 0; row < rows; ++row) {
      const double value = matrix[row * columns + column];
      sum += value;
      squares += value * value;
    }
    const double mean = sum / static_cast<double>(rows);
    const double deviation =
        std::sqrt(std::max(0.0, squares / static_cast<double>(rows) - mean * mean)) + 1e-12;
    for (std::size_t row = 0; row < rows; ++row) {
      float& value = matrix[row * columns + column];
      value = static_cast<float>((value - mean) / deviation);
    }
  }
}

}  // namespace

std::vector<std::size_t> warp(std::span<const float> cost, std::size_t rows, std::size_t columns) {
  enum Step : std::uint8_t { kBoth, kDown, kRight };
  std::vector<Step> steps(rows * columns, kBoth);
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<double> above(columns + 1, kNever), now(columns + 1, kNever);
  above[0] = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    now[0] = kNever;
    for (std::size_t column = 0; column < columns; ++column) {
      const double both = above[column], down = above[column + 1], right = now[column];
      Step step = kRight;
      double best = right;
      if (both < down && both < right) {
        step = kBoth;
        best = both;
      } else if (down < both && down < right) {
        step = kDown;
        best = down;
      }
      now[column + 1] = best + cost[row * columns + column];
      steps[row * columns + column] = step;
    }
    std::swap(above, now);
    above[0] = kNever;
  }
  std::vector<std::size_t> first(rows, 0);
  std::size_t row = rows - 1, column = columns - 1;
  while (true) {
    first[row] = column;
    if (row == 0 && column == 0) break;
    const Step step = row == 0 ? kRight : column == 0 ? kDown : steps[row * columns + column];
    if (step != kRight) --row;
    if (step != kDown) --column;
  }
  return first;
}

std::vector<double> token_frames(std::span<const float> attention, std::size_t heads,
                                 std::size_t tokens, std::size_t frames, std::size_t used) {
  used = std::clamp<std::size_t>(used, 1, std::max<std::size_t>(1, frames));
  std::vector<float> cost(tokens * used, 0), matrix(tokens * used), copy;
  for (std::size_t head = 0; head < heads; ++head) {
    for (std::size_t token = 0; token < tokens; ++token) {
      const float* from = attention.data() + (head * tokens + token) * frames;
      float sum = 1e-12F;
      for (std::size_t frame = 0; frame < used; ++frame) sum += from[frame];
      for (std::size_t frame = 0; frame < used; ++frame)
        matrix[token * used + frame] = from[frame] / sum;
    }
    normalise(matrix, tokens, used);
    for (std::size_t token = 0; token < tokens; ++token)
      smooth(std::span(matrix).subspan(token * used, used), copy);
    for (std::size_t i = 0; i < cost.size(); ++i) cost[i] -= matrix[i] / static_cast<float>(heads);
  }
  std::vector<double> begins;
  for (const std::size_t frame : warp(cost, tokens, used))
    begins.push_back(static_cast<double>(frame));
  begins.push_back(static_cast<double>(used));
  return begins;
}

}  // namespace anynpu::speech

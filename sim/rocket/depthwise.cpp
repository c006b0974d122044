// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution: one kernel per channel, 16 channels at a time, as the planes hold them.
#include <array>
#include <vector>

#include "sim/rocket/convolution.h"

namespace anynpu::sim::rocket {
namespace {

constexpr int kLanes = 16;
template <class Number>
using Lanes = std::array<Number, kLanes>;

/// A plane's kernel with the offset added: one entry per tap. Blocks of 64 channels, taps,
/// channels.
std::vector<Lanes<std::int32_t>> kernel_of_plane(const Task& task, const Operands& operands,
                                                 int plane) {
  int channel = plane * kLanes;
  int block = channel & ~63;
  int block_channels = std::min(64, task.channels - block);
  int taps = task.kernel_width * task.kernel_height;
  const std::int8_t* from = operands.weights + std::int64_t{block} * taps + (channel - block);
  std::vector<Lanes<std::int32_t>> kernel(static_cast<std::size_t>(taps));
  for (Lanes<std::int32_t>& tap : kernel) {
    for (std::size_t c = 0; c < kLanes; ++c) tap[c] = from[c] + task.weight_offset;
    from += block_channels;
  }
  return kernel;
}

/// The last kernel_height rows of a plane, widened, with their padding. Row y is in slot y mod
/// height.
class PlaneRows {
 public:
  PlaneRows(const Task& task, const Operands& operands, Quirks quirks)
      : task_(task),
        operands_(operands),
        corrupt_(quirks.cbuf && short_of_entries(task)),
        pixels_(static_cast<std::size_t>((task.out_width - 1) * task.stride_x + task.kernel_width)),
        held_(static_cast<std::size_t>(task.kernel_height)),
        rows_(static_cast<std::size_t>(task.kernel_height) * pixels_) {
    for (std::size_t c = 0; c < kLanes; ++c)
      padding_[c] = static_cast<int>(quirks.pad && c % 2 != 0 ? task.pad_odd : task.pad_even);
  }

  void start(int plane) {
    plane_ = plane;
    std::fill(held_.begin(), held_.end(), kNone);
  }
  void move_to(int first) {
    first_ = first;
    for (int y = first; y < first + task_.kernel_height; ++y)
      if (held_[slot(y)] != y) fill(y);
  }
  const Lanes<std::int32_t>* row(int ky) const { return &rows_[slot(first_ + ky) * pixels_]; }

 private:
  static constexpr int kNone = -1 << 30;

  std::size_t slot(int y) const {  // pad_top is below 16, and so is -y
    return static_cast<std::size_t>((y + 16 * task_.kernel_height) % task_.kernel_height);
  }
  void fill(int y) {
    Lanes<std::int32_t>* row = &rows_[slot(y) * pixels_];
    const std::int8_t* line = operands_.features + plane_ * task_.plane + y * task_.line;
    for (std::size_t pixel = 0; pixel < pixels_; ++pixel) {
      int x = static_cast<int>(pixel) - task_.pad_left;
      if (y < 0 || y >= task_.height || x < 0 || x >= task_.width) {
        row[pixel] = padding_;
        continue;
      }
      const std::int8_t* from = line + std::int64_t{column_read(task_, corrupt_, x, y)} * kLanes;
      for (std::size_t c = 0; c < kLanes; ++c) row[pixel][c] = static_cast<int>(from[c]);
    }
    held_[slot(y)] = y;
  }

  const Task& task_;
  const Operands& operands_;
  bool corrupt_;
  std::size_t pixels_;
  int plane_ = 0, first_ = 0;
  std::vector<int> held_;
  std::vector<Lanes<std::int32_t>> rows_;
  Lanes<std::int32_t> padding_ = {};
};

template <class Sum>
Lanes<Sum> sum_at(const Task& task, const PlaneRows& rows,
                  const std::vector<Lanes<std::int32_t>>& kernel, int x) {
  Lanes<Sum> sums = {};
  const Lanes<std::int32_t>* weights = kernel.data();
  for (int ky = 0; ky < task.kernel_height; ++ky) {
    const Lanes<std::int32_t>* inputs = rows.row(ky) + x * task.stride_x;
    for (int kx = 0; kx < task.kernel_width; ++kx, ++weights)
      for (std::size_t c = 0; c < kLanes; ++c) sums[c] += Sum{inputs[kx][c]} * (*weights)[c];
  }
  return sums;
}

template <class Sum>
void convolve_planes(const Task& task, const Operands& operands, Quirks quirks, RowRange range) {
  PlaneRows rows(task, operands, quirks);
  for (int plane = 0; plane < task.out_planes(); ++plane) {
    Lanes<std::int32_t> biases;
    for (int c = 0; c < kLanes; ++c)
      biases[static_cast<std::size_t>(c)] = bias_of(task, operands, plane * kLanes + c);
    bool empty = plane * kLanes >= task.channels;  // planes that only the output has
    std::vector<Lanes<std::int32_t>> kernel;
    if (!empty) kernel = kernel_of_plane(task, operands, plane);
    rows.start(plane);
    for (int y = range.first; y < range.end; ++y) {
      if (!empty) rows.move_to(y * task.stride_y - task.pad_top);
      std::int8_t* to =
          operands.output + plane * task.out_plane + std::int64_t{y} * task.out_width * kLanes;
      for (int x = 0; x < task.out_width; ++x, to += kLanes) {
        Lanes<Sum> sums = {};
        if (!empty) sums = sum_at<Sum>(task, rows, kernel, x);
        for (std::size_t c = 0; c < kLanes; ++c) to[c] = finish(task, sums[c], biases[c], nullptr);
      }
    }
  }
}

}  // namespace

void convolve_depthwise(const Task& task, const Operands& operands, Quirks quirks, RowRange rows) {
  // 31 * 31 taps of a byte times less than 2^11 fit in 32 bits; no real weight offset is larger.
  if (task.weight_offset > -1024 && task.weight_offset < 1024)
    convolve_planes<std::int32_t>(task, operands, quirks, rows);
  else
    convolve_planes<std::int64_t>(task, operands, quirks, rows);
}

}  // namespace anynpu::sim::rocket

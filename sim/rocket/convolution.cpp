// SPDX-License-Identifier: Apache-2.0
// Convolution by multiplications of packed numbers.
//
// This runs inside an emulated processor, whose vector instructions are function calls but whose
// 64-bit multiplication is one instruction of the real one. So three products are made with each:
// with X = 2^21, inputs x0 + x1 X + x2 X^2 times weights w2 + w1 X + w0 X^2 is a polynomial whose
// coefficient at X^2 is x0 w0 + x1 w1 + x2 w2. Higher powers leave the 64 bits (X^3 keeps only its
// lowest bit, bit 63, which is dropped), lower ones are rounded away. The coefficient has 21 bits
// with its sign, enough for the sum of 21 such products of signed bytes (21 * 3 * 2^14 < 2^20).
#include "sim/rocket/convolution.h"

#include <algorithm>
#include <array>

namespace anynpu::sim::rocket {
namespace {

constexpr int kDigit = 21;         // bits of X
constexpr int kMostProducts = 21;  // of packed numbers, in one sum
constexpr int kBlock = 4;          // pixels and output channels that are computed together

int groups(const Task& task) {
  return (task.channels + 2) / 3;
}
/// Pixels of an input row with its padding, as far as the output needs them.
int row_pixels(const Task& task) {
  return (task.out_width - 1) * task.stride_x + task.kernel_width;
}

std::uint64_t pack(int at_0, int at_1, int at_2) {
  auto digit = [](int value) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(value));
  };
  return digit(at_0) + (digit(at_1) << kDigit) + (digit(at_2) << (2 * kDigit));
}

std::int64_t middle(std::uint64_t sum) {
  std::uint64_t rounded = sum + (std::uint64_t{1} << (2 * kDigit - 1));
  return static_cast<std::int64_t>(rounded << 1) >> (2 * kDigit + 1);
}

/// Where the weights of a kernel row of an output channel begin: o1, i1, ky, kx, o2, i2 from outer
/// to inner, in blocks of 32 output and 32 input channels.
struct WeightPlace {
  const Task& task;
  std::int64_t at(int out, int ky, int kx, int in) const {
    int o1 = out & ~31, i1 = in & ~31;
    int o_block = std::min(32, task.kernels - o1), i_block = std::min(32, task.channels - i1);
    std::int64_t area = std::int64_t{task.kernel_width} * task.kernel_height;
    std::int64_t tap = std::int64_t{ky} * task.kernel_width + kx;
    return area * (std::int64_t{o1} * task.channels + std::int64_t{o_block} * i1) +
           (tap * o_block + (out - o1)) * i_block + (in - i1);
  }
};

/// The last kernel_height rows of the input, packed, with their padding. Row y is in slot y mod
/// height.
class PackedRows {
 public:
  PackedRows(const Task& task, const Operands& operands, Quirks quirks)
      : task_(task),
        operands_(operands),
        corrupt_(quirks.cbuf && short_of_entries(task)),
        groups_(groups(task)),
        pixels_(row_pixels(task)),
        held_(static_cast<std::size_t>(task.kernel_height), kNone),
        words_(static_cast<std::size_t>(task.kernel_height) * row_words()),
        sums_(static_cast<std::size_t>(task.kernel_height) * static_cast<std::size_t>(pixels_)),
        bytes_(static_cast<std::size_t>(groups_) * 3),
        padding_(static_cast<std::size_t>(groups_)) {
    std::fill_n(bytes_.begin(), task.channels, task.pad_even);
    pack_pixel(padding_.data());
  }

  /// Makes rows first .. first + kernel_height - 1 available.
  void move_to(int first) {
    first_ = first;
    for (int y = first; y < first + task_.kernel_height; ++y)
      if (held_[slot(y)] != y) fill(y);
  }
  const std::uint64_t* row(int ky) const { return &words_[slot(first_ + ky) * row_words()]; }
  const std::int32_t* sums(int ky) const {
    return &sums_[slot(first_ + ky) * static_cast<std::size_t>(pixels_)];
  }

 private:
  static constexpr int kNone = -1 << 30;

  std::size_t row_words() const {
    return static_cast<std::size_t>(pixels_) * static_cast<std::size_t>(groups_);
  }
  std::size_t slot(int y) const {  // pad_top is below 16, and so is -y
    return static_cast<std::size_t>((y + 16 * task_.kernel_height) % task_.kernel_height);
  }
  std::int32_t pack_pixel(std::uint64_t* words) const {
    const std::int8_t* byte = bytes_.data();
    std::int32_t sum = 0;
    for (int g = 0; g < groups_; ++g, byte += 3) {
      words[g] = pack(byte[0], byte[1], byte[2]);
      sum += byte[0] + byte[1] + byte[2];
    }
    return sum;
  }
  void fill(int y) {
    std::uint64_t* words = &words_[slot(y) * row_words()];
    std::int32_t* sums = &sums_[slot(y) * static_cast<std::size_t>(pixels_)];
    for (int pixel = 0; pixel < pixels_; ++pixel, words += groups_) {
      int x = pixel - task_.pad_left;
      if (y < 0 || y >= task_.height || x < 0 || x >= task_.width) {
        std::copy(padding_.begin(), padding_.end(), words);
        sums[pixel] = task_.channels * task_.pad_even;
        continue;
      }
      const std::int8_t* from = operands_.features + y * task_.line +
                                std::int64_t{column_read(task_, corrupt_, x, y)} * 16;
      for (int c = 0; c < task_.channels; c += 16, from += task_.plane)
        std::memcpy(&bytes_[static_cast<std::size_t>(c)], from, 16);
      sums[pixel] = pack_pixel(words);
    }
    held_[slot(y)] = y;
  }

  const Task& task_;
  const Operands& operands_;
  bool corrupt_;
  int groups_, pixels_;
  int first_ = 0;
  std::vector<int> held_;
  std::vector<std::uint64_t> words_;
  std::vector<std::int32_t> sums_;
  std::vector<std::int8_t> bytes_;  // a pixel's channels, and zeros up to a multiple of three
  std::vector<std::uint64_t> padding_;
};

using Sums = std::array<std::array<std::int64_t, kBlock>, kBlock>;  // [pixel][output channel]

/// Adds the products of `count` packed numbers for Pixels pixels and kBlock output channels.
template <int Pixels>
void multiply(const std::uint64_t* inputs, std::ptrdiff_t pixel_step, const std::uint64_t* weights,
              std::ptrdiff_t kernel_step, int count, Sums& sums) {
  int parts = (count + kMostProducts - 1) / kMostProducts;
  int part = (count + parts - 1) / parts;
  for (int begin = 0; begin < count; begin += part) {
    int end = std::min(count, begin + part);
    std::uint64_t packed[Pixels][kBlock] = {};
    for (int g = begin; g < end; ++g)
      for (int p = 0; p < Pixels; ++p)
        for (int o = 0; o < kBlock; ++o)
          packed[p][o] += inputs[p * pixel_step + g] * weights[o * kernel_step + g];
    for (int p = 0; p < Pixels; ++p)
      for (int o = 0; o < kBlock; ++o)
        sums[static_cast<std::size_t>(p)][static_cast<std::size_t>(o)] += middle(packed[p][o]);
  }
}

/// One row of the output.
class RowWriter {
 public:
  RowWriter(const Task& task, const Operands& operands, const std::vector<std::uint64_t>& weights)
      : task_(task),
        operands_(operands),
        weights_(weights),
        words_(task.kernel_width * groups(task)) {
    for (int c = 0; c < task.out_planes() * 16; ++c) biases_.push_back(bias_of(task, operands, c));
  }

  void write(const PackedRows& rows, int y) const {
    int x = 0;
    for (; x + kBlock <= task_.out_width; x += kBlock) write_pixels<kBlock>(rows, y, x);
    for (; x < task_.out_width; ++x) write_pixels<1>(rows, y, x);
  }

 private:
  template <int Pixels>
  void write_pixels(const PackedRows& rows, int y, int x) const {
    std::int64_t inputs[Pixels];
    for (int p = 0; p < Pixels; ++p) inputs[p] = sum_of_inputs(rows, x + p);
    std::ptrdiff_t pixel_step = std::ptrdiff_t{task_.stride_x} * groups(task_);
    std::ptrdiff_t kernel_step = std::ptrdiff_t{task_.kernel_height} * words_;
    for (int out = 0; out < task_.out_planes() * 16; out += kBlock) {
      Sums sums = {};
      if (out < task_.kernels)
        for (int ky = 0; ky < task_.kernel_height; ++ky)
          multiply<Pixels>(
              rows.row(ky) + x * pixel_step, pixel_step,
              &weights_[static_cast<std::size_t>(out * kernel_step + std::ptrdiff_t{ky} * words_)],
              kernel_step, words_, sums);
      for (int p = 0; p < Pixels; ++p)
        store(y, x + p, out, sums[static_cast<std::size_t>(p)], inputs[p]);
    }
  }

  /// Of all channels under the kernel; the weight offset applies to it.
  std::int64_t sum_of_inputs(const PackedRows& rows, int x) const {
    std::int64_t sum = 0;
    for (int ky = 0; ky < task_.kernel_height; ++ky)
      for (int kx = 0; kx < task_.kernel_width; ++kx) sum += rows.sums(ky)[x * task_.stride_x + kx];
    return sum;
  }

  void store(int y, int x, int out, const std::array<std::int64_t, kBlock>& sums,
             std::int64_t inputs) const {
    std::int64_t pixel = std::int64_t{y} * task_.out_width + x;
    const std::int8_t* addend = addend_at(task_, operands_, out / 16, pixel);
    std::int8_t* to = operands_.output + out / 16 * task_.out_plane + pixel * 16;
    for (int o = 0; o < kBlock; ++o) {
      int channel = out + o;
      std::int64_t sum = channel < task_.kernels
                             ? sums[static_cast<std::size_t>(o)] + task_.weight_offset * inputs
                             : 0;
      to[channel % 16] = finish(task_, sum, biases_[static_cast<std::size_t>(channel)],
                                addend != nullptr ? addend + channel % 16 : nullptr);
    }
  }

  const Task& task_;
  const Operands& operands_;
  const std::vector<std::uint64_t>& weights_;
  int words_;  // packed numbers of a row of the kernel
  std::vector<std::int32_t> biases_;
};

int packed_kernels(const Task& task) {
  return (task.kernels + kBlock - 1) / kBlock * kBlock;
}

}  // namespace

std::int64_t working_memory(const Task& task, unsigned threads) {
  std::int64_t row = std::int64_t{row_pixels(task)} * task.kernel_height;
  if (task.depthwise) return row * 16 * 4 * threads;
  std::int64_t weights =
      std::int64_t{packed_kernels(task)} * task.kernel_height * task.kernel_width;
  return (row * threads + weights) * groups(task) * 8;
}

std::vector<std::uint64_t> pack_weights(const Task& task, const Operands& operands) {
  std::vector<std::uint64_t> packed(
      static_cast<std::size_t>(packed_kernels(task)) *
      static_cast<std::size_t>(task.kernel_height * task.kernel_width) *
      static_cast<std::size_t>(groups(task)));
  std::vector<std::int8_t> bytes(static_cast<std::size_t>(groups(task)) * 3);
  WeightPlace place{task};
  std::uint64_t* to = packed.data();
  for (int out = 0; out < task.kernels; ++out)
    for (int ky = 0; ky < task.kernel_height; ++ky)
      for (int kx = 0; kx < task.kernel_width; ++kx) {
        for (int in = 0; in < task.channels; in += 32)
          std::memcpy(&bytes[static_cast<std::size_t>(in)],
                      operands.weights + place.at(out, ky, kx, in),
                      static_cast<std::size_t>(std::min(32, task.channels - in)));
        for (const std::int8_t* byte = bytes.data(); byte != bytes.data() + bytes.size(); byte += 3)
          *to++ = pack(byte[2], byte[1], byte[0]);
      }
  return packed;
}

void convolve(const Task& task, const Operands& operands, const std::vector<std::uint64_t>& weights,
              Quirks quirks, RowRange rows) {
  PackedRows inputs(task, operands, quirks);
  RowWriter writer(task, operands, weights);
  for (int y = rows.first; y < rows.end; ++y) {
    inputs.move_to(y * task.stride_y - task.pad_top);
    writer.write(inputs, y);
  }
}

}  // namespace anynpu::sim::rocket

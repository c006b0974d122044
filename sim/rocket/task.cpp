// SPDX-License-Identifier: Apache-2.0
// From registers to a task. Sizes of the CNA block are stored as they are, those of the DPU less
// one.
#include "sim/rocket/task.h"

#include "sim/rocket/registers.h"
#include "sim/rocket/rounding.h"
#include "sim/rocket/text.h"

namespace anynpu::sim::rocket {
namespace {

constexpr std::uint32_t kEwOff = 0x383;
constexpr std::uint32_t kEwAdd = 0x904202c0;

struct Constant {
  std::uint16_t first, last;
  std::uint32_t value;
};

// What all of Mesa's streams have in these registers.
constexpr Constant kConstants[] = {
    {0x1060, 0x1064, 0},       {0x1074, 0x1074, 0},       {0x1100, 0x1104, 0},
    {0x1140, 0x1180, 0},       {0x3030, 0x3030, 0},       {0x4010, 0x4010, 0},
    {0x4014, 0x4014, 0},       {0x4038, 0x4038, 0},       {0x4044, 0x404c, 0},
    {0x4064, 0x406c, 0},       {0x407c, 0x407c, 0},       {0x4090, 0x40ac, 0},
    {0x40c4, 0x40c4, 0},       {0x4100, 0x412c, 0},       {0x5028, 0x502c, 0},
    {0x5048, 0x5048, 0},       {0x5064, 0x5064, 0},       {0x104c, 0x104c, 0xb},
    {0x1050, 0x105c, 0x10000}, {0x1078, 0x1078, 0xf000f}, {0x4004, 0x4004, 0xe},
    {0x5004, 0x5004, 0xe},     {0x501c, 0x501c, 2},       {0x5068, 0x5068, 0x01010101}};

std::int8_t signed_byte(std::uint32_t value) {
  return static_cast<std::int8_t>(value & 0xff);
}

void read_input(const RegisterFile& r, Task& task) {
  task.stride_x = static_cast<int>(r.field(kCnaConvCon3, 2, 0));
  task.stride_y = static_cast<int>(r.field(kCnaConvCon3, 5, 3));
  task.pad_top = static_cast<int>(r.field(kCnaPadCon0, 3, 0));
  task.pad_left = static_cast<int>(r.field(kCnaPadCon0, 7, 4));
  task.pad_even = signed_byte(r[kCnaPadCon1]);
  task.pad_odd = signed_byte(r[kCnaPadCon1] >> 8);
  task.features = r[kCnaFeatureDataAddr];
  task.width = static_cast<int>(r.field(kCnaDataSize0, 26, 16));
  task.height = static_cast<int>(r.field(kCnaDataSize0, 10, 0));
  task.channels = static_cast<int>(r.field(kCnaDataSize1, 15, 0));
  std::int64_t line = r.field(kCnaDmaCon1, 27, 0);
  task.line = line * 4;
  task.plane = (sign_extend(r[kCnaDmaCon2], 28) + line) * 16;
  task.entries = static_cast<int>(r.field(kCnaCbufCon1, 13, 0));
}

void read_weights(const RegisterFile& r, Task& task) {
  task.weights = r[kCnaDcompAddr0];
  task.kernel_width = static_cast<int>(r.field(kCnaWeightSize2, 28, 24));
  task.kernel_height = static_cast<int>(r.field(kCnaWeightSize2, 20, 16));
  task.kernels = static_cast<int>(r.field(kCnaWeightSize2, 13, 0));
  task.weight_offset = sign_extend(r[kDpuBsOwOp], 16);
  task.biases = r[kRdmaBsBaseAddr];
}

void read_output(const RegisterFile& r, Task& task) {
  task.truncate = r.field(kCoreClipTruncate, 4, 0);
  task.out_scale = sign_extend(r[kDpuOutCvtScale], 16);
  task.out_shift = r.field(kDpuOutCvtShift, 5, 0);
  task.out_offset = static_cast<std::int32_t>(r[kDpuOutCvtOffset]);
  task.output = r[kDpuDstBaseAddr];
  task.out_width = static_cast<int>(r.field(kDpuDataCubeWidth, 12, 0)) + 1;
  task.out_height = static_cast<int>(r.field(kDpuDataCubeHeight, 12, 0)) + 1;
  task.out_channels = static_cast<int>(r.field(kDpuDataCubeChannel, 28, 16)) + 1;
  task.out_plane = r[kDpuDstSurfStride] & ~15U;
}

Addend read_addend(const RegisterFile& r) {
  Addend addend;
  addend.even_planes = r[kRdmaSrcBaseAddr];
  addend.odd_planes = r[kRdmaEwBaseAddr];
  addend.plane = r[kRdmaEwSurfStride] & ~15U;
  addend.offset = static_cast<std::int32_t>(r[kDpuEwCvtOffsetValue]);
  addend.scale = sign_extend(r[kDpuEwCvtScaleValue], 16);
  addend.shift = r.field(kDpuEwCvtScaleValue, 21, 16);
  return addend;
}

Refusal refuse_register(std::uint32_t reg, std::uint32_t value) {
  return Refusal(text("register 0x%04x is 0x%x", reg, value));
}

}  // namespace

tl::expected<Task, std::string> decode(const RegisterFile& r) {
  Task task;
  std::uint32_t mode = r.field(kCnaConvCon1, 3, 0);
  if (mode != 0 && mode != 3) return Refusal(text("convolution mode %u", mode));
  task.depthwise = mode == 3;
  if (r.field(kCnaConvCon1, 15, 12) != 0) return Refusal("the input path for one channel");
  if (r.field(kCnaConvCon3, 25, 16) != 0) return Refusal("dilation");
  if (r[kDpuBsCfg] != 0x20150) return refuse_register(kDpuBsCfg, r[kDpuBsCfg]);
  if (r[kDpuBnCfg] != 0x53) return refuse_register(kDpuBnCfg, r[kDpuBnCfg]);
  if (r.field(kCoreClipTruncate, 6, 6) != 0 || r.field(kDpuOutCvtShift, 30, 30) != 0)
    return Refusal("another rounding");

  read_input(r, task);
  read_weights(r, task);
  read_output(r, task);
  std::uint32_t element_wise = r[kDpuEwCfg];
  if (element_wise == kEwAdd) task.addend = read_addend(r);
  if (element_wise != kEwAdd && element_wise != kEwOff)
    return refuse_register(kDpuEwCfg, element_wise);
  if (task.addend && task.depthwise) return Refusal("an addition to a depthwise convolution");
  if (task.width == 0 || task.height == 0 || task.kernel_width == 0 || task.kernel_height == 0 ||
      task.stride_x == 0 || task.stride_y == 0)
    return Refusal("a size of zero");
  if (task.channels == 0 || task.channels % 16 != 0)
    return Refusal(text("%d stored channels", task.channels));
  return task;
}

std::optional<std::string> unexpected_constant(const RegisterFile& r) {
  for (const Constant& constant : kConstants)
    for (std::uint32_t reg = constant.first; reg <= constant.last; reg += 4)
      if (r[reg] != constant.value)
        return text("register 0x%04x is 0x%x, always 0x%x so far", reg, r[reg], constant.value);
  return std::nullopt;
}

}  // namespace anynpu::sim::rocket

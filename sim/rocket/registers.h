// SPDX-License-Identifier: Apache-2.0
// Names of the NPU's registers, as Mesa's registers.xml has them, and the blocks that they belong
// to.
#pragma once

#include <cstdint>

namespace anynpu::sim::rocket {

/// The upper 16 bits of a command word.
enum Target : std::uint16_t {
  kTargetPc = 0x0101,
  kTargetCna = 0x0201,   // convolution feed
  kTargetCore = 0x0801,  // multiply and accumulate
  kTargetDpu = 0x1001,   // post-processing
  kTargetDpuRdma = 0x2001,
  kTargetMarker = 0x0041,  // stands before the enable word
  kTargetEnable = 0x0081,
};

enum Register : std::uint16_t {
  kCnaConvCon1 = 0x100c,
  kCnaConvCon3 = 0x1014,
  kCnaDataSize0 = 0x1020,
  kCnaDataSize1 = 0x1024,
  kCnaWeightSize2 = 0x1038,
  kCnaCbufCon1 = 0x1044,
  kCnaPadCon0 = 0x1068,
  kCnaFeatureDataAddr = 0x1070,
  kCnaDmaCon1 = 0x107c,
  kCnaDmaCon2 = 0x1080,
  kCnaDcompAddr0 = 0x1110,
  kCnaPadCon1 = 0x1184,
  kCoreClipTruncate = 0x301c,
  kDpuDstBaseAddr = 0x4020,
  kDpuDstSurfStride = 0x4024,
  kDpuDataCubeWidth = 0x4030,
  kDpuDataCubeHeight = 0x4034,
  kDpuDataCubeChannel = 0x403c,
  kDpuBsCfg = 0x4040,
  kDpuBsOwOp = 0x4054,
  kDpuBnCfg = 0x4060,
  kDpuEwCfg = 0x4070,
  kDpuEwCvtOffsetValue = 0x4074,
  kDpuEwCvtScaleValue = 0x4078,
  kDpuOutCvtOffset = 0x4080,
  kDpuOutCvtScale = 0x4084,
  kDpuOutCvtShift = 0x4088,
  kRdmaSrcBaseAddr = 0x5018,
  kRdmaBsBaseAddr = 0x5020,
  kRdmaEwBaseAddr = 0x5038,
  kRdmaEwSurfStride = 0x5040,
};

}  // namespace anynpu::sim::rocket

// SPDX-License-Identifier: Apache-2.0
// The declarations of the RKNN API against the layouts and numbers of its 64-bit builds.
#include "engine/rknn_abi.h"

#include <cstddef>
#include <fstream>

#include <gmock/gmock.h>

#include "temporary_folder.h"

namespace anynpu::engine::rknn {
namespace {

using ::testing::HasSubstr;

#define EXPECT_AT(structure, field, offset) \
  EXPECT_EQ(offsetof(structure, field), static_cast<std::size_t>(offset)) << #structure "." #field

TEST(RknnAbi, Sizes) {
  EXPECT_EQ(sizeof(Context), 8U);
  EXPECT_EQ(sizeof(InOutNum), 8U);
  EXPECT_EQ(sizeof(TensorAttr), 376U);
  EXPECT_EQ(sizeof(PerfDetail), 16U);
  EXPECT_EQ(sizeof(PerfRun), 8U);
  EXPECT_EQ(sizeof(SdkVersion), 512U);
  EXPECT_EQ(sizeof(MemSize), 64U);
  EXPECT_EQ(sizeof(CustomString), 1024U);
  EXPECT_EQ(sizeof(InputRange), 33040U);
  EXPECT_EQ(sizeof(TensorMem), 40U);
  EXPECT_EQ(sizeof(Input), 32U);
  EXPECT_EQ(sizeof(Output), 24U);
  EXPECT_EQ(sizeof(InitExtend), 136U);
  EXPECT_EQ(sizeof(RunExtend), 24U);
  EXPECT_EQ(sizeof(OutputExtend), 8U);
  // Enumerations are plain ints.
  EXPECT_EQ(sizeof(Format), 4U);
  EXPECT_EQ(sizeof(Type), 4U);
  EXPECT_EQ(sizeof(Quantised), 4U);
  EXPECT_EQ(sizeof(Query), 4U);
  EXPECT_EQ(sizeof(CoreMask), 4U);
  EXPECT_EQ(sizeof(Sync), 4U);
}

TEST(RknnAbi, OffsetsOfTensorAttr) {
  EXPECT_AT(TensorAttr, index, 0);
  EXPECT_AT(TensorAttr, n_dims, 4);
  EXPECT_AT(TensorAttr, dims, 8);
  EXPECT_AT(TensorAttr, name, 72);
  EXPECT_AT(TensorAttr, n_elems, 328);
  EXPECT_AT(TensorAttr, size, 332);
  EXPECT_AT(TensorAttr, fmt, 336);
  EXPECT_AT(TensorAttr, type, 340);
  EXPECT_AT(TensorAttr, qnt_type, 344);
  EXPECT_AT(TensorAttr, fl, 348);
  EXPECT_AT(TensorAttr, zp, 352);
  EXPECT_AT(TensorAttr, scale, 356);
  EXPECT_AT(TensorAttr, w_stride, 360);
  EXPECT_AT(TensorAttr, size_with_stride, 364);
  EXPECT_AT(TensorAttr, pass_through, 368);
  EXPECT_AT(TensorAttr, h_stride, 372);
}

TEST(RknnAbi, OffsetsOfTheOthers) {
  EXPECT_AT(InOutNum, outputs, 4);
  EXPECT_AT(PerfDetail, text, 0);
  EXPECT_AT(PerfDetail, length, 8);
  EXPECT_AT(SdkVersion, driver, 256);
  EXPECT_AT(MemSize, weights, 0);
  EXPECT_AT(MemSize, internal, 4);
  EXPECT_AT(MemSize, dma_allocated, 8);
  EXPECT_AT(MemSize, sram, 16);
  EXPECT_AT(MemSize, free_sram, 20);
  EXPECT_AT(MemSize, reserved, 24);
  EXPECT_AT(InputRange, shapes, 4);
  EXPECT_AT(InputRange, fmt, 8);
  EXPECT_AT(InputRange, name, 12);
  EXPECT_AT(InputRange, dims, 268);
  EXPECT_AT(InputRange, n_dims, 33036);
  EXPECT_AT(TensorMem, address, 0);
  EXPECT_AT(TensorMem, physical, 8);
  EXPECT_AT(TensorMem, fd, 16);
  EXPECT_AT(TensorMem, offset, 20);
  EXPECT_AT(TensorMem, size, 24);
  EXPECT_AT(TensorMem, flags, 28);
  EXPECT_AT(TensorMem, private_data, 32);
  EXPECT_AT(Input, index, 0);
  EXPECT_AT(Input, buf, 8);
  EXPECT_AT(Input, size, 16);
  EXPECT_AT(Input, pass_through, 20);
  EXPECT_AT(Input, type, 24);
  EXPECT_AT(Input, fmt, 28);
  EXPECT_AT(Output, want_float, 0);
  EXPECT_AT(Output, is_prealloc, 1);
  EXPECT_AT(Output, index, 4);
  EXPECT_AT(Output, buf, 8);
  EXPECT_AT(Output, size, 16);
  EXPECT_AT(InitExtend, context, 0);
  EXPECT_AT(InitExtend, real_model_offset, 8);
  EXPECT_AT(InitExtend, real_model_size, 12);
  EXPECT_AT(InitExtend, model_buffer_fd, 16);
  EXPECT_AT(InitExtend, model_buffer_flags, 20);
  EXPECT_AT(InitExtend, reserved, 24);
  EXPECT_AT(RunExtend, frame, 0);
  EXPECT_AT(RunExtend, non_block, 8);
  EXPECT_AT(RunExtend, timeout_ms, 12);
  EXPECT_AT(RunExtend, fence_fd, 16);
}

TEST(RknnAbi, Numbers) {
  EXPECT_EQ(kMostDims, 16U);
  EXPECT_EQ(kNameBytes, 256U);
  EXPECT_EQ(kMostDynamicShapes, 512U);
  const std::uint32_t flags[] = {kPriorHigh,
                                 kPriorMedium,
                                 kPriorLow,
                                 kAsync,
                                 kCollectPerf,
                                 kMemAllocOutside,
                                 kShareWeightMem,
                                 kFenceInOutside,
                                 kFenceOutOutside,
                                 kModelInfoOnly,
                                 kInternalAllocOutside,
                                 kFallbackToGpu,
                                 kEnableSram,
                                 kShareSram,
                                 kNoHighProcessPriority,
                                 kNoInputFlush,
                                 kNoOutputFlush,
                                 kModelZeroCopy,
                                 kAllocNoContext};
  EXPECT_THAT(flags, ::testing::ElementsAre(0x0, 0x1, 0x2, 0x4, 0x8, 0x10, 0x20, 0x40, 0x80, 0x100,
                                            0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000, 0x8000,
                                            0x10000, 0x20000));
  EXPECT_EQ(kFail, -1);
  EXPECT_EQ(kTimeout, -2);
  EXPECT_EQ(kDeviceUnavailable, -3);
  EXPECT_EQ(kMallocFail, -4);
  EXPECT_EQ(kParamInvalid, -5);
  EXPECT_EQ(kModelInvalid, -6);
  EXPECT_EQ(kContextInvalid, -7);
  EXPECT_EQ(kInputInvalid, -8);
  EXPECT_EQ(kOutputInvalid, -9);
  EXPECT_EQ(kDeviceUnmatch, -10);
  EXPECT_EQ(kPreCompileIncompatible, -11);
  EXPECT_EQ(kOptimisationIncompatible, -12);
  EXPECT_EQ(kPlatformUnmatch, -13);
  EXPECT_EQ(kQueryInOutNum, 0);
  EXPECT_EQ(kQueryPerfRun, 4);
  EXPECT_EQ(kQuerySdkVersion, 5);
  EXPECT_EQ(kQueryNativeInputAttr, 8);
  EXPECT_EQ(kQueryNativeNhwcOutputAttr, 11);
  EXPECT_EQ(kQueryInputDynamicRange, 13);
  EXPECT_EQ(kQueryCurrentNativeOutputAttr, 17);
  EXPECT_EQ(kQueryCount, 18);
  EXPECT_EQ(kFloat32, 0);
  EXPECT_EQ(kInt8, 2);
  EXPECT_EQ(kUint8, 3);
  EXPECT_EQ(kInt64, 8);
  EXPECT_EQ(kInt4, 10);
  EXPECT_EQ(kBFloat16, 11);
  EXPECT_EQ(kAffineAsymmetric, 2);
  EXPECT_EQ(kNc1hwc2, 2);
  EXPECT_EQ(kUndefined, 3);
  EXPECT_EQ(kCore01, kCore0 | kCore1);
  EXPECT_EQ(kCore012, 7);
  EXPECT_EQ(kCoreAll, 0xffff);
  EXPECT_EQ(kCoreUndefined, 0x10000);
  EXPECT_EQ(kCoreUndefinedUntil16, 8);
  EXPECT_EQ(kBothWays, 3);
  EXPECT_EQ(kTrySram, 4U);
  EXPECT_EQ(kFromPhysical, 3U);
}

TEST(RknnAbi, AnotherLibraryIsRefusedByName) {
  auto libc = SharedLibrary::open("libc.so.6");
  ASSERT_TRUE(libc) << libc.error().message;
  auto api = load_api(*libc);
  ASSERT_FALSE(api);
  EXPECT_THAT(api.error().message, HasSubstr("lacks rknn_init, rknn_destroy, rknn_query"));
}

TEST(RknnVersion, IsReadFromTheFileAndNotFromItsName) {
  const TemporaryFolder folder;
  const auto file = folder / "librknnrt.so.2.3.0";
  std::ofstream(file) << "librknnrt version: %s" << '\0'
                      << "librknnrt version: 2.3.2 (429f97ae6b@2025-04-09T09:09:27)" << '\0';
  EXPECT_EQ(runtime_version_of_file(file).value(), "2.3.2");
  std::ofstream(file) << "nothing";
  EXPECT_THAT(runtime_version_of_file(file).error().message, HasSubstr("states no version"));
  EXPECT_FALSE(runtime_version_of_file(folder / "absent"));
}

TEST(RknnCodes, HaveTheirNames) {
  EXPECT_EQ(name_of_code(0), "SUCC");
  EXPECT_EQ(name_of_code(-6), "MODEL_INVALID");
  EXPECT_EQ(name_of_code(-13), "TARGET_PLATFORM_UNMATCH");
  EXPECT_EQ(name_of_code(-14), "code -14");
  EXPECT_EQ(name_of_code(1), "code 1");
}

}  // namespace
}  // namespace anynpu::engine::rknn

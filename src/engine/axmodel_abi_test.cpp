// SPDX-License-Identifier: Apache-2.0
// The declarations of AXERA's C interface against the sizes, offsets and numbers of AXCL 3.10.
#include "engine/axmodel_abi.h"

#include <cstddef>
#include <type_traits>

#include <gtest/gtest.h>

#include "engine/axmodel_io.h"

namespace anynpu::engine::axcl {
namespace {

TEST(AxmodelAbi, Structures) {
  EXPECT_EQ(sizeof(DeviceList), 1028U);
  EXPECT_EQ(offsetof(DeviceList, devices), 4U);
  EXPECT_EQ(sizeof(IoDims), 132U);
  EXPECT_EQ(offsetof(IoDims, dims), 4U);
  EXPECT_EQ(sizeof(DeviceProperties), 240U);
  EXPECT_EQ(offsetof(DeviceProperties, sw_version), 0U);
  EXPECT_EQ(offsetof(DeviceProperties, uid), 64U);
  EXPECT_EQ(offsetof(DeviceProperties, pci_domain), 72U);
  EXPECT_EQ(offsetof(DeviceProperties, pci_bus), 76U);
  EXPECT_EQ(offsetof(DeviceProperties, pci_device), 80U);
  EXPECT_EQ(offsetof(DeviceProperties, temperature), 84U);
  EXPECT_EQ(offsetof(DeviceProperties, total_mem), 88U);
  EXPECT_EQ(offsetof(DeviceProperties, free_mem), 92U);
  EXPECT_EQ(offsetof(DeviceProperties, total_cmm), 96U);
  EXPECT_EQ(offsetof(DeviceProperties, free_cmm), 100U);
  EXPECT_EQ(offsetof(DeviceProperties, cpu_loading), 104U);
  EXPECT_EQ(offsetof(DeviceProperties, npu_loading), 108U);
  EXPECT_EQ(offsetof(DeviceProperties, reserved), 112U);
}

TEST(AxmodelAbi, EnumsAreCInts) {
  EXPECT_EQ(sizeof(Status), 4U);
  EXPECT_EQ(sizeof(Handle), 8U);
  for (std::size_t size : {sizeof(MallocPolicy), sizeof(MemcpyKind), sizeof(VNpuKind),
                           sizeof(ModelType), sizeof(DataType)})
    EXPECT_EQ(size, sizeof(int));
}

TEST(AxmodelAbi, Numbers) {
  EXPECT_EQ(kNormalOnly, 2);
  EXPECT_EQ(kSizeAlign, 3);
  EXPECT_EQ(kHostToDevice, 1);
  EXPECT_EQ(kDeviceToHost, 2);
  EXPECT_EQ(kVNpuLittleBig, 3);
  EXPECT_EQ(kThreeCores, 2);
  EXPECT_EQ(kTypeUint8, 4);
  EXPECT_EQ(kTypeInt64, 9);
  EXPECT_EQ(kTypeFp16, 13);
  EXPECT_EQ(kTypeFp32, 15);
  EXPECT_EQ(kTypeFp64, 16);
}

TEST(AxmodelAbi, EveryTypeThatAHostCanHoldIsKnown) {
  EXPECT_EQ(dtype_of(kTypeUint8), DType::kUint8);
  EXPECT_EQ(dtype_of(kTypeFp32), DType::kFloat32);
  EXPECT_EQ(dtype_of(kTypeBf16), DType::kBFloat16);
  EXPECT_EQ(dtype_of(kTypeNone), DType::kUnknown);
  EXPECT_EQ(dtype_of(kTypeFp4), DType::kUnknown);
}

TEST(AxmodelAbi, AnotherLibraryIsRefusedByName) {
  auto libc = SharedLibrary::open("libc.so.6");
  ASSERT_TRUE(libc) << libc.error().message;
  auto api = load_api(*libc);
  ASSERT_FALSE(api);
  EXPECT_NE(api.error().message.find("axclrtEngineExecute is missing"), std::string::npos);
}

}  // namespace
}  // namespace anynpu::engine::axcl

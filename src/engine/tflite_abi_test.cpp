// SPDX-License-Identifier: Apache-2.0
// The declarations of the TFLite C API against the layouts of version 2.9.
#include "engine/tflite_abi.h"

#include <cstddef>

#include <gtest/gtest.h>

#include "engine/tflite.h"
#include "engine/tflite_xnnpack.h"

namespace anynpu::engine::tflite {
namespace {

TEST(TfliteAbi, TensorLayout) {
  EXPECT_EQ(offsetof(Tensor, data), 8U);
  EXPECT_EQ(offsetof(Tensor, dims), 16U);
  EXPECT_EQ(offsetof(Tensor, params), 24U);
  EXPECT_EQ(offsetof(Tensor, allocation_type), 32U);
  EXPECT_EQ(offsetof(Tensor, bytes), 40U);
  EXPECT_EQ(offsetof(Tensor, name), 56U);
  EXPECT_EQ(offsetof(Tensor, is_variable), 77U);
  EXPECT_EQ(offsetof(Tensor, quantization), 80U);
  EXPECT_EQ(offsetof(Tensor, dims_signature), 104U);
  EXPECT_EQ(sizeof(Tensor), 112U);
}

TEST(TfliteAbi, SmallStructuresComeBackInRegisters) {
  EXPECT_EQ(sizeof(QuantizationParams), 8U);
  EXPECT_EQ(sizeof(Quantization), 16U);
  EXPECT_EQ(offsetof(AffineQuantization, quantized_dimension), 16U);
}

TEST(TfliteAbi, DelegateAndContextBegin) {
  EXPECT_EQ(offsetof(Delegate, prepare), 8U);
  EXPECT_EQ(offsetof(Context, get_execution_plan), 8U);
}

TEST(TfliteAbi, ArraysFollowTheirSize) {
  const int numbers[] = {2, 7, -1};
  const auto* array = reinterpret_cast<const IntArray*>(numbers);
  EXPECT_EQ(array->size, 2);
  EXPECT_EQ(array->at(0), 7);
  EXPECT_EQ(array->at(1), -1);
}

TEST(XnnpackOptions, ThreadsAndFlagsAreFirstAndRoomFollows) {
  EXPECT_EQ(offsetof(XnnpackOptions, flags), 4U);
  EXPECT_EQ(sizeof(XnnpackOptions), 512U);
}

TEST(XnnpackOptions, TheLayoutIsChosenByVersion) {
  using L = XnnpackLayout;
  EXPECT_EQ(xnnpack_layout("2.9.0", false), L::kThreadsAndFlags);
  EXPECT_EQ(xnnpack_layout("2.14.1", false), L::kThreadsAndFlags);
  EXPECT_EQ(xnnpack_layout("2.14.1", true), L::kThreadsAndFlags);
  EXPECT_EQ(xnnpack_layout("2.18.0", true), L::kDefaultsThroughMemory);
  EXPECT_EQ(xnnpack_layout("2.18.0", false), L::kNoOptions);
  EXPECT_EQ(xnnpack_layout("1.4.0", true), L::kDefaultsThroughMemory);  // LiteRT
  EXPECT_EQ(xnnpack_layout("2.3.0", true), L::kDefaultsThroughMemory);  // LiteRT, not TFLite 2.3
  EXPECT_EQ(xnnpack_layout("2.2.0", false), L::kNoOptions);
  EXPECT_EQ(xnnpack_layout("", false), L::kNoOptions);
}

TEST(XnnpackOptions, UnsignedTypesFromTwoTen) {
  EXPECT_EQ(xnnpack_flags("2.9.0"), kXnnpackQs8);
  EXPECT_EQ(xnnpack_flags("2.10.0"), kXnnpackQs8 | kXnnpackQu8);
}

TEST(TfliteAbi, AnotherLibraryIsRefusedByName) {
  auto libc = SharedLibrary::open("libc.so.6");
  ASSERT_TRUE(libc) << libc.error().message;
  auto api = load_api(*libc);
  ASSERT_FALSE(api);
  EXPECT_NE(api.error().message.find("is no TFLite library: TfLiteVersion is missing"),
            std::string::npos);
  EXPECT_NE(api.error().message.find("libc.so.6"), std::string::npos);
}

TEST(TfliteAbi, TheLibraryHasEverySymbolWithItsVersion) {
  auto choice = choose_library(tflite_names(), library_places(), version_of);
  ASSERT_FALSE(choice.libraries.empty())
      << no_library(tflite_names(), choice).message
      << "\nThe tests need it: run `make test`, which fetches it.";
  auto api = load_api(choice.libraries.front().library);
  ASSERT_TRUE(api) << api.error().message;
  EXPECT_GE(compare_versions(api->version, "2.9"), 0) << api->version;
}

}  // namespace
}  // namespace anynpu::engine::tflite

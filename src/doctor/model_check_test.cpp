// SPDX-License-Identifier: Apache-2.0
// Small graphs, and how they would be shared between a rocket NPU and the CPU.
#include "doctor/model_check.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/manifest.h"
#include "model/tflite_nodes.h"
#include "npu/devices.h"
#include "temporary_folder.h"
#include "tiny_rknn.h"
#include "tiny_tflite.h"
#include "tiny_xclbin.h"

namespace anynpu::doctor {
namespace {

using test::TfliteOp;
using test::TfliteType;
using test::TinyTensor;
using test::TinyTflite;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Pair;

constexpr engine::teflon::MesaVersion kMesa{26, 2, 6};

TinyTensor quantised(std::string name, std::vector<std::int32_t> shape,
                     TfliteType type = TfliteType::kUint8, std::vector<float> scales = {0.5F}) {
  TinyTensor tensor{std::move(name), type, std::move(shape)};
  tensor.zero_points.assign(scales.size(), 0);
  tensor.scales = std::move(scales);
  return tensor;
}

// Adds a 1x1 convolution of 16 channels from `from` and returns its output.
int convolution(TinyTflite& model, int from, int size, bool last = false,
                TfliteType type = TfliteType::kUint8, std::vector<float> scales = {0.5F}) {
  int weights = model.constant(quantised("w", {16, 1, 1, 16}, type, std::move(scales)),
                               std::vector<std::uint8_t>(256, 1));
  int bias = model.constant(quantised("b", {16}, TfliteType::kInt32, {0.25F}),
                            std::vector<std::int32_t>(16, 0));
  TinyTensor out = quantised("y", {1, size, size, 16}, type);
  int to = last ? model.output(out) : model.tensor(out);
  model.conv_2d(from, weights, bias, to);
  return to;
}

GraphShare share_of(const TinyTflite& model) {
  const std::vector<std::byte> bytes = model.build();
  auto share = share_on_rocket(bytes, "tiny", kMesa);
  EXPECT_TRUE(share) << share.error().message;
  return share ? *share : GraphShare{};
}

// The verdict on a file of those bytes; `lines` are laid over a machine of sim/machines.
ModelVerdict verdict_on(const std::string& machine, const std::string& lines, const char* name,
                        std::span<const std::byte> bytes, std::uintmax_t size = 0) {
  auto load = [](const std::string& base) {
    return host::load_manifest(std::filesystem::path(ANYNPU_SOURCE_DIR) / "sim/machines" /
                               (base + ".machine"));
  };
  auto description = host::parse_manifest("base " + machine + "\n" + lines, load);
  EXPECT_TRUE(description) << description.error().message;
  if (!description) return {};
  TemporaryFolder folder;
  const std::filesystem::path file = folder / name;
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
  if (size != 0) std::filesystem::resize_file(file, size);
  auto simulated = host::simulated_machine(std::move(*description));
  auto verdicts = check_model(*simulated, npu::find_devices(*simulated), file);
  EXPECT_TRUE(verdicts) << verdicts.error().message;
  if (!verdicts || verdicts->empty()) return {};
  return verdicts->front();
}

TEST(ShareOnRocket, UnsignedConvolutionsGoToTheNpu) {
  TinyTflite model;
  int x = model.input(quantised("x", {1, 8, 8, 16}));
  convolution(model, convolution(model, x, 8), 8, true);
  GraphShare share = share_of(model);
  EXPECT_EQ(share.operators, 2);
  EXPECT_EQ(share.taken, 2);
  EXPECT_EQ(share.partitions, 1);
}

TEST(ShareOnRocket, WhatTheDelegateWouldGetWrongStaysOnTheCpu) {
  TinyTflite signed_model;
  int x = signed_model.input(quantised("x", {1, 8, 8, 16}, TfliteType::kInt8));
  convolution(signed_model, x, 8, true, TfliteType::kInt8);
  GraphShare share = share_of(signed_model);
  EXPECT_EQ(share.taken, 0);
  EXPECT_THAT(share.kept_back, ElementsAre(Pair("its tensors are not unsigned 8-bit", 1)));

  TinyTflite per_channel;
  x = per_channel.input(quantised("x", {1, 8, 8, 16}));
  std::vector<float> scales(16, 0.5F);
  scales[3] = 0.25F;
  convolution(per_channel, x, 8, true, TfliteType::kUint8, scales);
  EXPECT_THAT(share_of(per_channel).kept_back, ElementsAre(Pair("it is quantised per channel", 1)));
}

// Today's converters write signed bytes with a scale per channel, which Mesa leaves to the CPU.
TEST(ShareOnRocket, SignedOnesPerChannelAreSlowAndNotWrong) {
  TinyTflite model;
  const int x = model.input(quantised("x", {1, 8, 8, 16}, TfliteType::kInt8));
  std::vector<float> scales(16, 0.5F);
  scales[3] = 0.25F;
  convolution(model, x, 8, true, TfliteType::kInt8, scales);
  EXPECT_THAT(share_of(model).kept_back, ElementsAre(Pair("it is quantised per channel", 1)));
  ModelVerdict verdict = verdict_on("rocket", "", "a.tflite", model.build());
  EXPECT_EQ(verdict.fit, Fit::kCpuOnly);
  EXPECT_THAT(verdict.reasons, ElementsAre("1 operator: it is quantised per channel"));
  EXPECT_THAT(verdict.advice, Contains(HasSubstr("unsigned 8-bit")));
}

TEST(ShareOnRocket, AnOperatorBetweenConvolutionsCutsTheGraph) {
  TinyTflite model;
  int x = model.input(quantised("x", {1, 8, 8, 16}));
  int a = convolution(model, x, 8);
  int b = model.tensor(quantised("r", {1, 8, 8, 16}));
  model.reshape(a, b, {1, 8, 8, 16});
  convolution(model, b, 8, true);
  GraphShare share = share_of(model);
  EXPECT_EQ(share.taken, 2);
  EXPECT_EQ(share.partitions, 2);
  EXPECT_THAT(share.others, ElementsAre(Pair("RESHAPE", 1)));
}

TEST(ShareOnRocket, AnAdditionNeedsAConvolutionBeforeIt) {
  TinyTflite alone;
  int x = alone.input(quantised("x", {1, 8, 8, 16}));
  int y = alone.input(quantised("y", {1, 8, 8, 16}));
  alone.add(x, y, alone.output(quantised("z", {1, 8, 8, 16})));
  GraphShare share = share_of(alone);
  EXPECT_EQ(share.taken, 0);
  EXPECT_THAT(share.kept_back, Contains(Key("it cannot be fused into a convolution before it")));

  TinyTflite fused;
  x = fused.input(quantised("x", {1, 8, 8, 16}));
  int made = convolution(fused, x, 8);
  fused.add(made, x, fused.output(quantised("z", {1, 8, 8, 16})));
  EXPECT_EQ(share_of(fused).taken, 2);
}

// Each of them would be taken out in turn, and all of the graph be cut again.
TEST(ShareOnRocket, AFileThatWouldTakeForEverIsRefused) {
  TinyTflite model;
  const int x = model.input(quantised("x", {1, 8, 8, 16}));
  const int y = model.input(quantised("y", {1, 8, 8, 16}));
  const int sum = model.output(quantised("s", {1, 8, 8, 16}));
  for (int i = 0; i < 9000; ++i) model.add(x, y, sum);
  auto share = share_on_rocket(model.build(), "tiny", kMesa);
  ASSERT_FALSE(share);
  EXPECT_EQ(share.error().code, Code::kTooLarge);
}

TEST(TfliteNodes, ADamagedFileIsSaid) {
  TinyTflite model;
  int x = model.input(quantised("x", {1, 8, 8, 16}));
  convolution(model, x, 8, true);
  std::vector<std::byte> bytes = model.build();
  ASSERT_TRUE(model::read_tflite_nodes(bytes, "tiny"));
  for (std::size_t cut : {bytes.size() / 4, bytes.size() / 2, std::size_t{9}}) {
    auto nodes = model::read_tflite_nodes(std::span(bytes).first(cut), "tiny");
    if (!nodes) {
      EXPECT_EQ(nodes.error().code, Code::kInvalid);
    }
  }
  EXPECT_FALSE(model::read_tflite_nodes(std::span(bytes).first(9), "tiny"));
}

std::vector<std::byte> xclbin(std::uint16_t columns,
                              const std::vector<std::uint16_t>& starts = {0, 4}) {
  test::TinyXclbin file;
  file.partition(columns, starts, 2048);
  file.kernel("MLIR_AIE:MLIRAIE");
  return file.build();
}

TEST(CheckModel, AnXclbinNeedsColumns) {
  const std::vector<std::byte> four = xclbin(4), eight = xclbin(8);
  ModelVerdict fits = verdict_on("phoenix", "", "a.xclbin", four);
  EXPECT_EQ(fits.device, "xdna0");
  EXPECT_EQ(fits.fit, Fit::kUnknown);  // it may as well be of Strix
  EXPECT_THAT(fits.reasons, ElementsAre(HasSubstr("which generation")));
  EXPECT_EQ(fits.summary, "needs 4 columns, from column 0 or 4");
  EXPECT_EQ(fits.memory_least, four.size());
  EXPECT_EQ(fits.memory_free.value_or(0), 27207720ULL << 10);
  ModelVerdict wide = verdict_on("phoenix", "", "a.xclbin", eight);
  EXPECT_EQ(wide.fit, Fit::kRefused);
  EXPECT_THAT(wide.reasons, ElementsAre("this NPU has 4 columns"));
  EXPECT_EQ(verdict_on("strix", "", "a.xclbin", eight).fit, Fit::kRuns);
  // Both have room for four columns, but not from there on.
  EXPECT_EQ(verdict_on("phoenix", "", "a.xclbin", xclbin(4, {1})).fit, Fit::kUnknown);
  EXPECT_EQ(verdict_on("phoenix", "", "a.xclbin", xclbin(4, {2, 4})).fit, Fit::kRefused);
  EXPECT_EQ(verdict_on("strix", "", "a.xclbin", xclbin(4, {6})).fit, Fit::kRefused);
  EXPECT_EQ(verdict_on("strix", "", "a.xclbin", xclbin(8, {})).fit, Fit::kUnknown);
  ModelVerdict nowhere = verdict_on("no-npu-amd64", "", "a.xclbin", four);
  EXPECT_EQ(nowhere.fit, Fit::kUnknown);
  EXPECT_EQ(nowhere.device, "");
}

TEST(CheckModel, AnXclbinForAnotherKindOfCardIsRefused) {
  test::TinyXclbin file;
  file.kernel("vadd");
  ModelVerdict verdict = verdict_on("phoenix", "", "a.xclbin", file.build());
  EXPECT_EQ(verdict.fit, Fit::kRefused);
  EXPECT_THAT(verdict.summary, ::testing::HasSubstr("no AIE_PARTITION"));
}

TEST(CheckModel, WhatDoesNotFitIntoTheMemoryIsRefused) {
  ModelVerdict verdict = verdict_on("phoenix", "file /proc/meminfo = MemAvailable: 1 kB\n",
                                    "a.xclbin", xclbin(4), 4096);
  EXPECT_EQ(verdict.fit, Fit::kRefused);
  EXPECT_THAT(verdict.reasons, Contains("it needs at least 4.1 kB of memory, and 1.0 kB are free"));
}

TEST(CheckModel, AnAxmodelByItsSize) {
  const std::vector<std::byte> head(16, std::byte{8});
  ModelVerdict small = verdict_on("rpi5-ax650", "", "a.axmodel", head);
  EXPECT_EQ(small.device, "axcl0");
  EXPECT_EQ(small.fit, Fit::kUnknown);
  EXPECT_EQ(small.memory_least, 16U);
  EXPECT_FALSE(small.memory_free);
  EXPECT_TRUE(small.reasons.empty());
  ModelVerdict large =
      verdict_on("rpi5-ax650", "", "a.axmodel", head, std::uintmax_t{3} << 30);  // a sparse file
  EXPECT_EQ(large.fit, Fit::kUnknown);
  EXPECT_THAT(large.reasons, ElementsAre(::testing::HasSubstr("a card of 4 GB has 3.1 GB")));
}

TEST(CheckModel, AnRknnRunsOnlyUnderTheVendorsDriver) {
  const std::vector<std::byte> model = sim::make_rknn({}, {});
  EXPECT_EQ(verdict_on("rk3588-vendor", "", "a.rknn", model).fit, Fit::kRuns);
  ModelVerdict mainline = verdict_on("rocket-vendor-runtime", "", "a.rknn", model);
  EXPECT_EQ(mainline.fit, Fit::kUnknown);
  EXPECT_THAT(mainline.reasons, Contains(HasSubstr("driver is rocket")));
}

TEST(CheckModel, OfRockchipsTheIommuDecidesWhichMemoryCounts) {
  const std::vector<std::byte> model = sim::make_rknn({}, {});
  ModelVerdict fits = verdict_on("rk3588-vendor", "", "a.rknn", model);
  EXPECT_EQ(fits.memory_free.value_or(0), 14207720ULL << 10);
  ModelVerdict off =
      verdict_on("rk3588-vendor",
                 "kmsg [ 3.9] RKNPU fdab0000.npu: using non-iommu mode\n"
                 "file /proc/meminfo\n| MemAvailable: 14207720 kB\n| CmaFree: 0 kB\n",
                 "a.rknn", model);
  EXPECT_EQ(off.fit, Fit::kRefused);
  EXPECT_THAT(off.reasons.back(), ::testing::HasSubstr("(CMA) 0 B are free"));
}

}  // namespace
}  // namespace anynpu::doctor

// SPDX-License-Identifier: Apache-2.0
#include "model/xclbin_file.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/inspect.h"
#include "tiny_xclbin.h"

namespace anynpu::model {
namespace {

using test::TinyXclbin;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TinyXclbin phoenix() {
  TinyXclbin file;
  file.partition(4, {1}, 2048);
  file.kernel("MLIR_AIE:MLIRAIE");
  return file;
}

TEST(Xclbin, SaysWhatItNeeds) {
  auto file = read_xclbin(phoenix().build(), "x");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->platform, "RyzenAI-npu1");
  EXPECT_EQ(file->uuid, "00112233-4455-6677-8899-aabbccddeeff");
  EXPECT_EQ(file->version_major, 2U);
  EXPECT_EQ(file->version_minor, 25U);
  EXPECT_EQ(file->built, 1'766'000'000U);
  EXPECT_THAT(file->kernels, ElementsAre("MLIR_AIE:MLIRAIE"));
  ASSERT_EQ(file->sections.size(), 2U);
  EXPECT_EQ(file->sections[0].title, "AIE_PARTITION");
  EXPECT_EQ(file->sections[1].title, "IP_LAYOUT");
  ASSERT_TRUE(file->partition);
  EXPECT_EQ(file->partition->column_width, 4U);
  EXPECT_THAT(file->partition->start_columns, ElementsAre(1));
  EXPECT_EQ(file->partition->operations_per_cycle, 2048U);
  EXPECT_EQ(file->partition->pdis, 1U);
  EXPECT_EQ(file->partition->name, "QoS");
}

TEST(Xclbin, InspectionShowsIt) {
  auto inspection = inspect_bytes(phoenix().build(), "x.xclbin");
  ASSERT_TRUE(inspection) << inspection.error().message;
  std::ostringstream out;
  auto report = text_report(out);
  report_inspection(*inspection, false, *report);
  report->finish();
  EXPECT_THAT(out.str(), HasSubstr("Columns: 4, starting at 1"));
  EXPECT_THAT(out.str(), HasSubstr("MLIR_AIE:MLIRAIE"));
}

TEST(Xclbin, EveryCutIsAnErrorOrAWholeFile) {
  const auto bytes = phoenix().build();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(read_xclbin(std::span(bytes).first(cut), "x")) << cut;
}

TEST(Xclbin, WhatLiesOutsideIsRefused) {
  auto broken = [](std::size_t at, auto value) {
    auto bytes = phoenix().build();
    TinyXclbin::put(bytes, at, value);
    auto file = read_xclbin(bytes, "x");
    return file ? std::string("it was read") : file.error().message;
  };
  EXPECT_THAT(broken(448, std::uint32_t{100'000}), HasSubstr("100000 sections"));
  EXPECT_THAT(broken(448, std::uint32_t{4000}), HasSubstr("lies outside of the file"));
  EXPECT_THAT(broken(456 + 24, ~std::uint64_t{0}), HasSubstr("outside of the file"));
  EXPECT_THAT(broken(456 + 32, std::uint64_t{8}), HasSubstr("has 8 bytes, 184 are needed"));
  const std::size_t partition = 456 + 80;
  EXPECT_THAT(broken(partition + 40, ~std::uint32_t{0}), HasSubstr("list of start columns"));
  EXPECT_THAT(broken(0, std::uint8_t{'X'}), HasSubstr("is not an .xclbin"));
}

}  // namespace
}  // namespace anynpu::model

// SPDX-License-Identifier: Apache-2.0
// The design that places the mel kernel on NPU tiles, against the kernel's own sizes.
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "base/subprocess.h"
#include "mel/xdna/mel_kernel.h"
#include "mel/xdna/memory_budget.h"

namespace anynpu::mel::xdna {
namespace {

using testing::HasSubstr;

CommandResult design(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(),
                   {"python3", std::string(ANYNPU_SOURCE_DIR) + "/src/mel/xdna/mel_design.py"});
  auto result = run_command(arguments);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : CommandResult{.exit_code = -1};
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++found;
  return found;
}

TEST(MelDesign, ItsBudgetIsTheKernels) {
  for (std::int32_t stride : {kHop, kWindow})
    for (std::int32_t batch : {1, 10, 20, 64, 256}) {
      auto plan = plan_tiles(batch, stride);
      ASSERT_TRUE(plan) << plan.error().message;
      const CommandResult result = design(
          {"--budget", "--batch", std::to_string(batch), "--stride", std::to_string(stride)});
      ASSERT_EQ(result.exit_code, 0) << result.errors;
      const auto said = nlohmann::json::parse(result.output);
      EXPECT_EQ(said["tiles"], plan->tiles);
      EXPECT_EQ(said["frames"], plan->frames_per_tile);
      const MemoryBudget& budget = plan->budget;
      EXPECT_EQ(said["input_object"], budget.input_object);
      EXPECT_EQ(said["output_object"], budget.output_object);
      EXPECT_EQ(said["stack"], budget.stack);
      EXPECT_EQ(said["input"], budget.input);
      EXPECT_EQ(said["output"], budget.output);
      EXPECT_EQ(said["scratch"], budget.scratch);
      EXPECT_EQ(said["constants"], budget.constants);
      EXPECT_EQ(said["total"], budget.total());
      EXPECT_EQ(said["left"], budget.left());
      EXPECT_GE(budget.left(), 0);
    }
}

TEST(MelDesign, HasACoreForEachTileThatIsFedAndDrained) {
  const struct {
    int batch, tiles, columns;
  } cases[] = {{1, 1, 1}, {10, 1, 1}, {20, 1, 1}, {64, 4, 1}, {64, 8, 2}, {160, 16, 4}};
  for (const auto& c : cases) {
    const CommandResult result =
        design({"--batch", std::to_string(c.batch), "--tiles", std::to_string(c.tiles)});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    const std::string& text = result.output;
    const auto tiles = static_cast<std::size_t>(c.tiles);
    const auto columns = static_cast<std::size_t>(c.columns);
    EXPECT_EQ(count(text, "= aie.core("), tiles);
    EXPECT_EQ(count(text, "func.call @anynpu_mel_batch"), tiles);
    EXPECT_EQ(count(text, "aie.buffer("), tiles);
    EXPECT_EQ(count(text, "aie.objectfifo.release"), 2 * tiles);
    EXPECT_EQ(count(text, "aie.objectfifo @"), c.tiles == 1 ? 2 : 2 * (tiles + columns));
    EXPECT_EQ(count(text, "aie.objectfifo.link"), c.tiles == 1 ? 0 : 2 * columns);
    EXPECT_EQ(count(text, "aiex.npu.dma_memcpy_nd"), 2 * columns);
    EXPECT_EQ(count(text, "aiex.npu.dma_wait"), columns);
    EXPECT_THAT(text, HasSubstr(c.columns == 4 ? "aie.device(npu1)"
                                               : "aie.device(npu1_" + std::to_string(c.columns)));
    EXPECT_THAT(text, HasSubstr("memref<" + std::to_string(kScratchWords) + "xi32>"));
    EXPECT_EQ(count(text, "{"), count(text, "}"));
  }
}

TEST(MelDesign, ABatchThatDoesNotFitIsRefused) {
  const CommandResult result = design({"--batch", "100", "--tiles", "1"});
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.errors, HasSubstr("does not fit"));
}

}  // namespace
}  // namespace anynpu::mel::xdna

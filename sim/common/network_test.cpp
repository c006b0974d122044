// SPDX-License-Identifier: Apache-2.0
#include "sim/common/network.h"

#include <gtest/gtest.h>

#include "engine_runs.h"
#include "tiny_tflite.h"

namespace anynpu::sim {
namespace {

std::vector<std::byte> doubling() {
  test::TinyTflite model;
  const int x = model.input({"x", test::TfliteType::kFloat32, {1, 4}});
  model.add(x, x, model.output({"y", test::TfliteType::kFloat32, {1, 4}}));
  return model.build();
}

TEST(Network, ComputesOneAndABatch) {
  auto network = Network::from_tflite(doubling());
  ASSERT_TRUE(network) << network.error().message;
  const auto one = test::bytes_of<float>({1, 2, 3, 4});
  auto outputs = (*network)->compute({one}, (*network)->shapes());
  ASSERT_TRUE(outputs) << outputs.error().message;
  EXPECT_EQ(test::values_of<float>(outputs->at(0).bytes), (std::vector<float>{2, 4, 6, 8}));
  const auto two = test::bytes_of<float>({1, 2, 3, 4, 5, 6, 7, 8});
  outputs = (*network)->compute({two}, (*network)->shapes(2));
  ASSERT_TRUE(outputs) << outputs.error().message;
  EXPECT_EQ(test::values_of<float>(outputs->at(0).bytes).back(), 16);
}

TEST(SimArtifact, ComesBackAsItWasPacked) {
  const auto tflite = doubling();
  const auto packed = pack_artifact({{"family", "axcl"}, {"cmm_kib", 2048}}, tflite);
  auto artifact = unpack_artifact(packed);
  ASSERT_TRUE(artifact);
  EXPECT_EQ(artifact->facts["cmm_kib"], 2048);
  EXPECT_TRUE(
      std::equal(tflite.begin(), tflite.end(), artifact->tflite.begin(), artifact->tflite.end()));
  EXPECT_FALSE(unpack_artifact(tflite));
  for (std::size_t cut : {0U, 5U, 15U, 20U})
    EXPECT_FALSE(unpack_artifact(std::span(packed).first(cut)));
}

}  // namespace
}  // namespace anynpu::sim

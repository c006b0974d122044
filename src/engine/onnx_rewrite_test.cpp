// SPDX-License-Identifier: Apache-2.0
// Models before and after, run side by side.
#include "engine/onnx_rewrite.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine_runs.h"
#include "tiny_onnx.h"

namespace anynpu::engine {
namespace {

using test::bytes_of;
using test::OnnxType;
using test::TinyOnnx;
using test::values_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::unique_ptr<Session> loaded(const std::string& model) {
  const auto* from = reinterpret_cast<const std::byte*>(model.data());
  return test::loaded("onnxruntime", {from, from + model.size()});
}

struct Attention {
  bool split = false;     // heads are taken apart and joined again
  bool wanted = false;    // the attention is an output as well
  bool masked = false;    // something is added to the scores
  std::int64_t axis = 2;  // of the softmax
  std::vector<std::int64_t> turn = {0, 2, 1};
};

// y = softmax(q x k turned) x v: 4 heads, 3 queries, as many keys, of 3 numbers each.
std::vector<std::byte> attention(const Attention& asked) {
  TinyOnnx model;
  for (const char* name : {"q", "k", "v"}) model.input(name, OnnxType::kFloat, {"4", "3", "3"});
  model.constant("apart", OnnxType::kInt64, {4}, std::vector<std::int64_t>{2, 2, 3, 3});
  model.constant("together", OnnxType::kInt64, {3}, std::vector<std::int64_t>{4, 3, 3});
  model.constant("mask", OnnxType::kFloat, {1}, std::vector<float>{-1});
  model.node("Transpose", {"k"}, {"turned"}, {}, {{"perm", asked.turn}});
  model.node("MatMul", {"q", "turned"}, {"scores"});
  if (asked.masked) model.node("Add", {"scores", "mask"}, {"masked"});
  model.node("Softmax", {asked.masked ? "masked" : "scores"}, {"weights"}, {{"axis", asked.axis}});
  if (asked.split) {
    model.node("Reshape", {"weights", "apart"}, {"four"});
    model.node("Reshape", {"four", "together"}, {"joined"});
  }
  model.node("MatMul", {asked.split ? "joined" : "weights", "v"}, {"y"});
  model.output("y", OnnxType::kFloat, {"4", "3", "3"});
  if (asked.wanted) model.output(asked.split ? "four" : "weights", OnnxType::kFloat, {});
  return model.build();
}

std::vector<float> attended(const std::string& model) {
  auto session = loaded(model);
  if (session == nullptr) return {};
  for (std::size_t input = 0; input < 3; ++input) {
    std::vector<float> values(36);
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = std::sin(static_cast<float>(i * (input + 2) + input));
    EXPECT_TRUE(session->set_input(input, bytes_of(values)));
  }
  EXPECT_TRUE(session->run());
  const auto view = session->output(0);
  EXPECT_TRUE(view);
  return view ? values_of<float>(view->bytes) : std::vector<float>();
}

TEST(FusedAttention, ComputesTheSame) {
  for (const bool split : {false, true}) {
    const std::string model = text_of(attention({.split = split}));
    const std::string fused = ort::with_fused_attention(model);
    EXPECT_THAT(fused, HasSubstr("MultiHeadAttention"));
    for (const char* gone : {"Softmax", "MatMul", "Transpose", "Reshape"})
      EXPECT_THAT(fused, Not(HasSubstr(gone)));
    const std::vector<float> before = attended(model);
    ASSERT_EQ(before.size(), 36U);
    EXPECT_THAT(attended(fused), ::testing::Pointwise(::testing::FloatNear(1e-6F), before));
  }
}

TEST(FusedAttention, LeavesWhatIsMoreThanThat) {
  const std::vector<Attention> others = {
      {.wanted = true},    {.split = true, .wanted = true}, {.masked = true}, {.axis = 1},
      {.turn = {1, 0, 2}},
  };
  for (const Attention& other : others) {
    const std::string model = text_of(attention(other));
    EXPECT_EQ(ort::with_fused_attention(model), model);
  }
}

TEST(FusedAttention, LeavesDamagedModels) {
  const std::string whole = text_of(attention({.split = true}));
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    const std::string part = whole.substr(0, cut);
    const std::string rewritten = ort::with_fused_attention(part);
    // A file that ends between two of its parts is a smaller, whole one.
    if (rewritten != part) {
      EXPECT_THAT(rewritten, HasSubstr("MultiHeadAttention"));
    }
  }
}

TEST(FirstOutput, IsAllThatIsLeft) {
  const std::string model = text_of(attention({.split = true, .wanted = true}));
  const std::string rewritten = ort::with_first_output(model);
  auto session = loaded(rewritten);
  ASSERT_NE(session, nullptr);
  ASSERT_EQ(session->info().outputs.size(), 1U);
  EXPECT_EQ(session->info().outputs[0].name, "y");
  // Now nothing else wants the attention.
  EXPECT_THAT(ort::with_fused_attention(rewritten), HasSubstr("MultiHeadAttention"));
  EXPECT_EQ(ort::with_first_output(rewritten), rewritten);
  EXPECT_EQ(ort::with_first_output(model.substr(0, model.size() / 2)),
            model.substr(0, model.size() / 2));
}

TEST(ExternalWeights, AreFound) {
  TinyOnnx model;
  model.external_constant("w", OnnxType::kFloat, {1}, "weights.data");
  EXPECT_TRUE(ort::has_external_weights(text_of(model.build())));
  EXPECT_FALSE(ort::has_external_weights(text_of(attention({}))));
  EXPECT_FALSE(ort::has_external_weights("no model"));
}

// y = x times 8-bit weights that are turned into floats; in a branch of an If or not.
std::vector<std::byte> dequantised_product(bool in_branch) {
  TinyOnnx model;
  model.input("x", OnnxType::kFloat, {"rows", "3"});
  model.constant("w", OnnxType::kUint8, {2, 3}, std::vector<std::uint8_t>{1, 200, 30, 4, 5, 250});
  model.constant("scale", OnnxType::kFloat, {}, std::vector<float>{0.5F});
  model.constant("zero", OnnxType::kUint8, {}, std::vector<std::uint8_t>{100});
  const auto product = [](TinyOnnx& graph, const std::string& to) {
    graph.node("Transpose", {"w"}, {to + "_turned"});
    graph.node("DequantizeLinear", {to + "_turned", "scale", "zero"}, {to + "_floats"});
    graph.node("MatMul", {"x", to + "_floats"}, {to});
    graph.output(to, OnnxType::kFloat, {"rows", "2"});
  };
  if (!in_branch) {
    product(model, "y");
    return model.build();
  }
  TinyOnnx then, otherwise;
  product(then, "a");
  product(otherwise, "b");
  model.input("flag", OnnxType::kBool, {"1"});
  model.branches("flag", then, otherwise, {"y"});
  model.output("y", OnnxType::kFloat, {"rows", "2"});
  return model.build();
}

TEST(IntegerLogits, ComputesTheSameWithoutFloats) {
  for (const bool in_branch : {false, true}) {
    const std::vector<std::byte> model = dequantised_product(in_branch);
    const std::string rewritten = ort::with_integer_logits(text_of(model));
    EXPECT_THAT(rewritten, HasSubstr("DynamicQuantizeMatMul"));
    EXPECT_EQ(rewritten.find("DequantizeLinear"), std::string::npos);
    auto session = loaded(rewritten);
    ASSERT_NE(session, nullptr);
    std::vector<Shape> shapes = {{1, 3}};
    if (in_branch) shapes.push_back({1});
    ASSERT_TRUE(session->set_input_shapes(shapes));
    ASSERT_TRUE(session->set_input(0, bytes_of(std::vector<float>{1, -2, 0.5F})));
    if (in_branch) {
      ASSERT_TRUE(session->set_input(1, std::vector<std::byte>(1, std::byte{1})));
    }
    ASSERT_TRUE(session->run());
    const auto view = session->output(0);
    ASSERT_TRUE(view);
    // Half of (1 - 100, 200 - 100, 30 - 100) and of (4 - 100, 5 - 100, 250 - 100).
    EXPECT_THAT(values_of<float>(view->bytes),
                ElementsAre(::testing::FloatNear(-49.5F - 100 - 17.5F, 2),
                            ::testing::FloatNear(-48 + 95 + 37.5F, 2)));
  }
}

TEST(IntegerLogits, LeavesOthersAsTheyAre) {
  const std::string other = text_of(attention({}));
  EXPECT_EQ(ort::with_integer_logits(other), other);
  const std::string whole = text_of(dequantised_product(true));
  for (std::size_t cut = 0; cut < whole.size(); cut += 7) {
    const std::string part = whole.substr(0, cut);
    const std::string rewritten = ort::with_integer_logits(part);
    // A file that ends between two of its parts is a smaller, whole one.
    if (rewritten != part) {
      EXPECT_THAT(rewritten, HasSubstr("DynamicQuantizeMatMul"));
    }
  }
}

}  // namespace
}  // namespace anynpu::engine

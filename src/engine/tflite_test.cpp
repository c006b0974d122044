// SPDX-License-Identifier: Apache-2.0
// The TFLite engine on networks of one or two operators.
#include "engine/tflite.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/strings.h"
#include "engine_runs.h"
#include "tiny_tflite.h"

namespace anynpu::engine {
namespace {

using test::bytes_of;
using test::loaded;
using test::run_once;
using test::TfliteType;
using test::TinyTflite;
using test::values_of;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;
using ::testing::Pointwise;

const LoadOptions kPlain = {1, "plain"};

/// y = x, {2, 3} to {3, 2}, in any element type.
std::vector<std::byte> reshape_model(TfliteType type) {
  TinyTflite model;
  const int x = model.input({"x", type, {2, 3}});
  const int y = model.output({"y", type, {3, 2}});
  model.reshape(x, y, {3, 2});
  return model.build();
}

/// y = x + 1 over {leading, 4}.
std::vector<std::byte> add_model(const std::vector<std::int32_t>& signature = {}) {
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1, 4}, signature});
  const int one =
      model.constant({"one", TfliteType::kFloat32, {4}}, std::vector<float>{1, 1, 1, 1});
  model.add(x, one, model.output({"y", TfliteType::kFloat32, {1, 4}, signature}));
  return model.build();
}

struct TfliteTypeCase {
  TfliteType stored;
  DType type;
};

class EveryType : public ::testing::TestWithParam<TfliteTypeCase> {};

TEST_P(EveryType, PassesThroughUnchanged) {
  auto session = loaded("tflite", reshape_model(GetParam().stored), kPlain);
  ASSERT_NE(session, nullptr);
  const SessionInfo& info = session->info();
  ASSERT_EQ(info.inputs.size(), 1U);
  EXPECT_EQ(info.inputs[0].name, "x");
  EXPECT_EQ(info.inputs[0].type, GetParam().type);
  EXPECT_EQ(info.inputs[0].shape, (Shape{2, 3}));
  EXPECT_EQ(info.outputs[0].type, GetParam().type);
  EXPECT_EQ(info.outputs[0].shape, (Shape{3, 2}));
  std::vector<std::byte> input(info.inputs[0].byte_size());
  for (std::size_t i = 0; i < input.size(); ++i)
    input[i] = std::byte(GetParam().type == DType::kBool ? i % 2 : i * 7);
  EXPECT_EQ(run_once(*session, input), input);
}

INSTANTIATE_TEST_SUITE_P(
    Tflite, EveryType,
    ::testing::Values(TfliteTypeCase{TfliteType::kFloat32, DType::kFloat32},
                      TfliteTypeCase{TfliteType::kFloat16, DType::kFloat16},
                      TfliteTypeCase{TfliteType::kInt32, DType::kInt32},
                      TfliteTypeCase{TfliteType::kUint8, DType::kUint8},
                      TfliteTypeCase{TfliteType::kInt64, DType::kInt64},
                      TfliteTypeCase{TfliteType::kBool, DType::kBool},
                      TfliteTypeCase{TfliteType::kInt16, DType::kInt16},
                      TfliteTypeCase{TfliteType::kInt8, DType::kInt8},
                      TfliteTypeCase{TfliteType::kFloat64, DType::kFloat64},
                      TfliteTypeCase{TfliteType::kUint64, DType::kUint64},
                      TfliteTypeCase{TfliteType::kUint32, DType::kUint32},
                      TfliteTypeCase{TfliteType::kComplex64, DType::kComplex64},
                      TfliteTypeCase{TfliteType::kComplex128, DType::kComplex128}),
    [](const auto& test) { return std::string(to_string(test.param.type)); });

TEST(Tflite, StringsTravelAsBytes) {
  auto session = loaded("tflite", reshape_model(TfliteType::kString), kPlain);
  ASSERT_NE(session, nullptr);
  std::vector<std::byte> input;
  for (const std::string_view text : std::initializer_list<std::string_view>{
           "one", "", "three", std::string_view("a\0b", 3), "\xc3\xa9", "six"})
    append_string(input, text);
  EXPECT_EQ(run_once(*session, input), input);
  EXPECT_EQ(run_once(*session, input), input);  // longer and shorter ones after each other
  std::vector<std::byte> empty;
  for (int i = 0; i < 6; ++i) append_string(empty, "");
  EXPECT_EQ(run_once(*session, empty), empty);

  auto wrong = session->set_input(0, std::span(input).first(input.size() - 1));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "input 'x': string 5 says 3 bytes, 2 are left");
}

TEST(Tflite, BothVariantsAddTheSame) {
  for (const std::string& variant : test::engine_or_fail("tflite")->variants()) {
    auto session = loaded("tflite", add_model(), {1, variant});
    ASSERT_NE(session, nullptr);
    EXPECT_THAT(values_of<float>(run_once(*session, bytes_of<float>({1, 2, 3, -4}))),
                ElementsAre(2, 3, 4, -3));
    EXPECT_THAT(session->info().note,
                HasSubstr(variant == "plain" ? "plain interpreter" : "1 of 1 operators"));
  }
}

TEST(Tflite, XnnpackRunsInt8Convolutions) {
  Engine* engine = test::engine_or_fail("tflite");
  ASSERT_NE(engine, nullptr);
  // y = 2 * x: scales of 0.5 everywhere, weight 4 = 2.0.
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kInt8, {1, 2, 2, 1}, {}, {0.5F}, {0}});
  const int w = model.constant({"w", TfliteType::kInt8, {1, 1, 1, 1}, {}, {0.5F}, {0}},
                               std::vector<std::int8_t>{4});
  const int b = model.constant({"b", TfliteType::kInt32, {1}, {}, {0.25F}, {0}},
                               std::vector<std::int32_t>{0});
  model.conv_2d(x, w, b, model.output({"y", TfliteType::kInt8, {1, 2, 2, 1}, {}, {0.5F}, {-3}}));
  for (const std::string& variant : engine->variants()) {
    auto session = loaded("tflite", model.build(), {1, variant});
    ASSERT_NE(session, nullptr);
    EXPECT_THAT(session->info().note, HasSubstr(variant == "plain" ? "plain" : "1 of 1 operators"));
    EXPECT_EQ(session->info().outputs[0].quantisation.scales, std::vector<float>{0.5F});
    EXPECT_EQ(session->info().outputs[0].quantisation.zero_points, std::vector<std::int32_t>{-3});
    Tensor output{session->info().outputs[0],
                  run_once(*session, bytes_of<std::int8_t>({1, 2, -3, 10}))};
    EXPECT_THAT(values_of<std::int8_t>(output.bytes), ElementsAre(-1, 1, -9, 17));
    EXPECT_THAT(*to_floats(output), ElementsAre(1, 2, -3, 10));
  }
}

TEST(Tflite, WhatXnnpackCannotRunIsRefusedByVariantAndRunPlainByDefault) {
  auto only = test::load("tflite", reshape_model(TfliteType::kInt64), {1, "xnnpack"});
  ASSERT_FALSE(only);
  EXPECT_EQ(only.error().code, Code::kUnsupported);
  auto session = loaded("tflite", reshape_model(TfliteType::kInt64));
  ASSERT_NE(session, nullptr);
  EXPECT_THAT(session->info().note, HasSubstr("plain interpreter"));
}

TEST(Tflite, QuantisationPerAxisIsDescribed) {
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kInt8, {2, 3}, {}, {0.5F, 0.25F, 2}, {0, 0, 0}, 1});
  model.reshape(x, model.output({"y", TfliteType::kInt8, {3, 2}}), {3, 2});
  auto session = loaded("tflite", model.build(), kPlain);
  ASSERT_NE(session, nullptr);
  const Quantisation& found = session->info().inputs[0].quantisation;
  EXPECT_THAT(found.scales, ElementsAre(0.5F, 0.25F, 2));
  EXPECT_THAT(found.zero_points, ElementsAre(0, 0, 0));
  EXPECT_EQ(found.axis, 1);
  EXPECT_FALSE(found.per_tensor());
}

TEST(Tflite, OpenDimensionsMustBeChosen) {
  for (const std::string& variant : test::engine_or_fail("tflite")->variants()) {
    auto session = loaded("tflite", add_model({-1, 4}), {1, variant});
    ASSERT_NE(session, nullptr);
    EXPECT_EQ(session->info().inputs[0].shape, (Shape{-1, 4}));
    EXPECT_EQ(session->info().outputs[0].shape, (Shape{-1, 4}));
    EXPECT_TRUE(session->info().batchable);
    auto early = session->run();
    ASSERT_FALSE(early);
    EXPECT_EQ(early.error().message,
              "input 'x': its shape ?x4 must be chosen before it can be used");
    for (const std::int64_t rows : {3, 1, 3, 2, 5, 4, 6, 1}) {
      ASSERT_TRUE(session->set_input_shapes({{rows, 4}}));
      std::vector<float> input(static_cast<std::size_t>(rows) * 4);
      for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<float>(i);
      const auto result = values_of<float>(run_once(*session, bytes_of(input)));
      for (float& value : input) value += 1;
      EXPECT_THAT(result, Pointwise(FloatNear(0), input)) << variant << " " << rows;
      EXPECT_EQ(session->output(0)->shape, (Shape{rows, 4}));
    }
    EXPECT_FALSE(session->set_input_shapes({{2, 5}}));
    EXPECT_FALSE(session->set_input_shapes({{0, 4}}));
  }
}

TEST(Tflite, AFixedGraphThatTakesABatchIsBatchable) {
  auto session = loaded("tflite", add_model());
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(session->info().batchable);
  EXPECT_EQ(session->info().inputs[0].shape, (Shape{1, 4}));
  ASSERT_TRUE(session->set_input_shapes({{2, 4}}));
  EXPECT_THAT(values_of<float>(run_once(*session, bytes_of<float>({1, 2, 3, 4, 5, 6, 7, 8}))),
              ElementsAre(2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(Tflite, AGraphWithAFixedReshapeIsNotBatchable) {
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1, 4}});
  model.reshape(x, model.output({"y", TfliteType::kFloat32, {1, 2, 2}}), {1, 2, 2});
  auto session = loaded("tflite", model.build());
  ASSERT_NE(session, nullptr);
  EXPECT_FALSE(session->info().batchable);
  auto batch = session->set_input_shapes({{2, 4}});
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().message, "input 'x': the shape 2x4 does not fit 1x4");
}

TEST(Tflite, AReshapeThatMixesTheBatchIsNotBatchable) {
  TinyTflite model;  // the batch would end up in the second dimension
  const int x = model.input({"x", TfliteType::kFloat32, {1, 4}});
  model.reshape(x, model.output({"y", TfliteType::kFloat32, {1, 4}}), {1, -1});
  auto session = loaded("tflite", model.build());
  ASSERT_NE(session, nullptr);
  EXPECT_FALSE(session->info().batchable);
}

/// A recurrent layer that adds up what it is given: state = x + state, y = state.
std::vector<std::byte> sum_model() {
  const std::vector<float> identity = {1, 0, 0, 1};
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1, 2}});
  const int w = model.constant({"w", TfliteType::kFloat32, {2, 2}}, identity);
  const int r = model.constant({"r", TfliteType::kFloat32, {2, 2}}, identity);
  const int b = model.constant({"b", TfliteType::kFloat32, {2}}, std::vector<float>{0, 0});
  const int state = model.tensor({"state", TfliteType::kFloat32, {1, 2}, {}, {}, {}, 0, true});
  model.rnn(x, w, r, b, state, model.output({"y", TfliteType::kFloat32, {1, 2}}));
  return model.build();
}

TEST(Tflite, StateIsForgottenUnlessItIsKept) {
  auto forgets = loaded("tflite", sum_model(), kPlain);
  LoadOptions options = kPlain;
  options.keep_state = true;
  auto keeps = loaded("tflite", sum_model(), options);
  ASSERT_NE(forgets, nullptr);
  ASSERT_NE(keeps, nullptr);
  const auto input = bytes_of<float>({1, 2});
  for (const float runs : {1.0F, 2.0F, 3.0F}) {
    EXPECT_THAT(values_of<float>(run_once(*forgets, input)), ElementsAre(1, 2));
    EXPECT_THAT(values_of<float>(run_once(*keeps, input)), ElementsAre(runs, 2 * runs));
  }
}

TEST(Tflite, WrongInputsAreNamed) {
  auto session = loaded("tflite", add_model(), kPlain);
  ASSERT_NE(session, nullptr);
  auto size = session->set_input(0, bytes_of<float>({1, 2, 3}));
  ASSERT_FALSE(size);
  EXPECT_EQ(size.error().message, "input 'x': 12 bytes given, 1x4 of float32 are 16 bytes");
  EXPECT_EQ(session->set_input(1, {}).error().message, "there is no input 1: the artifact has 1");
  EXPECT_EQ(session->output(1).error().message, "there is no output 1: the artifact has 1");
  EXPECT_EQ(session->set_input_shapes({}).error().message, "0 shapes for 1 inputs");
  EXPECT_EQ(session->set_input_shapes({{1LL << 40, 4}}).error().code, Code::kTooLarge);
}

TEST(Tflite, OptionsAreChecked) {
  EXPECT_EQ(test::load("tflite", add_model(), {0}).error().message,
            "0 threads: 1 to 256 are possible");
  auto variant = test::load("tflite", add_model(), {1, "gpu"});
  ASSERT_FALSE(variant);
  EXPECT_THAT(variant.error().message, HasSubstr("has no variant 'gpu'"));
  EXPECT_THAT(variant.error().hint, HasSubstr("plain"));
  auto session = loaded("tflite", add_model(), {4});
  ASSERT_NE(session, nullptr);
  EXPECT_THAT(values_of<float>(run_once(*session, bytes_of<float>({0, 0, 0, 0}))),
              ElementsAre(1, 1, 1, 1));
}

TEST(Tflite, BrokenFilesAreErrors) {
  Engine* engine = test::engine_or_fail("tflite");
  ASSERT_NE(engine, nullptr);
  auto missing = engine->load("/nonexistent/m.tflite", {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  EXPECT_FALSE(engine->load("/dev/null", {}));
  auto text = test::load("tflite", bytes_of<char>({'n', 'o', ' ', 'm', 'o', 'd', 'e', 'l', '\n'}));
  ASSERT_FALSE(text);
  EXPECT_THAT(text.error().message, HasSubstr("tiny.tflite: is not a .tflite file"));
  const auto whole = add_model();
  for (std::size_t size = 0; size < whole.size(); size += 17) {
    auto cut =
        test::load("tflite", {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_FALSE(cut) << size;
  }
}

TEST(Tflite, AnUnknownOperatorIsSaidInTflitesWords) {
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1}});
  model.custom("edgetpu-custom-op", {x}, {model.output({"y", TfliteType::kFloat32, {1}})});
  auto session = test::load("tflite", model.build());
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Code::kUnsupported);
  EXPECT_THAT(session.error().message, HasSubstr("tiny.tflite: "));
  EXPECT_THAT(session.error().message, HasSubstr("edgetpu-custom-op"));
  EXPECT_THAT(session.error().hint, HasSubstr("Edge TPU"));
}

TEST(Tflite, AnOperatorOfANewerVersionIsHinted) {
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1, 4}});
  const int y = model.output({"y", TfliteType::kFloat32, {1, 4}});
  model.op(test::TfliteOp::kSoftmax, {x}, {y}, 0, nullptr, "", 99);
  auto session = test::load("tflite", model.build());
  ASSERT_FALSE(session);
  EXPECT_THAT(session.error().message, HasSubstr("SOFTMAX"));
  EXPECT_THAT(session.error().hint, HasSubstr("newer than TFLite"));
}

TEST(Tflite, AWrongPathInTheVariableIsSaid) {
  LibraryNames names = tflite_names();
  names.variable = "";
  const LibraryChoice choice = choose_library(names, {{}, {"/nonexistent"}, {}, false}, {});
  auto engine = open_tflite(choice);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::kNotFound);
  EXPECT_THAT(engine.error().message,
              HasSubstr("no TFLite library: looked for libtensorflow-lite.so*"));
}

}  // namespace
}  // namespace anynpu::engine

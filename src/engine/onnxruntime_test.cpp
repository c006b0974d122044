// SPDX-License-Identifier: Apache-2.0
// The ONNX Runtime engine on networks of one or two nodes.
#include "engine/onnxruntime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/onnxruntime_abi.h"
#include "engine/strings.h"
#include "engine_runs.h"
#include "tiny_onnx.h"

namespace anynpu::engine {
namespace {

using test::bytes_of;
using test::loaded;
using test::OnnxType;
using test::run_once;
using test::TinyOnnx;
using test::values_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// y = x in any element type.
std::vector<std::byte> identity_model(OnnxType type,
                                      const std::vector<std::string>& dims = {"2", "3"}) {
  TinyOnnx model;
  model.input("x", type, dims);
  model.node("Identity", {"x"}, {"y"});
  model.output("y", type, dims);
  return model.build(type == OnnxType::kInt4 || type == OnnxType::kUint4 ? 21 : 13);
}

struct OnnxTypeCase {
  OnnxType stored;
  DType type;
};

class EveryOnnxType : public ::testing::TestWithParam<OnnxTypeCase> {};

TEST_P(EveryOnnxType, PassesThroughUnchanged) {
  auto session = loaded("onnxruntime", identity_model(GetParam().stored));
  ASSERT_NE(session, nullptr);
  const SessionInfo& info = session->info();
  ASSERT_EQ(info.inputs.size(), 1U);
  EXPECT_EQ(info.inputs[0].name, "x");
  EXPECT_EQ(info.inputs[0].type, GetParam().type);
  EXPECT_EQ(info.inputs[0].shape, (Shape{2, 3}));
  EXPECT_FALSE(info.batchable);
  std::vector<std::byte> input(info.inputs[0].byte_size());
  for (std::size_t i = 0; i < input.size(); ++i)
    input[i] = std::byte(GetParam().type == DType::kBool ? i % 2 : i * 7);
  EXPECT_EQ(run_once(*session, input), input);
  EXPECT_EQ(session->output(0)->shape, (Shape{2, 3}));
}

INSTANTIATE_TEST_SUITE_P(Onnx, EveryOnnxType,
                         ::testing::Values(OnnxTypeCase{OnnxType::kFloat, DType::kFloat32},
                                           OnnxTypeCase{OnnxType::kUint8, DType::kUint8},
                                           OnnxTypeCase{OnnxType::kInt8, DType::kInt8},
                                           OnnxTypeCase{OnnxType::kUint16, DType::kUint16},
                                           OnnxTypeCase{OnnxType::kInt16, DType::kInt16},
                                           OnnxTypeCase{OnnxType::kInt32, DType::kInt32},
                                           OnnxTypeCase{OnnxType::kInt64, DType::kInt64},
                                           OnnxTypeCase{OnnxType::kBool, DType::kBool},
                                           OnnxTypeCase{OnnxType::kFloat16, DType::kFloat16},
                                           OnnxTypeCase{OnnxType::kDouble, DType::kFloat64},
                                           OnnxTypeCase{OnnxType::kUint32, DType::kUint32},
                                           OnnxTypeCase{OnnxType::kUint64, DType::kUint64},
                                           OnnxTypeCase{OnnxType::kBFloat16, DType::kBFloat16}),
                         [](const auto& test) { return std::string(to_string(test.param.type)); });

TEST(OnnxRuntime, StringsTravelAsBytes) {
  auto session = loaded("onnxruntime", identity_model(OnnxType::kString));
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->info().inputs[0].type, DType::kString);
  std::vector<std::byte> input;
  for (const std::string_view text : std::initializer_list<std::string_view>{
           "one", "", "three", std::string_view("a\0b", 3), "\xc3\xa9", "six"})
    append_string(input, text);
  EXPECT_EQ(run_once(*session, input), input);
  auto wrong = session->set_input(0, std::span(input).first(input.size() - 1));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message, "input 'x': string 5 says 3 bytes, 2 are left");
}

TEST(OnnxRuntime, OpenDimensionsMustBeChosenAndMayBeEmpty) {
  auto session = loaded("onnxruntime", identity_model(OnnxType::kFloat, {"batch", "4"}));
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->info().inputs[0].shape, (Shape{-1, 4}));
  EXPECT_TRUE(session->info().batchable);
  EXPECT_EQ(session->run().error().message,
            "input 'x': its shape ?x4 must be chosen before it can be used");
  EXPECT_FALSE(session->set_input(0, bytes_of<float>({1, 2, 3, 4})));
  for (const std::int64_t rows : {3, 1, 0, 3}) {
    ASSERT_TRUE(session->set_input_shapes({{rows, 4}}));
    const auto input = bytes_of(std::vector<float>(static_cast<std::size_t>(rows) * 4, 0.5F));
    EXPECT_EQ(run_once(*session, input), input) << rows;
    EXPECT_EQ(session->output(0)->shape, (Shape{rows, 4}));
  }
  EXPECT_FALSE(session->set_input_shapes({{2, 5}}));
  EXPECT_EQ(session->set_input_shapes({{1LL << 40, 4}}).error().code, Code::kTooLarge);
}

TEST(OnnxRuntime, AnOutputLedByAnotherDimensionIsNotBatchable) {
  TinyOnnx model;  // the leading dimension of the output is time, not the batch
  model.input("x", OnnxType::kFloat, {"batch", "time"});
  model.node("Transpose", {"x"}, {"y"});
  model.output("y", OnnxType::kFloat, {"time", "batch"});
  auto session = loaded("onnxruntime", model.build());
  ASSERT_NE(session, nullptr);
  EXPECT_FALSE(session->info().batchable);
}

TEST(OnnxRuntime, SeveralInputsAndOutputs) {
  TinyOnnx model;
  model.input("a", OnnxType::kFloat, {"batch", "2"});
  model.input("b", OnnxType::kFloat, {"batch", "2"});
  model.node("Add", {"a", "b"}, {"sum"});
  model.node("Sub", {"a", "b"}, {"difference"});
  model.output("sum", OnnxType::kFloat, {"batch", "2"});
  model.output("difference", OnnxType::kFloat, {"batch", "2"});
  auto session = loaded("onnxruntime", model.build(), {2, "cpu"});
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(session->info().batchable);
  ASSERT_TRUE(session->set_input_shapes({{2, 2}, {2, 2}}));
  ASSERT_TRUE(session->set_input(0, bytes_of<float>({1, 2, 3, 4})));
  ASSERT_TRUE(session->set_input(1, bytes_of<float>({10, 20, 30, 40})));
  ASSERT_TRUE(session->run());
  EXPECT_THAT(values_of<float>(session->output(0)->bytes), ElementsAre(11, 22, 33, 44));
  EXPECT_THAT(values_of<float>(session->output(1)->bytes), ElementsAre(-9, -18, -27, -36));
  EXPECT_EQ(session->output(2).error().message, "there is no output 2: the artifact has 2");
}

TEST(OnnxRuntime, AFailingRunIsSaidInItsWords) {
  TinyOnnx model;  // 3 and 4 columns cannot be added; only the run can know
  model.input("a", OnnxType::kFloat, {"rows", "n"});
  model.input("b", OnnxType::kFloat, {"rows", "m"});
  model.node("Add", {"a", "b"}, {"sum"});
  model.output("sum", OnnxType::kFloat, {"rows", "k"});
  auto session = loaded("onnxruntime", model.build());
  ASSERT_NE(session, nullptr);
  EXPECT_FALSE(session->output(0));  // nothing has run
  ASSERT_TRUE(session->set_input_shapes({{1, 3}, {1, 4}}));
  auto run = session->run();
  ASSERT_FALSE(run);
  EXPECT_THAT(run.error().message, HasSubstr("ONNX Runtime failed: "));
  EXPECT_FALSE(session->output(0));
  ASSERT_TRUE(session->set_input_shapes({{1, 3}, {1, 3}}));
  EXPECT_TRUE(session->run());
}

TEST(OnnxRuntime, WhatIsNoTensorIsRefused) {
  TinyOnnx model;
  model.input("x", OnnxType::kFloat, {"1"});
  model.node("SequenceConstruct", {"x"}, {"y"});
  model.sequence_output("y", OnnxType::kFloat);
  auto session = test::load("onnxruntime", model.build());
  ASSERT_FALSE(session);
  EXPECT_EQ(session.error().code, Code::kUnsupported);
  EXPECT_THAT(session.error().message, HasSubstr("output 0 'y' is no tensor"));
}

TEST(OnnxRuntime, BrokenFilesAreErrors) {
  Engine* engine = test::engine_or_fail("onnxruntime");
  ASSERT_NE(engine, nullptr);
  auto missing = engine->load("/nonexistent/m.onnx", {});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::kNotFound);
  auto text =
      test::load("onnxruntime", bytes_of<char>({'n', 'o', ' ', 'm', 'o', 'd', 'e', 'l', '\n'}));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, Code::kInvalid);
  EXPECT_THAT(text.error().message, HasSubstr("tiny.onnx: "));
  const auto whole = identity_model(OnnxType::kFloat);
  for (std::size_t size = 0; size < whole.size(); size += 7) {
    auto cut = test::load("onnxruntime",
                          {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    EXPECT_FALSE(cut) << size;
  }
}

TEST(OnnxRuntime, OptionsAreChecked) {
  EXPECT_EQ(test::load("onnxruntime", identity_model(OnnxType::kFloat), {257}).error().message,
            "257 threads: 1 to 256 are possible");
  EXPECT_THAT(
      test::load("onnxruntime", identity_model(OnnxType::kFloat), {1, "xnnpack"}).error().message,
      HasSubstr("has no variant 'xnnpack'"));
}

TEST(OnnxRuntime, AnotherLibraryIsRefusedByName) {
  auto libc = SharedLibrary::open("libc.so.6");
  ASSERT_TRUE(libc) << libc.error().message;
  auto api = ort::load_api(*libc);
  ASSERT_FALSE(api);
  EXPECT_THAT(api.error().message,
              HasSubstr("is no ONNX Runtime library: OrtGetApiBase is missing"));
}

}  // namespace
}  // namespace anynpu::engine

// SPDX-License-Identifier: Apache-2.0
#include "engine/xclbin_tensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::engine::xclbin {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(XclbinTensors, Everything) {
  auto tensors = parse_tensors(R"({"kernel": "MEL",
    "inputs": [{"name": "x", "type": "int16", "shape": [8, 512]}],
    "outputs": [{"type": "int8", "shape": [8, 80], "scale": 0.5, "zero_point": -3}]})");
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_EQ(tensors->kernel, "MEL");
  EXPECT_EQ(tensors->inputs[0].name, "x");
  EXPECT_EQ(tensors->inputs[0].type, DType::kInt16);
  EXPECT_THAT(tensors->inputs[0].shape, ElementsAre(8, 512));
  EXPECT_EQ(tensors->outputs[0].name, "outputs[0]");
  EXPECT_THAT(tensors->outputs[0].quantisation.scales, ElementsAre(0.5F));
  EXPECT_THAT(tensors->outputs[0].quantisation.zero_points, ElementsAre(-3));
}

TEST(XclbinTensors, WhatIsWrongIsNamed) {
  struct Case {
    const char* text;
    const char* words;
  };
  const char* one = R"("outputs": [{"type": "int8", "shape": [1]}])";
  for (const Case& c : {
           Case{"[]", "no JSON object"},
           Case{"{", "no JSON object"},
           Case{"{%}", "\"inputs\" is a list"},
           Case{R"({"inputs": [], %})", "\"inputs\" is a list of 1 to 7"},
           Case{R"({"inputs": [1], %})", "inputs[0] is no object"},
           Case{R"({"inputs": [{"shape": [1]}], %})", "has no \"type\""},
           Case{R"({"inputs": [{"type": "int4", "shape": [1]}], %})", "whole bytes"},
           Case{R"({"inputs": [{"type": "float33", "shape": [1]}], %})", "float33"},
           Case{R"({"inputs": [{"type": "int8", "shape": [0]}], %})", "1 or more"},
           Case{R"({"inputs": [{"type": "int8", "shape": [1.5]}], %})", "1 or more"},
           Case{R"({"inputs": [{"type": "int8", "shape": [99999999999, 99999999999]}], %})",
                "over the limit"},
           Case{R"({"inputs": [{"type": "int8", "shape": [1], "scale": 0}], %})", "over 0"},
           Case{R"({"kernel": 3, "inputs": [{"type": "int8", "shape": [1]}], %})", "\"kernel\""},
       }) {
    std::string text = c.text;
    if (const std::size_t at = text.find('%'); at != std::string::npos) text.replace(at, 1, one);
    auto tensors = parse_tensors(text);
    ASSERT_FALSE(tensors) << text;
    EXPECT_THAT(tensors.error().message, HasSubstr(c.words)) << text;
  }
  EXPECT_EQ(parse_tensors(std::string(70'000, ' ')).error().code, Code::kTooLarge);
}

TEST(XclbinTensors, ACommandHasRoomForSeven) {
  std::string list;
  for (int i = 0; i < 4; ++i)
    list += std::string(i > 0 ? "," : "") + R"({"type":"int8","shape":[1]})";
  auto tensors = parse_tensors("{\"inputs\": [" + list + "], \"outputs\": [" + list + "]}");
  ASSERT_FALSE(tensors);
  EXPECT_THAT(tensors.error().message, HasSubstr("8 tensors"));
}

TEST(XclbinTensors, TheFilesBesideIt) {
  EXPECT_EQ(tensors_file("/a/mel.xclbin"), "/a/mel.tensors.json");
  EXPECT_EQ(instructions_file("/a/mel.xclbin"), "/a/mel.insts.bin");
}

}  // namespace
}  // namespace anynpu::engine::xclbin

// SPDX-License-Identifier: Apache-2.0
// Requests of the protocol's text, and everything that can be wrong with one.
#include "server/oip/request.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/oip/test_tensors.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Problem {
  Code code = Code::kInternal;
  std::string message = "no error";
};

Problem problem(const std::string& body, std::optional<std::uint64_t> json_length = {},
                const RequestLimits& limits = {}) {
  auto request = parse_infer_request(body, json_length, limits);
  return request ? Problem() : Problem{request.error().code, request.error().message};
}

/// A request with one input, whose members are given.
std::string with_input(const std::string& members) {
  return "{\"inputs\":[{" + members + "}]}";
}

std::string message_of_input(const std::string& members) {
  return problem(with_input(members)).message;
}

TEST(OipRequest, ReadsTheSpecificationsExample) {
  const std::string body = R"({
    "id" : "42",
    "inputs" : [
      {"name" : "input0", "shape" : [ 2, 2 ], "datatype" : "UINT32", "data" : [ 1, 2, 3, 4 ]},
      {"name" : "input1", "shape" : [ 3 ], "datatype" : "BOOL", "data" : [ true ,false, true ]}
    ],
    "outputs" : [ {"name" : "output0"} ]
  })";
  auto request = parse_infer_request(body, std::nullopt);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->id, "42");
  ASSERT_EQ(request->inputs.size(), 2U);
  EXPECT_EQ(request->inputs[0].name, "input0");
  EXPECT_EQ(request->inputs[0].type, DType::kUint32);
  EXPECT_EQ(request->inputs[0].shape, (Shape{2, 2}));
  EXPECT_THAT(values_of<std::uint32_t>(request->inputs[0].bytes()), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(values_of<std::uint8_t>(request->inputs[1].bytes()), ElementsAre(1, 0, 1));
  ASSERT_EQ(request->outputs.size(), 1U);
  EXPECT_EQ(request->outputs[0].name, "output0");
  EXPECT_FALSE(request->outputs[0].binary);
  EXPECT_FALSE(request->binary_output);
  EXPECT_FALSE(request->raw);
}

TEST(OipRequest, TakesMembersInAnyOrderAndIgnoresOthers) {
  auto request = parse_infer_request(
      R"({"future":{"a":[1]},"inputs":[{"data":[[1],[2]],"extra":null,"shape":[2,1],"datatype":"FP32","name":"x"}]})",
      std::nullopt);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_THAT(values_of<float>(request->inputs[0].bytes()), ElementsAre(1.0F, 2.0F));
  EXPECT_THAT(request->outputs, IsEmpty());
}

TEST(OipRequest, ReadsParametersOfEachKind) {
  auto request = parse_infer_request(
      R"({"parameters":{"a":"b","c":1,"d":2.5,"e":true,"f":18446744073709551615,"timeout":2500,"binary_data_output":true},
          "inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"g":"h"}}],
          "outputs":[{"name":"y","parameters":{"binary_data":false,"classification":5}},{"name":"z"}]})",
      std::nullopt);
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(*find_parameter(request->parameters, "a"), ParameterValue("b"));
  EXPECT_EQ(*find_parameter(request->parameters, "c"), ParameterValue(std::int64_t{1}));
  EXPECT_EQ(*find_parameter(request->parameters, "d"), ParameterValue(2.5));
  EXPECT_EQ(*find_parameter(request->parameters, "e"), ParameterValue(true));
  EXPECT_EQ(*find_parameter(request->parameters, "f"), ParameterValue(18446744073709551616.0));
  EXPECT_EQ(*find_parameter(request->inputs[0].parameters, "g"), ParameterValue("h"));
  EXPECT_EQ(find_parameter(request->parameters, "none"), nullptr);
  EXPECT_EQ(request->timeout, microseconds(2500));
  EXPECT_TRUE(request->binary_output);
  EXPECT_EQ(request->outputs[0].binary, false);
  EXPECT_EQ(request->outputs[0].classification, 5U);
  EXPECT_FALSE(request->outputs[1].binary);
}

TEST(OipRequest, WritesParameters) {
  std::string out;
  append_parameters(out, {{"a", "x\"y"}, {"b", true}, {"c", std::int64_t{-7}}, {"d", 0.25}});
  EXPECT_EQ(out, R"({"a":"x\"y","b":true,"c":-7,"d":0.25})");
}

TEST(OipRequest, ReadsBinaryTensorsInTheirOrder) {
  const std::string json =
      R"({"inputs":[{"name":"a","shape":[2],"datatype":"FP16","parameters":{"binary_data_size":4}},)"
      R"({"name":"b","shape":[1],"datatype":"INT8","data":[-3]},)"
      R"({"name":"c","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":11}}]})";
  const std::string body = json + as_text(bytes_of<std::uint16_t>({0x3C00, 0x4000})) +
                           as_text(bytes_of_texts({"abc", ""}));
  auto request = parse_infer_request(body, json.size());
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_THAT(values_of<std::uint16_t>(request->inputs[0].bytes()), ElementsAre(0x3C00, 0x4000));
  EXPECT_THAT(values_of<std::int8_t>(request->inputs[1].bytes()), ElementsAre(-3));
  EXPECT_THAT(texts_of(request->inputs[2].bytes()), ElementsAre("abc", ""));
  EXPECT_EQ(problem(body + "x", json.size()).message, "1 bytes follow the last binary tensor");
  EXPECT_THAT(problem(body.substr(0, body.size() - 1), json.size()).message,
              HasSubstr("binary_data_size is 11"));
}

TEST(OipRequest, ElementsOfEveryTypeTravelAsBinary) {
  const std::vector<std::pair<const char*, std::size_t>> sizes = {
      {"BOOL", 1}, {"UINT8", 1}, {"UINT16", 2}, {"UINT32", 4}, {"UINT64", 8},
      {"INT8", 1}, {"INT16", 2}, {"INT32", 4},  {"INT64", 8},  {"FP16", 2},
      {"FP32", 4}, {"FP64", 8},  {"BF16", 2}};
  for (const auto& [datatype, size] : sizes) {
    const std::string json = fmt::format(
        R"({{"inputs":[{{"name":"x","shape":[3,1],"datatype":"{}","parameters":{{"binary_data_size":{}}}}}]}})",
        datatype, 3 * size);
    const std::string binary(3 * size, '\1');
    const std::string body = json + binary;
    auto request = parse_infer_request(body, json.size());
    ASSERT_TRUE(request) << datatype << ": " << request.error().message;
    EXPECT_EQ(as_text(request->inputs[0].bytes()), binary) << datatype;
  }
}

TEST(OipRequest, ALoneInputMayLeaveItsSizeOut) {
  const std::string json = with_input(R"("name":"x","shape":[1],"datatype":"BYTES")");
  const std::string body = json + as_text(bytes_of_texts({"a picture"}));
  auto request = parse_infer_request(body, json.size());
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_THAT(texts_of(request->inputs[0].bytes()), ElementsAre("a picture"));
  const std::string two =
      R"({"inputs":[{"name":"x","shape":[1],"datatype":"INT8"},{"name":"y","shape":[1],"datatype":"INT8"}]})";
  EXPECT_THAT(problem(two + "ab", two.size()).message, HasSubstr("neither \"data\" nor"));
}

TEST(OipRequest, ARawRequestIsItsTensor) {
  const std::string body = "raw bytes";
  auto request = parse_infer_request(body, 0);
  ASSERT_TRUE(request);
  ASSERT_TRUE(request->raw);
  EXPECT_EQ(as_text(*request->raw), body);
  EXPECT_TRUE(request->binary_output);
  EXPECT_THAT(request->inputs, IsEmpty());
}

TEST(OipRequest, ReadsTheLengthHeader) {
  EXPECT_EQ(*parse_json_length(""), std::nullopt);
  EXPECT_EQ(*parse_json_length("0"), 0U);
  EXPECT_EQ(*parse_json_length("123"), 123U);
  for (const char* header : {"-1", "1x", "x", "1.0", "99999999999999999999999", " 1"})
    EXPECT_FALSE(parse_json_length(header)) << header;
  EXPECT_THAT(problem("{}", 3).message, HasSubstr("is 3, and the body has 2 bytes"));
  EXPECT_EQ(problem(R"({"inputs":[]})", 5).code, Code::kInvalid);
}

TEST(OipRequest, SaysWhatIsMissing) {
  EXPECT_THAT(problem("").message, HasSubstr("not a JSON object"));
  EXPECT_THAT(problem("[]").message, HasSubstr("not a JSON object"));
  EXPECT_THAT(problem("{\"inputs\":[").message, HasSubstr("the JSON ends"));
  EXPECT_EQ(problem("{}").message, "the request has no inputs");
  EXPECT_EQ(problem("{\"inputs\":[]}").message, "the request has no inputs");
  EXPECT_THAT(problem("{\"inputs\":{}}").message, HasSubstr("an array is expected"));
  EXPECT_THAT(problem("{\"inputs\":[1]}").message, HasSubstr("inputs[0]"));
  EXPECT_THAT(problem("{\"inputs\":[]} x").message, HasSubstr("the end of the JSON"));
  EXPECT_EQ(message_of_input(R"("shape":[1],"datatype":"FP32","data":[1])"),
            "inputs[0] has no \"name\"");
  EXPECT_EQ(message_of_input(R"("name":"x","datatype":"FP32","data":[1])"),
            "input 'x' has no \"shape\"");
  EXPECT_EQ(message_of_input(R"("name":"x","shape":[1],"data":[1])"),
            "input 'x' has no \"datatype\"");
  EXPECT_THAT(message_of_input(R"("name":"x","shape":[1],"datatype":"FP32")"),
              HasSubstr("neither \"data\""));
  EXPECT_THAT(
      message_of_input(
          R"("name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4})"),
      HasSubstr("does not say where binary data starts"));
}

TEST(OipRequest, SaysWhatIsWrong) {
  EXPECT_EQ(message_of_input(R"("name":"x","shape":[1],"datatype":"FLOAT","data":[1])"),
            "input 'x': there is no datatype 'FLOAT'");
  EXPECT_THAT(message_of_input(R"("name":7,"shape":[1],"datatype":"FP32","data":[1])"),
              HasSubstr("name is not a string"));
  EXPECT_THAT(message_of_input(R"("name":"x","shape":[1],"datatype":5,"data":[1])"),
              HasSubstr("datatype is not a string"));
  EXPECT_THAT(message_of_input(R"("name":"x","shape":3,"datatype":"FP32","data":[1])"),
              HasSubstr("shape is not an array"));
  for (const char* bad : {"-1", "1.5", "\"1\"", "null", "[1]", "99999999999999999999", "1e3"})
    EXPECT_THAT(
        message_of_input(std::string(R"("name":"x","datatype":"FP32","data":[1],"shape":[)") + bad +
                         "]"),
        HasSubstr("input 'x': "))
        << bad;
  EXPECT_THAT(message_of_input(
                  R"("name":"x","shape":[4294967296,4294967296],"datatype":"FP32","data":[1])"),
              HasSubstr("more elements than can be counted"));
  EXPECT_THAT(message_of_input(R"("name":"x","shape":[300],"datatype":"UINT8","data":[300])"),
              HasSubstr("there are fewer"));
  EXPECT_THAT(message_of_input(R"("name":"x","shape":[1],"datatype":"FP32","data":[1],"name":"y")"),
              HasSubstr("\"name\" is given twice"));
  EXPECT_THAT(
      message_of_input(
          R"("name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"binary_data_size":4})"),
      HasSubstr("both \"data\" and"));
  EXPECT_THAT(message_of_input(
                  R"("name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"a":[1]})"),
              HasSubstr("the parameter a must be a string, a number, true or false"));
  EXPECT_THAT(
      message_of_input(
          R"("name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"a":1,"a":2})"),
      HasSubstr("the parameter a is given twice"));
  EXPECT_THAT(problem(R"({"id":5,"inputs":[]})").message, HasSubstr("id is not a string"));
  EXPECT_THAT(problem(R"({"inputs":[],"inputs":[]})").message,
              HasSubstr("\"inputs\" is given twice"));
}

TEST(OipRequest, SaysWhatIsWrongWithItsParameters) {
  const std::string input = R"("inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1]}])";
  const auto outputs = [&](const std::string& list) {
    return problem("{" + input + ",\"outputs\":[" + list + "]}").message;
  };
  EXPECT_EQ(outputs(R"({"name":"y"},{"name":"y"})"), "output 'y' is asked for twice");
  EXPECT_THAT(outputs(R"({})"), HasSubstr("outputs[0] has no \"name\""));
  EXPECT_THAT(outputs(R"({"name":"y","parameters":{"binary_data":1}})"),
              HasSubstr("binary_data must be true or false"));
  EXPECT_THAT(outputs(R"({"name":"y","parameters":{"classification":-1}})"),
              HasSubstr("classification must be"));
  EXPECT_THAT(outputs(R"({"name":"y","parameters":{"classification":"3"}})"),
              HasSubstr("classification must be"));
  EXPECT_THAT(problem("{" + input + R"(,"parameters":{"binary_data_output":"yes"}})").message,
              HasSubstr("binary_data_output must be"));
  EXPECT_THAT(problem("{" + input + R"(,"parameters":{"timeout":-5}})").message,
              HasSubstr("timeout must be"));
  EXPECT_EQ(problem("{" + input + R"(,"parameters":{"sequence_id":3}})").code, Code::kUnsupported);
  EXPECT_EQ(problem("{" + input + R"(,"parameters":{"sequence_id":0}})").message, "no error");
  EXPECT_EQ(
      problem(
          with_input(
              R"("name":"x","shape":[1],"datatype":"FP32","parameters":{"shared_memory_region":"r"})"))
          .code,
      Code::kUnsupported);
}

TEST(OipRequest, BinaryDataMustBeTheTensor) {
  const auto message = [](const std::string& members, const std::string& binary) {
    const std::string json = with_input(members);
    return problem(json + binary, json.size()).message;
  };
  EXPECT_EQ(message(R"("name":"x","shape":[2],"datatype":"FP32")", "1234567"),
            "input 'x': FP32 of shape 2 are 8 bytes, and its data has 7");
  EXPECT_THAT(message(R"("name":"x","shape":[2],"datatype":"BOOL")", std::string("\0\2", 2)),
              HasSubstr("element 1: 2 is neither 0 nor 1"));
  EXPECT_THAT(message(R"("name":"x","shape":[1],"datatype":"BYTES")", "abc"),
              HasSubstr("3 bytes where the length"));
  EXPECT_THAT(
      message(R"("name":"x","shape":[1],"datatype":"BYTES")", std::string("\xFF\xFF\xFF\xFFx", 5)),
      HasSubstr("claims 4294967295 bytes, and 1 are left"));
  EXPECT_THAT(
      message(R"("name":"x","shape":[2],"datatype":"BYTES")", as_text(bytes_of_texts({"a"}))),
      HasSubstr("asks for 2 elements, and its data has 1"));
  EXPECT_THAT(message(R"("name":"x","shape":[4611686018427387904],"datatype":"FP64")", "12345678"),
              HasSubstr("its data has 8"));
}

TEST(OipRequest, HasLimits) {
  RequestLimits limits;
  limits.inputs = 1;
  limits.outputs = 1;
  limits.rank = 2;
  limits.name_bytes = 4;
  limits.tensor_bytes = 8;
  const std::string x = R"({"name":"x","shape":[1],"datatype":"FP64","data":[1]})";
  const std::string y = R"({"name":"y","shape":[1],"datatype":"FP64","data":[1]})";
  EXPECT_EQ(problem("{\"inputs\":[" + x + "]}", {}, limits).message, "no error");
  EXPECT_EQ(problem("{\"inputs\":[" + x + "," + y + "]}", {}, limits).message,
            "the request has more than 1 inputs");
  EXPECT_EQ(
      problem("{\"inputs\":[" + x + R"(],"outputs":[{"name":"a"},{"name":"b"}]})", {}, limits).code,
      Code::kTooLarge);
  EXPECT_THAT(problem(R"({"id":"12345","inputs":[]})", {}, limits).message,
              HasSubstr("longer than 4 bytes"));
  EXPECT_THAT(problem(with_input(R"("name":"12345")"), {}, limits).message,
              HasSubstr("longer than 4 bytes"));
  EXPECT_THAT(problem(with_input(R"("name":"x","shape":[1,1,1])"), {}, limits).message,
              HasSubstr("2 dimensions"));
  limits.inputs = 2;
  EXPECT_EQ(problem("{\"inputs\":[" + x + "," + y + "]}", {}, limits).code, Code::kTooLarge);
  std::string many = "{\"parameters\":{";
  for (std::size_t i = 0; i <= kMostParameters; ++i)
    many += fmt::format("{}\"p{}\":1", i == 0 ? "" : ",", i);
  EXPECT_EQ(problem(many + "},\"inputs\":[" + x + "]}").code, Code::kTooLarge);
}

TEST(OipRequest, NamesOfStrangersAreShownSafely) {
  const std::string message =
      message_of_input(R"("name":"\u001b[31m","shape":[1],"datatype":"FP32")");
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace anynpu::server::oip

// SPDX-License-Identifier: Apache-2.0
// Replies, the classification extension, and errors.
#include "server/oip/response.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "server/oip/classification.h"
#include "server/oip/errors.h"
#include "server/oip/test_tensors.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

InferResponse a_response() {
  InferResponse response;
  response.model_name = "m\"1";
  response.model_version = "3";
  response.id = "42";
  response.parameters = {{"device", "cpu"}, {"fallback", false}};
  response.outputs.push_back(
      {tensor_of<float>("a", DType::kFloat32, {1, 2}, {0.5F, -1.0F}), false});
  response.outputs.push_back({tensor_of<std::int16_t>("b", DType::kInt16, {1}, {258}), false});
  return response;
}

TEST(OipResponse, IsTheProtocolsJson) {
  auto encoded = encode_response(a_response());
  ASSERT_TRUE(encoded);
  EXPECT_FALSE(encoded->json_length);
  EXPECT_EQ(json::parse(encoded->body), json::parse(R"({
    "model_name": "m\"1", "model_version": "3", "id": "42",
    "parameters": {"device": "cpu", "fallback": false},
    "outputs": [{"name": "a", "datatype": "FP32", "shape": [1, 2], "data": [0.5, -1.0]},
                {"name": "b", "datatype": "INT16", "shape": [1], "data": [258]}]})"));
}

TEST(OipResponse, LeavesOutWhatThereIsNot) {
  InferResponse response;
  response.model_name = "m";
  response.model_version = "1";
  auto encoded = encode_response(response);
  ASSERT_TRUE(encoded);
  EXPECT_EQ(encoded->body, R"({"model_name":"m","model_version":"1","outputs":[]})");
}

TEST(OipResponse, PutsBinaryTensorsAfterTheJson) {
  InferResponse response = a_response();
  response.outputs[1].binary = true;
  response.outputs.push_back({{{"c", DType::kString, {1}}, bytes_of_texts({"xyz"})}, true});
  auto encoded = encode_response(response);
  ASSERT_TRUE(encoded);
  ASSERT_TRUE(encoded->json_length);
  const json head = json::parse(encoded->body.substr(0, *encoded->json_length));
  EXPECT_EQ(head["outputs"][0]["data"], json::parse("[0.5, -1.0]"));
  EXPECT_EQ(head["outputs"][1]["parameters"]["binary_data_size"], 2);
  EXPECT_FALSE(head["outputs"][1].contains("data"));
  EXPECT_EQ(head["outputs"][2]["parameters"]["binary_data_size"], 7);
  EXPECT_EQ(encoded->body.substr(*encoded->json_length), std::string("\x02\x01\x03\0\0\0xyz", 9));
}

TEST(OipResponse, HalfFloatsGoAsBinaryOnly) {
  InferResponse response;
  response.outputs.push_back(
      {tensor_of<std::uint16_t>("h", DType::kFloat16, {1}, {0x3C00}), false});
  auto encoded = encode_response(response);
  ASSERT_FALSE(encoded);
  EXPECT_THAT(encoded.error().message, HasSubstr("output 'h': FP16 has no JSON form"));
  EXPECT_THAT(encoded.error().hint, HasSubstr("binary_data"));
  response.outputs[0].binary = true;
  EXPECT_TRUE(encode_response(response));
}

TEST(OipResponse, TypesWithoutAWordAreSaid) {
  InferResponse response;
  response.outputs.push_back({tensor_of<std::uint64_t>("z", DType::kComplex64, {1}, {0}), true});
  auto encoded = encode_response(response);
  ASSERT_FALSE(encoded);
  EXPECT_EQ(encoded.error().code, Code::kUnsupported);
}

std::string_view no_label(std::size_t) {
  return {};
}

std::vector<std::string> best(const engine::Tensor& tensor, std::size_t k,
                              const LabelOf& label_of = no_label) {
  auto classified = classify_output(tensor, k, label_of);
  EXPECT_TRUE(classified);
  return classified ? texts_of(classified->bytes) : std::vector<std::string>();
}

TEST(OipClassification, GivesTheBestOfEachRow) {
  auto tensor = tensor_of<float>("y", DType::kFloat32, {2, 3}, {0.25F, 0.5F, 0.125F, 3, 1, 2});
  auto classified = classify_output(tensor, 2, no_label);
  ASSERT_TRUE(classified);
  EXPECT_EQ(classified->info.name, "y");
  EXPECT_EQ(classified->info.type, DType::kString);
  EXPECT_EQ(classified->info.shape, (Shape{2, 2}));
  EXPECT_THAT(texts_of(classified->bytes), ElementsAre("0.5:1", "0.25:0", "3:0", "2:2"));
}

TEST(OipClassification, AddsLabels) {
  const LabelOf label = [](std::size_t index) { return index == 1 ? "cat" : ""; };
  EXPECT_THAT(best(tensor_of<std::uint8_t>("y", DType::kUint8, {1, 3}, {9, 200, 9}), 3, label),
              ElementsAre("200:1:cat", "9:0", "9:2"));
}

TEST(OipClassification, TakesEveryNumber) {
  EXPECT_THAT(best(tensor_of<std::int8_t>("y", DType::kInt8, {1, 2}, {-5, -4}), 1),
              ElementsAre("-4:1"));
  EXPECT_THAT(
      best(tensor_of<std::uint64_t>("y", DType::kUint64, {2}, {1, 18446744073709551615U}), 1),
      ElementsAre("18446744073709551615:1"));
  EXPECT_THAT(best(tensor_of<std::uint16_t>("y", DType::kFloat16, {2}, {0x3C00, 0x3800}), 2),
              ElementsAre("1:0", "0.5:1"));
  EXPECT_THAT(best(tensor_of<std::uint16_t>("y", DType::kBFloat16, {1}, {0x3F80}), 1),
              ElementsAre("1:0"));
  EXPECT_THAT(best(tensor_of<double>("y", DType::kFloat64, {1, 3}, {NAN, 1.0, HUGE_VAL}), 3),
              ElementsAre("inf:2", "1:1", "nan:0"));
}

TEST(OipClassification, OneRowWithoutABatch) {
  auto classified =
      classify_output(tensor_of<float>("y", DType::kFloat32, {3}, {1, 2, 3}), 10, no_label);
  ASSERT_TRUE(classified);
  EXPECT_EQ(classified->info.shape, (Shape{3}));
}

TEST(OipClassification, RefusesWhatHasNoOrder) {
  EXPECT_FALSE(classify_output({{"y", DType::kString, {1}}, bytes_of_texts({"a"})}, 1, no_label));
  EXPECT_FALSE(classify_output(tensor_of<std::uint8_t>("y", DType::kBool, {1}, {1}), 1, no_label));
  EXPECT_FALSE(classify_output(tensor_of<float>("y", DType::kFloat32, {2, 0}, {}), 1, no_label));
  EXPECT_FALSE(classify_output(tensor_of<float>("y", DType::kFloat32, {3}, {1, 2}), 1, no_label));
}

TEST(OipErrors, HaveTritonsStatuses) {
  EXPECT_EQ(status_of(Code::kInvalid), 400);
  EXPECT_EQ(status_of(Code::kTooLarge), 400);
  EXPECT_EQ(status_of(Code::kPermission), 400);
  EXPECT_EQ(status_of(Code::kNotFound), 404);
  EXPECT_EQ(status_of(Code::kUnsupported), 501);
  EXPECT_EQ(status_of(Code::kBusy), 503);
  EXPECT_EQ(status_of(Code::kTimeout), 503);
  EXPECT_EQ(status_of(Code::kCancelled), 503);
  for (Code code : {Code::kCrashed, Code::kDevice, Code::kIo, Code::kInternal})
    EXPECT_EQ(status_of(code), 500);
}

TEST(OipErrors, AreOneString) {
  EXPECT_EQ(error_body(Error{Code::kInvalid, "bad \"x\""}), R"({"error":"bad \"x\""})");
  EXPECT_EQ(error_body(Error{Code::kInvalid, "bad"}.with_hint("mend it")),
            R"({"error":"bad; mend it"})");
  EXPECT_TRUE(json::accept(error_body(Error{Code::kInvalid, "\xFF\x01"})));
}

}  // namespace
}  // namespace anynpu::server::oip

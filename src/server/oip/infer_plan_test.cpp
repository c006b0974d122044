// SPDX-License-Identifier: Apache-2.0
// What becomes of a request: checks against the model, rows, raw requests, joined answers;
// metadata.
#include "server/oip/infer_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/oip/echo_model.h"
#include "server/oip/metadata.h"
#include "server/oip/statistics.h"
#include "server/oip/test_tensors.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;
using testing::ElementsAre;
using testing::HasSubstr;

class OipInferPlan : public testing::Test {
 protected:
  void model(engine::SessionInfo session, int max_batch = 1) {
    model_ = std::make_unique<EchoModel>(package_, 1, std::move(session), control_, max_batch);
  }

  std::shared_ptr<SentRequest> sent(std::string body,
                                    std::optional<std::uint64_t> json_length = {}) {
    auto made = std::make_shared<SentRequest>();
    made->body = std::move(body);
    auto request = parse_infer_request(made->body, json_length);
    EXPECT_TRUE(request) << (request ? "" : request.error().message);
    if (request) made->request = std::move(*request);
    return made;
  }

  Result<InferPlan> plan(std::string body, std::optional<std::uint64_t> json_length = {}) {
    auto made = sent(std::move(body), json_length);
    ANYNPU_CHECK(resolve_raw(made->request, *model_));
    return plan_inference(made, *model_, nullptr, [] { return Result<>(); });
  }

  std::string problem(std::string body, std::optional<std::uint64_t> json_length = {}) {
    auto planned = plan(std::move(body), json_length);
    return planned ? "no error" : planned.error().message;
  }

  /// All the way: every row through the model, joined.
  std::vector<engine::Tensor> answer(std::string body,
                                     std::optional<std::uint64_t> json_length = {}) {
    auto planned = plan(std::move(body), json_length);
    EXPECT_TRUE(planned) << (planned ? "" : planned.error().message);
    std::vector<runtime::Reply> replies;
    for (const auto& row : planned->rows) {
      runtime::Request request;
      request.input = row;
      auto reply = model_->infer(std::move(request));
      EXPECT_TRUE(reply) << (reply ? "" : reply.error().message);
      if (reply) replies.push_back(std::move(*reply));
    }
    rows_ = replies.size();
    auto joined = join_answers(model_->session(), replies);
    EXPECT_TRUE(joined) << (joined ? "" : joined.error().message);
    return joined ? std::move(*joined) : std::vector<engine::Tensor>();
  }

  static std::string x0(const std::string& shape, const std::string& datatype,
                        const std::string& data) {
    return R"({"inputs":[{"name":"x0","shape":)" + shape + R"(,"datatype":")" + datatype +
           R"(","data":)" + data + "}]}";
  }

  model::Package package_;
  std::shared_ptr<EchoModel::Control> control_ = std::make_shared<EchoModel::Control>();
  std::unique_ptr<EchoModel> model_;
  std::size_t rows_ = 0;
};

TEST_F(OipInferPlan, OneRowIsOneRequest) {
  model(echo_session({{DType::kFloat32, {1, 3}}}));
  auto outputs = answer(x0("[1,3]", "FP32", "[1,2,3]"));
  EXPECT_EQ(rows_, 1U);
  EXPECT_EQ(outputs.at(0).info.name, "y0");
  EXPECT_EQ(outputs.at(0).info.shape, (Shape{1, 3}));
  EXPECT_THAT(values_of<float>(outputs.at(0).bytes), ElementsAre(1.0F, 2.0F, 3.0F));
}

TEST_F(OipInferPlan, RowsAreAnsweredOneByOneAndJoined) {
  model(echo_session({{DType::kInt16, {1, 2}}, {DType::kString, {1}}}));
  auto outputs =
      answer(R"({"inputs":[{"name":"x1","shape":[3],"datatype":"BYTES","data":["a","","ccc"]},
                                      {"name":"x0","shape":[3,2],"datatype":"INT16","data":[1,2,3,4,5,6]}]})");
  EXPECT_EQ(rows_, 3U);
  EXPECT_EQ(outputs.at(0).info.shape, (Shape{3, 2}));
  EXPECT_THAT(values_of<std::int16_t>(outputs.at(0).bytes), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(outputs.at(1).info.shape, (Shape{3}));
  EXPECT_THAT(texts_of(outputs.at(1).bytes), ElementsAre("a", "", "ccc"));
}

TEST_F(OipInferPlan, BatchedArtifactsGetSingleRows) {
  model(echo_session({{DType::kFloat32, {4, 2}}}), 4);
  answer(x0("[2,2]", "FP32", "[1,2,3,4]"));
  EXPECT_EQ(rows_, 2U);
  EXPECT_EQ(advertised_shape(model_->session().inputs[0], *model_), (Shape{-1, 2}));
  engine::SessionInfo open = echo_session({{DType::kFloat32, {-1, 2}}});
  open.batchable = true;
  model(open, 8);
  answer(x0("[5,2]", "FP32", "[1,2,3,4,5,6,7,8,9,10]"));
  EXPECT_EQ(rows_, 5U);
}

TEST_F(OipInferPlan, AnOpenDimensionThatIsNoBatchStaysWhole) {
  model(echo_session({{DType::kFloat32, {-1, 2}}}));
  auto outputs = answer(x0("[3,2]", "FP32", "[1,2,3,4,5,6]"));
  EXPECT_EQ(rows_, 1U);
  EXPECT_EQ(outputs.at(0).info.shape, (Shape{3, 2}));
  EXPECT_THAT(problem(x0("[0,2]", "FP32", "[]")),
              HasSubstr("its shape is 0x2, and the model takes ?x2"));
}

TEST_F(OipInferPlan, ChecksTheInputsAgainstTheModel) {
  model(echo_session({{DType::kFloat32, {1, 3}}, {DType::kInt32, {1}}}));
  const std::string b = R"({"name":"x1","shape":[1],"datatype":"INT32","data":[1]})";
  const auto with = [&](const std::string& a) {
    return problem("{\"inputs\":[" + a + "," + b + "]}");
  };
  EXPECT_EQ(problem("{\"inputs\":[" + b + "]}"), "input 'x0' is missing");
  EXPECT_EQ(with(R"({"name":"z","shape":[1,3],"datatype":"FP32","data":[1,2,3]})"),
            "the model has no input 'z'");
  EXPECT_EQ(with(R"({"name":"x0","shape":[1,3],"datatype":"FP64","data":[1,2,3]})"),
            "input 'x0': its datatype is FP64, and the model takes FP32");
  EXPECT_EQ(with(R"({"name":"x0","shape":[1,2],"datatype":"FP32","data":[1,2]})"),
            "input 'x0': its shape is 1x2, and the model takes ?x3");
  EXPECT_EQ(with(R"({"name":"x0","shape":[3],"datatype":"FP32","data":[1,2,3]})"),
            "input 'x0': its shape is 3, and the model takes ?x3");
  EXPECT_EQ(with(R"({"name":"x0","shape":[2,3],"datatype":"FP32","data":[1,2,3,4,5,6]})"),
            "input 'x0' has 2 rows, and input 'x1' has 1");
}

TEST_F(OipInferPlan, LimitsTheRows) {
  model(echo_session({{DType::kUint8, {1}}}));
  std::string data = "[1";
  for (std::size_t i = 1; i < kMostRows; ++i) data += ",1";
  EXPECT_EQ(problem(x0("[128]", "UINT8", data + "]")), "no error");
  EXPECT_THAT(problem(x0("[129]", "UINT8", data + ",1]")),
              HasSubstr("has 129 rows; 128 are the most"));
  EXPECT_THAT(problem(x0("[0]", "UINT8", "[]")), HasSubstr("its shape is 0"));
}

TEST_F(OipInferPlan, RawRequestsAreTheOnlyInput) {
  model(echo_session({{DType::kFloat32, {1, -1, 2}}}));
  auto outputs = answer(as_text(bytes_of({1.0F, 2.0F, 3.0F, 4.0F})), 0);
  EXPECT_EQ(outputs.at(0).info.shape, (Shape{1, 2, 2}));
  EXPECT_THAT(problem("123", 0), HasSubstr("are 0 bytes, and its data has 3"));
  model(echo_session({{DType::kFloat32, {1, -1, -1}}}));
  EXPECT_THAT(problem("1234", 0), HasSubstr("one open dimension at most"));
  model(echo_session({{DType::kFloat32, {1}}, {DType::kFloat32, {1}}}));
  EXPECT_THAT(problem("1234", 0), HasSubstr("models of one input, and this one has 2"));
  model(echo_session({{DType::kUint8, {8, 3}}}), 8);
  EXPECT_EQ(answer("abc", 0).at(0).info.shape, (Shape{1, 3})) << "one request, whatever the batch";
  model(echo_session({{DType::kString, {1}}}));
  EXPECT_THAT(texts_of(answer("some text", 0).at(0).bytes), ElementsAre("some text"));
}

TEST_F(OipInferPlan, RowsThatDoNotFitEachOtherAreNotJoined) {
  model(echo_session({{DType::kFloat32, {1, -1}}}));
  std::vector<runtime::Reply> replies(2);
  replies[0].outputs = {tensor_of<float>("y0", DType::kFloat32, {1, 2}, {1, 2})};
  replies[1].outputs = {tensor_of<float>("y0", DType::kFloat32, {1, 1}, {1})};
  auto joined = join_answers(model_->session(), replies);
  ASSERT_FALSE(joined);
  EXPECT_THAT(joined.error().message, HasSubstr("another shape in each row"));
}

TEST_F(OipInferPlan, ScalarsOfRowsBecomeAVector) {
  model(echo_session({{DType::kFloat32, {}}}));
  std::vector<runtime::Reply> replies(2);
  replies[0].outputs = {tensor_of<float>("y0", DType::kFloat32, {}, {1})};
  replies[1].outputs = {tensor_of<float>("y0", DType::kFloat32, {}, {2})};
  auto joined = join_answers(model_->session(), replies);
  ASSERT_TRUE(joined);
  EXPECT_EQ(joined->at(0).info.shape, (Shape{2}));
}

TEST_F(OipInferPlan, BytesOfAModelOfTextAreText) {
  model(echo_session({{DType::kString, {1, 2}}}));
  EXPECT_THAT(texts_of(answer(x0("[1,2]", "BYTES", R"(["a","b"])")).at(0).bytes),
              ElementsAre("a", "b"));
  model(echo_session({{DType::kFloat32, {1, 2}}}));
  EXPECT_THAT(problem(x0("[1]", "BYTES", R"(["a"])")),
              HasSubstr("its datatype is BYTES, and the model takes FP32"));
}

TEST(OipMetadata, NamesPlatforms) {
  EXPECT_EQ(platform_of("model.tflite"), "tflite_tflite");
  EXPECT_EQ(platform_of("model.onnx"), "onnx_onnxv1");
  EXPECT_EQ(platform_of("a/model.rknn"), "rockchip_rknn");
  EXPECT_EQ(platform_of("model.axmodel"), "axera_axmodel");
  EXPECT_EQ(platform_of("model.xclbin"), "amd_xclbin");
  EXPECT_EQ(platform_of("model.new"), "anynpu_new");
}

TEST(OipMetadata, DescribesTheServer) {
  const Json json = server_metadata();
  EXPECT_EQ(json["name"], "anynpu");
  EXPECT_TRUE(json["version"].is_string());
  EXPECT_EQ(json["extensions"],
            Json({"binary_tensor_data", "classification", "model_repository", "statistics"}));
}

TEST(OipMetadata, DescribesAModel) {
  model::Package package;
  package.name = "m";
  engine::SessionInfo session = echo_session({{DType::kFloat32, {1, -1}}, {DType::kInt4, {1}}});
  const EchoModel model(package, 2, session, std::make_shared<EchoModel::Control>(), 1,
                        "model.onnx");
  const std::vector<ModelEntry> index = {{"m", "1", ModelState::kLoading, true, "loading"},
                                         {"m", "2", ModelState::kReady, true, ""},
                                         {"m", "3", ModelState::kFailed, false, "not loaded"},
                                         {"n", "7", ModelState::kReady, true, ""}};
  EXPECT_EQ(model_metadata(model, index), Json::parse(R"({
    "name": "m", "versions": ["2"], "platform": "onnx_onnxv1",
    "inputs": [{"name": "x0", "datatype": "FP32", "shape": [1, -1]}, {"name": "x1", "datatype": "INT4", "shape": [1]}],
    "outputs": [{"name": "y0", "datatype": "FP32", "shape": [1, -1]}, {"name": "y1", "datatype": "INT4", "shape": [1]}]
  })"));
  EXPECT_EQ(repository_index(index, false).size(), 4U);
  EXPECT_EQ(
      repository_index(index, false)[2],
      Json::parse(
          R"({"name": "m", "version": "3", "state": "UNAVAILABLE", "reason": "not loaded"})"));
  EXPECT_EQ(repository_index(index, false)[0]["state"], "LOADING");
  EXPECT_EQ(repository_index(index, true).size(), 2U);
}

TEST(OipStatistics, CountRequestsRowsAndRuns) {
  Statistics statistics;
  runtime::Reply alone;
  alone.infer_ms = 3;
  runtime::Reply half;
  half.batch = 2;
  half.infer_ms = 5;
  statistics.answered(
      "m", "1", {alone},
      {.total_ms = 10, .queue_ms = 1, .input_ms = 2, .infer_ms = 3, .output_ms = 4});
  statistics.answered(
      "m", "1", {half, half},
      {.total_ms = 20, .queue_ms = 0, .input_ms = 0, .infer_ms = 5, .output_ms = 0});
  statistics.failed("m", "1", 7);
  const Json json = statistics.to_json("m", "1");
  EXPECT_EQ(json["name"], "m");
  EXPECT_EQ(json["version"], "1");
  EXPECT_EQ(json["inference_count"], 3);
  EXPECT_EQ(json["execution_count"], 2);
  EXPECT_GT(json["last_inference"].get<std::int64_t>(), 1'600'000'000'000);
  EXPECT_EQ(json["inference_stats"]["success"], Json::parse(R"({"count": 2, "ns": 30000000})"));
  EXPECT_EQ(json["inference_stats"]["fail"], Json::parse(R"({"count": 1, "ns": 7000000})"));
  EXPECT_EQ(json["inference_stats"]["compute_infer"],
            Json::parse(R"({"count": 2, "ns": 8000000})"));
  EXPECT_EQ(json["batch_stats"][1]["batch_size"], 2);
  EXPECT_EQ(json["batch_stats"][1]["compute_infer"], Json::parse(R"({"count": 1, "ns": 5000000})"));
  EXPECT_EQ(statistics.to_json("m", "2")["inference_count"], 0);
}

}  // namespace
}  // namespace anynpu::server::oip

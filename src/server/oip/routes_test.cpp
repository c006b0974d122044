// SPDX-License-Identifier: Apache-2.0
// Every endpoint of the protocol over a real socket, with models whose outputs are their inputs.
#include "server/oip/routes.h"

#include <condition_variable>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/fake_served_model.h"
#include "server/oip/echo_model.h"
#include "server/oip/test_tensors.h"
#include "server/test_client.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;
using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

struct Kind {
  const char* datatype;
  DType type;
  std::size_t size;
  const char* data;  // two elements as JSON; empty: the type has no such form
};

const std::vector<Kind> kKinds = {
    {"BOOL", DType::kBool, 1, "[true,false]"},
    {"UINT8", DType::kUint8, 1, "[0,255]"},
    {"UINT16", DType::kUint16, 2, "[0,65535]"},
    {"UINT32", DType::kUint32, 4, "[0,4294967295]"},
    {"UINT64", DType::kUint64, 8, "[0,18446744073709551615]"},
    {"INT8", DType::kInt8, 1, "[-128,127]"},
    {"INT16", DType::kInt16, 2, "[-32768,32767]"},
    {"INT32", DType::kInt32, 4, "[-2147483648,2147483647]"},
    {"INT64", DType::kInt64, 8, "[-9223372036854775808,9223372036854775807]"},
    {"FP16", DType::kFloat16, 2, ""},
    {"FP32", DType::kFloat32, 4, "[0.1,-2.5]"},
    {"FP64", DType::kFloat64, 8, "[0.1,-2.5e-300]"},
    {"BF16", DType::kBFloat16, 2, ""},
    {"BYTES", DType::kString, 0, "[\"a\",\"\"]"},
};

/// A BMP of 4 x 4 pixels of one colour.
std::string picture(std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  std::string bytes = "BM";
  const auto put = [&bytes](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  for (const std::uint32_t word : {54U + 48U, 0U, 54U, 40U, 4U, 4U}) put(word, 4);
  put(1, 2);
  put(24, 2);
  for (const std::uint32_t word : {0U, 48U, 2835U, 2835U, 0U, 0U}) put(word, 4);
  for (int i = 0; i < 16; ++i)
    bytes += {static_cast<char>(blue), static_cast<char>(green), static_cast<char>(red)};
  return bytes;
}

class OipRoutes : public testing::Test {
 protected:
  void SetUp() override {
    ModelHostOptions options;
    options.models = {"fake"};
    options.most_models = 20;
    options.start = [this](const model::Package& package, int version,
                           const runtime::ServeOptions&) { return start_model(package, version); };
    options.open = [](const std::string& name) -> Result<model::Package> {
      return fake_package(name);
    };
    options.inventory = [] {
      std::vector<model::Package> packages = {fake_package("fake"), fake_package("broken"),
                                              fake_package("two"), fake_package("half")};
      for (const Kind& kind : kKinds) packages.push_back(fake_package(to_lower(kind.datatype)));
      return packages;
    };
    models_ = std::make_unique<ModelHost>(options);
    http_ = std::make_unique<HttpServer>(HttpLimits{}, 1, [](const RequestRecord&) {});
    services_ = std::make_unique<Services>(
        Services{.models = *models_, .pool = pool_, .http = *http_, .errors = errors_});
    add_oip_routes(router_, *services_, &metrics_);
    ASSERT_TRUE(models_->open());
    auto port = http_->listen("127.0.0.1", 0, router_);
    ASSERT_TRUE(port) << port.error().message;
    port_ = *port;
    http_->start();
  }

  void TearDown() override {
    http_->drain();
    http_->wait();
    models_->drain(Clock::now());
  }

  void load_what_was_named() {
    models_->start_loading([this](const Result<>&) { control_->set([this] { loaded_ = true; }); });
    ASSERT_TRUE(control_->wait_until([this] { return loaded_; }));
  }

  Result<std::unique_ptr<runtime::ServedModel>> start_model(const model::Package& package,
                                                            int version) {
    control_->wait_until([this] { return !hold_loading_; });
    if (package.name == "broken") return Error{Code::kUnsupported, "no engine loads it"};
    if (package.name == "fake")
      return std::make_unique<FakeServedModel>(package, version, control_);
    engine::SessionInfo session =
        echo_session({{DType::kFloat32, {1, 2}}, {DType::kInt32, {1, 1}}});
    if (package.name == "half") session = echo_session({{DType::kFloat32, {1, 2}}});
    for (const Kind& kind : kKinds)
      if (package.name == to_lower(kind.datatype)) session = echo_session({{kind.type, {1, 2}}});
    return std::make_unique<EchoModel>(package, version, session, echo_, 1);
  }

  TestResponse get(const std::string& path) { return TestClient(port_).ask("GET", path); }
  TestResponse post(const std::string& path, const std::string& body,
                    const std::string& headers = "") {
    return TestClient(port_).ask("POST", path, headers, body);
  }
  TestResponse infer(const std::string& model, const std::string& body) {
    return post("/v2/models/" + model + "/infer", body);
  }
  /// JSON followed by binary tensors.
  TestResponse infer_binary(const std::string& model, const std::string& text,
                            const std::string& binary) {
    return post("/v2/models/" + model + "/infer", text + binary,
                "Inference-Header-Content-Length: " + std::to_string(text.size()) + "\r\n");
  }

  static std::string two_elements(const Kind& kind) {
    return fmt::format(
        R"({{"id":"7","inputs":[{{"name":"x0","shape":[1,2],"datatype":"{}","data":{}}}]}})",
        kind.datatype, kind.data);
  }

  /// The JSON in front of binary tensors.
  static json head_of(const TestResponse& response) {
    return json::parse(response.body.substr(0, head_length(response)), nullptr, false);
  }
  static std::string tail_of(const TestResponse& response) {
    return response.body.substr(head_length(response));
  }
  static std::size_t head_length(const TestResponse& response) {
    const auto header = response.headers.find("inference-header-content-length");
    return header == response.headers.end() ? response.body.size() : std::stoul(header->second);
  }

  std::shared_ptr<FakeServedModel::Control> control_ = std::make_shared<FakeServedModel::Control>();
  std::shared_ptr<EchoModel::Control> echo_ = std::make_shared<EchoModel::Control>();
  bool loaded_ = false;
  bool hold_loading_ = false;
  RecentErrors errors_;
  Metrics metrics_;
  WorkPool pool_{2, 64};
  std::unique_ptr<ModelHost> models_;
  Router router_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<Services> services_;
  int port_ = 0;
};

TEST_F(OipRoutes, DescribesTheServer) {
  const TestResponse response = get("/v2");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.json()["name"], "anynpu");
  EXPECT_THAT(
      response.json()["extensions"].get<std::vector<std::string>>(),
      ElementsAre("binary_tensor_data", "classification", "model_repository", "statistics"));
}

TEST_F(OipRoutes, LiveBeforeItIsReady) {
  hold_loading_ = true;
  models_->start_loading([this](const Result<>&) { control_->set([this] { loaded_ = true; }); });
  EXPECT_EQ(get("/v2/health/live").json(), json({{"live", true}}));
  TestResponse ready = get("/v2/health/ready");
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.json(), json({{"error", "the server is not ready"}}));
  EXPECT_EQ(get("/v2/models/fake/ready").json(), json({{"error", "model 'fake': loading"}}));
  control_->set([this] { hold_loading_ = false; });
  ASSERT_TRUE(control_->wait_until([this] { return loaded_; }));
  ready = get("/v2/health/ready");
  EXPECT_EQ(ready.status, 200);
  EXPECT_EQ(ready.json(), json({{"ready", true}}));
}

TEST_F(OipRoutes, AModelIsReadyWhenItIsLoaded) {
  load_what_was_named();
  const TestResponse ready = get("/v2/models/fake/ready");
  EXPECT_EQ(ready.status, 200);
  EXPECT_EQ(ready.json(), json({{"name", "fake"}, {"ready", true}}));
  EXPECT_EQ(get("/v2/models/fake/versions/2/ready").status, 200);
  const TestResponse idle = get("/v2/models/fake/versions/1/ready");
  EXPECT_EQ(idle.status, 503);
  EXPECT_TRUE(idle.json()["error"].is_string());
  EXPECT_EQ(get("/v2/models/two/ready").status, 503) << "asking does not load it";
  EXPECT_EQ(get("/v2/models/nothing/ready").status, 404);
  EXPECT_EQ(get("/v2/models/fake/versions/9/ready").status, 404);
  EXPECT_EQ(get("/v2/models/fake/versions/x/ready").status, 404);
  EXPECT_TRUE(get("/v2/nothing").json()["error"].is_string()) << "also what no handler answers";
}

TEST_F(OipRoutes, DescribesAModel) {
  const TestResponse response = get("/v2/models/fp32");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.json(), json::parse(R"({
    "name": "fp32", "versions": ["2"], "platform": "tflite_tflite",
    "inputs": [{"name": "x0", "datatype": "FP32", "shape": [1, 2]}],
    "outputs": [{"name": "y0", "datatype": "FP32", "shape": [1, 2]}]})"));
  EXPECT_EQ(get("/v2/models/fp32/versions/1").json()["versions"], json({"1", "2"}));
  EXPECT_EQ(get("/v2/models/nothing").status, 404);
  EXPECT_EQ(get("/v2/models/fp32/versions/3").status, 404);
  EXPECT_EQ(get("/v2/models/fp32/versions/0").status, 404);
  EXPECT_EQ(get("/v2/models/fp32/versions/-1").status, 404);
}

TEST_F(OipRoutes, ListsModels) {
  const json models = get("/v2/models").json()["models"];
  EXPECT_EQ(models.size(), kKinds.size() + 4);
  EXPECT_EQ(std::count(models.begin(), models.end(), "fake"), 1);
}

TEST_F(OipRoutes, EveryDatatypeAsJson) {
  for (const Kind& kind : kKinds) {
    if (*kind.data == '\0') continue;
    const TestResponse response = infer(to_lower(kind.datatype), two_elements(kind));
    ASSERT_EQ(response.status, 200) << kind.datatype << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/json");
    const json reply = response.json();
    EXPECT_EQ(reply["model_name"], to_lower(kind.datatype));
    EXPECT_EQ(reply["model_version"], "2");
    EXPECT_EQ(reply["id"], "7");
    EXPECT_EQ(reply["outputs"].size(), 1U);
    EXPECT_EQ(reply["outputs"][0]["name"], "y0");
    EXPECT_EQ(reply["outputs"][0]["datatype"], kind.datatype);
    EXPECT_EQ(reply["outputs"][0]["shape"], json({1, 2}));
    EXPECT_EQ(reply["outputs"][0]["data"], json::parse(kind.data)) << kind.datatype;
  }
}

TEST_F(OipRoutes, EveryDatatypeAsBinary) {
  for (const Kind& kind : kKinds) {
    std::string binary;
    for (std::size_t i = 0; i < 2 * kind.size; ++i) binary += static_cast<char>(i % 2);
    if (kind.type == DType::kString) binary = as_text(bytes_of_texts({"\xFF", ""}));
    const std::string text = fmt::format(
        R"({{"inputs":[{{"name":"x0","shape":[1,2],"datatype":"{}","parameters":{{"binary_data_size":{}}}}}],)"
        R"("outputs":[{{"name":"y0","parameters":{{"binary_data":true}}}}]}})",
        kind.datatype, binary.size());
    const TestResponse response = infer_binary(to_lower(kind.datatype), text, binary);
    ASSERT_EQ(response.status, 200) << kind.datatype << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/octet-stream");
    const json head = head_of(response);
    EXPECT_EQ(head["outputs"][0]["parameters"]["binary_data_size"], binary.size());
    EXPECT_EQ(head["outputs"][0]["datatype"], kind.datatype);
    EXPECT_EQ(tail_of(response), binary) << kind.datatype;
  }
}

TEST_F(OipRoutes, EveryDatatypeRaw) {
  for (const Kind& kind : kKinds) {
    if (kind.type == DType::kString) continue;  // two elements have no raw form
    const std::string binary(2 * kind.size, '\1');
    const TestResponse response = post("/v2/models/" + to_lower(kind.datatype) + "/infer", binary,
                                       "Inference-Header-Content-Length: 0\r\n");
    ASSERT_EQ(response.status, 200) << kind.datatype << response.body;
    EXPECT_EQ(tail_of(response), binary) << kind.datatype;
  }
}

TEST_F(OipRoutes, HalfFloatsHaveNoJson) {
  for (const char* datatype : {"FP16", "BF16"}) {
    const std::string model = to_lower(datatype);
    const TestResponse sent = infer(model, two_elements({datatype, DType::kFloat16, 2, "[1,2]"}));
    EXPECT_EQ(sent.status, 400);
    EXPECT_THAT(sent.json()["error"].get<std::string>(), HasSubstr("has no JSON form"));
    const std::string text =
        fmt::format(R"({{"inputs":[{{"name":"x0","shape":[1,2],"datatype":"{}"}}]}})", datatype);
    EXPECT_EQ(infer_binary(model, text, "abcd").status, 400) << "the output would be JSON";
  }
}

TEST_F(OipRoutes, SaysWhereItRan) {
  const json parameters = infer("fp32", two_elements(kKinds[10])).json()["parameters"];
  EXPECT_EQ(parameters["device"], "cpu");
  EXPECT_EQ(parameters["engine"], "echo");
  EXPECT_EQ(parameters["artifact"], "model.tflite");
  EXPECT_EQ(parameters["fallback"], false);
  EXPECT_EQ(parameters["infer_ms"], 2.0);
}

TEST_F(OipRoutes, AFallbackOfAnotherTypeAnswersTheSame) {
  echo_->other_inputs = {{"other", DType::kUint8, {1, 2}, {{0.5F}, {100}}}};
  echo_->other_outputs = {{"scores", DType::kUint8, {1, 2}, {{0.5F}, {100}}}};
  const json reply =
      infer("fp32", R"({"inputs":[{"name":"x0","shape":[1,2],"datatype":"FP32","data":[1.5,-4]}]})")
          .json();
  EXPECT_EQ(reply["outputs"][0]["name"], "y0");
  EXPECT_EQ(reply["outputs"][0]["datatype"], "FP32");
  EXPECT_EQ(reply["outputs"][0]["data"], json({1.5, -4.0}));
  EXPECT_EQ(reply["parameters"]["fallback"], "the first placement is not up");
}

TEST_F(OipRoutes, ChoosesOutputsAndTheirEncodings) {
  const std::string inputs =
      R"("inputs":[{"name":"x0","shape":[1,2],"datatype":"FP32","data":[1,2]},{"name":"x1","shape":[1,1],"datatype":"INT32","data":[9]}])";
  json reply = infer("two", "{" + inputs + "}").json();
  EXPECT_EQ(reply["outputs"].size(), 2U);
  reply = infer("two", "{" + inputs + R"(,"outputs":[{"name":"y1"}]})").json();
  EXPECT_EQ(reply["outputs"].size(), 1U);
  EXPECT_EQ(reply["outputs"][0]["data"], json({9}));
  const TestResponse mixed = infer(
      "two",
      "{" + inputs +
          R"(,"parameters":{"binary_data_output":true},"outputs":[{"name":"y1","parameters":{"binary_data":false}},{"name":"y0"}]})");
  EXPECT_EQ(head_of(mixed)["outputs"][0]["data"], json({9}));
  EXPECT_EQ(head_of(mixed)["outputs"][1]["parameters"]["binary_data_size"], 8);
  EXPECT_EQ(tail_of(mixed), as_text(bytes_of({1.0F, 2.0F})));
  const TestResponse unknown = infer("two", "{" + inputs + R"(,"outputs":[{"name":"z"}]})");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.json()["error"], "the model has no output 'z'; it has 'y0', 'y1'");
}

TEST_F(OipRoutes, RowsAreJoined) {
  const json reply =
      infer(
          "int8",
          R"({"inputs":[{"name":"x0","shape":[3,2],"datatype":"INT8","data":[[1,2],[3,4],[5,6]]}]})")
          .json();
  EXPECT_EQ(reply["outputs"][0]["shape"], json({3, 2}));
  EXPECT_EQ(reply["outputs"][0]["data"], json({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(echo_->requests, 3U);
}

TEST_F(OipRoutes, OneFailedRowFailsTheRequest) {
  echo_->refuse = [](std::size_t request) {
    return request == 1 ? Result<>(Error{Code::kBusy, "the queue is full"}) : Result<>();
  };
  const TestResponse response = infer(
      "int8", R"({"inputs":[{"name":"x0","shape":[3,2],"datatype":"INT8","data":[1,2,3,4,5,6]}]})");
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.headers.at("retry-after"), "1");
  EXPECT_EQ(response.json(), json({{"error", "the queue is full"}}));
  EXPECT_EQ(echo_->requests, 1U) << "the third row is not tried";
}

TEST_F(OipRoutes, RowsThatTheQueueCannotHoldFollowThoseBeforeThem) {
  control_->set([this] { control_->queue_limit = 2; });
  std::string all;
  for (int i = 0; i < 7; ++i) all += as_text(bytes_of_texts({picture(i % 2 == 0 ? 255 : 0, 0, 0)}));
  const std::string text = R"({"inputs":[{"name":"picture","shape":[7],"datatype":"BYTES"}]})";
  const TestResponse response = infer_binary("fake", text, all);
  ASSERT_EQ(response.status, 200) << response.body;
  const json output = response.json()["outputs"][0];
  EXPECT_EQ(output["shape"], json({7, 3}));
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(output["data"][3 * i] > 0.5, i % 2 == 0) << i;
}

TEST_F(OipRoutes, AnErrorEndsARequestWhoseRowsAreNotAllUnderWay) {
  control_->set([this] {
    control_->queue_limit = 2;
    control_->fail = Error{Code::kDevice, "so it went"};
  });
  const std::string text = R"({"inputs":[{"name":"picture","shape":[5],"datatype":"BYTES"}]})";
  std::string all;
  for (int i = 0; i < 5; ++i) all += as_text(bytes_of_texts({picture(255, 0, 0)}));
  const TestResponse response = infer_binary("fake", text, all);
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.json(), json({{"error", "so it went"}}));
}

TEST_F(OipRoutes, PicturesAsBytes) {
  const std::string text = R"({"inputs":[{"name":"picture","shape":[2],"datatype":"BYTES"}]})";
  const std::string pictures = as_text(bytes_of_texts({picture(255, 0, 0), picture(0, 0, 255)}));
  const TestResponse response = infer_binary("fake", text, pictures);
  ASSERT_EQ(response.status, 200) << response.body;
  const json output = response.json()["outputs"][0];
  EXPECT_EQ(output["name"], "scores");
  EXPECT_EQ(output["shape"], json({2, 3}));
  EXPECT_GT(output["data"][0], 0.9);
  EXPECT_LT(output["data"][1], 0.1);
  EXPECT_GT(output["data"][5], 0.9);
}

TEST_F(OipRoutes, ClassesOfPictures) {
  const std::string text =
      R"({"inputs":[{"name":"picture","shape":[2],"datatype":"BYTES"}],"outputs":[{"name":"scores","parameters":{"classification":2}}]})";
  const std::string pictures = as_text(bytes_of_texts({picture(255, 0, 9), picture(0, 255, 0)}));
  const json output = infer_binary("fake", text, pictures).json()["outputs"][0];
  EXPECT_EQ(output["datatype"], "BYTES");
  EXPECT_EQ(output["shape"], json({2, 2}));
  EXPECT_THAT(output["data"][0].get<std::string>(), testing::MatchesRegex("[0-9.]+:0:cat"));
  EXPECT_THAT(output["data"][1].get<std::string>(), testing::MatchesRegex("[0-9.]+:2:bird"));
  EXPECT_THAT(output["data"][2].get<std::string>(), testing::MatchesRegex("[0-9.]+:1:dog"));
}

TEST_F(OipRoutes, WhatIsNoPictureIsTheClientsMistake) {
  const std::string text = R"({"inputs":[{"name":"picture","shape":[1],"datatype":"BYTES"}]})";
  const TestResponse response = infer_binary("fake", text, as_text(bytes_of_texts({"GIF89a"})));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.json()["error"].get<std::string>(), HasSubstr("input 'picture', element 0"));
  const std::string square = R"({"inputs":[{"name":"picture","shape":[1,1],"datatype":"BYTES"}]})";
  EXPECT_THAT(infer_binary("fake", square, as_text(bytes_of_texts({"x"}))).body,
              HasSubstr("the shape [N]"));
  const std::string none = R"({"inputs":[{"name":"picture","shape":[0],"datatype":"BYTES"}]})";
  EXPECT_EQ(infer_binary("fake", none, "").status, 400);
}

TEST_F(OipRoutes, ErrorsHaveTheProtocolsForm) {
  const std::string good = two_elements(kKinds[10]);
  for (const auto& [model, body, status] : std::vector<std::tuple<std::string, std::string, int>>{
           {"nothing", good, 404},
           {"fp32/versions/3", good, 404},
           {"fp32/versions/latest", good, 404},
           {"broken", good, 501},
           {"fp32", "", 400},
           {"fp32", "{", 400},
           {"fp32", "[1]", 400},
           {"fp32", "{}", 400},
           {"fp32", two_elements(kKinds[1]), 400},
           {"fp32", std::string(100000, '['), 400}}) {
    const TestResponse response = infer(model, body);
    EXPECT_EQ(response.status, status) << model << " " << body.substr(0, 80) << response.body;
    EXPECT_EQ(response.headers.at("content-type"), "application/json");
    EXPECT_TRUE(response.json()["error"].is_string()) << response.body;
    EXPECT_EQ(response.json().size(), 1U);
  }
  const TestResponse shared = infer(
      "fp32",
      R"({"inputs":[{"name":"x0","shape":[1,2],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}]})");
  EXPECT_EQ(shared.status, 501);
  EXPECT_EQ(post("/v2/models/fp32/infer", good, "Inference-Header-Content-Length: x\r\n").status,
            400);
  EXPECT_EQ(
      post("/v2/models/fp32/infer", good, "Inference-Header-Content-Length: 99999\r\n").status,
      400);
  EXPECT_EQ(post("/v2/models/fp32/infer", good, "Content-Encoding: gzip\r\n").status, 501);
}

TEST_F(OipRoutes, ErrorsOfTheModelHaveTritonsStatuses) {
  for (const auto& [code, status] : std::vector<std::pair<Code, int>>{{Code::kCrashed, 500},
                                                                      {Code::kDevice, 500},
                                                                      {Code::kBusy, 503},
                                                                      {Code::kTimeout, 503},
                                                                      {Code::kInvalid, 400}}) {
    echo_->refuse = [code = code](std::size_t) -> Result<> {
      return Error{code, "as the test wants"};
    };
    const TestResponse response = infer("fp32", two_elements(kKinds[10]));
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.json(), json({{"error", "as the test wants"}}));
  }
}

TEST_F(OipRoutes, NumbersThatAreNone) {
  echo_->rule = [](std::vector<engine::Tensor>& outputs) {
    outputs[0].bytes = bytes_of({1.0F, std::numeric_limits<float>::quiet_NaN()});
  };
  const TestResponse response = infer("fp32", two_elements(kKinds[10]));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.json()["error"].get<std::string>(), HasSubstr("element 1 is NaN"));
}

TEST_F(OipRoutes, HonoursATimeout) {
  const std::string inputs =
      R"("inputs":[{"name":"x0","shape":[1,2],"datatype":"FP32","data":[1,2]}])";
  EXPECT_EQ(infer("fp32", "{" + inputs + "}").status, 200);
  EXPECT_GT(echo_->deadline_in, seconds(20));
  EXPECT_EQ(infer("fp32", "{" + inputs + R"(,"parameters":{"timeout":5000000}})").status, 200);
  EXPECT_LE(echo_->deadline_in, seconds(5));
}

TEST_F(OipRoutes, KeepsStatistics) {
  EXPECT_EQ(infer("int8",
                  R"({"inputs":[{"name":"x0","shape":[2,2],"datatype":"INT8","data":[1,2,3,4]}]})")
                .status,
            200);
  EXPECT_EQ(infer("int8", "{}").status, 400);
  const json stats = get("/v2/models/int8/stats").json()["model_stats"];
  ASSERT_EQ(stats.size(), 1U);
  EXPECT_EQ(stats[0]["name"], "int8");
  EXPECT_EQ(stats[0]["version"], "2");
  EXPECT_EQ(stats[0]["inference_count"], 2);
  EXPECT_EQ(stats[0]["execution_count"], 2);
  EXPECT_EQ(stats[0]["inference_stats"]["success"]["count"], 1);
  EXPECT_EQ(stats[0]["inference_stats"]["fail"]["count"], 1);
  EXPECT_EQ(stats[0]["inference_stats"]["queue"]["ns"], 1000000);
  EXPECT_EQ(stats[0]["inference_stats"]["compute_infer"]["ns"], 2000000);
  EXPECT_EQ(get("/v2/models/int8/versions/2/stats").json()["model_stats"], stats);
  EXPECT_EQ(get("/v2/models/stats").json()["model_stats"], stats) << "nothing else is loaded";
  EXPECT_EQ(get("/v2/models/nothing/stats").status, 404);
  EXPECT_EQ(get("/v2/models/int8/versions/7/stats").status, 404);
  EXPECT_THAT(metrics_.text({}), HasSubstr("model=\"int8\""));
}

TEST_F(OipRoutes, TheRepositoryListsAndLoads) {
  const json before = post("/v2/repository/index", "").json();
  ASSERT_TRUE(before.is_array());
  const auto entry = [](const json& index, const std::string& name, const std::string& version) {
    for (const json& each : index)
      if (each["name"] == name && each["version"] == version) return each;
    return json();
  };
  EXPECT_EQ(entry(before, "two", "2")["state"], "UNAVAILABLE");
  EXPECT_EQ(entry(before, "two", "2")["reason"], "not loaded");
  EXPECT_EQ(post("/v2/repository/index", R"({"ready":true})").json(), json::array());

  EXPECT_EQ(post("/v2/repository/models/two/load", "{}").status, 200);
  EXPECT_EQ(get("/v2/models/two/ready").status, 200);
  EXPECT_EQ(entry(post("/v2/repository/index", "{}").json(), "two", "2")["state"], "READY");
  EXPECT_EQ(post("/v2/repository/mine/index", R"({"ready":true})").json().size(), 1U);

  EXPECT_EQ(post("/v2/repository/models/nothing/load", "").status, 404);
  EXPECT_EQ(post("/v2/repository/models/broken/load", "").status, 501);
  EXPECT_EQ(entry(post("/v2/repository/index", "").json(), "broken", "2")["reason"],
            "no engine loads it");
  EXPECT_EQ(post("/v2/repository/models/two/load", R"({"parameters":{"config":"{}"}})").status,
            501);
  EXPECT_EQ(post("/v2/repository/models/two/load", R"({"parameters":{"file:1/model.onnx":"AA=="}})")
                .status,
            501);
  EXPECT_EQ(post("/v2/repository/models/two/load", R"({"parameters":[]})").status, 400);
  EXPECT_EQ(post("/v2/repository/index", R"({"ready":1})").status, 400);
  EXPECT_EQ(post("/v2/repository/index", "[").status, 400);
}

}  // namespace
}  // namespace anynpu::server::oip

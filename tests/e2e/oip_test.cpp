// SPDX-License-Identifier: Apache-2.0
// The Open Inference Protocol v2 from the specification, against the real server: every endpoint,
// both encodings, every datatype that an engine's model can have, every error. The models are tiny
// and made here.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/report.h"
#include "server/test_client.h"
#include "server_process.h"
#include "temporary_folder.h"
#include "tiny_onnx.h"
#include "tiny_tflite.h"

namespace anynpu {
namespace {

using anynpu::test::OnnxType;
using anynpu::test::TfliteType;
using anynpu::test::TinyOnnx;
using anynpu::test::TinyTflite;
using server::TestClient;
using server::TestResponse;
using test::ServerProcess;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Kind {
  const char* datatype;
  const char* model;
  OnnxType type;
  std::size_t size;
  const char* data;  // two elements as JSON; empty: the type has no such form
};

const std::vector<Kind> kKinds = {
    {"BOOL", "bool", OnnxType::kBool, 1, "[true,false]"},
    {"UINT8", "uint8", OnnxType::kUint8, 1, "[0,255]"},
    {"UINT16", "uint16", OnnxType::kUint16, 2, "[0,65535]"},
    {"UINT32", "uint32", OnnxType::kUint32, 4, "[0,4294967295]"},
    {"UINT64", "uint64", OnnxType::kUint64, 8, "[0,18446744073709551615]"},
    {"INT8", "int8", OnnxType::kInt8, 1, "[-128,127]"},
    {"INT16", "int16", OnnxType::kInt16, 2, "[-32768,32767]"},
    {"INT32", "int32", OnnxType::kInt32, 4, "[-2147483648,2147483647]"},
    {"INT64", "int64", OnnxType::kInt64, 8, "[-9223372036854775808,9223372036854775807]"},
    {"FP16", "fp16", OnnxType::kFloat16, 2, ""},
    {"FP32", "fp32", OnnxType::kFloat, 4, "[0.1,-2.5]"},
    {"FP64", "fp64", OnnxType::kDouble, 8, "[0.1,-2.5e-300]"},
    {"BF16", "bf16", OnnxType::kBFloat16, 2, ""},
};

template <typename T>
std::string bytes_of(std::initializer_list<T> values) {
  std::string bytes;
  for (T value : values) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.append(raw, sizeof raw);
  }
  return bytes;
}

/// Elements of BYTES.
std::string bytes_elements(std::initializer_list<std::string_view> elements) {
  std::string bytes;
  for (std::string_view element : elements) {
    bytes += bytes_of({static_cast<std::uint32_t>(element.size())});
    bytes += element;
  }
  return bytes;
}

/// A BMP of 8 x 8 pixels of one colour.
std::string picture(int red, int green, int blue) {
  std::string bytes = "BM" + bytes_of<std::uint32_t>({54 + 192, 0, 54, 40, 8, 8}) +
                      bytes_of<std::uint16_t>({1, 24}) +
                      bytes_of<std::uint32_t>({0, 192, 2835, 2835, 0, 0});
  for (int i = 0; i < 64; ++i)
    bytes += {static_cast<char>(blue), static_cast<char>(green), static_cast<char>(red)};
  return bytes;
}

class OipTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (server_) {
      EXPECT_EQ(server_->stop(), 0);
    }
  }

  void add_package(const std::string& name, const std::string& more,
                   const std::vector<std::byte>& model, const std::string& file = "model.onnx",
                   const std::string& artifact = "") {
    std::filesystem::create_directories(store_ / name / "1");
    ASSERT_TRUE(write_file(store_ / name / "1" / file, model));
    const std::string toml = more + "\n[[version]]\nnumber = 1\n[[version.artifact]]\nfile = \"" +
                             file + "\"\n" + artifact;
    ASSERT_TRUE(write_file(store_ / name / "model.toml", toml));
  }

  /// Gives back what it gets.
  void add_identity(const std::string& name, OnnxType type, const std::vector<std::string>& shape,
                    const std::string& artifact = "") {
    TinyOnnx model;
    model.input("x", type, shape);
    model.node("Identity", {"x"}, {"y"});
    model.output("y", type, shape);
    add_package(name, "task = \"raw\"\n", model.build(), "model.onnx", artifact);
  }

  /// Scores are the mean red, green and blue.
  void add_colours() {
    TinyOnnx model;
    model.input("picture", OnnxType::kFloat, {"1", "3", "4", "4"});
    model.node("GlobalAveragePool", {"picture"}, {"means"});
    model.node("Flatten", {"means"}, {"scores"}, {{"axis", 1}});
    model.output("scores", OnnxType::kFloat, {"1", "3"});
    add_package(
        "colours",
        "task = \"classify\"\nlabels = \"labels.txt\"\n[preprocess]\nmean = 0.0\nstd = 255.0\n",
        model.build());
    ASSERT_TRUE(
        write_file(store_ / "colours" / "labels.txt", std::string_view("red\ngreen\nblue\n")));
  }

  void start(const std::vector<std::string>& options = {}) {
    ::setenv("ANYNPU_MODELS", store_.path().c_str(), 1);
    std::vector<std::string> all = {"--instances", "1", "--hang-limit", "0.3"};
    all.insert(all.end(), options.begin(), options.end());
    server_ = std::make_unique<ServerProcess>(ANYNPU_BINARY, ServerProcess::free_port(), all);
    ASSERT_TRUE(server_->wait_until_ready());
  }

  TestResponse ask(const std::string& method, const std::string& target,
                   const std::string& body = "", const std::string& headers = "") {
    return TestClient(server_->port())
        .ask(method, target, body.empty() ? headers + "Content-Length: 0\r\n" : headers, body);
  }
  TestResponse get(const std::string& target) { return ask("GET", target); }
  TestResponse infer(const std::string& model, const std::string& text, const std::string& binary) {
    return ask("POST", "/v2/models/" + model + "/infer", text + binary,
               "Inference-Header-Content-Length: " + std::to_string(text.size()) + "\r\n");
  }
  TestResponse infer(const std::string& model, const std::string& text) {
    return ask("POST", "/v2/models/" + model + "/infer", text);
  }

  static Json json_of(const TestResponse& reply) { return Json::parse(reply.body, nullptr, false); }
  static std::size_t json_length(const TestResponse& reply) {
    const auto header = reply.headers.find("inference-header-content-length");
    return header == reply.headers.end() ? reply.body.size() : std::stoul(header->second);
  }
  static Json head_of(const TestResponse& reply) {
    return Json::parse(reply.body.substr(0, json_length(reply)), nullptr, false);
  }
  static std::string tail_of(const TestResponse& reply) {
    return reply.body.substr(json_length(reply));
  }

  /// 4xx or 5xx and {"error": "..."} with some words in it.
  static void expect_error(const TestResponse& reply, int status, const std::string& words) {
    EXPECT_EQ(reply.status, status) << reply.body;
    const Json json = json_of(reply);
    ASSERT_TRUE(json.is_object() && json.size() == 1 && json.contains("error")) << reply.body;
    EXPECT_THAT(json["error"].get<std::string>(), HasSubstr(words));
  }

  /// Of an index; the user's own packages are in it too.
  static Json entry_of(const TestResponse& index, const std::string& name) {
    for (const Json& entry : json_of(index))
      if (entry["name"] == name) return entry;
    return Json();
  }

  TemporaryFolder store_;
  std::unique_ptr<ServerProcess> server_;
};

TEST_F(OipTest, EveryDatatypeInBothEncodings) {
  for (const Kind& kind : kKinds) add_identity(kind.model, kind.type, {"1", "2"});
  start();
  for (const Kind& kind : kKinds) {
    const Json metadata = json_of(get(std::string("/v2/models/") + kind.model));
    ASSERT_TRUE(metadata.contains("inputs"))
        << kind.model << ": " << metadata
        << "; `make test` fetches ONNX Runtime, which runs these models";
    EXPECT_EQ(metadata["platform"], "onnx_onnxv1");
    EXPECT_EQ(metadata["inputs"],
              Json::array({{{"name", "x"}, {"datatype", kind.datatype}, {"shape", {1, 2}}}}));

    if (*kind.data != '\0') {
      const TestResponse reply = infer(
          kind.model, std::string(R"({"id":"a","inputs":[{"name":"x","shape":[1,2],"datatype":")") +
                          kind.datatype + R"(","data":)" + kind.data + "}]}");
      ASSERT_EQ(reply.status, 200) << reply.body;
      const Json json = json_of(reply);
      EXPECT_EQ(json["model_name"], kind.model);
      EXPECT_EQ(json["model_version"], "1");
      EXPECT_EQ(json["id"], "a");
      EXPECT_EQ(json["outputs"][0]["name"], "y");
      EXPECT_EQ(json["outputs"][0]["datatype"], kind.datatype);
      EXPECT_EQ(json["outputs"][0]["shape"], Json({1, 2}));
      EXPECT_EQ(json["outputs"][0]["data"], Json::parse(kind.data)) << kind.datatype;
      EXPECT_EQ(json["parameters"]["device"], "cpu");
      EXPECT_EQ(json["parameters"]["fallback"], false);
    }

    std::string binary;
    for (std::size_t i = 0; i < 2 * kind.size; ++i) binary += static_cast<char>(i % 2);
    const TestResponse reply =
        infer(kind.model,
              std::string(R"({"inputs":[{"name":"x","shape":[1,2],"datatype":")") + kind.datatype +
                  R"(","parameters":{"binary_data_size":)" + std::to_string(binary.size()) +
                  R"(}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]})",
              binary);
    ASSERT_EQ(reply.status, 200) << kind.datatype << reply.body;
    EXPECT_EQ(head_of(reply)["outputs"][0]["parameters"]["binary_data_size"], binary.size());
    EXPECT_EQ(tail_of(reply), binary) << kind.datatype;
    EXPECT_EQ(reply.headers.at("content-type"), "application/octet-stream");

    const TestResponse raw = infer(kind.model, "", binary);
    ASSERT_EQ(raw.status, 200) << kind.datatype << raw.body;
    EXPECT_EQ(tail_of(raw), binary) << kind.datatype;
  }
  const TestResponse half =
      infer("fp16", R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP16"}]})", "abcd");
  expect_error(half, 400, "FP16 has no JSON form");
}

TEST_F(OipTest, HealthMetadataIndexAndStatistics) {
  add_identity("fp32", OnnxType::kFloat, {"1", "2"});
  add_identity("other", OnnxType::kFloat, {"1", "2"});
  start();
  const Json server = json_of(get("/v2"));
  EXPECT_EQ(server["name"], "anynpu");
  EXPECT_EQ(server["extensions"],
            Json({"binary_tensor_data", "classification", "model_repository", "statistics"}));
  EXPECT_EQ(json_of(get("/v2/health/live")), Json({{"live", true}}));
  EXPECT_EQ(json_of(get("/v2/health/ready")), Json({{"ready", true}}));
  const auto names = json_of(get("/v2/models"))["models"].get<std::vector<std::string>>();
  EXPECT_THAT(names, ::testing::IsSupersetOf({"fp32", "other"}));

  expect_error(get("/v2/models/fp32/ready"), 503, "not loaded");
  EXPECT_EQ(ask("POST", "/v2/repository/models/fp32/load", "{}").status, 200);
  EXPECT_EQ(json_of(get("/v2/models/fp32/ready")), Json({{"name", "fp32"}, {"ready", true}}));
  EXPECT_EQ(get("/v2/models/fp32/versions/1/ready").status, 200);
  expect_error(get("/v2/models/fp32/versions/2/ready"), 404, "no model 'fp32' of version '2'");
  EXPECT_EQ(json_of(get("/v2/models/fp32/versions/1"))["versions"], Json({"1"}));

  EXPECT_EQ(entry_of(ask("POST", "/v2/repository/index"), "fp32"),
            Json::parse(R"({"name": "fp32", "version": "1", "state": "READY", "reason": ""})"));
  EXPECT_EQ(
      entry_of(ask("POST", "/v2/repository/index", "{}"), "other"),
      Json::parse(
          R"({"name": "other", "version": "1", "state": "UNAVAILABLE", "reason": "not loaded"})"));
  const TestResponse ready = ask("POST", "/v2/repository/index", R"({"ready":true})");
  EXPECT_EQ(entry_of(ready, "fp32")["state"], "READY");
  EXPECT_EQ(entry_of(ready, "other"), Json());

  const std::string good =
      R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[[1,2]]}]})";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(infer("fp32", good).status, 200);
  EXPECT_EQ(infer("fp32/versions/1", good).status, 200);
  EXPECT_EQ(infer("fp32", "{}").status, 400);
  const Json stats = json_of(get("/v2/models/fp32/stats"))["model_stats"];
  ASSERT_EQ(stats.size(), 1U);
  EXPECT_EQ(stats[0]["inference_count"], 4);
  EXPECT_EQ(stats[0]["inference_stats"]["success"]["count"], 4);
  EXPECT_EQ(stats[0]["inference_stats"]["fail"]["count"], 1);
  EXPECT_GT(stats[0]["inference_stats"]["success"]["ns"], 0);
  EXPECT_EQ(json_of(get("/v2/models/fp32/versions/1/stats"))["model_stats"], stats);
  const Json all = json_of(get("/v2/models/stats"))["model_stats"];
  EXPECT_EQ(std::count(all.begin(), all.end(), stats[0]), 1);
}

TEST_F(OipTest, PicturesAndClasses) {
  add_colours();
  start();
  const std::string input = R"("inputs":[{"name":"picture","shape":[3],"datatype":"BYTES"}])";
  const std::string pictures =
      bytes_elements({picture(255, 0, 0), picture(0, 255, 51), picture(0, 0, 255)});
  const TestResponse scores = infer("colours", "{" + input + "}", pictures);
  ASSERT_EQ(scores.status, 200) << scores.body;
  const Json output = json_of(scores)["outputs"][0];
  EXPECT_EQ(output["shape"], Json({3, 3}));
  EXPECT_NEAR(output["data"][0].get<double>(), 1, 1e-5);
  EXPECT_NEAR(output["data"][5].get<double>(), 0.2, 1e-5);
  const TestResponse classes =
      infer("colours",
            "{" + input + R"(,"outputs":[{"name":"scores","parameters":{"classification":2}}]})",
            pictures);
  ASSERT_EQ(classes.status, 200) << classes.body;
  EXPECT_EQ(json_of(classes)["outputs"][0]["datatype"], "BYTES");
  EXPECT_EQ(json_of(classes)["outputs"][0]["shape"], Json({3, 2}));
  const auto words = json_of(classes)["outputs"][0]["data"].get<std::vector<std::string>>();
  ASSERT_EQ(words.size(), 6U);
  EXPECT_THAT(words[0], ::testing::EndsWith(":0:red"));
  EXPECT_THAT(words[2], ::testing::EndsWith(":1:green"));
  EXPECT_THAT(words[3], ::testing::EndsWith(":2:blue"));
  EXPECT_THAT(words[4], ::testing::EndsWith(":2:blue"));
  expect_error(infer("colours", "{" + input + "}", bytes_elements({"no", "such", "pictures"})), 400,
               "input 'picture', element 0");
  expect_error(infer("colours", "{" + input + "}", bytes_elements({"two", "elements"})), 400,
               "asks for 3 elements");
}

TEST_F(OipTest, RowsAndBatches) {
  add_identity("single", OnnxType::kInt32, {"1", "2"});
  add_identity("batched", OnnxType::kInt32, {"batch", "2"}, "max_batch = 4\n");
  start();
  EXPECT_EQ(json_of(get("/v2/models/single"))["inputs"][0]["shape"], Json({1, 2}));
  EXPECT_EQ(json_of(get("/v2/models/batched"))["inputs"][0]["shape"], Json({-1, 2}));
  Json data = Json::array();
  for (int i = 0; i < 40; ++i) data.push_back(i % 2 == 0 ? i : -i);
  Json request = Json::parse(R"({"inputs":[{"name":"x","shape":[20,2],"datatype":"INT32"}]})");
  request["inputs"][0]["data"] = data;
  for (const char* model : {"single", "batched"}) {
    const TestResponse reply = infer(model, request.dump());
    ASSERT_EQ(reply.status, 200) << model << reply.body;
    EXPECT_EQ(json_of(reply)["outputs"][0]["shape"], Json({20, 2}));
    EXPECT_EQ(json_of(reply)["outputs"][0]["data"], data) << model;
  }
}

TEST_F(OipTest, AnotherPlacementAnswersInTheDeclaredTypes) {
  TinyTflite real;
  const int x = real.input({"x", TfliteType::kFloat32, {1, 4}});
  real.add(x, x, real.output({"y", TfliteType::kFloat32, {1, 4}}));
  TinyTflite quantised;
  const int q = quantised.input({"xq", TfliteType::kUint8, {1, 4}, {}, {0.0625F}, {128}});
  quantised.add(q, q, quantised.output({"yq", TfliteType::kUint8, {1, 4}, {}, {0.125F}, {128}}));
  add_package("doubled", "task = \"raw\"\n", real.build(), "model.float32.tflite",
              "reference = true\n[[version.artifact]]\nfile = \"model.uint8.tflite\"\n");
  ASSERT_TRUE(write_file(store_ / "doubled" / "1" / "model.uint8.tflite", quantised.build()));
  start({"--placement", "plain"});  // each artifact once
  const Json metadata = json_of(get("/v2/models/doubled"));
  ASSERT_TRUE(metadata.contains("inputs"))
      << metadata << "; `make test` fetches TFLite, which runs these models";
  const bool is_real = metadata["inputs"][0]["datatype"] == "FP32";
  const std::string name = metadata["inputs"][0]["name"];
  const std::string request =
      R"({"inputs":[{"name":")" + name + R"(","shape":[1,4],"datatype":)" +
      (is_real ? R"("FP32","data":[1,-2,0.5,3]}]})" : R"("UINT8","data":[144,96,136,176]}]})");
  const Json wanted = is_real ? Json({2.0, -4.0, 1.0, 6.0}) : Json({144, 96, 136, 176});
  EXPECT_EQ(json_of(infer("doubled", request))["parameters"]["fallback"], false);

  // Whoever serves stops, so that the other artifact has to answer.
  const std::string serving = is_real ? "float32" : "uint8";
  int stopped = 0;
  const Json status = json_of(get("/status"));
  for (const Json& model : status["models"])
    for (const Json& instance : model["instances"])
      if (model["name"] == "doubled" &&
          instance["placement"].get<std::string>().find(serving) != std::string::npos)
        stopped += ::kill(instance["pid"].get<pid_t>(), SIGSTOP) == 0 ? 1 : 0;
  ASSERT_EQ(stopped, 1);
  const Json json = json_of(infer("doubled", request));
  EXPECT_TRUE(json["parameters"]["fallback"].is_string()) << json;
  EXPECT_EQ(json["parameters"]["artifact"],
            is_real ? "model.uint8.tflite" : "model.float32.tflite");
  EXPECT_EQ(json["outputs"][0]["name"], metadata["outputs"][0]["name"]);
  EXPECT_EQ(json["outputs"][0]["datatype"], metadata["outputs"][0]["datatype"]);
  EXPECT_EQ(json["outputs"][0]["data"], wanted);
}

TEST_F(OipTest, Errors) {
  add_identity("fp32", OnnxType::kFloat, {"1", "2"});
  add_package("broken", "task = \"raw\"\n", {std::byte{1}, std::byte{2}});
  start();
  const std::string good =
      R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]})";
  expect_error(infer("nothing", good), 404, "no model 'nothing'");
  expect_error(infer("fp32/versions/7", good), 404, "no version 7");
  expect_error(infer("fp32/versions/new", good), 404, "no version 'new'");
  expect_error(get("/v2/models/nothing"), 404, "no model 'nothing'");
  expect_error(get("/v2/models/nothing/stats"), 404, "no model 'nothing'");
  expect_error(ask("POST", "/v2/repository/models/nothing/load"), 404, "no model 'nothing'");
  expect_error(ask("POST", "/v2/repository/models/fp32/load", R"({"parameters":{"config":"{}"}})"),
               501, "config");
  EXPECT_GE(infer("broken", good).status, 400);

  const auto bad = [&](const std::string& input, const std::string& words) {
    expect_error(infer("fp32", "{\"inputs\":[{" + input + "}]}"), 400, words);
  };
  expect_error(infer("fp32", ""), 400, "not a JSON object");
  expect_error(infer("fp32", "{\"inputs\":"), 400, "the JSON ends");
  expect_error(infer("fp32", "{}"), 400, "has no inputs");
  expect_error(infer("fp32", std::string(1 << 16, '[')), 400, "not a JSON object");
  bad(R"("shape":[1,2],"datatype":"FP32","data":[1,2])", "has no \"name\"");
  bad(R"("name":"z","shape":[1,2],"datatype":"FP32","data":[1,2])", "the model has no input 'z'");
  bad(R"("name":"x","shape":[1,2],"datatype":"FLOAT","data":[1,2])",
      "there is no datatype 'FLOAT'");
  bad(R"("name":"x","shape":[1,2],"datatype":"FP64","data":[1,2])", "its datatype is FP64");
  bad(R"("name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3])", "its shape is 1x3");
  bad(R"("name":"x","shape":[1,2],"datatype":"FP32","data":[1])", "there are");
  bad(R"("name":"x","shape":[1,2],"datatype":"FP32","data":[1,"a"])", "element 1");
  bad(R"("name":"x","shape":[1,2],"datatype":"FP32","data":[1,NaN])", "NaN is not JSON");
  bad(R"("name":"x","shape":[1,2],"datatype":"FP32","data":[1,1e99])", "does not fit FP32");
  bad(R"("name":"x","shape":[1,-2],"datatype":"FP32","data":[1,2])", "in its shape");
  bad(R"("name":"x","shape":[1,2],"datatype":"FP32")", "neither \"data\"");

  const std::string binary =
      R"({"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]})";
  EXPECT_EQ(infer("fp32", binary, "12345678").status, 200);
  expect_error(infer("fp32", binary, "1234567"), 400, "7 bytes are left");
  expect_error(infer("fp32", binary, "123456789"), 400, "1 bytes follow");
  expect_error(infer("fp32", binary), 400, "Inference-Header-Content-Length");
  expect_error(infer("fp32", "", "1234"), 400, "its data has 4");
  expect_error(
      ask("POST", "/v2/models/fp32/infer", good, "Inference-Header-Content-Length: 9999\r\n"), 400,
      "9999");
  expect_error(ask("POST", "/v2/models/fp32/infer", good, "Content-Encoding: gzip\r\n"), 501,
               "gzip");
  EXPECT_EQ(infer("fp32", good).status, 200) << "nothing of this has hurt it";
}

}  // namespace
}  // namespace anynpu

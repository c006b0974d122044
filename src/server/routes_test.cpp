// SPDX-License-Identifier: Apache-2.0
// Every route of the server, over real sockets, with a model that answers by rule.
#include <future>
#include <list>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "server/fake_served_model.h"
#include "server/picture_upload.h"
#include "server/recent_times.h"
#include "server/services.h"
#include "server/test_client.h"
#include "vision/test_pictures.h"

namespace anynpu::server {
namespace {

using Control = FakeServedModel::Control;

// A BMP of one colour.
std::string picture(int width, int height, std::uint8_t red, std::uint8_t green,
                    std::uint8_t blue) {
  std::string bytes = "BM";
  auto put = [&bytes](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  std::uint32_t row = (static_cast<std::uint32_t>(width) * 3 + 3) / 4 * 4;
  std::uint32_t pixels = row * static_cast<std::uint32_t>(height);
  for (std::uint32_t word : {54 + pixels, 0U, 54U, 40U, static_cast<std::uint32_t>(width),
                             static_cast<std::uint32_t>(height)})
    put(word, 4);
  put(1, 2);
  put(24, 2);
  for (std::uint32_t word : {0U, pixels, 2835U, 2835U, 0U, 0U}) put(word, 4);
  for (int y = 0; y < height; ++y) {
    std::string line;
    for (int x = 0; x < width; ++x)
      line += {static_cast<char>(blue), static_cast<char>(green), static_cast<char>(red)};
    line.resize(row);
    bytes += line;
  }
  return bytes;
}

std::string form(const std::string& field, const std::string& bytes, const std::string& more = "") {
  return more + "--B\r\nContent-Disposition: form-data; name=\"" + field +
         "\"; filename=\"a.bmp\"\r\nContent-Type: image/bmp\r\n\r\n" + bytes + "\r\n--B--\r\n";
}
constexpr const char* kForm = "Content-Type: multipart/form-data; boundary=B\r\n";
constexpr const char* kBmp = "Content-Type: image/bmp\r\n";

class RoutesTest : public testing::Test {
 protected:
  void start(std::vector<std::string> at_start = {"fake"}, std::size_t work_waiting = 64,
             std::size_t most_models = 3) {
    ModelHostOptions options;
    options.models = std::move(at_start);
    options.most_models = most_models;
    options.start = [this](const model::Package& package, int version,
                           const runtime::ServeOptions&) { return start_model(package, version); };
    options.open = [](const std::string& name) -> Result<model::Package> {
      model::Package package = fake_package(name);
      if (name == "finder") package.task = model::Task::kDetect;
      return package;
    };
    options.fingerprint = [this](const model::Package& package, int) {
      return changed_ == package.name ? "new" : "old";
    };
    options.inventory = [this] {
      if (store_is_broken_) throw std::runtime_error("the store cannot be read");
      model::Package finder = fake_package("finder");
      finder.task = model::Task::kDetect;
      return std::vector<model::Package>{fake_package("fake"),  fake_package("other"),
                                         fake_package("third"), fake_package("broken"),
                                         fake_package("wordy"), finder};
    };
    models_ = std::make_unique<ModelHost>(options);
    pool_ = std::make_unique<WorkPool>(2, work_waiting);
    http_ = std::make_unique<HttpServer>(
        HttpLimits{}, 2, [this](const RequestRecord& record) { errors_.note(record); });
    services_ = std::make_unique<Services>(
        Services{.models = *models_, .pool = *pool_, .http = *http_, .errors = errors_});
    services_->most_picture_bytes = 1 << 20;
    services_->find_devices = [] {
      npu::Device device;
      device.id = "rknpu0";
      device.title = "An NPU";
      device.reason = "its device node may not be opened";
      device.hint = "join the group render";
      device.finding = "RK-NODE-PERM";
      return std::vector<npu::Device>{device};
    };
    services_->find_findings = [] { return Json::array({{{"id", "RK-NODE-PERM"}}}); };
    services_->times = &times_;
    add_infer_route(router_, *services_);
    add_detection_route(router_, *services_, {.labels = {"dog", "bird"}, .threshold = 0.25});
    add_status_routes(router_, *services_);
    add_page_routes(router_);
    ASSERT_TRUE(models_->open());
    auto port = http_->listen("127.0.0.1", 0, router_);
    ASSERT_TRUE(port) << port.error().message;
    port_ = *port;
    http_->start();
    models_->start_loading([this](const Result<>& loaded) {
      control_->set([&] {
        loaded_ = true;
        load_error_ = loaded ? "" : loaded.error().message;
      });
    });
  }

  Result<std::unique_ptr<runtime::ServedModel>> start_model(const model::Package& package,
                                                            int version) {
    control_->wait_until([&] { return !hold_loading_; });
    if (package.name == "broken") return Error{Code::kUnsupported, "no engine loads it"};
    auto model = std::make_unique<FakeServedModel>(package, version, control_);
    if (package.name == "wordy") model->take_text();
    if (package.name == "finder") model->detect();
    ++started_;
    return std::unique_ptr<runtime::ServedModel>(std::move(model));
  }

  bool wait_loaded() {
    return control_->wait_until([&] { return loaded_; });
  }

  TestResponse infer(const std::string& query, const std::string& headers,
                     const std::string& body) {
    return TestClient(port_).ask("POST", "/infer" + query, headers, body);
  }

  void TearDown() override {
    control_->set([&] { control_->hold = hold_loading_ = false; });
    if (http_) http_->drain();
    if (http_) http_->wait();
    if (models_) models_->drain(Clock::now());
  }

  std::shared_ptr<Control> control_ = std::make_shared<Control>();
  bool loaded_ = false, hold_loading_ = false;
  std::string load_error_;
  std::atomic<bool> store_is_broken_ = false;
  std::string changed_;  // a package whose files are other ones now
  std::atomic<int> started_ = 0;
  RecentErrors errors_;
  RecentTimes times_;
  Router router_;
  std::unique_ptr<ModelHost> models_;
  std::unique_ptr<WorkPool> pool_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<Services> services_;
  int port_ = 0;
};

TEST_F(RoutesTest, InferAnswersWithEverything) {
  start();
  TestResponse response = infer("?top=2", kForm, form("image", picture(9, 5, 10, 200, 90)));
  ASSERT_EQ(response.status, 200) << response.body;
  auto json = response.json();
  EXPECT_EQ(json["success"], true);
  ASSERT_EQ(json["predictions"].size(), 2U);
  EXPECT_EQ(json["predictions"][0]["label"], "dog");
  EXPECT_EQ(json["predictions"][0]["class_id"], 1);
  EXPECT_NEAR(json["predictions"][0]["score"].get<double>(), 200 / 255.0, 0.02);
  EXPECT_EQ(json["predictions"][1]["label"], "bird");
  EXPECT_EQ(json["inference_time_ms"], 1.5);
  EXPECT_EQ(json["shape"], nlohmann::json({1, 4, 4, 3}));
  EXPECT_EQ(json["model"], "fake");
  EXPECT_EQ(json["version"], 2);
  EXPECT_EQ(json["device"], "cpu");
  EXPECT_EQ(json["engine"], "tflite+fake");
  EXPECT_EQ(json["artifact"], "model.tflite");
  EXPECT_EQ(json["fallback"], false);
  EXPECT_EQ(json["attempts"], 1);
  EXPECT_EQ(json["image"], nlohmann::json({{"width", 9}, {"height", 5}}));
  for (const char* step : {"decode", "preprocess", "queue", "infer", "postprocess", "total"})
    EXPECT_TRUE(json["timings_ms"][step].is_number()) << step;
  EXPECT_EQ(json["timings_ms"].size(), 6U);
  EXPECT_EQ(json["why_no_npu"], "this machine has no NPU");
  EXPECT_EQ(json.size(), 14U);
}

TEST_F(RoutesTest, PicturesComeInManyWays) {
  start();
  std::string red = picture(4, 4, 255, 0, 0);
  for (const char* type : {kBmp, "Content-Type: application/octet-stream\r\n", "",
                           "Content-Type: IMAGE/JPEG; q=1\r\n"})
    EXPECT_EQ(infer("?top=1", type, red).json()["predictions"][0]["label"], "cat") << type;
  EXPECT_EQ(infer("", kForm, form("file", red)).json()["predictions"][0]["label"], "cat");
  std::string fields =
      "--B\r\nContent-Disposition: form-data; name=\"top\"\r\n\r\n1\r\n"
      "--B\r\nContent-Disposition: form-data; name=\"notes\"; filename=\"n.txt\"\r\n\r\nhello\r\n";
  EXPECT_EQ(infer("", kForm, form("image", red, fields)).json()["predictions"].size(), 1U);
  EXPECT_EQ(infer("?top=2", kForm, form("image", red, fields)).json()["predictions"].size(), 2U)
      << "the address wins";
}

// The model's thread decodes the picture then; the answers are the same.
TEST_F(RoutesTest, WhereTheModelPreparesThePictureGoesStraightToIt) {
  start();
  vision::Image image = vision::make_image(9, 5);
  for (std::size_t i = 1; i < image.rgb.size(); i += 3) image.rgb[i] = 200;
  const auto encoded = vision::test::jpeg(image);
  const std::string bytes(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  for (const bool prepares : {true, false}) {
    control_->set([&] { control_->prepares = prepares; });
    auto json = infer("", "Content-Type: image/jpeg\r\n", bytes).json();
    EXPECT_EQ(json["predictions"][0]["label"], "dog");
    EXPECT_EQ(json["image"]["width"], 9);
    EXPECT_GT(json["timings_ms"]["decode"], 0);
    TestResponse cut = infer("", "Content-Type: image/jpeg\r\n", bytes.substr(0, bytes.size() - 9));
    EXPECT_EQ(cut.status, 422) << cut.body;
    EXPECT_EQ(cut.json()["error"]["code"], "invalid");
    control_->set([&] { control_->fail = Error{Code::kInvalid, "so it went"}; });
    EXPECT_EQ(infer("", "Content-Type: image/jpeg\r\n", bytes).status, 400)
        << "the model's error is not the picture's";
    control_->set([&] { control_->fail.reset(); });
  }
}

TEST_F(RoutesTest, ThresholdAndVersion) {
  start();
  std::string blue = picture(4, 4, 0, 10, 255);
  auto json = infer("?threshold=0.5&version=1", kBmp, blue).json();
  ASSERT_EQ(json["predictions"].size(), 1U);
  EXPECT_EQ(json["predictions"][0]["label"], "bird");
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(infer("?version=3", kBmp, blue).status, 404);
}

TEST_F(RoutesTest, SeveralPicturesAreAnsweredInTheirOrder) {
  start();
  std::string part = "--B\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n";
  std::string body = part + picture(4, 4, 255, 0, 0) + "\r\n" + part + "no picture\r\n" + part +
                     picture(6, 2, 0, 0, 255) + "\r\n--B--\r\n";
  auto json = infer("?top=1", kForm, body).json();
  EXPECT_EQ(json["success"], false);
  ASSERT_EQ(json["results"].size(), 3U);
  EXPECT_EQ(json["results"][0]["predictions"][0]["label"], "cat");
  EXPECT_EQ(json["results"][1]["error"]["code"], "unsupported");
  EXPECT_EQ(json["results"][2]["predictions"][0]["label"], "bird");
  EXPECT_EQ(json["results"][2]["image"]["width"], 6);
  TestResponse none = infer("", kForm, part + "one\r\n" + part + "two\r\n--B--\r\n");
  EXPECT_EQ(none.status, 415);
  EXPECT_EQ(none.json()["results"].size(), 2U);
  EXPECT_EQ(none.json()["error"]["code"], "unsupported");
}

TEST_F(RoutesTest, DeepStackReadsLabelsInOrder) {
  start();
  TestClient client(port_);
  auto ask = [&](const std::string& more) {
    return client.ask("POST", "/v1/vision/detection", kForm,
                      form("image", picture(100, 50, 1, 2, 3), more));
  };
  auto json = ask("").json();
  EXPECT_EQ(json["success"], true) << json;
  EXPECT_EQ(json["code"], 200);
  ASSERT_EQ(json["predictions"].size(), 2U) << "the unlabelled one and the cat are not for it";
  EXPECT_EQ(json["predictions"][0]["label"], "dog");
  EXPECT_NEAR(json["predictions"][0]["confidence"].get<double>(), 0.9, 1e-6);
  EXPECT_EQ(json["predictions"][0]["x_min"], 50);
  EXPECT_EQ(json["predictions"][0]["y_min"], 13);
  EXPECT_EQ(json["predictions"][0]["x_max"], 100);
  EXPECT_EQ(json["predictions"][1]["label"], "bird");
  json = ask("--B\r\nContent-Disposition: form-data; name=\"min_confidence\"\r\n\r\n0.5\r\n"
             "--B\r\nContent-Disposition: form-data; name=\"api_key\"\r\n\r\nwhatever\r\n")
             .json();
  EXPECT_EQ(json["count"], 1);
  TestResponse bad = client.ask("POST", "/v1/vision/detection", kForm, form("image", "no picture"));
  EXPECT_EQ(bad.status, 415);
  EXPECT_EQ(bad.json()["success"], false);
  EXPECT_TRUE(bad.json()["error"].is_string());
}

TEST_F(RoutesTest, AModelIsReplacedUnderItsRequests) {
  start();
  ASSERT_TRUE(wait_loaded());
  EXPECT_EQ(started_, 1);
  auto load = [&] {
    std::promise<std::string> done;
    models_->load("fake", [&](const Result<>& loaded) {
      done.set_value(loaded ? "" : loaded.error().message);
    });
    return done.get_future().get();
  };
  EXPECT_EQ(load(), "");
  EXPECT_EQ(started_, 1) << "nothing has changed";
  control_->set([&] { control_->hold = true; });
  TestClient client(port_);
  client.send(TestClient::request("POST", "/infer", kBmp, picture(4, 4, 1, 2, 3)));
  ASSERT_TRUE(control_->wait_until([&] { return control_->waiting == 1; }));
  changed_ = "fake";
  EXPECT_EQ(load(), "");
  EXPECT_EQ(started_, 2);
  EXPECT_FALSE(control_->drained) << "a request still has the old one";
  control_->set([&] { control_->hold = false; });
  EXPECT_EQ(client.read().status, 200);
  EXPECT_TRUE(control_->wait_until([&] { return control_->drained; }));
  EXPECT_EQ(infer("", kBmp, picture(4, 4, 1, 2, 3)).status, 200);
}

TEST_F(RoutesTest, UnloadingIsNoFailure) {
  start({"fake", "other"});
  ASSERT_TRUE(wait_loaded());
  EXPECT_TRUE(models_->unload("other"));
  EXPECT_EQ(models_->unload("other").error().code, Code::kNotFound);
  EXPECT_EQ(models_->unload("nothing").error().code, Code::kNotFound);
  TestResponse gone = infer("?model=other", kBmp, picture(4, 4, 1, 2, 3));
  EXPECT_EQ(gone.status, 404) << gone.body;
  EXPECT_EQ(TestClient(port_).ask("GET", "/health").json()["status"], "ok");
  auto status = TestClient(port_).ask("GET", "/status").json();
  EXPECT_EQ(status["models"].size(), 1U);
}

TEST_F(RoutesTest, UnloadingWhileItLoadsEndsTheWait) {
  hold_loading_ = true;
  start();
  TestClient client(port_);
  client.send(TestClient::request("POST", "/infer", kBmp, picture(4, 4, 1, 2, 3)));
  while (models_->status().empty()) std::this_thread::yield();
  EXPECT_TRUE(models_->unload("fake"));
  EXPECT_EQ(client.read().status, 404);
  control_->set([&] { hold_loading_ = false; });
  EXPECT_TRUE(wait_loaded());
}

TEST_F(RoutesTest, FallbackIsSaid) {
  start();
  control_->set([&] { control_->fallback = "the worker crashed"; });
  auto json = infer("", kBmp, picture(4, 4, 1, 2, 3)).json();
  EXPECT_EQ(json["fallback"], "the worker crashed");
  EXPECT_EQ(json["attempts"], 2);
}

struct Refusal {
  std::string query, headers, body;
  int status;
  std::string code;
};

TEST_F(RoutesTest, WhatIsWrongIsSaid) {
  start();
  std::string good = picture(4, 4, 1, 2, 3);
  std::string field = "--B\r\nContent-Disposition: form-data; name=\"";
  std::string many_parts;
  for (std::size_t i = 0; i < kMostPictures; ++i) many_parts += field + "image\"\r\n\r\nx\r\n";
  for (const Refusal& each : std::vector<Refusal>{
           {"", kForm, form("photo", good), 400, "invalid"},
           {"", kForm, form("image", ""), 400, "invalid"},
           {"", kForm, "--B--\r\n", 400, "invalid"},
           {"", kForm, "not a form", 400, "invalid"},
           {"", "Content-Type: multipart/form-data\r\n", form("image", good), 400, "invalid"},
           {"", kForm, form("image", good, field + "image\"\r\n\r\n\r\n"), 400, "invalid"},
           {"", kForm, form("image", good, many_parts), 413, "too_large"},
           {"", kForm, form("image", std::string(2 << 20, 'x')), 413, "too_large"},
           {"", kForm,
            form("image", good, field + "top\"\r\n\r\n" + std::string(999, '1') + "\r\n"), 413,
            "too_large"},
           {"", kBmp, std::string(2 << 20, 'x'), 413, "too_large"},
           {"", "Content-Type: text/plain\r\n", "hello", 415, "unsupported"},
           {"", "Content-Type: application/x-www-form-urlencoded\r\n", good, 415, "unsupported"},
           {"", "Content-Encoding: gzip\r\nContent-Type: image/bmp\r\n", good, 415, "unsupported"},
           {"", kBmp, "this is text and no picture at all", 415, "unsupported"},
           {"", kBmp, good.substr(0, 60), 422, "invalid"},
           {"", kBmp, "", 400, "invalid"},
           {"?top=0", kBmp, good, 400, "invalid"},
           {"?top=many", kBmp, good, 400, "invalid"},
           {"?threshold=2", kBmp, good, 400, "invalid"},
           {"?version=-1", kBmp, good, 404, "not_found"},
           {"?model=fakk", kBmp, good, 404, "not_found"},
           {"?model=../../etc/passwd", kBmp, good, 404, "not_found"},
           {"?model=/models/fake", kBmp, good, 404, "not_found"},
           {"?model=broken", kBmp, good, 415, "unsupported"},
           {"?model=wordy", kBmp, good, 422, "unsupported"},
       }) {
    TestResponse response = infer(each.query, each.headers, each.body);
    auto json = response.json();
    std::string what = each.query + " " + each.headers + each.body.substr(0, 60);
    EXPECT_EQ(response.status, each.status) << what << response.body;
    EXPECT_EQ(json["success"], false) << what;
    EXPECT_EQ(json["error"]["code"], each.code) << what;
    EXPECT_FALSE(json["error"]["message"].get<std::string>().empty()) << what;
    EXPECT_TRUE(json["error"].contains("hint")) << what;
  }
  EXPECT_EQ(infer("?model=fakk", kBmp, good).json()["error"]["hint"], "did you mean 'fake'?");
}

TEST_F(RoutesTest, ErrorsOfTheModelHaveTheirStatus) {
  start();
  std::string good = picture(4, 4, 1, 2, 3);
  for (const auto& [code, status] :
       {std::pair(Code::kTimeout, 504), std::pair(Code::kCrashed, 500),
        std::pair(Code::kDevice, 500), std::pair(Code::kCancelled, 503)}) {
    control_->set([&, failure = code] { control_->fail = Error{failure, "so it went"}; });
    TestResponse response = infer("", kBmp, good);
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.json()["error"]["message"], "so it went");
  }
  control_->set([&] { control_->refuse = Error{Code::kBusy, "the queue is full"}; });
  TestResponse busy = infer("", kBmp, good);
  EXPECT_EQ(busy.status, 503);
  EXPECT_EQ(busy.headers["retry-after"], "1");
}

TEST_F(RoutesTest, AStoreThatCannotBeReadIsAnAnswerToo) {
  start();
  store_is_broken_ = true;
  EXPECT_EQ(infer("?model=other", kBmp, picture(4, 4, 1, 2, 3)).status, 500);
  while (errors_.to_json().empty())
    std::this_thread::sleep_for(milliseconds(1));  // after the answer
  EXPECT_EQ(errors_.to_json().at(0)["message"], "the store cannot be read");
}

TEST_F(RoutesTest, AClientThatGoesAwayCancelsItsRequest) {
  start();
  control_->set([&] { control_->hold = true; });
  {
    TestClient client(port_);
    client.send(TestClient::request("POST", "/infer", kBmp, picture(4, 4, 1, 2, 3)));
    ASSERT_TRUE(control_->wait_until([&] { return control_->waiting == 1; }));
  }
  EXPECT_TRUE(control_->wait_until([&] { return control_->cancelled == 1; }));
  control_->set([&] { control_->hold = false; });
  EXPECT_EQ(infer("", kBmp, picture(4, 4, 1, 2, 3)).status, 200);
}

TEST_F(RoutesTest, HealthAnswersWhileModelsLoadAndWhileTheyWork) {
  hold_loading_ = true;
  start({"fake", "other@1"});
  TestClient client(port_);
  TestResponse starting = client.ask("GET", "/health");
  EXPECT_EQ(starting.status, 503);
  EXPECT_EQ(starting.json()["status"], "starting");
  EXPECT_EQ(starting.json()["live"], true);
  EXPECT_EQ(starting.json()["ready"], false);
  control_->set([&] { hold_loading_ = false; });
  ASSERT_TRUE(wait_loaded());
  TestResponse ready = client.ask("GET", "/health");
  EXPECT_EQ(ready.status, 200);
  EXPECT_EQ(ready.json()["status"], "ok");
  EXPECT_EQ(ready.json()["models"],
            nlohmann::json({{{"name", "fake"}, {"version", 2}, {"state", "ready"}},
                            {{"name", "other"}, {"version", 1}, {"state", "ready"}}}));
  control_->set([&] { control_->hold = true; });
  std::list<TestClient> working;
  for (int i = 0; i < 50; ++i) {
    working.emplace_back(port_);
    working.back().send(TestClient::request("POST", "/infer", kBmp, picture(4, 4, 1, 2, 3)));
  }
  ASSERT_TRUE(control_->wait_until([&] { return control_->waiting == 50; }));
  EXPECT_EQ(client.ask("GET", "/health").status, 200);
  control_->set([&] { control_->hold = false; });
  for (TestClient& each : working) EXPECT_EQ(each.read().status, 200);
}

TEST_F(RoutesTest, RequestsWaitForTheirModelToLoad) {
  hold_loading_ = true;
  start();
  TestClient client(port_);
  client.send(TestClient::request("POST", "/infer", kBmp, picture(4, 4, 1, 2, 3)));
  TestClient other(port_);
  EXPECT_EQ(other.ask("GET", "/health").status, 503);
  control_->set([&] { hold_loading_ = false; });
  EXPECT_EQ(client.read().status, 200);
}

TEST_F(RoutesTest, SomeModelsFailing) {
  start({"fake", "broken"});
  ASSERT_TRUE(wait_loaded());
  EXPECT_EQ(load_error_, "");
  TestResponse health = TestClient(port_).ask("GET", "/health");
  EXPECT_EQ(health.status, 200);
  EXPECT_EQ(health.json()["status"], "degraded");
}

TEST_F(RoutesTest, AllModelsFailing) {
  start({"broken"});
  ASSERT_TRUE(wait_loaded());
  EXPECT_EQ(load_error_, "no engine loads it");
  TestResponse health = TestClient(port_).ask("GET", "/health");
  EXPECT_EQ(health.status, 503);
  EXPECT_EQ(health.json()["status"], "failed");
}

TEST_F(RoutesTest, OtherModelsAreLoadedWhenAskedForUpToALimit) {
  start();
  std::string good = picture(4, 4, 1, 2, 3);
  EXPECT_EQ(infer("?model=other", kBmp, good).json()["model"], "other");
  EXPECT_EQ(infer("?model=third", kBmp, good).json()["model"], "third");
  EXPECT_EQ(infer("?model=wordy", kBmp, good).status, 503);
  EXPECT_EQ(infer("?model=third", kBmp, good).status, 200);
  EXPECT_EQ(TestClient(port_).ask("GET", "/health").json()["models"].size(), 3U);
}

TEST_F(RoutesTest, WithoutNamesTheStoreIsServed) {
  start({});
  EXPECT_EQ(TestClient(port_).ask("GET", "/health").status, 200);
  EXPECT_EQ(infer("", kBmp, picture(4, 4, 1, 2, 3)).json()["error"]["message"],
            "no engine loads it")
      << "the first by name is the default";
  EXPECT_EQ(infer("?model=fake", kBmp, picture(4, 4, 1, 2, 3)).status, 200);
}

TEST_F(RoutesTest, StatusTellsEverything) {
  start();
  ASSERT_TRUE(wait_loaded());
  infer("?model=nothing-like-it", kBmp, picture(4, 4, 1, 2, 3));
  auto json = TestClient(port_).ask("GET", "/status").json();
  EXPECT_EQ(json["program"], "anynpu");
  EXPECT_EQ(json["status"], "ok");
  EXPECT_GE(json["uptime_s"].get<double>(), 0);
  ASSERT_EQ(json["models"].size(), 1U);
  EXPECT_EQ(json["models"][0]["name"], "fake");
  EXPECT_EQ(json["models"][0]["default"], true);
  EXPECT_EQ(json["models"][0]["license"], "Apache-2.0");
  EXPECT_EQ(json["models"][0]["input"], nlohmann::json({{"width", 4}, {"height", 4}}));
  EXPECT_EQ(json["models"][0]["placement"]["no_npu"], "this machine has no NPU");
  EXPECT_EQ(json["models"][0]["placement"]["ranked"].size(), 1U);
  EXPECT_EQ(json["available"].size(), 5U);
  EXPECT_EQ(json["devices"][0]["id"], "rknpu0");
  EXPECT_EQ(json["devices"][0]["status"], "unusable");
  EXPECT_EQ(json["devices"][0]["finding"], "RK-NODE-PERM");
  EXPECT_EQ(json["findings"][0]["id"], "RK-NODE-PERM");
  EXPECT_GT(json["process"]["rss_bytes"].get<double>(), 0);
  EXPECT_GT(json["process"]["fds"].get<int>(), 3);
  EXPECT_GT(json["process"]["threads"].get<int>(), 2);
  ASSERT_EQ(json["recent_errors"].size(), 1U);
  EXPECT_EQ(json["recent_errors"][0]["status"], 404);
  EXPECT_EQ(json["recent_errors"][0]["path"], "/infer");
}

TEST_F(RoutesTest, BrowsersGetThePageAndProgramsADescription) {
  start();
  TestClient client(port_);
  TestResponse page = client.ask("GET", "/", "Accept: text/html,application/xhtml+xml\r\n");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers["content-type"], "text/html; charset=utf-8");
  EXPECT_NE(page.headers["content-security-policy"].find("default-src 'none'"), std::string::npos);
  EXPECT_EQ(page.headers["vary"], "Accept");
  EXPECT_NE(page.body.find("<html"), std::string::npos);
  TestResponse same = client.ask(
      "GET", "/", "Accept: text/html\r\nIf-None-Match: " + page.headers["etag"] + "\r\n");
  EXPECT_EQ(same.status, 304);
  EXPECT_EQ(same.body, "");
  auto json = client.ask("GET", "/", "Accept: */*\r\n").json();
  EXPECT_EQ(json["openapi"], "3.1.0");
  EXPECT_TRUE(json["paths"]["/infer"]["post"]["requestBody"].is_object());
  EXPECT_FALSE(json["paths"].contains("/app.js"));
  EXPECT_EQ(client.ask("GET", "/openapi.json").json(), json);
  EXPECT_EQ(client.ask("GET", "/app.js").headers["content-type"], "text/javascript; charset=utf-8");
  EXPECT_EQ(client.ask("GET", "/style.css").headers["content-type"], "text/css; charset=utf-8");
}

TEST_F(RoutesTest, UnknownRoutesAndMethods) {
  start();
  TestClient client(port_);
  TestResponse unknown = client.ask("GET", "/infr");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.json()["error"]["hint"], "did you mean /infer ?");
  TestResponse wrong = client.ask("GET", "/infer");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers["allow"], "POST, OPTIONS");
  EXPECT_EQ(client.ask("OPTIONS", "/status").headers["allow"], "GET, HEAD, OPTIONS");
}

TEST_F(RoutesTest, DrainAnswersWhatWaitsAndRefusesTheRest) {
  start();
  ASSERT_TRUE(wait_loaded());
  control_->set([&] { control_->hold = true; });
  TestClient client(port_);
  client.send(TestClient::request("POST", "/infer", kBmp, picture(4, 4, 1, 2, 3)));
  ASSERT_TRUE(control_->wait_until([&] { return control_->waiting == 1; }));
  http_->drain();
  control_->set([&] { control_->hold = false; });
  EXPECT_EQ(client.read().status, 200);
  http_->wait();
  models_->drain(Clock::now() + seconds(10));
  EXPECT_TRUE(control_->drained);
  bool refused = false;
  models_->find("fake", 0, [&](const Result<ModelHost::Hosted>& found) {
    refused = !found && found.error().code == Code::kCancelled;
  });
  EXPECT_TRUE(refused);
}

TEST_F(RoutesTest, ManyAtOnce) {
  start();
  std::vector<std::thread> clients;
  std::atomic<int> good = 0;
  for (int thread = 0; thread < 8; ++thread) {
    clients.emplace_back([&, thread] {
      TestClient client(port_);
      auto channel = [thread](int i) {
        return thread % 3 == i ? std::uint8_t{250} : std::uint8_t{9};
      };
      std::string body = picture(8, 8, channel(0), channel(1), channel(2));
      for (int i = 0; i < 50; ++i) {
        auto json = client.ask("POST", "/infer?top=1", kBmp, body).json();
        if (json["success"] == true && json["predictions"][0]["class_id"] == thread % 3) ++good;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(good, 400);
}

}  // namespace
}  // namespace anynpu::server

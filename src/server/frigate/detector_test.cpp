// SPDX-License-Identifier: Apache-2.0
// Frigate's side of its protocol, with libzmq itself: a REQ socket, its handshake, its tensors.
#include "server/frigate/detector.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/fake_served_model.h"
#include "server/frigate/messages.h"
#include "server/frigate/zmq_library.h"

namespace anynpu::server::frigate {
namespace {

using testing::HasSubstr;

class FrigateDetector : public testing::Test {
 protected:
  void SetUp() override {
    ModelHostOptions options;
    options.open = [](const std::string& name) -> Result<model::Package> {
      model::Package package = fake_package(name);
      package.task = model::Task::kDetect;
      return package;
    };
    options.inventory = [] { return std::vector<model::Package>(); };
    options.fingerprint = [](const model::Package&, int) { return std::string(); };
    options.models = {"finder"};
    options.start =
        [this](const model::Package& package, int version,
               const runtime::ServeOptions&) -> Result<std::unique_ptr<runtime::ServedModel>> {
      auto model = std::make_unique<FakeServedModel>(package, version, control_);
      model->detect();
      return std::unique_ptr<runtime::ServedModel>(std::move(model));
    };
    models_ = std::make_unique<ModelHost>(options);
    ASSERT_TRUE(models_->open());
    services_ = std::make_unique<Services>(
        Services{.models = *models_, .pool = pool_, .http = http_, .errors = errors_});
    auto detector = Detector::start(*services_, {.endpoint = "tcp://127.0.0.1:*"});
    ASSERT_TRUE(detector) << detector.error().message << "; " << detector.error().hint;
    detector_ = std::move(*detector);
    auto library = ZmqLibrary::open();
    ASSERT_TRUE(library) << library.error().message;
    auto client = ZmqSocket::open(*library, ZmqType::kRequest, 1 << 20);
    ASSERT_TRUE(client) << client.error().message;
    client_ = std::make_unique<ZmqSocket>(std::move(*client));
    ASSERT_TRUE(client_->connect(detector_->endpoint()));
  }

  void TearDown() override {
    detector_.reset();
    if (models_) models_->drain(Clock::now());
  }

  ZmqFrames ask(const ZmqFrames& frames) {
    EXPECT_TRUE(client_->send(frames));
    auto reply = client_->receive(seconds(60), 4);
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *reply : ZmqFrames();
  }

  std::shared_ptr<FakeServedModel::Control> control_ = std::make_shared<FakeServedModel::Control>();
  RecentErrors errors_;
  WorkPool pool_{1, 8};
  HttpServer http_{HttpLimits{}, 1, [](const RequestRecord&) {}};
  std::unique_ptr<ModelHost> models_;
  std::unique_ptr<Services> services_;
  std::unique_ptr<Detector> detector_;
  std::unique_ptr<ZmqSocket> client_;
};

TEST_F(FrigateDetector, SpeaksItsProtocol) {
  ZmqFrames known = ask({R"({"model_request":true,"model_name":"yolo.onnx"})"});
  ASSERT_EQ(known.size(), 1U);
  EXPECT_EQ(Json::parse(known[0]), Json({{"model_available", true}, {"model_loaded", true}}));

  for (int i = 0; i < 3; ++i) {
    ZmqFrames boxes = ask({R"({"shape":[1,8,8,3],"dtype":"uint8","model_type":"ssd"})",
                           std::string(8 * 8 * 3, '\x40')});
    ASSERT_EQ(boxes.size(), 2U);
    EXPECT_EQ(Json::parse(boxes[0]), Json({{"shape", {20, 6}}, {"dtype", "float32"}}));
    ASSERT_EQ(boxes[1].size(), 480U);
    float rows[20][6];
    std::memcpy(rows, boxes[1].data(), sizeof rows);
    EXPECT_FLOAT_EQ(rows[0][0], 1) << "the class of the dog";
    EXPECT_FLOAT_EQ(rows[0][1], 0.9F);
    EXPECT_FLOAT_EQ(rows[0][2], 0.25F);
    EXPECT_FLOAT_EQ(rows[0][3], 0.5F);
    EXPECT_FLOAT_EQ(rows[0][4], 0.75F);
    EXPECT_FLOAT_EQ(rows[0][5], 1.0F);
    EXPECT_FLOAT_EQ(rows[4][1], 0) << "there are four";
  }

  ZmqFrames refused = ask({R"({"model_data":true,"model_name":"x"})", "some bytes"});
  EXPECT_EQ(Json::parse(refused[0]), Json({{"model_saved", false}, {"model_loaded", false}}));
}

TEST_F(FrigateDetector, EveryMessageIsAnswered) {
  const std::string none(480, '\0');
  for (const ZmqFrames& bad : std::vector<ZmqFrames>{
           {"hello"},
           {"{}", "x"},
           {"a", "b", "c", "d", "e"},
           {R"({"shape":[1,8,8,3],"dtype":"uint8"})", "short"},
           {R"({"shape":[1,8,8,3],"dtype":"complex"})", std::string(192, 'x')}}) {
    ZmqFrames reply = ask(bad);
    ASSERT_EQ(reply.size(), 2U) << bad[0];
    EXPECT_EQ(reply[1], none) << bad[0];
  }
  control_->set([&] { control_->fail = Error{Code::kDevice, "the device is gone"}; });
  EXPECT_EQ(ask({R"({"shape":[1,8,8,3],"dtype":"uint8"})", std::string(192, 'x')})[1], none);
  control_->set([&] { control_->fail.reset(); });
  EXPECT_NE(ask({R"({"shape":[1,8,8,3],"dtype":"uint8"})", std::string(192, 'x')})[1], none);
}

TEST(FrigateZmq, AddressesThatCannotBe) {
  auto library = ZmqLibrary::open();
  ASSERT_TRUE(library) << library.error().message << "; " << library.error().hint;
  auto socket = ZmqSocket::open(*library, ZmqType::kReply, 1024);
  ASSERT_TRUE(socket);
  auto bound = socket->bind("ipc:///nowhere/at/all/zmq");
  ASSERT_FALSE(bound);
  EXPECT_THAT(bound.error().message, HasSubstr("/nowhere/at/all/zmq"));
}

TEST(ZmqLibrary, IsMissedByName) {
  const auto library = ZmqLibrary::open("libzmq-of-nobody.so.5");
  ASSERT_FALSE(library);
  EXPECT_EQ(library.error().code, Code::kNotFound);
  EXPECT_EQ(library.error().message,
            "Frigate's ZMQ detector needs libzmq: libzmq-of-nobody.so.5 is not on this machine");
  EXPECT_EQ(library.error().hint, "install it: apt install libzmq5");
}

TEST(ZmqLibrary, OneWithoutItsFunctionsIsRefused) {
  const auto library = ZmqLibrary::open("libm.so.6");
  ASSERT_FALSE(library);
  EXPECT_THAT(library.error().message, HasSubstr("libm.so.6 has no zmq_"));
  EXPECT_THAT(library.error().hint, HasSubstr("apt install libzmq5"));
}

}  // namespace
}  // namespace anynpu::server::frigate

// SPDX-License-Identifier: Apache-2.0
// A server with the speech routes and fake models, for tests.
#pragma once

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/speech/fake_transcriber.h"
#include "server/speech/routes.h"
#include "server/test_client.h"
#include "temporary_folder.h"
#include "wav_file.h"

namespace anynpu::server {

class SpeechServer : public testing::Test {
 protected:
  void start(SpeechOptions options = {}, HttpLimits limits = {}) {
    if (options.spool.empty()) options.spool = (folder_ / "spool").string();
    std::filesystem::create_directories(options.spool);
    models_ = std::make_unique<ModelHost>(
        ModelHostOptions{.inventory = [] { return std::vector<model::Package>(); }});
    pool_ = std::make_unique<WorkPool>(2, 64);
    speech_ = std::make_unique<SpeechService>(fakes_, options);
    jobs_ = std::make_unique<SpeechJobs>(*speech_, folder_ / "jobs");
    router_ = std::make_unique<Router>();
    http_ = std::make_unique<HttpServer>(
        limits, 2, [this](const RequestRecord& record) { errors_.note(record); });
    services_ = std::make_unique<Services>(
        Services{.models = *models_, .pool = *pool_, .http = *http_, .errors = errors_});
    add_speech_routes(*router_, *services_, *speech_);
    add_job_routes(*router_, *services_, *speech_, *jobs_);
    add_mel_route(*router_, *services_, *speech_);
    auto port = http_->listen("127.0.0.1", 0, *router_);
    ASSERT_TRUE(port) << port.error().message;
    port_ = *port;
    http_->start();
  }

  void stop() {
    control_->set([&] { control_->allowed = 1 << 30; });
    if (!http_) return;
    http_->drain();
    http_->wait();
    speech_->end();
    jobs_.reset();
    http_.reset();
    speech_.reset();
    models_->drain(Clock::now());
  }
  void TearDown() override { stop(); }

  static std::string part(const std::string& name, const std::string& value) {
    return "--B\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n";
  }
  static std::string file_part(const std::string& bytes, const std::string& name = "file") {
    return "--B\r\nContent-Disposition: form-data; name=\"" + name +
           "\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n" + bytes + "\r\n";
  }
  static constexpr const char* kForm = "Content-Type: multipart/form-data; boundary=B\r\n";
  static constexpr const char* kWav = "Content-Type: audio/wav\r\n";

  TestResponse post(const std::string& target, const std::string& body) {
    return TestClient(port_).ask("POST", target, kForm, body + "--B--\r\n");
  }
  TestResponse post_bare(const std::string& target, const std::string& body) {
    return TestClient(port_).ask("POST", target, kWav, body);
  }
  TestResponse get(const std::string& target) { return TestClient(port_).ask("GET", target); }

  static bool eventually(const std::function<bool()>& what) {
    for (TimePoint end = Clock::now() + seconds(60); Clock::now() < end;) {
      if (what()) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }
  std::size_t spooled() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& each : std::filesystem::directory_iterator(folder_ / "spool"))
      ++count;
    return count;
  }

  TemporaryFolder folder_;
  FakeSpeechModels fakes_;
  std::shared_ptr<FakeTranscriber::Control> control_ = fakes_.control;
  RecentErrors errors_;
  std::unique_ptr<ModelHost> models_;
  std::unique_ptr<WorkPool> pool_;
  std::unique_ptr<SpeechService> speech_;
  std::unique_ptr<SpeechJobs> jobs_;
  std::unique_ptr<Router> router_;
  std::unique_ptr<HttpServer> http_;
  std::unique_ptr<Services> services_;
  int port_ = 0;
};

}  // namespace anynpu::server

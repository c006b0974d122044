// SPDX-License-Identifier: Apache-2.0
// A served model for tests: answers by rule, or holds requests until it is told to go on.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "runtime/served_model.h"

namespace anynpu::server {

/// A classifier of "cat", "dog" and "bird" whose scores are the mean red, green and blue of a
/// picture of 4 x 4 pixels.
inline model::Package fake_package(const std::string& name = "fake") {
  model::Package package;
  package.name = name;
  package.title = "A classifier of colours";
  package.license = "Apache-2.0";
  package.task = model::Task::kClassify;
  package.folder = "/models/" + name;
  package.labels = {"cat", "dog", "bird"};
  package.versions = {model::Version{.number = 1}, model::Version{.number = 2}};
  return package;
}

class FakeServedModel : public runtime::ServedModel {
 public:
  /// What tests steer and see. Shared with the models that are made from it.
  struct Control {
    std::mutex mutex;
    std::condition_variable changed;
    bool hold = false;                    // requests wait until this is false
    bool prepares = false;                // what it says of itself
    std::optional<Error> fail;            // every request is answered with this
    std::optional<Error> refuse;          // every request is refused with this, on its own thread
    std::optional<std::string> fallback;  // what replies say
    std::size_t queue_limit = 1024;       // over it a request is refused
    std::size_t waiting = 0;              // requests that are held
    std::size_t cancelled = 0;            // requests whose caller went away
    bool drained = false;

    void set(const std::function<void()>& change) {
      {
        std::lock_guard lock(mutex);
        change();
      }
      changed.notify_all();
    }
    /// Waits, for a long time if need be, until `what` holds.
    bool wait_until(const std::function<bool()>& what) {
      std::unique_lock lock(mutex);
      return changed.wait_for(lock, std::chrono::seconds(60), what);
    }
  };

  FakeServedModel(model::Package package, int version, std::shared_ptr<Control> control)
      : package_(std::move(package)), version_(version), control_(std::move(control)) {
    engine::TensorInfo input{"picture", engine::DType::kUint8, {1, 4, 4, 3}};
    input.quantisation = {{1.0F / 127.5F}, {127}};
    engine::TensorInfo output{"scores", engine::DType::kFloat32, {1, 3}};
    session_.inputs = {input};
    session_.outputs = {output};
    report_.no_npu = "this machine has no NPU";
    runtime::Candidate serving;
    serving.placement.artifact.file = "model.tflite";
    serving.placement.engine = "tflite";
    serving.placement.device = "cpu";
    report_.ranked = {serving};
    lane_ = std::thread([this] { answer_requests(); });
  }

  ~FakeServedModel() override {
    drain(Clock::now());
    lane_.join();
  }

  /// From now on its only input is no picture.
  void take_text() { session_.inputs[0] = {"words", engine::DType::kInt32, {1, 16}}; }

  /// From now on it detects, whatever is on the picture: a dog (0.9), something without a label
  /// (0.8), a cat (0.5) and a bird (0.3), the weakest first.
  void detect() {
    session_.outputs = {{"boxes", engine::DType::kFloat32, {1, 4, 4}},
                        {"classes", engine::DType::kFloat32, {1, 4}},
                        {"scores", engine::DType::kFloat32, {1, 4}},
                        {"count", engine::DType::kFloat32, {1}}};
  }

  void submit(runtime::Request request, std::function<void(Result<runtime::Reply>)> done) override {
    std::optional<Error> refused;
    {
      std::lock_guard lock(control_->mutex);
      refused = ending_ ? Error{Code::kCancelled, "the model is ending"} : control_->refuse;
      if (!refused && queue_.size() >= control_->queue_limit)
        refused = Error{Code::kBusy, "the queue is full"};
      if (!refused) {
        queue_.emplace_back(std::move(request), std::move(done));
        ++control_->waiting;
      }
    }
    control_->changed.notify_all();
    if (refused) done(*refused);  // NOLINT(bugprone-use-after-move): moved only when not refused
  }

  Result<runtime::Reply> infer(runtime::Request) override {
    return Error{Code::kInternal, "tests use submit"};
  }

  const model::Package& package() const override { return package_; }
  int version() const override { return version_; }
  const engine::SessionInfo& session() const override { return session_; }
  const runtime::PlacementReport& placements() const override { return report_; }
  std::vector<runtime::InstanceStatus> instances() const override {
    return {{"cpu/fake", "ready"}};
  }
  runtime::Counters counters() const override { return {}; }
  std::size_t queue_limit() const override {
    std::lock_guard lock(control_->mutex);
    return control_->queue_limit;
  }
  bool prepares() const override {
    std::lock_guard lock(control_->mutex);
    return control_->prepares;
  }

  void drain(TimePoint) override {
    control_->set([this] {
      ending_ = true;
      control_->drained = true;
    });
  }

 private:
  void answer_requests() {
    std::unique_lock lock(control_->mutex);
    while (true) {
      control_->changed.wait_for(lock, std::chrono::milliseconds(5));
      auto gone = std::find_if(queue_.begin(), queue_.end(), [](const auto& each) {
        return each.first.cancelled && each.first.cancelled->load();
      });
      bool can_answer = !control_->hold || ending_;
      if (gone == queue_.end() && can_answer) gone = queue_.begin();
      if (gone == queue_.end()) {
        if (ending_) return;
        continue;
      }
      auto [request, done] = std::move(*gone);
      queue_.erase(gone);
      Result<runtime::Reply> reply = answer(request);
      --control_->waiting;
      control_->changed.notify_all();
      lock.unlock();
      done(std::move(reply));
      request = {};
      done = nullptr;
      lock.lock();
    }
  }

  Result<runtime::Reply> answer(const runtime::Request& request) {
    if (request.cancelled && request.cancelled->load()) {
      ++control_->cancelled;
      return Error{Code::kCancelled, "the caller has gone"};
    }
    if (ending_ && control_->hold) return Error{Code::kCancelled, "the model is ending"};
    if (control_->fail) return *control_->fail;
    std::vector<std::byte> picture(4 * 4 * 3);
    ANYNPU_CHECK(request.input->write(0, session_.inputs[0], picture));
    if (session_.outputs.size() == 4) return detections();
    float means[3] = {0, 0, 0};
    for (std::size_t i = 0; i < picture.size(); ++i)
      means[i % 3] += static_cast<float>(picture[i]) / 255 / 16;
    runtime::Reply reply;
    engine::Tensor scores{session_.outputs[0], std::vector<std::byte>(sizeof means)};
    std::memcpy(scores.bytes.data(), means, sizeof means);
    reply.outputs = {scores};
    reply.device = "cpu";
    reply.engine = "tflite+fake";
    reply.artifact = "model.tflite";
    reply.fallback = control_->fallback;
    reply.attempts = control_->fallback ? 2 : 1;
    reply.infer_ms = 1.5;
    return reply;
  }

  runtime::Reply detections() const {
    const std::vector<std::vector<float>> values = {
        {0, 0, 0.25F, 0.25F, 0.5F, 0.5F, 1, 1, 0, 0.5F, 0.5F, 1, 0.25F, 0.5F, 0.75F, 1},
        {2, 0, 7, 1},
        {0.3F, 0.5F, 0.8F, 0.9F},
        {4}};
    runtime::Reply reply;
    for (std::size_t i = 0; i < values.size(); ++i) {
      engine::Tensor tensor{session_.outputs[i],
                            std::vector<std::byte>(values[i].size() * sizeof(float))};
      std::memcpy(tensor.bytes.data(), values[i].data(), tensor.bytes.size());
      reply.outputs.push_back(std::move(tensor));
    }
    reply.device = "cpu";
    reply.engine = "tflite+fake";
    reply.artifact = "model.tflite";
    reply.infer_ms = 1.5;
    return reply;
  }

  model::Package package_;
  int version_;
  std::shared_ptr<Control> control_;
  engine::SessionInfo session_;
  runtime::PlacementReport report_;
  std::deque<std::pair<runtime::Request, std::function<void(Result<runtime::Reply>)>>> queue_;
  bool ending_ = false;
  std::thread lane_;
};

}  // namespace anynpu::server

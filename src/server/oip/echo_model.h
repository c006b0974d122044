// SPDX-License-Identifier: Apache-2.0
// A served model for tests whose outputs are its inputs, or what a rule makes of them.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "runtime/served_model.h"

namespace anynpu::server::oip {

class EchoModel : public runtime::ServedModel {
 public:
  /// What tests steer and see.
  struct Control {
    std::mutex mutex;
    /// The session of the placement that answers; empty: the declared one.
    std::vector<engine::TensorInfo> other_inputs, other_outputs;
    std::function<void(std::vector<engine::Tensor>&)> rule;  // changes the outputs
    std::function<Result<>(std::size_t request)> refuse;     // by the number of the request
    std::size_t requests = 0;
    Duration deadline_in = {};  // of the last request, from now
  };

  EchoModel(model::Package package, int version, engine::SessionInfo session,
            std::shared_ptr<Control> control, int max_batch = 1,
            const std::string& file = "model.tflite")
      : package_(std::move(package)),
        version_(version),
        session_(std::move(session)),
        control_(std::move(control)) {
    runtime::Candidate serving;
    serving.placement.artifact.file = file;
    serving.placement.artifact.max_batch = max_batch;
    serving.placement.device = "cpu";
    report_.ranked = {serving};
  }

  void submit(runtime::Request request, std::function<void(Result<runtime::Reply>)> done) override {
    done(infer(std::move(request)));
  }

  Result<runtime::Reply> infer(runtime::Request request) override {
    const std::lock_guard lock(control_->mutex);
    control_->deadline_in = request.deadline - Clock::now();
    if (control_->refuse) ANYNPU_CHECK(control_->refuse(control_->requests));
    ++control_->requests;
    const bool other = !control_->other_inputs.empty();
    const auto& inputs = other ? control_->other_inputs : session_.inputs;
    const auto& outputs = other ? control_->other_outputs : session_.outputs;
    runtime::Reply reply;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      ANYNPU_TRY(shape, request.input->shape(i, inputs[i]));
      engine::Tensor tensor{outputs.at(i), {}};
      tensor.info.shape = shape;
      tensor.bytes.resize(inputs[i].type == engine::DType::kString ? request.input->string_bytes(i)
                                                                   : tensor.info.byte_size());
      ANYNPU_CHECK(request.input->write(i, inputs[i], tensor.bytes));
      reply.outputs.push_back(std::move(tensor));
    }
    if (control_->rule) control_->rule(reply.outputs);
    reply.device = "cpu";
    reply.engine = "echo";
    reply.artifact = report_.ranked.front().placement.artifact.file;
    if (other) reply.fallback = "the first placement is not up";
    reply.queue_ms = 1;
    reply.infer_ms = 2;
    return reply;
  }

  const model::Package& package() const override { return package_; }
  int version() const override { return version_; }
  const engine::SessionInfo& session() const override { return session_; }
  const runtime::PlacementReport& placements() const override { return report_; }
  std::vector<runtime::InstanceStatus> instances() const override { return {}; }
  runtime::Counters counters() const override { return {}; }
  std::size_t queue_limit() const override { return 1024; }
  bool prepares() const override { return false; }
  void drain(TimePoint) override {}

 private:
  model::Package package_;
  int version_;
  engine::SessionInfo session_;
  std::shared_ptr<Control> control_;
  runtime::PlacementReport report_;
};

/// Inputs x0, x1, ... and outputs y0, y1, ... of the same types and shapes.
inline engine::SessionInfo echo_session(
    const std::vector<std::pair<engine::DType, engine::Shape>>& tensors) {
  engine::SessionInfo session;
  for (const auto& [type, shape] : tensors) {
    const std::string number = std::to_string(session.inputs.size());
    session.inputs.push_back({"x" + number, type, shape});
    session.outputs.push_back({"y" + number, type, shape});
  }
  return session;
}

}  // namespace anynpu::server::oip

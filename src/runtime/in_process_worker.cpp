// SPDX-License-Identifier: Apache-2.0
// A worker without a process: the session runs in this one. For measuring what isolation costs, and
// for programs that want no children.
#include "engine/engines.h"
#include "runtime/worker.h"

namespace anynpu::runtime {
namespace {

class InProcessWorker : public Worker {
 public:
  explicit InProcessWorker(std::unique_ptr<engine::Session> session)
      : session_(std::move(session)) {}

  const engine::SessionInfo& session() const override { return session_->info(); }

  Result<std::vector<std::span<std::byte>>> prepare(const std::vector<InputSize>& inputs) override {
    shapes_.clear();
    buffers_.resize(inputs.size());
    std::vector<std::span<std::byte>> spans;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      shapes_.push_back(inputs[i].shape);
      buffers_[i].resize(inputs[i].bytes);
      spans.emplace_back(buffers_[i]);
    }
    return spans;
  }

  Result<RunOutput> run(TimePoint) override {
    TimePoint start = Clock::now();
    ANYNPU_CHECK(session_->set_input_shapes(shapes_));
    for (std::size_t i = 0; i < buffers_.size(); ++i)
      ANYNPU_CHECK(session_->set_input(i, buffers_[i]));
    ANYNPU_CHECK(session_->run());
    RunOutput output;
    output.infer_ms = ms_since(start);
    output.remarks = session_->remarks();
    for (std::size_t i = 0; i < session_->info().outputs.size(); ++i) {
      ANYNPU_TRY(view, session_->output(i));
      output.outputs.push_back(std::move(view));
    }
    return output;
  }

  bool end(bool) override { return true; }
  std::string obituary(Duration) override { return "failed in this process"; }

 private:
  std::unique_ptr<engine::Session> session_;
  std::vector<engine::Shape> shapes_;
  std::vector<std::vector<std::byte>> buffers_;
};

}  // namespace

Result<std::unique_ptr<Worker>> start_worker_in_process(const Placement& placement) {
  ANYNPU_TRY(engine, engine::open_engine(placement.engine));
  engine::LoadOptions options{placement.threads, placement.variant};
  options.decoder = placement.artifact.decoder;
  ANYNPU_TRY(session, engine->load(placement.artifact.path, options));
  return std::unique_ptr<Worker>(std::make_unique<InProcessWorker>(std::move(session)));
}

}  // namespace anynpu::runtime

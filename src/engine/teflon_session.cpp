// SPDX-License-Identifier: Apache-2.0
// A session of TFLite and Teflon.
//
// TfLiteInterpreterInvoke returns success whatever the device did. What the driver answered is seen
// by the ioctl watch: a refused request fails the run, and a wait as long as the kernel's limit for
// a job (500 ms, after which it reports success and leaves stale output) makes it suspect.
#include "engine/teflon_session.h"

#include <cstring>
#include <fstream>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/text.h"
#include "engine/ioctl_watch.h"
#include "engine/session_inputs.h"
#include "engine/teflon_device.h"
#include "engine/teflon_guard.h"
#include "engine/tflite_graph.h"
#include "engine/tflite_tensors.h"

namespace anynpu::engine::teflon {
namespace {

constexpr double kSuspectWaitMs = 450;
// Mappings of the device's buffers; the kernel allows a process 65,530 of all kinds.
constexpr int kMostMappings = 20'000;
constexpr std::uint64_t kRunsBetweenCounts = 64;

int device_mappings() {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);)
    if (line.find("/dev/accel/") != std::string::npos) ++count;
  return count;
}

Error refused(const IoctlRecord& record, const std::string& when) {
  return Error{Code::kDevice,
               fmt::format("the driver refused {} {}: {}", request_name(record.last_failed), when,
                           std::strerror(record.last_errno)),
               record.last_errno};
}

/// Teflon's delegate with its owner.
class Delegate {
 public:
  Delegate(const Library& library, tflite::WholeDelegate* delegate)
      : library_(library), delegate_(delegate) {}
  ~Delegate() {
    if (delegate_ != nullptr) library_.destroy(delegate_);
  }
  Delegate(const Delegate&) = delete;
  Delegate& operator=(const Delegate&) = delete;
  tflite::WholeDelegate* get() const { return delegate_; }

 private:
  const Library library_;
  tflite::WholeDelegate* delegate_;
};

class TeflonSession : public Session {
 public:
  TeflonSession(const tflite::Api& api, const Library& library, const MesaVersion& mesa,
                tflite::WholeDelegate* delegate)
      : api_(api), mesa_(mesa), delegate_(library, delegate), guard_(delegate, mesa) {}

  Result<> load(const std::filesystem::path& artifact) {
    ANYNPU_TRY(model, tflite::LoadedModel::open(api_, artifact));
    ANYNPU_TRY(graph, tflite::Graph::create(api_, model, {1, false}));
    graph_ = std::move(graph);
    if (api_.modify_graph(graph_->interpreter(), guard_.delegate()) != tflite::kOk)
      return Error{Code::kUnsupported, "Teflon cannot take the graph over"};
    const Coverage& coverage = guard_.coverage();
    if (coverage.taken == 0) return Error{Code::kUnsupported, coverage.text()};
    ANYNPU_CHECK(graph_->allocate({}));
    const IoctlRecord record = take_ioctl_record();
    if (record.failures > 0) return refused(record, "while loading");
    sees_driver_ = record.calls > 0;
    ANYNPU_TRY(info, tflite::describe(api_, *graph_));
    info_ = std::move(info);
    for (const TensorInfo& input : info_.inputs) {
      if (is_dynamic(input.shape)) return Error{Code::kUnsupported, "its input has no fixed shape"};
      shapes_.push_back(input.shape);
    }
    info_.operators = coverage.operators;
    info_.npu_operators = coverage.taken;
    info_.partitions = coverage.partitions;
    info_.note = fmt::format("Teflon of Mesa {}: {}", mesa_.text(), coverage.text());
    if (leaks_mappings(mesa_))
      info_.note += "; this Mesa leaks mappings: its process is replaced from time to time";
    if (!sees_driver_) info_.note += "; what the driver answers cannot be seen";
    return {};
  }

  const SessionInfo& info() const override { return info_; }

  Result<> set_input_shapes(const std::vector<Shape>& shapes) override {
    if (shapes == shapes_) return {};
    ANYNPU_CHECK(check_input_shapes(info_, shapes, 1));
    return Error{Code::kInvalid, "its input has a fixed shape"};
  }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    ANYNPU_CHECK(
        check_input(info_, index, index < shapes_.size() ? shapes_[index] : Shape{}, bytes));
    tflite::Tensor* tensor = api_.input(graph_->interpreter(), static_cast<std::int32_t>(index));
    void* data = api_.tensor_data(tensor);
    if (data == nullptr || api_.tensor_bytes(tensor) != bytes.size())
      return Error{Code::kInternal,
                   "input '" + info_.inputs[index].name + "' has no memory of its size"};
    if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
    return {};
  }

  Result<> run() override {
    remarks_ = {};
    take_ioctl_record();
    const TimePoint start = Clock::now();
    ANYNPU_CHECK(graph_->invoke(false));
    const double ms = ms_since(start);
    const IoctlRecord record = take_ioctl_record();
    if (record.failures > 0) return refused(record, "and Teflon went on with stale data");
    const double waited = sees_driver_ ? record.longest_wait_ms : ms;
    if (waited >= kSuspectWaitMs)
      remarks_.suspect = fmt::format(
          "it waited {:.0f} ms for the NPU, whose kernel gives a job up after 500 ms", waited);
    if (++runs_ % kRunsBetweenCounts == 0) worn_ = device_mappings() > kMostMappings;
    remarks_.worn = worn_;
    return {};
  }

  Result<OutputView> output(std::size_t index) override {
    if (index >= info_.outputs.size()) return no_such_output(info_, index);
    const tflite::Tensor* tensor =
        api_.output(graph_->interpreter(), static_cast<std::int32_t>(index));
    const auto* data = static_cast<const std::byte*>(api_.tensor_data(tensor));
    return OutputView{tflite::shape_now(api_, tensor),
                      {data, data != nullptr ? api_.tensor_bytes(tensor) : 0}};
  }

  Remarks remarks() const override { return remarks_; }

 private:
  const tflite::Api& api_;
  MesaVersion mesa_;
  Delegate delegate_;
  Guard guard_;
  std::unique_ptr<tflite::Graph> graph_;  // goes first
  SessionInfo info_;
  std::vector<Shape> shapes_;
  Remarks remarks_;
  bool sees_driver_ = false;
  bool worn_ = false;
  std::uint64_t runs_ = 0;
};

}  // namespace

Result<std::unique_ptr<Session>> load_session(const tflite::Api& api, const Library& library,
                                              const MesaVersion& mesa,
                                              const std::filesystem::path& artifact) {
  watch_ioctls(kFirstRocketRequest, kLastRocketRequest, kRocketPrepBo);
  take_ioctl_record();
  tflite::WholeDelegate* delegate = library.create(nullptr, nullptr, 0, nullptr);
  if (delegate == nullptr)
    return Error{Code::kDevice, "Teflon found no device that it can drive"}.with_hint(
        "the node is in order: this build of Mesa may lack the rocket driver");
  auto session = std::make_unique<TeflonSession>(api, library, mesa, delegate);
  auto loaded = session->load(artifact);
  if (!loaded) return std::move(loaded).error().within(artifact.filename().string());
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace anynpu::engine::teflon

// SPDX-License-Identifier: Apache-2.0
// A TFLite session.
//
// A graph that XNNPACK took over has fixed shapes, so another batch size needs another graph.
// Making one costs tens of milliseconds and a copy of the packed weights; a scheduler goes to and
// fro between a few sizes. The last few graphs are kept.
#include "engine/tflite_session.h"

#include <algorithm>
#include <cstring>

#include "engine/session_inputs.h"
#include "engine/tflite_graph.h"
#include "engine/tflite_tensors.h"

namespace anynpu::engine::tflite {
namespace {

constexpr std::size_t kMostGraphs = 4;

class TfliteSession : public Session {
 public:
  TfliteSession(const Api& api, std::shared_ptr<const LoadedModel> model,
                const GraphOptions& options, bool keep_state, SessionInfo info)
      : api_(api),
        model_(std::move(model)),
        options_(options),
        keep_state_(keep_state),
        info_(std::move(info)) {}

  const SessionInfo& info() const override { return info_; }

  Result<> set_input_shapes(const std::vector<Shape>& shapes) override {
    if (!graphs_.empty() && shapes == graphs_.front()->shapes()) return {};
    ANYNPU_CHECK(check_input_shapes(info_, shapes, 1));
    return choose_graph(shapes);
  }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    if (graphs_.empty()) return shapes_missing(info_);
    const Shape shape = index < info_.inputs.size() ? graphs_.front()->shapes()[index] : Shape{};
    ANYNPU_CHECK(check_input(info_, index, shape, bytes));
    Tensor* tensor = api_.input(graphs_.front()->interpreter(), static_cast<std::int32_t>(index));
    if (info_.inputs[index].type == DType::kString) {
      auto set = set_strings(api_, tensor, bytes, static_cast<std::size_t>(element_count(shape)));
      if (!set) return std::move(set).error().within("input '" + info_.inputs[index].name + "'");
      return {};
    }
    void* data = api_.tensor_data(tensor);
    if (data == nullptr || api_.tensor_bytes(tensor) != bytes.size())
      return Error{Code::kInternal,
                   "input '" + info_.inputs[index].name + "' has no memory of its size"};
    if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
    return {};
  }

  Result<> run() override {
    if (graphs_.empty()) return shapes_missing(info_);
    return graphs_.front()->invoke(keep_state_);
  }

  Result<OutputView> output(std::size_t index) override {
    if (index >= info_.outputs.size()) return no_such_output(info_, index);
    if (graphs_.empty()) return shapes_missing(info_);
    const Tensor* tensor =
        api_.output(graphs_.front()->interpreter(), static_cast<std::int32_t>(index));
    OutputView view{shape_now(api_, tensor), {}};
    if (info_.outputs[index].type == DType::kString) {
      strings_.resize(info_.outputs.size());
      ANYNPU_TRY(bytes, get_strings(api_, tensor));
      strings_[index] = std::move(bytes);
      view.bytes = strings_[index];
      return view;
    }
    const auto* data = static_cast<const std::byte*>(api_.tensor_data(tensor));
    view.bytes = {data, data != nullptr ? api_.tensor_bytes(tensor) : 0};
    return view;
  }

  /// Makes the graph with these shapes the first one.
  Result<> choose_graph(const std::vector<Shape>& shapes) {
    auto known = std::find_if(graphs_.begin(), graphs_.end(),
                              [&](const auto& g) { return g->shapes() == shapes; });
    if (known != graphs_.end()) {
      std::rotate(graphs_.begin(), known, known + 1);
      return {};
    }
    if (!options_.xnnpack && !graphs_.empty()) {  // the plain interpreter can be resized in place
      auto resized = graphs_.front()->allocate(shapes);
      if (!resized) graphs_.clear();
      return resized;
    }
    ANYNPU_TRY(graph, Graph::create(api_, model_, options_));
    ANYNPU_CHECK(graph->allocate(shapes));
    if (graphs_.size() == kMostGraphs) graphs_.pop_back();
    graphs_.insert(graphs_.begin(), std::move(graph));
    info_.note = graphs_.front()->note();
    return {};
  }

  void set_note(std::string note) { info_.note = std::move(note); }

 private:
  const Api& api_;
  std::shared_ptr<const LoadedModel> model_;
  GraphOptions options_;
  bool keep_state_;
  SessionInfo info_;
  std::vector<std::unique_ptr<Graph>> graphs_;   // the one in use first
  std::vector<std::vector<std::byte>> strings_;  // outputs of strings
};

/// Loads the artifact in one way.
Result<std::unique_ptr<TfliteSession>> load_one_way(const Api& api,
                                                    const std::shared_ptr<const LoadedModel>& model,
                                                    const GraphOptions& options, bool keep_state,
                                                    const SessionInfo& info) {
  auto session = std::make_unique<TfliteSession>(api, model, options, keep_state, info);
  std::vector<Shape> shapes;
  bool chosen = true;
  for (const TensorInfo& input : info.inputs) {
    shapes.push_back(input.shape);
    chosen = chosen && !is_dynamic(input.shape);
  }
  if (chosen) {
    ANYNPU_CHECK(session->choose_graph(shapes));
  } else {  // what the note would say is found out with the smallest shapes
    for (Shape& shape : shapes)
      for (std::int64_t& dimension : shape) dimension = std::max<std::int64_t>(dimension, 1);
    ANYNPU_TRY(graph, Graph::create(api, model, options));
    if (options.xnnpack) ANYNPU_CHECK(graph->allocate(shapes));
    session->set_note(graph->note());
  }
  return session;
}

}  // namespace

Result<std::unique_ptr<Session>> load_session(const Api& api, const std::filesystem::path& artifact,
                                              const LoadOptions& options) {
  ANYNPU_CHECK(check_threads(options.threads));
  ANYNPU_TRY(model, LoadedModel::open(api, artifact));
  auto loaded = [&]() -> Result<std::unique_ptr<TfliteSession>> {
    ANYNPU_TRY(probe, Graph::create(api, model, {options.threads, false}));
    ANYNPU_CHECK(probe->allocate({}));
    ANYNPU_TRY(info, describe(api, *probe));
    info.batchable = try_batch(api, *probe, info);
    probe.reset();
    const bool xnnpack =
        options.variant == "xnnpack" || (options.variant.empty() && api.has_xnnpack());
    auto session = load_one_way(api, model, {options.threads, xnnpack}, options.keep_state, info);
    if (session || !xnnpack || !options.variant.empty()) return session;
    const std::string refusal = session.error().message;
    session = load_one_way(api, model, {options.threads, false}, options.keep_state, info);
    if (session) (*session)->set_note("plain interpreter (" + refusal + ")");
    return session;
  }();
  if (!loaded) return std::move(loaded).error().within(artifact.filename().string());
  return std::unique_ptr<Session>(std::move(*loaded));
}

}  // namespace anynpu::engine::tflite

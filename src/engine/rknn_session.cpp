// SPDX-License-Identifier: Apache-2.0
// A session of librknnrt: one context, one way for its tensors, and for models with several shapes
// the choice among them.
#include "engine/rknn_session.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/rknn_context.h"
#include "engine/rknn_tensors.h"
#include "engine/session_inputs.h"

namespace anynpu::engine::rknn {
namespace {

/// Per choice, the shape of every input.
using Choices = std::vector<std::vector<Shape>>;

Result<Choices> choices_of(const LoadedContext& context) {
  Choices choices;
  if (!context.model().dynamic) return choices;
  InOutNum number{};
  if (!context.ask(kQueryInOutNum, number))
    return Error{Code::kDevice, "librknnrt does not say how many inputs there are"};
  auto range = std::make_unique<InputRange>();  // 33 kB
  for (std::uint32_t i = 0; i < number.inputs; ++i) {
    std::memset(range.get(), 0, sizeof(InputRange));
    range->index = i;
    ANYNPU_CHECK(context.call("ask for the shapes of", [&] {
      return context.runtime().api.query(context.handle(), kQueryInputDynamicRange, range.get(),
                                         sizeof(InputRange));
    }));
    const std::size_t count = std::min<std::size_t>(range->shapes, kMostDynamicShapes);
    const std::size_t rank = std::min<std::size_t>(range->n_dims, kMostDims);
    if (i == 0) choices.resize(count);
    if (count == 0 || count != choices.size())
      return Error{Code::kUnsupported, "its inputs have different numbers of shapes"};
    for (std::size_t c = 0; c < count; ++c)
      choices[c].emplace_back(range->dims[c], range->dims[c] + rank);
  }
  return choices;
}

class RknnSession : public Session {
 public:
  RknnSession(std::unique_ptr<LoadedContext> context, Choices choices)
      : context_(std::move(context)), choices_(std::move(choices)) {}

  Result<> prepare(bool native) {
    if (!choices_.empty()) {
      if (native)
        return Error{Code::kUnsupported, "a model with several shapes runs converted only"};
      ANYNPU_CHECK(choose(0));
    }
    ANYNPU_CHECK(make_path(native));
    describe();
    ANYNPU_CHECK(run());
    fresh_ = false;
    info_.note = fmt::format("{} tensors, {}", native ? "native" : "converted", context_->note());
    return {};
  }

  const SessionInfo& info() const override { return info_; }

  Result<> set_input_shapes(const std::vector<Shape>& shapes) override {
    ANYNPU_CHECK(check_input_shapes(info_, shapes, 1));
    if (choices_.empty() || shapes == choices_[chosen_]) return {};
    const auto found = std::find(choices_.begin(), choices_.end(), shapes);
    if (found == choices_.end()) return not_among(shapes);
    fresh_ = false;
    ANYNPU_CHECK(choose(static_cast<std::size_t>(found - choices_.begin())));
    return make_path(false);
  }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    const Shape shape = index < path_->inputs().size() ? path_->inputs()[index].shape : Shape{};
    ANYNPU_CHECK(check_input(info_, index, shape, bytes));
    return path_->set_input(index, bytes);
  }

  Result<> run() override {
    fresh_ = false;
    ANYNPU_CHECK(path_->run());
    fresh_ = true;
    return {};
  }

  Result<OutputView> output(std::size_t index) override {
    if (index >= info_.outputs.size()) return no_such_output(info_, index);
    if (!fresh_) return Error{Code::kInvalid, "there is no output: the last run did not succeed"};
    return OutputView{path_->outputs()[index].shape, path_->output(index)};
  }

 private:
  Result<> choose(std::size_t choice) {
    const Api& api = context_->runtime().api;
    if (api.set_input_shapes == nullptr && api.set_input_shape == nullptr)
      return Error{Code::kUnsupported,
                   fmt::format("librknnrt {} cannot run models with several shapes",
                               context_->runtime().version)}
          .with_hint("install librknnrt.so 1.5 or newer");
    const auto count = static_cast<std::uint32_t>(choices_[choice].size());
    ANYNPU_TRY(attrs, context_->attributes(kQueryInputAttr, count));
    for (std::uint32_t i = 0; i < count; ++i) {
      attrs[i].n_dims = static_cast<std::uint32_t>(choices_[choice][i].size());
      std::transform(choices_[choice][i].begin(), choices_[choice][i].end(), attrs[i].dims,
                     [](std::int64_t d) { return static_cast<std::uint32_t>(d); });
    }
    ANYNPU_CHECK(context_->call("choose the shapes of", [&] {
      if (api.set_input_shapes != nullptr)
        return api.set_input_shapes(context_->handle(), count, attrs.data());
      int code = kSuccess;
      for (TensorAttr& attr : attrs)
        if (code == kSuccess) code = api.set_input_shape(context_->handle(), &attr);
      return code;
    }));
    chosen_ = choice;
    return {};
  }

  Result<> make_path(bool native) {
    path_.reset();  // its buffers first
    auto path = native ? native_path(*context_) : converted_path(*context_, !choices_.empty());
    if (!path) return std::move(path).error();
    path_ = std::move(*path);
    return {};
  }

  /// A dimension that differs between the choices is for the request to choose.
  void describe() {
    info_.inputs = path_->inputs();
    info_.outputs = path_->outputs();
    for (const std::vector<Shape>& choice : choices_)
      for (std::size_t i = 0; i < choice.size(); ++i)
        for (std::size_t d = 0; d < choice[i].size(); ++d)
          if (choice[i][d] != choices_[0][i][d]) info_.inputs[i].shape[d] = -1;
    if (choices_.empty()) return;
    // Nothing tells which dimensions of an output depend on the choice.
    for (TensorInfo& output : info_.outputs)
      std::fill(output.shape.begin(), output.shape.end(), -1);
  }

  Error not_among(const std::vector<Shape>& shapes) const {
    auto shown = [](const std::vector<Shape>& choice) {
      std::vector<std::string> words;
      for (const Shape& shape : choice) words.push_back(to_string(shape));
      return join(words, " and ");
    };
    std::vector<std::string> possible;
    for (const std::vector<Shape>& choice : choices_) possible.push_back(shown(choice));
    return Error{Code::kInvalid, "the model was not made for the shape " + shown(shapes)}.with_hint(
        "its shapes: " + join(possible, ", "));
  }

  std::unique_ptr<LoadedContext> context_;
  Choices choices_;
  std::size_t chosen_ = 0;
  std::unique_ptr<TensorPath> path_;  // after context_: its buffers end first
  SessionInfo info_;
  bool fresh_ = false;
};

Result<std::unique_ptr<RknnSession>> load_context(const Runtime& runtime,
                                                  const std::filesystem::path& artifact,
                                                  const LoadOptions& options) {
  ANYNPU_TRY(context, LoadedContext::load(runtime, artifact, options));
  auto choices = choices_of(*context);
  if (!choices) return std::move(choices).error().within(artifact.filename().string());
  return std::make_unique<RknnSession>(std::move(context), std::move(*choices));
}

}  // namespace

Result<std::unique_ptr<Session>> load_session(const Runtime& runtime,
                                              const std::filesystem::path& artifact,
                                              const LoadOptions& options) {
  const std::string& variant = options.variant;
  if (!variant.empty() && variant != "native" && variant != "converted")
    return Error{Code::kUnsupported, "librknnrt has no variant '" + printable(variant) + "' here"}
        .with_hint("its variants: native, converted");
  ANYNPU_TRY(session, load_context(runtime, artifact, options));
  auto ready = session->prepare(variant != "converted");
  if (!ready && variant.empty() && ready.error().code == Code::kUnsupported) {
    session.reset();  // a context of its own: buffers may be bound to the first
    ANYNPU_TRY(again, load_context(runtime, artifact, options));
    session = std::move(again);
    ready = session->prepare(false);
  }
  if (!ready) return std::move(ready).error().within(artifact.filename().string());
  return std::unique_ptr<Session>(std::move(session));
}

}  // namespace anynpu::engine::rknn

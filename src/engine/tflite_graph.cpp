// SPDX-License-Identifier: Apache-2.0
// Models and graphs of TFLite, and its complaints as errors.
#include "engine/tflite_graph.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <limits>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::engine::tflite {
namespace {

constexpr std::size_t kMostModelBytes = (std::size_t{1} << 31) - 1;  // a FlatBuffer's own limit
constexpr std::size_t kMostComplaint = 1000;

/// What the user can do about an operator that this TFLite does not have.
std::string operator_hint(const std::string& said, const std::string& version) {
  if (said.find("Regular TensorFlow ops") != std::string::npos ||
      said.find("Flex") != std::string::npos)
    return "convert the model again without the Select TensorFlow operators";
  if (said.find("edgetpu-custom-op") != std::string::npos)
    return "this file was compiled for an Edge TPU: use the .tflite from before that step";
  if (said.find("op") != std::string::npos && said.find("version") != std::string::npos)
    return fmt::format(
        "the model may be newer than TFLite {}: put a newer library in $ANYNPU_TFLITE", version);
  return "";
}

}  // namespace

void Complaints::report(void* user_data, const char* format, std::va_list arguments) {
  auto& text = static_cast<Complaints*>(user_data)->text_;
  std::array<char, kMostComplaint> line{};
  if (format == nullptr || std::vsnprintf(line.data(), line.size(), format, arguments) < 0) return;
  const std::string said(trim(line.data()));
  if (said.empty() || text.size() + said.size() + 2 > kMostComplaint) return;
  text += (text.empty() ? "" : "; ") + printable(said, kMostComplaint);
}

std::string Complaints::after(const std::string& what) const {
  return text_.empty() ? what : what + ": " + text_;
}

Result<std::shared_ptr<const LoadedModel>> LoadedModel::open(const Api& api,
                                                             const std::filesystem::path& path) {
  ANYNPU_TRY(mapping, FileMapping::open(path, kMostModelBytes));
  const auto bytes = mapping.bytes();
  // TFLite verifies the structure itself; this is for the words, as 2.9 writes its own to stderr
  // only.
  if (bytes.size() < 8 || std::memcmp(bytes.data() + 4, "TFL3", 4) != 0)
    return Error{Code::kInvalid, path.string() + ": is not a .tflite file"}.with_hint(
        "the file may be cut off or be something else: fetch it again");
  Complaints complaints;
  Model* model =
      api.model_create_reporting != nullptr
          ? api.model_create_reporting(bytes.data(), bytes.size(), &Complaints::report, &complaints)
          : api.model_create(bytes.data(), bytes.size());
  if (model == nullptr)
    return Error{Code::kInvalid, complaints.after(path.string() + ": is a broken .tflite file")}
        .with_hint("the file may be cut off or damaged: fetch it again");
  return std::shared_ptr<const LoadedModel>(new LoadedModel(api, std::move(mapping), model));
}

LoadedModel::~LoadedModel() {
  api_.model_delete(model_);
}

Result<std::unique_ptr<Graph>> Graph::create(const Api& api,
                                             std::shared_ptr<const LoadedModel> model,
                                             const GraphOptions& options) {
  std::unique_ptr<Graph> graph(new Graph(api, std::move(model), options));
  InterpreterOptions* settings = api.options_create();
  if (settings == nullptr) return Error{Code::kDevice, "TFLite has no memory for an interpreter"};
  api.options_set_num_threads(settings, options.threads);
  api.options_set_error_reporter(settings, &Complaints::report, &graph->complaints_);
  graph->interpreter_ = api.interpreter_create(graph->model_->get(), settings);
  api.options_delete(settings);
  if (graph->interpreter_ == nullptr) {
    const std::string& said = graph->complaints_.text();
    return Error{Code::kUnsupported,
                 graph->complaints_.after(fmt::format("TFLite {} cannot run it", api.version))}
        .with_hint(operator_hint(said, api.version));
  }
  return graph;
}

Graph::~Graph() {
  if (interpreter_ != nullptr) api_.interpreter_delete(interpreter_);
}

Result<> Graph::allocate(const std::vector<Shape>& shapes) {
  complaints_.clear();
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    std::vector<int> dims;
    for (const std::int64_t dimension : shapes[i]) {
      if (dimension < 0 || dimension > std::numeric_limits<int>::max())
        return Error{Code::kTooLarge,
                     fmt::format("TFLite cannot hold the shape {}", to_string(shapes[i]))};
      dims.push_back(static_cast<int>(dimension));
    }
    if (api_.resize_input(interpreter_, static_cast<std::int32_t>(i), dims.data(),
                          static_cast<std::int32_t>(dims.size())) != kOk)
      return Error{Code::kUnsupported,
                   complaints_.after("TFLite cannot resize it to " + to_string(shapes[i]))};
  }
  if (options_.xnnpack && !delegate_) {
    ANYNPU_TRY(delegate, XnnpackDelegate::create(api_, options_.threads));
    delegate_ = std::move(delegate);
    if (delegate_->take_over(interpreter_) != kOk)
      return Error{Code::kUnsupported, complaints_.after("XNNPACK cannot run it")};
    // The same as the plain interpreter, so it is not offered as another way to run it.
    if (delegate_->coverage().taken == 0)
      return Error{Code::kUnsupported, fmt::format("XNNPACK runs none of its {} operators",
                                                   delegate_->coverage().operators)};
  }
  if (api_.allocate_tensors(interpreter_) != kOk)
    return Error{Code::kUnsupported, complaints_.after("TFLite cannot prepare it")}.with_hint(
        operator_hint(complaints_.text(), api_.version));
  shapes_ = shapes;
  return {};
}

Result<> Graph::invoke(bool keep_state) {
  complaints_.clear();
  if (!keep_state && api_.reset_variables(interpreter_) != kOk)
    return Error{Code::kDevice, complaints_.after("TFLite cannot reset the variables")};
  if (api_.invoke(interpreter_) != kOk)
    return Error{Code::kDevice, complaints_.after("TFLite failed")};
  return {};
}

}  // namespace anynpu::engine::tflite

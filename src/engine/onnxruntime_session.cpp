// SPDX-License-Identifier: Apache-2.0
// A session of ONNX Runtime.
//
// Inputs are copied once, into buffers that the runtime reads in place; outputs are the runtime's
// own memory, lent until the next run.
#include "engine/onnxruntime_session.h"

#include <cstring>

#include <fmt/format.h>

#include "engine/onnxruntime_describe.h"
#include "engine/session_inputs.h"
#include "engine/strings.h"

namespace anynpu::engine::ort {
namespace {

class OrtSession : public engine::Session {
 public:
  OrtSession(const Api& api, Owned<SessionHandle> session, Owned<MemoryInfo> memory,
             Description description)
      : api_(api),
        session_(std::move(session)),
        memory_(std::move(memory)),
        description_(std::move(description)) {
    for (const std::string& name : description_.input_names) input_names_.push_back(name.c_str());
    for (const std::string& name : description_.output_names) output_names_.push_back(name.c_str());
  }

  const SessionInfo& info() const override { return description_.info; }

  Result<> set_input_shapes(const std::vector<Shape>& shapes) override {
    if (!inputs_.empty() && shapes == shapes_) return {};
    // A dimension of 0 is allowed: the cache of a decoder is empty at the first step.
    ANYNPU_CHECK(check_input_shapes(info(), shapes, 0));
    inputs_.clear();
    buffers_.resize(shapes.size());
    std::vector<Owned<Value>> inputs;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      ANYNPU_TRY(value, make_input(i, shapes[i]));
      inputs.push_back(std::move(value));
    }
    inputs_ = std::move(inputs);
    shapes_ = shapes;
    return {};
  }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    if (inputs_.size() != info().inputs.size()) return shapes_missing(info());
    const Shape shape = index < shapes_.size() ? shapes_[index] : Shape{};
    ANYNPU_CHECK(check_input(info(), index, shape, bytes));
    if (info().inputs[index].type == DType::kString) return set_strings(index, bytes);
    if (!bytes.empty()) std::memcpy(buffers_[index].data(), bytes.data(), bytes.size());
    return {};
  }

  Result<> run() override {
    if (inputs_.size() != info().inputs.size()) return shapes_missing(info());
    std::vector<const Value*> inputs;
    inputs.reserve(inputs_.size());
    for (const Owned<Value>& input : inputs_) inputs.push_back(input.get());
    outputs_.clear();
    std::vector<Value*> outputs(output_names_.size(), nullptr);
    Status* status =
        api_.run(session_.get(), nullptr, input_names_.data(), inputs.data(), inputs.size(),
                 output_names_.data(), output_names_.size(), outputs.data());
    for (Value* output : outputs) outputs_.emplace_back(output, api_.release_value);
    auto done = check(api_, status, "ONNX Runtime failed");
    if (!done) outputs_.clear();
    return done;
  }

  Result<OutputView> output(std::size_t index) override {
    if (index >= info().outputs.size()) return no_such_output(info(), index);
    if (index >= outputs_.size() || outputs_[index] == nullptr)
      return Error{Code::kInvalid, fmt::format("output '{}' has no value: nothing has run",
                                               info().outputs[index].name)};
    Value* value = outputs_[index].get();
    const std::string what = "output '" + info().outputs[index].name + "'";
    TensorInfo* raw = nullptr;
    ANYNPU_CHECK(check(api_, api_.get_tensor_type_and_shape(value, &raw), what));
    const Owned<TensorInfo> tensor(raw, api_.release_tensor_info);
    ANYNPU_TRY(found, type_and_shape(api_, *tensor));
    engine::TensorInfo now{"", dtype_of(found.type), found.shape};
    OutputView view{std::move(found.shape), {}};
    if (now.type == DType::kString) {
      strings_.resize(info().outputs.size());
      ANYNPU_TRY(bytes,
                 get_strings(value, static_cast<std::size_t>(element_count(now.shape)), what));
      strings_[index] = std::move(bytes);
      view.bytes = strings_[index];
      return view;
    }
    void* data = nullptr;
    ANYNPU_CHECK(check(api_, api_.get_tensor_mutable_data(value, &data), what));
    view.bytes = {static_cast<const std::byte*>(data), now.byte_size()};
    return view;
  }

 private:
  Result<Owned<Value>> make_input(std::size_t index, const Shape& shape) {
    const engine::TensorInfo& declared = info().inputs[index];
    const ElementType type = element_type_of(declared.type);
    const std::string what = "input '" + declared.name + "'";
    Value* value = nullptr;
    if (declared.type == DType::kString) {
      Allocator* allocator = nullptr;
      ANYNPU_CHECK(check(api_, api_.get_allocator_with_default_options(&allocator), what));
      ANYNPU_CHECK(check(
          api_, api_.create_tensor(allocator, shape.data(), shape.size(), type, &value), what));
    } else {
      const std::size_t bytes = engine::TensorInfo{"", declared.type, shape}.byte_size();
      buffers_[index].assign(std::max<std::size_t>(bytes, 1), std::byte{0});
      ANYNPU_CHECK(check(api_,
                         api_.create_tensor_with_data(memory_.get(), buffers_[index].data(), bytes,
                                                      shape.data(), shape.size(), type, &value),
                         what));
    }
    return Owned<Value>(value, api_.release_value);
  }

  Result<> set_strings(std::size_t index, std::span<const std::byte> bytes) {
    const std::string what = "input '" + info().inputs[index].name + "'";
    auto strings = split_strings(bytes, static_cast<std::size_t>(element_count(shapes_[index])));
    if (!strings) return std::move(strings).error().within(what);
    for (std::size_t i = 0; i < strings->size(); ++i) {
      const std::string_view text = (*strings)[i];
      char* place = nullptr;
      ANYNPU_CHECK(
          check(api_, api_.get_resized_string_element(inputs_[index].get(), i, text.size(), &place),
                what));
      if (!text.empty()) std::memcpy(place, text.data(), text.size());
    }
    return {};
  }

  Result<std::vector<std::byte>> get_strings(const Value* value, std::size_t count,
                                             const std::string& what) {
    std::vector<std::byte> bytes;
    if (count == 0) return bytes;
    std::size_t length = 0;
    ANYNPU_CHECK(check(api_, api_.get_string_tensor_data_length(value, &length), what));
    std::string text(length, '\0');
    std::vector<std::size_t> offsets(count);
    ANYNPU_CHECK(check(
        api_, api_.get_string_tensor_content(value, text.data(), length, offsets.data(), count),
        what));
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t end = i + 1 < count ? offsets[i + 1] : length;
      if (offsets[i] > end || end > length)
        return Error{Code::kDevice, what + ": ONNX Runtime mixed up its strings"};
      append_string(bytes, std::string_view(text).substr(offsets[i], end - offsets[i]));
    }
    return bytes;
  }

  const Api& api_;
  Owned<SessionHandle> session_;
  Owned<MemoryInfo> memory_;
  Description description_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
  std::vector<Shape> shapes_;
  std::vector<std::vector<std::byte>> buffers_;  // what inputs_ point into
  std::vector<Owned<Value>> inputs_;
  std::vector<Owned<Value>> outputs_;            // of the last run
  std::vector<std::vector<std::byte>> strings_;  // outputs of strings
};

}  // namespace

Result<Owned<SessionOptions>> make_options(const Api& api, int threads) {
  SessionOptions* raw = nullptr;
  ANYNPU_CHECK(check(api, api.create_session_options(&raw), "session options"));
  Owned<SessionOptions> options(raw, api.release_session_options);
  ANYNPU_CHECK(check(api, api.set_intra_op_num_threads(raw, threads), "threads"));
  ANYNPU_CHECK(check(api, api.set_inter_op_num_threads(raw, 1), "threads"));
  ANYNPU_CHECK(
      check(api, api.set_session_graph_optimization_level(raw, kAllOptimisations), "optimisation"));
  ANYNPU_CHECK(check(api, api.set_session_log_severity_level(raw, kWarning), "log level"));
  // Idle threads that spin burn the cores that the other workers of a server want.
  for (const char* key : {"session.intra_op.allow_spinning", "session.inter_op.allow_spinning"})
    ANYNPU_CHECK(check(api, api.add_session_config_entry(raw, key, "0"), key));
  return options;
}

Error no_model(Error failed) {
  if (failed.code == Code::kDevice)
    failed.code = Code::kInvalid;  // nothing has run yet: the file is at fault
  if (failed.code == Code::kInvalid && failed.message.find("opset") == std::string::npos)
    failed.hint =
        "the file may be cut off or damaged, or use operators that this ONNX Runtime does not have";
  return failed;
}

Result<Owned<SessionHandle>> open_model(const Api& api, const Env& env,
                                        const std::filesystem::path& artifact,
                                        const SessionOptions& settings) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(artifact, error))
    return system_error(artifact.string(), error ? error.value() : ENOENT);
  SessionHandle* raw = nullptr;
  auto created = check(api, api.create_session(&env, artifact.c_str(), &settings, &raw),
                       artifact.filename().string());
  if (!created) return no_model(std::move(created).error());
  return Owned<SessionHandle>(raw, api.release_session);
}

Result<Owned<MemoryInfo>> cpu_memory(const Api& api) {
  MemoryInfo* memory = nullptr;
  ANYNPU_CHECK(
      check(api, api.create_cpu_memory_info(kDeviceAllocator, kDefaultMemory, &memory), "memory"));
  return Owned<MemoryInfo>(memory, api.release_memory_info);
}

Result<std::unique_ptr<engine::Session>> load_session(const Api& api, const Env& env,
                                                      const std::filesystem::path& artifact,
                                                      const LoadOptions& options) {
  ANYNPU_CHECK(check_threads(options.threads));
  const std::string title = artifact.filename().string();
  ANYNPU_TRY(settings, make_options(api, options.threads));
  ANYNPU_TRY(session, open_model(api, env, artifact, *settings));
  ANYNPU_TRY(cpu, cpu_memory(api));
  auto description = describe(api, *session);
  if (!description) return std::move(description).error().within(title);
  description->info.note = "ONNX Runtime's CPU provider";
  const SessionInfo& info = description->info;
  std::vector<Shape> shapes;
  bool chosen = true;
  for (const engine::TensorInfo& input : info.inputs) {
    shapes.push_back(input.shape);
    chosen = chosen && !is_dynamic(input.shape);
  }
  auto loaded = std::make_unique<OrtSession>(api, std::move(session), std::move(cpu),
                                             std::move(*description));
  if (chosen) ANYNPU_CHECK(loaded->set_input_shapes(shapes));
  return std::unique_ptr<engine::Session>(std::move(loaded));
}

}  // namespace anynpu::engine::ort

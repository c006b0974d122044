// SPDX-License-Identifier: Apache-2.0
// The two ways of tensors into an NPU and out of it.
#include "engine/rknn_tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/rknn_layout.h"

namespace anynpu::engine::rknn {
namespace {

constexpr std::size_t kMostTensorBytes = std::size_t{1} << 30;

Quantisation quantisation_of(const TensorAttr& attr) {
  switch (attr.qnt_type) {
    case kAffineAsymmetric:
      return {{attr.scale}, {attr.zp}, 0};
    case kDynamicFixedPoint:
      return {{std::ldexp(1.0F, -attr.fl)}, {0}, 0};
    default:
      return {};
  }
}

bool holds_numbers_to_convert(Type type) {
  return type != kInt64 && type != kInt32 && type != kUint32 && type != kBool;
}

Result<TensorInfo> declared_info(const TensorAttr& attr) {
  TensorInfo info;
  info.name = printable(attr.name);
  info.type = dtype_of(attr.type);
  if (attr.n_dims == 0 || attr.n_dims > kMostDims)
    return Error{Code::kUnsupported,
                 fmt::format("tensor '{}' has {} dimensions, 1 to {} are possible", info.name,
                             attr.n_dims, kMostDims)};
  for (std::uint32_t i = 0; i < attr.n_dims; ++i) info.shape.push_back(attr.dims[i]);
  if (info.type == DType::kUnknown || info.byte_size() == 0 || info.byte_size() > kMostTensorBytes)
    return Error{Code::kUnsupported,
                 fmt::format("tensor '{}' of type {} and shape {} cannot be used", info.name,
                             static_cast<int>(attr.type), to_string(info.shape))};
  return info;
}

Result<InOutNum> counts_of(const LoadedContext& context) {
  InOutNum number{};
  ANYNPU_CHECK(context.call("describe", [&] {
    return context.runtime().api.query(context.handle(), kQueryInOutNum, &number, sizeof number);
  }));
  return number;
}

/// A buffer of the NPU.
class NpuBuffer {
 public:
  NpuBuffer(const LoadedContext& context, TensorMem* memory) : context_(context), memory_(memory) {}
  ~NpuBuffer() { context_.runtime().api.destroy_mem(context_.handle(), memory_); }
  NpuBuffer(const NpuBuffer&) = delete;
  NpuBuffer& operator=(const NpuBuffer&) = delete;
  TensorMem* memory() const { return memory_; }
  std::span<std::byte> bytes() const {
    return {static_cast<std::byte*>(memory_->address) + memory_->offset, memory_->size};
  }

 private:
  const LoadedContext& context_;
  TensorMem* memory_;
};

struct NativeTensor {
  TensorAttr declared, native;
  std::unique_ptr<NpuBuffer> buffer;
  std::vector<std::byte> moved;  // outputs in the declared order; empty when that is the NPU's own
};

class NativePath : public TensorPath {
 public:
  explicit NativePath(const LoadedContext& context) : context_(context) {}

  Result<> prepare() {
    ANYNPU_TRY(number, counts_of(context_));
    ANYNPU_CHECK(bind(kQueryInputAttr, kQueryNativeInputAttr, number.inputs, inputs_, in_));
    ANYNPU_CHECK(bind(kQueryOutputAttr, kQueryNativeOutputAttr, number.outputs, outputs_, out_));
    for (NativeTensor& tensor : out_)
      if (!same_layout(tensor.declared, tensor.native))
        tensor.moved.resize(tensor.declared.n_elems * element_bytes(tensor.declared.type));
    return {};
  }

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    const NativeTensor& tensor = in_[index];
    to_native(tensor.declared, tensor.native, bytes, tensor.buffer->bytes());
    return {};
  }

  Result<> run() override {
    ANYNPU_CHECK(context_.call(
        "run", [&] { return context_.runtime().api.run(context_.handle(), nullptr); }));
    for (NativeTensor& tensor : out_)
      if (!tensor.moved.empty())
        from_native(tensor.declared, tensor.native, tensor.buffer->bytes(), tensor.moved);
    return {};
  }

  std::span<const std::byte> output(std::size_t index) const override {
    const NativeTensor& tensor = out_[index];
    if (!tensor.moved.empty()) return tensor.moved;
    return tensor.buffer->bytes().first(outputs_[index].byte_size());
  }

 private:
  Result<> bind(Query declared_query, Query native_query, std::uint32_t count,
                std::vector<TensorInfo>& infos, std::vector<NativeTensor>& tensors) {
    ANYNPU_TRY(declared, context_.attributes(declared_query, count));
    ANYNPU_TRY(native, context_.attributes(native_query, count));
    for (std::uint32_t i = 0; i < count; ++i) {
      ANYNPU_TRY(info, declared_info(declared[i]));
      info.quantisation = quantisation_of(declared[i]);
      if (!can_move(declared[i], native[i]))
        return Error{Code::kUnsupported,
                     fmt::format("the NPU's layout of tensor '{}' is not known", info.name)};
      NativeTensor tensor{declared[i], native[i], nullptr, {}};
      tensor.declared.n_elems = static_cast<std::uint32_t>(element_count(info.shape));
      ANYNPU_CHECK(give_buffer(tensor));
      infos.push_back(std::move(info));
      tensors.push_back(std::move(tensor));
    }
    return {};
  }

  Result<> give_buffer(NativeTensor& tensor) {
    const Api& api = context_.runtime().api;
    const auto size = static_cast<std::uint32_t>(native_bytes(tensor.native));
    TensorMem* memory = nullptr;
    ANYNPU_CHECK(context_.call("get memory for", [&] {
      memory = api.create_mem(context_.handle(), size);
      return memory != nullptr && memory->address != nullptr && memory->size >= size ? kSuccess
                                                                                     : kMallocFail;
    }));
    tensor.buffer = std::make_unique<NpuBuffer>(context_, memory);
    std::memset(tensor.buffer->bytes().data(), 0, size);
    tensor.native.pass_through = 1;  // the values are quantised, the order is the NPU's
    return context_.call("bind a buffer of",
                         [&] { return api.set_io_mem(context_.handle(), memory, &tensor.native); });
  }

  const LoadedContext& context_;
  std::vector<TensorInfo> inputs_, outputs_;
  std::vector<NativeTensor> in_, out_;
};

class ConvertedPath : public TensorPath {
 public:
  explicit ConvertedPath(const LoadedContext& context) : context_(context) {}

  Result<> prepare(bool chosen) {
    ANYNPU_TRY(number, counts_of(context_));
    ANYNPU_TRY(
        in, context_.attributes(chosen ? kQueryCurrentInputAttr : kQueryInputAttr, number.inputs));
    ANYNPU_TRY(out, context_.attributes(chosen ? kQueryCurrentOutputAttr : kQueryOutputAttr,
                                        number.outputs));
    for (const TensorAttr& attr : in) {
      ANYNPU_TRY(info, converted_info(attr));
      staged_.emplace_back(info.byte_size());
      Input input{};
      input.index = attr.index;
      input.type = info.type == DType::kFloat32 ? kFloat32 : attr.type;
      input.fmt = attr.fmt;
      given_.push_back(input);
      inputs_.push_back(std::move(info));
    }
    for (const TensorAttr& attr : out) {
      ANYNPU_TRY(info, converted_info(attr));
      results_.emplace_back(info.byte_size());
      Output output{};
      output.index = attr.index;
      output.want_float = info.type == DType::kFloat32 ? 1 : 0;
      output.is_prealloc = 1;
      taken_.push_back(output);
      outputs_.push_back(std::move(info));
    }
    return {};
  }

  const std::vector<TensorInfo>& inputs() const override { return inputs_; }
  const std::vector<TensorInfo>& outputs() const override { return outputs_; }

  Result<> set_input(std::size_t index, std::span<const std::byte> bytes) override {
    std::copy(bytes.begin(), bytes.end(), staged_[index].begin());
    return {};
  }

  Result<> run() override {
    const Api& api = context_.runtime().api;
    const auto in = static_cast<std::uint32_t>(given_.size());
    const auto out = static_cast<std::uint32_t>(taken_.size());
    for (std::size_t i = 0; i < given_.size(); ++i) {
      given_[i].buf = staged_[i].data();
      given_[i].size = static_cast<std::uint32_t>(staged_[i].size());
    }
    for (std::size_t i = 0; i < taken_.size(); ++i) {
      taken_[i].buf = results_[i].data();
      taken_[i].size = static_cast<std::uint32_t>(results_[i].size());
    }
    ANYNPU_CHECK(context_.call(
        "set the inputs of", [&] { return api.inputs_set(context_.handle(), in, given_.data()); }));
    // Outputs are not asked for after a run that failed: the runtime would hand out older ones.
    ANYNPU_CHECK(context_.call("run", [&] { return api.run(context_.handle(), nullptr); }));
    ANYNPU_CHECK(context_.call("get the outputs of", [&] {
      return api.outputs_get(context_.handle(), out, taken_.data(), nullptr);
    }));
    api.outputs_release(context_.handle(), out, taken_.data());
    return {};
  }

  std::span<const std::byte> output(std::size_t index) const override { return results_[index]; }

 private:
  static Result<TensorInfo> converted_info(const TensorAttr& attr) {
    ANYNPU_TRY(info, declared_info(attr));
    if (holds_numbers_to_convert(attr.type)) info.type = DType::kFloat32;
    if (info.byte_size() > kMostTensorBytes)
      return Error{Code::kTooLarge, fmt::format("tensor '{}' is over the limit of {}", info.name,
                                                human_bytes(kMostTensorBytes))};
    return std::move(info);
  }

  const LoadedContext& context_;
  std::vector<TensorInfo> inputs_, outputs_;
  std::vector<Input> given_;
  std::vector<Output> taken_;
  std::vector<std::vector<std::byte>> staged_, results_;
};

}  // namespace

Result<std::unique_ptr<TensorPath>> native_path(const LoadedContext& context) {
  const Api& api = context.runtime().api;
  if (api.create_mem == nullptr || api.destroy_mem == nullptr || api.set_io_mem == nullptr)
    return Error{Code::kUnsupported,
                 fmt::format("librknnrt {} has no buffers to share", context.runtime().version)};
  auto path = std::make_unique<NativePath>(context);
  ANYNPU_CHECK(path->prepare());
  return std::unique_ptr<TensorPath>(std::move(path));
}

Result<std::unique_ptr<TensorPath>> converted_path(const LoadedContext& context, bool chosen) {
  auto path = std::make_unique<ConvertedPath>(context);
  ANYNPU_CHECK(path->prepare(chosen));
  return std::unique_ptr<TensorPath>(std::move(path));
}

}  // namespace anynpu::engine::rknn

// SPDX-License-Identifier: Apache-2.0
// Inputs, runs and outputs of the simulated librknnrt.
#include <chrono>
#include <cstring>

#include <fmt/format.h>

#include "sim/rknn/context.h"

namespace anynpu::sim {
namespace {

void say_submit_failed() {
  std::string line =
      "failed to submit!, op id: 2, op name: Conv:Conv_0, flags: 0x5, task start: 0, task number: "
      "3, run task counter: 0, int status: 0";
  if (runtime_version() >= 10500)
    line +=
        ", please try updating to the latest version of the toolkit2 and runtime from: "
        "https://eyun.baidu.com/s/3eTDMk6Y";
  say('E', line);
}

std::span<std::byte> bytes_of(const rk::TensorMem& memory) {
  return {static_cast<std::byte*>(memory.address) + memory.offset, memory.size};
}

bool compute(RknnContext& context) {
  RknnNetwork& network = *context.network;
  for (const auto& [index, bound] : context.bound_inputs)
    if (!network.set_input(index, bound.attr, bytes_of(*bound.memory))) return false;
  return network.run();
}

bool deliver(RknnContext& context) {
  for (const auto& [index, bound] : context.bound_outputs)
    if (!context.network->get_output(index, bound.attr, bytes_of(*bound.memory))) return false;
  return true;
}

int run_with_faults(RknnContext& context) {
  Faults& faults = rknn_faults();
  if (const auto slow = faults.strikes("slow")) wait(*slow);
  if (faults.active("vanish") || faults.strikes("fail")) {
    say_submit_failed();
    return rk::kFail;  // what the outputs were before can still be had
  }
  if (faults.strikes("crash")) crash();
  if (faults.strikes("hang")) hang();
  if (faults.strikes("stuck")) hang_in_driver();
  if (const auto timeout = faults.strikes("timeout")) {
    wait(*timeout);
    say_submit_failed();
    return rk::kTimeout;
  }
  if (faults.strikes("swallowed")) {
    say_no_memory(4096, 0x3);
    return rk::kSuccess;
  }
  if (faults.strikes("stale")) return rk::kSuccess;
  if (!compute(context)) return rk::kFail;
  if (faults.strikes("wrong")) context.network->spoil();
  return deliver(context) ? rk::kSuccess : rk::kFail;
}

}  // namespace

RKNN_EXPORT int rknn_inputs_set(rk::Context handle, std::uint32_t count, rk::Input* inputs) {
  const auto context = context_of(handle);
  if (context == nullptr || context->network == nullptr) return rk::kContextInvalid;
  if (inputs == nullptr || count > context->network->inputs().size()) return rk::kParamInvalid;
  for (std::uint32_t i = 0; i < count; ++i) {
    const rk::Input& input = inputs[i];
    if (input.index >= context->network->inputs().size()) return rk::kInputInvalid;
    if (input.buf == nullptr) return rk::kParamInvalid;
    rk::TensorAttr given{};
    given.pass_through = input.pass_through;
    given.type = input.type;
    given.fmt = input.fmt;
    const auto* data = static_cast<const std::byte*>(input.buf);
    if (!context->network->set_input(input.index, given, {data, input.size}))
      return rk::kInputInvalid;
  }
  return rk::kSuccess;
}

RKNN_EXPORT int rknn_set_io_mem(rk::Context handle, rk::TensorMem* memory, rk::TensorAttr* attr) {
  const auto context = context_of(handle);
  if (context == nullptr || context->network == nullptr) return rk::kContextInvalid;
  if (memory == nullptr || attr == nullptr) return rk::kParamInvalid;
  // A name tells inputs from outputs, as both count from 0.
  auto named = [&](const std::vector<RknnTensor>& tensors) {
    return attr->index < tensors.size() &&
           std::strncmp(tensors[attr->index].attr.name, attr->name, rk::kNameBytes) == 0;
  };
  if (named(context->network->inputs()))
    context->bound_inputs[attr->index] = {memory, *attr};
  else if (named(context->network->outputs()))
    context->bound_outputs[attr->index] = {memory, *attr};
  else
    return rk::kParamInvalid;
  return rk::kSuccess;
}

RKNN_EXPORT int rknn_run(rk::Context handle, rk::RunExtend*) {
  const auto context = context_of(handle);
  if (context == nullptr || context->network == nullptr) return rk::kContextInvalid;
  if (context->running.exchange(true)) {  // one context is for one thread at a time
    say_submit_failed();
    return rk::kFail;
  }
  const auto start = std::chrono::steady_clock::now();
  const int code = run_with_faults(*context);
  context->run_microseconds = std::chrono::duration_cast<std::chrono::microseconds>(
                                  std::chrono::steady_clock::now() - start)
                                  .count();
  context->running = false;
  return code;
}

RKNN_EXPORT int rknn_wait(rk::Context handle, rk::RunExtend*) {
  return context_of(handle) == nullptr ? rk::kContextInvalid : rk::kSuccess;
}

RKNN_EXPORT int rknn_outputs_get(rk::Context handle, std::uint32_t count, rk::Output* outputs,
                                 rk::OutputExtend*) {
  const auto context = context_of(handle);
  if (context == nullptr || context->network == nullptr) return rk::kContextInvalid;
  const std::vector<RknnTensor>& tensors = context->network->outputs();
  if (count > tensors.size() || (count > 0 && outputs == nullptr)) return rk::kParamInvalid;
  if (count > 0 && count < tensors.size() && runtime_version() >= 10600) {
    say('E', fmt::format("rknn_outputs_get, param output index(127) is out of range({})",
                         tensors.size()));
    return rk::kOutputInvalid;
  }
  context->outputs_lent.resize(tensors.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    rk::Output& output = outputs[i];
    if (output.index >= tensors.size()) return rk::kOutputInvalid;
    rk::TensorAttr wanted = tensors[output.index].attr;
    if (output.want_float != 0) wanted.type = rk::kFloat32;
    const std::size_t needed = wanted.n_elems * size_of(wanted.type);
    if (output.is_prealloc == 0) {
      context->outputs_lent[output.index].resize(needed);
      output.buf = context->outputs_lent[output.index].data();
      output.size = static_cast<std::uint32_t>(needed);
    }
    if (output.buf == nullptr || output.size < needed) return rk::kOutputInvalid;
    if (!context->network->get_output(output.index, wanted,
                                      {static_cast<std::byte*>(output.buf), output.size}))
      return rk::kFail;
  }
  return rk::kSuccess;
}

RKNN_EXPORT int rknn_outputs_release(rk::Context handle, std::uint32_t, rk::Output*) {
  const auto context = context_of(handle);
  if (context == nullptr) return rk::kContextInvalid;
  context->outputs_lent.clear();
  return rk::kSuccess;
}

}  // namespace anynpu::sim

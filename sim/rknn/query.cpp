// SPDX-License-Identifier: Apache-2.0
// rknn_query of the simulated librknnrt, and the choice of shapes and cores.
#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "sim/rknn/context.h"

namespace anynpu::sim {
namespace {

/// Fills *info when its size will do. 1.3 asks for the exact size, later ones for at least that.
template <typename Info, typename Fill>
int answer(void* info, std::uint32_t size, const char* name, const Fill& fill) {
  const bool exact = runtime_version() < 10400;
  if (info == nullptr || (exact ? size != sizeof(Info) : size < sizeof(Info))) {
    say('E', fmt::format("rknn_query, info_len({}) {} sizeof({})({})!", size, exact ? "!=" : "<",
                         name, sizeof(Info)));
    return rk::kParamInvalid;
  }
  return fill(*static_cast<Info*>(info));
}

int attr_answer(const std::vector<RknnTensor>& tensors, bool native, void* info,
                std::uint32_t size) {
  return answer<rk::TensorAttr>(info, size, "rknn_tensor_attr", [&](rk::TensorAttr& attr) {
    if (attr.index >= tensors.size()) return rk::kParamInvalid;
    attr = native ? tensors[attr.index].native : tensors[attr.index].attr;
    return rk::kSuccess;
  });
}

int range_answer(const RknnContext& context, void* info, std::uint32_t size) {
  const auto& choices = context.network->dynamic_shapes();
  if (choices.empty()) {
    say('E',
        "query RKNN_QUERY_INPUT_DYNAMIC_RANGE error, rknn model is static shape type, please "
        "export rknn with dynamic_shapes");
    return rk::kFail;
  }
  return answer<rk::InputRange>(info, size, "rknn_input_range", [&](rk::InputRange& range) {
    const auto& inputs = context.network->inputs();
    if (range.index >= inputs.size()) return rk::kParamInvalid;
    const rk::TensorAttr& attr = inputs[range.index].attr;
    range.fmt = attr.fmt;
    range.n_dims = attr.n_dims;
    std::memcpy(range.name, attr.name, rk::kNameBytes);
    range.shapes = static_cast<std::uint32_t>(std::min(choices.size(), rk::kMostDynamicShapes));
    for (std::uint32_t i = 0; i < range.shapes; ++i)
      for (std::uint32_t d = 0; d < attr.n_dims; ++d)
        range.dims[i][d] = static_cast<std::uint32_t>(choices[i][range.index][d]);
    return rk::kSuccess;
  });
}

}  // namespace

RKNN_EXPORT int rknn_query(rk::Context handle, rk::Query query, void* info, std::uint32_t size) {
  const auto context = context_of(handle);
  if (context == nullptr || context->network == nullptr) return rk::kContextInvalid;
  const RknnNetwork& network = *context->network;
  switch (query) {
    case rk::kQueryInOutNum:
      return answer<rk::InOutNum>(info, size, "rknn_input_output_num", [&](rk::InOutNum& number) {
        number = {static_cast<std::uint32_t>(network.inputs().size()),
                  static_cast<std::uint32_t>(network.outputs().size())};
        return rk::kSuccess;
      });
    case rk::kQueryInputAttr:
    case rk::kQueryCurrentInputAttr:
      return attr_answer(network.inputs(), false, info, size);
    case rk::kQueryOutputAttr:
    case rk::kQueryCurrentOutputAttr:
      return attr_answer(network.outputs(), false, info, size);
    case rk::kQueryNativeInputAttr:
    case rk::kQueryCurrentNativeInputAttr:
      return attr_answer(network.inputs(), true, info, size);
    case rk::kQueryNativeOutputAttr:
    case rk::kQueryCurrentNativeOutputAttr:
      return attr_answer(network.outputs(), true, info, size);
    case rk::kQueryNativeNhwcInputAttr:
      return attr_answer(network.inputs(), false, info, size);
    case rk::kQueryNativeNhwcOutputAttr:
      return attr_answer(network.outputs(), false, info, size);
    case rk::kQueryInputDynamicRange:
      return range_answer(*context, info, size);
    case rk::kQueryPerfDetail:
      if ((context->flags & rk::kCollectPerf) == 0) return rk::kFail;
      return answer<rk::PerfDetail>(info, size, "rknn_perf_detail", [&](rk::PerfDetail& detail) {
        context->perf_text = fmt::format("Total Operator Elapsed Per Frame Time(us): {}\n",
                                         context->run_microseconds);
        detail = {context->perf_text.data(), context->perf_text.size()};
        return rk::kSuccess;
      });
    case rk::kQueryPerfRun:
      return answer<rk::PerfRun>(info, size, "rknn_perf_run", [&](rk::PerfRun& run) {
        run.microseconds = context->run_microseconds;
        return rk::kSuccess;
      });
    case rk::kQuerySdkVersion:
      return answer<rk::SdkVersion>(info, size, "rknn_sdk_version", [&](rk::SdkVersion& version) {
        version = {};
        runtime_version_text().copy(version.api, sizeof version.api - 1);
        rknn_board().driver.copy(version.driver, sizeof version.driver - 1);
        return rk::kSuccess;
      });
    case rk::kQueryMemSize:
      return answer<rk::MemSize>(info, size, "rknn_mem_size", [&](rk::MemSize& memory) {
        memory = {};
        memory.weights = network.weight_bytes();
        for (const RknnTensor& tensor : network.inputs())
          memory.internal += tensor.native.size_with_stride;
        memory.dma_allocated = std::uint64_t{memory.weights} + memory.internal;
        memory.sram = context->sram;
        memory.free_sram = rknn_board().sram - context->sram;
        return rk::kSuccess;
      });
    case rk::kQueryCustomString:
      return answer<rk::CustomString>(info, size, "rknn_custom_string", [](rk::CustomString& text) {
        text = {};
        return rk::kSuccess;
      });
    default:
      return rk::kParamInvalid;
  }
}

RKNN_EXPORT int rknn_set_core_mask(rk::Context handle, rk::CoreMask mask) {
  const auto context = context_of(handle);
  if (context == nullptr || context->network == nullptr) return rk::kContextInvalid;
  const int cores = rknn_board().cores();
  const int version = runtime_version();
  if (cores == 1) {
    say('E', "The setCoreMask interface is only valid on RK3588 platforms.");
    return rk::kFail;
  }
  const bool all = mask == rk::kCoreAll && version >= 20000;
  const bool several = mask == rk::kCore01 || mask == rk::kCore012;
  const bool one = mask == rk::kCore0 || mask == rk::kCore1 || mask == rk::kCore2;
  if (mask != rk::kCoreAuto && !all && (!(several || one) || (mask >> cores) != 0)) {
    say('E', fmt::format("failed to set core mask: {}", static_cast<int>(mask)));
    return rk::kFail;
  }
  if (several && version < 10500) {
    say('W', fmt::format("Not support core mask: {}, fallback to single core auto mode",
                         static_cast<int>(mask)));
    return rk::kFail;
  }
  context->core_mask = mask;
  return rk::kSuccess;
}

RKNN_EXPORT int rknn_set_batch_core_num(rk::Context handle, int cores) {
  if (context_of(handle) == nullptr) return rk::kContextInvalid;
  return cores >= 1 && cores <= rknn_board().cores() ? rk::kSuccess : rk::kParamInvalid;
}

RKNN_EXPORT int rknn_set_input_shapes(rk::Context handle, std::uint32_t count,
                                      rk::TensorAttr* attrs) {
  const auto context = context_of(handle);
  if (context == nullptr || context->network == nullptr) return rk::kContextInvalid;
  const auto& choices = context->network->dynamic_shapes();
  if (attrs == nullptr || count != context->network->inputs().size()) return rk::kParamInvalid;
  for (std::size_t choice = 0; choice < choices.size(); ++choice) {
    bool fits = true;
    for (std::uint32_t i = 0; fits && i < count; ++i) {
      const engine::Shape& shape = choices[choice][attrs[i].index < count ? attrs[i].index : 0];
      fits = std::equal(shape.begin(), shape.end(), attrs[i].dims, attrs[i].dims + attrs[i].n_dims);
    }
    if (fits) return context->network->choose(choice) ? rk::kSuccess : rk::kFail;
  }
  say('E', "rknn_set_input_shapes, the shapes are not among those of the model");
  return rk::kParamInvalid;
}

RKNN_EXPORT int rknn_set_input_shape(rk::Context handle, rk::TensorAttr* attr) {
  return rknn_set_input_shapes(handle, 1, attr);
}

}  // namespace anynpu::sim

// SPDX-License-Identifier: Apache-2.0
// Resolves AXERA's C interface by name.
#include "engine/axmodel_abi.h"

#include <vector>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::engine::axcl {

Result<std::string> version_of(const SharedLibrary& library) {
  if (library.find("axclrtEngineExecute") == nullptr)
    return Error{
        Code::kUnsupported,
        library.path().string() + ": is not AXERA's runtime: axclrtEngineExecute is missing"};
  Status (*version)(std::int32_t*, std::int32_t*, std::int32_t*) = nullptr;
  std::int32_t major = 0, minor = 0, patch = 0;
  if (!resolve(library, "axclrtGetVersion", version) || version(&major, &minor, &patch) != 0)
    return std::string();
  return fmt::format("{}.{}.{}", major, minor, patch);
}

Result<Api> load_api(const SharedLibrary& library) {
  Api api{};
  ANYNPU_TRY(version, version_of(library));
  api.version = version;
  std::vector<std::string> missing;
  auto need = [&](const char* symbol, auto& function) {
    if (!resolve(library, symbol, function)) missing.emplace_back(symbol);
  };
  need("axclInit", api.init);
  need("axclFinalize", api.finalize);
  need("axclrtGetDeviceList", api.get_device_list);
  need("axclrtSetDevice", api.set_device);
  need("axclrtResetDevice", api.reset_device);
  need("axclrtCreateContext", api.create_context);
  need("axclrtDestroyContext", api.destroy_context);
  need("axclrtSetCurrentContext", api.set_current_context);
  need("axclrtMalloc", api.malloc);
  need("axclrtFree", api.free);
  need("axclrtMemcpy", api.memcpy);
  need("axclrtEngineInit", api.engine_init);
  need("axclrtEngineLoadFromFile", api.load_from_file);
  need("axclrtEngineUnload", api.unload);
  need("axclrtEngineCreateContext", api.create_model_context);
  need("axclrtEngineGetIOInfo", api.get_io_info);
  need("axclrtEngineDestroyIOInfo", api.destroy_io_info);
  need("axclrtEngineGetShapeGroupsCount", api.get_shape_groups_count);
  need("axclrtEngineGetNumInputs", api.num_inputs);
  need("axclrtEngineGetNumOutputs", api.num_outputs);
  need("axclrtEngineGetInputSizeByIndex", api.input_size);
  need("axclrtEngineGetOutputSizeByIndex", api.output_size);
  need("axclrtEngineGetInputNameByIndex", api.input_name);
  need("axclrtEngineGetOutputNameByIndex", api.output_name);
  need("axclrtEngineGetInputDims", api.input_dims);
  need("axclrtEngineGetOutputDims", api.output_dims);
  need("axclrtEngineCreateIO", api.create_io);
  need("axclrtEngineDestroyIO", api.destroy_io);
  need("axclrtEngineSetInputBufferByIndex", api.set_input_buffer);
  need("axclrtEngineSetOutputBufferByIndex", api.set_output_buffer);
  need("axclrtEngineExecute", api.execute);
  if (!missing.empty())
    return Error{Code::kUnsupported, fmt::format("{} (AXCL {}) lacks {}", library.path().string(),
                                                 api.version, join(missing, ", "))}
        .with_hint("install AXERA's axclhost package of 2024 or newer");
  resolve(library, "axclrtGetVersion", api.get_version);
  resolve(library, "axclrtGetSocName", api.soc_name);
  resolve(library, "axclrtGetDeviceProperties", api.get_device_properties);
  resolve(library, "axclrtEngineGetVNpuKind", api.get_vnpu_kind);
  resolve(library, "axclrtEngineGetUsage", api.get_usage);
  resolve(library, "axclrtEngineGetModelType", api.get_model_type);
  resolve(library, "axclrtEngineGetModelCompilerVersion", api.compiler_version);
  resolve(library, "axclrtEngineGetInputDataType", api.input_type);
  resolve(library, "axclrtEngineGetOutputDataType", api.output_type);
  resolve(library, "axclrtEngineSetDynamicBatchSize", api.set_dynamic_batch);
  return api;
}

}  // namespace anynpu::engine::axcl

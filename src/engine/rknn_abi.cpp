// SPDX-License-Identifier: Apache-2.0
// Resolves the RKNN API by name, and reads the version that a runtime's file states.
#include "engine/rknn_abi.h"

#include <array>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/file_mapping.h"
#include "engine/vendor_library.h"

namespace anynpu::engine::rknn {
namespace {

constexpr std::size_t kMostRuntimeBytes = std::size_t{512} << 20;

}  // namespace

Result<Api> load_api(const SharedLibrary& library) {
  Api api{};
  std::vector<std::string> missing;
  auto need = [&](const char* symbol, auto& function) {
    if (!resolve(library, symbol, function)) missing.emplace_back(symbol);
  };
  need("rknn_init", api.init);
  need("rknn_destroy", api.destroy);
  need("rknn_query", api.query);
  need("rknn_inputs_set", api.inputs_set);
  need("rknn_run", api.run);
  need("rknn_outputs_get", api.outputs_get);
  need("rknn_outputs_release", api.outputs_release);
  if (!missing.empty()) {
    Error error{Code::kUnsupported,
                fmt::format("{} lacks {}", library.path().string(), join(missing, ", "))};
    if (library.find("rknn3_init") != nullptr)
      return std::move(error).with_hint(
          "this is the runtime of the RKNN3 generation (RK3572, RK182x), which anynpu does not "
          "drive: RK356x, RK3576 and RK3588 need librknnrt.so 1.3 to 2.3");
    return std::move(error).with_hint("use Rockchip's librknnrt.so 1.3 or newer");
  }
  resolve(library, "rknn_set_core_mask", api.set_core_mask);
  resolve(library, "rknn_create_mem", api.create_mem);
  resolve(library, "rknn_destroy_mem", api.destroy_mem);
  resolve(library, "rknn_set_io_mem", api.set_io_mem);
  resolve(library, "rknn_set_input_shapes", api.set_input_shapes);
  resolve(library, "rknn_set_input_shape", api.set_input_shape);
  return api;
}

Result<std::string> runtime_version_of_file(const std::filesystem::path& library) {
  ANYNPU_TRY(file, FileMapping::open(library, kMostRuntimeBytes));
  std::string version = version_after(file.bytes(), "librknnrt version: ");
  if (version.empty())
    return Error{Code::kUnsupported, library.string() + ": states no version of librknnrt"}
        .with_hint(
            "is it Rockchip's librknnrt.so? Older machines (RK1808, RK3399Pro, RV1126) have "
            "librknn_runtime.so, which anynpu does not drive");
  return version;
}

std::string name_of_code(int code) {
  static constexpr std::array kNames = {"SUCC",
                                        "FAIL",
                                        "TIMEOUT",
                                        "DEVICE_UNAVAILABLE",
                                        "MALLOC_FAIL",
                                        "PARAM_INVALID",
                                        "MODEL_INVALID",
                                        "CTX_INVALID",
                                        "INPUT_INVALID",
                                        "OUTPUT_INVALID",
                                        "DEVICE_UNMATCH",
                                        "INCOMPATILE_PRE_COMPILE_MODEL",
                                        "INCOMPATILE_OPTIMIZATION_LEVEL_VERSION",
                                        "TARGET_PLATFORM_UNMATCH"};
  if (code <= 0 && -code < static_cast<int>(kNames.size()))
    return kNames[static_cast<std::size_t>(-code)];
  return fmt::format("code {}", code);
}

}  // namespace anynpu::engine::rknn

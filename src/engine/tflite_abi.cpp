// SPDX-License-Identifier: Apache-2.0
// Resolves the TFLite C API by name.
#include "engine/tflite_abi.h"

#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/tflite_xnnpack.h"

namespace anynpu::engine::tflite {

Result<std::string> version_of(const SharedLibrary& library) {
  const char* (*version)() = nullptr;
  if (!resolve(library, "TfLiteVersion", version))
    return Error{Code::kUnsupported,
                 library.path().string() + ": is no TFLite library: TfLiteVersion is missing"};
  const char* text = version();
  return std::string(text != nullptr ? printable(text, 40) : "");
}

Result<Api> load_api(const SharedLibrary& library) {
  Api api{};
  ANYNPU_TRY(version, version_of(library));
  api.version = version;
  std::vector<std::string> missing;
  auto need = [&](const char* symbol, auto& function) {
    if (!resolve(library, symbol, function)) missing.emplace_back(symbol);
  };
  need("TfLiteModelCreate", api.model_create);
  need("TfLiteModelDelete", api.model_delete);
  need("TfLiteInterpreterOptionsCreate", api.options_create);
  need("TfLiteInterpreterOptionsDelete", api.options_delete);
  need("TfLiteInterpreterOptionsSetNumThreads", api.options_set_num_threads);
  need("TfLiteInterpreterOptionsSetErrorReporter", api.options_set_error_reporter);
  need("TfLiteInterpreterCreate", api.interpreter_create);
  need("TfLiteInterpreterDelete", api.interpreter_delete);
  need("TfLiteInterpreterGetInputTensorCount", api.input_count);
  need("TfLiteInterpreterGetInputTensor", api.input);
  need("TfLiteInterpreterResizeInputTensor", api.resize_input);
  need("TfLiteInterpreterAllocateTensors", api.allocate_tensors);
  need("TfLiteInterpreterResetVariableTensors", api.reset_variables);
  need("TfLiteInterpreterModifyGraphWithDelegate", api.modify_graph);
  need("TfLiteInterpreterInvoke", api.invoke);
  need("TfLiteInterpreterGetOutputTensorCount", api.output_count);
  need("TfLiteInterpreterGetOutputTensor", api.output);
  need("TfLiteTensorType", api.tensor_type);
  need("TfLiteTensorNumDims", api.tensor_rank);
  need("TfLiteTensorDim", api.tensor_dim);
  need("TfLiteTensorByteSize", api.tensor_bytes);
  need("TfLiteTensorData", api.tensor_data);
  need("TfLiteTensorName", api.tensor_name);
  need("TfLiteTensorQuantizationParams", api.tensor_quantisation);
  need("TfLiteTensorCopyFromBuffer", api.tensor_copy_from);
  need("TfLiteTensorRealloc", api.tensor_realloc);
  if (!missing.empty())
    return Error{Code::kUnsupported, fmt::format("{} (TFLite {}) lacks {}", library.path().string(),
                                                 api.version, join(missing, ", "))}
        .with_hint("use TFLite 2.9 or newer with the whole C API");
  resolve(library, "TfLiteModelCreateWithErrorReporter", api.model_create_reporting);
  resolve(library, "TfLiteOpaqueTensorGetNumDimsSignature", api.signature_rank);
  resolve(library, "TfLiteOpaqueTensorGetDimSignature", api.signature_dim);
  resolve(library, "TfLiteOpaqueTensorGetQuantization", api.quantization);
  resolve(library, "TfLiteXNNPackDelegateCreate", api.xnnpack_create);
  resolve(library, "TfLiteXNNPackDelegateDelete", api.xnnpack_delete);
  resolve(library, "TfLiteXNNPackDelegateOptionsDefault", api.xnnpack_default_options);
  api.xnnpack_has_get_options = library.find("TfLiteXNNPackDelegateGetOptions") != nullptr;
  return api;
}

}  // namespace anynpu::engine::tflite

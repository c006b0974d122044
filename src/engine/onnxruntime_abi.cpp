// SPDX-License-Identifier: Apache-2.0
// Reaches ONNX Runtime's table of functions, and reads its statuses.
#include "engine/onnxruntime_abi.h"

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::engine::ort {
namespace {

const ApiBase* base_of(const SharedLibrary& library) {
  const ApiBase* (*get_base)() = nullptr;
  return resolve(library, "OrtGetApiBase", get_base) ? get_base() : nullptr;
}

Code code_of(ErrorCode code) {
  switch (code) {
    case kInvalidArgument:
    case kNoModel:
    case kInvalidProtobuf:
    case kInvalidGraph:
      return Code::kInvalid;
    case kNoSuchFile:
      return Code::kNotFound;
    case kNotImplemented:
      return Code::kUnsupported;
    case kFail:
      break;
  }
  return Code::kDevice;
}

}  // namespace

Result<std::string> version_of(const SharedLibrary& library) {
  const ApiBase* base = base_of(library);
  if (base == nullptr)
    return Error{Code::kUnsupported, library.path().string() +
                                         ": is no ONNX Runtime library: OrtGetApiBase is missing"};
  const char* text = base->get_version_string();
  return std::string(text != nullptr ? printable(text, 40) : "");
}

Result<const Api*> load_api(const SharedLibrary& library) {
  ANYNPU_TRY(version, version_of(library));
  // A runtime that is too old says so on standard error and returns nothing.
  const Api* api = base_of(library)->get_api(kApiVersion);
  if (api == nullptr)
    return Error{Code::kUnsupported,
                 fmt::format("{}: ONNX Runtime {} is too old, anynpu needs {} (API {}) or newer",
                             library.path().string(), version, kOldestVersion, kApiVersion)}
        .with_hint("install a newer one, or name one in $ANYNPU_ONNXRUNTIME");
  return api;
}

Result<> check(const Api& api, Status* status, const std::string& what) {
  if (status == nullptr) return {};
  const char* said = api.get_error_message(status);
  Error error{code_of(api.get_error_code(status)),
              what + ": " + printable(said != nullptr ? said : "", 1000)};
  api.release_status(status);
  return error;
}

}  // namespace anynpu::engine::ort

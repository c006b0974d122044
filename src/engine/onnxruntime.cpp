// SPDX-License-Identifier: Apache-2.0
// The ONNX Runtime engine.
#include "engine/onnxruntime.h"

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "engine/onnxruntime_abi.h"
#include "engine/onnxruntime_seq2seq.h"
#include "engine/onnxruntime_session.h"

namespace anynpu::engine {
namespace {

/// Warnings of the runtime go to our log. What it calls an error comes back as one to the caller.
void log_message(void*, ort::LogLevel level, const char*, const char*, const char*,
                 const char* message) {
  const std::string text = printable(message != nullptr ? message : "", 1000);
  if (level == ort::kWarning)
    log::warn("ONNX Runtime: {}", text);
  else
    log::debug("ONNX Runtime: {}", text);
}

class OnnxRuntimeEngine : public Engine {
 public:
  OnnxRuntimeEngine(std::filesystem::path library, std::string version, const ort::Api& api,
                    const ort::Env& env)
      : library_(std::move(library)), version_(std::move(version)), api_(api), env_(env) {}

  std::string name() const override { return "onnxruntime"; }
  std::string version() const override { return version_; }
  std::filesystem::path library() const override { return library_; }
  std::vector<std::string> variants() const override { return {"cpu"}; }

  Result<std::unique_ptr<Session>> load(const std::filesystem::path& artifact,
                                        const LoadOptions& options) override {
    if (!options.variant.empty() && options.variant != "cpu")
      return Error{Code::kUnsupported,
                   "ONNX Runtime has no variant '" + printable(options.variant) + "' here"}
          .with_hint("its variant: cpu");
    if (!options.decoder.empty()) return ort::load_seq2seq(api_, env_, artifact, options);
    return ort::load_session(api_, env_, artifact, options);
  }

 private:
  std::filesystem::path library_;
  std::string version_;
  const ort::Api& api_;
  const ort::Env& env_;  // one per process; the runtime keeps it until the end
};

}  // namespace

LibraryNames onnxruntime_names() {
  return {"ONNX Runtime", "ANYNPU_ONNXRUNTIME", {"libonnxruntime.so*"}};
}

Result<std::unique_ptr<Engine>> open_onnxruntime(const LibraryChoice& choice) {
  if (choice.libraries.empty()) return no_library(onnxruntime_names(), choice);
  const VersionedLibrary& newest = choice.libraries.front();
  ANYNPU_TRY(api, ort::load_api(newest.library));
  ort::Env* env = nullptr;
  ANYNPU_CHECK(ort::check(
      *api,
      api->create_env_with_custom_logger(&log_message, nullptr, ort::kWarning, "anynpu", &env),
      newest.library.path().string()));
  return std::unique_ptr<Engine>(
      std::make_unique<OnnxRuntimeEngine>(newest.library.path(), newest.version, *api, *env));
}

}  // namespace anynpu::engine

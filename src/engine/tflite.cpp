// SPDX-License-Identifier: Apache-2.0
// The TFLite engine: which library runs which variant.
#include "engine/tflite.h"

#include <fmt/format.h>

#include "base/text.h"
#include "engine/tflite_abi.h"
#include "engine/tflite_session.h"

namespace anynpu::engine {
namespace {

struct Opened {
  std::filesystem::path path;
  tflite::Api api;
};

class TfliteEngine : public Engine {
 public:
  TfliteEngine(Opened first, std::unique_ptr<Opened> with_xnnpack)
      : first_(std::move(first)), with_xnnpack_(std::move(with_xnnpack)) {}

  std::string name() const override { return "tflite"; }
  std::string version() const override { return first_.api.version; }
  std::filesystem::path library() const override { return first_.path; }

  std::vector<std::string> variants() const override {
    if (with_xnnpack_ != nullptr || first_.api.has_xnnpack()) return {"xnnpack", "plain"};
    return {"plain"};
  }

  Result<std::unique_ptr<Session>> load(const std::filesystem::path& artifact,
                                        const LoadOptions& options) override {
    const std::vector<std::string> known = variants();
    if (!options.variant.empty() && options.variant != known.front() &&
        options.variant != known.back())
      return Error{Code::kUnsupported,
                   fmt::format("the TFLite of {} has no variant '{}'", first_.path.string(),
                               printable(options.variant))}
          .with_hint("its variants: " + join(known, ", "));
    const bool plain = options.variant == "plain" || with_xnnpack_ == nullptr;
    return tflite::load_session(plain ? first_.api : with_xnnpack_->api, artifact, options);
  }

 private:
  Opened first_;
  std::unique_ptr<Opened> with_xnnpack_;  // when the first one has no XNNPACK
};

}  // namespace

LibraryNames tflite_names() {
  return {"TFLite", "ANYNPU_TFLITE", {"libtensorflow-lite.so*", "libtensorflowlite_c.so*"}};
}

Result<std::unique_ptr<Engine>> open_tflite(const LibraryChoice& choice) {
  if (choice.libraries.empty()) return no_library(tflite_names(), choice);
  const SharedLibrary& newest = choice.libraries.front().library;
  ANYNPU_TRY(api, tflite::load_api(newest));
  std::unique_ptr<Opened> with_xnnpack;
  for (std::size_t i = 1;
       i < choice.libraries.size() && !api.has_xnnpack() && with_xnnpack == nullptr; ++i) {
    const SharedLibrary& other = choice.libraries[i].library;
    if (auto other_api = tflite::load_api(other); other_api && other_api->has_xnnpack())
      with_xnnpack = std::make_unique<Opened>(Opened{other.path(), std::move(*other_api)});
  }
  return std::unique_ptr<Engine>(std::make_unique<TfliteEngine>(
      Opened{newest.path(), std::move(api)}, std::move(with_xnnpack)));
}

}  // namespace anynpu::engine

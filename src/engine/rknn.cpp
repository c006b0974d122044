// SPDX-License-Identifier: Apache-2.0
// The engine "rknn": a runtime, opened, and the sessions over it.
#include "engine/rknn.h"

#include "engine/rknn_abi.h"
#include "engine/rknn_session.h"

namespace anynpu::engine {
namespace {

class RknnEngine : public Engine {
 public:
  RknnEngine(std::filesystem::path library, std::string version, const rknn::Api& api)
      : library_(std::move(library)), runtime_{api, std::move(version)} {}

  std::string name() const override { return "rknn"; }
  std::string version() const override { return runtime_.version; }
  std::filesystem::path library() const override { return library_; }
  std::vector<std::string> variants() const override { return {""}; }

  Result<std::unique_ptr<Session>> load(const std::filesystem::path& artifact,
                                        const LoadOptions& options) override {
    return rknn::load_session(runtime_, artifact, options);
  }

 private:
  std::filesystem::path library_;
  rknn::Runtime runtime_;
};

}  // namespace

Result<std::unique_ptr<Engine>> open_rknn(const std::filesystem::path& library) {
  ANYNPU_TRY(version, rknn::runtime_version_of_file(library));
  ANYNPU_TRY(opened, SharedLibrary::open(library));
  ANYNPU_TRY(api, rknn::load_api(opened));
  return std::unique_ptr<Engine>(std::make_unique<RknnEngine>(opened.path(), version, api));
}

}  // namespace anynpu::engine

// SPDX-License-Identifier: Apache-2.0
// The axmodel engine: cards are opened once per process, models are checked against their memory.
#include "engine/axmodel.h"

#include <map>

#include "engine/axmodel_abi.h"
#include "engine/axmodel_card.h"
#include "engine/axmodel_session.h"
#include "engine/library.h"

namespace anynpu::engine {
namespace {

class AxmodelEngine : public Engine {
 public:
  AxmodelEngine(SharedLibrary library, axcl::Api api)
      : library_(std::move(library)), api_(std::move(api)) {}

  std::string name() const override { return "axmodel"; }
  std::string version() const override { return api_.version; }
  std::filesystem::path library() const override { return library_.path(); }
  std::vector<std::string> variants() const override { return {""}; }

  Result<std::unique_ptr<Session>> load(const std::filesystem::path& artifact,
                                        const LoadOptions& options) override {
    std::weak_ptr<axcl::Card>& known = cards_[options.device_index];
    return axcl::load_session({api_, library_.path(), known}, artifact, options);
  }

 private:
  SharedLibrary library_;
  axcl::Api api_;
  std::map<int, std::weak_ptr<axcl::Card>> cards_;  // given back with their last session
};

}  // namespace

Result<std::unique_ptr<Engine>> open_axmodel(const EngineStatus& found) {
  ANYNPU_TRY(library, SharedLibrary::open(found.library));
  ANYNPU_TRY(api, axcl::load_api(library));
  return std::unique_ptr<Engine>(std::make_unique<AxmodelEngine>(library, std::move(api)));
}

}  // namespace anynpu::engine

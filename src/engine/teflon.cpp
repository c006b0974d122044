// SPDX-License-Identifier: Apache-2.0
// The Teflon engine: which TFLite and which Teflon, and the order in which things are made sure of.
//
// Teflon reports no failure of its own: without a device it prints a line and returns nothing. So
// the node is opened and asked for its driver first, and the library only then.
#include "engine/teflon.h"

#include <fmt/format.h>

#include "engine/teflon_device.h"
#include "engine/teflon_session.h"
#include "engine/tflite.h"

namespace anynpu::engine {
namespace {

class TeflonEngine : public Engine {
 public:
  TeflonEngine(const EngineStatus& found, tflite::Api api, teflon::MesaVersion mesa)
      : library_(found.library), api_(std::move(api)), mesa_(mesa) {}

  std::string name() const override { return "teflon"; }
  std::string version() const override { return mesa_.major > 0 ? mesa_.text() : ""; }
  std::filesystem::path library() const override { return library_; }
  std::vector<std::string> variants() const override { return {""}; }

  Result<std::unique_ptr<Session>> load(const std::filesystem::path& artifact,
                                        const LoadOptions& options) override {
    ANYNPU_CHECK(teflon::check_node(options.device_node));
    if (functions_.create == nullptr) {
      ANYNPU_TRY(opened, SharedLibrary::open(library_));
      teflon::Library functions{};
      if (!resolve(opened, "tflite_plugin_create_delegate", functions.create) ||
          !resolve(opened, "tflite_plugin_destroy_delegate", functions.destroy))
        return Error{Code::kUnsupported, library_.string() +
                                             ": is no TFLite delegate: "
                                             "tflite_plugin_create_delegate is missing"};
      functions_ = functions;
    }
    return teflon::load_session(api_, functions_, mesa_, artifact);
  }

 private:
  std::filesystem::path library_;
  tflite::Api api_;
  teflon::MesaVersion mesa_;
  teflon::Library functions_{};
};

}  // namespace

Result<std::unique_ptr<Engine>> open_teflon(const EngineStatus& found) {
  const LibraryChoice choice = choose_library(tflite_names(), library_places(), tflite::version_of);
  if (choice.libraries.empty()) return no_library(tflite_names(), choice);
  ANYNPU_TRY(api, tflite::load_api(choice.libraries.front().library));
  return std::unique_ptr<Engine>(std::make_unique<TeflonEngine>(
      found, std::move(api),
      teflon::mesa_version_from(found.version).value_or(teflon::MesaVersion{})));
}

}  // namespace anynpu::engine

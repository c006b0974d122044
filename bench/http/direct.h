// SPDX-License-Identifier: Apache-2.0
// DirectCall: what POST /infer does to a picture, without HTTP and without a worker process: it is
// decoded and resized, the model runs on one session of this process, the labels are picked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "engine/engines.h"
#include "model/store.h"
#include "runtime/canary.h"
#include "runtime/choose.h"
#include "vision/image_model.h"

namespace anynpu::bench {

/// The first placement on the CPU whose id contains `wanted`.
inline Result<runtime::Placement> find_placement(const model::Package& package,
                                                 const std::string& wanted) {
  for (const model::Artifact& artifact : package.latest().artifacts) {
    ANYNPU_TRY(engine, engine::open_engine(artifact.engine));
    for (const std::string& variant : engine->variants()) {
      runtime::Placement placement{artifact, artifact.engine, variant, "cpu", 1};
      if (placement.id().find(wanted) != std::string::npos) return placement;
    }
  }
  return Error{Code::kNotFound, "no placement like " + wanted};
}

class DirectCall {
 public:
  static Result<DirectCall> make(const std::string& model, const std::string& placement) {
    ANYNPU_TRY(package, model::open_package(model));
    ANYNPU_TRY(found, find_placement(package, placement));
    runtime::Quarantine quarantine;  // of the CPU: nobody is in it
    ANYNPU_TRY(worker, runtime::start_worker(found, false, Clock::now() + runtime::kLoadLimit, {},
                                             quarantine));
    ANYNPU_TRY(image, vision::ImageModel::create(package, worker->session()));
    return DirectCall(std::move(worker), std::move(image));
  }

  /// The milliseconds that the engine itself took.
  Result<double> operator()(std::span<const std::byte> picture) {
    ANYNPU_TRY(prepared, image_.prepare(picture));
    const runtime::InputSource* sources[] = {prepared.get()};
    auto ran = runtime::run_batch(*worker_, sources, {}, Clock::now() + seconds(60));
    if (!ran) return ran.error().error;
    ANYNPU_TRY(predictions, image_.interpret(ran->outputs[0], *prepared, {}));
    if (predictions.empty()) return Error{Code::kInternal, "no prediction"};
    return ran->infer_ms;
  }

 private:
  DirectCall(std::unique_ptr<runtime::Worker> worker, vision::ImageModel image)
      : worker_(std::move(worker)), image_(std::move(image)) {}

  std::unique_ptr<runtime::Worker> worker_;
  vision::ImageModel image_;
};

}  // namespace anynpu::bench

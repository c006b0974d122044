// SPDX-License-Identifier: Apache-2.0
// Which part of the program knows what a model is asked.
#include "server/canary.h"

#include "speech/transcriber.h"
#include "vision/image_model.h"

namespace anynpu::server {

Result<std::shared_ptr<const runtime::InputSource>> canary_of(const model::Package& package) {
  switch (package.task) {
    case model::Task::kTranscribe:
    case model::Task::kVad:
      return speech::canary(package);
    case model::Task::kRaw:
    case model::Task::kClassify:
    case model::Task::kDetect:
      break;
  }
  return vision::ImageModel::canary(package);
}

}  // namespace anynpu::server

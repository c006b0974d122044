// SPDX-License-Identifier: Apache-2.0
// From the bytes of a picture to what is on it, for every face that takes pictures.
//
// Each step hands over to the next one directly: the work pool decodes, a lane of the model runs
// it, the work pool interprets. The event loop is asked for nothing in between.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/asio.h"
#include "server/http_message.h"
#include "server/services.h"
#include "vision/image_model.h"

namespace anynpu::server {

struct PictureQuestion {
  ModelHost::Hosted hosted;  // which takes pictures
  std::string bytes;         // encoded
  vision::InterpretOptions options;
  TimePoint arrived = Clock::now();         // the whole request was there
  std::shared_ptr<std::atomic<bool>> gone;  // the client; may be null
};

struct PictureAnswer {
  std::optional<Error> error;  // then nothing below is set
  int status = 0;              // of the error; 0: as its code says
  runtime::Reply reply;        // without its outputs
  std::vector<vision::Prediction> predictions;
  int width = 0, height = 0;  // of the picture as a viewer sees it
  double decode_ms = 0, preprocess_ms = 0, queue_ms = 0, post_ms = 0, total_ms = 0;
};

/// `done` is called once, on a thread of the work pool or of the model, or on this one when the
/// question is refused at once. Notes metrics and times of `services`.
void answer_picture(Services& services, PictureQuestion question,
                    std::function<void(PictureAnswer)> done);

/// The model that a request means, by a name and a version (a number, a label, or nothing, which a
/// split decides); loads it when it has to, for which it waits until `deadline`.
struct FoundModel {
  ModelHost::Hosted hosted;
  std::string label;  // by which its version was chosen; empty: by none
};
asio::awaitable<Result<FoundModel>> find_model(Services& services, RequestContext& context,
                                               std::string name, std::string version,
                                               TimePoint deadline);

/// Why a model is not even loaded for a picture: it hears. `name` empty: the default.
std::optional<Error> takes_no_pictures(const Services& services, const std::string& name);

/// An answer's error as HTTP: 422 for a picture that is broken.
Response error_response(const PictureAnswer& answer);

}  // namespace anynpu::server

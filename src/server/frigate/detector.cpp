// SPDX-License-Identifier: Apache-2.0
// One thread that receives, runs the model and replies. Every message is answered: a client whose
// request is not waits for its timeout, and then thinks that the detector is stuck.
#include "server/frigate/detector.h"

#include <future>
#include <optional>
#include <set>
#include <thread>

#include <fmt/format.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "base/text.h"
#include "server/frigate/messages.h"
#include "server/frigate/zmq_library.h"
#include "server/metrics.h"
#include "server/recent_times.h"

namespace anynpu::server::frigate {
namespace {

constexpr Duration kTick = milliseconds(100);  // how soon an end is noticed
constexpr std::size_t kMostComplaints = 32;    // different ones that are logged

ZmqFrames boxes_reply(const std::vector<vision::Prediction>& predictions) {
  return {Json{{"shape", {kMostBoxes, 6}}, {"dtype", "float32"}}.dump(),
          detections_tensor(predictions)};
}

}  // namespace

struct Detector::Impl {
  Services& services;
  DetectorOptions options;
  ZmqLibrary library;
  std::optional<ZmqSocket> socket;
  std::set<std::string> complaints;

  void complain(const Error& error) {
    if (complaints.size() >= kMostComplaints || !complaints.insert(error.message).second) return;
    log::warn("Frigate's ZMQ detector: {}", printable(error.message));
    if (!error.hint.empty()) log::hint(error.hint);
  }

  std::string model_name() {
    return options.model.empty() ? services.models.first_of(model::Task::kDetect) : options.model;
  }

  Result<ModelHost::Hosted> find_model() {
    std::string name = model_name();
    if (name.empty())
      return Error{Code::kNotFound, "there is no model that detects"}.with_hint(
          "get one with: anynpu models pull ssd_mobilenet_v1");
    std::promise<Result<ModelHost::Hosted>> found;
    services.models.find(
        name, 0, [&](Result<ModelHost::Hosted> result) { found.set_value(std::move(result)); });
    return found.get_future().get();
  }

  Result<std::vector<vision::Prediction>> detect(const Request& request, std::string_view tensor) {
    TimePoint start = Clock::now();
    ANYNPU_TRY(image, image_of(request, tensor));
    ANYNPU_TRY(hosted, find_model());
    if (!hosted->image) return hosted->image.error();
    ANYNPU_TRY(picture, hosted->image->prepare(image));
    runtime::Request run;
    run.input = picture;
    run.deadline = start + services.infer_time;
    std::promise<Result<runtime::Reply>> promise;
    hosted->served->submit(std::move(run), [&](Result<runtime::Reply> result) {
      promise.set_value(std::move(result));
    });
    Result<runtime::Reply> reply = promise.get_future().get();
    const std::string& name = hosted->served->package().name;
    const int version = hosted->served->version();
    if (!reply) {
      if (services.metrics != nullptr)
        services.metrics->of(name, version).failed(reply.error().code);
      return std::move(reply).error();
    }
    vision::InterpretOptions wanted{.top = static_cast<int>(kMostBoxes),
                                    .threshold = static_cast<float>(options.threshold)};
    auto predictions = hosted->image->interpret(reply->outputs, *picture, wanted);
    const double total_ms = ms_since(start);
    if (services.times != nullptr) services.times->note(name, version, total_ms);
    if (services.metrics != nullptr)
      services.metrics->of(name, version)
          .answered(*reply, {.queue_ms = reply->queue_ms,
                             .preprocess_ms = picture->preprocess_ms(),
                             .infer_ms = reply->infer_ms,
                             .total_ms = total_ms});
    return predictions;
  }

  ZmqFrames answer(const ZmqFrames& frames) {
    Result<Request> request = parse_request(frames);
    if (!request) {
      complain(request.error());
      return boxes_reply({});
    }
    switch (request->kind) {
      case Request::Kind::kModelRequest: {
        Result<ModelHost::Hosted> hosted = find_model();
        if (!hosted) complain(hosted.error());
        return {Json{{"model_available", hosted.has_value()}, {"model_loaded", hosted.has_value()}}
                    .dump()};
      }
      case Request::Kind::kModelData:
        complain(Error{Code::kUnsupported, "models are not taken from clients"}.with_hint(
            "put the package into the store of this machine: anynpu models pull"));
        return {Json{{"model_saved", false}, {"model_loaded", false}}.dump()};
      case Request::Kind::kTensor:
        break;
    }
    Result<std::vector<vision::Prediction>> found = detect(*request, frames[1]);
    if (!found) complain(found.error());
    return boxes_reply(found ? *found : std::vector<vision::Prediction>());
  }

  void run(const std::atomic<bool>& ending) {
    ::prctl(PR_SET_NAME, "anynpu-zmq");
    while (!ending) {
      if (!socket) {
        std::this_thread::sleep_for(kTick);
        if (auto opened = open(); !opened) complain(opened.error());
        continue;
      }
      Result<ZmqFrames> frames = socket->receive(kTick, kMostFrames);
      if (!frames && frames.error().code == Code::kTimeout) continue;
      if (!frames && frames.error().code != Code::kTooLarge) {
        complain(frames.error());
        socket.reset();
        continue;
      }
      // What could not be read is answered too: REP must send before it receives again.
      if (!frames) complain(frames.error());
      Result<> sent = socket->send(frames ? answer(*frames) : boxes_reply({}));
      if (sent) continue;
      // A socket that has not replied receives nothing more.
      complain(sent.error());
      socket.reset();
    }
  }

  Result<> open() {
    ANYNPU_TRY(made, ZmqSocket::open(library, ZmqType::kReply, kMostTensorBytes));
    ANYNPU_CHECK(made.bind(options.endpoint));
    options.endpoint = made.endpoint();  // one that was chosen is kept
    socket.emplace(std::move(made));
    return {};
  }
};

Detector::Detector(std::unique_ptr<Impl> impl)
    : endpoint_(impl->options.endpoint), impl_(std::move(impl)) {
  thread_ = std::thread([this] { impl_->run(ending_); });
}

Detector::~Detector() {
  ending_ = true;
  thread_.join();
}

Result<std::unique_ptr<Detector>> Detector::start(Services& services, DetectorOptions options) {
  ANYNPU_TRY(library, ZmqLibrary::open());
  std::unique_ptr<Impl> impl(new Impl{services, std::move(options), library, {}, {}});
  ANYNPU_CHECK(impl->open());
  return std::unique_ptr<Detector>(new Detector(std::move(impl)));
}

}  // namespace anynpu::server::frigate

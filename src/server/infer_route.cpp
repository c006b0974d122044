// SPDX-License-Identifier: Apache-2.0
// POST /infer: a picture in, what is on it out, with where it ran and how long each step took.
//
// The event loop only moves bytes. Decoding and interpreting run on the work pool, the model on its
// own lanes, and the coroutine waits for each in turn.
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "base/text.h"
#include "server/http_error.h"
#include "server/picture_upload.h"
#include "server/services.h"

namespace anynpu::server {
namespace {

constexpr long kMostTop = 1000;
constexpr long kMostVersion = 1'000'000'000;

struct InferQuestion {
  std::string model;  // empty: the default
  int version = 0;    // 0: the latest
  vision::InterpretOptions options;
};

// A parameter of the address, or else the form's field of that name.
std::optional<std::string> wanted(const RequestHead& head, const PictureUpload& upload,
                                  const std::string& name) {
  if (auto value = head.target.parameter(name)) return value;
  auto field = upload.fields.find(name);
  if (field == upload.fields.end() || field->second.empty()) return std::nullopt;
  return field->second;
}

Result<InferQuestion> read_question(const RequestHead& head, const PictureUpload& upload) {
  InferQuestion question;
  question.model = wanted(head, upload, "model").value_or("");
  if (auto text = wanted(head, upload, "top")) {
    ANYNPU_TRY(top, parse_integer("top", *text, 1, kMostTop));
    question.options.top = static_cast<int>(top);
  }
  if (auto text = wanted(head, upload, "threshold")) {
    ANYNPU_TRY(threshold, parse_number("threshold", *text, 0, 1));
    question.options.threshold = static_cast<float>(threshold);
  }
  if (auto text = wanted(head, upload, "version")) {
    ANYNPU_TRY(version, parse_integer("version", *text, 1, kMostVersion));
    question.version = static_cast<int>(version);
  }
  return question;
}

// Microseconds are as fine as these clocks are.
double rounded(double ms) {
  return std::round(ms * 1000) / 1000;
}

// The tensor that takes the picture.
Json picture_shape(const engine::SessionInfo& session) {
  for (const engine::TensorInfo& input : session.inputs)
    if (input.shape.size() == 4) return input.shape;
  return session.inputs.empty() ? Json::array() : Json(session.inputs.front().shape);
}

struct Timings {
  TimePoint arrived;  // the whole picture was there
  double pool_ms = 0;
  double post_ms = 0;
};

Json answer_json(const HostedModel& hosted, const runtime::Reply& reply,
                 const vision::PreparedImage& picture,
                 const std::vector<vision::Prediction>& predictions, const Timings& timings) {
  const runtime::ServedModel& served = *hosted.served;
  Json list = Json::array();
  for (const vision::Prediction& prediction : predictions)
    list.push_back(vision::to_json(prediction));
  const std::string& no_npu = served.placements().no_npu;
  return {{"success", true},
          {"predictions", std::move(list)},
          {"inference_time_ms", rounded(reply.infer_ms)},
          {"shape", picture_shape(served.session())},
          {"model", served.package().name},
          {"version", served.version()},
          {"device", reply.device},
          {"engine", reply.engine},
          {"artifact", reply.artifact},
          {"fallback", reply.fallback ? Json(*reply.fallback) : Json(false)},
          {"attempts", reply.attempts},
          {"image", {{"width", picture.original_width()}, {"height", picture.original_height()}}},
          {"timings_ms",
           {{"decode", rounded(picture.decode_ms())},
            {"preprocess", rounded(picture.preprocess_ms())},
            {"queue", rounded(timings.pool_ms + reply.queue_ms)},
            {"infer", rounded(reply.infer_ms)},
            {"postprocess", rounded(timings.post_ms)},
            {"total", rounded(ms_since(timings.arrived))}}},
          {"why_no_npu", no_npu.empty() ? Json(nullptr) : Json(no_npu)}};
}

// What is wrong with a picture is said as 4xx: no such format 415, too large 413, broken 422.
Response picture_error(const Error& error) {
  return error_response(error, error.code == Code::kInvalid ? 422 : 0);
}

asio::awaitable<Result<ModelHost::Hosted>> find_model(Services& services, std::string name,
                                                      int version) {
  ModelHost::Hosted ready = services.models.ready(name, version);
  if (ready) co_return ready;
  std::function<void(ModelHost::Done)> start = [&](const ModelHost::Done& done) {
    Result<> posted = services.pool.post(Work::kStart, [&services, &name, version, done] {
      services.models.find(name, version, done);
    });
    if (!posted) done(std::move(posted).error());
  };
  co_return co_await await_callback<Result<ModelHost::Hosted>>(std::move(start));
}

asio::awaitable<Result<runtime::Reply>> run_model(ModelHost::Hosted hosted,
                                                  runtime::Request request) {
  std::function<void(std::function<void(Result<runtime::Reply>)>)> start =
      [&](std::function<void(Result<runtime::Reply>)> done) {
        hosted->served->submit(std::move(request), std::move(done));
      };
  co_return co_await await_callback<Result<runtime::Reply>>(std::move(start));
}

asio::awaitable<Response> infer(Services& services, RequestContext& context) {
  Result<PictureUpload> upload = co_await read_picture(context, services.most_picture_bytes);
  if (!upload) co_return error_response(upload.error());
  Timings timings;
  timings.arrived = Clock::now();
  Result<InferQuestion> question = read_question(context.head(), *upload);
  if (!question) co_return error_response(question.error());
  std::shared_ptr<std::atomic<bool>> gone = context.watch_client();

  Result<ModelHost::Hosted> hosted =
      co_await find_model(services, question->model, question->version);
  if (!hosted) co_return error_response(hosted.error());
  const HostedModel& model = **hosted;
  if (!model.image)
    co_return error_response(
        Error(model.image.error()).within(model.served->package().name + " takes no pictures"),
        422);

  TimePoint posted = Clock::now();
  Result<std::shared_ptr<const vision::PreparedImage>> picture =
      Error{Code::kCancelled, "the client has gone"};
  std::function<void()> prepare = [&] {
    timings.pool_ms = ms_since(posted);
    if (gone->load()) return;
    picture = model.image->prepare(std::as_bytes(std::span(upload->bytes)));
    upload->bytes = {};
  };
  Result<> prepared = co_await services.pool.run(Work::kStart, prepare);
  if (!prepared) co_return error_response(prepared.error());
  if (!picture) co_return picture_error(picture.error());

  runtime::Request request;
  request.input = *picture;
  request.deadline = timings.arrived + services.infer_time;
  request.cancelled = gone;
  Result<runtime::Reply> reply = co_await run_model(*hosted, std::move(request));
  if (!reply) co_return error_response(reply.error());

  Response response;
  std::function<void()> finish = [&] {
    TimePoint start = Clock::now();
    auto predictions = model.image->interpret(reply->outputs, **picture, question->options);
    if (predictions && question->options.threshold >= 0)  // classifiers leave nothing out
      std::erase_if(*predictions, [&](const vision::Prediction& prediction) {
        return prediction.score < question->options.threshold;
      });
    timings.post_ms = ms_since(start);
    response = predictions
                   ? json_response(answer_json(model, *reply, **picture, *predictions, timings))
                   : error_response(predictions.error());
  };
  Result<> finished = co_await services.pool.run(Work::kFinish, finish);
  if (!finished) co_return error_response(finished.error());
  co_return response;
}

}  // namespace

void add_infer_route(Router& router, Services& services) {
  router.add("POST", "/infer",
             "A picture (form field 'image', or a bare body) in; labels or boxes, the device and "
             "the timings out. Parameters: model, version, top, threshold.",
             [&services](RequestContext& context) { return infer(services, context); });
}

}  // namespace anynpu::server

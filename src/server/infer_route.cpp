// SPDX-License-Identifier: Apache-2.0
// POST /infer: pictures in, what is on them out, with where it ran and how long each step took.
//
// The event loop only moves bytes; everything else happens in server/picture_answer.cpp. One
// picture is answered with one object, several with a list of such objects in their order.
#include <atomic>
#include <cmath>
#include <memory>

#include <fmt/format.h>

#include "base/json_text.h"
#include "server/http_error.h"
#include "server/picture_answer.h"
#include "server/picture_upload.h"
#include "server/services.h"

namespace anynpu::server {
namespace {

constexpr long kMostTop = 1000;

struct InferQuestion {
  std::string model;    // empty: the default
  std::string version;  // a number, a label, or nothing
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
  question.version = wanted(head, upload, "version").value_or("");
  if (auto text = wanted(head, upload, "top")) {
    ANYNPU_TRY(top, parse_integer("top", *text, 1, kMostTop));
    question.options.top = static_cast<int>(top);
  }
  if (auto text = wanted(head, upload, "threshold")) {
    ANYNPU_TRY(threshold, parse_number("threshold", *text, 0, 1));
    question.options.threshold = static_cast<float>(threshold);
  }
  return question;
}

// Microseconds are as fine as these clocks are.
double rounded(double ms) {
  return std::round(ms * 1000) / 1000;
}

// Of the tensor that takes the picture.
engine::Shape picture_shape(const engine::SessionInfo& session) {
  for (const engine::TensorInfo& input : session.inputs)
    if (input.shape.size() == 4) return input.shape;
  return session.inputs.empty() ? engine::Shape() : session.inputs.front().shape;
}

std::string answer_text(const FoundModel& found, const PictureAnswer& answer) {
  if (answer.error) return to_text(error_json(*answer.error));
  const runtime::ServedModel& served = *found.hosted->served;
  const runtime::Reply& reply = answer.reply;
  const std::string& no_npu = served.placements().no_npu;
  std::string text;
  text.reserve(1024);
  {
    JsonObject json(text);
    json.add("success", true);
    append_json_list(
        json.name("predictions"), answer.predictions,
        [](std::string& to, const vision::Prediction& each) { vision::append_json(to, each); });
    json.add("inference_time_ms", rounded(reply.infer_ms));
    append_json_list(json.name("shape"), picture_shape(served.session()),
                     [](std::string& to, std::int64_t each) { append_json(to, each); });
    json.add("model", served.package().name);
    json.add("version", served.version());
    json.add("device", reply.device);
    json.add("engine", reply.engine);
    json.add("artifact", reply.artifact);
    if (reply.fallback)
      json.add("fallback", *reply.fallback);
    else
      json.add("fallback", false);
    json.add("attempts", reply.attempts);
    {
      JsonObject image(json.name("image"));
      image.add("width", answer.width);
      image.add("height", answer.height);
    }
    {
      JsonObject timings(json.name("timings_ms"));
      timings.add("decode", rounded(answer.decode_ms));
      timings.add("preprocess", rounded(answer.preprocess_ms));
      timings.add("queue", rounded(answer.queue_ms));
      timings.add("infer", rounded(reply.infer_ms));
      timings.add("postprocess", rounded(answer.post_ms));
      timings.add("total", rounded(answer.total_ms));
    }
    if (no_npu.empty())
      json.add("why_no_npu", nullptr);
    else
      json.add("why_no_npu", no_npu);
    if (!reply.note.empty()) json.add("note", reply.note);
    if (!found.label.empty()) json.add("label", found.label);
  }
  return text;
}

/// The answers to all pictures of a request, as they come, from any thread.
struct Gathering {
  FoundModel found;
  std::vector<std::string> results;  // JSON
  std::vector<std::optional<PictureAnswer>> failed;
  std::atomic<std::size_t> missing = 0;
  std::function<void(Response)> done;

  void take(std::size_t index, PictureAnswer answer) {
    if (results.size() == 1)
      return done(answer.error ? error_response(answer)
                               : json_text_response(answer_text(found, answer)));
    results[index] = answer_text(found, answer);
    if (answer.error) failed[index] = std::move(answer);
    if (missing.fetch_sub(1) == 1) done(response());
  }

  // A status of its own only when no picture at all could be answered.
  Response response() {
    const PictureAnswer* first = nullptr;
    std::size_t failures = 0;
    for (const auto& each : failed) {
      if (!each) continue;
      if (first == nullptr) first = &*each;
      ++failures;
    }
    std::string text;
    {
      JsonObject json(text);
      json.add("success", failures == 0);
      append_json_list(json.name("results"), results,
                       [](std::string& to, const std::string& each) { to += each; });
      if (failures == results.size())
        json.name("error") += to_text(error_json(*first->error)["error"]);
    }
    if (failures < results.size()) return json_text_response(std::move(text));
    Response response = error_response(*first);
    response.body = json_text_response(std::move(text)).body;
    return response;
  }
};

asio::awaitable<Response> infer(Services& services, RequestContext& context) {
  Result<PictureUpload> upload = co_await read_picture(context, services.most_picture_bytes);
  if (!upload) co_return error_response(upload.error());
  TimePoint arrived = Clock::now();
  Result<InferQuestion> question = read_question(context.head(), *upload);
  if (!question) co_return error_response(question.error());
  std::shared_ptr<std::atomic<bool>> gone = context.watch_client();

  if (auto refusal = takes_no_pictures(services, question->model))
    co_return error_response(*refusal, 422);
  Result<FoundModel> found = co_await find_model(services, context, question->model,
                                                 question->version, arrived + services.infer_time);
  if (!found) co_return error_response(found.error());
  const HostedModel& model = *found->hosted;
  if (!model.image)
    co_return error_response(
        Error(model.image.error()).within(model.served->package().name + " takes no pictures"),
        422);

  std::function<void(std::function<void(Response)>)> start =
      [&](std::function<void(Response)> done) {
        const std::size_t count = upload->pictures.size();
        auto gathering = std::make_shared<Gathering>();
        gathering->found = *found;
        gathering->results.resize(count);
        gathering->failed.resize(count);
        gathering->missing = count;
        gathering->done = std::move(done);
        // With the last picture's answer this coroutine goes on: nothing of it is used after that.
        std::vector<PictureQuestion> asked;
        for (std::string& bytes : upload->pictures)
          asked.push_back({found->hosted, std::move(bytes), question->options, arrived, gone});
        Services* all = &services;
        for (std::size_t i = 0; i < count; ++i)
          answer_picture(*all, std::move(asked[i]), [gathering, i](PictureAnswer answer) {
            gathering->take(i, std::move(answer));
          });
      };
  co_return co_await await_callback<Response>(std::move(start));
}

}  // namespace

void add_infer_route(Router& router, Services& services) {
  router.add(
      "POST", "/infer",
      "Pictures (form fields 'image', or one as a bare body) in; labels or boxes, the device "
      "and the timings out.",
      [&services](RequestContext& context) { return infer(services, context); });
}

}  // namespace anynpu::server

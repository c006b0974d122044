// SPDX-License-Identifier: Apache-2.0
// POST /v1/vision/detection, as DeepStack and CodeProject.AI have it: what Frigate's `deepstack`
// detector, Blue Iris and others send their pictures to.
//
// Those clients read the predictions in their order. Frigate stops at the first one below 0.4 and
// at the first label that it does not know, so the highest score comes first, and what has no
// label, or one that the client is not to be told of, is left out.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "server/error_face.h"
#include "server/picture_answer.h"
#include "server/picture_upload.h"
#include "server/services.h"

namespace anynpu::server {
namespace {

Response refusal(const Error& error, int status = 0) {
  return error_response(ErrorFace::kDeepStack, error, status);
}

int pixel(float value, int most) {
  return std::clamp(static_cast<int>(std::lround(value)), 0, most);
}

Json predictions_of(const PictureAnswer& answer, const std::set<std::string>& labels) {
  std::vector<const vision::Prediction*> told;
  for (const vision::Prediction& prediction : answer.predictions)
    if (prediction.box && !prediction.label.empty() &&
        (labels.empty() || labels.contains(prediction.label)))
      told.push_back(&prediction);
  std::stable_sort(told.begin(), told.end(),
                   [](const auto* a, const auto* b) { return a->score > b->score; });
  Json list = Json::array();
  for (const vision::Prediction* prediction : told) {
    const vision::Box& box = *prediction->box;
    list.push_back({{"label", prediction->label},
                    {"confidence", prediction->score},
                    {"x_min", pixel(box.x_min, answer.width)},
                    {"y_min", pixel(box.y_min, answer.height)},
                    {"x_max", pixel(box.x_max, answer.width)},
                    {"y_max", pixel(box.y_max, answer.height)}});
  }
  return list;
}

Response reply_to(const PictureAnswer& answer, const std::set<std::string>& labels) {
  if (answer.error) return refusal(*answer.error, answer.status);
  Json predictions = predictions_of(answer, labels);
  std::string message = predictions.empty() ? "No objects found" : "Found";
  for (std::size_t i = 0; i < predictions.size() && i < 3; ++i)
    message += (i == 0 ? " " : ", ") + predictions[i]["label"].get<std::string>();
  return json_response(
      {{"success", true},
       {"code", 200},
       {"message", message},
       {"count", predictions.size()},
       {"predictions", std::move(predictions)},
       {"inferenceMs", std::lround(answer.reply.infer_ms)},
       {"processMs", std::lround(answer.total_ms)},
       {"device", answer.reply.device},
       {"fallback", answer.reply.fallback ? Json(*answer.reply.fallback) : Json(false)}});
}

/// The token as a header, or as DeepStack's clients send it: in the form's field `api_key`.
bool may_ask(const Gate* gate, const RequestHead& head, const PictureUpload& upload) {
  if (gate == nullptr || gate->lets_in(head)) return true;
  auto key = upload.fields.find("api_key");
  return key != upload.fields.end() && gate->is_token(key->second);
}

struct Rules {
  DetectionOptions options;
  std::set<std::string> labels;
};

asio::awaitable<Response> detect(Services& services, const Rules& rules, RequestContext& context) {
  Result<PictureUpload> upload = co_await read_picture(context, services.most_picture_bytes, 1);
  if (!upload) co_return refusal(upload.error());
  TimePoint arrived = Clock::now();
  if (!may_ask(rules.options.gate, context.head(), *upload))
    co_return refusal(Error{Code::kPermission, "this server asks for its token as api_key"}, 401);
  double threshold = rules.options.threshold;
  auto wanted = upload->fields.find("min_confidence");
  if (wanted != upload->fields.end() && !wanted->second.empty()) {
    Result<double> least = parse_number("min_confidence", wanted->second, 0, 1);
    if (!least) co_return refusal(least.error());
    threshold = *least;
  }
  std::shared_ptr<std::atomic<bool>> gone = context.watch_client();

  std::string name = rules.options.model;
  if (name.empty()) {
    std::function<void()> look = [&] { name = services.models.first_of(model::Task::kDetect); };
    Result<> looked = co_await services.pool.run(Work::kStart, look);
    if (!looked) co_return refusal(looked.error());
    if (name.empty())
      co_return refusal(Error{Code::kNotFound, "there is no model that detects"}.with_hint(
          "get one with: anynpu models pull ssd_mobilenet_v1"));
  }
  std::string version;
  Result<FoundModel> found = co_await find_model(services, context, name, version);
  if (!found) co_return refusal(found.error());
  if (!found->hosted->image) co_return refusal(found->hosted->image.error(), 422);

  std::function<void(std::function<void(Response)>)> start =
      [&](const std::function<void(Response)>& done) {
        PictureQuestion question{found->hosted, std::move(upload->pictures[0]), {}, arrived, gone};
        question.options.threshold = static_cast<float>(threshold);
        question.options.top = 1000;
        answer_picture(services, std::move(question), [done, &rules](const PictureAnswer& answer) {
          done(reply_to(answer, rules.labels));
        });
      };
  co_return co_await await_callback<Response>(std::move(start));
}

}  // namespace

void add_detection_route(Router& router, Services& services, DetectionOptions options) {
  auto rules = std::make_shared<Rules>();
  rules->labels = {options.labels.begin(), options.labels.end()};
  rules->options = std::move(options);
  router.add(
      "POST", "/v1/vision/detection",
      "What is on a picture and where, as DeepStack and CodeProject.AI tell it.",
      [&services, rules](RequestContext& context) { return detect(services, *rules, context); },
      Access::kOwn);
}

}  // namespace anynpu::server

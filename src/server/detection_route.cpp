// SPDX-License-Identifier: Apache-2.0
// POST /v1/vision/detection, as DeepStack and CodeProject.AI have it: what Frigate's `deepstack`
// detector, Blue Iris and others send their pictures to.
//
// Those clients read the predictions in their order. Frigate stops at the first one below 0.4 and
// at the first label that it does not know, so the highest score comes first, and what has no
// label, or one that the client is not to be told of, is left out.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "base/log.h"
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
  mutable std::atomic<bool> labels_noted = false;
};

// Labels that the model does not have would look like empty pictures.
void note_labels(const Rules& rules, const model::Package& package) {
  if (rules.labels.empty() || rules.labels_noted.exchange(true)) return;
  for (const std::string& label : rules.labels) {
    if (std::find(package.labels.begin(), package.labels.end(), label) != package.labels.end())
      continue;
    const std::string nearest = did_you_mean(label, package.labels);
    log::warn("detection.labels: {} has no '{}'{}", package.name, printable(label, 60),
              nearest.empty() ? "" : fmt::format(", did you mean '{}'?", nearest));
  }
}

// Whose token may be in the form is somebody whose body is read before it is known.
constexpr BodyTerms kStrangersBody = {
    .most_bytes = 16 << 20, .time = seconds(10), .is_stranger = true};

asio::awaitable<Response> detect(Services& services, const Rules& rules, RequestContext& context) {
  const RequestHead& head = context.head();
  if (rules.options.gate != nullptr && !rules.options.gate->lets_in(head)) {
    if (head.media_type() != "multipart/form-data")
      co_return rules.options.gate->unauthorized(head.target.path);
    BodyTerms terms = kStrangersBody;
    terms.most_bytes = std::min<std::uint64_t>(terms.most_bytes, services.most_picture_bytes);
    context.allow_body(terms);
  }
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
  if (auto none = takes_no_pictures(services, name)) co_return refusal(*none, 422);
  Result<FoundModel> found =
      co_await find_model(services, context, name, version, arrived + services.infer_time);
  if (!found) co_return refusal(found.error());
  if (!found->hosted->image) co_return refusal(found->hosted->image.error(), 422);
  const model::Package& package = found->hosted->served->package();
  if (package.task != model::Task::kDetect)
    co_return refusal(
        Error{Code::kUnsupported,
              fmt::format("{} says what a picture shows, and not where", package.name)}
            .with_hint("name one that detects in detection.model"),
        422);
  note_labels(rules, package);

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

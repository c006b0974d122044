// SPDX-License-Identifier: Apache-2.0
// One picture's way through the pool, the model and the pool again; or, where that is better,
// straight to the model's thread, which then does it all.
#include "server/picture_answer.h"

#include <exception>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "server/http_error.h"
#include "server/metrics.h"
#include "server/recent_times.h"
#include "vision/late_picture.h"

namespace anynpu::server {
namespace {

// What is wrong with a picture is said as 4xx: no such format 415, too large 413, broken 422.
constexpr int kBrokenPicture = 422;

/// One question on its way. Whoever works on it holds it.
class Course : public std::enable_shared_from_this<Course> {
 public:
  Course(Services& services, PictureQuestion question, std::function<void(PictureAnswer)> done)
      : services_(services), question_(std::move(question)), done_(std::move(done)) {}

  void start() {
    const auto encoded = std::as_bytes(std::span(question_.bytes));
    if (model().served->prepares() && vision::is_quickly_decoded(encoded)) {
      // What the model's thread holds keeps the model: it is let go by a thread of its own.
      late_ = std::make_shared<vision::LatePicture>(
          std::shared_ptr<const vision::ImageModel>(question_.hosted, &*model().image),
          std::move(question_.bytes));
      return submit(late_);
    }
    posted_ = Clock::now();
    Result<> posted = services_.pool.post(
        Work::kStart, [self = shared_from_this()] { self->attempt(&Course::prepare); });
    if (!posted) fail(std::move(posted).error());
  }

 private:
  const HostedModel& model() const { return *question_.hosted; }

  // A step that throws, for want of memory, has failed as others do.
  template <typename Step, typename... Arguments>
  void attempt(Step step, Arguments&&... arguments) {
    try {
      (this->*step)(std::forward<Arguments>(arguments)...);
    } catch (const std::exception& problem) {
      fail(Error{Code::kInternal,
                 fmt::format("the picture cannot be worked on: {}", problem.what())});
    }
  }

  void prepare() {
    answer_.queue_ms = ms_since(posted_);
    if (Clock::now() >= question_.arrived + services_.infer_time)
      return fail(Error{Code::kTimeout, "the request's time was over before its turn came"});
    if (question_.gone && question_.gone->load())
      return fail(Error{Code::kCancelled, "the client has gone"});
    auto picture = model().image->prepare(std::as_bytes(std::span(question_.bytes)));
    question_.bytes = {};
    if (!picture) {
      return refuse(std::move(picture).error());
    }
    picture_ = std::move(*picture);
    submit(picture_);
  }

  void submit(std::shared_ptr<const runtime::InputSource> input) {
    runtime::Request request;
    request.input = std::move(input);
    request.deadline = question_.arrived + services_.infer_time;
    request.cancelled = question_.gone;
    model().served->submit(std::move(request),
                           [self = shared_from_this()](Result<runtime::Reply> reply) {
                             self->attempt(&Course::take, std::move(reply));
                           });
  }

  // On a lane's thread. Another thread is woken only where that helps: when requests wait for this
  // lane, and its worker does not want the processor that the other thread would take.
  void take(Result<runtime::Reply> reply) {
    if (!reply) {
      if (auto problem = late_ ? late_->problem() : std::nullopt)
        return refuse(std::move(*problem));
      return fail(std::move(reply).error());
    }
    answer_.reply = std::move(*reply);
    if (late_) picture_ = *late_->picture();
    if (answer_.reply.device == "cpu" || model().served->counters().queued == 0) return interpret();
    Result<> posted = services_.pool.post(
        Work::kFinish, [self = shared_from_this()] { self->attempt(&Course::interpret); });
    if (!posted) fail(std::move(posted).error());
  }

  void interpret() {
    TimePoint start = Clock::now();
    auto predictions =
        model().image->interpret(answer_.reply.outputs, *picture_, question_.options);
    if (!predictions) return fail(std::move(predictions).error());
    if (question_.options.threshold >= 0)  // classifiers leave nothing out
      std::erase_if(*predictions, [&](const vision::Prediction& prediction) {
        return prediction.score < question_.options.threshold;
      });
    answer_.predictions = std::move(*predictions);
    answer_.reply.outputs.clear();
    answer_.width = picture_->original_width();
    answer_.height = picture_->original_height();
    answer_.decode_ms = picture_->decode_ms();
    answer_.preprocess_ms = picture_->preprocess_ms();
    answer_.queue_ms += answer_.reply.queue_ms;
    answer_.post_ms = ms_since(start);
    answer_.total_ms = ms_since(question_.arrived);
    note();
    finish();
  }

  void note() {
    const std::string& name = model().served->package().name;
    const int version = model().served->version();
    if (services_.times != nullptr) services_.times->note(name, version, answer_.total_ms);
    if (services_.metrics != nullptr)
      services_.metrics->of(name, version)
          .answered(answer_.reply, {.queue_ms = answer_.queue_ms,
                                    .decode_ms = answer_.decode_ms,
                                    .preprocess_ms = answer_.preprocess_ms,
                                    .infer_ms = answer_.reply.infer_ms,
                                    .postprocess_ms = answer_.post_ms,
                                    .total_ms = answer_.total_ms});
  }

  // The picture is not what it should be.
  void refuse(Error error) {
    const bool broken = error.code == Code::kInvalid;
    fail(std::move(error), broken ? kBrokenPicture : 0);
  }

  void fail(Error error, int status = 0) {
    if (services_.metrics != nullptr)
      services_.metrics->of(model().served->package().name, model().served->version())
          .failed(error.code);
    answer_ = {};
    answer_.error = std::move(error);
    answer_.status = status;
    finish();
  }

  void finish() {
    if (auto done = std::exchange(done_, nullptr)) done(std::move(answer_));
  }

  Services& services_;
  PictureQuestion question_;
  std::function<void(PictureAnswer)> done_;
  TimePoint posted_ = {};
  std::shared_ptr<const vision::LatePicture> late_;  // when it went straight to the model
  std::shared_ptr<const vision::PreparedImage> picture_;
  PictureAnswer answer_;
};

}  // namespace

void answer_picture(Services& services, PictureQuestion question,
                    std::function<void(PictureAnswer)> done) {
  std::make_shared<Course>(services, std::move(question), std::move(done))->start();
}

std::optional<Error> takes_no_pictures(const Services& services, const std::string& name) {
  const std::optional<model::Task> task = services.models.task_of(name);
  if (task != model::Task::kTranscribe && task != model::Task::kVad) return std::nullopt;
  return Error{Code::kUnsupported, fmt::format("{} takes no pictures", printable(name, 64))}
      .with_hint("recordings go to POST /transcribe");
}

asio::awaitable<Result<FoundModel>> find_model(Services& services, RequestContext& context,
                                               std::string name, std::string version,
                                               TimePoint deadline) {
  auto header = [&context](std::string_view wanted) { return context.head().header(wanted); };
  Result<PickedVersion> picked = services.models.pick(name, version, header);
  if (!picked) co_return std::move(picked).error();
  ModelHost::Hosted ready = services.models.ready(name, picked->number);
  if (ready) co_return FoundModel{std::move(ready), std::move(picked->label)};
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  std::function<void(ModelHost::Done)> start = [&](const ModelHost::Done& settle) {
    const ModelHost::Done done = by_deadline<ModelHost::Hosted>(
        executor, deadline, Error{Code::kTimeout, "the model was not loaded in time"}, settle);
    Result<> posted =
        services.pool.post(Work::kStart, [&services, name, number = picked->number, done] {
          services.models.find(name, number, done);
        });
    if (!posted) done(std::move(posted).error());
  };
  Result<ModelHost::Hosted> found =
      co_await await_callback<Result<ModelHost::Hosted>>(std::move(start));
  if (!found) co_return std::move(found).error();
  co_return FoundModel{std::move(*found), std::move(picked->label)};
}

Response error_response(const PictureAnswer& answer) {
  return error_response(*answer.error, answer.status);
}

}  // namespace anynpu::server

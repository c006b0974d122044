// SPDX-License-Identifier: Apache-2.0
// POST .../infer: tensors or pictures in, tensors out.
//
// The event loop only moves bytes. Parsing, decoding and encoding run on the work pool, the model
// on its own lanes, and the coroutine waits for each in turn.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <mutex>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "server/oip/classification.h"
#include "server/oip/handlers.h"
#include "server/oip/infer_plan.h"
#include "server/oip/response.h"
#include "server/recent_times.h"
#include "vision/classify.h"

namespace anynpu::server::oip {
namespace {

using Replies = std::vector<runtime::Reply>;

constexpr std::size_t kMostLabelled = 1 << 30;  // class ids are ints where labels are

struct Call {
  std::string model, version;  // as the path names them
  TimePoint arrived;           // the whole body was there
  std::shared_ptr<SentRequest> sent = std::make_shared<SentRequest>();
  std::string json_length;  // the header
  std::shared_ptr<std::atomic<bool>> gone;
  TimePoint deadline;
  ModelDirectory::Hosted hosted;
  InferPlan plan;
  RequestTimes times;

  const runtime::ServedModel& served() const { return *hosted->served; }
};

double rounded(double ms) {
  return std::round(ms * 1000) / 1000;
}

/// Reads the request and checks it against the model.
Result<> prepare(Call& call) {
  const TimePoint start = Clock::now();
  if (call.gone->load()) return Error{Code::kCancelled, "the client has gone"};
  ANYNPU_TRY(json_length, parse_json_length(call.json_length));
  ANYNPU_TRY(request, parse_infer_request(call.sent->body, json_length));
  call.sent->request = std::move(request);
  ANYNPU_CHECK(resolve_raw(call.sent->request, call.served()));
  for (const InferOutput& output : call.sent->request.outputs) {
    const auto& outputs = call.served().session().outputs;
    if (std::any_of(outputs.begin(), outputs.end(),
                    [&](const auto& each) { return each.name == output.name; }))
      continue;
    std::vector<std::string> names;
    for (const engine::TensorInfo& each : outputs)
      names.push_back("'" + printable(each.name, 100) + "'");
    return Error{Code::kInvalid,
                 fmt::format("the model has no output '{}'", printable(output.name, 100))}
        .with_hint("it has " + join(names, ", "));
  }
  const vision::ImageModel* image = call.hosted->image ? &*call.hosted->image : nullptr;
  if (call.sent->request.timeout)
    call.deadline = std::min(call.deadline, call.arrived + *call.sent->request.timeout);
  const auto goes_on = [&call]() -> Result<> {
    if (call.gone->load()) return Error{Code::kCancelled, "the client has gone"};
    if (Clock::now() < call.deadline) return {};
    return Error{Code::kTimeout, "the request's time was over before its pictures were decoded"};
  };
  ANYNPU_TRY(plan, plan_inference(call.sent, call.served(), image, goes_on));
  call.plan = std::move(plan);
  call.times.input_ms = ms_since(start);
  return {};
}

/// Whether more than the number of rows is the request's choice.
bool takes_any_size(const engine::SessionInfo& session) {
  return std::any_of(session.inputs.begin(), session.inputs.end(), [](const auto& input) {
    return input.shape.size() > 1 && std::any_of(input.shape.begin() + 1, input.shape.end(),
                                                 [](auto size) { return size < 0; });
  });
}

/// The rows of a request on their way through the model; the first error counts.
///
/// No more of them are under way at one time than the model's queue holds: a request of more rows
/// than that would otherwise be refused whenever it came.
class RowsUnderWay : public std::enable_shared_from_this<RowsUnderWay> {
 public:
  using Done = std::function<void(Result<Replies>)>;

  /// Takes the rows out of `call`, which may be gone as soon as the last one is answered.
  RowsUnderWay(Call& call, Done done)
      : hosted_(call.hosted),
        gone_(call.gone),
        rows_(std::move(call.plan.rows)),
        deadline_(call.deadline),
        any_size_(takes_any_size(call.served().session())),
        done_(std::move(done)),
        replies_(rows_.size()) {}

  void start() {
    const std::size_t most = std::min(rows_.size(), hosted_->served->queue_limit());
    for (std::size_t i = 0; i < most; ++i) submit_next();
  }

 private:
  void submit_next() {
    runtime::Request request;
    std::size_t row = 0;
    {
      const std::lock_guard lock(mutex_);
      if (error_ || next_ == rows_.size()) return;
      row = next_++;
      ++under_way_;
    }
    request.input = rows_[row];
    request.deadline = deadline_;
    // How long a run of any size may take is not known from the canary's.
    if (any_size_) request.run_limit = deadline_ - Clock::now();
    request.cancelled = gone_;
    hosted_->served->submit(std::move(request),
                            [self = shared_from_this(), row](Result<runtime::Reply> reply) {
                              self->take(row, std::move(reply));
                            });
  }

  void take(std::size_t row, Result<runtime::Reply> reply) {
    bool last = false;
    {
      const std::lock_guard lock(mutex_);
      --under_way_;
      if (reply)
        replies_[row] = std::move(*reply);
      else if (!error_)
        error_ = std::move(reply).error();
      last = under_way_ == 0 && (error_ || next_ == rows_.size());
    }
    if (!last) return submit_next();
    done_(error_ ? Result<Replies>(*error_) : Result<Replies>(std::move(replies_)));
  }

  const ModelDirectory::Hosted hosted_;
  const std::shared_ptr<std::atomic<bool>> gone_;
  const std::vector<std::shared_ptr<const runtime::InputSource>> rows_;
  const TimePoint deadline_;
  const bool any_size_;
  const Done done_;

  std::mutex mutex_;  // guards what follows
  std::vector<runtime::Reply> replies_;
  std::optional<Error> error_;
  std::size_t next_ = 0;
  std::size_t under_way_ = 0;
};

asio::awaitable<Result<Replies>> run_rows(Call& call) {
  std::function<void(RowsUnderWay::Done)> start = [&](RowsUnderWay::Done done) {
    std::make_shared<RowsUnderWay>(call, std::move(done))->start();
  };
  co_return co_await await_callback<Result<Replies>>(std::move(start));
}

Parameters reply_parameters(const Replies& replies) {
  const runtime::Reply* shown = &replies.front();
  double queue_ms = 0;
  double infer_ms = 0;
  for (const runtime::Reply& reply : replies) {
    if (reply.fallback && !shown->fallback) shown = &reply;
    queue_ms = std::max(queue_ms, reply.queue_ms);
    infer_ms = std::max(infer_ms, reply.infer_ms);
  }
  return {{"device", shown->device},
          {"engine", shown->engine},
          {"artifact", shown->artifact},
          {"fallback", shown->fallback ? ParameterValue(*shown->fallback) : ParameterValue(false)},
          {"queue_ms", rounded(queue_ms)},
          {"infer_ms", rounded(infer_ms)}};
}

/// The outputs that were asked for, or all, each as it was asked for.
Result<std::vector<ResponseOutput>> chosen_outputs(const InferRequest& request,
                                                   std::vector<engine::Tensor> outputs,
                                                   const model::Package& package) {
  std::vector<ResponseOutput> chosen;
  if (request.outputs.empty())
    for (engine::Tensor& output : outputs)
      chosen.push_back({std::move(output), request.binary_output});
  for (const InferOutput& wanted : request.outputs) {
    auto found = std::find_if(outputs.begin(), outputs.end(), [&](const engine::Tensor& output) {
      return output.info.name == wanted.name;
    });
    ResponseOutput output{std::move(*found), wanted.binary.value_or(request.binary_output)};
    if (wanted.classification > 0) {
      auto label = [&package](std::size_t class_id) -> std::string_view {
        return class_id <= kMostLabelled ? vision::label_of(package, static_cast<int>(class_id))
                                         : std::string_view();
      };
      ANYNPU_TRY(classes, classify_output(output.tensor, wanted.classification, label));
      output.tensor = std::move(classes);
    }
    chosen.push_back(std::move(output));
  }
  return chosen;
}

Result<Response> reply_to(const Call& call, Replies& replies) {
  InferResponse reply;
  reply.model_name = call.served().package().name;
  reply.model_version = std::to_string(call.served().version());
  reply.id = call.sent->request.id;
  reply.parameters = reply_parameters(replies);
  ANYNPU_TRY(outputs, join_answers(call.served().session(), replies));
  ANYNPU_TRY(chosen,
             chosen_outputs(call.sent->request, std::move(outputs), call.served().package()));
  reply.outputs = std::move(chosen);
  ANYNPU_TRY(encoded, encode_response(reply));
  Response response;
  response.headers = {
      {"Content-Type", encoded.json_length ? "application/octet-stream" : "application/json"},
      {"Cache-Control", "no-store"}};
  if (encoded.json_length)
    response.headers.push_back(
        {"Inference-Header-Content-Length", std::to_string(*encoded.json_length)});
  response.body = std::move(encoded.body);
  return response;
}

void note_answer(OipServices& services, Call& call, const Replies& replies) {
  const std::string& name = call.served().package().name;
  const int version = call.served().version();
  call.times.total_ms = ms_since(call.arrived);
  for (const runtime::Reply& reply : replies) {
    call.times.queue_ms = std::max(call.times.queue_ms, reply.queue_ms);
    call.times.infer_ms = std::max(call.times.infer_ms, reply.infer_ms);
  }
  services.statistics.answered(name, std::to_string(version), replies, call.times);
  if (services.server.times != nullptr)
    services.server.times->note(name, version, call.times.total_ms);
  if (services.metrics == nullptr) return;
  const double rows = static_cast<double>(replies.size());
  for (const runtime::Reply& reply : replies) {
    InferenceTimes times;
    times.queue_ms = reply.queue_ms;
    times.infer_ms = reply.infer_ms;
    if (call.plan.decode_ms > 0) times.decode_ms = call.plan.decode_ms / rows;
    if (call.plan.decode_ms > 0) times.preprocess_ms = call.plan.preprocess_ms / rows;
    times.total_ms = call.times.total_ms;
    services.metrics->of(name, version).answered(reply, times);
  }
}

Response note_failure(OipServices& services, const Call& call, const Error& error) {
  const std::string& name = call.served().package().name;
  const int version = call.served().version();
  services.statistics.failed(name, std::to_string(version), ms_since(call.arrived));
  if (services.metrics != nullptr) services.metrics->of(name, version).failed(error.code);
  return error_response(error);
}

}  // namespace

asio::awaitable<Response> infer(Shared services, RequestContext& context) {
  Call call;
  call.model = context.path_parameter("model");
  call.version = context.path_parameter("version");
  call.json_length = context.head().header("Inference-Header-Content-Length");
  Result<std::string> body = co_await read_body(context, services->server.most_picture_bytes);
  if (!body) co_return error_response(body.error());
  call.arrived = Clock::now();
  call.deadline = call.arrived + services->server.infer_time;
  call.sent->body = std::move(*body);
  call.gone = context.watch_client();

  auto header = [&context](std::string_view name) { return context.head().header(name); };
  Result<std::string> version = services->models->pick(call.model, call.version, header);
  if (!version) co_return error_response(version.error());
  Result<ModelDirectory::Hosted> hosted =
      co_await find_model(services, call.model, *version, call.deadline);
  if (!hosted) co_return error_response(hosted.error());
  call.hosted = std::move(*hosted);

  Result<> prepared;
  std::function<void()> read = [&] { prepared = prepare(call); };
  Result<> ran = co_await services->server.pool.run(Work::kStart, read);
  if (!ran) prepared = std::move(ran);
  if (!prepared) co_return note_failure(*services, call, prepared.error());

  Result<Replies> replies = co_await run_rows(call);
  if (!replies) co_return note_failure(*services, call, replies.error());

  Result<Response> response = Response();
  std::function<void()> write = [&] {
    const TimePoint start = Clock::now();
    response = reply_to(call, *replies);
    call.times.output_ms = ms_since(start);
  };
  Result<> written = co_await services->server.pool.run(Work::kFinish, write);
  if (!written) response = std::move(written).error();
  if (!response) co_return note_failure(*services, call, response.error());
  note_answer(*services, call, *replies);
  co_return std::move(*response);
}

}  // namespace anynpu::server::oip

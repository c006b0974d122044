// SPDX-License-Identifier: Apache-2.0
// Jobs over HTTP. What touches the disk runs on the work pool.
#include <fmt/format.h>

#include "server/http_error.h"
#include "server/speech/intake.h"
#include "server/speech/routes.h"

namespace anynpu::server {
namespace {

Json job_json(const JobStatus& job, bool whole) {
  const std::string url = fmt::format("/transcribe/jobs/{}", job.id);
  Json json = {
      {"id", job.id},
      {"state", to_string(job.state)},
      {"filename", job.filename},
      {"created", job.created},
      {"done_seconds", job.done},
      {"total_seconds", job.total ? Json(*job.total) : Json(nullptr)},
      {"progress", job.state == JobState::kDone  ? Json(1.0)
                   : job.total && *job.total > 0 ? Json(std::min(1.0, job.done / *job.total))
                                                 : Json(nullptr)},
      {"segments", job.segments},
      {"url", url},
      {"result_url", url + "/result"}};
  if (whole) json["text"] = job.text;
  if (job.held_up) json["held_up"] = job.held_up->message;
  if (job.error) json["error"] = error_json(*job.error)["error"];
  return json;
}

/// Runs `work` on the pool and answers with its response.
asio::awaitable<Response> on_pool(Services& services, const std::function<Response()>& work) {
  Response response;
  std::function<void()> run = [&] { response = work(); };
  Result<> ran = co_await services.pool.run(Work::kFinish, run);
  if (!ran) co_return error_response(ran.error());
  co_return response;
}

asio::awaitable<Response> create(RequestContext& context, Services& services, SpeechService& speech,
                                 SpeechJobs& jobs) {
  std::shared_ptr<SpeechJobs::Draft> draft;
  IntakeTerms terms;
  terms.begin = false;
  terms.spool = [&]() -> Result<std::shared_ptr<audio::Spool>> {
    ANYNPU_TRY(made, jobs.draft());
    draft = made;
    return draft->audio;
  };
  auto upload = co_await take_audio(context, speech, services.pool, terms);
  if (!upload) co_return error_response(upload.error().error);
  std::function<Response()> add = [&] {
    Result<JobStatus> job = jobs.add(*draft, upload->question.work, upload->filename);
    if (!job) return error_response(job.error());
    Response response = json_response(job_json(*job, false), 202);
    response.headers.push_back({"Location", fmt::format("/transcribe/jobs/{}", job->id)});
    return response;
  };
  co_return co_await on_pool(services, add);
}

asio::awaitable<Response> result(RequestContext& context, Services& services, SpeechJobs& jobs) {
  auto question = read_question(SpeechFace::kOwn, context.head().target, {});
  if (!question) co_return error_response(question.error().error);
  std::string id(context.path_parameter("id"));
  const std::string partial = to_lower(context.head().target.parameter("partial").value_or(""));
  std::function<Response()> read = [&] {
    Result<JobResult> kept = jobs.result(id, partial == "true" || partial == "1");
    if (!kept) return error_response(kept.error(), kept.error().code == Code::kBusy ? 409 : 0);
    Response response;
    response.headers = {{"Content-Type", std::string(speech::media_type(question->format))},
                        {"Cache-Control", "no-store"}};
    response.body = speech::write(kept->transcript, question->format,
                                  {.translated = kept->work.translate,
                                   .segments = question->segments,
                                   .words = kept->work.words});
    return response;
  };
  co_return co_await on_pool(services, read);
}

}  // namespace

void add_job_routes(Router& router, Services& services, SpeechService& speech, SpeechJobs& jobs) {
  router.add("POST", "/transcribe/jobs",
             "Long audio: 202 with the job, which goes on without a connection and over a restart.",
             [&services, &speech, &jobs](RequestContext& context) {
               return create(context, services, speech, jobs);
             });
  router.add("GET", "/transcribe/jobs", "All jobs, the oldest first.",
             [&services, &jobs](RequestContext&) -> asio::awaitable<Response> {
               std::function<Response()> list = [&] {
                 Json all = Json::array();
                 for (const JobStatus& job : jobs.list()) all.push_back(job_json(job, false));
                 return json_response({{"jobs", std::move(all)}});
               };
               co_return co_await on_pool(services, list);
             });
  router.add("GET", "/transcribe/jobs/{id}", "How far a job is, with its text so far.",
             [&services, &jobs](RequestContext& context) -> asio::awaitable<Response> {
               std::string id(context.path_parameter("id"));
               std::function<Response()> find = [&] {
                 Result<JobStatus> job = jobs.find(id);
                 return job ? json_response(job_json(*job, true)) : error_response(job.error());
               };
               co_return co_await on_pool(services, find);
             });
  router.add(
      "GET", "/transcribe/jobs/{id}/result",
      "The transcript of a job that is done, as ?format= says; 409 while it is not.",
      [&services, &jobs](RequestContext& context) { return result(context, services, jobs); });
  router.add("DELETE", "/transcribe/jobs/{id}", "Ends a job and removes what there is of it.",
             [&services, &jobs](RequestContext& context) -> asio::awaitable<Response> {
               std::string id(context.path_parameter("id"));
               std::function<Response()> remove = [&] {
                 Result<> removed = jobs.remove(id);
                 return removed ? json_response({{"id", id}, {"removed", true}})
                                : error_response(removed.error());
               };
               co_return co_await on_pool(services, remove);
             });
}

}  // namespace anynpu::server

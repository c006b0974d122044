// SPDX-License-Identifier: Apache-2.0
// Audio in, text out: whole, or as server-sent events while it is made.
#include "server/speech/routes.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "server/http_error.h"
#include "server/speech/intake.h"
#include "speech/languages.h"

namespace anynpu::server {
namespace {

speech::FormatOptions format_options(const SpeechQuestion& question) {
  return {.translated = question.work.translate,
          .segments = question.segments,
          .words = question.work.words};
}

// /transcribe's verbose JSON also has WhisperX' list of words when words were asked for.
std::string answer_body(SpeechFace face, const SpeechQuestion& question,
                        const speech::Transcript& transcript) {
  const speech::FormatOptions options = format_options(question);
  if (face != SpeechFace::kOwn || question.format != speech::Format::kVerboseJson)
    return speech::write(transcript, question.format, options);
  Json json = speech::verbose_json(transcript, options);
  if (question.work.words)
    json["word_segments"] =
        Json::parse(speech::write(transcript, speech::Format::kWhisperX))["word_segments"];
  return json_response(json).body;
}

Response answer(SpeechFace face, const SpeechQuestion& question,
                const speech::Transcript& transcript) {
  Response response;
  response.headers = {{"Content-Type", std::string(speech::media_type(question.format))},
                      {"Cache-Control", "no-store"},
                      {"X-Anynpu-Model", transcript.model},
                      {"X-Anynpu-Device", transcript.device}};
  if (transcript.fallback)
    response.headers.push_back({"X-Anynpu-Fallback", printable(*transcript.fallback, 200)});
  response.body = answer_body(face, question, transcript);
  return response;
}

std::string event(const Json& json) {
  return fmt::format("data: {}\n\n", json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

Json rounded_progress(const speech::Progress& progress) {
  auto ms = [](double seconds) { return std::round(seconds * 1000) / 1000; };
  return {{"type", "transcript.progress"},
          {"done", ms(progress.done)},
          {"total", progress.total ? Json(ms(*progress.total)) : Json(nullptr)}};
}

std::string delta_events(SpeechFace face, const Transcription::News& news, bool first) {
  std::string events;
  for (const speech::Segment& segment : news.segments) {
    std::string_view text = segment.text;
    if (first) text.remove_prefix(std::min(text.size(), text.find_first_not_of(" \n\t")));
    first = false;
    Json delta = {{"type", "transcript.text.delta"}, {"delta", text}};
    if (face == SpeechFace::kOwn) delta["segment"] = speech::segment_json(segment);
    events += event(delta);
  }
  if (face == SpeechFace::kOwn &&
      (news.state == Transcription::State::kWorking || news.progress.done > 0))
    events += event(rounded_progress(news.progress));
  return events;
}

Json done_event(SpeechFace face, const SpeechQuestion& question,
                const speech::Transcript& transcript) {
  Json json = {{"type", "transcript.text.done"}, {"text", transcript.text}};
  if (face == SpeechFace::kOwn)
    json["transcript"] = speech::verbose_json(transcript, format_options(question));
  return json;
}

// The first news is waited for, so that what fails at once is answered with its status.
asio::awaitable<Response> answer_stream(SpeechFace face, RequestContext& context,
                                        const SpeechQuestion& question,
                                        Transcription& transcription) {
  std::size_t known = 0;
  Transcription::News news;
  do {
    news = co_await transcription.wait(known);
  } while (news.state != Transcription::State::kEnded && news.segments.empty() &&
           !(face == SpeechFace::kOwn && news.progress.done > 0));
  if (news.state == Transcription::State::kEnded && !transcription.result())
    co_return speech_error(face, transcription.result().error());
  Response head;
  head.headers = {{"Content-Type", "text/event-stream"},
                  {"Cache-Control", "no-store"},
                  {"X-Accel-Buffering", "no"}};
  bool there = co_await context.begin_stream(head);
  while (there) {
    std::string events = delta_events(face, news, known == 0);
    known += news.segments.size();
    there = co_await context.stream(events);
    if (!there || news.state == Transcription::State::kEnded) break;
    news = co_await transcription.wait(known);
  }
  if (there) {
    const Result<speech::Transcript>& result = transcription.result();
    std::string last;
    if (result) {
      last = event(done_event(face, question, *result));
    } else {
      Json problem = Json::parse(speech_error(SpeechFace::kOpenAi, result.error()).body);
      problem["type"] = "error";
      last = event(problem);
    }
    co_await context.stream(last);
  } else {
    transcription.stop();
  }
  co_return Response();
}

// As whisper-asr-webservice answers; `confidence` is null when the model does not tell it.
Response detected(const speech::Transcript& transcript) {
  if (transcript.language.empty())
    return error_response(
        Error{Code::kInvalid, "nobody speaks in the first half minute of the audio"});
  const auto& sure = transcript.language_probability;
  return json_response({{"detected_language", speech::language_name(transcript.language)},
                        {"language_code", transcript.language},
                        {"confidence", sure ? Json(*sure) : Json(nullptr)}});
}

asio::awaitable<Response> transcribe(SpeechFace face, RequestContext& context, Services& services,
                                     SpeechService& speech) {
  IntakeTerms terms;
  terms.face = face;
  terms.spool = [&speech]() -> Result<std::shared_ptr<audio::Spool>> {
    const SpeechOptions& options = speech.options();
    ANYNPU_TRY(spool, audio::Spool::create(options.spool, options.upload_bytes));
    return std::shared_ptr<audio::Spool>(std::move(spool));
  };
  auto upload = co_await take_audio(context, speech, services.pool, terms);
  if (!upload) co_return speech_error(face, upload.error().error, upload.error().parameter);
  std::shared_ptr<Transcription> transcription = upload->transcription;
  transcription->watch(context.watch_client());
  if (upload->question.stream && face != SpeechFace::kAsrDetect)
    co_return co_await answer_stream(face, context, upload->question, *transcription);
  Transcription::News news;
  std::size_t known = SIZE_MAX;
  do {
    news = co_await transcription->wait(known);
  } while (news.state != Transcription::State::kEnded);
  const Result<speech::Transcript>& result = transcription->result();
  if (!result) co_return speech_error(face, result.error());
  if (face == SpeechFace::kAsrDetect) co_return detected(*result);
  co_return answer(face, upload->question, *result);
}

Json model_object(const std::string& name) {
  return {{"id", name}, {"object", "model"}, {"created", 0}, {"owned_by", "anynpu"}};
}

asio::awaitable<Result<std::vector<std::string>>> names_of(Services& services,
                                                           SpeechService& speech) {
  std::vector<std::string> names;
  std::function<void()> read = [&] { names = speech.models().names(); };
  Result<> ran = co_await services.pool.run(Work::kFinish, read);
  if (!ran) co_return std::move(ran).error();
  co_return names;
}

asio::awaitable<Response> list_models(Services& services, SpeechService& speech) {
  Result<std::vector<std::string>> names = co_await names_of(services, speech);
  if (!names) co_return speech_error(SpeechFace::kOpenAi, names.error());
  Json list = Json::array();
  for (const std::string& name : *names) list.push_back(model_object(name));
  // Clients that know OpenAI's name only look for it in this list.
  if (!names->empty()) list.push_back(model_object("whisper-1"));
  co_return json_response({{"object", "list"}, {"data", std::move(list)}});
}

asio::awaitable<Response> one_model(RequestContext& context, Services& services,
                                    SpeechService& speech) {
  Result<std::vector<std::string>> names = co_await names_of(services, speech);
  if (!names) co_return speech_error(SpeechFace::kOpenAi, names.error());
  std::string wanted(context.path_parameter("model"));
  if (contains(*names, wanted) || (wanted == "whisper-1" && !names->empty()))
    co_return json_response(model_object(wanted));
  Error unknown{Code::kNotFound,
                fmt::format("there is no model '{}' that transcribes", printable(wanted, 60))};
  co_return speech_error(SpeechFace::kOpenAi, unknown);
}

}  // namespace

void add_speech_routes(Router& router, Services& services, SpeechService& speech) {
  const struct {
    const char* pattern;
    const char* summary;
    SpeechFace face;
  } faces[] = {
      {"/transcribe",
       "Audio (a form's field 'file', 'audio' or 'audio_file', or a bare body) in; its text out, "
       "whole or as events while it is made.",
       SpeechFace::kOwn},
      {"/v1/audio/transcriptions", "Speech to text, as OpenAI has it.", SpeechFace::kOpenAi},
      {"/v1/audio/translations", "Speech to English text, as OpenAI has it.",
       SpeechFace::kOpenAiTranslation},
      {"/asr", "Speech to text, as whisper-asr-webservice has it.", SpeechFace::kAsr},
      {"/detect-language", "Which language is spoken, as whisper-asr-webservice has it.",
       SpeechFace::kAsrDetect}};
  for (const auto& each : faces)
    router.add("POST", each.pattern, each.summary,
               [face = each.face, &services, &speech](RequestContext& context) {
                 return transcribe(face, context, services, speech);
               });
  router.add("GET", "/v1/models", "The models that transcribe, as OpenAI lists them.",
             [&services, &speech](RequestContext&) { return list_models(services, speech); });
  router.add("GET", "/v1/models/{model}", "One of them.",
             [&services, &speech](RequestContext& context) {
               return one_model(context, services, speech);
             });
}

}  // namespace anynpu::server

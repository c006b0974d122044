// SPDX-License-Identifier: Apache-2.0
// One table of formats, one writer for each.
#include "speech/formats.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"
#include "speech/languages.h"
#include "speech/subtitles.h"

namespace anynpu::speech {
namespace {

struct FormatInfo {
  Format format;
  std::string_view name, extension, media_type;
};
constexpr std::string_view kJsonType = "application/json";
constexpr std::array<FormatInfo, 7> kFormats = {{
    {Format::kText, "text", "txt", "text/plain; charset=utf-8"},
    {Format::kJson, "json", "json", kJsonType},
    {Format::kVerboseJson, "verbose_json", "json", kJsonType},
    {Format::kSrt, "srt", "srt", "application/x-subrip; charset=utf-8"},
    {Format::kVtt, "vtt", "vtt", "text/vtt; charset=utf-8"},
    {Format::kTsv, "tsv", "tsv", "text/tab-separated-values; charset=utf-8"},
    {Format::kWhisperX, "whisperx", "json", kJsonType},
}};

const FormatInfo& info(Format format) {
  return *std::find_if(kFormats.begin(), kFormats.end(),
                       [&](const FormatInfo& each) { return each.format == format; });
}

double rounded(double value, double steps = 1000) {
  return std::isfinite(value) ? std::round(value * steps) / steps : 0;
}

Json word_json(const Word& word) {
  return {{"word", word.word}, {"start", rounded(word.start)}, {"end", rounded(word.end)}};
}

/// What may be a number of seconds, so that it fits into any integer.
double sane(double seconds) {
  return std::isfinite(seconds) ? std::clamp(seconds, 0.0, 1e6) : 0;
}

Json usage(const Transcript& transcript) {
  return {{"type", "duration"},
          {"seconds", static_cast<int>(std::ceil(sane(transcript.duration)))}};
}

Json timings_json(const Timings& timings) {
  return {{"vad", rounded(timings.vad)},
          {"features", rounded(timings.features)},
          {"queue", rounded(timings.queue)},
          {"infer", rounded(timings.infer)},
          {"total", rounded(timings.total)}};
}

Json scored_word(const Word& word) {
  Json json = word_json(word);
  json["score"] = rounded(word.probability);
  return json;
}

Json whisperx_json(const Transcript& transcript) {
  Json segments = Json::array();
  Json words = Json::array();
  for (const Segment& segment : transcript.segments) {
    Json own = Json::array();
    for (const Word& word : segment.words) own.push_back(scored_word(word));
    for (const Json& word : own) words.push_back(word);
    segments.push_back({{"start", rounded(segment.start)},
                        {"end", rounded(segment.end)},
                        {"text", segment.text},
                        {"avg_logprob", rounded(segment.avg_logprob, 1e6)},
                        {"words", std::move(own)}});
  }
  return {{"segments", std::move(segments)},
          {"word_segments", std::move(words)},
          {"language", transcript.language}};
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::span<const Format> formats() {
  static constexpr std::array<Format, kFormats.size()> kAll = {
      Format::kText, Format::kJson, Format::kVerboseJson, Format::kSrt,
      Format::kVtt,  Format::kTsv,  Format::kWhisperX};
  return kAll;
}

std::string_view to_string(Format format) {
  return info(format).name;
}

Result<Format> parse_format(std::string_view name) {
  std::vector<std::string> names;
  for (const FormatInfo& each : kFormats) {
    if (each.name == name || (each.format == Format::kText && name == "txt")) return each.format;
    names.emplace_back(each.name);
  }
  return Error{Code::kInvalid,
               fmt::format("'{}' is no format of a transcript", printable(name, 40)), 0,
               fmt::format("there are: {}", join(names, ", "))};
}

std::string_view extension(Format format) {
  return info(format).extension;
}

std::optional<Format> format_of_extension(std::string_view extension) {
  for (const FormatInfo& each : kFormats)
    if (each.extension == to_lower(extension)) return each.format;
  return std::nullopt;
}

std::string_view media_type(Format format) {
  return info(format).media_type;
}

Json segment_json(const Segment& segment) {
  return {{"id", segment.id},
          {"seek", static_cast<std::int64_t>(std::llround(sane(segment.seek) * 100))},
          {"start", rounded(segment.start)},
          {"end", rounded(segment.end)},
          {"text", segment.text},
          {"tokens", segment.tokens},
          {"temperature", rounded(segment.temperature)},
          {"avg_logprob", rounded(segment.avg_logprob, 1e6)},
          {"compression_ratio", rounded(segment.compression_ratio, 1e6)},
          {"no_speech_prob", rounded(segment.no_speech_prob, 1e9)}};
}

Json verbose_json(const Transcript& transcript, const FormatOptions& options) {
  Json json = {{"task", options.translated ? "translate" : "transcribe"},
               {"language", language_name(transcript.language)},
               {"duration", rounded(transcript.duration)},
               {"text", transcript.text}};
  if (options.segments) {
    Json segments = Json::array();
    for (const Segment& segment : transcript.segments) segments.push_back(segment_json(segment));
    json["segments"] = std::move(segments);
  }
  if (options.words) {
    Json words = Json::array();
    for (const Segment& segment : transcript.segments)
      for (const Word& word : segment.words) words.push_back(word_json(word));
    json["words"] = std::move(words);
  }
  json["usage"] = usage(transcript);
  json["model"] = transcript.model;
  json["version"] = transcript.version;
  json["device"] = transcript.device;
  json["engine"] = transcript.engine;
  json["artifact"] = transcript.artifact;
  json["fallback"] = transcript.fallback ? Json(*transcript.fallback) : Json(false);
  json["timings_ms"] = timings_json(transcript.timings);
  if (!transcript.word_times.empty() && options.words) json["word_times"] = transcript.word_times;
  json["notes"] = transcript.notes;
  return json;
}

std::string write(const Transcript& transcript, Format format, const FormatOptions& options) {
  switch (format) {
    case Format::kText:
      return transcript.text + "\n";
    case Format::kJson:
      return dump({{"text", transcript.text}, {"usage", usage(transcript)}});
    case Format::kVerboseJson:
      return dump(verbose_json(transcript, options));
    case Format::kSrt:
      return srt(transcript);
    case Format::kVtt:
      return vtt(transcript);
    case Format::kTsv:
      return tsv(transcript);
    case Format::kWhisperX:
      return dump(whisperx_json(transcript));
  }
  return {};
}

Json to_json(const Transcript& transcript) {
  Json segments = Json::array();
  for (const Segment& segment : transcript.segments) {
    Json words = Json::array();
    for (const Word& word : segment.words)
      words.push_back({word.word, word.start, word.end, word.probability});
    segments.push_back({{"id", segment.id},
                        {"seek", segment.seek},
                        {"start", segment.start},
                        {"end", segment.end},
                        {"text", segment.text},
                        {"tokens", segment.tokens},
                        {"temperature", segment.temperature},
                        {"avg_logprob", segment.avg_logprob},
                        {"compression_ratio", segment.compression_ratio},
                        {"no_speech_prob", segment.no_speech_prob},
                        {"words", std::move(words)}});
  }
  const Timings& timings = transcript.timings;
  Json json = {
      {"text", transcript.text},
      {"language", transcript.language},
      {"duration", transcript.duration},
      {"segments", std::move(segments)},
      {"model", transcript.model},
      {"version", transcript.version},
      {"device", transcript.device},
      {"engine", transcript.engine},
      {"artifact", transcript.artifact},
      {"timings", {timings.vad, timings.features, timings.queue, timings.infer, timings.total}},
      {"windows", transcript.windows},
      {"batches", transcript.batches},
      {"retries", transcript.retries},
      {"word_times", transcript.word_times},
      {"notes", transcript.notes}};
  if (transcript.language_probability)
    json["language_probability"] = *transcript.language_probability;
  if (transcript.fallback) json["fallback"] = *transcript.fallback;
  return json;
}

Result<Transcript> transcript_from_json(const Json& json) {
  Transcript transcript;
  try {
    json.at("text").get_to(transcript.text);
    json.at("language").get_to(transcript.language);
    json.at("duration").get_to(transcript.duration);
    for (const Json& each : json.at("segments")) {
      Segment& segment = transcript.segments.emplace_back();
      each.at("id").get_to(segment.id);
      each.at("seek").get_to(segment.seek);
      each.at("start").get_to(segment.start);
      each.at("end").get_to(segment.end);
      each.at("text").get_to(segment.text);
      each.at("tokens").get_to(segment.tokens);
      each.at("temperature").get_to(segment.temperature);
      each.at("avg_logprob").get_to(segment.avg_logprob);
      each.at("compression_ratio").get_to(segment.compression_ratio);
      each.at("no_speech_prob").get_to(segment.no_speech_prob);
      for (const Json& word : each.at("words"))
        segment.words.push_back({word.at(0), word.at(1), word.at(2), word.at(3)});
    }
    json.at("model").get_to(transcript.model);
    json.at("version").get_to(transcript.version);
    json.at("device").get_to(transcript.device);
    json.at("engine").get_to(transcript.engine);
    json.at("artifact").get_to(transcript.artifact);
    const Json& timings = json.at("timings");
    transcript.timings = {timings.at(0), timings.at(1), timings.at(2), timings.at(3),
                          timings.at(4)};
    json.at("windows").get_to(transcript.windows);
    json.at("batches").get_to(transcript.batches);
    json.at("retries").get_to(transcript.retries);
    json.at("word_times").get_to(transcript.word_times);
    json.at("notes").get_to(transcript.notes);
    if (json.contains("language_probability"))
      transcript.language_probability = json["language_probability"].get<double>();
    if (json.contains("fallback")) transcript.fallback = json["fallback"].get<std::string>();
  } catch (const Json::exception& problem) {
    return Error{Code::kInvalid, fmt::format("this is no transcript: {}", problem.what())};
  }
  return transcript;
}

}  // namespace anynpu::speech

// SPDX-License-Identifier: Apache-2.0
// Values come from strangers: each is checked, and the error names its parameter.
#include "server/speech/question.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "server/error_face.h"
#include "speech/languages.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostPromptBytes = 16384;
constexpr std::size_t kMostNameBytes = 128;

// OpenAI's SDKs write "timestamp_granularities[]", others leave the brackets out.
class Values {
 public:
  Values(const Target& target, const SpeechFields& fields) : target_(target), fields_(fields) {}

  std::vector<std::string> all(const std::string& name) const {
    for (const std::string& spelling : {name, name + "[]"}) {
      auto field = fields_.find(spelling);
      if (field != fields_.end()) return field->second;
    }
    std::vector<std::string> values;
    for (const auto& [key, value] : target_.parameters)
      if (key == name || key == name + "[]") values.push_back(value);
    return values;
  }

  /// The last one of the first name that has a value.
  std::string one(std::initializer_list<const char*> names) const {
    for (const char* name : names)
      for (const std::string& value : all(name))
        if (!value.empty()) return value;
    return {};
  }

 private:
  const Target& target_;
  const SpeechFields& fields_;
};

bool is_asr(SpeechFace face) {
  return face == SpeechFace::kAsr || face == SpeechFace::kAsrDetect;
}

using Checked = tl::expected<void, SpeechProblem>;

tl::unexpected<SpeechProblem> wrong(const std::string& parameter, Error error) {
  return tl::unexpected(SpeechProblem{std::move(error), parameter});
}

Checked read_switch(const Values& values, const std::string& name, bool& into) {
  const std::string word = to_lower(values.one({name.c_str()}));
  if (word.empty()) return {};
  into = word == "true" || word == "1" || word == "yes" || word == "on";
  if (into || word == "false" || word == "0" || word == "no" || word == "off") return {};
  return wrong(name, Error{Code::kInvalid, fmt::format("{}={} is neither true nor false", name,
                                                       printable(word, 40))});
}

Checked read_language(const Values& values, SpeechQuestion& question) {
  const std::string word = values.one({"language"});
  if (word.empty() || word == "auto") return {};
  std::string code = speech::language_code(word);
  if (code.empty())
    return wrong("language",
                 Error{Code::kInvalid, fmt::format("'{}' is no language", printable(word, 40)), 0,
                       "use a code of ISO 639-1, such as en, or leave it out"});
  question.work.language = code;
  return {};
}

Checked read_format(const Values& values, SpeechFace face, SpeechQuestion& question) {
  const char* name = is_asr(face) ? "output" : "response_format";
  question.format = face == SpeechFace::kOwn ? speech::Format::kVerboseJson
                    : is_asr(face)           ? speech::Format::kText
                                             : speech::Format::kJson;
  const std::string word = values.one({name, face == SpeechFace::kOwn ? "format" : name});
  if (word.empty()) return {};
  Result<speech::Format> format = speech::parse_format(word);
  if (!format) return wrong(name, std::move(format).error());
  question.format = *format;
  if (is_asr(face) && question.format == speech::Format::kJson)
    question.format = speech::Format::kVerboseJson;
  return {};
}

Checked read_granularities(const Values& values, SpeechFace face, SpeechQuestion& question) {
  const char* name = "timestamp_granularities";
  const std::vector<std::string> asked = values.all(name);
  if (!asked.empty()) question.segments = false;
  for (const std::string& list : asked)
    for (const std::string& word : split(list, ',')) {
      if (trim(word) == "word") {
        question.work.words = true;
      } else if (trim(word) == "segment") {
        question.segments = true;
      } else {
        return wrong(name, Error{Code::kInvalid, fmt::format("'{}' is neither word nor segment",
                                                             printable(word, 40))});
      }
    }
  const bool openai = face == SpeechFace::kOpenAi || face == SpeechFace::kOpenAiTranslation;
  if (!asked.empty() && openai && question.format != speech::Format::kVerboseJson)
    return wrong(
        name, Error{Code::kInvalid, "timestamp_granularities needs response_format=verbose_json"});
  return {};
}

Checked read_temperature(const Values& values, SpeechQuestion& question) {
  const std::string text = values.one({"temperature"});
  if (text.empty()) return {};
  Result<double> value = parse_number("temperature", text, 0, 1);
  if (!value) return wrong("temperature", std::move(value).error());
  question.work.temperature = *value;
  return {};
}

Checked read_task(const Values& values, SpeechFace face, SpeechQuestion& question) {
  question.work.translate = face == SpeechFace::kOpenAiTranslation;
  if (face == SpeechFace::kOpenAi || face == SpeechFace::kOpenAiTranslation) return {};
  const std::string task = values.one({"task"});
  question.work.translate = task == "translate";
  if (task.empty() || task == "translate" || task == "transcribe") return {};
  return wrong("task", Error{Code::kInvalid, fmt::format("'{}' is neither transcribe nor translate",
                                                         printable(task, 40))});
}

}  // namespace

std::string model_of(const std::string& name) {
  constexpr std::array kTheirs = {"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe",
                                  "default"};
  return std::find(kTheirs.begin(), kTheirs.end(), name) != kTheirs.end() ? "" : name;
}

tl::expected<SpeechQuestion, SpeechProblem> read_question(SpeechFace face, const Target& target,
                                                          const SpeechFields& fields) {
  const Values values(target, fields);
  SpeechQuestion question;
  const std::string model = values.one({"model"});
  if (model.size() > kMostNameBytes)
    return wrong("model", Error{Code::kInvalid, "the model's name is too long"});
  question.work.model = model_of(model);
  question.work.prompt = values.one({"prompt", "initial_prompt"});
  if (question.work.prompt.size() > kMostPromptBytes)
    return wrong("prompt", Error{Code::kTooLarge,
                                 fmt::format("the prompt is over {} bytes", kMostPromptBytes)});
  bool words = false;
  bool encode = true;  // whisper-asr-webservice: through ffmpeg first, so without it raw samples
  for (const Checked& checked :
       {read_language(values, question), read_format(values, face, question),
        read_granularities(values, face, question), read_temperature(values, question),
        read_task(values, face, question), read_switch(values, "stream", question.stream),
        read_switch(values, is_asr(face) ? "word_timestamps" : "words", words),
        read_switch(values, "vad_filter", question.work.vad),
        is_asr(face) ? read_switch(values, "encode", encode) : Checked()})
    if (!checked) return tl::unexpected(checked.error());
  if (words || question.format == speech::Format::kWhisperX) question.work.words = true;
  question.work.raw = !encode;
  question.work.detect = face == SpeechFace::kAsrDetect;
  return question;
}

Response speech_error(SpeechFace face, const Error& error, const std::string& parameter,
                      int status) {
  const bool openai = face == SpeechFace::kOpenAi || face == SpeechFace::kOpenAiTranslation;
  const bool no_model = parameter.empty() && error.code == Code::kNotFound;
  return error_response(openai ? ErrorFace::kOpenAi : ErrorFace::kOwn, error, status,
                        no_model ? "model" : parameter);
}

}  // namespace anynpu::server

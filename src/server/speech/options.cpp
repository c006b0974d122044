// SPDX-License-Identifier: Apache-2.0
// Work as the transcriber's options, and as JSON for jobs.
#include "server/speech/options.h"

namespace anynpu::server {

speech::TranscribeOptions SpeechWork::options() const {
  speech::TranscribeOptions options;
  options.language = language;
  options.translate = translate;
  options.prompt = prompt;
  if (temperature && *temperature > 0) options.temperatures = {static_cast<float>(*temperature)};
  options.word_times = words;
  if (vad) options.segmentation = speech::Segmentation::kVad;
  return options;
}

Json SpeechWork::to_json() const {
  return {{"model", model},
          {"language", language},
          {"translate", translate},
          {"prompt", prompt},
          {"temperature", temperature ? Json(*temperature) : Json(nullptr)},
          {"words", words},
          {"vad", vad},
          {"raw", raw},
          {"detect", detect}};
}

SpeechWork SpeechWork::from_json(const Json& json) {
  SpeechWork work;
  work.model = json.value("model", "");
  work.language = json.value("language", "");
  work.translate = json.value("translate", false);
  work.prompt = json.value("prompt", "");
  if (json.contains("temperature") && json["temperature"].is_number())
    work.temperature = json["temperature"].get<double>();
  work.words = json.value("words", false);
  work.vad = json.value("vad", false);
  work.raw = json.value("raw", false);
  work.detect = json.value("detect", false);
  return work;
}

}  // namespace anynpu::server

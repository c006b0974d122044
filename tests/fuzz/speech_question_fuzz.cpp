// SPDX-License-Identifier: Apache-2.0
// Fields of a speech form, "name=value" a line, in the words of every kind of client; and a kept
// transcript, which is also written in every format.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/text.h"
#include "server/speech/question.h"
#include "speech/formats.h"

using namespace anynpu;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  server::SpeechFields fields;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos)
      fields[line.substr(0, equals)].push_back(line.substr(equals + 1));
  }
  for (server::SpeechFace face : {server::SpeechFace::kOwn, server::SpeechFace::kOpenAi,
                                  server::SpeechFace::kOpenAiTranslation, server::SpeechFace::kAsr,
                                  server::SpeechFace::kAsrDetect}) {
    auto question = server::read_question(face, {}, fields);
    if (!question)
      server::speech_error(face, question.error().error, question.error().parameter);
    else if (server::SpeechWork::from_json(question->work.to_json()) != question->work)
      __builtin_trap();
  }
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return 0;
  auto transcript = speech::transcript_from_json(json);
  if (!transcript) return 0;
  for (speech::Format format : speech::formats())
    speech::write(*transcript, format, {.words = true});
  return 0;
}

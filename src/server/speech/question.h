// SPDX-License-Identifier: Apache-2.0
// From the parameters of an address and the fields of a form to a question, in the words of three
// kinds of clients.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "server/http_message.h"
#include "server/speech/options.h"

namespace anynpu::server {

/// Whose words a route speaks: names of parameters, defaults, the form of errors.
/// kAsrDetect is kAsr's question which language it is.
enum class SpeechFace { kOwn, kOpenAi, kOpenAiTranslation, kAsr, kAsrDetect };

using SpeechFields = std::map<std::string, std::vector<std::string>>;

struct SpeechProblem {
  Error error;
  std::string parameter;  // whose value is wrong; empty: none
};

/// The fields of a form win over the address. Unknown names are passed over, as OpenAI does.
tl::expected<SpeechQuestion, SpeechProblem> read_question(SpeechFace face, const Target& target,
                                                          const SpeechFields& fields);

/// Of a known name of OpenAI's own models ("whisper-1"): empty, the default; else the name itself.
std::string model_of(const std::string& name);

/// {"error": {"message", "type", "param", "code"}} for OpenAI's clients, the server's usual else.
Response speech_error(SpeechFace face, const Error& error, const std::string& parameter = {},
                      int status = 0);

}  // namespace anynpu::server

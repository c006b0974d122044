// SPDX-License-Identifier: Apache-2.0
// Takes audio in as it arrives: a form's file or a bare body goes into a spool, while it is decoded
// and transcribed already where that is worth it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "audio/spool.h"
#include "server/request_context.h"
#include "server/speech/question.h"
#include "server/speech/service.h"
#include "server/work_pool.h"

namespace anynpu::server {

struct SpeechUpload {
  SpeechQuestion question;
  std::shared_ptr<audio::Spool> audio;
  std::string filename;                          // as the client says; for people only
  std::shared_ptr<Transcription> transcription;  // when it was begun
};

struct IntakeTerms {
  SpeechFace face = SpeechFace::kOwn;
  bool begin = true;  // to transcribe while the audio arrives
  /// Makes the file that the audio goes to.
  std::function<Result<std::shared_ptr<audio::Spool>>()> spool;
};

/// Reads the whole body. After an error nothing of it goes on.
asio::awaitable<tl::expected<SpeechUpload, SpeechProblem>> take_audio(RequestContext& context,
                                                                      SpeechService& service,
                                                                      WorkPool& pool,
                                                                      const IntakeTerms& terms);

}  // namespace anynpu::server

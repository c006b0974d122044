// SPDX-License-Identifier: Apache-2.0
// The routes of the speech service.
#pragma once

#include "server/router.h"
#include "server/services.h"
#include "server/speech/jobs.h"
#include "server/speech/service.h"

namespace anynpu::server {

/// POST /transcribe, /asr and /detect-language, OpenAI's POST /v1/audio/transcriptions,
/// /v1/audio/translations and GET /v1/models. All is borrowed for the router's life.
void add_speech_routes(Router& router, Services& services, SpeechService& speech);

/// POST /transcribe/jobs, and GET and DELETE of one; all are borrowed.
void add_job_routes(Router& router, Services& services, SpeechService& speech, SpeechJobs& jobs);

/// POST /mel: the mel spectrogram of an audio file as a PNG picture.
void add_mel_route(Router& router, Services& services, SpeechService& speech);

/// What GET /status says of speech: {status, hardware, hardware_name, mel_kernel, batch_size, ...}.
Json speech_status(const Services& services, SpeechService& speech, const SpeechJobs* jobs);

}  // namespace anynpu::server

// SPDX-License-Identifier: Apache-2.0
// What the operator of the speech service can choose, and what a client asks of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "speech/formats.h"
#include "speech/transcriber.h"

namespace anynpu::server {

struct SpeechOptions {
  std::string model;                        // the default; empty: the first one of the store
  int port = 9004;                          // a listener of its own; 0: none
  int parallel = 0;                         // transcriptions at work at one time; 0: one per core
  int most = 256;                           // that work or wait; over it: 503
  std::uint64_t upload_bytes = 2ULL << 30;  // of audio; over it: 413
  Duration upload_time = seconds(3600);     // to read it
  double most_seconds = 24.0 * 3600;        // of audio; over it: 413
  std::string spool;                        // folder of uploads under way; empty: $TMPDIR, /var/tmp
  std::string jobs;                         // folder of jobs; empty: in the state folder
  int most_jobs = 1000;                     // kept, with those that are done
};

/// What is asked of the model. Two questions that are equal have the same answer.
struct SpeechWork {
  std::string model;     // empty: the default, or the first that can
  std::string language;  // a code; empty: the model hears which
  bool translate = false;
  std::string prompt;
  std::optional<double> temperature;  // nothing: the usual ladder
  bool words = false;
  bool vad = false;     // cut silence away
  bool raw = false;     // the audio is samples without a header: 16 kHz, signed 16 bit, one channel
  bool detect = false;  // only which language it is, by its first half minute

  bool operator==(const SpeechWork&) const = default;
  speech::TranscribeOptions options() const;
  Json to_json() const;
  static SpeechWork from_json(const Json& json);
};

/// And in which form it is wanted.
struct SpeechQuestion {
  SpeechWork work;
  speech::Format format = speech::Format::kVerboseJson;
  bool segments = true;
  bool stream = false;
};

}  // namespace anynpu::server

// SPDX-License-Identifier: Apache-2.0
// SpeechService: transcriptions under way, each on a thread of its own, a few of them at work at
// one time. One that waits for its upload gives its place to another, so slow clients hold nobody
// up.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/report.h"
#include "server/speech/figures.h"
#include "server/speech/models.h"
#include "server/speech/slots.h"
#include "server/speech/transcription.h"

namespace anynpu::server {

class SpeechService {
 public:
  /// `models` is borrowed.
  SpeechService(SpeechModels& models, SpeechOptions options);
  /// Ends what still goes on.
  ~SpeechService();
  SpeechService(const SpeechService&) = delete;
  SpeechService& operator=(const SpeechService&) = delete;

  const SpeechOptions& options() const { return options_; }
  SpeechModels& models() { return models_; }

  /// What a transcription needs besides its work.
  struct Input {
    std::shared_ptr<audio::ByteSource> audio;
    std::shared_ptr<audio::Spool> upload = {};  // the same, when it still arrives
    double skip = 0;                            // seconds that are through already
    std::function<void(const speech::Segment&)> on_segment = {};
  };

  /// Code::kBusy when there are too many, Code::kCancelled while it ends.
  Result<std::shared_ptr<Transcription>> start(SpeechWork work, Input input);

  /// The model that answers: the one that is named, or the first that knows the language and can
  /// translate where that is wanted. May load models.
  Result<std::shared_ptr<speech::Transcriber>> choose(const SpeechWork& work);

  SpeechFigures figures() const;
  /// Called on a thread of the service's, for jobs: ten times a second while it says that there is
  /// something to do, or a transcription is under way, and else once. Nothing: no more, and not any
  /// more when this returns.
  void on_tick(std::function<bool()> tick);
  /// There is something to do for it.
  void tick_soon();

  /// Stops everything and waits for it.
  void end();

 private:
  struct Running {
    std::shared_ptr<Transcription> transcription;
    std::thread thread;
    std::atomic<bool> ended = false;
  };

  void run(Running& running, const Input& input);
  Result<speech::Transcript> transcribe(Transcription& transcription, const Input& input);
  void note(const Result<speech::Transcript>& result, double busy_seconds);
  void look_after();

  SpeechModels& models_;
  const SpeechOptions options_;
  Slots slots_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Running> running_;
  SpeechFigures figures_;
  bool ending_ = false;
  bool soon_ = false;
  std::mutex tick_mutex_;  // held while it is called
  std::function<bool()> tick_;
  std::thread keeper_;
};

}  // namespace anynpu::server

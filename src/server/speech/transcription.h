// SPDX-License-Identifier: Apache-2.0
// Transcription: one that waits, works or has ended; read by the one who asked for it.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <vector>

#include "audio/byte_source.h"
#include "audio/spool.h"
#include "base/result.h"
#include "server/asio.h"
#include "server/speech/options.h"
#include "speech/transcript.h"

namespace anynpu::server {

class Transcription {
 public:
  enum class State { kWaiting, kWorking, kEnded };

  struct News {
    State state = State::kWaiting;
    std::vector<speech::Segment> segments;  // those after the ones that are known already
    speech::Progress progress;
  };

  explicit Transcription(SpeechWork work) : work_(std::move(work)) {}

  const SpeechWork& work() const { return work_; }

  /// Ends it early, with Code::kCancelled. Any thread, any number of times.
  void stop();
  bool stopped() const { return stop_.stop_requested(); }
  std::stop_token token() const { return stop_.get_token(); }
  /// Ends it early when the flag is set: a client that has gone.
  void watch(std::shared_ptr<std::atomic<bool>> gone);
  bool gone() const;

  News news(std::size_t known_segments) const;
  /// Once it has ended.
  const Result<speech::Transcript>& result() const { return *result_; }

  /// Suspends the coroutine until there are more segments than `known`, or other progress, or the
  /// end. One at a time.
  asio::awaitable<News> wait(std::size_t known_segments);

  // For the service, on the transcription's thread.
  void begin();
  void add(speech::Segment segment);
  void progress(const speech::Progress& progress);
  void end(Result<speech::Transcript> result);
  /// Called by stop(), at once when it was stopped already.
  void on_stop(std::function<void()> action);

 private:
  void tell(std::unique_lock<std::mutex>& lock);

  const SpeechWork work_;
  std::stop_source stop_;
  mutable std::mutex mutex_;
  State state_ = State::kWaiting;
  std::vector<speech::Segment> segments_;
  speech::Progress progress_;
  std::uint64_t changes_ = 0, told_ = 0;
  std::optional<Result<speech::Transcript>> result_;
  std::function<void(News)> waiting_;
  std::size_t waiting_known_ = 0;
  std::vector<std::function<void()>> on_stop_;
  std::shared_ptr<std::atomic<bool>> gone_;
};

}  // namespace anynpu::server

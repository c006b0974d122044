// SPDX-License-Identifier: Apache-2.0
// Whoever waits is called without the lock, once for each change that it has not seen.
#include "server/speech/transcription.h"

#include <utility>

namespace anynpu::server {

void Transcription::stop() {
  if (!stop_.request_stop()) return;
  std::vector<std::function<void()>> actions;
  {
    std::lock_guard lock(mutex_);
    actions = std::move(on_stop_);
    on_stop_.clear();
  }
  for (const auto& action : actions) action();
}

void Transcription::on_stop(std::function<void()> action) {
  {
    std::lock_guard lock(mutex_);
    if (!stop_.stop_requested()) {
      on_stop_.push_back(std::move(action));
      return;
    }
  }
  action();
}

void Transcription::watch(std::shared_ptr<std::atomic<bool>> gone) {
  std::lock_guard lock(mutex_);
  gone_ = std::move(gone);
}

bool Transcription::gone() const {
  std::lock_guard lock(mutex_);
  return gone_ != nullptr && gone_->load();
}

Transcription::News Transcription::news(std::size_t known_segments) const {
  std::lock_guard lock(mutex_);
  News news;
  news.state = state_;
  for (std::size_t i = known_segments; i < segments_.size(); ++i)
    news.segments.push_back(segments_[i]);
  news.progress = progress_;
  return news;
}

asio::awaitable<Transcription::News> Transcription::wait(std::size_t known_segments) {
  std::function<void(std::function<void(News)>)> start =
      [this, known_segments](std::function<void(News)> done) {
        std::unique_lock lock(mutex_);
        waiting_ = std::move(done);
        waiting_known_ = known_segments;
        if (state_ == State::kEnded || changes_ != told_ || segments_.size() > known_segments)
          tell(lock);
      };
  co_return co_await await_callback<News>(std::move(start));
}

void Transcription::begin() {
  std::unique_lock lock(mutex_);
  state_ = State::kWorking;
  ++changes_;
  tell(lock);
}

void Transcription::add(speech::Segment segment) {
  std::unique_lock lock(mutex_);
  segments_.push_back(std::move(segment));
  ++changes_;
  tell(lock);
}

void Transcription::progress(const speech::Progress& progress) {
  std::unique_lock lock(mutex_);
  progress_ = progress;
  ++changes_;
  tell(lock);
}

void Transcription::end(Result<speech::Transcript> result) {
  std::unique_lock lock(mutex_);
  result_ = std::move(result);
  state_ = State::kEnded;
  ++changes_;
  on_stop_.clear();
  tell(lock);
}

void Transcription::tell(std::unique_lock<std::mutex>& lock) {
  if (!waiting_) return;
  std::function<void(News)> waiting = std::exchange(waiting_, nullptr);
  const std::size_t known = waiting_known_;
  told_ = changes_;
  lock.unlock();
  waiting(news(known));
}

}  // namespace anynpu::server

// SPDX-License-Identifier: Apache-2.0
// Listener: asks a served speech model about windows of audio, and keeps account of who answered.
#pragma once

#include <atomic>
#include <cstddef>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "engine/seq2seq.h"
#include "runtime/served_model.h"
#include "speech/transcript.h"

namespace anynpu::speech {

/// One question: some windows of audio that are decoded together.
struct Question {
  /// What the encoder takes, row after row; `shape` with the number of rows in front.
  std::shared_ptr<const std::vector<float>> audio;
  engine::Shape shape;
  std::vector<std::int32_t> prompt;  // rows x tokens
  engine::DecodeSettings settings;
  std::vector<std::int32_t> suppress, suppress_first;
  std::vector<std::int32_t> heads;  // layers and heads in pairs
};

/// What was heard in one row.
struct Heard {
  std::vector<int> tokens;
  std::vector<float> logprobs;
  double sum_logprob = 0;
  double no_speech = 0;
  bool repeated = false;
  int language = -1;
  std::vector<float> languages;
};
struct Answer {
  std::vector<Heard> rows;
  std::vector<float> attention;  // of the first row
  engine::Shape attention_shape;
};

/// The tensors of a question, for the runtime.
std::shared_ptr<const runtime::InputSource> input_of(Question question);

class Listener {
 public:
  /// Of one transcription. `model` outlives it.
  Listener(runtime::ServedModel& model, Duration limit, std::stop_token stop);

  /// In the queue at once; the answer comes when it comes. A stop cancels it.
  std::future<Result<Answer>> ask(Question question);

  /// Who answered, and the times, so far.
  void report(Transcript& transcript) const;

 private:
  Result<Answer> read(runtime::Reply reply);

  runtime::ServedModel& model_;
  const Duration limit_;
  const std::shared_ptr<std::atomic<bool>> cancelled_;
  std::stop_callback<std::function<void()>> on_stop_;

  mutable std::mutex mutex_;
  std::string device_, engine_, artifact_;
  std::optional<std::string> fallback_;
  Timings timings_;
  int batches_ = 0;
};

}  // namespace anynpu::speech

// SPDX-License-Identifier: Apache-2.0
// From questions to tensors, and from tensors to answers.
#include "speech/listener.h"

#include <cmath>
#include <cstring>
#include <utility>

#include <fmt/format.h>

namespace anynpu::speech {
namespace {

using engine::Shape;

class QuestionSource : public runtime::InputSource {
 public:
  explicit QuestionSource(Question question)
      : question_(std::move(question)), settings_(question_.settings.pack()) {}

  Result<Shape> shape(std::size_t index, const engine::TensorInfo& tensor) const override {
    const auto count = [](const auto& list) { return static_cast<std::int64_t>(list.size()); };
    switch (index) {
      case engine::kAudioInput:
        return question_.shape;
      case engine::kPromptInput:
        return Shape{question_.shape[0], count(question_.prompt) / question_.shape[0]};
      case engine::kSettingsInput:
        return Shape{count(settings_)};
      case engine::kSuppressInput:
        return Shape{count(question_.suppress)};
      case engine::kSuppressFirstInput:
        return Shape{count(question_.suppress_first)};
      case engine::kHeadsInput:
        return Shape{count(question_.heads) / 2, 2};
      default:
        return Error{Code::kUnsupported,
                     fmt::format("a speech model has no input '{}'", tensor.name)};
    }
  }

  Result<> write(std::size_t index, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override {
    switch (index) {
      case engine::kAudioInput:
        return copy(*question_.audio, tensor, to);
      case engine::kPromptInput:
        return copy(question_.prompt, tensor, to);
      case engine::kSettingsInput:
        return copy(settings_, tensor, to);
      case engine::kSuppressInput:
        return copy(question_.suppress, tensor, to);
      case engine::kSuppressFirstInput:
        return copy(question_.suppress_first, tensor, to);
      default:
        return copy(question_.heads, tensor, to);
    }
  }

 private:
  template <typename List>
  static Result<> copy(const List& list, const engine::TensorInfo& tensor,
                       std::span<std::byte> to) {
    const std::span<const std::byte> bytes = std::as_bytes(std::span(list));
    if (bytes.size() != to.size())
      return Error{Code::kInternal, fmt::format("input '{}' takes {} bytes, there are {}",
                                                tensor.name, to.size(), bytes.size())};
    if (!bytes.empty()) std::memcpy(to.data(), bytes.data(), bytes.size());
    return {};
  }

  const Question question_;
  const std::array<float, engine::DecodeSettings::kCount> settings_;
};

template <typename T>
std::vector<T> elements_of(const engine::Tensor& tensor) {
  std::vector<T> values(tensor.bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), tensor.bytes.data(), values.size() * sizeof(T));
  return values;
}

}  // namespace

std::shared_ptr<const runtime::InputSource> input_of(Question question) {
  return std::make_shared<QuestionSource>(std::move(question));
}

Listener::Listener(runtime::ServedModel& model, Duration limit, std::stop_token stop)
    : model_(model),
      limit_(limit),
      cancelled_(std::make_shared<std::atomic<bool>>(false)),
      on_stop_(std::move(stop), [cancelled = cancelled_] { *cancelled = true; }) {}

std::future<Result<Answer>> Listener::ask(Question question) {
  runtime::Request request;
  request.input = input_of(std::move(question));
  request.deadline = Clock::now() + limit_;
  request.run_limit = limit_;
  request.cancelled = cancelled_;
  auto promise = std::make_shared<std::promise<Result<runtime::Reply>>>();
  model_.submit(std::move(request),
                [promise](Result<runtime::Reply> reply) { promise->set_value(std::move(reply)); });
  // Read on the caller's thread, so that lanes do nothing but run.
  return std::async(std::launch::deferred,
                    [this, answered = promise->get_future()]() mutable -> Result<Answer> {
                      Result<runtime::Reply> reply = answered.get();
                      if (!reply) return std::move(reply).error();
                      return read(std::move(*reply));
                    });
}

Result<Answer> Listener::read(runtime::Reply reply) {
  {
    const std::lock_guard lock(mutex_);
    device_ = reply.device;
    engine_ = reply.engine;
    artifact_ = reply.artifact;
    if (reply.fallback) fallback_ = reply.fallback;
    timings_.queue += reply.queue_ms;
    timings_.infer += reply.infer_ms;
    ++batches_;
  }
  const auto wrong = [] {
    return Error{Code::kDevice, "the speech model's answer does not fit together"};
  };
  if (reply.outputs.size() != engine::kSeq2SeqOutputs) return wrong();
  const auto tokens = elements_of<std::int32_t>(reply.outputs[engine::kTokensOutput]);
  const auto logprobs = elements_of<float>(reply.outputs[engine::kLogprobsOutput]);
  const auto sums = elements_of<float>(reply.outputs[engine::kSumsOutput]);
  const auto languages = elements_of<float>(reply.outputs[engine::kLanguagesOutput]);
  const std::size_t rows = sums.size() / engine::kSums;
  if (rows == 0 || tokens.size() % rows != 0 || logprobs.size() != tokens.size() ||
      languages.size() % rows != 0)
    return wrong();
  const std::size_t longest = tokens.size() / rows;
  const std::size_t spoken = languages.size() / rows;
  Answer answer;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::span<const float> of_row =
        std::span(sums).subspan(row * engine::kSums, engine::kSums);
    Heard heard;
    const float count = of_row[engine::kSumTokens];
    if (!(count >= 0 && count <= static_cast<float>(longest))) return wrong();
    const auto from = static_cast<std::ptrdiff_t>(row * longest);
    const auto to = from + static_cast<std::ptrdiff_t>(count);
    heard.tokens.assign(tokens.begin() + from, tokens.begin() + to);
    heard.logprobs.assign(logprobs.begin() + from, logprobs.begin() + to);
    heard.sum_logprob = of_row[engine::kSumLogprob];
    heard.no_speech = of_row[engine::kNoSpeech];
    heard.repeated = of_row[engine::kRepeated] != 0;
    heard.language = static_cast<int>(of_row[engine::kLanguage]);
    heard.languages.assign(languages.begin() + static_cast<std::ptrdiff_t>(row * spoken),
                           languages.begin() + static_cast<std::ptrdiff_t>((row + 1) * spoken));
    answer.rows.push_back(std::move(heard));
  }
  answer.attention = elements_of<float>(reply.outputs[engine::kAttentionOutput]);
  answer.attention_shape = reply.outputs[engine::kAttentionOutput].info.shape;
  return answer;
}

void Listener::report(Transcript& transcript) const {
  const std::lock_guard lock(mutex_);
  transcript.device = device_;
  transcript.engine = engine_;
  transcript.artifact = artifact_;
  transcript.fallback = fallback_;
  // Silence is not given to the model: what would have run is said, and that it did not.
  const auto& ranked = model_.placements().ranked;
  if (batches_ == 0 && !ranked.empty()) {
    transcript.device = ranked[0].placement.device;
    transcript.engine = ranked[0].placement.engine_title();
    transcript.artifact = ranked[0].placement.artifact.file;
    transcript.notes.emplace_back("nobody speaks in this recording, so the model was not asked");
  }
  transcript.timings.queue += timings_.queue;
  transcript.timings.infer += timings_.infer;
  transcript.batches += batches_;
}

}  // namespace anynpu::speech

// SPDX-License-Identifier: Apache-2.0
// Voice activity by Silero's network, which remembers what it has heard: its state goes with every
// question, so that any worker can answer the next one.
#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "speech/activity.h"
#include "speech/transcriber.h"

namespace anynpu::speech {
namespace {

constexpr std::size_t kPiece = 3 * kActivityFrame;  // the longest that the network was trained on
constexpr std::size_t kState = 2 * 64;
constexpr auto kLimit = seconds(20);

/// One piece of sound, and what was remembered of those before.
class PieceSource : public runtime::InputSource {
 public:
  PieceSource(std::vector<float> samples, std::vector<float> h, std::vector<float> c)
      : samples_(std::move(samples)), h_(std::move(h)), c_(std::move(c)) {}

  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo& tensor) const override {
    if (tensor.name == "input") return engine::Shape{1, static_cast<std::int64_t>(kPiece)};
    if (tensor.name == "sr") return tensor.shape;
    if (tensor.name == "h" || tensor.name == "c") return engine::Shape{2, 1, 64};
    return Error{
        Code::kUnsupported,
        fmt::format("a model of voice activity with an input '{}' is not known", tensor.name)}
        .with_hint("the fourth version of Silero VAD has input, sr, h and c");
  }
  Result<> write(std::size_t, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override {
    const std::int64_t rate = kSampleRate;
    const std::span<const std::byte> from =
        tensor.name == "input" ? std::as_bytes(std::span(samples_))
        : tensor.name == "h"   ? std::as_bytes(std::span(h_))
        : tensor.name == "c"   ? std::as_bytes(std::span(c_))
                               : std::as_bytes(std::span(&rate, 1));
    if (from.size() != to.size())
      return Error{Code::kUnsupported,
                   fmt::format("input '{}' of a model of voice activity takes {} bytes, not {}",
                               tensor.name, to.size(), from.size())};
    std::memcpy(to.data(), from.data(), from.size());
    return {};
  }

 private:
  const std::vector<float> samples_, h_, c_;
};

class SileroActivity : public Activity {
 public:
  explicit SileroActivity(runtime::ServedModel& model) : model_(model) {}

  Result<> push(std::span<const float> samples, bool end, std::vector<float>& out) override {
    held_.insert(held_.end(), samples.begin(), samples.end());
    std::size_t at = 0;
    for (; at + kPiece <= held_.size(); at += kPiece)
      ANYNPU_CHECK(ask({held_.begin() + static_cast<std::ptrdiff_t>(at),
                        held_.begin() + static_cast<std::ptrdiff_t>(at + kPiece)},
                       kPiece, out));
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(at));
    if (!end || held_.empty()) return {};
    const std::size_t count = held_.size();
    held_.resize(kPiece, 0.0F);
    ANYNPU_CHECK(ask(std::move(held_), count, out));
    held_.clear();
    return {};
  }

 private:
  Result<> ask(std::vector<float> samples, std::size_t count, std::vector<float>& out) {
    runtime::Request request;
    request.input = std::make_shared<PieceSource>(std::move(samples), h_, c_);
    request.deadline = Clock::now() + kLimit;
    ANYNPU_TRY(reply, model_.infer(std::move(request)));
    if (reply.outputs.size() != 3 || reply.outputs[0].bytes.size() != sizeof(float) ||
        reply.outputs[1].bytes.size() != kState * sizeof(float) ||
        reply.outputs[2].bytes.size() != kState * sizeof(float))
      return Error{Code::kUnsupported,
                   "the model of voice activity gives other outputs than a "
                   "likelihood and its state"};
    float likely = 0;
    std::memcpy(&likely, reply.outputs[0].bytes.data(), sizeof likely);
    std::memcpy(h_.data(), reply.outputs[1].bytes.data(), kState * sizeof(float));
    std::memcpy(c_.data(), reply.outputs[2].bytes.data(), kState * sizeof(float));
    out.insert(out.end(), (count + kActivityFrame - 1) / kActivityFrame, likely);
    return {};
  }

  runtime::ServedModel& model_;
  std::vector<float> h_ = std::vector<float>(kState, 0.0F);
  std::vector<float> c_ = std::vector<float>(kState, 0.0F);
  std::vector<float> held_;
};

}  // namespace

std::unique_ptr<Activity> silero_activity(runtime::ServedModel& model) {
  return std::make_unique<SileroActivity>(model);
}

std::shared_ptr<const runtime::InputSource> silero_canary(std::vector<float> sound) {
  sound.resize(kPiece, 0.0F);
  const std::vector<float> state(kState, 0.0F);
  return std::make_shared<PieceSource>(std::move(sound), state, state);
}

}  // namespace anynpu::speech

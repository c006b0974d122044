// SPDX-License-Identifier: Apache-2.0
// Voice activity by loudness.
#include <algorithm>
#include <cmath>

#include "speech/activity.h"

namespace anynpu::speech {
namespace {

constexpr std::size_t kMemory = 312;    // frames, 10 s, whose quiet part is the background
constexpr float kSilent = -55;          // dB of full scale: nothing quieter is speech
constexpr float kHeadroom = -30;        // the background is not louder than this
constexpr float kOver = 6, kSure = 18;  // dB over the background: perhaps speech, certainly

class LoudnessActivity : public Activity {
 public:
  Result<> push(std::span<const float> samples, bool end, std::vector<float>& out) override {
    for (const float sample : samples) {
      energy_ += static_cast<double>(sample) * sample;
      if (++count_ == kActivityFrame) out.push_back(close_frame());
    }
    if (end && count_ > 0) out.push_back(close_frame());
    return {};
  }

 private:
  float close_frame() {
    const auto level =
        static_cast<float>(10 * std::log10(energy_ / static_cast<double>(count_) + 1e-12));
    energy_ = 0;
    count_ = 0;
    levels_.push_back(level);
    if (levels_.size() > kMemory) levels_.pop_front();
    sorted_.assign(levels_.begin(), levels_.end());
    const auto tenth = sorted_.begin() + static_cast<std::ptrdiff_t>(sorted_.size() / 10);
    std::nth_element(sorted_.begin(), tenth, sorted_.end());
    const float background = std::clamp(*tenth, kSilent - kOver, kHeadroom);
    return std::clamp((level - background - kOver) / (kSure - kOver), 0.0F, 1.0F);
  }

  double energy_ = 0;
  std::size_t count_ = 0;
  std::deque<float> levels_;
  std::vector<float> sorted_;
};

}  // namespace

std::unique_ptr<Activity> loudness_activity() {
  return std::make_unique<LoudnessActivity>();
}

}  // namespace anynpu::speech

// SPDX-License-Identifier: Apache-2.0
// The rules of decoding, over plain arrays of logits.
#include "engine/decode_rules.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace anynpu::engine {
namespace {

constexpr std::size_t kLongestPiece = 32;
constexpr std::size_t kLanes = 8;

// exp(x) for x <= 0, within 3e-7 of it: 2^n from the exponent's bits, the rest a polynomial. Plain
// enough for the compiler to do several at once; half of a small model's step would be expf().
inline float exp_negative(float x) {
  const float clamped = std::max(-87.0F, x);  // this way round, what is no number is small
  const float scaled = clamped * 1.44269504F;
  const float whole = static_cast<float>(static_cast<std::int32_t>(scaled - 0.5F));
  const float rest = (scaled - whole) * 0.693147181F;
  float power = 1.0F / 720;
  power = power * rest + 1.0F / 120;
  power = power * rest + 1.0F / 24;
  power = power * rest + 1.0F / 6;
  power = power * rest + 0.5F;
  power = power * rest + 1.0F;
  power = power * rest + 1.0F;
  const std::int32_t bits = (static_cast<std::int32_t>(whole) + 127) << 23;
  float two_to_n = 0;
  static_assert(sizeof two_to_n == sizeof bits);
  __builtin_memcpy(&two_to_n, &bits, sizeof bits);
  return power * two_to_n;
}

float largest(std::span<const float> values) {
  std::array<float, kLanes> lanes;
  lanes.fill(kForbidden);
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] = std::max(lanes[lane], values[i + lane]);
  float most = *std::max_element(lanes.begin(), lanes.end());
  for (; i < values.size(); ++i) most = std::max(most, values[i]);
  return most;
}

}  // namespace

float log_sum_exp(std::span<const float> logits) {
  const float most = largest(logits);
  if (most == kForbidden) return kForbidden;
  std::array<float, kLanes> lanes{};
  double sum = 0;
  std::size_t i = 0;
  while (i + kLanes <= logits.size()) {
    // A few hundred terms at a time, so that small ones are not lost in a large sum.
    const std::size_t end = std::min(logits.size() / kLanes * kLanes, i + 64 * kLanes);
    lanes.fill(0);
    for (; i < end; i += kLanes)
      for (std::size_t lane = 0; lane < kLanes; ++lane)
        lanes[lane] += exp_negative(logits[i + lane] - most);
    for (const float lane : lanes) sum += lane;
  }
  for (; i < logits.size(); ++i) sum += exp_negative(logits[i] - most);
  return most + static_cast<float>(std::log(sum));
}

std::size_t likeliest(std::span<const float> logits) {
  const float most = largest(logits);
  const auto found = std::find(logits.begin(), logits.end(), most);
  // Not found when something is not a number.
  return found == logits.end() ? 0 : static_cast<std::size_t>(found - logits.begin());
}

std::size_t draw(std::span<const float> logits, float temperature, double uniform) {
  const float most = largest(logits);
  double sum = 0;
  for (const float logit : logits) sum += exp_negative((logit - most) / temperature);
  double left = uniform * sum;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (logits[i] == kForbidden) continue;
    left -= exp_negative((logits[i] - most) / temperature);
    if (left < 0) return i;
  }
  return likeliest(logits);  // rounding left a little over
}

bool repeats(std::span<const std::int32_t> written, int times) {
  if (times < 2) return false;
  const auto count = static_cast<std::size_t>(times);
  for (std::size_t piece = 1; piece <= kLongestPiece && piece * count <= written.size(); ++piece) {
    const auto tail = written.subspan(written.size() - piece * count);
    if (std::equal(tail.begin() + static_cast<std::ptrdiff_t>(piece), tail.end(), tail.begin()))
      return true;
  }
  return false;
}

DecodeRules::DecodeRules(const DecodeSettings& settings, std::vector<std::int32_t> suppress,
                         std::vector<std::int32_t> suppress_first)
    : settings_(settings),
      suppress_(std::move(suppress)),
      suppress_first_(std::move(suppress_first)) {}

void DecodeRules::forbid(std::span<const std::int32_t> tokens, std::span<float> logits) const {
  for (const std::int32_t token : tokens)
    if (token >= 0 && static_cast<std::size_t>(token) < logits.size())
      logits[static_cast<std::size_t>(token)] = kForbidden;
}

void DecodeRules::apply(std::span<const std::int32_t> written, std::span<float> logits) const {
  const auto end = static_cast<std::size_t>(settings_.end_token);
  const float end_logit = logits[end];
  forbid(suppress_, logits);
  if (written.empty()) forbid(suppress_first_, logits);
  if (settings_.timestamp_first >= 0) apply_times(written, logits);
  // Rules that contradict each other leave the end.
  if (largest(logits) == kForbidden) logits[end] = std::isfinite(end_logit) ? end_logit : 0.0F;
}

void DecodeRules::apply_times(std::span<const std::int32_t> written,
                              std::span<float> logits) const {
  const std::int32_t first = settings_.timestamp_first;
  const auto begin = std::min(static_cast<std::size_t>(first), logits.size());
  const auto fill = [&](std::size_t from, std::size_t to) {
    to = std::min(to, logits.size());
    if (from < to)
      std::fill(logits.begin() + static_cast<std::ptrdiff_t>(from),
                logits.begin() + static_cast<std::ptrdiff_t>(to), kForbidden);
  };
  if (settings_.no_timestamps_token >= 0) {
    const std::int32_t token = settings_.no_timestamps_token;
    forbid({&token, 1}, logits);
  }
  const std::size_t count = written.size();
  const bool last_was_time = count >= 1 && written[count - 1] >= first;
  const bool one_before_was_time = count < 2 || written[count - 2] >= first;
  if (last_was_time) {
    if (one_before_was_time)
      fill(begin, logits.size());  // a pair is complete: text has to follow
    else
      fill(0, static_cast<std::size_t>(settings_.end_token));  // its second half, or the end
  }
  const auto last_time = std::find_if(written.rbegin(), written.rend(),
                                      [&](std::int32_t token) { return token >= first; });
  if (last_time != written.rend()) {
    // Time does not go back, and a segment has a length.
    const bool may_stay = last_was_time && !one_before_was_time;
    fill(begin, static_cast<std::size_t>(*last_time) + (may_stay ? 0 : 1));
  }
  if (count == 0) {
    fill(0, begin);
    if (settings_.max_initial_timestamp >= 0)
      fill(begin + static_cast<std::size_t>(settings_.max_initial_timestamp) + 1, logits.size());
  }
  const std::span<const float> all = logits;
  const float times = log_sum_exp(all.subspan(begin));
  if (times != kForbidden && times > largest(all.first(begin))) fill(0, begin);
}

}  // namespace anynpu::engine

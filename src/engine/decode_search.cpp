// SPDX-License-Identifier: Apache-2.0
// Greedy and beam search.
//
// The beam is openai/whisper's: from each hypothesis the beam + 1 likeliest tokens, of all of them
// the best that do not end go on, and a row is through when as many hypotheses have ended as the
// beam is wide. The winner has the best mean log-probability.
#include "engine/decode_search.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace anynpu::engine {
namespace {

// How good a hypothesis is, whatever its length.
double score_of(const Written& written) {
  return written.sum_logprob / static_cast<double>(std::max<std::size_t>(1, written.tokens.size()));
}

}  // namespace

DecodeSearch::DecodeSearch(const DecodeSettings& settings, DecodeRules rules, std::size_t rows)
    : settings_(settings),
      rules_(std::move(rules)),
      best_(rows),
      beams_(rows),
      random_(settings.seed) {
  if (settings_.temperature > 0) settings_.beam_size = 1;
  if (settings_.max_tokens == 0) return;
  live_.resize(rows);
  for (std::size_t row = 0; row < rows; ++row) live_[row].row = live_[row].parent = row;
}

bool DecodeSearch::is_full(const Written& written) const {
  return written.tokens.size() >= static_cast<std::size_t>(settings_.max_tokens);
}

void DecodeSearch::step(std::span<float> logits) {
  if (live_.empty()) return;
  const std::size_t vocabulary = logits.size() / live_.size();
  for (std::size_t i = 0; i < live_.size(); ++i)
    rules_.apply(live_[i].written.tokens, logits.subspan(i * vocabulary, vocabulary));
  if (settings_.beam_size > 1)
    step_beam(logits, vocabulary);
  else
    step_greedy(logits, vocabulary);
}

void DecodeSearch::step_greedy(std::span<float> logits, std::size_t vocabulary) {
  std::vector<Live> next;
  for (std::size_t i = 0; i < live_.size(); ++i) {
    const std::span<const float> row = logits.subspan(i * vocabulary, vocabulary);
    const double uniform = static_cast<double>(random_()) / 4294967296.0;
    const std::size_t token =
        settings_.temperature > 0 ? draw(row, settings_.temperature, uniform) : likeliest(row);
    const float logprob = row[token] - log_sum_exp(row);
    Live& live = live_[i];
    live.parent = i;
    live.written.sum_logprob += logprob;
    const bool ended = token == static_cast<std::size_t>(settings_.end_token);
    if (!ended) {
      live.written.tokens.push_back(static_cast<std::int32_t>(token));
      live.written.logprobs.push_back(logprob);
      live.written.repeated = repeats(live.written.tokens, settings_.repeat_limit);
    }
    if (ended || live.written.repeated || is_full(live.written))
      best_[live.row] = std::move(live.written);
    else
      next.push_back(std::move(live));
  }
  live_ = std::move(next);
}

void DecodeSearch::step_beam(std::span<float> logits, std::size_t vocabulary) {
  std::vector<Live> next;
  for (std::size_t first = 0; first < live_.size();) {
    const std::size_t row = live_[first].row;
    std::size_t count = 1;
    while (first + count < live_.size() && live_[first + count].row == row) ++count;
    expand(row, first, count, logits, vocabulary, next);
    first += count;
  }
  live_ = std::move(next);
}

void DecodeSearch::expand(std::size_t row, std::size_t first, std::size_t count,
                          std::span<float> logits, std::size_t vocabulary,
                          std::vector<Live>& next) {
  struct Candidate {
    double sum;
    std::size_t parent;
    std::size_t token;
    float logprob;
  };
  const auto width = static_cast<std::size_t>(settings_.beam_size);
  const std::size_t each = std::min(width + 1, vocabulary);
  std::vector<Candidate> candidates;
  std::vector<std::size_t> order(vocabulary);
  for (std::size_t i = first; i < first + count; ++i) {
    const std::span<const float> scores = logits.subspan(i * vocabulary, vocabulary);
    const float total = log_sum_exp(scores);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(each), order.end(),
                      [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
    for (std::size_t k = 0; k < each; ++k) {
      if (scores[order[k]] == kForbidden) break;
      const float logprob = scores[order[k]] - total;
      candidates.push_back({live_[i].written.sum_logprob + logprob, i, order[k], logprob});
    }
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const Candidate& a, const Candidate& b) { return a.sum > b.sum; });
  Beam& beam = beams_[row];
  std::vector<Live> kept;
  for (const Candidate& candidate : candidates) {
    if (kept.size() == width) break;
    Live live{row, candidate.parent, live_[candidate.parent].written};
    live.written.sum_logprob = candidate.sum;
    const bool ended = candidate.token == static_cast<std::size_t>(settings_.end_token);
    if (!ended) {
      live.written.tokens.push_back(static_cast<std::int32_t>(candidate.token));
      live.written.logprobs.push_back(candidate.logprob);
      live.written.repeated = repeats(live.written.tokens, settings_.repeat_limit);
    }
    if (!ended && !live.written.repeated) {
      kept.push_back(std::move(live));
    } else if (beam.finished.size() < width) {
      beam.finished.push_back(std::move(live.written));
    }
  }
  const bool through = beam.finished.size() >= width || kept.empty() || is_full(kept[0].written);
  if (through) {
    // Hypotheses that were cut off count only when none came to its end.
    if (beam.finished.empty())
      for (Live& live : kept) beam.finished.push_back(std::move(live.written));
    settle(row);
    return;
  }
  for (Live& live : kept) next.push_back(std::move(live));
}

void DecodeSearch::settle(std::size_t row) {
  std::vector<Written>& finished = beams_[row].finished;
  const auto best = std::max_element(
      finished.begin(), finished.end(),
      [](const Written& a, const Written& b) { return score_of(a) < score_of(b); });
  if (best != finished.end()) best_[row] = std::move(*best);
  finished.clear();
}

}  // namespace anynpu::engine

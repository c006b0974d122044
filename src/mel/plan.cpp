// SPDX-License-Identifier: Apache-2.0
// Makes the tables of a Plan, all computed in double precision.
#include "mel/plan.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mel/filter_bank.h"

namespace anynpu::mel {
namespace {

void push_root(std::vector<float>& table, std::int64_t k, std::int64_t n) {
  const double angle = -2 * std::numbers::pi * static_cast<double>(k % n) / static_cast<double>(n);
  table.push_back(static_cast<float>(std::cos(angle)));
  table.push_back(static_cast<float>(std::sin(angle)));
}

std::vector<int> radices_of(int n) {
  std::vector<int> radices;
  for (int radix : {4, 2, 3, 5})
    for (; n % radix == 0; n /= radix) radices.push_back(radix);
  for (int radix = 7; n > 1; radix += 2)
    for (; n % radix == 0; n /= radix) radices.push_back(radix);
  return radices;
}

void make_fast400(Plan& plan, int lanes) {
  const int hop = plan.options.hop;
  plan.polyphase_stride = lanes + std::max(lanes, 4);
  for (int n2 = 0; n2 < 25; ++n2)
    for (int n1 = 0; n1 < 16; ++n1) {
      const int tap = (25 * n1 + 16 * n2) % 400;
      plan.tap_offsets.push_back(
          static_cast<std::int32_t>(tap % hop * plan.polyphase_stride + tap / hop));
    }
  // power_spectrum400 works in place: what it says of its rows is repeated here.
  plan.place.resize(static_cast<std::size_t>(plan.values));
  auto put = [&](int k1, int k2, int vectors) {
    const int k = (225 * k1 + 176 * k2) % 400;
    plan.place[static_cast<std::size_t>(k <= 200 ? k : 400 - k)] = vectors * lanes;
  };
  for (int k2 = 0; k2 < 25; ++k2) {
    const int in_row = k2 % 5 * 5 + k2 / 5;
    for (int k1 = 1; k1 < 8; ++k1) put(k1, k2, 50 * k1 + in_row);
    if (k2 > 12) continue;
    put(0, k2, 2 * in_row);
    put(8, k2, 2 * in_row + 1);
  }
}

void make_mixed(Plan& plan, int lanes) {
  const int transform = plan.options.transform;
  plan.points = transform % 2 == 0 ? transform / 2 : transform;
  plan.radices = radices_of(plan.points);
  int length = plan.points;
  for (int radix : plan.radices) {
    const int part = length / radix;
    for (int p = 0; p < part; ++p)
      for (int t = 1; t < radix; ++t)
        push_root(plan.twiddles, static_cast<std::int64_t>(p) * t, length);
    if (radix > 5)
      for (int i = 0; i < radix; ++i) push_root(plan.roots, i, radix);
    length = part;
  }
  if (transform % 2 == 0)
    for (int k = 0; k <= plan.points / 2; ++k) push_root(plan.split, k, transform);
  for (int k = 0; k < plan.values; ++k) plan.place.push_back(k * lanes);
  plan.window_offset =
      plan.options.window_in_middle ? (transform - plan.options.window_length) / 2 : 0;
}

}  // namespace

Plan make_plan(const MelOptions& options, int lanes) {
  Plan plan;
  plan.options = options;
  plan.values = options.transform / 2 + 1;
  plan.fast400 = options.transform == 400 && options.window_length == 400 && options.hop >= 80 &&
                 options.hop <= 400 && !options.remove_dc && options.preemphasis == 0;
  if (plan.fast400)
    make_fast400(plan, lanes);
  else
    make_mixed(plan, lanes);

  const std::vector<double> taps = window(options.window, options.window_length);
  for (int i = 0; i < options.window_length; ++i) {
    const int tap = plan.fast400 ? (25 * (i % 16) + 16 * (i / 16)) % 400 : i;
    const double scaled = taps[static_cast<std::size_t>(tap)] * options.sample_scale;
    plan.window.push_back(static_cast<float>(scaled));
    plan.window_int16.push_back(static_cast<float>(scaled * 0x1p-31));
  }
  for (const Filter& filter : filter_bank(options)) {
    plan.filters.first.push_back(filter.first);
    plan.filters.count.push_back(static_cast<std::int32_t>(filter.weights.size()));
    for (double weight : filter.weights) plan.filters.weights.push_back(static_cast<float>(weight));
  }
  switch (options.logarithm) {
    case Logarithm::kNone:
      break;
    case Logarithm::kNatural:
      plan.log_factor = static_cast<float>(std::numbers::ln2);
      break;
    case Logarithm::kBase10:
      plan.log_factor = static_cast<float>(std::log10(2.0));
      break;
    case Logarithm::kDecibel:
      plan.log_factor = static_cast<float>(10 * std::log10(2.0));
      break;
  }
  return plan;
}

}  // namespace anynpu::mel

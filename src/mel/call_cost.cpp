// SPDX-License-Identifier: Apache-2.0
// A line fitted to sums that fade.
#include "mel/call_cost.h"

#include <algorithm>

namespace anynpu::mel {
namespace {
constexpr double kFade = 0.98;  // of all older calls, at each new one
}

void CallCost::add(std::size_t frames, double microseconds) {
  const auto n = static_cast<double>(frames);
  for (double* sum : {&weight_, &n_, &t_, &nn_, &nt_}) *sum *= kFade;
  weight_ += 1;
  n_ += n;
  t_ += microseconds;
  nn_ += n * n;
  nt_ += n * microseconds;
}

double CallCost::per_frame() const {
  const double spread = weight_ * nn_ - n_ * n_;
  if (spread <= 1e-6 * weight_ * nn_) return 0;
  return std::max((weight_ * nt_ - n_ * t_) / spread, 0.0);
}

double CallCost::per_call() const {
  if (weight_ <= 0) return 0;
  return std::max((t_ - per_frame() * n_) / weight_, 0.0);
}

std::size_t CallCost::worthwhile(std::size_t most, double slack) const {
  const auto limit = static_cast<double>(most);
  const double target = (per_call() / limit + per_frame()) * (1 + slack);
  const double room = target - per_frame();
  if (room <= 0 || per_call() <= 0) return 1;
  const double fewest = per_call() / room;
  return std::clamp<std::size_t>(static_cast<std::size_t>(fewest + 0.999999), 1, most);
}

}  // namespace anynpu::mel

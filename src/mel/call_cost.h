// SPDX-License-Identifier: Apache-2.0
// CallCost: what a call of a device costs, measured: so much per call, and so much per frame.
#pragma once

#include <cstddef>

namespace anynpu::mel {

/// A least-squares line through the calls, of which older ones count less and less. Until calls of
/// different sizes were seen, the time of a call counts as overhead in full.
class CallCost {
 public:
  void add(std::size_t frames, double microseconds);
  bool known() const { return weight_ > 0; }

  double per_call() const;   // microseconds
  double per_frame() const;  // microseconds
  double of(std::size_t frames) const {
    return per_call() + per_frame() * static_cast<double>(frames);
  }
  /// The fewest frames per call whose time per frame is within `slack` of that of `most` frames.
  std::size_t worthwhile(std::size_t most, double slack) const;

 private:
  double weight_ = 0, n_ = 0, t_ = 0, nn_ = 0, nt_ = 0;
};

}  // namespace anynpu::mel

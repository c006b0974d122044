// SPDX-License-Identifier: Apache-2.0
// Resampler: one channel from one sample rate to another, in pieces of any size.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.h"

struct soxr;

namespace anynpu::audio {

/// soxr's high quality: 20 bits, linear phase. Equal rates pass unchanged.
class Resampler {
 public:
  static Result<Resampler> create(int from_rate, int to_rate);

  /// Appends what the samples so far give; the last ones come with finish(). Code::kInternal when
  /// soxr fails (it is out of memory): what was appended then ends too early.
  Result<> push(std::span<const float> samples, std::vector<float>& out);
  Result<> finish(std::vector<float>& out);

 private:
  struct Free {
    void operator()(soxr* resampler) const;
  };
  Resampler(std::unique_ptr<soxr, Free> resampler, double ratio)
      : resampler_(std::move(resampler)), ratio_(ratio) {}
  Result<> process(const float* samples, std::size_t count, std::vector<float>& out);

  std::unique_ptr<soxr, Free> resampler_;  // none for equal rates
  double ratio_;
};

}  // namespace anynpu::audio

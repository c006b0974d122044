// SPDX-License-Identifier: Apache-2.0
// The peer of bench/mel_bench.cpp that anybody would write: a loop over FFTW. FFTW is GPL and no
// part of anynpu; it is only measured here.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include <fftw3.h>

#include "mel/filter_bank.h"
#include "mel/options.h"

namespace anynpu::bench {

/// 400 real to complex, power, the sparse filters, log10f; frames first. One thread.
class FftwMel {
 public:
  FftwMel() {
    in_ = fftwf_alloc_real(400);
    out_ = fftwf_alloc_complex(201);
    plan_ = fftwf_plan_dft_r2c_1d(400, in_, out_, FFTW_MEASURE);
    for (double tap : mel::window(mel::Window::kHann, 400))
      window_.push_back(static_cast<float>(tap / 32768));
    filters_ = mel::filter_bank(mel::plain());
    for (const mel::Filter& filter : filters_)
      weights_.emplace_back(filter.weights.begin(), filter.weights.end());
  }
  FftwMel(const FftwMel&) = delete;
  FftwMel& operator=(const FftwMel&) = delete;
  ~FftwMel() {
    fftwf_destroy_plan(plan_);
    fftwf_free(in_);
    fftwf_free(out_);
  }

  void compute(const std::vector<std::int16_t>& samples, float* mel) {
    for (std::size_t start = 0; start + 400 <= samples.size(); start += 160) {
      for (std::size_t i = 0; i < 400; ++i)
        in_[i] = static_cast<float>(samples[start + i]) * window_[i];
      fftwf_execute(plan_);
      float power[201];
      for (std::size_t k = 0; k < 201; ++k)
        power[k] = out_[k][0] * out_[k][0] + out_[k][1] * out_[k][1];
      for (std::size_t bin = 0; bin < 80; ++bin) {
        const float* from = power + filters_[bin].first;
        float sum = 0;
        for (std::size_t k = 0; k < weights_[bin].size(); ++k) sum += weights_[bin][k] * from[k];
        *mel++ = std::log10(std::max(sum, 1e-10F));
      }
    }
  }

 private:
  float* in_;
  fftwf_complex* out_;
  fftwf_plan plan_;
  std::vector<float> window_;
  std::vector<mel::Filter> filters_;
  std::vector<std::vector<float>> weights_;
};

}  // namespace anynpu::bench

// SPDX-License-Identifier: Apache-2.0
// Samples in memory as a source.
#include <algorithm>
#include <utility>

#include "speech/transcriber.h"

namespace anynpu::speech {
namespace {

class MemoryPcm : public PcmSource {
 public:
  explicit MemoryPcm(std::vector<float> samples) : samples_(std::move(samples)) {}

  Result<bool> read(std::vector<float>& out) override {
    const std::size_t end = std::min(samples_.size(), at_ + kSampleRate);
    if (at_ == end) return false;
    out.insert(out.end(), samples_.begin() + static_cast<std::ptrdiff_t>(at_),
               samples_.begin() + static_cast<std::ptrdiff_t>(end));
    at_ = end;
    return true;
  }
  std::optional<double> duration() const override {
    return static_cast<double>(samples_.size()) / kSampleRate;
  }

 private:
  const std::vector<float> samples_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<PcmSource> pcm_source(std::vector<float> samples) {
  return std::make_unique<MemoryPcm>(std::move(samples));
}

}  // namespace anynpu::speech

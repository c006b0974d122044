// SPDX-License-Identifier: Apache-2.0
// The last step of every fallback: the tile's kernel, compiled for this processor.
#include "mel/batch_device.h"

#include "mel/xdna/mel_kernel.h"

namespace anynpu::mel {
namespace {

static_assert(kFrameSamples == xdna::kWindow && kFrameFeatures == xdna::kBins);

class CpuDevice : public BatchDevice {
 public:
  std::string name() const override { return "cpu"; }
  std::size_t most_frames() const override { return 4096; }
  Result<> run(std::span<const std::int16_t> samples, std::span<std::int8_t> features) override {
    const std::size_t frames = samples.size() / kFrameSamples;
    if (features.size() != frames * kFrameFeatures)
      return Error{Code::kInternal, "features have another size than their frames"};
    anynpu_mel_batch(samples.data(), features.data(), scratch_.data(),
                     static_cast<std::int32_t>(frames), xdna::kWindow);
    return {};
  }

 private:
  std::vector<std::int32_t> scratch_ = std::vector<std::int32_t>(xdna::kScratchWords);
};

}  // namespace

std::unique_ptr<BatchDevice> cpu_batch_device() {
  return std::make_unique<CpuDevice>();
}

}  // namespace anynpu::mel

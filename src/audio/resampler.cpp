// SPDX-License-Identifier: Apache-2.0
// libsoxr's streaming interface.
#include "audio/resampler.h"

#include <fmt/format.h>
#include <soxr.h>

namespace anynpu::audio {

void Resampler::Free::operator()(soxr* resampler) const {
  soxr_delete(resampler);
}

Result<Resampler> Resampler::create(int from_rate, int to_rate) {
  if (from_rate < 1 || to_rate < 1)
    return Error{Code::kInvalid, fmt::format("no resampling from {} to {} Hz", from_rate, to_rate)};
  const double ratio = static_cast<double>(to_rate) / from_rate;
  if (from_rate == to_rate) return Resampler(nullptr, 1);
  soxr_error_t error = nullptr;
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  const soxr_io_spec_t io = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  std::unique_ptr<soxr, Free> resampler(
      soxr_create(from_rate, to_rate, 1, &error, &io, &quality, nullptr));
  if (resampler == nullptr || error != nullptr)
    return Error{Code::kUnsupported, fmt::format("no resampling from {} to {} Hz: {}", from_rate,
                                                 to_rate, error != nullptr ? error : "no memory")};
  return Resampler(std::move(resampler), ratio);
}

Result<> Resampler::push(std::span<const float> samples, std::vector<float>& out) {
  if (samples.empty()) return {};
  if (resampler_ == nullptr) {
    out.insert(out.end(), samples.begin(), samples.end());
    return {};
  }
  return process(samples.data(), samples.size(), out);
}

Result<> Resampler::finish(std::vector<float>& out) {
  if (resampler_ == nullptr) return {};
  return process(nullptr, 0, out);
}

Result<> Resampler::process(const float* samples, std::size_t count, std::vector<float>& out) {
  const std::size_t room = static_cast<std::size_t>(static_cast<double>(count) * ratio_) + 4096;
  while (true) {
    const std::size_t size = out.size();
    out.resize(size + room);
    std::size_t used = 0, made = 0;
    const soxr_error_t error =
        soxr_process(resampler_.get(), samples, count, &used, out.data() + size, room, &made);
    out.resize(size + made);
    if (samples != nullptr) samples += used;
    count -= used;
    if (error != nullptr)
      return Error{Code::kInternal, fmt::format("the audio cannot be resampled: {}", error)};
    if (made < room && count == 0) return {};
  }
}

}  // namespace anynpu::audio

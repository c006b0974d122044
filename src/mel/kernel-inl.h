// SPDX-License-Identifier: Apache-2.0
// A block of frames from samples to mel values: transpose, transform, filter, take the logarithm.
//
// Included once per target by kernel.cpp; no include guard on purpose.

// The samples of a vector of frames of the next block are asked for while this one is filtered, a
// cache line or two per bin: the order in which the transposition reads them is no order that a
// processor foresees, and all at once they would be in the way of everything else.
struct NextSamples {
  const char* at = nullptr;
  const char* end = nullptr;
};

inline constexpr std::size_t kCacheLine = 64;

template <typename Sample>
HWY_INLINE NextSamples next_samples(const Block<Sample>& block, int frame, int lanes, int hop) {
  const std::size_t begin =
      static_cast<std::size_t>(block.frames + frame) * static_cast<std::size_t>(hop);
  if (begin >= block.readable) return {};
  const std::size_t count = static_cast<std::size_t>(lanes) * static_cast<std::size_t>(hop);
  const std::size_t bytes = std::min(count, block.readable - begin) * sizeof(Sample);
  const char* at = reinterpret_cast<const char*>(block.samples + begin);
  return {at, at + bytes};
}

// Filters a spectrum and writes one vector of frames per bin.
template <bool kLog, std::size_t kLinesPerBin, class D>
HWY_INLINE hn::VFromD<D> filter(D d, const Plan& plan, const float* HWY_RESTRICT spectrum,
                                NextSamples next, float* HWY_RESTRICT out, std::ptrdiff_t stride,
                                hn::VFromD<D> largest) {
  using V = hn::VFromD<D>;
  const V floor = hn::Set(d, static_cast<float>(plan.options.floor));
  const V factor = hn::Set(d, plan.log_factor);
  const float* HWY_RESTRICT weight = plan.filters.weights.data();
  const std::size_t bins = plan.filters.first.size();
  for (std::size_t bin = 0; bin < bins; ++bin, out += stride) {
    if (next.at < next.end)
      for (std::size_t i = 0; i < kLinesPerBin; ++i, next.at += kCacheLine) hwy::Prefetch(next.at);
    const std::int32_t* HWY_RESTRICT place = plan.place.data() + plan.filters.first[bin];
    const auto count = static_cast<std::size_t>(plan.filters.count[bin]);
    auto value = [&](std::size_t i) HWY_ATTR { return hn::Load(d, spectrum + place[i]); };
    V sum = hn::Zero(d);
    std::size_t i = 0;
    for (; i + 2 <= count; i += 2) {
      sum = hn::MulAdd(value(i), hn::Set(d, weight[i]), sum);
      sum = hn::MulAdd(value(i + 1), hn::Set(d, weight[i + 1]), sum);
    }
    if (i < count) sum = hn::MulAdd(value(i), hn::Set(d, weight[i]), sum);
    weight += count;
    if constexpr (kLog) sum = scaled_log2(d, hn::Max(sum, floor), factor);
    largest = hn::Max(largest, sum);
    hn::StoreU(sum, d, out);
  }
  return largest;
}

template <class D, typename Sample>
HWY_INLINE float run_block(D d, const Plan& plan, const float* HWY_RESTRICT window,
                           const Block<Sample>& block, Workspace& workspace) {
  using V = hn::VFromD<D>;
  const int lanes = static_cast<int>(hn::Lanes(d));
  constexpr std::size_t kLines = sizeof(Sample) / 2;
  const MelOptions& options = plan.options;
  const std::ptrdiff_t hop = options.hop;
  if (plan.fast400) {
    // Column q has the samples from q hop on; the last ones are whole in `readable` samples.
    const int columns = block.frames + (400 + options.hop - 1) / options.hop - 1;
    const auto last = static_cast<int>(block.readable / static_cast<std::size_t>(hop)) - 1;
    transpose(d, Rows<Sample>{block.samples, hop, last}, columns, options.hop, workspace.samples(),
              plan.polyphase_stride);
  }
  V largest = hn::Set(d, -3e38F);
  float largest_of_rest = -3e38F;
  for (int frame = 0; frame < block.frames; frame += lanes) {
    float* HWY_RESTRICT spectrum = nullptr;
    if (plan.fast400) {
      spectrum = power_spectrum400(d, plan, window, workspace.samples() + frame, workspace);
    } else {
      transpose(d, Rows<Sample>{block.samples + frame * hop, hop, block.frames - 1 - frame}, lanes,
                options.window_length, workspace.samples(), lanes);
      spectrum = power_spectrum_mixed(d, plan, window, workspace.samples(), workspace);
    }
    if (options.magnitude)
      for (std::int32_t place : plan.place) {
        float* value = spectrum + place;
        hn::Store(hn::Sqrt(hn::Load(d, value)), d, value);
      }
    const NextSamples next = next_samples(block, frame, lanes, options.hop);
    const bool whole = frame + lanes <= block.frames;
    float* out = whole ? block.out + frame : workspace.block();
    const std::ptrdiff_t stride = whole ? block.stride : kBlockFrames;
    const V seen = options.logarithm == Logarithm::kNone
                       ? filter<false, kLines>(d, plan, spectrum, next, out, stride, largest)
                       : filter<true, kLines>(d, plan, spectrum, next, out, stride, largest);
    if (whole) {
      largest = seen;
      continue;
    }
    for (int bin = 0; bin < options.bins; ++bin)
      for (int i = 0; frame + i < block.frames; ++i) {
        const float value = workspace.block()[bin * kBlockFrames + i];
        block.out[bin * block.stride + frame + i] = value;
        largest_of_rest = value > largest_of_rest ? value : largest_of_rest;
      }
  }
  const float found = hn::GetLane(hn::MaxOfLanes(d, largest));
  return found > largest_of_rest ? found : largest_of_rest;
}

template <class D>
HWY_INLINE void clamp_scale(D d, std::span<float> values, float least, float factor, float addend) {
  const std::size_t lanes = hn::Lanes(d);
  const auto low = hn::Set(d, least), times = hn::Set(d, factor), plus = hn::Set(d, addend);
  float* value = values.data();
  std::size_t i = 0;
  for (; i + lanes <= values.size(); i += lanes)
    hn::StoreU(hn::MulAdd(hn::Max(hn::LoadU(d, value + i), low), times, plus), d, value + i);
  for (; i < values.size(); ++i) {
    const hn::CappedTag<float, 1> one;
    const auto last = hn::LoadU(one, value + i);
    hn::StoreU(
        hn::MulAdd(hn::Max(last, hn::Set(one, least)), hn::Set(one, factor), hn::Set(one, addend)),
        one, value + i);
  }
}

template <class D>
HWY_INLINE void log2_of(D d, std::span<const float> values, float* out) {
  const std::size_t lanes = hn::Lanes(d);
  const auto one = hn::Set(d, 1.0F);
  float rest[kMostLanes];
  for (std::size_t i = 0; i < values.size(); i += lanes) {
    if (i + lanes <= values.size()) {
      hn::StoreU(scaled_log2(d, hn::LoadU(d, values.data() + i), one), d, out + i);
      continue;
    }
    const std::size_t count = values.size() - i;
    for (std::size_t j = 0; j < lanes; ++j) rest[j] = j < count ? values[i + j] : 1.0F;
    hn::StoreU(scaled_log2(d, hn::LoadU(d, rest), one), d, rest);
    for (std::size_t j = 0; j < count; ++j) out[i + j] = rest[j];
  }
}

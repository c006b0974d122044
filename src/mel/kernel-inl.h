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

// Filters the spectra of kVectors vectors of frames, `apart` floats from each other, and writes
// them beside each other, a row per bin. Places and weights are read once for all of them.
template <bool kLog, std::size_t kLinesPerBin, std::size_t kVectors, class D>
HWY_INLINE hn::VFromD<D> filter(D d, const Plan& plan, const float* HWY_RESTRICT spectrum,
                                std::size_t apart, NextSamples next, float* HWY_RESTRICT out,
                                std::ptrdiff_t stride, hn::VFromD<D> largest) {
  using V = hn::VFromD<D>;
  const std::size_t lanes = hn::Lanes(d);
  const V floor = hn::Set(d, static_cast<float>(plan.options.floor));
  const V factor = hn::Set(d, plan.log_factor);
  const float* HWY_RESTRICT weight = plan.filters.weights.data();
  const std::size_t bins = plan.filters.first.size();
  for (std::size_t bin = 0; bin < bins; ++bin, out += stride) {
    if (next.at < next.end)
      for (std::size_t i = 0; i < kLinesPerBin; ++i, next.at += kCacheLine) hwy::Prefetch(next.at);
    const std::int32_t* HWY_RESTRICT place = plan.place.data() + plan.filters.first[bin];
    const auto count = static_cast<std::size_t>(plan.filters.count[bin]);
    V sum[kVectors];
    for (V& one : sum) one = hn::Zero(d);
    auto add = [&](std::size_t i) HWY_ATTR {
      const float* value = spectrum + place[i];
      const V factor_of_value = hn::Set(d, weight[i]);
      for (std::size_t v = 0; v < kVectors; ++v)
        sum[v] = hn::MulAdd(hn::Load(d, value + v * apart), factor_of_value, sum[v]);
    };
    std::size_t i = 0;
    for (; i + 2 <= count; i += 2) {
      add(i);
      add(i + 1);
    }
    if (i < count) add(i);
    weight += count;
    for (std::size_t v = 0; v < kVectors; ++v) {
      if constexpr (kLog) sum[v] = scaled_log2(d, hn::Max(sum[v], floor), factor);
      largest = hn::Max(largest, sum[v]);
      hn::StoreU(sum[v], d, out + v * lanes);
    }
  }
  return largest;
}

template <class D, typename Sample>
HWY_INLINE float run_block(D d, const Plan& plan, const float* HWY_RESTRICT window,
                           const Block<Sample>& block, Workspace& workspace) {
  using V = hn::VFromD<D>;
  const int lanes = static_cast<int>(hn::Lanes(d));
  // Two wider ones would not fit into the nearest cache beside their samples.
  constexpr std::size_t kTogether = hn::MaxLanes(D()) <= 4 ? 2 : 1;
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
  const std::size_t apart = kVectorsOf400 * hn::Lanes(d);
  for (int frame = 0, step = lanes; frame < block.frames; frame += step) {
    const bool together = kTogether == 2 && plan.fast400 && frame + lanes < block.frames;
    const std::size_t vectors = together ? kTogether : 1;
    step = static_cast<int>(vectors) * lanes;
    float* HWY_RESTRICT spectrum = workspace.scratch();
    if (plan.fast400) {
      for (std::size_t v = 0; v < vectors; ++v)
        power_spectrum400(d, plan, window, workspace.samples() + frame + v * hn::Lanes(d),
                          spectrum + v * apart);
    } else {
      transpose(d, Rows<Sample>{block.samples + frame * hop, hop, block.frames - 1 - frame}, lanes,
                options.window_length, workspace.samples(), lanes);
      spectrum = power_spectrum_mixed(d, plan, window, workspace.samples(), workspace);
    }
    if (options.magnitude)
      for (std::int32_t place : plan.place)
        for (std::size_t v = 0; v < vectors; ++v) {
          float* value = spectrum + place + v * apart;
          hn::Store(hn::Sqrt(hn::Load(d, value)), d, value);
        }
    const NextSamples next = next_samples(block, frame, step, options.hop);
    const bool whole = frame + step <= block.frames;
    float* out = whole ? block.out + frame : workspace.block();
    const std::ptrdiff_t stride = whole ? block.stride : kBlockFrames;
    auto filtered = [&]<bool kLog, std::size_t kVectors>() HWY_ATTR {
      constexpr std::size_t kLines = kVectors * sizeof(Sample) / 2;
      return filter<kLog, kLines, kVectors>(d, plan, spectrum, apart, next, out, stride, largest);
    };
    const bool log = options.logarithm != Logarithm::kNone;
    const V seen = together ? (log ? filtered.template operator()<true, kTogether>()
                                   : filtered.template operator()<false, kTogether>())
                            : (log ? filtered.template operator()<true, 1>()
                                   : filtered.template operator()<false, 1>());
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

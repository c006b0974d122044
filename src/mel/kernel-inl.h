// SPDX-License-Identifier: Apache-2.0
// A block of frames from samples to mel values: transpose, transform, filter, take the logarithm.
//
// Included once per target by kernel.cpp; no include guard on purpose.

// Filters the spectrum in the workspace and writes one vector of frames per bin.
template <bool kLog, class D>
HWY_INLINE hn::VFromD<D> filter(D d, const Plan& plan, const float* HWY_RESTRICT spectrum,
                                float* HWY_RESTRICT out, std::ptrdiff_t stride,
                                hn::VFromD<D> largest) {
  using V = hn::VFromD<D>;
  const std::size_t lanes = hn::Lanes(d);
  const V floor = hn::Set(d, static_cast<float>(plan.options.floor));
  const V factor = hn::Set(d, plan.log_factor);
  const float* HWY_RESTRICT weight = plan.filters.weights.data();
  const std::size_t bins = plan.filters.first.size();
  for (std::size_t bin = 0; bin < bins; ++bin, out += stride) {
    const float* HWY_RESTRICT value =
        spectrum + static_cast<std::size_t>(plan.filters.first[bin]) * lanes;
    const auto count = static_cast<std::size_t>(plan.filters.count[bin]);
    V sum = hn::Zero(d);
    for (std::size_t i = 0; i < count; ++i)
      sum = hn::MulAdd(hn::Load(d, value + i * lanes), hn::Set(d, weight[i]), sum);
    weight += count;
    if constexpr (kLog) sum = scaled_log2(d, hn::Max(sum, floor), factor);
    largest = hn::Max(largest, sum);
    hn::StoreU(sum, d, out);
  }
  return largest;
}

// Asks for the samples of a vector of frames of the next block: the order in which the
// transposition reads them is no order that a processor foresees.
template <typename Sample>
HWY_INLINE void prefetch_frames(const Block<Sample>& block, int frame, int lanes, int hop) {
  const std::size_t begin =
      static_cast<std::size_t>(block.frames + frame) * static_cast<std::size_t>(hop);
  const std::size_t end = begin + static_cast<std::size_t>(lanes) * static_cast<std::size_t>(hop);
  constexpr std::size_t kLine = 64 / sizeof(Sample);
  for (std::size_t i = begin; i < end && i < block.readable; i += kLine)
    hwy::Prefetch(block.samples + i);
}

template <class D, typename Sample>
HWY_INLINE float run_block(D d, const Plan& plan, const float* HWY_RESTRICT window,
                           const Block<Sample>& block, Workspace& workspace) {
  using V = hn::VFromD<D>;
  const int lanes = static_cast<int>(hn::Lanes(d));
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
    prefetch_frames(block, frame, lanes, options.hop);
    if (plan.fast400) {
      power_spectrum400(d, plan, window, workspace.samples() + frame, workspace);
    } else {
      transpose(d, Rows<Sample>{block.samples + frame * hop, hop, block.frames - 1 - frame}, lanes,
                options.window_length, workspace.samples(), lanes);
      power_spectrum_mixed(d, plan, window, workspace.samples(), workspace);
    }
    float* HWY_RESTRICT spectrum = workspace.spectrum();
    if (options.magnitude)
      for (int k = 0; k < plan.values; ++k)
        hn::Store(hn::Sqrt(hn::Load(d, spectrum + k * lanes)), d, spectrum + k * lanes);
    const bool whole = frame + lanes <= block.frames;
    float* out = whole ? block.out + frame : workspace.block();
    const std::ptrdiff_t stride = whole ? block.stride : kBlockFrames;
    const V seen = options.logarithm == Logarithm::kNone
                       ? filter<false>(d, plan, spectrum, out, stride, largest)
                       : filter<true>(d, plan, spectrum, out, stride, largest);
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

// SPDX-License-Identifier: Apache-2.0
// A block of frames from samples to mel values: transpose, transform, filter, take the logarithm.
//
// Included once per target by kernel.cpp; no include guard on purpose.

// Asks for a cache line, which need not be there: nothing is read.
HWY_INLINE void ask_for(std::uintptr_t address) {
  hwy::Prefetch(reinterpret_cast<const char*>(address));  // NOLINT(performance-no-int-to-ptr)
}

// Asks for the samples of the vectors of frames that the next block has in the place of these, a
// cache line or less at a time while these are filtered: the transposition reads them in no order
// that a processor foresees, and many at once would be in the way of everything else. Behind the
// last block is what a caller that has a recording in pieces gives next; asking for what is not
// there does nothing.
class NextSamples {
 public:
  template <typename Sample>
  HWY_INLINE NextSamples(const Block<Sample>& block, int frame, int frames, int hop, int times) {
    auto bytes = [hop](int count) HWY_ATTR {
      return static_cast<std::uintptr_t>(count) * static_cast<std::uintptr_t>(hop) * sizeof(Sample);
    };
    at_ = reinterpret_cast<std::uintptr_t>(block.samples) + bytes(block.frames + frame);
    step_ = bytes(frames) / static_cast<std::uintptr_t>(times);
  }

  HWY_INLINE void ask() {
    ask_for(at_);
    at_ += step_;
  }

 private:
  std::uintptr_t at_, step_;
};

// An output of this many bytes is not in the caches: its lines are asked for a block before they
// are written. Its rows are too many for a processor to foresee.
inline constexpr std::size_t kLargeOutput = std::size_t{512} << 10;

// Filters the spectra of kVectors vectors of frames, `apart` floats from each other, and writes
// them beside each other, a row per bin. Places and weights are read once for all of them.
template <bool kLog, int kAsksPerBin, std::size_t kVectors, class D>
HWY_INLINE hn::VFromD<D> filter(D d, const Plan& plan, const float* HWY_RESTRICT spectrum,
                                std::size_t apart, NextSamples next, bool ask_for_output,
                                float* HWY_RESTRICT out, std::ptrdiff_t stride,
                                hn::VFromD<D> largest) {
  using V = hn::VFromD<D>;
  const std::size_t lanes = hn::Lanes(d);
  const V floor = hn::Set(d, static_cast<float>(plan.options.floor));
  const ScaledLog2<D> log(d, hn::Set(d, plan.log_factor));
  const float* HWY_RESTRICT weight = plan.filters.weights.data();
  const std::size_t bins = plan.filters.first.size();
  for (std::size_t bin = 0; bin < bins; ++bin, out += stride) {
    for (int i = 0; i < kAsksPerBin; ++i) next.ask();
    if (ask_for_output)
      ask_for(reinterpret_cast<std::uintptr_t>(out) + kBlockFrames * sizeof(float));
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
      if constexpr (kLog) sum[v] = log(hn::Max(sum[v], floor));
      largest = hn::Max(largest, sum[v]);
      hn::StoreU(sum[v], d, out + v * lanes);
    }
  }
  return largest;
}

// The transposed samples of a block for the transform of 400 points: row r, column q has sample
// q hop + r. A vector of frames reads its own columns and up to four of the next vector's, so that
// a row has room for two vectors. What would be a third one's is where the next row had its first,
// which no frame needs any longer: all rows stay in the nearest cache.
template <class D, typename Sample>
class PolyphaseRows {
 public:
  HWY_INLINE PolyphaseRows(const Plan& plan, const Block<Sample>& block, float* out)
      : hop_(plan.options.hop),
        more_((400 + hop_ - 1) / hop_ - 1),
        columns_(block.frames + more_),
        source_{block.samples, hop_,
                static_cast<int>(block.readable / static_cast<std::size_t>(hop_)) - 1},
        stride_(plan.polyphase_stride),
        out_(out) {}

  // The columns of a vector of frames; vectors are asked for in their order.
  HWY_INLINE const float* of_frames(D d, int first) {
    const int lanes = static_cast<int>(hn::Lanes(d));
    for (const int end = std::min(first + lanes + more_, columns_); done_ < end; done_ += lanes) {
      if (columns_ - done_ > 4)
        transpose_columns(d, source_, done_, hop_, out_ + done_, stride_);
      else
        transpose_columns(hn::CappedTag<float, 4>(), source_, done_, hop_, out_ + done_, stride_);
    }
    return out_ + first;
  }

 private:
  int hop_, more_, columns_;
  Rows<Sample> source_;
  std::ptrdiff_t stride_;
  float* out_;
  int done_ = 0;
};

template <class D, typename Sample>
HWY_INLINE float run_block(D d, const Plan& plan, const float* HWY_RESTRICT window,
                           const Block<Sample>& block, Workspace& workspace) {
  using V = hn::VFromD<D>;
  const int lanes = static_cast<int>(hn::Lanes(d));
  // Narrow vectors are bound by loads; wide ones gain nothing.
  constexpr std::size_t kTogether = hn::MaxLanes(D()) <= 4 ? 4 : 1;
  const MelOptions& options = plan.options;
  const std::ptrdiff_t hop = options.hop;
  PolyphaseRows<D, Sample> polyphase(plan, block, workspace.samples());
  const bool large = static_cast<std::size_t>(options.bins) *
                         static_cast<std::size_t>(block.stride) * sizeof(float) >=
                     kLargeOutput;
  V largest = hn::Set(d, -3e38F);
  float largest_of_rest = -3e38F;
  const std::size_t apart = kVectorsOf400 * hn::Lanes(d);
  for (int frame = 0, step = lanes; frame < block.frames; frame += step) {
    const bool together = kTogether > 1 && plan.fast400 &&
                          frame + static_cast<int>(kTogether - 1) * lanes < block.frames;
    const std::size_t vectors = together ? kTogether : 1;
    step = static_cast<int>(vectors) * lanes;
    float* HWY_RESTRICT spectrum = workspace.scratch();
    if (plan.fast400) {
      for (std::size_t v = 0; v < vectors; ++v) {
        const float* columns = polyphase.of_frames(d, frame + static_cast<int>(v) * lanes);
        power_spectrum400(d, plan, window, columns, spectrum + v * apart);
      }
    } else {
      transpose_columns(d, Rows<Sample>{block.samples + frame * hop, hop, block.frames - 1 - frame},
                        0, options.window_length, workspace.samples(), lanes);
      spectrum = power_spectrum_mixed(d, plan, window, workspace.samples(), workspace);
    }
    if (options.magnitude)
      for (std::int32_t place : plan.place)
        for (std::size_t v = 0; v < vectors; ++v) {
          float* value = spectrum + place + v * apart;
          hn::Store(hn::Sqrt(hn::Load(d, value)), d, value);
        }
    constexpr int kAsksPerBin = sizeof(Sample) / sizeof(std::int16_t);
    const NextSamples next(block, frame, step, options.hop, options.bins * kAsksPerBin);
    const bool whole = frame + step <= block.frames;
    float* out = whole ? block.out + frame : workspace.block();
    const std::ptrdiff_t stride = whole ? block.stride : kBlockFrames;
    // A cache line of the output is 16 frames.
    const bool ask_for_output = large && whole && frame % 16 == 0;
    auto filtered = [&]<bool kLog, std::size_t kVectors>() HWY_ATTR {
      return filter<kLog, kAsksPerBin, kVectors>(d, plan, spectrum, apart, next, ask_for_output,
                                                 out, stride, largest);
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
  const ScaledLog2<D> log(d, hn::Set(d, 1.0F));
  float rest[kMostLanes];
  for (std::size_t i = 0; i < values.size(); i += lanes) {
    if (i + lanes <= values.size()) {
      hn::StoreU(log(hn::LoadU(d, values.data() + i)), d, out + i);
      continue;
    }
    const std::size_t count = values.size() - i;
    for (std::size_t j = 0; j < lanes; ++j) rest[j] = j < count ? values[i + j] : 1.0F;
    hn::StoreU(log(hn::LoadU(d, rest)), d, rest);
    for (std::size_t j = 0; j < count; ++j) out[i + j] = rest[j];
  }
}

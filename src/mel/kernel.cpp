// SPDX-License-Identifier: Apache-2.0
// Compiles the kernels for every kind of SIMD instructions, and finds those that the processor has.
#include "mel/kernel.h"

#include <algorithm>
#include <array>
#include <new>
#include <vector>

// Highway compiles no kernel for these; such a processor takes the next one below. They are older
// than the processors of any NPU, or have vectors of unknown length, which are no members.
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "mel/kernel.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace anynpu::mel {
namespace HWY_NAMESPACE {

// Each uses what is above it.
// clang-format off
#include "mel/transpose-inl.h"
#include "mel/lanes-inl.h"
#include "mel/transform400-inl.h"
#include "mel/transform_mixed-inl.h"
#include "mel/kernel-inl.h"
// clang-format on

using Tag = hn::CappedTag<float, kMostLanes>;

float run(const Plan& plan, const Block<float>& block, Workspace& workspace) {
  return run_block(Tag(), plan, plan.window.data(), block, workspace);
}
float run_int16(const Plan& plan, const Block<std::int16_t>& block, Workspace& workspace) {
  return run_block(Tag(), plan, plan.window_int16.data(), block, workspace);
}
void clamp_scale_all(std::span<float> values, float least, float factor, float addend) {
  clamp_scale(Tag(), values, least, factor, addend);
}
void log2_all(std::span<const float> values, float* out) {
  log2_of(Tag(), values, out);
}

Kernel kernel() {
  return {.name = hwy::TargetName(HWY_TARGET),
          .lanes = static_cast<int>(hn::Lanes(Tag())),
          .run = run,
          .run_int16 = run_int16,
          .clamp_scale = clamp_scale_all,
          .log2 = log2_all};
}

}  // namespace HWY_NAMESPACE
}  // namespace anynpu::mel
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace anynpu::mel {

void Workspace::Free::operator()(float* p) const {
  ::operator delete[](p, std::align_val_t(64));
}

Workspace::Buffer Workspace::allocate(std::size_t floats) {
  auto* memory = static_cast<float*>(
      ::operator new[](std::max<std::size_t>(floats, 16) * sizeof(float), std::align_val_t(64)));
  std::fill_n(memory, floats, 0.0F);
  return Buffer(memory);
}

Workspace::Workspace(const Plan& plan) {
  constexpr std::size_t kLanes = kMostLanes;
  const MelOptions& options = plan.options;
  if (plan.fast400) {
    samples_ = allocate(static_cast<std::size_t>(options.hop) *
                            static_cast<std::size_t>(plan.polyphase_stride) +
                        kBlockFrames + 2 * kLanes);
    scratch_ = allocate(kVectorsOf400 * kLanes);
  } else {
    samples_ = allocate(static_cast<std::size_t>(options.window_length) * kLanes);
    scratch_ = allocate(static_cast<std::size_t>(plan.points) * 2 * kLanes);
    scratch2_ = allocate(static_cast<std::size_t>(plan.points) * 2 * kLanes);
    spectrum_ = allocate(static_cast<std::size_t>(plan.values) * kLanes);
  }
  block_ = allocate(static_cast<std::size_t>(options.bins) * kBlockFrames);
}

std::span<const Kernel> kernels() {
  static const std::vector<Kernel> all = [] {
    std::vector<Kernel> found;
    const std::int64_t supported = hwy::SupportedTargets();
    auto add = [&](std::int64_t target, Kernel (*make)()) {
      if ((supported & target) != 0 || target == HWY_STATIC_TARGET) found.push_back(make());
    };
#if HWY_TARGETS & HWY_AVX3
    add(HWY_AVX3, N_AVX3::kernel);
#endif
#if HWY_TARGETS & HWY_AVX2
    add(HWY_AVX2, N_AVX2::kernel);
#endif
#if HWY_TARGETS & HWY_SSE4
    add(HWY_SSE4, N_SSE4::kernel);
#endif
#if HWY_TARGETS & HWY_NEON
    add(HWY_NEON, N_NEON::kernel);
#endif
#if HWY_TARGETS & HWY_EMU128
    add(HWY_EMU128, N_EMU128::kernel);
#endif
#if HWY_TARGETS & HWY_SCALAR
    add(HWY_SCALAR, N_SCALAR::kernel);
#endif
    return found;
  }();
  return all;
}

}  // namespace anynpu::mel
#endif  // HWY_ONCE

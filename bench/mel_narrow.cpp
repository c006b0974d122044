// SPDX-License-Identifier: Apache-2.0
// The mel kernel with 128-bit vectors and FMA on amd64, which has no such target of its own: what
// the four lanes of other processors with FMA would do at this clock. Compiled for AVX2
// (CMakeLists.txt).
#include "mel_narrow.h"

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include "mel/kernel.h"

static_assert(HWY_STATIC_TARGET == HWY_AVX2, "this file is compiled for AVX2");

namespace anynpu::mel {
namespace narrow {
namespace {

// Each uses what is above it.
// clang-format off
#include "mel/transpose-inl.h"
#include "mel/lanes-inl.h"
#include "mel/transform400-inl.h"
#include "mel/transform_mixed-inl.h"
#include "mel/kernel-inl.h"
// clang-format on

using Tag = hn::CappedTag<float, 4>;

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

}  // namespace
}  // namespace narrow

Kernel narrow_kernel() {
  return {.name = "FMA128",
          .lanes = 4,
          .run = narrow::run,
          .run_int16 = narrow::run_int16,
          .clamp_scale = narrow::clamp_scale_all,
          .log2 = narrow::log2_all};
}

}  // namespace anynpu::mel

// SPDX-License-Identifier: Apache-2.0
// libhwy is asked which kinds of SIMD instructions there are when the first spectrogram is made.
// Linked, it would measure the timer's resolution at each start of the program, for 2 to 4 ms.
#include <hwy/targets.h>

#include "base/late_library.h"

namespace hwy {

int64_t SupportedTargets() {
  static const anynpu::LateLibrary library("libhwy.so.1");
  static const auto real = library.find<decltype(SupportedTargets)>("_ZN3hwy16SupportedTargetsEv");
  // Without the library, what the program was compiled for.
  return real == nullptr ? HWY_STATIC_TARGET : real();
}

}  // namespace hwy

// SPDX-License-Identifier: Apache-2.0
// A mel kernel that exists only to be measured.
#pragma once

#include "mel/kernel.h"

namespace anynpu::mel {

/// 128-bit vectors with the instructions of AVX2.
Kernel narrow_kernel();

}  // namespace anynpu::mel

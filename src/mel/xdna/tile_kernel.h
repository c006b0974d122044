// SPDX-License-Identifier: Apache-2.0
// The tile's fixed-point kernel in the place of a float one, so that what it does to a model can be
// measured on any processor.
#pragma once

#include "mel/kernel.h"

namespace anynpu::mel::xdna {

/// For mel::plain() and mel::whisper() with 80 bins. Samples are rounded to int16, features to the
/// tile's int8.
const Kernel& tile_kernel();

}  // namespace anynpu::mel::xdna

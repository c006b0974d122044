// SPDX-License-Identifier: Apache-2.0
// The engine "tflite": .tflite artifacts on the CPU, with XNNPACK or with TFLite's own kernels.
#pragma once

#include <memory>

#include "base/result.h"
#include "engine/library.h"
#include "engine/session.h"

namespace anynpu::engine {

/// How TFLite's library is called.
LibraryNames tflite_names();

/// The newest library serves. Where it was built without XNNPACK (as Debian's) and another one of
/// this machine has it, the variant "xnnpack" runs in that one: for int8 models it is 8 times
/// faster.
Result<std::unique_ptr<Engine>> open_tflite(const LibraryChoice& choice);

}  // namespace anynpu::engine

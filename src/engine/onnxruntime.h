// SPDX-License-Identifier: Apache-2.0
// The engine "onnxruntime": .onnx artifacts on the CPU.
#pragma once

#include <memory>

#include "base/result.h"
#include "engine/library.h"
#include "engine/session.h"

namespace anynpu::engine {

/// How ONNX Runtime's library is called.
LibraryNames onnxruntime_names();

Result<std::unique_ptr<Engine>> open_onnxruntime(const LibraryChoice& choice);

}  // namespace anynpu::engine

// SPDX-License-Identifier: Apache-2.0
// The engine "rknn": .rknn artifacts on Rockchip NPUs under the vendor's kernel, with librknnrt 1.3
// to 2.3. Opened in worker processes only: the runtime crashes on several faults of its device.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/session.h"

namespace anynpu::engine {

/// Opens the runtime. Its version is read from its file first, so that an error can name it.
///
/// A session runs in one of two ways: "native" hands over quantised values in buffers of the NPU,
/// in the NPU's own layout; "converted" hands over real numbers that the runtime quantises. Without
/// a LoadOptions::variant the first that the runtime and the model allow is taken.
Result<std::unique_ptr<Engine>> open_rknn(const std::filesystem::path& library);

}  // namespace anynpu::engine

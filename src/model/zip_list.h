// SPDX-License-Identifier: Apache-2.0
// Lists a zip archive at the end of a file: TFLite's metadata tools append label files that way.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "model/tflite_file.h"

namespace anynpu::model {

/// At most 100 entries; empty when there is no archive or it is damaged. After PKWARE's
/// APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.
std::vector<AssociatedFile> list_zip(std::span<const std::byte> all);

}  // namespace anynpu::model

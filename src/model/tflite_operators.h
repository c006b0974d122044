// SPDX-License-Identifier: Apache-2.0
// The names of TFLite's builtin operators by code.
#pragma once

#include <cstdint>
#include <string>

namespace anynpu::model {

/// "CONV_2D" for 3; "builtin 999" for a code that is newer than this list.
std::string tflite_operator_name(std::int32_t code);

}  // namespace anynpu::model

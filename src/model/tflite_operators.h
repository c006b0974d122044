// SPDX-License-Identifier: Apache-2.0
// The names of TFLite's builtin operators by code.
#pragma once

#include <cstdint>
#include <string>

namespace anynpu::model {

/// The number of a builtin operator, from the two fields that an operator code has: the older one
/// is a byte and stops at 127.
std::int32_t tflite_operator_number(std::int8_t older, std::int32_t newer);

/// "CONV_2D" for 3; "builtin 999" for a code that is newer than this list.
std::string tflite_operator_name(std::int32_t code);

}  // namespace anynpu::model

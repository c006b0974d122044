// SPDX-License-Identifier: Apache-2.0
// AXERA's error codes in words.
//
// 0x80000000 | module << 24 | 0x30 << 16 | sub << 8 | id is an error of the runtime on the host.
// Where the second byte is not 0x30 it is an error of the card's own software, passed through, and
// that byte is its module.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace anynpu::engine::axcl {

/// "0x80300186: DEVICE, the card refused the communication ports"
std::string describe_status(std::int32_t status);

/// The error of a failed call: "DOING: " and the code in words, with the cause's usual remedy.
/// `machine_words` is what the machine tells of it, such as the last line of the runtime's log;
/// may be empty.
Error status_error(std::string_view doing, std::int32_t status,
                   std::string_view machine_words = "");

}  // namespace anynpu::engine::axcl

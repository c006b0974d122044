// SPDX-License-Identifier: Apache-2.0
// text: printf into a string. The preloaded library brings no formatting library into its host.
#pragma once

#include <cstdarg>
#include <string>

namespace anynpu::sim::rocket {

/// At most 511 characters.
[[gnu::format(printf, 1, 2)]] std::string text(const char* format, ...);

}  // namespace anynpu::sim::rocket

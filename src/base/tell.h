// SPDX-License-Identifier: Apache-2.0
// Words for people, on standard error. That nobody reads them, or that its disk is full, is no
// reason to end: fmt::print() would throw.
#pragma once

#include <cstdio>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace anynpu {

template <typename... Arguments>
void tell(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  const std::string text = fmt::format(format, std::forward<Arguments>(arguments)...);
  (void)std::fputs(text.c_str(), stderr);
}

}  // namespace anynpu

// SPDX-License-Identifier: Apache-2.0
// The border between code that throws, for want of memory or from a library, and a Result.
#pragma once

#include <exception>

#include "base/result.h"

namespace anynpu {

/// The Result that a function returns; what it throws instead is an Error.
template <typename Function>
auto without_throwing(const Function& function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& problem) {
    return Error{Code::kInternal, problem.what()};
  }
}

}  // namespace anynpu

// SPDX-License-Identifier: Apache-2.0
// text: printf into a string.
#include "sim/rocket/text.h"

#include <cstdio>

namespace anynpu::sim::rocket {

std::string text(const char* format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof buffer, format, arguments);
  va_end(arguments);
  return buffer;
}

}  // namespace anynpu::sim::rocket

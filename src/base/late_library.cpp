// SPDX-License-Identifier: Apache-2.0
// A library that is loaded when one of its functions is first called.
#include "base/late_library.h"

#include <dlfcn.h>

namespace anynpu {

LateLibrary::LateLibrary(const char* name) : handle_(::dlopen(name, RTLD_NOW | RTLD_LOCAL)) {
  if (handle_ != nullptr) return;
  const char* why = ::dlerror();
  problem_ = why != nullptr ? why : std::string(name) + " cannot be loaded";
}

void* LateLibrary::find_symbol(const char* symbol) const {
  return handle_ == nullptr ? nullptr : ::dlsym(handle_, symbol);
}

}  // namespace anynpu

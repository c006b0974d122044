// SPDX-License-Identifier: Apache-2.0
// A library that is loaded when one of its functions is first called, and not when the program
// starts: most commands need few of them, and each costs every start.
//
// Functions of the library are defined here once more, with their own declarations, and forward:
//
//   const LateLibrary& soxr() {
//     static const LateLibrary library("libsoxr.so.0");
//     return library;
//   }
//   extern "C" void soxr_delete(soxr_t state) {
//     static const auto real = soxr().find<decltype(soxr_delete)>("soxr_delete");
//     if (real != nullptr) real(state);
//   }
#pragma once

#include <string>

namespace anynpu {

class LateLibrary {
 public:
  /// Looked for as the dynamic loader does it; stays loaded.
  explicit LateLibrary(const char* name);

  /// nullptr when the library cannot be loaded, or has no such function.
  template <typename Function>
  Function* find(const char* symbol) const {
    return reinterpret_cast<Function*>(find_symbol(symbol));
  }
  /// Why it could not be loaded; empty when it was.
  const std::string& problem() const { return problem_; }

 private:
  void* find_symbol(const char* symbol) const;

  void* handle_ = nullptr;
  std::string problem_;
};

}  // namespace anynpu

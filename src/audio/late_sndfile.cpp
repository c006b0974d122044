// SPDX-License-Identifier: Apache-2.0
// libsndfile and the seven codecs that it brings are loaded when the first file is decoded.
#include <sndfile.h>

#include "base/late_library.h"

namespace {

const anynpu::LateLibrary& sndfile() {
  static const anynpu::LateLibrary library("libsndfile.so.1");
  return library;
}

}  // namespace

extern "C" {

SNDFILE* sf_open_virtual(SF_VIRTUAL_IO* io, int mode, SF_INFO* info, void* state) {
  static const auto real = sndfile().find<decltype(sf_open_virtual)>("sf_open_virtual");
  return real == nullptr ? nullptr : real(io, mode, info, state);
}

int sf_close(SNDFILE* file) {
  static const auto real = sndfile().find<decltype(sf_close)>("sf_close");
  return real == nullptr ? SF_ERR_SYSTEM : real(file);
}

int sf_error(SNDFILE* file) {
  static const auto real = sndfile().find<decltype(sf_error)>("sf_error");
  return real == nullptr ? SF_ERR_SYSTEM : real(file);
}

const char* sf_strerror(SNDFILE* file) {
  static const auto real = sndfile().find<decltype(sf_strerror)>("sf_strerror");
  return real == nullptr ? sndfile().problem().c_str() : real(file);
}

int sf_command(SNDFILE* file, int command, void* data, int size) {
  static const auto real = sndfile().find<decltype(sf_command)>("sf_command");
  return real == nullptr ? SF_ERR_SYSTEM : real(file, command, data, size);
}

sf_count_t sf_readf_float(SNDFILE* file, float* into, sf_count_t frames) {
  static const auto real = sndfile().find<decltype(sf_readf_float)>("sf_readf_float");
  return real == nullptr ? 0 : real(file, into, frames);
}

}  // extern "C"

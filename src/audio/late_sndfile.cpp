// SPDX-License-Identifier: Apache-2.0
// libsndfile and the seven codecs that it brings are loaded when the first file is decoded.
#include <sndfile.h>

#include "base/late_library.h"

namespace {

const anynpu::LateLibrary& library_of_sound_files() {
  static const anynpu::LateLibrary library("libsndfile.so.1");
  return library;
}

}  // namespace

extern "C" {

SNDFILE* sf_open_virtual(SF_VIRTUAL_IO* sfvirtual, int mode, SF_INFO* sfinfo, void* user_data) {
  static const auto real =
      library_of_sound_files().find<decltype(sf_open_virtual)>("sf_open_virtual");
  return real == nullptr ? nullptr : real(sfvirtual, mode, sfinfo, user_data);
}

int sf_close(SNDFILE* sndfile) {
  static const auto real = library_of_sound_files().find<decltype(sf_close)>("sf_close");
  return real == nullptr ? SF_ERR_SYSTEM : real(sndfile);
}

int sf_error(SNDFILE* sndfile) {
  static const auto real = library_of_sound_files().find<decltype(sf_error)>("sf_error");
  return real == nullptr ? SF_ERR_SYSTEM : real(sndfile);
}

const char* sf_strerror(SNDFILE* sndfile) {
  static const auto real = library_of_sound_files().find<decltype(sf_strerror)>("sf_strerror");
  return real == nullptr ? library_of_sound_files().problem().c_str() : real(sndfile);
}

int sf_command(SNDFILE* sndfile, int command, void* data, int datasize) {
  static const auto real = library_of_sound_files().find<decltype(sf_command)>("sf_command");
  return real == nullptr ? SF_ERR_SYSTEM : real(sndfile, command, data, datasize);
}

sf_count_t sf_readf_float(SNDFILE* sndfile, float* ptr, sf_count_t frames) {
  static const auto real =
      library_of_sound_files().find<decltype(sf_readf_float)>("sf_readf_float");
  return real == nullptr ? 0 : real(sndfile, ptr, frames);
}

}  // extern "C"

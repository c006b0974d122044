// SPDX-License-Identifier: Apache-2.0
// libsoxr, which brings OpenMP's runtime, is loaded when the first sound is resampled.
#include <soxr.h>

#include "base/late_library.h"

namespace {

const anynpu::LateLibrary& soxr_library() {
  static const anynpu::LateLibrary library("libsoxr.so.0");
  return library;
}

}  // namespace

extern "C" {

soxr_t soxr_create(double input_rate, double output_rate, unsigned num_channels,
                   soxr_error_t* error, const soxr_io_spec_t* io,
                   const soxr_quality_spec_t* quality, const soxr_runtime_spec_t* runtime) {
  static const auto real = soxr_library().find<decltype(soxr_create)>("soxr_create");
  if (real != nullptr)
    return real(input_rate, output_rate, num_channels, error, io, quality, runtime);
  if (error != nullptr) *error = soxr_library().problem().c_str();
  return nullptr;
}

void soxr_delete(soxr_t state) {
  static const auto real = soxr_library().find<decltype(soxr_delete)>("soxr_delete");
  if (real != nullptr) real(state);
}

soxr_error_t soxr_process(soxr_t resampler, soxr_in_t in, size_t ilen, size_t* idone,
                          soxr_out_t out, size_t olen, size_t* odone) {
  static const auto real = soxr_library().find<decltype(soxr_process)>("soxr_process");
  return real == nullptr ? soxr_library().problem().c_str()
                         : real(resampler, in, ilen, idone, out, olen, odone);
}

soxr_quality_spec_t soxr_quality_spec(unsigned long recipe, unsigned long flags) {
  static const auto real = soxr_library().find<decltype(soxr_quality_spec)>("soxr_quality_spec");
  return real == nullptr ? soxr_quality_spec_t{} : real(recipe, flags);
}

soxr_io_spec_t soxr_io_spec(soxr_datatype_t itype, soxr_datatype_t otype) {
  static const auto real = soxr_library().find<decltype(soxr_io_spec)>("soxr_io_spec");
  return real == nullptr ? soxr_io_spec_t{} : real(itype, otype);
}

}  // extern "C"

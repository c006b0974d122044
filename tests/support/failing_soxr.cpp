// SPDX-License-Identifier: Apache-2.0
// A libsoxr that fails at its second piece of sound, for tests of what becomes of the recording.
#include <algorithm>

#include <soxr.h>

namespace {
int calls = 0;
}

extern "C" {

soxr_t soxr_create(double, double, unsigned, soxr_error_t* error, const soxr_io_spec_t*,
                   const soxr_quality_spec_t*, const soxr_runtime_spec_t*) {
  if (error != nullptr) *error = nullptr;
  calls = 0;
  return reinterpret_cast<soxr_t>(&calls);
}

void soxr_delete(soxr_t) {}

soxr_error_t soxr_process(soxr_t, soxr_in_t in, size_t ilen, size_t* idone, soxr_out_t out,
                          size_t olen, size_t* odone) {
  *idone = *odone = 0;
  if (++calls > 1) return "a fault of the test";
  *idone = *odone = std::min(ilen, olen);
  std::copy_n(static_cast<const float*>(in), *odone, static_cast<float*>(out));
  return nullptr;
}

soxr_quality_spec_t soxr_quality_spec(unsigned long, unsigned long) {
  return {};
}

soxr_io_spec_t soxr_io_spec(soxr_datatype_t, soxr_datatype_t) {
  return {};
}

}  // extern "C"

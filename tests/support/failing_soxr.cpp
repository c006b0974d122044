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

soxr_error_t soxr_process(soxr_t, soxr_in_t in, size_t in_length, size_t* used, soxr_out_t out,
                          size_t room, size_t* made) {
  *used = *made = 0;
  if (++calls > 1) return "a fault of the test";
  *used = *made = std::min(in_length, room);
  std::copy_n(static_cast<const float*>(in), *made, static_cast<float*>(out));
  return nullptr;
}

soxr_quality_spec_t soxr_quality_spec(unsigned long, unsigned long) {
  return {};
}

soxr_io_spec_t soxr_io_spec(soxr_datatype_t, soxr_datatype_t) {
  return {};
}

}  // extern "C"

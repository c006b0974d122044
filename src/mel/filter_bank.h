// SPDX-License-Identifier: Apache-2.0
// The sparse filter bank that turns a spectrum into mel bins, and the windows before it.
#pragma once

#include <vector>

#include "mel/options.h"

namespace anynpu::mel {

struct Filter {
  int first = 0;  // index of the first spectrum value
  std::vector<double> weights;
};

double hz_to_mel(double hz, Scale scale);
double mel_to_hz(double mel, Scale scale);

/// One filter per bin. A filter between two spectrum values has no weights.
std::vector<Filter> filter_bank(const MelOptions& options);

std::vector<double> window(Window kind, int length);

}  // namespace anynpu::mel

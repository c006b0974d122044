// SPDX-License-Identifier: Apache-2.0
// How far two sequences are apart: words by their letters, sentences by their words.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace anynpu {

/// The least number of insertions, deletions and changes that make the one of the other.
template <typename Sequence>
std::size_t least_edits(const Sequence& a, const Sequence& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, change});
    }
  }
  return row[b.size()];
}

}  // namespace anynpu

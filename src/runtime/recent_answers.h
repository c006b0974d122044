// SPDX-License-Identifier: Apache-2.0
// RecentAnswers: finds out at once when a device hands out an old answer for a new input.
//
// A device that has stopped writing its outputs, or a library that swallows its errors, reports
// success and leaves what was there before. Such an answer is the same to the last bit as a recent
// one, and its input is not. That may also be honest (a detector that sees nothing twice), so it is
// a doubt and no verdict. (Marks in the output buffers would show it without a doubt. But where an
// NPU does not share the CPU's caches, a mark may be written back later, over the answer.)
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/tensor.h"

namespace anynpu::runtime {

/// A number that tells tensors apart: of all bytes when there are few, else of a sample that is
/// spread over them.
std::uint64_t fingerprint(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t fingerprint(const std::vector<engine::Tensor>& tensors);

class RecentAnswers {
 public:
  /// Remembers the answers of one run, one for each of its places, each with the fingerprint of its
  /// input. Returns why one of them may be old; empty when nothing speaks for that.
  std::string doubt(const std::vector<std::uint64_t>& inputs,
                    const std::vector<std::vector<engine::Tensor>>& answers);
  /// The last doubt was looked into, and the answer was right: the network gives equal answers now
  /// and then. The next doubts are passed over, twice as many every time, up to 1,023.
  void was_right();

 private:
  struct Answer {
    std::uint64_t input = 0, outputs = 0;
  };
  /// The last ones of one place of a batch. A library with several buffers hands out an older one.
  struct Place {
    std::array<Answer, 4> answers;
    std::size_t count = 0;
  };
  std::vector<Place> places_;
  int pass_over_ = 0;
  int passed_over_ = 0;
};

}  // namespace anynpu::runtime

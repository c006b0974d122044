// SPDX-License-Identifier: Apache-2.0
// A progress bar on standard error; silent when that is no terminal, or one that only takes text
// (TERM=dumb). It has no colours.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace anynpu {

enum class ProgressUnit { kBytes, kItems };

class Progress {
 public:
  /// `total` 0 means that the end is not known.
  Progress(std::string title, std::uint64_t total, ProgressUnit unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void set(std::uint64_t done);
  /// Clears the line, so that other text can be written.
  void clear();

 private:
  std::string line_of(std::uint64_t done, std::size_t columns) const;

  std::string title_;
  std::uint64_t total_;
  ProgressUnit unit_;
  bool shown_;
  TimePoint start_ = Clock::now();
  TimePoint last_ = {};
};

}  // namespace anynpu

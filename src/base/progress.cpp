// SPDX-License-Identifier: Apache-2.0
// A progress bar on standard error; silent when that is not a terminal.
#include "base/progress.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"

namespace anynpu {

Progress::Progress(std::string title, std::uint64_t total, ProgressUnit unit)
    : title_(std::move(title)), total_(total), unit_(unit), shown_(::isatty(2) == 1) {}

Progress::~Progress() {
  clear();
}

void Progress::set(std::uint64_t done) {
  TimePoint now = Clock::now();
  if (!shown_ || (now - last_ < milliseconds(100) && done < total_)) return;
  last_ = now;
  auto amount = [&](std::uint64_t n) {
    return unit_ == ProgressUnit::kBytes ? human_bytes(n) : std::to_string(n);
  };
  std::string line = fmt::format("\r\x1b[K{} ", title_);
  if (total_ > 0) {
    constexpr int kWidth = 28;
    int filled = static_cast<int>(std::min<std::uint64_t>(done, total_) * kWidth / total_);
    line += fmt::format("[{:#<{}}{: <{}}] {}/{}", "", filled, "", kWidth - filled, amount(done),
                        amount(total_));
    double elapsed = ms_since(start_) / 1000;
    if (done > 0 && done < total_ && elapsed > 1)
      line += fmt::format(", {:.0f} s left",
                          elapsed * static_cast<double>(total_ - done) / static_cast<double>(done));
  } else {
    line += amount(done);
  }
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

}  // namespace anynpu

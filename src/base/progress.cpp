// SPDX-License-Identifier: Apache-2.0
// Progress: one line that is drawn over itself, never longer than the terminal is wide: a line that
// wraps cannot be drawn over.
#include "base/progress.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

namespace anynpu {
namespace {

constexpr std::size_t kBar = 28;
constexpr std::size_t kShortestBar = 8;
constexpr std::size_t kUsualColumns = 80;

// Escape sequences mean something on it.
bool is_terminal(int fd) {
  const char* kind = std::getenv("TERM");
  return ::isatty(fd) == 1 && (kind == nullptr || std::strcmp(kind, "dumb") != 0);
}

// One less than there are, because a line that fills the last one wraps on some terminals.
std::size_t columns_of(int fd) {
  winsize size = {};
  const bool known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return std::max<std::size_t>(known ? size.ws_col : kUsualColumns, 2) - 1;
}

bool continues(char byte) {  // a character of UTF-8
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

std::size_t length_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char byte) { return !continues(byte); }));
}

// The end of a title says more than its beginning: those of downloads are addresses.
std::string shortened(const std::string& text, std::size_t most) {
  const std::size_t length = length_of(text);
  if (length <= most) return text;
  if (most < 4) return "";
  std::size_t at = 0;
  for (std::size_t left_out = length - most + 3; left_out > 0; --left_out) {
    ++at;
    while (at < text.size() && continues(text[at])) ++at;
  }
  return "..." + text.substr(at);
}

}  // namespace

Progress::Progress(std::string title, std::uint64_t total, ProgressUnit unit)
    : title_(std::move(title)), total_(total), unit_(unit), shown_(is_terminal(2)) {}

Progress::~Progress() {
  clear();
}

void Progress::set(std::uint64_t done) {
  TimePoint now = Clock::now();
  if (!shown_ || (now - last_ < milliseconds(100) && done < total_)) return;
  last_ = now;
  std::string line = "\r\x1b[K" + line_of(done, columns_of(2));
  std::fputs(line.c_str(), stderr);
  std::fflush(stderr);
}

std::string Progress::line_of(std::uint64_t done, std::size_t columns) const {
  auto amount = [&](std::uint64_t n) {
    return unit_ == ProgressUnit::kBytes ? human_bytes(n) : std::to_string(n);
  };
  std::string figures = amount(done);
  if (total_ > 0) figures += "/" + amount(total_);
  const double elapsed = ms_since(start_) / 1000;
  if (done > 0 && done < total_ && elapsed > 1) {
    std::string left = fmt::format(", {:.0f} s left", elapsed * static_cast<double>(total_ - done) /
                                                          static_cast<double>(done));
    if (figures.size() + left.size() <= columns) figures += left;
  }
  if (figures.size() > columns) return "";
  // What is left after the figures is the bar's as long as it is of use, and the title's.
  std::size_t room = columns - figures.size();
  std::string bar;
  if (total_ > 0 && room >= kShortestBar + 3) {
    const std::size_t title = length_of(title_) + 1;
    const std::size_t width =
        std::clamp(room > title + 3 ? room - title - 3 : 0, kShortestBar, kBar);
    const std::size_t filled = std::min(done, total_) * width / total_;
    bar = fmt::format("[{:#<{}}{: <{}}] ", "", filled, "", width - filled);
    room -= bar.size();
  }
  std::string title = room > 1 ? shortened(title_, room - 1) : "";
  return title + (title.empty() ? "" : " ") + bar + figures;
}

void Progress::clear() {
  if (shown_) std::fputs("\r\x1b[K", stderr);
}

}  // namespace anynpu

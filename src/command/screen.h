// SPDX-License-Identifier: Apache-2.0
// A terminal that is drawn over itself, with the few sequences that every terminal, ssh and tmux
// know.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "base/clock.h"

namespace anynpu::command {

/// Whether standard output is a terminal that can be drawn on.
bool can_draw();

/// From its beginning to its end keys come unbuffered and unseen. However the process ends (but for
/// SIGKILL), the terminal is as it was before; one at a time.
class Screen {
 public:
  explicit Screen(std::ostream& out);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Columns of the terminal, 80 where it does not tell.
  int width() const;
  /// What does not fit is cut, and said.
  void draw(const std::vector<std::string>& lines);

  enum class Event { kTime, kResized, kQuit };
  /// Until the time is over, the terminal has another size, or q, Escape or Ctrl-C ends it.
  Event wait(Duration limit);

 private:
  int height() const;
  std::ostream& out_;
  bool keys_ = false;  // standard input is a terminal too
};

/// The first `columns` characters of UTF-8 text, all taken for one column wide.
std::string cut_to(const std::string& text, int columns);

}  // namespace anynpu::command

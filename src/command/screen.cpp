// SPDX-License-Identifier: Apache-2.0
// A terminal that is drawn over itself.
#include "command/screen.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "command/interrupt.h"

namespace anynpu::command {
namespace {

// The second screen, the cursor hidden; and back.
constexpr std::string_view kEnter = "\033[?1049h\033[?25l\033[2J";
constexpr std::string_view kLeave = "\033[?25h\033[?1049l";
constexpr int kSignalsThatEnd[] = {SIGTERM, SIGHUP, SIGQUIT};

termios before, drawing;
bool has_keys = false;
volatile std::sig_atomic_t resized = 0;

void write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t wrote = ::write(STDOUT_FILENO, text.data(), text.size());
    if (wrote <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
}

// Both only do what a signal's handler may.
void enter() {
  if (has_keys) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &drawing);
  write_all(kEnter);
}
void leave() {
  write_all(kLeave);
  if (has_keys) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
}

void handle(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(number, &action, nullptr);
}

void on_resize(int) {
  resized = 1;
}
void on_end(int number) {
  leave();
  handle(number, SIG_DFL);
  ::raise(number);
}
// Ctrl-Z gives the terminal back, `fg` takes it again.
void on_stop(int) {
  leave();
  ::raise(SIGSTOP);
}
void on_continue(int) {
  enter();
  resized = 1;
}

winsize size_of_terminal() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    size.ws_col = 80, size.ws_row = 24;
  return size;
}

}  // namespace

bool can_draw() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) == 1 && kind != nullptr && std::string_view(kind) != "dumb";
}

Screen::Screen(std::ostream& out) : out_(out) {
  has_keys = ::isatty(STDIN_FILENO) == 1 && ::tcgetattr(STDIN_FILENO, &before) == 0;
  keys_ = has_keys;
  drawing = before;
  drawing.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  drawing.c_cc[VMIN] = 0;
  drawing.c_cc[VTIME] = 0;
  watch_for_interrupt();
  for (int number : kSignalsThatEnd) handle(number, on_end);
  handle(SIGWINCH, on_resize);
  handle(SIGTSTP, on_stop);
  handle(SIGCONT, on_continue);
  enter();
}

Screen::~Screen() {
  out_.flush();
  leave();
  for (int number : {SIGWINCH, SIGTSTP, SIGCONT}) handle(number, SIG_DFL);
  for (int number : kSignalsThatEnd) handle(number, SIG_DFL);
}

int Screen::width() const {
  return size_of_terminal().ws_col;
}

int Screen::height() const {
  return size_of_terminal().ws_row;
}

void Screen::draw(const std::vector<std::string>& lines) {
  const auto room = static_cast<std::size_t>(std::max(height(), 1));
  const std::size_t shown = lines.size() <= room ? lines.size() : room - 1;
  out_ << "\033[H";
  for (std::size_t i = 0; i < shown; ++i)
    out_ << (i == 0 ? "" : "\r\n") << cut_to(lines[i], width()) << "\033[K";
  if (shown < lines.size())
    out_ << (shown == 0 ? "" : "\r\n")
         << cut_to(fmt::format("{} more lines below", lines.size() - shown), width()) << "\033[K";
  out_ << "\033[J";
  out_.flush();
}

Screen::Event Screen::wait(Duration limit) {
  const TimePoint end = Clock::now() + limit;
  while (true) {
    if (interrupted()) return Event::kQuit;
    if (resized != 0) {
      resized = 0;
      out_ << "\033[2J";
      return Event::kResized;
    }
    const auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
    if (left <= 0) return Event::kTime;
    pollfd keyboard{STDIN_FILENO, POLLIN, 0};
    const int ready = ::poll(&keyboard, keys_ ? 1 : 0, static_cast<int>(left));
    if (ready <= 0) continue;
    char key = 0;
    if (::read(STDIN_FILENO, &key, 1) <= 0) return Event::kQuit;  // the terminal has gone
    if (key == 'q' || key == 'Q' || key == '\033') return Event::kQuit;
  }
}

std::string cut_to(const std::string& text, int columns) {
  int count = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80U;
    if (begins && ++count > columns) return text.substr(0, at);
  }
  return text;
}

}  // namespace anynpu::command

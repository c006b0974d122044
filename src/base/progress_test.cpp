// SPDX-License-Identifier: Apache-2.0
// Tests of the progress bar, on a terminal made for the test and on none.
#include "base/progress.h"

#include <array>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fd.h"

namespace anynpu {
namespace {

using testing::HasSubstr;
using testing::Not;

// Puts another file in the place of standard error for as long as it lives.
class StandardErrorAs {
 public:
  explicit StandardErrorAs(int fd) : before_(::dup(2)) { ::dup2(fd, 2); }
  ~StandardErrorAs() { ::dup2(before_.get(), 2); }
  StandardErrorAs(const StandardErrorAs&) = delete;
  StandardErrorAs& operator=(const StandardErrorAs&) = delete;

 private:
  Fd before_;
};

std::string read_what_is_there(int fd) {
  std::string text;
  pollfd ready{fd, POLLIN, 0};
  while (::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0) {
    std::array<char, 4096> block{};
    ssize_t got = ::read(fd, block.data(), block.size());
    if (got <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(got));
  }
  return text;
}

struct Terminal {
  Fd keyboard_side, program_side;
};

Terminal open_terminal() {
  ::setenv("TERM", "xterm", 1);
  Terminal terminal;
  terminal.keyboard_side = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_EQ(::grantpt(terminal.keyboard_side.get()), 0);
  EXPECT_EQ(::unlockpt(terminal.keyboard_side.get()), 0);
  std::array<char, 64> name{};
  EXPECT_EQ(::ptsname_r(terminal.keyboard_side.get(), name.data(), name.size()), 0);
  terminal.program_side = Fd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  EXPECT_TRUE(terminal.program_side);
  return terminal;
}

TEST(Progress, DrawsABarOnATerminal) {
  Terminal terminal = open_terminal();
  {
    StandardErrorAs redirected(terminal.program_side.get());
    Progress progress("model.tflite", 4'000'000, ProgressUnit::kBytes);
    progress.set(1'000'000);
    EXPECT_THAT(read_what_is_there(terminal.keyboard_side.get()),
                HasSubstr("model.tflite [#######                     ] 1.0 MB/4.0 MB"));
    progress.set(4'000'000);  // the end is always shown
    EXPECT_THAT(read_what_is_there(terminal.keyboard_side.get()),
                HasSubstr("[############################] 4.0 MB/4.0 MB"));
  }
  EXPECT_EQ(read_what_is_there(terminal.keyboard_side.get()), "\r\x1b[K");
}

// What is to be seen of the last line that was drawn.
std::string last_line(const std::string& shown) {
  const std::size_t erased = shown.rfind("\x1b[K");
  return erased == std::string::npos ? shown : shown.substr(erased + 3);
}

TEST(Progress, NeverWraps) {
  Terminal terminal = open_terminal();
  StandardErrorAs redirected(terminal.program_side.get());
  const std::string title = "npm package tflite-react-native-\u00e4lternative@0.0.4";
  for (unsigned short columns = 1; columns <= 120; ++columns) {
    winsize size = {};
    size.ws_col = columns;
    ASSERT_EQ(::ioctl(terminal.program_side.get(), TIOCSWINSZ, &size), 0);
    Progress progress(title, 68'000'000, ProgressUnit::kBytes);
    progress.set(34'000'000);
    const std::string line = last_line(read_what_is_there(terminal.keyboard_side.get()));
    std::size_t length = 0;
    for (const char byte : line) length += (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
    EXPECT_LT(length, std::max<std::size_t>(columns, 2)) << line;
    if (columns >= 20) {
      EXPECT_THAT(line, testing::EndsWith("34.0 MB/68.0 MB")) << columns;
    }
    if (columns == 40) {
      EXPECT_EQ(line, "...ive@0.0.4 [####    ] 34.0 MB/68.0 MB") << columns;
    }
    if (columns >= 100) {
      EXPECT_EQ(line, title + " [##############              ] 34.0 MB/68.0 MB");
    }
    progress.clear();
    read_what_is_there(terminal.keyboard_side.get());
  }
}

TEST(Progress, IsSilentWhereOnlyTextIsTaken) {
  Terminal terminal = open_terminal();
  StandardErrorAs redirected(terminal.program_side.get());
  ::setenv("TERM", "dumb", 1);
  {
    Progress progress("images", 2, ProgressUnit::kItems);
    progress.set(1);
  }
  ::setenv("TERM", "xterm", 1);
  EXPECT_EQ(read_what_is_there(terminal.keyboard_side.get()), "");
}

TEST(Progress, CountsWhenTheEndIsNotKnown) {
  Terminal terminal = open_terminal();
  StandardErrorAs redirected(terminal.program_side.get());
  Progress progress("images", 0, ProgressUnit::kItems);
  progress.set(12);
  std::string shown = read_what_is_there(terminal.keyboard_side.get());
  EXPECT_THAT(shown, HasSubstr("images 12"));
  EXPECT_THAT(shown, Not(HasSubstr("[#")));
}

TEST(Progress, MoreThanTheTotalStaysInTheBar) {
  Terminal terminal = open_terminal();
  StandardErrorAs redirected(terminal.program_side.get());
  Progress progress("images", 2, ProgressUnit::kItems);
  progress.set(5);
  EXPECT_THAT(read_what_is_there(terminal.keyboard_side.get()),
              HasSubstr("[############################] 5/2"));
}

TEST(Progress, IsSilentElsewhere) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  {
    StandardErrorAs redirected(write_end.get());
    Progress progress("model.tflite", 100, ProgressUnit::kBytes);
    progress.set(50);
    progress.set(100);
  }
  EXPECT_EQ(read_what_is_there(read_end.get()), "");
}

}  // namespace
}  // namespace anynpu

// SPDX-License-Identifier: Apache-2.0
// The kernel log of this machine (kernel Documentation/ABI/testing/dev-kmsg).
#include "host/kernel_log.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <deque>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/subprocess.h"
#include "base/text.h"

namespace anynpu::host {
namespace {

constexpr std::size_t kMostJournal = 8 << 20;
constexpr std::size_t kMostLine = 1000;

void keep_newest(KernelLog& log, std::deque<std::string>& lines) {
  log.lines.assign(std::make_move_iterator(lines.begin()), std::make_move_iterator(lines.end()));
}

bool from_kmsg(KernelLog& log, std::string& why_not) {
  Fd fd(::open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    why_not = system_error("/dev/kmsg").message;
    return false;
  }
  std::array<char, 8192> record;
  std::deque<std::string> lines;
  // As many reads as there can be records, twice: the ring may move on under the reader.
  for (std::size_t i = 0; i < 2 * Machine::kMostLogLines; ++i) {
    ssize_t got = ::read(fd.get(), record.data(), record.size());
    if (got < 0 && (errno == EINTR || errno == EPIPE)) {
      log.cut = log.cut || errno == EPIPE;
      continue;
    }
    if (got < 0 && errno != EAGAIN) {
      why_not = system_error("/dev/kmsg").message;
      return false;
    }
    if (got <= 0) break;
    std::string line = kmsg_line({record.data(), static_cast<std::size_t>(got)});
    if (!line.empty()) lines.push_back(std::move(line));
    if (lines.size() > Machine::kMostLogLines) {
      lines.pop_front();
      log.cut = true;
    }
  }
  log.source = "/dev/kmsg";
  keep_newest(log, lines);
  return true;
}

bool from_journal(KernelLog& log) {
  CommandOptions options;
  options.timeout = seconds(2);
  options.most_output = kMostJournal;
  auto printed = run_command({"journalctl", "-k", "-b", "--no-pager", "-q", "-o", "short-monotonic",
                              "-n", std::to_string(Machine::kMostLogLines)},
                             options);
  if (!printed || printed->exit_code != 0 || printed->output.empty()) return false;
  std::deque<std::string> lines;
  for (const std::string& line : split(printed->output, '\n')) {
    // "[    4.211000] host kernel: text"
    std::size_t text = line.find(" kernel: ");
    std::size_t stamp = line.find(']');
    if (text == std::string::npos || stamp == std::string::npos) continue;
    lines.push_back(printable(line.substr(0, stamp + 1) + " " + line.substr(text + 9), kMostLine));
  }
  if (lines.empty()) return false;
  log.source = "journal";
  keep_newest(log, lines);
  return true;
}

}  // namespace

std::string kmsg_line(std::string_view record) {
  std::size_t text = record.find(';');
  if (text == std::string_view::npos) return {};
  std::vector<std::string> fields = split(record.substr(0, text), ',');
  std::uint64_t time = 0;
  if (fields.size() < 3) return {};
  std::from_chars(fields[2].data(), fields[2].data() + fields[2].size(), time);
  std::string_view message = record.substr(text + 1);
  message = message.substr(0, message.find('\n'));
  return fmt::format("[{:5}.{:06}] {}", time / 1000000, time % 1000000,
                     printable(message, kMostLine));
}

KernelLog read_kernel_log() {
  KernelLog log;
  std::string why_not;
  if (from_kmsg(log, why_not) || from_journal(log)) return log;
  log.lines.clear();
  log.why_not = why_not + ", and the journal shows no kernel messages to this user";
  return log;
}

}  // namespace anynpu::host

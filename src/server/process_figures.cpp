// SPDX-License-Identifier: Apache-2.0
// Reads /proc/self/status and /proc/self/stat, and counts /proc/self/fd.
#include "server/process_figures.h"

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace anynpu::server {
namespace {

// The number after "NAME:" in text such as "VmRSS:\t  1234 kB".
std::uint64_t figure(std::string_view text, std::string_view name) {
  std::size_t at = text.find(name);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = trim(text.substr(at + name.size(), 40));
  std::uint64_t value = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return value;
}

// When this process started, in clock ticks since the machine did: field 22 of /proc/self/stat. The
// name in field 2 may hold anything, so the fields are counted from behind it.
std::uint64_t start_ticks(std::string_view stat) {
  std::size_t end = stat.rfind(") ");
  if (end == std::string_view::npos) return 0;
  std::vector<std::string> fields = split(stat.substr(end + 2), ' ');  // from field 3 on
  constexpr std::size_t kStart = 22 - 3;
  return fields.size() > kStart ? std::strtoull(fields[kStart].c_str(), nullptr, 10) : 0;
}

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// It does not change, so it is read once.
double start_time() {
  Result<std::string> own = read_text("/proc/self/stat");
  Result<std::string> machine = read_text("/proc/stat", 16 << 20);
  long ticks = ::sysconf(_SC_CLK_TCK);
  if (!own || !machine || ticks <= 0) return 0;
  std::uint64_t boot = figure(*machine, "\nbtime ");
  return boot == 0 ? 0
                   : static_cast<double>(boot) +
                         static_cast<double>(start_ticks(*own)) / static_cast<double>(ticks);
}

}  // namespace

ProcessFigures process_figures() {
  ProcessFigures figures;
  if (Result<std::string> status = read_text("/proc/self/status")) {
    figures.rss_bytes = figure(*status, "\nVmRSS:") * 1024;
    figures.threads = figure(*status, "\nThreads:");
  }
  std::error_code ignored;
  for (auto each = std::filesystem::directory_iterator("/proc/self/fd", ignored);
       each != std::filesystem::directory_iterator(); each.increment(ignored))
    ++figures.fds;
  if (figures.fds > 0) --figures.fds;  // the one that counted them
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) figures.max_fds = limit.rlim_cur;
  rusage usage = {};
  if (::getrusage(RUSAGE_SELF, &usage) == 0)
    figures.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  static const double started = start_time();
  figures.start_time_seconds = started;
  return figures;
}

}  // namespace anynpu::server

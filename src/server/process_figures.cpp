// SPDX-License-Identifier: Apache-2.0
// Reads /proc/self/status and counts /proc/self/fd.
#include "server/process_figures.h"

#include <charconv>
#include <filesystem>
#include <string>
#include <string_view>

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
  return figures;
}

}  // namespace anynpu::server

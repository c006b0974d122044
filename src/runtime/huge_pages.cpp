// SPDX-License-Identifier: Apache-2.0
// Huge pages for workers, by a tunable of glibc.
#include "runtime/huge_pages.h"

#include <charconv>
#include <cstdlib>

#include <unistd.h>

#include "base/file.h"
#include "base/text.h"

namespace anynpu::runtime {
namespace {

constexpr std::string_view kVariable = "GLIBC_TUNABLES=";
constexpr std::string_view kHugePages = "glibc.malloc.hugetlb";
constexpr long kMostBytes = 2 << 20;  // larger ones waste more than they save

}  // namespace

std::string malloc_tunables(const std::string& current, std::string_view page_bytes) {
  const std::string digits(trim(page_bytes));
  long bytes = 0;
  const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  const bool known = failed == std::errc() && end == digits.data() + digits.size();
  if (!known || bytes <= 0 || bytes > kMostBytes || current.find(kHugePages) != std::string::npos)
    return current;
  return current + (current.empty() ? "" : ":") + std::string(kHugePages) + "=1";
}

std::vector<std::string> worker_environment() {
  std::vector<std::string> environment;
  for (char** each = environ; *each != nullptr; ++each)
    if (!std::string_view(*each).starts_with(kVariable)) environment.emplace_back(*each);
  const char* current = std::getenv("GLIBC_TUNABLES");
  const std::string tunables =
      malloc_tunables(current != nullptr ? current : "",
                      read_text("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size").value_or(""));
  if (!tunables.empty()) environment.push_back(std::string(kVariable) + tunables);
  return environment;
}

}  // namespace anynpu::runtime

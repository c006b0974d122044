// SPDX-License-Identifier: Apache-2.0
// What a DRM or accel driver tells of one open file.
#include "npu/fdinfo.h"

#include <charconv>
#include <limits>
#include <set>
#include <tuple>

#include "base/text.h"

namespace anynpu::npu {
namespace {

constexpr std::size_t kMostKeys = 64;
constexpr std::string_view kEngine = "drm-engine-";

bool number_of(std::string_view text, std::uint64_t& value, std::string_view& rest) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return false;
  rest = trim(text.substr(static_cast<std::size_t>(end - text.data())));
  return true;
}

}  // namespace

FileUsage parse_fdinfo(std::string_view text) {
  FileUsage usage;
  for (const std::string& line : split(text, '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key(trim(std::string_view(line).substr(0, colon)));
    const std::string_view value = trim(std::string_view(line).substr(colon + 1));
    if (key == "drm-driver") usage.driver = printable(value, 80);
    if (key == "drm-pdev") usage.pdev = printable(value, 40);
    std::uint64_t number = 0;
    std::string_view unit;
    if (!number_of(value, number, unit)) continue;
    if (key == "drm-client-id") usage.client = number;
    if (key.starts_with(kEngine) && !key.starts_with("drm-engine-capacity-") && unit == "ns" &&
        usage.engine_ns.size() < kMostKeys)
      usage.engine_ns[key.substr(kEngine.size())] = number;
    const std::uint64_t scale = unit == "KiB" ? 1024 : unit == "MiB" ? 1 << 20 : unit.empty();
    const bool memory = key.ends_with("-alloc") || key.starts_with("drm-total-") ||
                        key.starts_with("drm-resident-");
    if (memory && scale != 0 && number <= std::numeric_limits<std::uint64_t>::max() / scale &&
        usage.bytes.size() < kMostKeys)
      usage.bytes[key] = number * scale;
  }
  return usage;
}

Usage usage_of(const host::Machine& machine, const Holders& holders) {
  Usage usage;
  std::set<std::tuple<std::string, std::string, std::uint64_t>> seen;
  for (const Holder& holder : holders.found)
    for (const std::string& path : holder.files) {
      auto text = machine.read_text(path, 16 << 10);
      if (!text) {
        ++usage.unread;
        continue;
      }
      FileUsage file = parse_fdinfo(*text);
      if (!file.driver.empty() && seen.emplace(file.driver, file.pdev, file.client).second)
        usage.clients.push_back(std::move(file));
    }
  return usage;
}

}  // namespace anynpu::npu

// SPDX-License-Identifier: Apache-2.0
// Contexts, version and log lines of the simulated librknnrt.
#include "sim/rknn/context.h"

#include <charconv>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <mutex>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::sim {
namespace {

constexpr std::string_view kMarker = "librknnrt version: ";

// Read from memory each time: a copy of the file may say something else. The room after it is for
// longer versions.
volatile char version_line[96] = "librknnrt version: 2.3.2 (429f97ae6b@2025-04-09T09:09:27)";

struct Registry {
  std::mutex mutex;
  std::map<rk::Context, std::shared_ptr<RknnContext>> contexts;
  rk::Context next = 0x10000;
};

Registry& registry() {
  static auto& all = *new Registry;
  return all;
}

}  // namespace

std::shared_ptr<RknnContext> context_of(rk::Context handle) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const auto found = all.contexts.find(handle);
  return found == all.contexts.end() ? nullptr : found->second;
}

rk::Context add_context(std::shared_ptr<RknnContext> context) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  const rk::Context handle = all.next;
  all.next += 0x100;
  all.contexts.emplace(handle, std::move(context));
  return handle;
}

bool remove_context(rk::Context handle) {
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  return all.contexts.erase(handle) == 1;
}

std::string runtime_version_text() {
  std::string text;
  for (const volatile char* at = version_line + kMarker.size(); *at != '\0'; ++at) text += *at;
  return text;
}

int version_number(const std::string& text) {
  int parts[3] = {0, 0, 0};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (int& part : parts) {
    const auto [next, error] = std::from_chars(at, end, part);
    if (error != std::errc{}) break;
    at = next != end && *next == '.' ? next + 1 : end;
  }
  return parts[0] * 10000 + parts[1] * 100 + parts[2];
}

int runtime_version() {
  return version_number(runtime_version_text());
}

int model_refused() {
  return runtime_version() >= 10500 ? rk::kModelInvalid : rk::kFail;
}

void say(char level, const std::string& text) {
  const auto now = std::chrono::system_clock::now();
  const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
  const auto millis =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  const std::string line = fmt::format("{} RKNN: [{:02}:{:02}:{:02}.{:03}] {}\n", level,
                                       parts.tm_hour, parts.tm_min, parts.tm_sec, millis, text);
  std::fputs(line.c_str(), stderr);
}

void say_no_memory(std::uint32_t size, unsigned flags) {
  const int version = runtime_version();
  say('E', version < 10500
               ? "failed to allocate handle, ret: -1"
               : "failed to allocate handle, ret: -1, errno: 12, errstr: Cannot allocate memory");
  say('E', fmt::format("failed to malloc npu memory{}, size: {}, flags: {:#x}",
                       version < 10600 ? "!" : "", size, flags));
}

}  // namespace anynpu::sim

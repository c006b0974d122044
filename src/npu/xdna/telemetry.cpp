// SPDX-License-Identifier: Apache-2.0
// Load, clock and heat of a Ryzen AI NPU.
//
// Every question to the driver wakes the NPU (120 to 136 ms, firmware loaded anew) and keeps it
// awake for five seconds more. So a sleeping one is not asked, and an idle one is asked less often
// than it takes to fall asleep: a watcher must not be what keeps it awake.
#include "npu/xdna/telemetry.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/fdinfo.h"
#include "npu/sysfs.h"
#include "npu/xdna/live.h"

namespace anynpu::npu::xdna {
namespace {

constexpr auto kFallsAsleepAfter = seconds(6);  // the driver's own delay is 5 s
constexpr const char* kAskedAt = "asked at";    // clock_ms()
constexpr const char* kBusy = "busy";
constexpr const char* kCompletions = "completions";

std::optional<double> last_of(const Telemetry* before, const std::string& name) {
  if (before == nullptr) return std::nullopt;
  auto found = before->counters.find(name);
  return found == before->counters.end() ? std::nullopt : std::optional(found->second);
}

std::string source_of(const Usage& usage, const Holders& holders) {
  std::string source = fmt::format("/proc/PID/fdinfo of {} process{}", holders.found.size(),
                                   holders.found.size() == 1 ? "" : "es");
  if (usage.unread != 0 || holders.hidden != 0)
    source += ", without those that this user may not look into";
  return source;
}

// Engine time, which only AMD's own driver counts.
void read_engine_time(const Usage& usage, const Telemetry* before, Telemetry& sample) {
  double busy_ms = 0;
  bool counted = false, compared = false;
  for (const FileUsage& client : usage.clients)
    for (const auto& [engine, ns] : client.engine_ns) {
      const std::string name = fmt::format("engine {} of client {}", engine, client.client);
      const double ms = static_cast<double>(ns) / 1e6;
      counted = true;
      sample.counters[name] = ms;
      if (auto last = last_of(before, name)) {
        compared = true;
        busy_ms += std::max(0.0, ms - *last);
      }
    }
  if (!counted) return;
  const double elapsed = before == nullptr ? 0 : ms_since(before->taken);
  sample.load = compared && elapsed >= 1 ? Reading::of(std::min(100.0, busy_ms / elapsed * 100),
                                                       source_of(usage, sample.holders))
                                         : Reading::unknown("it takes two samples");
}

void read_memory(const Usage& usage, Telemetry& sample) {
  std::uint64_t bytes = 0;
  bool told = false;
  for (const FileUsage& client : usage.clients)
    for (const auto& [key, value] : client.bytes) {
      // The heap lies within the internal memory, and drm-total-memory counts some of it twice.
      if (!key.ends_with("-internal-alloc") && !key.ends_with("-external-alloc")) continue;
      told = true;
      bytes += value;
    }
  if (told || (sample.holders.found.empty() && sample.holders.hidden == 0))
    sample.memory_used = Reading::of(static_cast<double>(bytes), source_of(usage, sample.holders));
  else
    sample.memory_used = Reading::unknown(
        sample.holders.found.empty() ? "those who use it are of other users"
                                     : "this driver does not count the memory of its clients");
}

// The driver names whoever has a context, also those whose descriptors this user may not see.
void add_holders(const host::Machine& machine, const Live& live, const std::string& node,
                 Telemetry& sample) {
  for (const LiveContext& context : live.contexts) {
    auto& found = sample.holders.found;
    if (context.pid <= 0 || std::any_of(found.begin(), found.end(), [&](const Holder& holder) {
          return holder.pid == context.pid;
        }))
      continue;
    Holder holder;
    holder.pid = static_cast<int>(context.pid);
    holder.command = printable(first_line(machine, fmt::format("/proc/{}/comm", context.pid)), 40);
    if (holder.command.empty()) holder.command = "?";
    holder.nodes = {node};
    found.push_back(std::move(holder));
  }
}

// Only drivers of AMD's repository have it.
Reading hwmon_temperature(const host::Machine& machine, const std::string& folder) {
  for (const std::string& name : machine.list(folder + "/hwmon"))
    if (first_line(machine, folder + "/hwmon/" + name + "/temp1_label") == "NPU_temperature")
      return number_of_file(machine, folder + "/hwmon/" + name + "/temp1_input", 0.001);
  return Reading::unknown("this driver tells no temperature");
}

void read_answers(const Live& live, const std::string& node, const Telemetry* before,
                  Telemetry& sample) {
  if (live.clock_mhz != 0) sample.frequency = Reading::of(live.clock_mhz * 1e6, node);
  if (!live.column_percent.empty()) {
    double sum = 0;
    for (double percent : live.column_percent) {
      sum += percent;
      sample.core_load.push_back(Reading::of(percent, node));
    }
    sample.load = Reading::of(sum / static_cast<double>(live.column_percent.size()), node);
  }
  double completions = 0, in_flight = 0;
  for (const LiveContext& context : live.contexts) {
    completions += static_cast<double>(context.completions);
    in_flight += static_cast<double>(context.in_flight());
  }
  sample.counters[kCompletions] = completions;
  auto last = last_of(before, kCompletions);
  auto asked = last_of(before, kAskedAt);
  const double elapsed = asked ? clock_ms() - *asked : 0;
  if (last && elapsed >= 1)
    sample.commands = Reading::of(std::max(0.0, completions - *last) / elapsed * 1000, node);
  else
    sample.commands = Reading::unknown("it takes two samples");
  sample.counters[kBusy] = in_flight > 0 || (last && completions > *last) ? 1 : 0;
  sample.counters[kAskedAt] = clock_ms();
}

// An idle NPU that was asked a moment ago: what it said then still holds.
bool carry_over(const Telemetry* before, Telemetry& sample) {
  auto asked = last_of(before, kAskedAt);
  if (!asked || last_of(before, kBusy).value_or(0) != 0) return false;
  if (clock_ms() - *asked >= to_ms(kFallsAsleepAfter)) return false;
  sample.frequency = before->frequency;
  sample.temperature = before->temperature;
  sample.load = before->load;
  sample.core_load = before->core_load;
  sample.commands = before->commands;
  for (const char* name : {kAskedAt, kBusy, kCompletions})
    if (auto value = last_of(before, name)) sample.counters[name] = *value;
  return true;
}

}  // namespace

void telemetry(const host::Machine& machine, const Device& device, const Telemetry* before,
               const TelemetryOptions&, Telemetry& sample) {
  const Usage usage = usage_of(machine, sample.holders);
  read_memory(usage, sample);
  const std::string status = device.system_path + "/power/runtime_status";
  sample.power_state = first_line(machine, status);
  if (sample.power_state == "suspended") {
    const std::string asleep = "it sleeps, and asking would wake it";
    sample.load = Reading::of(0, status);
    sample.commands = Reading::of(0, status);
    sample.frequency = sample.temperature = Reading::unknown(asleep);
    return;
  }
  if (device.node.empty()) {
    const std::string none = "there is no device node to ask";
    sample.load = sample.frequency = sample.temperature = sample.commands = Reading::unknown(none);
    return;
  }
  if (!carry_over(before, sample)) {
    sample.load = Reading::unknown("the driver has no sensor of the load of this NPU");
    sample.frequency = Reading::unknown("the driver does not tell the clock");
    sample.temperature = hwmon_temperature(machine, device.system_path);
    auto live = read_live(machine, device.node, device.system_path);
    if (live) {
      read_answers(*live, device.node, before, sample);
      add_holders(machine, *live, device.node, sample);
    } else {
      sample.load = sample.frequency = sample.commands = Reading::unknown(live.error().message);
    }
  }
  read_engine_time(usage, before, sample);
}

}  // namespace anynpu::npu::xdna

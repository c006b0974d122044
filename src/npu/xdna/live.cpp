// SPDX-License-Identifier: Apache-2.0
// Asks the amdxdna driver and reads its answers.
#include "npu/xdna/live.h"

#include <array>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/sysfs.h"
#include "npu/xdna/abi.h"

namespace anynpu::npu::xdna {
namespace {

constexpr std::array kPowerModes = {"default", "low", "medium", "high", "turbo"};

template <typename T>
std::optional<T> first_of(const Result<std::string>& bytes) {
  if (!bytes || bytes->size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes->data(), sizeof value);
  return value;
}

/// An answer may be longer than what is in it: an entry of zeros ends the list.
template <typename T>
std::vector<T> all_of(const Result<std::string>& bytes) {
  std::vector<T> values;
  if (!bytes) return values;
  for (std::size_t at = 0; bytes->size() - at >= sizeof(T); at += sizeof(T)) {
    static constexpr T kNothing{};
    T value;
    std::memcpy(&value, bytes->data() + at, sizeof value);
    if (std::memcmp(&value, &kNothing, sizeof value) == 0) break;
    values.push_back(value);
  }
  return values;
}

}  // namespace

Result<Live> read_live(const host::Machine& machine, const std::string& node,
                       const std::string& device) {
  Live facts;
  if (first_line(machine, device + "/power/runtime_status") == "suspended") {
    facts.asleep = true;
    return facts;
  }
  auto info = [&](Info parameter) {
    return machine.ask(node, {host::Question::kAmdxdnaInfo, parameter});
  };
  const auto metadata = info(kAieMetadata);
  if (!metadata) return metadata.error();
  if (auto aie = first_of<AieMetadata>(metadata)) {
    facts.columns = aie->columns;
    facts.rows = aie->rows;
  }
  if (auto version = first_of<FirmwareVersion>(info(kFirmwareVersion)))
    facts.firmware =
        fmt::format("{}.{}.{}.{}", version->major, version->minor, version->patch, version->build);
  if (auto clocks = first_of<Clocks>(info(kClocks))) facts.clock_mhz = clocks->mp_npu.mhz;
  if (auto power = first_of<PowerMode>(info(kPowerMode)))
    facts.power_mode =
        power->mode < kPowerModes.size() ? kPowerModes[power->mode] : std::to_string(power->mode);
  if (auto resources = first_of<Resources>(info(kResources)))
    facts.most_contexts = static_cast<unsigned>(resources->max_tasks);
  for (const Sensor& sensor : all_of<Sensor>(info(kSensors))) {
    if (sensor.type == 0) facts.watts = sensor.input / 1000.0;
    if (sensor.type == 1) facts.column_percent.push_back(sensor.input);
  }
  for (const HwContext& context : all_of<HwContext>(info(kHwContexts)))
    facts.contexts.push_back({context.context_id, context.pid, context.first_column,
                              context.columns, context.submissions, context.completions,
                              context.errors});
  return facts;
}

}  // namespace anynpu::npu::xdna

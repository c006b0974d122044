// SPDX-License-Identifier: Apache-2.0
// Load, heat and memory of an AXERA card.
//
// The host's kernel knows none of them: they are on the card, and only AXERA's runtime brings them.
// For each question it runs seven shell commands on the card and opens and closes its ports, and
// on a sick card it holds every program of every card for up to 50 s. So cards are asked only when
// the user wants it, seldom, and only those that the driver calls alive; a card that never
// finished its start is not asked at all, because the driver would crash over it.
#include "npu/axcl/telemetry.h"

#include <algorithm>

#include <fmt/format.h>

#include "npu/axcl/facts.h"

namespace anynpu::npu::axcl {
namespace {

constexpr const char* kAskedAt = "asked at";  // clock_ms()

// Why this card must not be asked; empty when it may be.
std::string why_not(const host::Machine& machine, const Device& device) {
  for (const FailedStart& start : failed_starts(machine.kernel_log()))
    if (!start.bus || *start.bus == static_cast<unsigned>(device.index))
      return "the card has not finished its start, and the driver crashes over questions to such "
             "a card";
  auto state = card_state(machine, static_cast<unsigned>(device.index));
  if (!state) return state.error().message;
  return *state == CardState::kAlive ? "" : "the driver does not call the card alive";
}

void set_all_unknown(Telemetry& sample, const std::string& why) {
  sample.load = sample.temperature = sample.memory_used = Reading::unknown(why);
}

}  // namespace

void telemetry(const host::Machine& machine, const Device& device, const Telemetry* before,
               const TelemetryOptions& options, Telemetry& sample) {
  sample.frequency = Reading::unknown("the card does not tell its clock");
  sample.commands = Reading::unknown("the driver does not count them");
  if (!options.ask_card)
    return set_all_unknown(sample,
                           "only AXERA's runtime knows, and asking it costs the card work; "
                           "anynpu top --ask-cards asks");
  if (before != nullptr) {
    auto asked = before->counters.find(kAskedAt);
    if (asked != before->counters.end() &&
        clock_ms() - asked->second < to_ms(options.least_pause)) {
      sample.load = before->load;
      sample.temperature = before->temperature;
      sample.memory_used = before->memory_used;
      sample.counters[kAskedAt] = asked->second;
      return;
    }
  }
  sample.counters[kAskedAt] = clock_ms();
  if (std::string why = why_not(machine, device); !why.empty()) return set_all_unknown(sample, why);
  auto figures = options.ask_card(device.index);
  sample.counters[kAskedAt] = clock_ms();  // it may have taken long
  if (!figures) return set_all_unknown(sample, figures.error().message);
  const std::string source = fmt::format("AXERA's runtime, card {}", device.index);
  sample.load = Reading::of(figures->load_percent, source);
  sample.temperature = Reading::of(figures->celsius, source);
  sample.memory_used = Reading::of(static_cast<double>(figures->memory_used), source);
}

}  // namespace anynpu::npu::axcl

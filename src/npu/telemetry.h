// SPDX-License-Identifier: Apache-2.0
// Telemetry: what a device is doing right now, as far as it can be told without root and without
// waking the device. What cannot be told says why.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "host/machine.h"
#include "npu/device.h"
#include "npu/holders.h"

namespace anynpu::npu {

struct Reading {
  std::optional<double> value;
  std::string why;     // "unknown, because WHY"; empty when there is a value
  std::string source;  // the file or the question that told the value

  static Reading of(double value, std::string source) { return {value, {}, std::move(source)}; }
  static Reading unknown(std::string why) { return {std::nullopt, std::move(why), {}}; }
};

struct Telemetry {
  Reading load;                    // percent, of all cores together
  std::vector<Reading> core_load;  // percent, by core; empty where only the whole is known
  Reading frequency;               // Hz
  Reading temperature;             // degrees Celsius
  Reading memory_used;             // bytes
  Reading commands;                // that came back, in a second; only of drivers that count them
  std::string power_state;         // of the kernel's power management: "active", "suspended", ""
  Holders holders;

  // What the next sample is compared with, where the kernel only counts.
  std::map<std::string, double> counters;
  TimePoint taken = {};
};

/// What a card with a processor of its own tells of itself, by its vendor's library.
struct CardFigures {
  double load_percent = 0;
  double celsius = 0;
  std::uint64_t memory_used = 0;  // bytes
};

struct TelemetryOptions {
  /// Asks the card with that number on the PCI bus, in a process of its own. Null: cards are not
  /// asked, because each question costs them work.
  std::function<Result<CardFigures>(int bus)> ask_card = {};
  Duration least_pause = seconds(10);  // between two questions to a card
};

/// Fills in what it can tell; the holders are there already. `before` is the last sample of the
/// same device, or null: some figures need two.
using SampleTelemetry = void (*)(const host::Machine& machine, const Device& device,
                                 const Telemetry* before, const TelemetryOptions& options,
                                 Telemetry& sample);

/// By the device's family. A family without telemetry of its own has its holders only.
Telemetry sample_telemetry(const host::Machine& machine, const Device& device,
                           const Telemetry* before = nullptr, const TelemetryOptions& options = {});

/// Milliseconds of the steady clock, as counters keep them.
double clock_ms();

/// The zone of /sys/class/thermal whose type is `type`.
Reading thermal_zone(const host::Machine& machine, std::string_view type);
/// A whole number in a file, times `scale`.
Reading number_of_file(const host::Machine& machine, const std::string& path, double scale = 1);

}  // namespace anynpu::npu

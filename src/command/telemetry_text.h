// SPDX-License-Identifier: Apache-2.0
// Telemetry for `top` and `devices --watch`: as one line, as a picture, as JSON.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/report.h"
#include "host/machine.h"
#include "npu/device.h"
#include "npu/telemetry.h"

namespace anynpu::command {

/// Samples the NPUs of a machine; remembers the last sample of each.
class Sampler {
 public:
  Sampler(const host::Machine& machine, npu::TelemetryOptions options)
      : machine_(machine), options_(std::move(options)) {}
  const npu::Telemetry& sample(const npu::Device& device);

 private:
  const host::Machine& machine_;
  npu::TelemetryOptions options_;
  std::map<std::string, npu::Telemetry> last_;  // by the device's id
};

/// Asks AXERA's cards by the runtime of this machine.
npu::TelemetryOptions asking_cards();

/// "load 12% 1000MHz 44.4°C active held by frigate(812)".
std::string sample_line(const npu::Telemetry& sample);
/// No line is wider than `width` where it can be told in several.
std::vector<std::string> sample_picture(const npu::Device& device, const npu::Telemetry& sample,
                                        int width);
Json sample_json(const npu::Device& device, const npu::Telemetry& sample);

}  // namespace anynpu::command

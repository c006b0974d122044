// SPDX-License-Identifier: Apache-2.0
// What a Ryzen AI NPU tells of itself and of who uses it, by the driver's ioctls and without XRT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "host/machine.h"

namespace anynpu::npu::xdna {

struct LiveContext {
  std::uint32_t id = 0;
  std::int64_t pid = 0;
  std::uint32_t first_column = 0, columns = 0;
  std::uint64_t submissions = 0, completions = 0, errors = 0;

  /// Commands that were given to the NPU and have not come back.
  std::uint64_t in_flight() const {
    return submissions > completions ? submissions - completions : 0;
  }
};

struct Live {
  bool asleep = false;   // then nothing was asked: any question wakes it, which costs 130 ms
  std::string firmware;  // "1.5.2.380"
  unsigned columns = 0, rows = 0;
  unsigned clock_mhz = 0;       // of the NPU's processor
  std::string power_mode;       // "default", "low", "medium", "high", "turbo"
  unsigned most_contexts = 0;   // 0: the driver does not tell
  std::optional<double> watts;  // not on Phoenix and Hawk Point, whose driver has no sensor
  std::vector<double> column_percent;
  std::vector<LiveContext> contexts;  // of all processes
};

/// `node` is "/dev/accel/accelN", `device` its PCI folder "/sys/bus/pci/devices/...". What an older
/// driver does not know is left out; an error only when it answers nothing at all.
Result<Live> read_live(const host::Machine& machine, const std::string& node,
                       const std::string& device);

}  // namespace anynpu::npu::xdna

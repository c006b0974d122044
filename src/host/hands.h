// SPDX-License-Identifier: Apache-2.0
// Hands: the only door through which recovery changes a machine, as host/machine.h is the only one
// through which it is seen. A simulated machine has simulated hands: what is done to it is written
// down, and nothing of the running machine is touched.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace anynpu::host {

class Hands {
 public:
  virtual ~Hands() = default;
  /// A step of a ladder begins: simulated machines may be mended by it.
  virtual void begin_step(const std::string& /*name*/) {}
  /// Writes into a file of sysfs or debugfs, which must be there. The kernel's answer is the errno.
  /// A driver that does not let go of the writer costs no more than `limit`: Code::kTimeout.
  virtual Result<> write(const std::string& path, std::string_view text, Duration limit) = 0;
  /// Runs a program to its end, with `input` on its standard input. A non-zero exit code is an
  /// error that carries what the program said.
  virtual Result<> run(const std::vector<std::string>& command, std::string_view input,
                       Duration limit) = 0;
  /// Rockchip's vendor driver: ACTION ACT_RESET through a DRM node of the device, in `limit` too.
  virtual Result<> reset_rknpu(const std::string& node, Duration limit) = 0;
  virtual void pause(Duration duration) = 0;
};

/// The hands of the machine that running_machine() shows: real ones, or with ANYNPU_MACHINE set
/// those of a simulated machine, which write their acts into $ANYNPU_SIM_ACTS and clear the
/// device's fault (an empty $ANYNPU_SIM_CONTROL) at the step that $ANYNPU_SIM_MENDED_BY names.
std::unique_ptr<Hands> running_hands();

/// How a simulated device is mended; empty: it is not.
struct SimulatedCure {
  std::string step;
  std::filesystem::path control;
};
/// Hands that only write down what they are told to do, one line each.
std::unique_ptr<Hands> recording_hands(const std::filesystem::path& log,
                                       const SimulatedCure& cure = {});

}  // namespace anynpu::host

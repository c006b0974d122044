// SPDX-License-Identifier: Apache-2.0
// The simulated board: its SoC, its driver, and what goes wrong (sim/common/faults.h).
//
//   ANYNPU_SIM_RKNN="soc=rk3588,driver=0.9.8,sram=983040"   what is not named is as here
#pragma once

#include <cstdint>
#include <string>

#include "sim/common/faults.h"

namespace anynpu::sim {

struct RknnBoard {
  std::string soc = "rk3588";  // rk3576, rk3566, rk3568, rk3562
  std::string driver = "0.9.8";
  std::uint32_t sram = 983040;  // bytes that are free

  /// As many as the driver has.
  int cores() const;
};

/// What the variable says. A word that is not known ends the process, as a misspelled fault does.
RknnBoard rknn_board();

/// Of this family; docs/npu-rockchip-vendor.md lists them.
///
///   of init: no-device (or no permission: the runtime does not tell them apart), old-driver,
///     unknown-soc (a crash from 1.4 on), no-memory, retry (an allocation that succeeds after a
///     second), init-swallowed (memory was refused, and init succeeds), no-descriptors, init-crash,
///     init-hang
///   of run: fail (-1, with the old output still to be had), timeout (-2 after ms=), crash, hang,
///     stuck (in state D, as in a driver), wrong (another answer), stale (success, with the answer
///     of the run before), swallowed (memory was refused, and the run succeeds), slow (by ms=)
///   of both: vanish (the device is gone while the fault lasts)
Faults& rknn_faults();

/// Never returns. Waits in the kernel in state D: signals wait too, and only SIGKILL ends the
/// process.
[[noreturn]] void hang_in_driver();

}  // namespace anynpu::sim

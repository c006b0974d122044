// SPDX-License-Identifier: Apache-2.0
// Settings: what the environment variable ANYNPU_SIM_ROCKET says of the simulated NPU.
//
// A list of NAME=VALUE, separated by commas, semicolons or white space:
//
//   device=PATH       the node, /dev/accel/accel0; other accel nodes are hidden from the program
//   driver=NAME       what the node calls itself when asked, rocket
//   quirks=pad:cbuf   the hardware's oddities that are modelled, or none
//   threads=N         the most that compute at a time, 3 as the NPU has cores
//   compute=no        jobs are taken but not run: outputs stay as they are
//   strict=yes        a job that cannot be modelled ends the program instead of being left out
//   log=N             to standard error: 1 for opens and submits, 2 for every call and task
//   log_file=PATH     the log goes there
//   kernel_log=PATH   the kernel's lines go there, in the format of /dev/kmsg, which then opens
//   this file
//
// Faults are asked for as for all simulated devices (sim/common/faults.h):
//
//   open       opening the node fails (EACCES)
//   version    the question for the driver's name fails (EACCES)
//   create     allocating a buffer fails (ENOMEM)
//   submit     submitting fails (EIO)
//   prepare    waiting for a buffer fails (ETIMEDOUT)
//   finish     FINI_BO fails (EIO)
//   close      releasing a buffer fails (EINVAL)
//   timeout    the last job of a submit hangs for 500 ms. As with the real kernel submit and
//   prepare
//              succeed, the job's output stays what it was, and only the kernel log tells
//   wedge      the same, and all later jobs of the open file time out as well
//   hang       submit succeeds, and waiting for its results never ends
//   slow       the results of a submit come 20 ms later
//   corrupt    the first bytes of the last job's output are wrong
//   gone       there is no device any more: ENODEV for every call, ENOENT for the node, until the
//   fault
//              is taken back; counted over opens and submits
//
// error=NUMBER is another errno than the one given here, ms=NUMBER another time. EINTR and EAGAIN
// make no sense: Mesa repeats such calls for ever.
#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "sim/rocket/compute.h"

namespace anynpu::sim::rocket {

struct Settings {
  std::string device = "/dev/accel/accel0";
  std::string driver = "rocket";
  Quirks quirks;
  unsigned threads = 3;
  bool compute = true;
  bool strict = false;
  unsigned log = 0;
  std::string log_file;
  std::string kernel_log;
};

/// The error names the setting that is not understood.
tl::expected<Settings, std::string> parse_settings(std::string_view list);

}  // namespace anynpu::sim::rocket

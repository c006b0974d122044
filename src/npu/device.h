// SPDX-License-Identifier: Apache-2.0
// Device: one NPU (or the CPU) of a machine, with its status and the finding that explains it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace anynpu::npu {

enum class Status { kReady, kDegraded, kUnusable, kQuarantined };
std::string_view to_string(Status status);

struct Device {
  std::string id;  // "cpu", "rknpu0", "rocket0", "axcl0", "xdna0"
  std::string
      family;         // "cpu", "rknpu", "rocket", "axcl", "xdna"; "unknown" for an NPU of no family
  std::string title;  // "Rockchip RK3588 NPU"; the CPU's model name
  int cores = 0;      // 0: unknown
  Status status = Status::kUnusable;
  std::string reason;                 // why it has this status, in one sentence
  std::string hint;                   // what the user can do about it
  std::string finding;                // the id that `anynpu explain` knows; empty: none
  std::vector<std::string> evidence;  // what was read, and where
  std::string node;                   // what its engine opens: "/dev/accel/accel0"; empty: unknown
  int index = 0;                      // among the devices of its family, as its library counts
  std::vector<std::string> features;  // of a CPU: "avx512_vnni", "asimddp"
  std::vector<std::string> nodes;     // "/dev/dri/card1", all that a program needs to use it
  std::string system_path;            // its folder in sysfs; empty: not seen there
};

}  // namespace anynpu::npu

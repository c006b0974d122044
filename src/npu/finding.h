// SPDX-License-Identifier: Apache-2.0
// Finding: one thing that is wrong, why, and the command that mends it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace anynpu::npu {

/// From the hardware upwards: what is wrong below explains what fails above.
enum class Layer {
  kHardware,
  kFirmware,
  kKernel,
  kNode,
  kPermission,
  kLibrary,
  kModel,
  kContainer,
  kCluster
};
std::string_view to_string(Layer layer);

enum class Severity {
  kUnusable,  // the NPU cannot be used because of it
  kDegraded,  // it can be used, with a risk or at a loss
  kNote       // nothing is wrong with the NPU; good to know
};
std::string_view to_string(Severity severity);

struct Remedy {
  std::string text;                   // what to do, in one sentence
  std::vector<std::string> commands;  // exactly what to type, for the distribution found
  bool needs_root = false;
  bool needs_reboot = false;
  std::string risk;  // what may go wrong; empty: nothing known
};

struct Finding {
  std::string id;  // "RK-NODE-PERM"
  Layer layer = Layer::kHardware;
  Severity severity = Severity::kUnusable;
  std::string family;                 // "rknpu"; empty: of the machine
  std::string device;                 // "rknpu0"; empty: all of the family
  std::vector<std::string> evidence;  // what was read, and where
  std::string cause;                  // in one sentence
  Remedy remedy;
  std::vector<std::string> links;
};

}  // namespace anynpu::npu

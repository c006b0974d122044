// SPDX-License-Identifier: Apache-2.0
// What every check is given.
#include "npu/check.h"

#include "npu/devices.h"

namespace anynpu::npu {

std::string_view to_string(Layer layer) {
  switch (layer) {
    case Layer::kHardware:
      return "hardware";
    case Layer::kFirmware:
      return "firmware";
    case Layer::kKernel:
      return "kernel";
    case Layer::kNode:
      return "node";
    case Layer::kPermission:
      return "permission";
    case Layer::kLibrary:
      return "library";
    case Layer::kModel:
      return "model";
    case Layer::kContainer:
      return "container";
    case Layer::kCluster:
      return "cluster";
  }
  return "hardware";
}

std::string_view to_string(Severity severity) {
  switch (severity) {
    case Severity::kUnusable:
      return "unusable";
    case Severity::kDegraded:
      return "degraded";
    case Severity::kNote:
      return "note";
  }
  return "note";
}

CheckContext::CheckContext(const host::Machine& machine)
    : machine_(machine),
      distribution_(host::distribution(machine)),
      container_(host::container(machine)),
      devices_(find_devices(machine)) {}

std::vector<const Device*> CheckContext::devices_of(std::string_view family) const {
  std::vector<const Device*> found;
  for (const Device& device : devices_)
    if (device.family == family) found.push_back(&device);
  return found;
}

const host::KernelLog& CheckContext::kernel_log() const {
  if (!log_) log_ = std::make_shared<const host::KernelLog>(machine_.kernel_log());
  return *log_;
}

}  // namespace anynpu::npu

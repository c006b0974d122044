// SPDX-License-Identifier: Apache-2.0
// The words for placements and policies.
#include "runtime/placement.h"

namespace anynpu::runtime {

std::string_view to_string(Policy policy) {
  switch (policy) {
    case Policy::kNpuRequired:
      return "npu-required";
    case Policy::kNpuPreferred:
      return "npu-preferred";
    case Policy::kCpuOnly:
      return "cpu-only";
  }
  return "npu-preferred";
}

std::optional<Policy> policy_from(std::string_view word) {
  for (Policy policy : {Policy::kNpuRequired, Policy::kNpuPreferred, Policy::kCpuOnly})
    if (word == to_string(policy)) return policy;
  return std::nullopt;
}

std::string Placement::engine_title() const {
  return variant.empty() ? engine : engine + "+" + variant;
}

std::string Placement::id() const {
  return device + "/" + engine_title() + "/" + artifact.file;
}

}  // namespace anynpu::runtime

// SPDX-License-Identifier: Apache-2.0
// The list of all checks. A family's checks come from its own folder (npu/registry.cpp); checks of
// the machine as a whole get one line here.
#include "doctor/checks.h"

#include <algorithm>
#include <functional>
#include <set>

#include "doctor/machine_checks.h"
#include "doctor/machine_model_checks.h"
#include "npu/registry.h"

namespace anynpu::doctor {
namespace {

std::vector<const npu::Check*> collect() {
  std::vector<const npu::Check*> checks;
  auto add = [&](std::span<const npu::Check> more) {
    for (const npu::Check& check : more) checks.push_back(&check);
  };
  for (const npu::Family& family : npu::families())
    if (family.checks != nullptr) add(family.checks());
  add(machine_checks());
  add(machine_model_checks());
  return checks;
}

}  // namespace

std::vector<const npu::Check*> in_order(std::vector<const npu::Check*> checks) {
  std::stable_sort(checks.begin(), checks.end(),
                   [](const npu::Check* a, const npu::Check* b) { return a->layer < b->layer; });
  std::vector<const npu::Check*> ordered;
  std::set<const npu::Check*> placed;
  std::function<void(const npu::Check*)> place = [&](const npu::Check* check) {
    if (!placed.insert(check).second) return;
    for (const npu::Check* other : checks)
      if (std::find(check->depends_on.begin(), check->depends_on.end(), other->id) !=
          check->depends_on.end())
        place(other);
    ordered.push_back(check);
  };
  for (const npu::Check* check : checks) place(check);
  return ordered;
}

const std::vector<const npu::Check*>& all_checks() {
  static const std::vector<const npu::Check*> kChecks = in_order(collect());
  return kChecks;
}

const npu::Check* find_check(std::string_view id) {
  for (const npu::Check* check : all_checks())
    if (check->id == id) return check;
  return nullptr;
}

}  // namespace anynpu::doctor

// SPDX-License-Identifier: Apache-2.0
// Check: one known failure, as data and a function that looks whether it is there.
//
//   Verdict node_permission(const CheckContext& context) {
//     const Facts& facts = context.facts<Facts>();            // read once, shared by all checks
//     if (facts.nodes.empty()) return skip("there is no node");
//     ...
//     return fail({.device = "rknpu0", .evidence = {...}, .cause = "...", .remedy = {...}});
//   }
//
//   inline constexpr std::string_view kNeedsNode[] = {"RK-NODE-MISSING"};
//   constexpr Check kChecks[] = {
//     {.id = "RK-NODE-PERM", .family = "rknpu", .layer = Layer::kPermission,
//      .title = "The user may open the NPU's nodes",
//      .symptom = "failed to open rknpu module, need to insmod rknpu dirver!",
//      .cause = "...", .fix = "...", .depends_on = kNeedsNode, .run = node_permission}};
//
// The doctor runs each check in an order in which premises come first, guards it (a crash or a hang
// is the check's own loss), and leaves out what follows from a finding of a premise.
#pragma once

#include <any>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <vector>

#include "host/environment.h"
#include "host/machine.h"
#include "npu/device.h"
#include "npu/finding.h"

namespace anynpu::npu {

/// What one check says of one device, or of the whole family when `device` is empty.
struct Problem {
  std::string device;
  std::vector<std::string> evidence;
  std::string cause;  // empty: the check's own
  Remedy remedy;      // without a text: the check's own
};

struct Verdict {
  enum class State { kPass, kSkip, kUnknown, kFail };
  State state = State::kPass;
  std::string why;  // of kSkip and kUnknown: "could not be checked, because WHY"
  std::vector<Problem> problems;
};

inline Verdict pass() {
  return {};
}
/// There is nothing here that the check is about.
inline Verdict skip(std::string why) {
  return {Verdict::State::kSkip, std::move(why), {}};
}
/// It cannot be told; never the same as healthy.
inline Verdict cannot_tell(std::string why) {
  return {Verdict::State::kUnknown, std::move(why), {}};
}
inline Verdict fail(Problem problem) {
  return {Verdict::State::kFail, {}, {std::move(problem)}};
}
inline Verdict fail(std::vector<Problem> problems) {
  return {
      problems.empty() ? Verdict::State::kPass : Verdict::State::kFail, {}, std::move(problems)};
}

class CheckContext {
 public:
  explicit CheckContext(const host::Machine& machine);

  const host::Machine& machine() const { return machine_; }
  const host::Distribution& distribution() const { return distribution_; }
  const host::Container& container() const { return container_; }
  /// What the probes found, the CPU first.
  const std::vector<Device>& devices() const { return devices_; }
  std::vector<const Device*> devices_of(std::string_view family) const;
  bool has(std::string_view family) const { return !devices_of(family).empty(); }
  const host::KernelLog& kernel_log() const;

  /// The facts of a family: `T T::read(const CheckContext&)`, called when first wanted.
  template <typename T>
  const T& facts() const {
    std::any& slot = facts_[std::type_index(typeid(T))];
    if (!slot.has_value()) slot = std::make_shared<const T>(T::read(*this));
    return *std::any_cast<const std::shared_ptr<const T>&>(slot);
  }

 private:
  const host::Machine& machine_;
  host::Distribution distribution_;
  host::Container container_;
  std::vector<Device> devices_;
  mutable std::shared_ptr<const host::KernelLog> log_;
  mutable std::map<std::type_index, std::any> facts_;
};

struct Check {
  std::string_view id;      // stable, upper case: "RK-NODE-PERM"
  std::string_view family;  // "" when it is of no family
  Layer layer = Layer::kHardware;
  Severity severity = Severity::kUnusable;
  std::string_view title;    // what holds when all is well, in one sentence without a full stop
  std::string_view symptom;  // what the user sees otherwise
  std::string_view cause;    // why
  std::string_view fix;      // what to do, for any distribution
  std::span<const std::string_view> links = {};
  std::span<const std::string_view> depends_on = {};  // ids whose finding explains this one
  Verdict (*run)(const CheckContext&) = nullptr;
};

}  // namespace anynpu::npu

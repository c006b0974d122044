// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of the mainline rocket driver.
//
// The driver resets a core by itself 500 ms after a job began; what is left is to let the cores
// power down, to bind them anew, and to load the module anew. Some wedges outlast all of it.
#include "npu/rocket/recovery.h"

#include <fmt/format.h>

#include "npu/sysfs.h"

namespace anynpu::npu::rocket {
namespace {

constexpr const char* kDriver = "/sys/bus/platform/drivers/rocket";
constexpr auto kSuspendLimit = seconds(3);  // the driver's autosuspend is 50 ms

std::vector<std::string> cores(const host::Machine& machine) {
  std::vector<std::string> found;
  for (const std::string& name : machine.list(kDriver))
    if (name.ends_with(".npu")) found.push_back(name);
  return found;
}

}  // namespace

Ladder ladder(const host::Machine& machine, const Device& /*device*/) {
  const std::vector<std::string> bound = cores(machine);
  std::vector<std::string> nodes;
  for (const AccelNode& node : accel_nodes(machine))
    if (node.driver == "rocket") nodes.push_back("/dev/accel/" + node.name);

  RecoveryStep suspend{.name = "suspend",
                       .title = "let the cores power down",
                       .touches = "nothing: they do so once nobody uses them",
                       .disturbs = "nobody",
                       .risk = "",
                       .needs_root = false};
  RecoveryStep rebind{.name = "rebind",
                      .title = "take the cores from the driver and give them back",
                      .touches = fmt::format("{}/unbind, {}/bind", kDriver, kDriver),
                      .disturbs = "every program on this NPU; its node goes and comes back",
                      .risk =
                          "may need a reboot afterwards; under a program that has the NPU "
                          "open it leaves it wedged",
                      .unheld = nodes};
  Ladder ladder;
  for (const std::string& core : bound) {
    const std::string status = "/sys/bus/platform/devices/" + core + "/power/runtime_status";
    suspend.acts.push_back({.kind = Act::Kind::kWaitFor,
                            .target = status,
                            .text = "suspended",
                            .limit = kSuspendLimit});
    rebind.acts.push_back(
        {.kind = Act::Kind::kWrite, .target = std::string(kDriver) + "/unbind", .text = core});
    ladder.evidence.push_back(status);
  }
  rebind.acts.push_back({.kind = Act::Kind::kPause, .limit = seconds(1), .always = true});
  for (const std::string& core : bound)
    rebind.acts.push_back({.kind = Act::Kind::kWrite,
                           .target = std::string(kDriver) + "/bind",
                           .text = core,
                           .always = true});
  if (bound.empty()) {
    suspend.not_here = fmt::format("no core is bound in {}", kDriver);
    rebind.not_here = suspend.not_here;
  }

  RecoveryStep reload{
      .name = "module-reload",
      .title = "unload the driver and load it again",
      .touches = "kernel module rocket",
      .disturbs = "every program on this NPU",
      .risk = "",
      .acts = {{.kind = Act::Kind::kRun, .command = {"modprobe", "-r", "rocket"}},
               {.kind = Act::Kind::kRun, .command = {"modprobe", "rocket"}, .always = true}}};
  if (!machine.exists("/sys/module/rocket/initstate"))
    reload.not_here = "the driver is built into this kernel (no /sys/module/rocket/initstate)";

  ladder.steps = {end_our_workers(), suspend, rebind, reload, reboot(), power_cycle("the board")};
  ladder.evidence.emplace_back("/proc/interrupts");
  return ladder;
}

}  // namespace anynpu::npu::rocket

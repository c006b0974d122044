// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of Rockchip's vendor driver (drivers/rknpu 0.9.8).
//
// The driver resets a core by itself after a job's time-out, unless bypass_soft_reset is set; the
// ladder starts where that was not enough.
#include "npu/rknpu/recovery.h"

#include <fmt/format.h>

#include "npu/sysfs.h"

namespace anynpu::npu::rknpu {
namespace {

constexpr const char* kDriver = "/sys/bus/platform/drivers/RKNPU";
constexpr const char* kDebugReset = "/sys/kernel/debug/rknpu/reset";

// "fdab0000.npu": the device that is bound to the driver.
std::string bound_device(const host::Machine& machine) {
  for (const std::string& name : machine.list(kDriver))
    if (name.ends_with(".npu")) return name;
  return "";
}

std::vector<std::string> nodes_to_reset(const host::Machine& machine) {
  std::vector<std::string> nodes;
  for (const std::string& name : machine.list("/sys/class/drm")) {
    if (name.find('-') != std::string::npos) continue;  // a connector
    if (uevent_value(machine, "/sys/class/drm/" + name + "/device/uevent", "DRIVER") == "RKNPU")
      nodes.push_back("/dev/dri/" + name);
  }
  return nodes;
}

}  // namespace

Ladder ladder(const host::Machine& machine, const Device& /*device*/) {
  const std::string bound = bound_device(machine);
  const std::vector<std::string> nodes = nodes_to_reset(machine);
  const bool module = machine.exists("/sys/module/rknpu/initstate");

  RecoveryStep driver_reset{.name = "driver-reset",
                            .title = "ask the driver for a soft reset of the NPU",
                            .touches = nodes.empty() ? "no node" : nodes.back(),
                            .disturbs = "every job on this NPU fails",
                            .risk = "",
                            .needs_root = false};
  if (nodes.empty())
    driver_reset.not_here = "no DRM node of the driver RKNPU";
  else
    driver_reset.acts = {{.kind = Act::Kind::kResetRknpu, .target = nodes.back()}};

  RecoveryStep debug_reset{
      .name = "debugfs-reset",
      .title = "soft reset through debugfs",
      .touches = kDebugReset,
      .disturbs = "every job on this NPU fails",
      .risk = "does nothing while the NPU is powered down",
      .acts = {{.kind = Act::Kind::kWrite, .target = kDebugReset, .text = "1"}}};
  if (!machine.exists(kDebugReset))
    debug_reset.not_here = fmt::format("{} cannot be seen (debugfs needs root)", kDebugReset);

  RecoveryStep rebind{.name = "rebind",
                      .title = "take the device from its driver and give it back",
                      .touches = fmt::format("{}/unbind, {}/bind", kDriver, kDriver),
                      .disturbs = "every program on this NPU; its nodes go and come back",
                      .risk =
                          "may need a reboot afterwards; under a program that has the NPU "
                          "open it leaves it wedged",
                      .unheld = nodes};
  if (bound.empty())
    rebind.not_here = fmt::format("no device is bound in {}", kDriver);
  else
    rebind.acts = {
        {.kind = Act::Kind::kWrite, .target = std::string(kDriver) + "/unbind", .text = bound},
        {.kind = Act::Kind::kPause, .limit = seconds(1), .always = true},
        {.kind = Act::Kind::kWrite,
         .target = std::string(kDriver) + "/bind",
         .text = bound,
         .always = true}};

  RecoveryStep reload{
      .name = "module-reload",
      .title = "unload the driver and load it again",
      .touches = "kernel module rknpu",
      .disturbs = "every program on this NPU",
      .risk = "",
      .acts = {{.kind = Act::Kind::kRun, .command = {"modprobe", "-r", "rknpu"}},
               {.kind = Act::Kind::kRun, .command = {"modprobe", "rknpu"}, .always = true}}};
  if (!module)
    reload.not_here = "the driver is built into this kernel (no /sys/module/rknpu/initstate)";

  return {{end_our_workers(), driver_reset, debug_reset, rebind, reload, reboot(),
           power_cycle("the board")},
          {"/sys/module/rknpu/version", "/proc/rknpu/version", "/proc/rknpu/load",
           "/sys/kernel/debug/rknpu/load", "/proc/interrupts"}};
}

}  // namespace anynpu::npu::rknpu

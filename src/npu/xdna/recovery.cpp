// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of AMD's Ryzen AI NPUs.
//
// The driver ends a command that takes over two seconds by itself (TDR). The function level reset
// that the device advertises does not work on AIE2: it leaves the NPU unable to start (its driver's
// authors refused to support it), so it stands on this ladder only to say why it is never taken.
#include "npu/xdna/recovery.h"

#include <fmt/format.h>

#include "npu/sysfs.h"

namespace anynpu::npu::xdna {
namespace {

constexpr const char* kDriver = "/sys/bus/pci/drivers/amdxdna";

struct Place {
  std::string address;  // "0000:c4:00.1"
  std::vector<std::string> nodes;
};

Place place_of(const host::Machine& machine) {
  Place place;
  for (const PciFunction& function : pci_functions(machine))
    if (function.vendor == 0x1022 && (function.device == 0x1502 || function.device == 0x17f0))
      place.address = function.address;
  for (const AccelNode& node : accel_nodes(machine))
    if (node.driver == "amdxdna") place.nodes.push_back("/dev/accel/" + node.name);
  return place;
}

}  // namespace

Ladder ladder(const host::Machine& machine, const Device& /*device*/) {
  const Place place = place_of(machine);
  const std::string folder = "/sys/bus/pci/devices/" + place.address;
  const bool driver = machine.exists("/sys/module/amdxdna");
  const std::string absent = place.address.empty() ? "no Ryzen AI NPU on the PCI bus" : "";

  RecoveryStep tdr{.name = "wait-for-driver",
                   .title = "give the driver's own time-out and reset the time to act",
                   .touches = "nothing",
                   .disturbs = "nobody",
                   .risk = "",
                   .needs_root = false,
                   .acts = {{.kind = Act::Kind::kPause, .limit = seconds(5)}}};

  RecoveryStep suspend{
      .name = "suspend",
      .title = "let the NPU sleep and wake: its firmware is loaded anew",
      .touches = folder + "/power/control",
      .disturbs = "programs on this NPU wait",
      .risk = "",
      .not_here = absent,
      .acts = {{.kind = Act::Kind::kWrite, .target = folder + "/power/control", .text = "auto"},
               {.kind = Act::Kind::kWaitFor,
                .target = folder + "/power/runtime_status",
                .text = "suspended",
                .limit = seconds(15)}}};

  RecoveryStep rebind{.name = "rebind",
                      .title = "take the device from its driver and give it back",
                      .touches = fmt::format("{}/unbind, {}/bind", kDriver, kDriver),
                      .disturbs = "every program on this NPU; its node goes and comes back",
                      .risk = "",
                      .not_here = absent,
                      .unheld = place.nodes,
                      .acts = {{.kind = Act::Kind::kWrite,
                                .target = std::string(kDriver) + "/unbind",
                                .text = place.address},
                               {.kind = Act::Kind::kPause, .limit = seconds(1), .always = true},
                               {.kind = Act::Kind::kWrite,
                                .target = std::string(kDriver) + "/bind",
                                .text = place.address,
                                .always = true}}};

  RecoveryStep reload{
      .name = "module-reload",
      .title = "unload the driver and load it again",
      .touches = "kernel module amdxdna",
      .disturbs = "every program on this NPU",
      .risk = "loads the firmware anew; stuck cores may survive it",
      .acts = {{.kind = Act::Kind::kRun, .command = {"modprobe", "-r", "amdxdna"}},
               {.kind = Act::Kind::kRun, .command = {"modprobe", "amdxdna"}, .always = true}}};
  if (!driver) reload.not_here = "the module amdxdna is not loaded";

  RecoveryStep flr{.name = "flr",
                   .title = "function level reset of the PCI device",
                   .touches = folder + "/reset",
                   .disturbs = "every program on this NPU",
                   .risk = "",
                   .never =
                       "it does not work on AIE2: the NPU does not start again until a reboot "
                       "(\"not ready ... after FLR\", \"Start hardware failed -22\")",
                   .not_here = absent,
                   .acts = {{.kind = Act::Kind::kWrite, .target = folder + "/reset", .text = "1"}}};

  RecoveryStep rescan{
      .name = "pci-rescan",
      .title = "unload the driver, take the device off the bus, look for it again",
      .touches = folder + "/remove, /sys/bus/pci/rescan, kernel module amdxdna",
      .disturbs = "every program on this NPU",
      .risk = "",
      .not_here = absent,
      .unheld = place.nodes,
      .acts = {
          {.kind = Act::Kind::kRun, .command = {"modprobe", "-r", "amdxdna"}},
          {.kind = Act::Kind::kWrite, .target = folder + "/remove", .text = "1"},
          {.kind = Act::Kind::kPause, .limit = seconds(2), .always = true},
          {.kind = Act::Kind::kWrite, .target = "/sys/bus/pci/rescan", .text = "1", .always = true},
          {.kind = Act::Kind::kRun, .command = {"modprobe", "amdxdna"}, .always = true}}};

  return {{end_our_workers(), tdr, suspend, rebind, reload, flr, rescan, reboot(),
           power_cycle("the machine, its battery too")},
          {folder + "/fw_version", folder + "/vbnv", folder + "/power/runtime_status",
           folder + "/power/control", "/sys/module/amdxdna/version"}};
}

}  // namespace anynpu::npu::xdna

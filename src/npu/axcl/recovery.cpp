// SPDX-License-Identifier: Apache-2.0
// The recovery ladder of AXERA's PCIe cards.
//
// What AXERA's driver makes dangerous (axcl-runtime V3.10.2, drv/): loading the modules anew resets
// every card of the machine; taking a card off the bus while axcl_host is loaded lets its heartbeat
// thread read unmapped memory, which resets whole machines; a card whose firmware never loaded has
// no wait queue for a reboot request. The card has no function level reset.
#include "npu/axcl/recovery.h"

#include <algorithm>

#include <fmt/format.h>

#include "npu/axcl/facts.h"
#include "npu/library_copies.h"
#include "npu/sysfs.h"

namespace anynpu::npu::axcl {
namespace {

constexpr const char* kSmi = "/usr/bin/axcl/axcl-smi";
constexpr auto kFirmwareLimit = seconds(300);  // two handshakes of 120 s, and the firmware
constexpr const char* kFirstByIndex = "2.26.0";

// The SDK that is installed, by its runtime's own words; empty when they are not found.
std::string sdk_of(const host::Machine& machine) {
  static constexpr std::string_view kVersion[] = {"[AXCL version]: libaxcl_rt.so V"};
  static constexpr std::string_view kFolders[] = {kLibraryFolder};
  for (const LibraryCopy& copy :
       library_copies(machine, "libaxcl_rt.so", "ANYNPU_AXMODEL", kVersion, kFolders))
    if (!copy.version.empty()) return copy.version;
  return {};
}

// The number at the end of "axcl1".
std::size_t index_of(const Device& device) {
  std::size_t digits = device.id.find_first_of("0123456789");
  return digits == std::string::npos ? 0 : std::stoul(device.id.substr(digits, 4));
}

}  // namespace

Ladder ladder(const host::Machine& machine, const Device& device) {
  const std::vector<PciFunction> all = card_functions(machine);
  const std::size_t index = index_of(device);
  const std::string address = index < all.size() ? all[index].address : "";
  const bool driver = machine.exists("/sys/module/axcl_host");
  // What -d means to AXERA's tool: the wrong one is another card, in the middle of its work.
  const std::string sdk = sdk_of(machine);
  const std::size_t number = compare_versions(sdk, kFirstByIndex) < 0 ? bus_number(address) : index;

  RecoveryStep release{.name = "wait-for-memory",
                       .title = "wait until the card has given back the memory of ended programs",
                       .touches = "nothing",
                       .disturbs = "nobody",
                       .risk = "",
                       .needs_root = false,
                       .acts = {{.kind = Act::Kind::kPause, .limit = seconds(5)}}};

  RecoveryStep card{.name = "card-reboot",
                    .title = "reboot this one card",
                    .touches = fmt::format("card {} ({})", index, address),
                    .disturbs = "every program on this card",
                    .risk =
                        "while it waits the driver holds every other program on every card, up to "
                        "some minutes",
                    .acts = {{.kind = Act::Kind::kRun,
                              .text = "y\n",
                              .command = {kSmi, "reboot", "-d", std::to_string(number)},
                              .limit = kFirmwareLimit}}};
  if (!driver)
    card.not_here = "the module axcl_host is not loaded";
  else if (!machine.exists(kSmi))
    card.not_here = fmt::format("{} is not installed", kSmi);
  else if (address.empty())
    card.not_here = "the card cannot be seen on the PCI bus";
  else if (sdk.empty())
    card.not_here = fmt::format(
        "libaxcl_rt.so does not tell the SDK's version, and with it what axcl-smi's -d means: "
        "the bus number before {}, the index from it on",
        kFirstByIndex);
  for (const FailedStart& start : failed_starts(machine.kernel_log()))
    if (!start.firmware.empty() && (!start.bus || *start.bus == bus_number(address)))
      card.never =
          "the card's firmware never loaded: a reboot request to such a card has no wait queue in "
          "the driver and can crash the kernel";

  const std::vector<std::string> modules = {"ax_pcie_p2p_rc", "axcl_host", "ax_pcie_mmb",
                                            "ax_pcie_msg", "ax_pcie_host_dev"};
  RecoveryStep reload{.name = "module-reload",
                      .title = "unload AXERA's modules and load them again",
                      .touches =
                          "kernel modules ax_pcie_host_dev, ax_pcie_msg, ax_pcie_mmb, "
                          "axcl_host, ax_pcie_p2p_rc",
                      .disturbs = "every program on ALL AXERA cards: each card is reset",
                      .risk = "takes up to four minutes when a card does not boot"};
  std::vector<std::string> unload = {"modprobe", "-r"};
  unload.insert(unload.end(), modules.begin(), modules.end());
  reload.acts.push_back({.kind = Act::Kind::kRun, .command = unload, .limit = kFirmwareLimit});
  for (auto module = modules.rbegin(); module != modules.rend(); ++module)
    reload.acts.push_back({.kind = Act::Kind::kRun,
                           .command = {"modprobe", *module},
                           .limit = kFirmwareLimit,
                           .always = true});
  if (!driver) reload.not_here = "the module axcl_host is not loaded";

  RecoveryStep rescan{
      .name = "pci-rescan",
      .title = "take the card off the PCI bus and look for it again",
      .touches = fmt::format("/sys/bus/pci/devices/{}/remove, /sys/bus/pci/rescan", address),
      .disturbs = "every program on this card",
      .risk = "",
      .acts = {{.kind = Act::Kind::kWrite,
                .target = "/sys/bus/pci/devices/" + address + "/remove",
                .text = "1"},
               {.kind = Act::Kind::kPause, .limit = seconds(2), .always = true},
               {.kind = Act::Kind::kWrite,
                .target = "/sys/bus/pci/rescan",
                .text = "1",
                .always = true}}};
  if (address.empty()) rescan.not_here = "no AXERA card on the PCI bus";
  if (driver)
    rescan.never =
        "axcl_host is loaded: its heartbeat thread would read the memory of a card that is "
        "gone, which resets whole machines; unload it first (modprobe -r ax_pcie_p2p_rc "
        "axcl_host)";

  return {{end_our_workers(), release, card, reload, rescan, reboot(),
           power_cycle("the card (the machine, or its slot)")},
          {"/tmp/axcl/axcl_logs.txt", "/proc/ax_proc/pcie/host_transfer_info",
           "/sys/bus/pci/devices/" + address + "/current_link_speed",
           "/sys/bus/pci/devices/" + address + "/current_link_width"}};
}

}  // namespace anynpu::npu::axcl

// SPDX-License-Identifier: Apache-2.0
// What the checks of AMD's Ryzen AI NPUs look at.
#include "npu/xdna/facts.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::npu::xdna {
namespace {

constexpr std::array<std::string_view, 2> kVendorFolders = {"/opt/xilinx/xrt/lib",
                                                            "/opt/xilinx/xrt/lib64"};
constexpr std::string_view kCore = "libxrt_coreutil.so.2";
constexpr std::string_view kPlugin = "libxrt_driver_xdna.so.2";

// "2.25.0" of ".../libxrt_coreutil.so.2.25.0".
std::string version_in_name(const std::string& path) {
  std::size_t at = path.rfind(".so.");
  return at == std::string::npos ? "" : path.substr(at + 4);
}

bool has_flag(const host::Machine& machine, std::string_view flag) {
  auto text = machine.read_text("/proc/cpuinfo");
  if (!text) return false;
  for (const std::string& line : split(*text, '\n')) {
    if (!line.starts_with("flags")) continue;
    std::vector<std::string> words = split(line, ' ');
    return std::find(words.begin(), words.end(), flag) != words.end();
  }
  return false;
}

}  // namespace

std::string firmware_folder(const PciFunction& function) {
  return fmt::format("{:04x}_{:02x}", function.device, function.revision);
}

Facts Facts::read(const CheckContext& context) {
  const host::Machine& machine = context.machine();
  Facts facts;
  for (PciFunction& function : pci_functions(machine)) {
    if (function.vendor != 0x1022 || (function.device != 0x1502 && function.device != 0x17f0))
      continue;
    facts.bound = facts.bound || function.driver == "amdxdna";
    facts.functions.push_back(std::move(function));
  }
  for (const Device* device : context.devices_of("xdna"))
    if (!device->nodes.empty()) facts.devices.push_back(*device);
  facts.driver = host::module(machine, "amdxdna").present;
  facts.virtual_machine = has_flag(machine, "hypervisor");
  facts.command_line = first_line(machine, "/proc/cmdline");
  if (!facts.functions.empty()) {
    facts.firmware = "/lib/firmware/amdnpu/" + firmware_folder(facts.functions.front());
    facts.blobs = machine.list(facts.firmware);
  }
  for (const host::FoundLibrary& found :
       host::find_engine_library(machine, std::string(kCore), "ANYNPU_XCLBIN", kVendorFolders)) {
    XrtCopy copy;
    copy.folder = found.path.substr(0, found.path.rfind('/'));
    copy.version = version_in_name(found.real);
    const std::string plugin = copy.folder + "/" + std::string(kPlugin);
    if (machine.exists(plugin)) {
      copy.plugin = host::real_path(machine, plugin);
      copy.plugin_version = version_in_name(copy.plugin);
    }
    facts.xrt.push_back(std::move(copy));
  }
  return facts;
}

}  // namespace anynpu::npu::xdna

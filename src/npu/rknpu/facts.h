// SPDX-License-Identifier: Apache-2.0
// What the checks of Rockchip's vendor stack look at, read once.
#pragma once

#include <string>
#include <vector>

#include "npu/check.h"
#include "npu/holders.h"
#include "npu/library_copies.h"
#include "npu/sysfs.h"

namespace anynpu::npu::rknpu {

struct Facts {
  std::vector<std::string> board;    // the machine's compatible list; empty where it is hidden
  std::vector<Device> devices;       // with nodes: the driver is there
  std::vector<TreeNode> tree_nodes;  // of the device tree, with a compatible of this driver
  bool driver = false;               // the platform driver RKNPU is registered
  bool rocket = false;               // the mainline driver is, or the device tree is mainline's
  std::string driver_version;        // "0.9.8"; empty: unknown
  std::string driver_source;         // where that was read
  std::vector<LibraryCopy> runtime;  // librknnrt.so
  std::vector<LibraryCopy> llm;      // librkllmrt.so
  std::vector<LibraryCopy> teflon;   // libteflon.so, which is of the other stack

  /// Whether this machine is one of the vendor stack at all.
  bool relevant() const { return driver || !devices.empty() || !tree_nodes.empty(); }
  /// "rk3588" of "rockchip,rk3588s"; empty when no entry names a SoC.
  std::string soc() const;
  int cores() const { return devices.empty() ? 0 : devices.front().cores; }
  bool driver_older(std::string_view version) const;  // false when the version is unknown

  static Facts read(const CheckContext& context);
};

/// Who holds the nodes of all devices.
struct NodeHolders : Holders {
  static NodeHolders read(const CheckContext& context);
};

/// Folders that Rockchip's documents and images use, beyond the loader's own.
inline constexpr std::string_view kRuntimeFolders[] = {"/usr/lib64", "/usr/local/lib64",
                                                       "/oem/usr/lib", "/vendor/lib64"};

}  // namespace anynpu::npu::rknpu

// SPDX-License-Identifier: Apache-2.0
// What the checks of Rockchip's mainline stack look at, read once.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "npu/check.h"
#include "npu/holders.h"
#include "npu/library_copies.h"
#include "npu/sysfs.h"

namespace anynpu::npu::rocket {

struct Facts {
  std::vector<std::string> board;   // the machine's compatible list; empty where it is hidden
  std::vector<Device> devices;      // with nodes: the driver is there
  std::vector<TreeNode> cores;      // of the device tree
  bool driver = false;              // the platform driver rocket is registered
  bool vendor = false;              // the kernel is the vendor's
  std::vector<std::string> bound;   // cores that the driver has: "fdab0000.npu"
  std::vector<LibraryCopy> teflon;  // libteflon.so
  std::vector<LibraryCopy> rknn;    // librknnrt.so, which is of the other stack
  std::string mesa;                 // "26.1.6"; empty: unknown
  std::string mesa_source;          // where that was read

  bool is_rk3588() const;
  bool any_core_enabled() const;
  /// Whether this machine is one of the mainline stack at all.
  bool relevant() const { return driver || !devices.empty() || !cores.empty(); }

  static Facts read(const CheckContext& context);
};

struct NodeHolders : Holders {
  static NodeHolders read(const CheckContext& context);
};

/// "26.1.6" of a package's version "26.1.6-1~bpo13+1".
std::string mesa_of_package_version(std::string_view version);

}  // namespace anynpu::npu::rocket

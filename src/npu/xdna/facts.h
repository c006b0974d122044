// SPDX-License-Identifier: Apache-2.0
// What the checks of AMD's Ryzen AI NPUs look at, read once. No node is opened for it.
#pragma once

#include <string>
#include <vector>

#include "npu/check.h"
#include "npu/sysfs.h"

namespace anynpu::npu::xdna {

/// One copy of XRT on the machine: a folder with libxrt_coreutil.so.2.
struct XrtCopy {
  std::string folder;   // "/usr/lib/x86_64-linux-gnu"
  std::string version;  // "2.25.0", from the files' own names; empty when they do not tell
  std::string plugin;   // libxrt_driver_xdna.so.2, without links; empty: not beside it
  std::string plugin_version;
};

struct Facts {
  std::vector<PciFunction> functions;  // of NPUs that the driver amdxdna is for
  std::vector<Device> devices;         // with a node
  bool driver = false;                 // the module is loaded or built in
  bool bound = false;                  // a function is bound to it
  bool virtual_machine = false;        // the processor says that it is one
  std::string command_line;            // of the kernel
  std::string firmware;                // folder that the first function's firmware is looked for in
  std::vector<std::string> blobs;      // names in it
  std::vector<XrtCopy> xrt;

  static Facts read(const CheckContext& context);
};

/// "1502_00": the name of the firmware folder of a function.
std::string firmware_folder(const PciFunction& function);

}  // namespace anynpu::npu::xdna

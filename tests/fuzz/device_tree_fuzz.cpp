// SPDX-License-Identifier: Apache-2.0
// Properties of the device tree: any bytes in them leave a machine that the doctor can look at.
#include <cstddef>
#include <cstdint>
#include <string>

#include "doctor/doctor.h"
#include "host/manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace anynpu;
  // One third each for the machine's compatible list, the node's, and its status.
  std::string bytes(reinterpret_cast<const char*>(data), size);
  host::MachineDescription description;
  auto put = [&](const std::string& path, std::string content) {
    host::Entry& entry = description.entries["/proc/device-tree/" + path];
    entry.node = {host::NodeKind::kFile, 0444, 0, 0, 0, 0};
    entry.content = std::move(content);
  };
  put("compatible", bytes.substr(0, size / 3));
  put("npu@fdab0000/compatible", bytes.substr(size / 3, size / 3));
  put("npu@fdab0000/status", bytes.substr(size / 3 * 2));
  doctor::Options here;
  here.isolated = false;
  doctor::diagnose(*host::simulated_machine(std::move(description)), here);
  return 0;
}

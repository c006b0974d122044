// SPDX-License-Identifier: Apache-2.0
// CDI specifications: the files by which a container runtime gives a device to a container
// (github.com/cncf-tags/container-device-interface, SPEC.md 1.1.0).
//
// Runtimes read them strictly: one field that they do not know, or one device without edits, and
// they drop the whole file without a word; the device is "unresolvable" then.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace anynpu::doctor {

struct CdiNode {
  std::string path;       // in the container
  std::string host_path;  // on the machine; the same unless it says otherwise
  std::optional<unsigned> major, minor;
};

struct CdiSpec {
  std::string version;  // "0.5.0"
  std::string kind;     // "anynpu.dev/npu"
  std::vector<std::string> devices;
  std::vector<CdiNode> nodes;       // of all devices, at most 256
  std::vector<std::string> faults;  // why a runtime drops the file; empty: it does not
};

/// Untrusted text. Of YAML only the version, the kind, the devices' names and the nodes are read,
/// line by line, and faults are not looked for.
CdiSpec read_cdi_json(std::string_view text);
CdiSpec read_cdi_yaml(std::string_view text);

/// Whether version `a` is before `b`: "0.5.0" before "0.7.0". What is no version is before all.
bool cdi_before(std::string_view a, std::string_view b);

}  // namespace anynpu::doctor

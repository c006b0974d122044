// SPDX-License-Identifier: Apache-2.0
// Support bundles: a tar archive with all that was read on a machine, without secrets and names of
// people, from which that machine can be looked at elsewhere.
//
//   INDEX.txt          what is in it, and what was taken out
//   doctor.json        the doctor's own report
//   machine/...        files, folders and links, as on the machine
//   machine/machine.manifest   nodes, groups, kernel log, answers of drivers (host/manifest.h)
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "host/manifest.h"

namespace anynpu::host {

/// The same machine without what tells of people: names of users, members of groups, environment
/// variables but a few, files that other processes have open, addresses of network cards.
MachineDescription without_secrets(MachineDescription description);

/// `reports` are more files: {"doctor.json", ...}.
std::string write_bundle(const MachineDescription& description,
                         const std::vector<std::pair<std::string, std::string>>& reports);

/// Untrusted bytes, at most 256 MiB.
Result<MachineDescription> read_bundle(std::string_view bytes);

}  // namespace anynpu::host

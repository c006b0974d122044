// SPDX-License-Identifier: Apache-2.0
// The copies of a vendor's library on a machine, and which of them a program gets.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/environment.h"
#include "host/machine.h"

namespace anynpu::npu {

struct LibraryCopy {
  std::string path;         // where the loader looks
  std::string real;         // what is there, without links
  host::ElfFacts elf;       // when `problem` is empty
  std::string problem;      // why it is no library: "dangling link", "is no ELF file ..."
  bool dangling = false;    // a link to nowhere
  bool unreadable = false;  // the problem says nothing about the file
  std::string version;      // "2.3.2", the number after the wanted text; empty: unknown

  bool fits(const host::Machine& machine) const {
    return problem.empty() && elf.architecture == machine.architecture();
  }
};

/// All copies, the one that anynpu takes first in front, as host::find_engine_library() has them.
/// `wanted` as for Machine::elf(); the first of them is the text in front of the version.
std::vector<LibraryCopy> library_copies(const host::Machine& machine, const std::string& name,
                                        std::string_view variable,
                                        std::span<const std::string_view> wanted,
                                        std::span<const std::string_view> more_folders = {});

/// The first copy that is one for this machine, which a program gets unless there is a blocker();
/// null when none fits.
const LibraryCopy* winner(const host::Machine& machine, const std::vector<LibraryCopy>& copies);

/// The first file before the winner that can be read and is no library, at which the search for one
/// ends; null when there is none.
const LibraryCopy* blocker(const host::Machine& machine, const std::vector<LibraryCopy>& copies);

/// "2.3.2" against "2.10": negative, 0, positive, number by number; what is no number ends it.
int compare_versions(std::string_view a, std::string_view b);

/// "PATH: version 2.3.2, aarch64", for evidence.
std::string describe_copy(const LibraryCopy& copy);

/// The version of the C library: "2.36"; empty when it cannot be told.
std::string glibc_version(const host::Machine& machine);

}  // namespace anynpu::npu

// SPDX-License-Identifier: Apache-2.0
// ELF files, read and never loaded.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "host/machine.h"

namespace anynpu::host {

/// Untrusted bytes: every offset is checked, and what is out of bounds is left out.
Result<ElfFacts> parse_elf(std::string_view bytes, std::span<const std::string_view> wanted);

/// Maps the file, which is at most 512 MiB and a regular one.
Result<ElfFacts> elf_facts_of_file(const std::string& path,
                                   std::span<const std::string_view> wanted);

}  // namespace anynpu::host

// SPDX-License-Identifier: Apache-2.0
// The few system calls behind both kinds of machine. Paths are those of the running machine.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "host/machine.h"

namespace anynpu::host {

/// The digest of a regular file, which is mapped for it; errors as those of Machine::digest().
Result<std::string> digest_of_file(const std::string& path, const Digest& wanted);
/// Code::kTooLarge when it is longer than a digest may be.
Result<std::string> bounded_digest(const std::string& path, std::string text);

Result<std::vector<std::string>> names_in(const std::string& folder, std::size_t most);
Result<std::string> link_text(const std::string& path);
Result<Node> node_at(const std::string& path);  // follows links
Result<Node> link_at(const std::string& path);  // does not follow the last one

}  // namespace anynpu::host

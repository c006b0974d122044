// SPDX-License-Identifier: Apache-2.0
// Files that are often found in the place of a model: what a download left behind.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace anynpu::engine {

struct Impostor {
  const char* what;  // "a Git LFS pointer, not the model itself"
  const char* hint;  // may be empty
};

/// Judged by the first bytes; none when they look like nothing of the kind.
std::optional<Impostor> impostor_of(std::span<const std::byte> bytes);

}  // namespace anynpu::engine

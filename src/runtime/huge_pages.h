// SPDX-License-Identifier: Apache-2.0
// The environment of worker processes, in which glibc asks for huge pages.
//
// Most of what a worker does when it starts is to touch fresh memory: packed weights, tensors. With
// pages of 2 MB instead of 4 kB the kernel is entered 500 times less often for it, which halves the
// time of loading and of the first run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace anynpu::runtime {

/// GLIBC_TUNABLES (glibc 2.35 and newer) for a process whose value is `current`. `page_bytes`: what
/// the kernel says a huge page has. Where that is more than 2 MB (kernels with pages of 16 or 64
/// kB), and where huge pages are set already, `current` as it is.
std::string malloc_tunables(const std::string& current, std::string_view page_bytes);

/// This process's environment with them.
std::vector<std::string> worker_environment();

}  // namespace anynpu::runtime

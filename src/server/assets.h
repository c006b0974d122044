// SPDX-License-Identifier: Apache-2.0
// The files of the page, built into the binary from server/page/.
#pragma once

#include <span>
#include <string_view>

namespace anynpu::server {

struct Asset {
  std::string_view name;  // "index.html"
  std::string_view content;
};

std::span<const Asset> assets();

}  // namespace anynpu::server

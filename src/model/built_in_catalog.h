// SPDX-License-Identifier: Apache-2.0
// models/catalog.toml as it was when this binary was built; cmake/embed_text.cmake writes the
// source.
#pragma once

#include <string_view>

namespace anynpu::model {

std::string_view built_in_catalog();

}  // namespace anynpu::model

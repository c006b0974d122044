// SPDX-License-Identifier: Apache-2.0
// What must hold between the options of a configuration.
#pragma once

#include "server/config.h"

namespace anynpu::server {

/// Appends to `loaded.problems` each contradiction and each text that cannot mean anything, with
/// the place that it comes from.
void check_config(LoadedConfig& loaded);

}  // namespace anynpu::server

// SPDX-License-Identifier: Apache-2.0
// The canary of any package, by its task: a picture, or a sound.
#pragma once

#include <memory>

#include "base/result.h"
#include "model/package.h"
#include "runtime/served_model.h"

namespace anynpu::server {

/// What placements of the package are measured and compared on.
Result<std::shared_ptr<const runtime::InputSource>> canary_of(const model::Package& package);

}  // namespace anynpu::server

// SPDX-License-Identifier: Apache-2.0
// Small .rknn files for tests of sources: sim::make_rknn().
#pragma once

#include "sim/rknn/artifact.h"

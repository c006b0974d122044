// SPDX-License-Identifier: Apache-2.0
// One .axmodel artifact, loaded on a card.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "engine/axmodel_abi.h"
#include "engine/axmodel_card.h"
#include "engine/session.h"

namespace anynpu::engine::axcl {

/// Where sessions come from. `api` must outlive them.
struct CardSource {
  const Api& api;
  std::filesystem::path library;
  std::weak_ptr<Card>& card;  // of this process, when it is open
};

/// Asks the card for its free memory first, and refuses what does not fit.
Result<std::unique_ptr<Session>> load_session(const CardSource& source,
                                              const std::filesystem::path& artifact,
                                              const LoadOptions& options);

}  // namespace anynpu::engine::axcl

// SPDX-License-Identifier: Apache-2.0
// An encoder and a merged decoder as one session; its tensors are in engine/seq2seq.h.
#pragma once

#include <filesystem>
#include <memory>

#include "base/result.h"
#include "engine/onnxruntime_abi.h"
#include "engine/session.h"

namespace anynpu::engine::ort {

/// `artifact` is the encoder, `options.decoder` the decoder: one file with a branch for the first
/// step and one for all later ones, as Optimum exports it (use_cache_branch, past_key_values.*,
/// present.*). `api` and `env` must live as long as the session.
Result<std::unique_ptr<engine::Session>> load_seq2seq(const Api& api, const Env& env,
                                                      const std::filesystem::path& artifact,
                                                      const LoadOptions& options);

}  // namespace anynpu::engine::ort

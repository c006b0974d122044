// SPDX-License-Identifier: Apache-2.0
// The simulated librknnrt: its contexts, its version, its words.
//
//   init.cpp    rknn_init, rknn_dup_context, rknn_destroy: what is refused, and how
//   query.cpp   rknn_query, and the choice of shapes and cores
//   run.cpp     inputs, runs, outputs
//   memory.cpp  buffers
//
// Return codes and log lines are those that were measured on 1.3.0, 1.4.0, 1.5.2 and 1.6.0; later
// versions behave as 1.6.0 does. The version is the one that stands in the library's own file, so a
// copy of it with another version written over the text behaves as that version.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "engine/rknn_abi.h"
#include "sim/rknn/board.h"
#include "sim/rknn/network.h"

#define RKNN_EXPORT extern "C" __attribute__((visibility("default")))

namespace anynpu::sim {

/// A buffer that stands in for an input or an output.
struct BoundMemory {
  rk::TensorMem* memory = nullptr;
  rk::TensorAttr attr{};
};

struct RknnContext {
  std::shared_ptr<const std::vector<std::byte>> model;
  engine::RknnFile file;
  std::unique_ptr<RknnNetwork> network;  // none when init has failed
  std::uint32_t flags = 0;
  std::uint32_t sram = 0;  // used of it
  int core_mask = rk::kCoreAuto;
  std::map<std::uint32_t, BoundMemory> bound_inputs, bound_outputs;
  std::vector<std::vector<std::byte>> outputs_lent;  // to outputs_get without buffers
  std::atomic<bool> running{false};
  std::int64_t run_microseconds = 0;
  std::string perf_text;
};

/// nullptr when there is none, which calls answer with CTX_INVALID.
std::shared_ptr<RknnContext> context_of(rk::Context handle);
rk::Context add_context(std::shared_ptr<RknnContext> context);
bool remove_context(rk::Context handle);

/// 20302 for 2.3.2.
int runtime_version();
/// "2.3.2 (429f97ae6b@2025-04-09T09:09:27)"
std::string runtime_version_text();
/// 20302 for "2.3.2".
int version_number(const std::string& text);

/// What init answers for a model that it cannot take: -6 from 1.5.2 on, -1 before.
int model_refused();

/// "E RKNN: [hh:mm:ss.mmm] TEXT" on the standard error.
void say(char level, const std::string& text);
/// The two lines of an allocation that was refused, and how the runtime fails to look after it.
void say_no_memory(std::uint32_t size, unsigned flags);

}  // namespace anynpu::sim

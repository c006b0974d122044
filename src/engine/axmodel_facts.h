// SPDX-License-Identifier: Apache-2.0
// What a card tells of itself: memory, temperature, load.
//
// The runtime's properties call runs seven shell commands on the card, opens and resets the device,
// and blocks for up to 50 s when a card is sick. So it is made in a process of its own, which does
// nothing else, and seldom.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace anynpu::engine::axcl {

struct CardFacts {
  std::string firmware;
  std::uint64_t uid = 0;
  int bus = 0;
  double celsius = 0;
  std::uint64_t total_cmm = 0;  // bytes; what models can use
  std::uint64_t free_cmm = 0;
  std::uint64_t total_memory = 0;  // bytes; of the card's Linux
  std::uint64_t free_memory = 0;
  double cpu_percent = 0;
  double npu_percent = 0;
};

/// Asks in a process of its own; `bus` 0 is the first card. Code::kUnsupported: this SDK cannot
/// tell. Code::kTimeout: the card or its driver hangs.
Result<CardFacts> card_facts(const std::filesystem::path& library, int bus,
                             Duration timeout = seconds(20));

/// The word that makes the program such a process: `anynpu card-facts LIBRARY BUS`.
inline constexpr const char* kCardFactsWord = "card-facts";

/// That process: prints the facts, or an error, as JSON; returns its exit code.
int card_facts_main(const std::string& library, int bus);

/// Why a model of `needed` bytes must not be loaded on a card with `facts`; the card's driver
/// crashes when its memory overflows. A success leaves a margin.
Result<> check_card_memory(const CardFacts& facts, std::uint64_t needed);

}  // namespace anynpu::engine::axcl

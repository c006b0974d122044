// SPDX-License-Identifier: Apache-2.0
// One AXERA card, opened by this process.
//
// A card is named by its PCI bus number. Every thread that talks to it must bind its context first.
// What is never done here, because it harms others or the driver: asking for the card's properties
// (axmodel_facts.h does, in another process), opening /dev/axcl_host, and axclrtEngineFinalize,
// which can kill other processes that use the card.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "engine/axmodel_abi.h"

namespace anynpu::engine::axcl {

/// The last complaint in the runtime's own log on this host ($ANYNPU_AXCL_LOG, else
/// /tmp/axcl/axcl_logs.txt) since forget_complaints(), one line; empty when there is none. The log
/// is where a card's errno and "device N is dead" stand.
std::string last_complaint();
void forget_complaints();

/// status_error() with what the log says.
Error card_error(std::string_view doing, Status status);
/// The driver knows no card at all.
Error no_card_error();

class Card {
 public:
  /// `bus` 0 takes the first card of the list. An error names the cards that there are.
  static Result<std::unique_ptr<Card>> open(const Api& api, int bus);
  ~Card();
  Card(const Card&) = delete;
  Card& operator=(const Card&) = delete;

  const Api& api() const { return api_; }
  int bus() const { return bus_; }
  /// What a user should know of how the card was found; may be empty.
  const std::string& note() const { return note_; }

  /// Binds the card's context to the calling thread, which every call after it needs.
  Result<> bind_thread() const;

 private:
  Card(const Api& api, int bus) : api_(api), bus_(bus) {}
  const Api& api_;
  int bus_;
  Handle context_ = nullptr;
  std::string note_;
};

/// A piece of the card's memory. Its address means nothing on the host.
class CardMemory {
 public:
  static Result<CardMemory> allocate(const Card& card, std::size_t bytes);
  CardMemory() = default;
  CardMemory(CardMemory&& other) noexcept
      : card_(std::exchange(other.card_, nullptr)), data_(other.data_), bytes_(other.bytes_) {}
  CardMemory& operator=(CardMemory&& other) noexcept {
    std::swap(card_, other.card_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~CardMemory();

  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  CardMemory(const Card* card, void* data, std::size_t bytes)
      : card_(card), data_(data), bytes_(bytes) {}
  const Card* card_ = nullptr;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace anynpu::engine::axcl

// SPDX-License-Identifier: Apache-2.0
// Opens a card in the order that AXERA's runtime asks for.
#include "engine/axmodel_card.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <span>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/axmodel_error.h"

namespace anynpu::engine::axcl {
namespace {

constexpr const char* kLog = "/tmp/axcl/axcl_logs.txt";
constexpr std::streamoff kLogTail = 4096;

/// Where the log ended when the card was opened: complaints before that are about something else.
std::atomic<std::streamoff> known_log = 0;

std::ifstream open_log() {
  const char* chosen = std::getenv("ANYNPU_AXCL_LOG");
  return std::ifstream(chosen != nullptr ? chosen : kLog, std::ios::binary);
}

std::string list_of(const DeviceList& list) {
  std::string text;
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(list.num, kMostDevices); ++i)
    text += fmt::format("{}{} ({:#04x})", i > 0 ? ", " : "", list.devices[i], list.devices[i]);
  return text.empty() ? "none" : text;
}

Result<int> choose_bus(const Api& api, int bus) {
  DeviceList list{};
  if (Status status = api.get_device_list(&list); status != 0)
    return card_error("listing AXERA's cards", status);
  const std::uint32_t count = std::min<std::uint32_t>(list.num, kMostDevices);
  if (count == 0) return no_card_error();
  if (bus == 0) return static_cast<int>(list.devices[0]);
  const std::span<const std::int32_t> known(list.devices, count);
  if (std::find(known.begin(), known.end(), bus) != known.end()) return bus;
  return Error{
      Code::kNotFound,
      fmt::format("AXERA's runtime knows no card on PCI bus {}; cards: {}", bus, list_of(list))}
      .with_hint("the card may have left the bus: look for 'device N: dead!' in dmesg");
}

}  // namespace

void forget_complaints() {
  std::ifstream file = open_log();
  file.seekg(0, std::ios::end);
  known_log = file ? static_cast<std::streamoff>(file.tellg()) : 0;
}

std::string last_complaint() {
  std::ifstream file = open_log();
  if (!file) return "";
  file.seekg(0, std::ios::end);
  const std::streamoff size = file.tellg();
  const std::streamoff known = known_log <= size ? known_log.load() : 0;  // else it began anew
  file.seekg(std::max<std::streamoff>(known, size - kLogTail));
  std::string complaint;
  for (std::string line; std::getline(file, line);)
    if (line.find("fail") != std::string::npos || line.find("dead") != std::string::npos ||
        line.find("0 bytes sent") != std::string::npos)
      complaint = line;
  return printable(trim(complaint), 200);
}

Error no_card_error() {
  return status_error("listing AXERA's cards", static_cast<Status>(0x80300181), last_complaint());
}

Error card_error(std::string_view doing, Status status) {
  return status_error(doing, status, last_complaint());
}

Result<std::unique_ptr<Card>> Card::open(const Api& api, int bus) {
  forget_complaints();
  if (Status status = api.init(nullptr); status != 0)
    return card_error("starting AXERA's runtime", status);
  auto chosen = choose_bus(api, bus);
  if (!chosen) {
    api.finalize();
    return std::move(chosen).error();
  }
  std::unique_ptr<Card> card(new Card(api, *chosen));
  const std::string title = fmt::format("opening the card on PCI bus {}", *chosen);
  if (Status status = api.set_device(*chosen); status != 0) return card_error(title, status);
  if (Status status = api.create_context(&card->context_, *chosen); status != 0)
    return card_error(title, status);
  ANYNPU_CHECK(card->bind_thread());
  // An error only says that another process was first, as long as the division can be asked for.
  Status status = api.engine_init(kVNpuDisable);
  VNpuKind kind = kVNpuDisable;
  const bool known = api.get_vnpu_kind != nullptr && api.get_vnpu_kind(&kind) == 0;
  if (status != 0 && !known) return card_error("starting the NPU of the card", status);
  if (known && kind != kVNpuDisable)
    card->note_ = fmt::format("another process has divided the card's NPU (VNPU kind {})",
                              static_cast<int>(kind));
  return card;
}

Card::~Card() {
  if (context_ != nullptr && api_.set_current_context(context_) == 0)
    api_.destroy_context(context_);
  api_.reset_device(bus_);
  api_.finalize();
}

Result<> Card::bind_thread() const {
  if (Status status = api_.set_current_context(context_); status != 0)
    return card_error("binding the thread to the card", status);
  return {};
}

Result<CardMemory> CardMemory::allocate(const Card& card, std::size_t bytes) {
  void* data = nullptr;
  if (Status status = card.api().malloc(&data, bytes, kNormalOnly); status != 0)
    return card_error(fmt::format("taking {} of the card's memory", human_bytes(bytes)), status);
  return CardMemory(&card, data, bytes);
}

CardMemory::~CardMemory() {
  if (card_ != nullptr) card_->api().free(data_);
}

}  // namespace anynpu::engine::axcl

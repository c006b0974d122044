// SPDX-License-Identifier: Apache-2.0
// What the checks of AXERA's cards look at.
//
// The driver is asked once, by a process that opens its node once and ends: a second open in one
// thread corrupts the driver, and one global lock is held across every call (axcl-runtime, drv/).
#include "npu/axcl/facts.h"

#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::npu::axcl {
namespace {

bool link_lost(const host::Machine& machine, const std::string& address) {
  auto config = machine.read_text("/sys/bus/pci/devices/" + address + "/config", 4096);
  return config && config->size() >= 4 && config->substr(0, 4) == "\xff\xff\xff\xff";
}

// The driver's last word on a card: "[heartbeat_recv_thread, 612]: device 4: dead!", its number in
// hexadecimal.
void read_log(const host::KernelLog& log, Card& card) {
  const std::string prefix = fmt::format("device {:x}: ", bus_number(card.function.address));
  for (const std::string& line : log.lines) {
    const bool dead = line.find(prefix + "dead!") != std::string::npos;
    if (!dead && line.find(prefix + "alive!") == std::string::npos) continue;
    card.state = dead ? CardState::kDead : CardState::kAlive;
    card.state_evidence = "kernel log: " + printable(line);
  }
}

// By the card's number, which is its bus.
Result<std::map<unsigned, CardState>> ask_cards(const host::Machine& machine,
                                                const std::string& node) {
  ANYNPU_TRY(answer, machine.ask(node, {.question = host::Question::kAxclCards}));
  std::map<unsigned, CardState> states;
  for (const std::string& line : split(answer, '\n')) {
    std::vector<std::string> words = split(line, ' ');
    if (words.size() != 2) continue;
    const auto bus = static_cast<unsigned>(std::strtoul(words[0].c_str(), nullptr, 10));
    states[bus] = words[1] == "1"   ? CardState::kAlive
                  : words[1] == "0" ? CardState::kDead
                                    : CardState::kUnknown;
  }
  return states;
}

// The number after `before`, if the text is there and `after` follows: "Dev 4 Firmware loading".
std::optional<unsigned> number_between(std::string_view line, std::string_view before,
                                       std::string_view after) {
  const std::size_t at = line.find(before);
  if (at == std::string_view::npos) return std::nullopt;
  line.remove_prefix(at + before.size());
  unsigned number = 0;
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number, 16);
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (error != std::errc() || !line.starts_with(after)) return std::nullopt;
  return number;
}

}  // namespace

std::vector<PciFunction> card_functions(const host::Machine& machine) {
  std::vector<PciFunction> cards = pci_functions(machine);
  std::erase_if(cards, [](const PciFunction& function) {
    return function.vendor != kVendor || function.device != kAx650;
  });
  return cards;
}

unsigned bus_number(const std::string& address) {
  unsigned bus = 0;
  if (address.size() >= 7) std::from_chars(address.data() + 5, address.data() + 7, bus, 16);
  return bus;
}

// One card after the other is started, and some lines do not name theirs: it is the last that was
// named.
std::vector<FailedStart> failed_starts(const host::KernelLog& log) {
  std::map<std::optional<unsigned>, FailedStart> starts;
  std::optional<unsigned> now;
  for (const std::string& line : log.lines) {
    if (auto bus = number_between(line, "Dev ", " Firmware loading")) {
      now = bus;
      starts.erase(now);
    } else if (auto waiting = number_between(line, "axcl wait dev ", " handshake")) {
      now = waiting;
      starts[now].handshake.clear();
    } else if (auto failed = number_between(line, "Device ", " firmware load failed")) {
      starts[failed].firmware = line;
    } else if (auto alive = number_between(line, "device ", ": alive!")) {
      starts.erase(alive);
    } else if (line.find("[STATUS]: FAILED") != std::string::npos) {
      starts[now].firmware = line;
    } else if (line.find("[STATUS]: SUCCESS") != std::string::npos) {
      starts.erase(now);
    } else if (line.find("Handshake timeout!") != std::string::npos) {
      starts[now].handshake = line;
    }
  }
  std::vector<FailedStart> failed;
  for (auto& [bus, start] : starts) {
    start.bus = bus;
    if (!start.firmware.empty() || !start.handshake.empty()) failed.push_back(std::move(start));
  }
  return failed;
}

Result<CardState> card_state(const host::Machine& machine, unsigned bus) {
  ANYNPU_TRY(states, ask_cards(machine, std::string(kNodes[0])));
  auto found = states.find(bus);
  return found == states.end() ? CardState::kUnknown : found->second;
}

Facts Facts::read(const CheckContext& context) {
  const host::Machine& machine = context.machine();
  Facts facts;
  for (PciFunction& function : card_functions(machine)) {
    Card card{std::move(function), CardState::kUnknown, "", false};
    card.link_lost = link_lost(machine, card.function.address);
    read_log(context.kernel_log(), card);
    facts.cards.push_back(std::move(card));
  }
  facts.driver = host::module(machine, "axcl_host").present;
  facts.sdk = machine.exists(kLibraryFolder) || machine.exists("/usr/bin/axcl");
  auto model = machine.read_text("/proc/device-tree/model", 256);
  facts.pi5 = model && model->find("Raspberry Pi 5") != std::string::npos;

  const std::string node(kNodes[0]);
  if (!machine.exists(node) || !machine.may_open(node)) return facts;
  auto states = ask_cards(machine, node);
  if (!states) {
    facts.refused = states.error();
    return facts;
  }
  facts.listed = states->size();
  for (Card& card : facts.cards) {
    auto state = states->find(bus_number(card.function.address));
    if (state == states->end() || state->second == CardState::kUnknown) continue;
    card.state = state->second;
    card.state_evidence = fmt::format("{}: the driver says that card {} is {}", node, state->first,
                                      card.state == CardState::kAlive ? "alive" : "dead");
  }
  return facts;
}

}  // namespace anynpu::npu::axcl

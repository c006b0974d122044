// SPDX-License-Identifier: Apache-2.0
// Checks of AXERA's cards: the firmware, whether the card lives, what its runtime said.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/axcl/check_functions.h"
#include "npu/axcl/facts.h"
#include "npu/remedies.h"

namespace anynpu::npu::axcl {
namespace {

constexpr std::size_t kMostLog = 128 << 10;

// Which of the four ways a dead card died.
enum class Death { kDaemon, kSuspend, kHeat, kPanic };

struct Post {
  Death death;
  std::string evidence = {};
};

Post death_of(const CheckContext& context, const Card& card) {
  if (!card.link_lost) return {Death::kDaemon};
  const auto& lines = context.kernel_log().lines;
  for (const std::string& line : lines) {
    if (contains(line, ": dead!")) break;
    if (contains(line, "PM: suspend entry"))
      return {Death::kSuspend, "kernel log: " + printable(line)};
  }
  auto path = context.machine().read_text("/proc/ax_proc/pcie/sysdump/path", 256);
  const std::string folder = path ? std::string(trim(*path)) : std::string("/opt");
  for (const std::string& name : context.machine().list(folder))
    if (contains(name, "sysdump") || contains(name, "vmcore"))
      return {Death::kPanic, fmt::format("{}/{}: the dump of the card's memory", folder, name)};
  return {Death::kHeat};
}

Verdict not_dead(const CheckContext& context, Death death) {
  const Facts& facts = context.facts<Facts>();
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < facts.cards.size(); ++i) {
    const Card& card = facts.cards[i];
    if (card.state != CardState::kDead) continue;
    const Post post = death_of(context, card);
    if (post.death != death) continue;
    Problem problem{.device = device_id(context, i), .evidence = {card.state_evidence}};
    problem.evidence.push_back(
        fmt::format("/sys/bus/pci/devices/{}/config: {}", card.function.address,
                    card.link_lost ? "all ones, the link is gone" : "the link is there"));
    if (!post.evidence.empty()) problem.evidence.push_back(post.evidence);
    if (death == Death::kSuspend)
      problem.remedy = {
          .text =
              "keep the machine from suspending, then switch it off and unplug "
              "it for ten seconds",
          .commands = {"sudo systemctl mask sleep.target suspend.target", "sudo poweroff"},
          .needs_root = true};
    if (death == Death::kDaemon)
      problem.remedy = {.text = "reboot this one card",
                        .commands = {recover_as_root(problem.device, "card-reboot")},
                        .needs_root = true};
    problems.push_back(std::move(problem));
  }
  if (facts.cards.empty()) return skip("there is no AXERA card on the PCI bus");
  return fail(std::move(problems));
}

// Words in the end of the runtime's own log on the host. Its lines tell the wall clock's time and
// the kernel's log that since the boot: what was before a card's last start is not known.
Verdict runtime_log_has(const CheckContext& context, std::string_view fix, std::string_view first,
                        std::string_view second = {}) {
  if (!context.has("axcl")) return skip("there is no AXERA card");
  auto text = context.machine().read_tail(kRuntimeLog, kMostLog);
  if (!text && text.error().code == Code::kNotFound) return skip("there is no log of the runtime");
  if (!text) return cannot_tell(text.error().message);
  Problem problem;
  problem.remedy = {.text = fmt::format("{}; then move the log away, which is never emptied", fix),
                    .commands = {fmt::format("sudo mv {0} {0}.before", kRuntimeLog)},
                    .needs_root = true};
  for (const std::string& line : split(*text, '\n')) {
    if (!contains(line, first) && (second.empty() || !contains(line, second))) continue;
    problem.evidence = {std::string(kRuntimeLog) + ": " + printable(line)};  // the last one
  }
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

// Cards whose last start failed by what `member` tells.
Verdict started(const CheckContext& context, std::string FailedStart::*member) {
  if (!context.has("axcl")) return skip("there is no AXERA card");
  const host::KernelLog& log = context.kernel_log();
  if (!log.readable()) return cannot_tell("the kernel log cannot be read: " + log.why_not);
  const Facts& facts = context.facts<Facts>();
  std::vector<Problem> problems;
  for (const FailedStart& start : failed_starts(log)) {
    if ((start.*member).empty()) continue;
    Problem problem{.evidence = {"kernel log: " + printable(start.*member)}};
    for (std::size_t i = 0; i < facts.cards.size(); ++i)
      if (start.bus == bus_number(facts.cards[i].function.address))
        problem.device = device_id(context, i);
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

}  // namespace

Verdict check_firmware_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.cards.empty()) return skip("there is no AXERA card on the PCI bus");
  if (context.container()) return skip("a container does not see the host's firmware");
  if (!facts.driver) return skip("the driver is not loaded");
  if (context.machine().exists(kFirmware)) return pass();
  Problem problem{.evidence = {std::string(kFirmware) + ": not there"}};
  for (const std::string& line : host::log_lines(context.kernel_log(), "Patch file not found", 1))
    problem.evidence.push_back("kernel log: " + printable(line));
  problem.remedy = {.text =
                        "install AXERA's package again, where its file is (Radxa: the package "
                        "axclhost-firmware), then load the modules anew",
                    .commands = {"sudo apt-get install --reinstall ./axclhost_*.deb",
                                 "sudo modprobe -r axcl_host && sudo modprobe axcl_host"},
                    .needs_root = true,
                    .risk = "loading the modules anew resets every AXERA card of the machine"};
  return fail(std::move(problem));
}

Verdict check_firmware_taken(const CheckContext& context) {
  return started(context, &FailedStart::firmware);
}

Verdict check_card_boots(const CheckContext& context) {
  return started(context, &FailedStart::handshake);
}

Verdict check_page_faults(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.cards.empty()) return skip("there is no AXERA card on the PCI bus");
  const host::KernelLog& log = context.kernel_log();
  if (!log.readable()) return cannot_tell("the kernel log cannot be read: " + log.why_not);
  Problem problem;
  // Other devices have page faults too. Older kernels leave out the domain: "device=01:00.0".
  for (const std::string& line : log.lines) {
    if (problem.evidence.size() == 2 || !contains(line, "IO_PAGE_FAULT")) continue;
    for (const Card& card : facts.cards)
      if (contains(line, card.function.address) ||
          contains(line, "device=" + card.function.address.substr(5) + " ")) {
        problem.evidence.push_back("kernel log: " + printable(line));
        break;
      }
  }
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

Verdict check_daemon_alive(const CheckContext& context) {
  return not_dead(context, Death::kDaemon);
}

Verdict check_not_suspended(const CheckContext& context) {
  return not_dead(context, Death::kSuspend);
}

Verdict check_not_overheated(const CheckContext& context) {
  return not_dead(context, Death::kHeat);
}

Verdict check_not_panicked(const CheckContext& context) {
  return not_dead(context, Death::kPanic);
}

Verdict check_bus_number_in_guest(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  auto text = context.machine().read_text("/proc/cpuinfo");
  if (!text || !contains(*text, " hypervisor")) return skip("this is no virtual machine");
  for (std::size_t i = 0; i < facts.cards.size(); ++i)
    if (facts.cards[i].state == CardState::kDead && !facts.cards[i].link_lost)
      return fail(
          Problem{.device = device_id(context, i),
                  .evidence = {facts.cards[i].state_evidence, "/proc/cpuinfo: flag hypervisor"}});
  return pass();
}

Verdict check_transfers_whole(const CheckContext& context) {
  return runtime_log_has(context, "look to power and cooling, and reboot the card: axcl-smi reboot",
                         "but 0 bytes sent", "recv dma size");
}

Verdict check_card_worker_alive(const CheckContext& context) {
  return runtime_log_has(context, "take a smaller model, fewer at once, or a card with 8 GB",
                         "Decode api(4) response failed");
}

Verdict check_npu_without_fault(const CheckContext& context) {
  return runtime_log_has(context, "reboot the card: axcl-smi reboot", "npu hard error",
                         "0x8030070c");
}

Verdict check_device_number_right(const CheckContext& context) {
  return runtime_log_has(context, "take the number from axclrtGetDeviceList, never 0, 1, 2",
                         "0x80300184");
}

}  // namespace anynpu::npu::axcl

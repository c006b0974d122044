// SPDX-License-Identifier: Apache-2.0
// Checks of AXERA's cards: hardware, kernel, driver, device nodes.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/axcl/check_functions.h"
#include "npu/axcl/facts.h"
#include "npu/remedies.h"

namespace anynpu::npu::axcl {
namespace {

constexpr const char* kPiConfig = "/boot/firmware/config.txt";
constexpr const char* kInstallLog = "/var/log/axclhost-install.log";
constexpr const char* kSecureBoot =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

constexpr std::string_view kNodeMatch = "KERNEL==\"axcl_host|msg_userdev|ax_mmb_dev\"";
// AXERA's package builds the modules when it is configured.
constexpr const char* kBuild = "sudo dpkg-reconfigure axclhost";

std::vector<std::string> all_nodes() {
  return {std::begin(kNodes), std::end(kNodes)};
}

Remedy load_all(const CheckContext& context) {
  return load_modules(context, {std::begin(kModules), std::end(kModules)});
}

std::string describe(const Card& card) {
  return fmt::format("/sys/bus/pci/devices/{}: 1f4b:{:04x}, {}", card.function.address,
                     card.function.device,
                     card.function.driver.empty() ? "no driver" : "driver " + card.function.driver);
}

// The premise of what is asked while the driver is not there.
Verdict without_driver(const Facts& facts) {
  if (facts.cards.empty()) return skip("there is no AXERA card on the PCI bus");
  if (facts.driver) return pass();
  return fail(
      Problem{.evidence = {describe(facts.cards.front()), "/sys/module/axcl_host: not there"}});
}

bool pi_config_says(const host::Machine& machine, std::string_view setting) {
  auto text = machine.read_text(kPiConfig);
  if (!text) return false;
  for (const std::string& line : split(*text, '\n'))
    if (trim(line) == setting) return true;
  return false;
}

}  // namespace

std::string device_id(const CheckContext& context, std::size_t index) {
  const auto devices = context.devices_of("axcl");
  return index < devices.size() ? devices[index]->id : "";
}

Verdict check_on_the_bus(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.cards.empty()) return pass();
  if (!facts.driver && !facts.sdk) return skip("no AXERA card and none of its software");
  if (context.container()) return skip("a container may have the software without the card");
  Problem problem{.evidence = {"/sys/bus/pci/devices: no 1f4b:0650",
                               facts.driver ? "/sys/module/axcl_host: there"
                                            : std::string(kLibraryFolder) + ": there"}};
  if (facts.pi5 && context.machine().exists(kPiConfig) &&
      !pi_config_says(context.machine(), "dtparam=pciex1")) {
    problem.evidence.push_back(std::string(kPiConfig) + ": no dtparam=pciex1");
    problem.cause = "the PCIe port of the Raspberry Pi is switched off";
    problem.remedy = {
        .text = "switch the PCIe port on and reboot",
        .commands = {fmt::format("echo dtparam=pciex1 | sudo tee -a {}", kPiConfig), "sudo reboot"},
        .needs_root = true,
        .needs_reboot = true};
  }
  return fail(std::move(problem));
}

Verdict check_pi_overlay(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.pi5) return skip("this is no Raspberry Pi 5");
  if (facts.cards.empty()) return skip("there is no AXERA card on the PCI bus");
  if (!facts.cards.front().function.driver.empty()) return pass();
  Problem problem{.evidence = {describe(facts.cards.front())}};
  for (const std::string& line :
       host::log_lines(context.kernel_log(), "Failed to get MSI interrupts", 1))
    problem.evidence.push_back("kernel log: " + printable(line));
  const bool overlay = pi_config_says(context.machine(), "dtoverlay=pciex1-compat-pi5,no-mip");
  if (overlay || (problem.evidence.size() < 2 && !context.machine().exists(kPiConfig)))
    return pass();
  problem.evidence.push_back(std::string(kPiConfig) + ": no dtoverlay=pciex1-compat-pi5,no-mip");
  problem.remedy = {
      .text = "load the overlay that maps the card's interrupts and memory, under [all]",
      .commands = {fmt::format(
                       "printf '[all]\\ndtoverlay=pciex1-compat-pi5,no-mip\\n' | sudo tee -a {}",
                       kPiConfig),
                   "sudo reboot"},
      .needs_root = true,
      .needs_reboot = true};
  return fail(std::move(problem));
}

Verdict check_sdk_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (facts.sdk || context.machine().exists("/usr/src/axcl")) return pass();
  if (context.container()) return skip("the driver is the host's");
  verdict.problems[0].evidence.push_back(std::string(kLibraryFolder) + ": not there");
  return verdict;
}

Verdict check_built_with_this_compiler(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  auto log = context.machine().read_text(kInstallLog);
  if (!log) return skip(std::string(kInstallLog) + " is not there");
  if (!contains(*log, "ftrivial-auto-var-init")) return pass();
  Problem& problem = verdict.problems[0];
  problem.evidence.push_back(std::string(kInstallLog) +
                             ": unrecognized option -ftrivial-auto-var-init=zero");
  problem.remedy = {.text = "install GCC 12 or later and install the package anew",
                    .commands = {"sudo apt-get install gcc-12", kBuild},
                    .needs_root = true};
  return verdict;
}

Verdict check_built_for_this_kernel(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (context.container()) return skip("a container does not see the host's modules");
  auto available = host::module_available(context.machine(), "axcl_host");
  if (!available) return cannot_tell(available.error().message);
  if (*available) return pass();
  Problem& problem = verdict.problems[0];
  problem.evidence.push_back(
      fmt::format("/lib/modules/{}: no axcl_host", host::kernel_release(context.machine())));
  problem.remedy = {.text = "build the modules for this kernel, and load them",
                    .commands = {"sudo apt-get install linux-headers-$(uname -r)", kBuild},
                    .needs_root = true};
  if (context.machine().exists("/var/lib/dkms/axcl"))
    problem.remedy.commands = {"sudo dkms autoinstall"};
  for (std::string& command : load_all(context).commands)
    problem.remedy.commands.push_back(std::move(command));
  return verdict;
}

Verdict check_secure_boot(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  auto state = context.machine().read_text(kSecureBoot, 64);
  if (!state) return pass();
  if (state->size() < 5 || (*state)[4] != 1) return pass();
  Problem& problem = verdict.problems[0];
  problem.evidence.emplace_back("SecureBoot of the EFI variables: 1");
  for (const std::string& line : host::log_lines(context.kernel_log(), "axcl", 20))
    if (contains(line, "rejected") || contains(line, "verification failed"))
      problem.evidence.push_back("kernel log: " + printable(line));
  return verdict;
}

Verdict check_module_loaded(const CheckContext& context) {
  Verdict verdict = without_driver(context.facts<Facts>());
  if (verdict.state != Verdict::State::kFail) return verdict;
  verdict.problems[0].remedy = load_all(context);
  return verdict;
}

Verdict check_driver_bound(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.driver || facts.cards.empty()) return skip("no card with its driver");
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < facts.cards.size(); ++i)
    if (facts.cards[i].function.driver.empty())
      problems.push_back({.device = device_id(context, i), .evidence = {describe(facts.cards[i])}});
  return fail(std::move(problems));
}

Verdict check_nodes_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.driver && !context.has("axcl")) return skip("the driver is not loaded");
  if (!facts.driver) return skip("the driver is not loaded");
  std::vector<std::string> missing;
  for (std::string_view node : kNodes)
    if (!context.machine().exists(std::string(node))) missing.emplace_back(node);
  if (missing.empty()) return pass();
  Problem problem;
  for (const std::string& node : missing) problem.evidence.push_back(node + ": not there");
  if (context.container()) {
    problem.evidence.push_back("in a container: " + context.container().evidence);
    problem.remedy = pass_devices(context, all_nodes());
    return fail(std::move(problem));
  }
  for (std::string_view name : kModules)
    if (!host::module(context.machine(), std::string(name)).present)
      problem.evidence.push_back(fmt::format("/sys/module/{}: not there", name));
  problem.remedy =
      problem.evidence.size() > missing.size() ? load_all(context) : make_nodes(context, missing);
  return fail(std::move(problem));
}

Verdict check_node_permission(const CheckContext& context) {
  std::vector<std::string> closed;
  for (std::string_view node : kNodes) {
    const std::string path(node);
    if (context.machine().exists(path) && !context.machine().may_open(path)) closed.push_back(path);
  }
  if (closed.empty())
    return context.machine().exists(std::string(kNodes[0])) ? pass() : skip("there is no node");
  Problem problem;
  for (const std::string& node : closed)
    problem.evidence.push_back(describe_node(context.machine(), node));
  if (context.container()) {
    problem.remedy = join_groups(context, all_nodes(), {kNodeMatch});
  } else {
    problem.remedy = {.text = "give the nodes the mode that AXERA's own rule gives them",
                      .commands = {fmt::format("echo '{}, MODE=\"0666\"' | sudo tee "
                                               "/etc/udev/rules.d/70-axcl.rules",
                                               kNodeMatch),
                                   "sudo udevadm control --reload && sudo udevadm trigger"},
                      .needs_root = true};
  }
  return fail(std::move(problem));
}

Verdict check_device_not_volume(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!context.container()) return skip("this is no container");
  if (!facts.refused) return pass();
  if (facts.refused->system_errno != EPERM) return pass();
  return fail(
      Problem{.evidence = {"/dev/axcl_host: open ends with EPERM although its mode allows it"},
              .remedy = pass_devices(context, all_nodes())});
}

Verdict check_driver_answers(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.refused) return facts.listed ? pass() : skip("the driver was not asked");
  if (facts.refused->code != Code::kTimeout) return pass();
  Problem problem{.evidence = {"/dev/axcl_host: no answer: " + facts.refused->message}};
  for (const std::string& name : context.machine().list("/proc")) {
    if (name.empty() || name[0] < '0' || name[0] > '9') continue;
    auto wait = context.machine().read_text("/proc/" + name + "/wchan", 256);
    if (!wait || (!contains(*wait, "axcl") && !contains(*wait, "ax_pcie"))) continue;
    auto command = context.machine().read_text("/proc/" + name + "/comm", 64);
    problem.evidence.push_back(fmt::format("process {} ({}) waits in {}", name,
                                           command ? printable(trim(*command)) : "?",
                                           printable(trim(*wait))));
  }
  return fail(std::move(problem));
}

Verdict check_cards_listed(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.listed) return skip("the driver was not asked");
  if (*facts.listed != 0) return pass();
  return fail(Problem{.evidence = {"/dev/axcl_host: the driver lists no card"}});
}

Verdict check_link_speed(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.cards.empty()) return skip("there is no AXERA card on the PCI bus");
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < facts.cards.size(); ++i) {
    if (facts.cards[i].link_lost) continue;
    const std::string folder = "/sys/bus/pci/devices/" + facts.cards[i].function.address;
    const std::string now = first_line(context.machine(), folder + "/current_link_speed");
    const std::string most = first_line(context.machine(), folder + "/max_link_speed");
    if (now.empty() || most.empty() || now == most) continue;
    if (std::strtod(now.c_str(), nullptr) >= std::strtod(most.c_str(), nullptr)) continue;
    problems.push_back({.device = device_id(context, i),
                        .evidence = {folder + "/current_link_speed: " + now,
                                     folder + "/max_link_speed: " + most}});
  }
  return fail(std::move(problems));
}

}  // namespace anynpu::npu::axcl

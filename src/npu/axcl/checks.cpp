// SPDX-License-Identifier: Apache-2.0
// What is known to go wrong with AXERA's PCIe cards.
#include "npu/axcl/checks.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/axcl/facts.h"
#include "npu/log_rule.h"
#include "npu/remedies.h"

namespace anynpu::npu::axcl {
namespace {

constexpr std::string_view kFamily = "axcl";
constexpr const char* kPiConfig = "/boot/firmware/config.txt";
constexpr const char* kInstallLog = "/var/log/axclhost-install.log";
constexpr const char* kSecureBoot =
    "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
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

std::string device_id(const CheckContext& context, std::size_t index) {
  const auto devices = context.devices_of("axcl");
  return index < devices.size() ? devices[index]->id : "";
}

bool pi_config_says(const host::Machine& machine, std::string_view setting) {
  auto text = machine.read_text(kPiConfig);
  if (!text) return false;
  for (const std::string& line : split(*text, '\n'))
    if (trim(line) == setting) return true;
  return false;
}

Verdict on_the_bus(const CheckContext& context) {
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

Verdict pi_overlay(const CheckContext& context) {
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

Verdict sdk_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (facts.sdk || context.machine().exists("/usr/src/axcl")) return pass();
  if (context.container()) return skip("the driver is the host's");
  verdict.problems[0].evidence.push_back(std::string(kLibraryFolder) + ": not there");
  return verdict;
}

Verdict built_with_this_compiler(const CheckContext& context) {
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
                    .commands = {"sudo apt-get install gcc-12", "sudo apt-get reinstall axclhost"},
                    .needs_root = true};
  return verdict;
}

Verdict built_for_this_kernel(const CheckContext& context) {
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
                    .commands = {"sudo apt-get install linux-headers-$(uname -r)",
                                 "sudo apt-get reinstall axclhost", "sudo modprobe axcl_host"},
                    .needs_root = true};
  if (context.machine().exists("/var/lib/dkms/axcl"))
    problem.remedy.commands = {"sudo dkms autoinstall", "sudo modprobe axcl_host"};
  return verdict;
}

Verdict secure_boot(const CheckContext& context) {
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

Verdict module_loaded(const CheckContext& context) {
  Verdict verdict = without_driver(context.facts<Facts>());
  if (verdict.state != Verdict::State::kFail) return verdict;
  verdict.problems[0].remedy = load_module(context, "axcl_host");
  return verdict;
}

Verdict driver_bound(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.driver || facts.cards.empty()) return skip("no card with its driver");
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < facts.cards.size(); ++i)
    if (facts.cards[i].function.driver.empty())
      problems.push_back({.device = device_id(context, i), .evidence = {describe(facts.cards[i])}});
  return fail(std::move(problems));
}

Verdict nodes_there(const CheckContext& context) {
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
    problem.remedy = pass_devices(context, {kNodes[0].data(), kNodes[1].data(), kNodes[2].data()});
  } else {
    problem.remedy = {.text = "let udev make the nodes again",
                      .commands = {"sudo udevadm control --reload && sudo udevadm trigger"},
                      .needs_root = true};
  }
  return fail(std::move(problem));
}

Verdict node_permission(const CheckContext& context) {
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
    problem.remedy = join_group(context, closed[0], "");
  } else {
    problem.remedy = {
        .text = "give the nodes the mode that AXERA's own rule gives them",
        .commands =
            {"echo 'KERNEL==\"axcl_host|msg_userdev|ax_mmb_dev\", MODE=\"0666\"' | sudo tee "
             "/etc/udev/rules.d/70-axcl.rules",
             "sudo udevadm control --reload && sudo udevadm trigger"},
        .needs_root = true};
  }
  return fail(std::move(problem));
}

Verdict device_not_volume(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!context.container()) return skip("this is no container");
  if (!facts.refused) return pass();
  if (facts.refused->system_errno != EPERM) return pass();
  return fail(Problem{
      .evidence = {"/dev/axcl_host: open ends with EPERM although its mode allows it"},
      .remedy = pass_devices(context, {kNodes[0].data(), kNodes[1].data(), kNodes[2].data()})});
}

Verdict driver_answers(const CheckContext& context) {
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

Verdict cards_listed(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.listed) return skip("the driver was not asked");
  if (*facts.listed != 0) return pass();
  return fail(Problem{.evidence = {"/dev/axcl_host: the driver lists no card"}});
}

Verdict firmware_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.cards.empty()) return skip("there is no AXERA card on the PCI bus");
  if (context.container()) return skip("a container does not see the host's firmware");
  if (!facts.driver) return skip("the driver is not loaded");
  if (context.machine().exists(kFirmware)) return pass();
  Problem problem{.evidence = {std::string(kFirmware) + ": not there"}};
  for (const std::string& line : host::log_lines(context.kernel_log(), "Patch file not found", 1))
    problem.evidence.push_back("kernel log: " + printable(line));
  problem.remedy = {.text = "install the firmware, then load the modules anew",
                    .commands = {"sudo apt-get install --reinstall axclhost",
                                 "sudo modprobe -r axcl_host && sudo modprobe axcl_host"},
                    .needs_root = true,
                    .risk = "loading the modules anew resets every AXERA card of the machine"};
  return fail(std::move(problem));
}

// Which of the four ways a dead card died.
enum class Death { kDaemon, kSuspend, kHeat, kPanic };

Death death_of(const CheckContext& context, const Card& card) {
  if (!card.link_lost) return Death::kDaemon;
  const auto& lines = context.kernel_log().lines;
  for (const std::string& line : lines) {
    if (contains(line, ": dead!")) break;
    if (contains(line, "PM: suspend entry")) return Death::kSuspend;
  }
  auto path = context.machine().read_text("/proc/ax_proc/pcie/sysdump/path", 256);
  for (const std::string& name :
       context.machine().list(path ? std::string(trim(*path)) : std::string("/opt")))
    if (contains(name, "sysdump") || contains(name, "vmcore")) return Death::kPanic;
  return Death::kHeat;
}

Verdict not_dead(const CheckContext& context, Death death) {
  const Facts& facts = context.facts<Facts>();
  std::vector<Problem> problems;
  for (std::size_t i = 0; i < facts.cards.size(); ++i) {
    const Card& card = facts.cards[i];
    if (card.state != CardState::kDead || death_of(context, card) != death) continue;
    Problem problem{.device = device_id(context, i), .evidence = {card.state_evidence}};
    problem.evidence.push_back(
        fmt::format("/sys/bus/pci/devices/{}/config: {}", card.function.address,
                    card.link_lost ? "all ones, the link is gone" : "the link is there"));
    if (death == Death::kDaemon)
      problem.remedy = {.text = "reboot this one card",
                        .commands = {fmt::format("sudo anynpu recover {} --apply", problem.device)},
                        .needs_root = true};
    problems.push_back(std::move(problem));
  }
  if (facts.cards.empty()) return skip("there is no AXERA card on the PCI bus");
  return fail(std::move(problems));
}

Verdict daemon_alive(const CheckContext& context) {
  return not_dead(context, Death::kDaemon);
}
Verdict not_suspended(const CheckContext& context) {
  return not_dead(context, Death::kSuspend);
}
Verdict not_overheated(const CheckContext& context) {
  return not_dead(context, Death::kHeat);
}
Verdict not_panicked(const CheckContext& context) {
  return not_dead(context, Death::kPanic);
}

Verdict bus_number_in_guest(const CheckContext& context) {
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

Verdict link_speed(const CheckContext& context) {
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

std::vector<host::FoundLibrary> runtimes(const CheckContext& context) {
  static constexpr std::string_view kFolders[] = {"/usr/lib/axcl"};
  return host::find_library(context.machine(), "libaxcl_rt.so", kFolders);
}

Verdict library_there(const CheckContext& context) {
  if (!context.has("axcl")) return skip("there is no AXERA card");
  if (!runtimes(context).empty()) return pass();
  Problem problem{.evidence = {"libaxcl_rt.so: in no folder of the loader, not in /usr/lib/axcl"}};
  if (context.container())
    problem.remedy = {.text =
                          "mount the host's library folder into the container, so that both are "
                          "of one SDK",
                      .commands = {"docker run -v /usr/lib/axcl:/usr/lib/axcl:ro -v "
                                   "/usr/bin/axcl:/usr/bin/axcl:ro ..."}};
  return fail(std::move(problem));
}

Verdict library_for_this_processor(const CheckContext& context) {
  auto found = runtimes(context);
  if (found.empty()) return skip("the library is not there");
  auto facts = context.machine().elf(found[0].path);
  if (!facts) return cannot_tell(facts.error().message);
  if (facts->architecture == context.machine().architecture()) return pass();
  return fail(
      Problem{.evidence = {fmt::format("{}: for {}, this machine is {}", found[0].path,
                                       facts->architecture, context.machine().architecture())}});
}

Verdict library_folder_known(const CheckContext& context) {
  auto found = runtimes(context);
  if (found.empty()) return skip("the library is not there");
  if (!found[0].path.starts_with(kLibraryFolder)) return pass();
  const host::Machine& machine = context.machine();
  if (contains(host::environment_variable(machine, "LD_LIBRARY_PATH"), kLibraryFolder))
    return pass();
  for (const std::string& name : machine.list("/etc/ld.so.conf.d")) {
    auto text = machine.read_text("/etc/ld.so.conf.d/" + name);
    if (text && contains(*text, kLibraryFolder)) return pass();
  }
  return fail(Problem{
      .evidence = {found[0].path + ": there", "/etc/ld.so.conf.d: no file names /usr/lib/axcl"},
      .remedy = {.text = "tell the loader of the folder: the library's own parts lie there too",
                 .commands = {"echo /usr/lib/axcl | sudo tee /etc/ld.so.conf.d/axcl.conf",
                              "sudo ldconfig"},
                 .needs_root = true}});
}

Verdict library_complete(const CheckContext& context) {
  auto found = runtimes(context);
  if (found.empty()) return skip("the library is not there");
  static constexpr std::string_view kFolders[] = {"/usr/lib/axcl"};
  Problem problem;
  for (const std::string& part : {std::string("libaxcl_rt.so"), std::string("libaxcl_logger.so")}) {
    auto here = host::find_library(context.machine(), part, kFolders);
    if (here.empty()) continue;
    auto facts = context.machine().elf(here[0].path);
    if (!facts) continue;
    for (const std::string& needed : facts->needed)
      if ((needed.starts_with("libspdlog") || needed.starts_with("libaxcl")) &&
          host::find_library(context.machine(), needed, kFolders).empty())
        problem.evidence.push_back(here[0].path + ": needs " + needed + ", which is nowhere");
  }
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

// Words in the runtime's own log on the host.
Verdict runtime_log_has(const CheckContext& context, std::string_view first,
                        std::string_view second = {}) {
  if (!context.has("axcl")) return skip("there is no AXERA card");
  auto text = context.machine().read_text(kRuntimeLog);
  if (!text) return skip(std::string(kRuntimeLog) + " cannot be read");
  Problem problem;
  for (const std::string& line : split(*text, '\n')) {
    if (!contains(line, first) && (second.empty() || !contains(line, second))) continue;
    problem.evidence = {std::string(kRuntimeLog) + ": " + printable(line)};  // the last one
  }
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

Verdict transfers_whole(const CheckContext& context) {
  return runtime_log_has(context, "but 0 bytes sent", "recv dma size");
}
Verdict card_worker_alive(const CheckContext& context) {
  return runtime_log_has(context, "Decode api(4) response failed");
}
Verdict npu_without_fault(const CheckContext& context) {
  return runtime_log_has(context, "npu hard error", "0x8030070c");
}
Verdict device_number_right(const CheckContext& context) {
  return runtime_log_has(context, "0x80300184");
}

constexpr LogRule kBar{kFamily, {"Not enough PCI address space for a large BAR"}};
constexpr LogRule kShmem{kFamily, {"alloc shmem space fail in master"}};
constexpr LogRule kFirmwareLoad{kFamily, {"firmware load failed", "[STATUS]: FAILED"}};
constexpr LogRule kHandshake{kFamily, {"Handshake timeout!"}};
constexpr LogRule kPorts{
    kFamily, {"axcl pcie req port failed", "slave port create failed", "Recv port ack timeout"}};
constexpr LogRule kPageFault{kFamily, {"IO_PAGE_FAULT"}};

constexpr std::string_view kNeedsBuild[] = {"AX-SDK-MISSING", "AX-BUILD-GCC"};
constexpr std::string_view kNeedsModule[] = {"AX-SDK-MISSING", "AX-BUILD-GCC", "AX-MODULE-BUILD",
                                             "AX-SECURE-BOOT"};
constexpr std::string_view kNeedsSecure[] = {"AX-SDK-MISSING", "AX-BUILD-GCC", "AX-MODULE-BUILD"};
constexpr std::string_view kNeedsSdk[] = {"AX-SDK-MISSING"};
constexpr std::string_view kNeedsDriver[] = {"AX-PI-OVERLAY", "AX-BAR-SPACE", "AX-SHMEM"};
constexpr std::string_view kNeedsFirmware[] = {"AX-FW-MISSING"};
constexpr std::string_view kNeedsBoot[] = {"AX-FW-MISSING", "AX-FW-LOAD"};
constexpr std::string_view kNeedsCards[] = {"AX-PI-OVERLAY", "AX-BAR-SPACE",   "AX-SHMEM",
                                            "AX-NOT-BOUND",  "AX-PCI-MISSING", "AX-FW-MISSING",
                                            "AX-FW-LOAD",    "AX-HANDSHAKE"};
constexpr std::string_view kNeedsLife[] = {"AX-FW-MISSING", "AX-FW-LOAD", "AX-HANDSHAKE",
                                           "AX-VM-BUS"};
constexpr std::string_view kNeedsAlive[] = {"AX-FW-MISSING", "AX-FW-LOAD",     "AX-HANDSHAKE",
                                            "AX-VM-BUS",     "AX-DEAD-DAEMON", "AX-DEAD-SUSPEND",
                                            "AX-DEAD-HEAT",  "AX-DEAD-PANIC"};
constexpr std::string_view kNeedsNodes[] = {"AX-NODES-MISSING"};
constexpr std::string_view kNeedsPermission[] = {"AX-NODES-MISSING", "AX-NODE-PERM"};
constexpr std::string_view kNeedsLibrary[] = {"AX-SDK-MISSING", "AX-LIB-MISSING"};
constexpr std::string_view kNeedsFolder[] = {"AX-LIB-MISSING", "AX-LIB-PATH", "AX-LIB-ARCH"};

constexpr std::string_view kPiLinks[] = {"https://github.com/AXERA-TECH/axcl-samples/issues/5"};
constexpr std::string_view kMemoryLinks[] = {"https://github.com/AXERA-TECH/ax-llm/issues/21"};

}  // namespace

std::span<const Check> checks() {
  static constexpr Check kChecks[] = {
      {.id = "AX-PCI-MISSING",
       .family = kFamily,
       .layer = Layer::kHardware,
       .title = "The card is on the PCI bus",
       .symptom = "no 1f4b:0650 in lspci; 0x80300181 no device connected",
       .cause = "the card's software is here, and the card is not on the PCI bus: power, slot or "
                "port",
       .fix =
           "look to the power supply (M.2 boards for the Raspberry Pi: 9 V and 3 A), seat the card "
           "again, start from cold",
       .run = on_the_bus},
      {.id = "AX-PI-OVERLAY",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The Raspberry Pi 5 maps the card's interrupts",
       .symptom = "Failed to get MSI interrupts; 0x80300181 no device connected",
       .cause = "the Raspberry Pi's own interrupt controller does not fit the card",
       .fix = "dtoverlay=pciex1-compat-pi5,no-mip under [all] in config.txt, and reboot",
       .links = kPiLinks,
       .run = pi_overlay},
      {.id = "AX-BAR-SPACE",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The bridge has room for the card's memory",
       .symptom = "Not enough PCI address space for a large BAR",
       .cause = "the PCI bridge's window is too small for the card's memory",
       .fix = "\"above 4G decoding\" in the firmware set-up, or pci=realloc on the command line",
       .run = in_log<kBar>},
      {.id = "AX-SHMEM",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver gets its shared memory",
       .symptom = "alloc shmem space fail in master",
       .cause = "the host's memory is too fragmented for the driver's large buffer",
       .fix = "load the modules at boot (modules-load.d), or reboot",
       .run = in_log<kShmem>},
      {.id = "AX-SDK-MISSING",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "AXERA's host software is installed",
       .symptom = "the card is in lspci and nothing uses it",
       .cause = "the card is here, and neither its driver nor its runtime is installed",
       .fix = "install AXERA's package axclhost for this machine",
       .run = sdk_there},
      {.id = "AX-BUILD-GCC",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver could be built with this machine's compiler",
       .symptom = "unrecognized command-line option -ftrivial-auto-var-init=zero",
       .cause = "the kernel was built with a newer compiler than this machine's, and the driver's "
                "build failed",
       .fix = "install GCC 12 or later and the package anew",
       .depends_on = kNeedsSdk,
       .run = built_with_this_compiler},
      {.id = "AX-MODULE-BUILD",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver was built for the kernel that runs",
       .symptom = "modprobe: FATAL: Module axcl_host not found; 0x8030010b",
       .cause =
           "the driver's modules were built for another kernel: AXERA's package builds them once, "
           "and a kernel update leaves them behind",
       .fix = "install the package anew (or dkms autoinstall), then modprobe axcl_host",
       .depends_on = kNeedsBuild,
       .run = built_for_this_kernel},
      {.id = "AX-SECURE-BOOT",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "Secure Boot lets the driver in",
       .symptom = "modprobe: ERROR: could not insert 'axcl_host': Key was rejected by service",
       .cause = "Secure Boot is on, and the driver's modules are not signed",
       .fix = "sign the modules with a key of this machine (mokutil), or switch Secure Boot off",
       .depends_on = kNeedsSecure,
       .run = secure_boot},
      {.id = "AX-MODULE-NOT-LOADED",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver's module is loaded",
       .symptom = "open /dev/axcl_host fail, errno: 2; 0x8030010b",
       .cause = "the module axcl_host is there and not loaded",
       .fix = "sudo modprobe axcl_host",
       .depends_on = kNeedsModule,
       .run = module_loaded},
      {.id = "AX-NOT-BOUND",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver takes the card",
       .symptom = "the modules are loaded, and lspci shows no driver in use",
       .cause = "the driver did not take the card; the kernel log says why: dmesg | grep -i ax",
       .fix = "look for its last lines in the kernel log, then start the machine from cold",
       .depends_on = kNeedsDriver,
       .run = driver_bound},
      {.id = "AX-FW-MISSING",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The card's firmware is on the host",
       .symptom = "Patch file not found axcl/ax650_card.pac; [STATUS]: FAILED[-2]",
       .cause = "the card's firmware, which the host pushes to it, is not installed",
       .fix = "install axclhost (Radxa: axclhost-firmware) and load the modules anew",
       .run = firmware_there},
      {.id = "AX-FW-LOAD",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The card takes its firmware",
       .symptom = "[STATUS]: FAILED; Device 4 firmware load failed",
       .cause = "the card did not take its firmware",
       .fix = "take the power from the card for ten seconds; then install the package anew",
       .depends_on = kNeedsFirmware,
       .run = in_log<kFirmwareLoad>},
      {.id = "AX-HANDSHAKE",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The card boots",
       .symptom = "[step0]: Handshake timeout!; modprobe takes minutes",
       .cause = "the card took its firmware and did not boot: power, or an old boot loader on it",
       .fix = "take the power from the card; look to its supply; update its boot loader "
              "(axcl_spl_update)",
       .depends_on = kNeedsBoot,
       .run = in_log<kHandshake>},
      {.id = "AX-VM-BUS",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The card has its own bus number in the virtual machine",
       .symptom = "device 4: dead! as soon as the driver is loaded",
       .cause = "in this virtual machine the card has another bus number than on the host, so that "
                "its heartbeats are thrown away",
       .fix = "give the card the host's bus number in the virtual machine",
       .depends_on = kNeedsBoot,
       .run = bus_number_in_guest},
      {.id = "AX-DEAD-DAEMON",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The daemon on the card is alive",
       .symptom = "device 4: dead!, and the link is fine",
       .cause = "the daemon on the card has crashed; the card itself is there",
       .fix = "reboot this one card: axcl-smi reboot",
       .depends_on = kNeedsLife,
       .run = daemon_alive},
      {.id = "AX-DEAD-SUSPEND",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The host has not suspended with the card",
       .symptom = "device 4: dead! after a night",
       .cause = "the host was suspended, and the card does not live through that",
       .fix = "take the power from the machine; keep it from suspending: sudo systemctl mask "
              "sleep.target suspend.target",
       .depends_on = kNeedsLife,
       .run = not_suspended},
      {.id = "AX-DEAD-HEAT",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The card has not switched itself off",
       .symptom = "device 4: dead! under load, the card's registers read as ones",
       .cause = "the card is gone from the link under load: most likely it was over 120 °C and "
                "switched itself off",
       .fix = "cool the card, then take the power from the machine",
       .depends_on = kNeedsLife,
       .run = not_overheated},
      {.id = "AX-DEAD-PANIC",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The card's own kernel has not crashed",
       .symptom = "device 4: dead!, and a dump of the card's memory was written",
       .cause = "the kernel on the card has crashed",
       .fix = "keep the dump for AXERA, then take the power from the machine",
       .depends_on = kNeedsLife,
       .run = not_panicked},
      {.id = "AX-NODES-MISSING",
       .family = kFamily,
       .layer = Layer::kNode,
       .title = "All three nodes are there",
       .symptom = "a probe of the card works, and running a model fails",
       .cause =
           "the runtime needs /dev/axcl_host, /dev/msg_userdev and /dev/ax_mmb_dev, and not all "
           "are there",
       .fix = "pass all three nodes into the container",
       .run = nodes_there},
      {.id = "AX-NODE-PERM",
       .family = kFamily,
       .layer = Layer::kPermission,
       .title = "The user may open the nodes",
       .symptom = "open /dev/axcl_host fail, errno: 13; 0x8030010b",
       .cause = "this user may not open the driver's nodes",
       .fix = "install AXERA's udev rule, which gives them mode 0666",
       .depends_on = kNeedsNodes,
       .run = node_permission},
      {.id = "AX-NODE-VOLUME",
       .family = kFamily,
       .layer = Layer::kContainer,
       .title = "The container has the right to the nodes, and not only the nodes",
       .symptom = "open /dev/axcl_host fail, errno: 1",
       .cause =
           "the nodes were mounted as volumes: that gives the file without the right to open it",
       .fix = "pass them as devices",
       .depends_on = kNeedsPermission,
       .run = device_not_volume},
      {.id = "AX-DRIVER-HUNG",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver answers",
       .symptom = "programs hang in open(), not even SIGKILL ends them",
       .cause =
           "the driver's one lock is held by a program that waits for a sick card (up to 50 s, "
           "again and again)",
       .fix = "wait for it to end, then reboot the card that does not answer: axcl-smi reboot",
       .run = driver_answers},
      {.id = "AX-NO-CARDS",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver lists the card",
       .symptom = "0x80300181 no device connected",
       .cause = "the driver is loaded and lists no card",
       .fix = "start the machine from cold; look for the driver's lines in the kernel log",
       .depends_on = kNeedsCards,
       .run = cards_listed},
      {.id = "AX-PORTS",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The card gives out ports",
       .symptom = "0x80300186; request ports from device fail; Recv port ack timeout",
       .cause =
           "the card's daemon hangs, or its 128 ports were used up by programs that were killed",
       .fix = "end the programs on the card; then reboot it: axcl-smi reboot",
       .depends_on = kNeedsAlive,
       .run = in_log<kPorts>},
      {.id = "AX-IOMMU-FAULT",
       .family = kFamily,
       .layer = Layer::kKernel,
       .severity = Severity::kDegraded,
       .title = "The IOMMU lets the card's transfers through",
       .symptom = "AMD-Vi: Event logged [IO_PAGE_FAULT ...]",
       .cause = "an SDK older than 3.4.0 uses physical addresses, which the IOMMU refuses",
       .fix = "SDK 3.4.0 or later, or iommu=pt on the kernel's command line",
       .run = in_log<kPageFault>},
      {.id = "AX-LINK-SLOW",
       .family = kFamily,
       .layer = Layer::kHardware,
       .severity = Severity::kDegraded,
       .title = "The link to the card runs at its full speed",
       .symptom = "transfers take twice as long as they should",
       .cause = "the PCIe link to the card runs slower than the card can",
       .fix = "seat the card and its cable again; Raspberry Pi: dtparam=pciex1_gen=2",
       .run = link_speed},
      {.id = "AX-LIB-MISSING",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .title = "AXERA's runtime is installed",
       .symptom = "libaxcl_rt.so: cannot open shared object file",
       .cause = "AXERA's runtime library is not installed",
       .fix = "install axclhost; in a container mount /usr/lib/axcl from the host",
       .depends_on = kNeedsSdk,
       .run = library_there},
      {.id = "AX-LIB-ARCH",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .title = "The runtime is for this processor",
       .symptom = "wrong ELF class; cannot open shared object file",
       .cause = "AXERA's runtime library is for another processor",
       .fix = "install the package for this machine's architecture",
       .depends_on = kNeedsLibrary,
       .run = library_for_this_processor},
      {.id = "AX-LIB-PATH",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .title = "The loader knows the runtime's folder",
       .symptom = "libaxcl_pkg.so: cannot open shared object file",
       .cause =
           "/usr/lib/axcl is not among the loader's folders, and the runtime's parts lie there",
       .fix = "echo /usr/lib/axcl > /etc/ld.so.conf.d/axcl.conf; ldconfig",
       .depends_on = kNeedsLibrary,
       .run = library_folder_known},
      {.id = "AX-LIB-PARTS",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .title = "The runtime has all its parts",
       .symptom = "libspdlog.so.1.14: cannot open shared object file",
       .cause = "a library that AXERA's runtime needs is nowhere",
       .fix = "install axclhost anew; in a container mount the whole of /usr/lib/axcl",
       .depends_on = kNeedsFolder,
       .run = library_complete},
      {.id = "AX-TRANSFER",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .severity = Severity::kDegraded,
       .title = "Transfers to the card are whole",
       .symptom = "send N bytes, but 0 bytes sent; recv dma size X is not equal to Y",
       .cause = "the link or the card broke off while it was in use",
       .fix = "look to power and cooling; then reboot the card: axcl-smi reboot",
       .depends_on = kNeedsAlive,
       .run = transfers_whole},
      {.id = "AX-WORKER-DIED",
       .family = kFamily,
       .layer = Layer::kModel,
       .severity = Severity::kDegraded,
       .title = "The card had memory for each model",
       .symptom = "Decode api(4) response failed; AX_ENGINE_CreateHandle",
       .cause =
           "the worker on the card died while it loaded a model, most likely for want of memory",
       .fix = "a smaller model, fewer models at once, or a card with 8 GB",
       .links = kMemoryLinks,
       .depends_on = kNeedsAlive,
       .run = card_worker_alive},
      {.id = "AX-NPU-FAULT",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .severity = Severity::kDegraded,
       .title = "The card's NPU has had no fault",
       .symptom = "npu hard error, please reset npu; 0x8030070c",
       .cause = "the NPU on the card reported a hardware fault",
       .fix = "reboot the card: axcl-smi reboot",
       .depends_on = kNeedsAlive,
       .run = npu_without_fault},
      {.id = "AX-DEVICE-ID",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .severity = Severity::kNote,
       .title = "Programs name the card by its bus number",
       .symptom = "0x80300184",
       .cause =
           "a program named the card by its index; the runtime's number of a card is its PCI bus "
           "number",
       .fix = "take the number from axclrtGetDeviceList, never 0, 1, 2",
       .run = device_number_right},
  };
  return kChecks;
}

}  // namespace anynpu::npu::axcl

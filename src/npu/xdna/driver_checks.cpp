// SPDX-License-Identifier: Apache-2.0
// Checks of Ryzen AI NPUs: hardware, kernel, driver, firmware.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/log_rule.h"
#include "npu/remedies.h"
#include "npu/xdna/abi.h"
#include "npu/xdna/check_functions.h"
#include "npu/xdna/facts.h"

namespace anynpu::npu::xdna {
namespace {

std::string describe(const PciFunction& function) {
  return fmt::format("/sys/bus/pci/devices/{}: {:04x}:{:04x}, {}", function.address,
                     function.vendor, function.device,
                     function.driver.empty() ? "no driver" : "driver " + function.driver);
}

constexpr LogRule kProtocol{
    "xdna", {"Incompatible firmware protocol", "firmware is not alive"}, true};
constexpr LogRule kMailboxMagic{"xdna", {"Invalid mbox magic"}, true};

// The premise of what is asked of a function that no driver has taken.
Verdict without_driver(const Facts& facts) {
  if (facts.functions.empty()) return skip("there is no Ryzen AI NPU on the PCI bus");
  if (facts.bound) return pass();
  return fail(Problem{.evidence = {describe(facts.functions.front())}});
}

// Processors that have an NPU, by the words of their model names (AMD's product pages).
bool processor_has_npu(std::string_view model) {
  if (contains(model, "Ryzen AI ")) return true;
  constexpr std::array<std::string_view, 12> kNumbers = {" 7640", " 7840",  " 7940",  " 8640",
                                                         " 8645", " 8840",  " 8845",  " 8940",
                                                         " 8945", " 8600G", " 8700G", " 8745"};
  return contains(model, "Ryzen") &&
         std::any_of(kNumbers.begin(), kNumbers.end(),
                     [&](auto number) { return contains(model, number); });
}

}  // namespace

Verdict check_on_the_bus(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.functions.empty()) return pass();
  if (context.machine().architecture() != "x86_64") return skip("this is no PC");
  if (facts.virtual_machine) return skip("a virtual machine has the devices that it was given");
  auto text = context.machine().read_text("/proc/cpuinfo");
  if (!text) return cannot_tell(text.error().message);
  std::string model;
  for (const std::string& line : split(*text, '\n'))
    if (line.starts_with("model name")) {
      model = trim(line.substr(line.find(':') + 1));
      break;
    }
  if (!processor_has_npu(model)) return skip("the processor has no NPU that is known");
  if (pci_functions(context.machine()).empty()) return skip("the PCI bus cannot be seen from here");
  return fail(Problem{.evidence = {"/proc/cpuinfo: " + printable(model),
                                   "/sys/bus/pci/devices: no 1022:1502 and no 1022:17f0"}});
}

Verdict check_bare_metal(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (!facts.virtual_machine) return pass();
  verdict.problems[0].evidence.emplace_back("/proc/cpuinfo: flag hypervisor");
  return verdict;
}

Verdict check_iommu_on_command_line(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.functions.empty()) return skip("there is no Ryzen AI NPU on the PCI bus");
  for (std::string_view word : {"amd_iommu=off", "iommu=off"})
    for (const std::string& given : split(facts.command_line, ' '))
      if (given == word) {
        Problem problem{.evidence = {"/proc/cmdline: " + given}};
        problem.remedy = {
            .text = fmt::format("take {} off the kernel's command line and reboot", word),
            .needs_root = true,
            .needs_reboot = true};
        if (context.distribution().id == "nixos")
          problem.remedy.commands = {fmt::format("remove \"{}\" from boot.kernelParams", word),
                                     "sudo nixos-rebuild boot && sudo reboot"};
        else if (context.distribution().id == "fedora")
          problem.remedy.commands = {
              fmt::format("sudo grubby --update-kernel=ALL --remove-args={}", word), "sudo reboot"};
        else
          problem.remedy.commands = {
              fmt::format("sudo sed -i 's/ *{}//' /etc/default/grub && sudo update-grub", word),
              "sudo reboot"};
        return fail(std::move(problem));
      }
  return pass();
}

Verdict check_iommu_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.functions.empty()) return skip("there is no Ryzen AI NPU on the PCI bus");
  auto units = context.machine().names("/sys/class/iommu");
  if (units && !units->empty()) return pass();
  if (!units && units.error().code != Code::kNotFound) return cannot_tell(units.error().message);
  return fail(Problem{.evidence = {"/sys/class/iommu: empty", describe(facts.functions.front())}});
}

Verdict check_kernel_new_enough(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  auto enough = host::kernel_at_least(context.machine(), 6, 14);
  if (!enough) return cannot_tell("the kernel's version cannot be read");
  if (*enough || facts.driver) return pass();
  // AMD's own module serves kernels from 6.10 on.
  auto available = host::module_available(context.machine(), "amdxdna");
  if (available && *available) return pass();
  Problem& problem = verdict.problems[0];
  problem.evidence.push_back("kernel " + host::kernel_release(context.machine()));
  problem.remedy = newer_pc_kernel(context, "install a kernel that has the driver, and reboot");
  return verdict;
}

Verdict check_kernel_has_driver(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (facts.driver) return pass();
  if (context.container()) return skip("a container does not see the host's modules");
  auto available = host::module_available(context.machine(), "amdxdna");
  if (!available) return cannot_tell(available.error().message);
  if (*available) return pass();
  Problem& problem = verdict.problems[0];
  problem.evidence.push_back(
      fmt::format("/lib/modules/{}: no amdxdna", host::kernel_release(context.machine())));
  auto option = host::kernel_option(context.machine(), "CONFIG_DRM_ACCEL_AMDXDNA");
  if (option && option->value.empty())
    problem.evidence.push_back(option->source + ": CONFIG_DRM_ACCEL_AMDXDNA is not set");
  constexpr const char* kText =
      "use a kernel of the generic flavour, which has the driver, and reboot";
  problem.remedy = {.text = kText, .needs_root = true, .needs_reboot = true};
  if (is_debian(context))
    problem.remedy = newer_pc_kernel(context, kText);
  else if (context.distribution().id == "ubuntu")
    problem.remedy.commands = {"sudo apt-get install linux-modules-extra-$(uname -r)",
                               "sudo modprobe amdxdna"};
  return verdict;
}

Verdict check_after_reset(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.functions.empty()) return skip("there is no Ryzen AI NPU on the PCI bus");
  const host::KernelLog& log = context.kernel_log();
  if (!log.readable()) return cannot_tell("the kernel log cannot be read: " + log.why_not);
  constexpr std::array<std::string_view, 1> kStartedAnew = {"Initialized amdxdna"};
  Problem problem;
  // The PCI core's words, which it has for every device.
  for (const std::string& line : lines_since(log, kStartedAnew, "after FLR; giving up", 10))
    for (const PciFunction& function : facts.functions)
      if (contains(line, function.address))
        problem.evidence.push_back("kernel log: " + printable(line));
  return problem.evidence.empty() ? pass() : fail(std::move(problem));
}

Verdict check_module_allowed(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail || facts.driver)
    return facts.driver ? pass() : verdict;
  for (const std::string& folder : {std::string("/etc/modprobe.d"), std::string("/run/modprobe.d"),
                                    std::string("/usr/lib/modprobe.d")})
    for (const std::string& name : context.machine().list(folder)) {
      auto text = context.machine().read_text(folder + "/" + name);
      if (!text) continue;
      for (const std::string& line : split(*text, '\n')) {
        std::string_view rule = trim(line);
        if (rule != "blacklist amdxdna" && !rule.starts_with("install amdxdna /bin/")) continue;
        Problem& problem = verdict.problems[0];
        problem.evidence.push_back(folder + "/" + name + ": " + printable(rule));
        problem.remedy = {
            .text = "remove the line, and load the module",
            .commands = {remove_line(folder + "/" + name, rule), "sudo modprobe amdxdna"},
            .needs_root = true};
        return verdict;
      }
    }
  return pass();
}

Verdict check_module_loaded(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (facts.driver) return pass();
  verdict.problems[0].remedy = load_module(context, "amdxdna");
  return verdict;
}

Verdict check_newest_driver_loaded(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.driver) return skip("the driver is not loaded");
  // DKMS keeps what it built under the package's own version.
  std::string built;
  for (const std::string& package : {std::string("xrt-amdxdna"), std::string("amdxdna")})
    for (const std::string& version : context.machine().list("/var/lib/dkms/" + package))
      if (!version.empty() && version[0] >= '0' && version[0] <= '9') built = version;
  if (built.empty()) return skip("no driver was built by DKMS");
  const std::string loaded = host::module(context.machine(), "amdxdna").version;
  if (contains(loaded, built) || contains(built, loaded)) {
    if (!loaded.empty()) return pass();
  }
  Problem problem{
      .evidence = {"DKMS built version " + printable(built),
                   "/sys/module/amdxdna/version: " +
                       (loaded.empty() ? "none, the kernel's own" : printable(loaded))}};
  problem.remedy = {.text = "let depmod and the initramfs prefer the module that DKMS built",
                    .commands = {"sudo depmod -a"},
                    .needs_root = true,
                    .needs_reboot = true};
  for (std::string& command : rebuild_initramfs(context))
    problem.remedy.commands.push_back(std::move(command));
  problem.remedy.commands.emplace_back("sudo reboot");
  return fail(std::move(problem));
}

Verdict check_firmware_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (context.container()) return skip("a container does not see the host's firmware");
  Problem& problem = verdict.problems[0];
  problem.remedy = install_package(
      context, "install the NPU's firmware, then load the driver anew",
      {.apt = context.distribution().id == "ubuntu" ? "linux-firmware" : "firmware-amd-graphics",
       .dnf = "amd-gpu-firmware",
       .nix = "linux-firmware"});
  // Debian's package lacks the folder of Krackan, whose firmware is Strix's.
  const std::string strix = "/lib/firmware/amdnpu/17f0_10";
  if (is_debian(context) && facts.firmware.ends_with("/17f0_20")) {
    if (context.machine().exists(strix)) problem.remedy.commands.clear();
    problem.remedy.text = "link the NPU's firmware, which is Strix's, then load the driver anew";
    problem.remedy.commands.push_back("sudo ln -s 17f0_10 " + facts.firmware);
  }
  problem.remedy.commands.emplace_back("sudo modprobe -r amdxdna && sudo modprobe amdxdna");
  problem.remedy.needs_root = true;
  const auto lines = host::log_lines(context.kernel_log(), "amdnpu/", 5);
  for (const std::string& line : lines)
    if (contains(line, "failed with error -2") || contains(line, "request_firmware"))
      problem.evidence.push_back("kernel log: " + printable(line));
  if (facts.blobs.empty()) {
    problem.evidence.push_back(facts.firmware + ": not there");
    return verdict;
  }
  return pass();
}

Verdict check_firmware_readable(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (facts.blobs.empty()) return skip("there is no firmware");
  const bool all_zstd = std::all_of(facts.blobs.begin(), facts.blobs.end(),
                                    [](const std::string& name) { return name.ends_with(".zst"); });
  if (!all_zstd) return pass();
  auto option = host::kernel_option(context.machine(), "CONFIG_FW_LOADER_COMPRESS_ZSTD");
  if (!option) return cannot_tell(option.error().message);
  if (option->value == "y") return pass();
  Problem& problem = verdict.problems[0];
  problem.evidence.push_back(facts.firmware + ": only .zst files");
  problem.evidence.push_back(option->source + ": CONFIG_FW_LOADER_COMPRESS_ZSTD is not set");
  problem.remedy = {.text = "unpack the firmware, then load the driver anew",
                    .commands = {fmt::format("sudo unzstd {}/*.zst", facts.firmware),
                                 "sudo modprobe -r amdxdna && sudo modprobe amdxdna"},
                    .needs_root = true};
  return verdict;
}

Verdict check_firmware_understood(const CheckContext& context) {
  Verdict verdict = look_in_log(context, kProtocol);
  for (Problem& problem : verdict.problems)
    problem.remedy = newer_pc_kernel(
        context, "update the kernel, or go back to the distribution's earlier firmware");
  return verdict;
}

Verdict check_firmware_fits(const CheckContext& context) {
  Verdict verdict = look_in_log(context, kMailboxMagic);
  for (Problem& problem : verdict.problems) {
    problem.remedy = {.text = "install the distribution's own firmware over it, and reboot",
                      .needs_root = true,
                      .needs_reboot = true};
    const std::string& distribution = context.distribution().id;
    if (distribution == "debian")
      problem.remedy.commands = {"sudo apt-get install --reinstall firmware-amd-graphics"};
    else if (distribution == "ubuntu")
      problem.remedy.commands = {"sudo apt-get install --reinstall linux-firmware"};
    else if (distribution == "fedora")
      problem.remedy.commands = {"sudo dnf reinstall amd-gpu-firmware"};
    problem.remedy.commands.emplace_back("sudo reboot");
  }
  return verdict;
}

Verdict check_driver_bound(const CheckContext& context) {
  return without_driver(context.facts<Facts>());
}

Verdict check_driver_attributes(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.bound) return skip("no driver has taken the NPU");
  const std::string folder = "/sys/bus/pci/devices/" + facts.functions[0].address;
  if (!context.machine().exists(folder + "/vendor")) return skip("sysfs is hidden");
  std::vector<std::string> missing;
  for (const char* name : {"/vbnv", "/fw_version", "/device_type"})
    if (!context.machine().exists(folder + name)) missing.push_back(folder + name + ": not there");
  if (missing.empty()) return pass();
  return fail(Problem{.evidence = missing});
}

Verdict check_mailbox(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    // A sleeping one is not woken to look.
    const std::string status = device.system_path + "/power/runtime_status";
    if (first_line(context.machine(), status) != "active" ||
        !context.machine().may_open(device.node))
      continue;
    auto answer = context.machine().ask(device.node, {host::Question::kAmdxdnaInfo, kAieMetadata});
    if (answer || answer.error().system_errno != ENODEV) continue;
    problems.push_back({.device = device.id,
                        .evidence = {device.node + ": the driver answers \"No such device\", "
                                                   "although it has the NPU"}});
  }
  return fail(std::move(problems));
}

Verdict check_commands_end(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    // A sleeping one has nothing to do, and is not woken to look.
    const std::string status = device.system_path + "/power/runtime_status";
    if (first_line(context.machine(), status) != "active" ||
        !context.machine().may_open(device.node))
      continue;
    auto answer = context.machine().ask(device.node, {host::Question::kAmdxdnaStuck});
    if (!answer) continue;
    Problem problem{.device = device.id};
    for (const std::string& line : split(*answer, '\n')) {
      const std::vector<std::string> words = split(line, ' ');
      if (words.size() != 4) continue;
      problem.evidence.push_back(fmt::format(
          "{}: process {} has given {} commands, {} have ended, and none did for two seconds",
          device.node, words[1], words[2], words[3]));
      problem.remedy.commands.push_back("kill " + words[1]);
    }
    if (problem.evidence.empty()) continue;
    problem.remedy.text =
        "end the program; then mend the design, and wait for commands with a time limit";
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

}  // namespace anynpu::npu::xdna

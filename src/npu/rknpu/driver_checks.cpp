// SPDX-License-Identifier: Apache-2.0
// Checks of the vendor stack: hardware, device tree, kernel, driver.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/remedies.h"
#include "npu/rknpu/check_functions.h"
#include "npu/rknpu/facts.h"

namespace anynpu::npu::rknpu {
namespace {

std::string board_line(const Facts& facts) {
  return "/proc/device-tree/compatible: " + join(facts.board, ", ");
}

std::string kernel_line(const CheckContext& context) {
  return "/proc/sys/kernel/osrelease: " + host::kernel_release(context.machine());
}

std::string driver_line(const Facts& facts) {
  return facts.driver_source + ": rknpu " + facts.driver_version;
}

Remedy newer_kernel(const CheckContext& context, std::string text) {
  Remedy remedy;
  remedy.text = std::move(text);
  remedy.needs_root = remedy.needs_reboot = true;
  if (context.distribution().id == "armbian")
    remedy.commands = {"sudo apt-get update && sudo apt-get full-upgrade", "sudo reboot"};
  if (context.container()) {
    remedy.text += " (on the host)";
    remedy.commands.clear();
  }
  return remedy;
}

// The file that keeps a module from being loaded; empty: none does.
std::string blacklisted_in(const host::Machine& machine, std::string_view name) {
  for (const char* folder : {"/etc/modprobe.d", "/lib/modprobe.d", "/usr/lib/modprobe.d"}) {
    for (const std::string& name_of_file : machine.list(folder)) {
      std::string file = std::string(folder) + "/" + name_of_file;
      auto text = machine.read_text(file);
      if (!text) continue;
      for (const std::string& line : split(*text, '\n'))
        if (trim(line) == "blacklist " + std::string(name)) return file;
    }
  }
  return {};
}

}  // namespace

Verdict check_generation(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  std::string soc = facts.soc();
  // NPU1 has its own driver and runtime; RKNN3 needs a runtime of another interface.
  for (std::string_view old : {"rk1808", "rv1109", "rv1126"})
    if (soc == old)
      return fail(
          Problem{{},
                  {board_line(facts)},
                  fmt::format("the NPU of the {} is of the first generation (galcore), which "
                              "needs another runtime and other models",
                              soc),
                  {}});
  for (const std::string& entry : facts.board) {
    if (entry.starts_with("rockchip,rk3399pro"))
      return fail(
          Problem{{},
                  {board_line(facts)},
                  "the NPU of the RK3399Pro is of the first generation (galcore), which needs "
                  "another runtime and other models",
                  {}});
    if (entry.starts_with("rockchip,rk3572"))
      return fail(
          Problem{{},
                  {board_line(facts)},
                  "the NPU of the RK3572 is of the third generation (RKNN3), whose runtime has "
                  "another interface",
                  {}});
  }
  return pass();
}

Verdict check_mainline_soc(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  std::string soc = facts.soc();
  if (facts.relevant() || facts.rocket) return skip("the kernel knows an NPU here");
  constexpr std::string_view kSocs[] = {"rk3576", "rk3568", "rk3566", "rk3562"};
  if (std::find(std::begin(kSocs), std::end(kSocs), soc) == std::end(kSocs))
    return skip("no SoC whose NPU only the vendor's kernel drives");
  Problem problem;
  problem.evidence = {board_line(facts), kernel_line(context),
                      "/sys/bus/platform/drivers/RKNPU: not there"};
  problem.cause = fmt::format(
      "this is a mainline kernel, which has no driver for the NPU of the {}; "
      "the mainline driver knows the RK3588 only",
      soc);
  problem.remedy.text = "boot the vendor's kernel, which has the rknpu driver";
  problem.remedy.needs_root = problem.remedy.needs_reboot = true;
  if (context.distribution().id == "armbian")
    problem.remedy.commands = {"sudo armbian-config", "sudo reboot"};
  return fail(std::move(problem));
}

Verdict check_device_tree(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.tree_nodes.empty()) return skip("the device tree names no NPU of this driver");
  Problem problem;
  for (const TreeNode& node : facts.tree_nodes) {
    if (node.enabled) return pass();
    problem.evidence.push_back(node.path + "/status: disabled");
  }
  problem.remedy.needs_root = problem.remedy.needs_reboot = true;
  problem.remedy.text = "enable the NPU with the board's overlay tool, then reboot";
  if (context.distribution().id == "armbian")
    problem.remedy.commands = {"sudo armbian-config", "sudo reboot"};
  else if (context.machine().exists("/usr/bin/rsetup"))  // Radxa's
    problem.remedy.commands = {"sudo rsetup", "sudo reboot"};
  return fail(std::move(problem));
}

Verdict check_driver(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  const host::Machine& machine = context.machine();
  bool wanted = std::any_of(facts.tree_nodes.begin(), facts.tree_nodes.end(),
                            [](const TreeNode& node) { return node.enabled; });
  if (!wanted) return skip("the device tree enables no NPU of this driver");
  if (facts.driver || !facts.devices.empty()) return pass();
  if (!machine.exists("/sys/bus/platform")) return cannot_tell("/sys is not shown here");
  Problem problem;
  problem.evidence = {facts.tree_nodes.front().path + ": enabled",
                      "/sys/bus/platform/drivers/RKNPU: not there", kernel_line(context)};
  auto available = host::module_available(machine, "rknpu");
  if (std::string file = blacklisted_in(machine, "rknpu"); !file.empty()) {
    problem.evidence.push_back(file + ": blacklist rknpu");
    problem.cause = "the module rknpu is on the list of those that are not loaded";
    problem.remedy.text = "remove the line, and load the module";
    problem.remedy.commands = {remove_line(file, "blacklist rknpu"), "sudo modprobe rknpu"};
    problem.remedy.needs_root = true;
  } else if (available && *available) {
    problem.cause = "the module rknpu is installed but not loaded";
    problem.remedy = load_module(context, "rknpu");
  } else {
    problem.cause = "this kernel has no rknpu driver";
    problem.remedy.text = "boot the vendor's kernel, or install the driver as a DKMS module";
    problem.remedy.needs_root = problem.remedy.needs_reboot = true;
    if (context.distribution().id == "armbian") problem.remedy.commands = {"sudo armbian-config"};
  }
  return fail(std::move(problem));
}

Verdict check_interrupt_overlay(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.driver) return skip("the driver is not there");
  if (!context.kernel_log().readable()) return cannot_tell(context.kernel_log().why_not);
  for (const char* mark :
       {"request npu0_irq failed", "request npu1_irq failed", "request npu2_irq failed"})
    if (auto lines = host::log_lines(context.kernel_log(), mark, 1); !lines.empty())
      return fail(Problem{{}, std::move(lines), {}, {}});
  return pass();
}

Verdict check_bound(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.driver || facts.tree_nodes.empty())
    return skip("no driver, or no NPU in the device tree");
  if (!facts.devices.empty()) return pass();
  Problem problem;
  problem.evidence = {"/sys/bus/platform/drivers/RKNPU: no device"};
  for (const std::string& line : host::log_lines(context.kernel_log(), "RKNPU", 3))
    problem.evidence.push_back(line);
  return fail(std::move(problem));
}

Verdict check_both_drivers(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  const host::Machine& machine = context.machine();
  if (!facts.driver || !machine.exists("/sys/bus/platform/drivers/rocket"))
    return skip("at most one driver is there");
  Problem problem;
  problem.evidence = {"/sys/bus/platform/drivers/RKNPU: there",
                      "/sys/bus/platform/drivers/rocket: there"};
  problem.remedy.text =
      "keep one of the two from loading: the vendor's runtime needs rknpu, Mesa's "
      "Teflon needs rocket";
  problem.remedy.commands = {"echo blacklist rocket | sudo tee /etc/modprobe.d/anynpu-npu.conf",
                             "sudo reboot"};
  problem.remedy.needs_root = problem.remedy.needs_reboot = true;
  return fail(std::move(problem));
}

Verdict check_driver_too_old(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no device of this driver");
  if (facts.driver_version.empty()) return cannot_tell("no source tells the driver's version");
  if (!facts.driver_older("0.9.2")) return pass();
  return fail(
      Problem{{},
              {driver_line(facts), kernel_line(context)},
              {},
              newer_kernel(context, "upgrade the vendor's kernel: the driver is a part of it")});
}

Verdict check_driver_interrupts(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no device of this driver");
  if (facts.driver_version.empty()) return cannot_tell("no source tells the driver's version");
  if (facts.cores() < 2) return skip("a single core is not concerned");
  if (facts.driver_older("0.9.2") || !facts.driver_older("0.9.5")) return pass();
  Problem problem;
  problem.evidence = {driver_line(facts), kernel_line(context)};
  for (const std::string& line : host::log_lines(context.kernel_log(), "nobody cared", 2))
    problem.evidence.push_back(line);
  problem.remedy = newer_kernel(context, "upgrade to a vendor kernel with rknpu 0.9.6 or later");
  return fail(std::move(problem));
}

Verdict check_freezing_kernel(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no device of this driver");
  std::string release = host::kernel_release(context.machine());
  if (release.empty()) return cannot_tell("the kernel's release cannot be read");
  if (!release.starts_with("6.1.43")) return pass();
  return fail(Problem{{},
                      {kernel_line(context)},
                      {},
                      newer_kernel(context, "upgrade the vendor's kernel to 6.1.75 or later")});
}

Verdict check_iommu(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no device of this driver");
  const host::KernelLog& log = context.kernel_log();
  Problem problem;
  for (const char* mark : {"using non-iommu mode", "rknpu iommu device-tree entry not found"})
    for (std::string& line : host::log_lines(log, mark, 1))
      problem.evidence.push_back(std::move(line));
  bool known = !problem.evidence.empty() || !host::log_lines(log, "using iommu mode", 1).empty();
  // The log may have lost its beginning: then the driver itself knows.
  bool asleep = false;
  for (const Device& device : facts.devices) {
    if (!known && sleeps(context.machine(), device.system_path)) {
      asleep = true;
      continue;
    }
    for (const std::string& node : device.nodes) {
      if (known || !context.machine().may_open(node)) continue;
      auto enabled = context.machine().ask(node, {host::Question::kRknpuAction, 18});
      if (!enabled) continue;
      known = true;
      if (*enabled == "0")
        problem.evidence.push_back(node + ": the driver says that its IOMMU is off");
    }
  }
  if (!known && asleep) return cannot_tell("the NPU sleeps, and asking its driver would wake it");
  if (!known)
    return cannot_tell(log.readable() ? "neither the kernel log nor the driver tells"
                                      : log.why_not);
  if (problem.evidence.empty()) return pass();
  if (auto memory = context.machine().read_text("/proc/meminfo", 64 << 10))
    for (const std::string& line : split(*memory, '\n'))
      if (line.starts_with("CmaTotal:")) problem.evidence.push_back("/proc/meminfo: " + line);
  return fail(std::move(problem));
}

}  // namespace anynpu::npu::rknpu

// SPDX-License-Identifier: Apache-2.0
// Checks of the mainline stack: device tree, kernel, node, and what the kernel says of its work.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/log_rule.h"
#include "npu/remedies.h"
#include "npu/rocket/checks.h"
#include "npu/rocket/facts.h"

namespace anynpu::npu::rocket {
namespace {

constexpr unsigned kFirstMajor = 6, kFirstMinor = 18;  // the kernel that brought the driver
constexpr int kCores = 3;
constexpr std::size_t kWedged = 5;      // timeouts after which no job is expected to end any more
constexpr double kWedgedSeconds = 600;  // in which they come
constexpr std::string_view kTimedOut = "NPU job timed out";
constexpr std::string_view kBegun[] = {"Initialized rocket"};
// The node hangs on a platform device of this name, which no driver is bound to.
constexpr std::string_view kAccelMatch = "SUBSYSTEM==\"accel\", KERNELS==\"rknn\"";

std::string release_line(const CheckContext& context) {
  return "/proc/sys/kernel/osrelease: " + host::kernel_release(context.machine());
}

std::string tree_line(const Facts& facts) {
  return "/proc/device-tree/compatible: " + join(facts.board, ", ");
}

Verdict no_device() {
  return skip("there is no device of this driver");
}

}  // namespace

Verdict check_old_kernel(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.is_rk3588() || facts.vendor) return skip("no RK3588 under a mainline kernel");
  if (facts.driver || !facts.devices.empty()) return pass();
  auto new_enough = host::kernel_at_least(context.machine(), kFirstMajor, kFirstMinor);
  if (!new_enough) return cannot_tell("the kernel's release cannot be read");
  if (*new_enough) return pass();
  Problem problem{{}, {tree_line(facts), release_line(context)}, {}, {}};
  problem.remedy.text = "boot a kernel from 6.18 on with the rocket driver, or the vendor's kernel";
  problem.remedy.needs_root = problem.remedy.needs_reboot = true;
  if (context.distribution().id == "armbian")
    problem.remedy.commands = {"sudo armbian-config", "sudo reboot"};
  return fail(std::move(problem));
}

Verdict check_tree_nodes(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.is_rk3588() || facts.vendor) return skip("no RK3588 under a mainline kernel");
  if (!facts.cores.empty() || !facts.devices.empty()) return pass();
  return fail(Problem{
      {},
      {tree_line(facts), "/proc/device-tree/npu@fdab0000: not there", release_line(context)},
      {},
      {}});
}

Verdict check_device_tree(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.cores.empty()) return skip("the device tree names no core of this driver");
  if (facts.any_core_enabled()) return pass();
  Problem problem;
  for (const TreeNode& core : facts.cores)
    problem.evidence.push_back(core.path + "/status: disabled");
  problem.evidence.push_back(tree_line(facts));
  problem.remedy.text =
      "use a newer device tree of the board, or an overlay that enables the NPU and its "
      "iommu nodes; one that the bootloader brings may be older than the kernel";
  problem.remedy.needs_root = problem.remedy.needs_reboot = true;
  return fail(std::move(problem));
}

Verdict check_kernel_options(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.any_core_enabled()) return skip("the device tree enables no core");
  if (facts.driver || !facts.devices.empty()) return pass();
  const host::Machine& machine = context.machine();
  for (const char* name : {"CONFIG_DRM_ACCEL", "CONFIG_DRM_ACCEL_ROCKET"}) {
    auto option = host::kernel_option(machine, name);
    if (!option) {
      auto available = host::module_available(machine, "rocket");
      if (available && *available) return pass();
      if (available)
        return fail(Problem{{}, {release_line(context), "/lib/modules: no module rocket"}, {}, {}});
      return cannot_tell(option.error().message);
    }
    if (!option->value.empty()) continue;
    Problem problem;
    problem.evidence = {fmt::format("{}: {} is not set", option->source, name),
                        release_line(context)};
    if (context.distribution().id == "debian")
      problem.remedy.text =
          "Debian's arm64 kernels leave DRM_ACCEL out: use Armbian's or Ubuntu 26.04's "
          "kernel, or build one with DRM_ACCEL and DRM_ACCEL_ROCKET";
    problem.remedy.needs_root = problem.remedy.needs_reboot = true;
    return fail(std::move(problem));
  }
  return pass();
}

Verdict check_module(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  const host::Machine& machine = context.machine();
  if (!facts.any_core_enabled()) return skip("the device tree enables no core");
  if (facts.driver || !facts.devices.empty()) return pass();
  if (!machine.exists("/sys/bus/platform")) return cannot_tell("/sys is not shown here");
  Problem problem;
  problem.evidence = {"/sys/bus/platform/drivers/rocket: not there",
                      facts.cores.front().path + ": enabled"};
  problem.remedy = load_module(context, "rocket");
  for (const std::string& file : machine.list("/etc/modprobe.d")) {
    auto text = machine.read_text("/etc/modprobe.d/" + file);
    const std::vector<std::string> rules = split(text ? *text : "", '\n');
    if (std::none_of(rules.begin(), rules.end(),
                     [](const std::string& line) { return trim(line) == "blacklist rocket"; }))
      continue;
    problem.evidence.push_back("/etc/modprobe.d/" + file + ": blacklist rocket");
    problem.cause = "the module rocket is on the list of those that are not loaded";
    problem.remedy.text = "remove the line, and load the module";
    problem.remedy.commands = {remove_line("/etc/modprobe.d/" + file, "blacklist rocket"),
                               "sudo modprobe rocket"};
  }
  return fail(std::move(problem));
}

Verdict check_regulator(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  const host::Machine& machine = context.machine();
  if (!facts.driver || !facts.bound.empty())
    return skip("the driver has its cores, or is not there");
  for (const std::string& name : machine.list("/sys/class/regulator")) {
    std::string folder = "/sys/class/regulator/" + name;
    if (!first_line(machine, folder + "/name").starts_with("vdd_npu")) continue;
    if (first_line(machine, folder + "/state") != "disabled") return pass();
    Problem problem;
    problem.evidence = {folder + "/name: " + first_line(machine, folder + "/name"),
                        folder + "/state: disabled", "/sys/bus/platform/drivers/rocket: no core"};
    problem.remedy.text = "load rocket early, from the initial RAM disk, and reboot";
    problem.remedy.commands = load_early(context, "rocket");
    problem.remedy.commands.emplace_back("sudo reboot");
    problem.remedy.needs_root = problem.remedy.needs_reboot = true;
    return fail(std::move(problem));
  }
  return skip("the kernel shows no regulator of the NPU");
}

Verdict check_bound(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.driver || !facts.any_core_enabled()) return skip("no driver, or no core");
  if (!facts.bound.empty() || !facts.devices.empty()) return pass();
  Problem problem;
  problem.evidence = {"/sys/bus/platform/drivers/rocket: no core"};
  for (const std::string& line : host::log_lines(context.kernel_log(), "rocket", 3))
    problem.evidence.push_back(line);
  return fail(std::move(problem));
}

Verdict check_all_cores(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.bound.empty()) return skip("the driver has no core");
  auto enabled = std::count_if(facts.cores.begin(), facts.cores.end(),
                               [](const TreeNode& core) { return core.enabled; });
  auto wanted = facts.cores.empty() ? static_cast<decltype(enabled)>(kCores) : enabled;
  if (static_cast<decltype(enabled)>(facts.bound.size()) >= wanted) return pass();
  Problem problem;
  problem.device = facts.devices.empty() ? "" : facts.devices.front().id;
  problem.evidence = {fmt::format("/sys/bus/platform/drivers/rocket: {} of {} cores ({})",
                                  facts.bound.size(), wanted, join(facts.bound, ", "))};
  for (const char* mark : {"rocket fda", "failed to get"})
    for (const std::string& line : host::log_lines(context.kernel_log(), mark, 3))
      if (line.find("failed") != std::string::npos &&
          std::find(problem.evidence.begin(), problem.evidence.end(), line) ==
              problem.evidence.end())
        problem.evidence.push_back(line);
  return fail(std::move(problem));
}

Verdict check_container_node(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  const host::Machine& machine = context.machine();
  if (!context.container() || facts.devices.empty())
    return skip("no container with a device of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    if (machine.exists(device.node)) continue;
    Problem problem;
    problem.device = device.id;
    problem.evidence = {device.node + ": not there",
                        "in a container: " + context.container().evidence};
    for (const std::string& other : machine.list("/dev/accel"))
      problem.evidence.push_back("/dev/accel/" + other + ": there, of another driver");
    problem.remedy = pass_devices(context, device.nodes);
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

Verdict check_node(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (context.container()) return skip("in a container another check looks at this");
  if (facts.devices.empty()) return no_device();
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    if (context.machine().exists(device.node)) continue;
    Problem problem;
    problem.device = device.id;
    problem.evidence = {device.node + ": not there", device.evidence.front()};
    problem.remedy = make_nodes(context, {device.node});
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

Verdict check_whose_node(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return no_device();
  // Where /sys tells the driver there is nothing to ask, and no node to open.
  if (context.machine().exists("/sys/class/accel")) return skip("/sys tells the node's driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    if (!context.machine().may_open(device.node)) continue;
    auto version = context.machine().ask(device.node, {host::Question::kDrmVersion});
    if (!version) return cannot_tell(version.error().message);
    std::string name = version->substr(0, version->find('\t'));
    if (name == "rocket") continue;
    Problem problem;
    problem.device = device.id;
    problem.evidence = {device.node + ": its driver calls itself " + printable(name, 40)};
    problem.remedy.text =
        "pass the node whose driver is rocket; on the host: grep -l rknn "
        "/sys/class/accel/*/device/modalias";
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

Verdict check_permission(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return no_device();
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    if (!context.machine().exists(device.node) || context.machine().may_open(device.node)) continue;
    Problem problem;
    problem.device = device.id;
    std::string groups;
    for (gid_t gid : context.machine().identity().groups) groups += fmt::format(" {}", gid);
    problem.evidence = {
        describe_node(context.machine(), device.node),
        fmt::format("this process: uid {}, groups{}", context.machine().identity().uid, groups)};
    problem.remedy = join_group(context, device.node, kAccelMatch);
    problems.push_back(std::move(problem));
  }
  return fail(std::move(problems));
}

Verdict check_device_rule(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!context.container()) return skip("only containers have device rules");
  if (facts.devices.empty()) return no_device();
  std::vector<Problem> problems;
  for (const Device& device : facts.devices) {
    if (!context.machine().may_open(device.node)) continue;
    auto opened = context.machine().ask(device.node, {host::Question::kOpen});
    if (opened || opened.error().system_errno != EPERM) continue;
    problems.push_back({device.id,
                        {opened.error().message + " although its mode allows it"},
                        {},
                        pass_devices(context, device.nodes)});
  }
  return fail(std::move(problems));
}

Verdict check_wedged(const CheckContext& context) {
  if (context.facts<Facts>().devices.empty()) return no_device();
  if (!context.kernel_log().readable()) return cannot_tell(context.kernel_log().why_not);
  auto lines = lines_since(context.kernel_log(), kBegun, kTimedOut, kWedged);
  if (lines.size() < kWedged) return pass();
  // Now and then one is no stuck core.
  if (log_time(lines.back()) - log_time(lines.front()) > kWedgedSeconds) return pass();
  Problem problem;
  problem.evidence = std::move(lines);
  problem.remedy.text =
      "end all programs that use the NPU, then let the driver take its cores anew";
  problem.remedy.commands = {"sudo modprobe -r rocket && sudo modprobe rocket", "sudo reboot"};
  problem.remedy.needs_root = true;
  return fail(std::move(problem));
}

Verdict check_timeout(const CheckContext& context) {
  if (context.facts<Facts>().devices.empty()) return no_device();
  if (!context.kernel_log().readable()) return cannot_tell(context.kernel_log().why_not);
  auto lines = lines_since(context.kernel_log(), kBegun, kTimedOut, 3);
  return lines.empty() ? pass() : fail(Problem{{}, std::move(lines), {}, {}});
}

Verdict check_iommu_faults(const CheckContext& context) {
  if (context.facts<Facts>().devices.empty()) return no_device();
  if (!context.kernel_log().readable()) return cannot_tell(context.kernel_log().why_not);
  std::vector<std::string> lines;
  for (std::string& line : host::log_lines(context.kernel_log(), "rk_iommu", 20))
    if (line.find("fault") != std::string::npos && line.find("fda") != std::string::npos &&
        lines.size() < 3)
      lines.push_back(std::move(line));
  return lines.empty() ? pass() : fail(Problem{{}, std::move(lines), {}, {}});
}

Verdict check_crash_records(const CheckContext& context) {
  if (context.facts<Facts>().devices.empty()) return no_device();
  for (const std::string& name : context.machine().list("/sys/fs/pstore")) {
    std::string path = "/sys/fs/pstore/" + name;
    auto text = context.machine().read_text(path);
    if (text && text->find("rocket") != std::string::npos)
      return fail(Problem{{}, {path + ": the kernel's last words name rocket"}, {}, {}});
  }
  return pass();
}

Verdict check_stuck_holder(const CheckContext& context) {
  Problem problem;
  for (const Holder& holder : context.facts<NodeHolders>().found) {
    if (holder.state != 'D') continue;
    problem.evidence.push_back(fmt::format("process {} ({}) holds {} and waits in the kernel",
                                           holder.pid, holder.command, join(holder.nodes, ", ")));
    problem.remedy.commands.push_back(fmt::format("sudo kill -9 {}", holder.pid));
  }
  if (problem.evidence.empty()) return pass();
  problem.remedy.text = "end the process; when it does not end, reboot";
  problem.remedy.commands.emplace_back("sudo reboot");
  problem.remedy.needs_root = true;
  return fail(std::move(problem));
}

}  // namespace anynpu::npu::rocket

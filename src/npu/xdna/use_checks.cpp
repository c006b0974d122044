// SPDX-License-Identifier: Apache-2.0
// Checks of Ryzen AI NPUs: the device node, limits, XRT.
//
// Nothing here opens the node of a sleeping NPU: each ioctl wakes it (120 to 136 ms, firmware
// loaded anew), and with some kernels opening alone binds the process to it.
#include <algorithm>
#include <array>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/library_copies.h"
#include "npu/remedies.h"
#include "npu/xdna/check_functions.h"
#include "npu/xdna/facts.h"

namespace anynpu::npu::xdna {
namespace {

constexpr std::string_view kAccelMatch = "SUBSYSTEM==\"accel\", DRIVERS==\"amdxdna\"";
constexpr std::uint64_t kHeapBytes = 64 << 20;  // the driver's buffer heap, locked into memory

// Debian 13 itself and Debian 12, and Ubuntu before 26.04, have an XRT of 2022, which knows no NPU.
Remedy install_xrt_packages(const CheckContext& context, std::string text,
                            const PackageNames& names) {
  Remedy remedy = install_package(context, std::move(text), names);
  const std::string& version = context.distribution().version;
  if (is_debian(context)) {
    auto commands = from_newest_debian(context, names.apt);
    remedy.commands = commands ? std::move(*commands) : std::vector<std::string>();
    if (!commands)
      remedy.text += "; this Debian has none that knows the NPU, Debian 13 has it in its backports";
  } else if (is_ubuntu(context) && compare_versions(version, "26.04") < 0) {
    remedy.commands.clear();
    remedy.text += version == "24.04" ? "; AMD has it for Ubuntu 24.04 in ppa:amd-team/xrt"
                                      : "; this Ubuntu has none that knows the NPU, 26.04 has it";
  }
  return remedy;
}

Remedy install_xrt(const CheckContext& context) {
  return install_xrt_packages(context, "install XRT with its NPU plugin, of one version",
                              {.apt = "libxrt2 libxrt-npu2", .dnf = "xrt", .nix = "xrt"});
}

}  // namespace

Verdict check_node_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!facts.bound) return skip("no driver has taken the NPU");
  std::vector<std::string> missing;
  for (const PciFunction& function : facts.functions)
    for (const std::string& name :
         context.machine().list("/sys/bus/pci/devices/" + function.address + "/accel"))
      if (!context.machine().exists("/dev/accel/" + name)) missing.push_back("/dev/accel/" + name);
  if (missing.empty()) return pass();
  Problem problem;
  problem.device = context.devices_of("xdna").empty() ? "" : context.devices_of("xdna")[0]->id;
  for (const std::string& node : missing) problem.evidence.push_back(node + ": not there");
  if (context.container()) {
    problem.evidence.push_back("in a container: " + context.container().evidence);
    problem.remedy = pass_devices(context, missing);
  } else {
    problem.remedy = make_nodes(context, missing);
  }
  return fail(std::move(problem));
}

Verdict check_node_permission(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices)
    for (const std::string& node : device.nodes) {
      if (!context.machine().exists(node) || context.machine().may_open(node)) continue;
      problems.push_back({.device = device.id,
                          .evidence = {describe_node(context.machine(), node)},
                          .remedy = join_group(context, node, kAccelMatch)});
    }
  return fail(std::move(problems));
}

Verdict check_device_not_volume(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (!context.container()) return skip("this is no container");
  if (facts.devices.empty()) return skip("there is no node of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices)
    for (const std::string& node : device.nodes) {
      if (!context.machine().may_open(node)) continue;
      // Only what is awake is opened, and a sleeping NPU is not woken to look.
      if (!facts.functions.empty() &&
          first_line(context.machine(), "/sys/bus/pci/devices/" + facts.functions[0].address +
                                            "/power/runtime_status") == "suspended")
        return cannot_tell("the NPU sleeps, and opening its node would wake it");
      auto opened = context.machine().ask(node, {.question = host::Question::kOpen});
      if (opened || opened.error().system_errno != EPERM) continue;
      problems.push_back({.device = device.id,
                          .evidence = {node + ": open ends with EPERM although its mode allows it",
                                       "in a container: " + context.container().evidence},
                          .remedy = pass_devices(context, {node})});
    }
  return fail(std::move(problems));
}

Verdict check_memory_lock(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  if (context.machine().identity().uid == 0 && !context.container())
    return skip("root may lock memory without a limit");
  auto limit = host::soft_limit(context.machine(), "Max locked memory");
  if (!limit) return cannot_tell(limit.error().message);
  if (*limit >= kHeapBytes) return pass();
  Problem problem{.device = facts.devices[0].id,
                  .evidence = {fmt::format("/proc/self/limits: Max locked memory {} bytes, {} are "
                                           "needed",
                                           *limit, kHeapBytes)}};
  switch (context.container().kind) {
    case host::ContainerKind::kNone:
      problem.remedy = {
          .text = "raise the limit, then log in again (a service: LimitMEMLOCK=infinity)",
          .commands =
              {"echo '* - memlock unlimited' | sudo tee /etc/security/limits.d/90-npu.conf"},
          .needs_root = true};
      if (context.distribution().id == "nixos")
        problem.remedy.commands = {
            "security.pam.loginLimits = [ { domain = \"*\"; type = \"-\"; item = \"memlock\"; "
            "value "
            "= \"unlimited\"; } ];"};
      break;
    case host::ContainerKind::kKubernetes:
      problem.remedy = {.text =
                            "raise the limit in the runtime's defaults on the node: a pod cannot "
                            "ask for it (containerd: LimitMEMLOCK=infinity in its service)",
                        .commands = {"sudo systemctl edit containerd"},
                        .needs_root = true};
      break;
    default:
      problem.remedy = {
          .text = "start the container with a larger limit",
          .commands = {fmt::format(
              "{} run --ulimit memlock=-1 ...",
              context.container().kind == host::ContainerKind::kPodman ? "podman" : "docker")}};
      break;
  }
  return fail(std::move(problem));
}

Verdict check_xrt_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  if (!facts.xrt.empty()) return pass();
  Problem problem{.device = facts.devices[0].id,
                  .evidence = {"libxrt_coreutil.so.2: in no folder of the loader, not in "
                               "/opt/xilinx/xrt/lib"},
                  .remedy = install_xrt(context)};
  return fail(std::move(problem));
}

Verdict check_xrt_new_enough(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.xrt.empty()) return skip("XRT is not installed");
  const XrtCopy& copy = facts.xrt.front();
  std::vector<std::string> parts = split(copy.version, '.');
  if (parts.size() < 2)
    return cannot_tell("the name of " + copy.folder + "'s XRT tells no version");
  if (std::strtoul(parts[1].c_str(), nullptr, 10) >= 18) return pass();
  return fail(
      Problem{.evidence = {copy.folder + ": XRT " + copy.version}, .remedy = install_xrt(context)});
}

Verdict check_plugin_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.xrt.empty()) return skip("XRT is not installed");
  const XrtCopy& copy = facts.xrt.front();
  if (!copy.plugin.empty()) return pass();
  Remedy remedy = install_xrt_packages(context, "install XRT's NPU plugin, of XRT's own version",
                                       {.apt = "libxrt-npu2", .dnf = "xrt-npu", .nix = "xrt"});
  return fail(
      Problem{.evidence = {copy.folder +
                           ": libxrt_coreutil.so.2, and no libxrt_driver_xdna.so.2 beside it"},
              .remedy = std::move(remedy)});
}

Verdict check_plugin_of_one_version(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.xrt.empty() || facts.xrt.front().plugin.empty()) return skip("there is no plugin");
  const XrtCopy& copy = facts.xrt.front();
  auto short_version = [](const std::string& version) {
    std::vector<std::string> parts = split(version, '.');
    return parts.size() < 2 ? version : parts[0] + "." + parts[1];
  };
  if (copy.version.empty() || copy.plugin_version.empty() ||
      short_version(copy.version) == short_version(copy.plugin_version))
    return pass();
  return fail(Problem{
      .evidence = {copy.folder + ": XRT " + copy.version + ", plugin " + copy.plugin_version},
      .remedy = install_xrt(context)});
}

Verdict check_one_xrt(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.xrt.size() < 2) return facts.xrt.empty() ? skip("XRT is not installed") : pass();
  if (facts.xrt[0].version == facts.xrt[1].version) return pass();
  Problem problem;
  for (const XrtCopy& copy : facts.xrt)
    problem.evidence.push_back(copy.folder + ": XRT " + copy.version);
  problem.remedy = {.text = fmt::format("remove one of the two; {} wins now", facts.xrt[0].folder),
                    .needs_root = true};
  // AMD's packages changed their names; apt-get removes none when one of them is unknown.
  if (contains(facts.xrt[1].folder, "/opt/") || contains(facts.xrt[0].folder, "/opt/")) {
    if (is_debian(context) || is_ubuntu(context))
      problem.remedy.commands = {
          "sudo apt-get remove $(dpkg -S /opt/xilinx/xrt | cut -d: -f1 | tr -d ,)"};
    else if (context.distribution().id == "fedora")
      problem.remedy.commands = {"sudo dnf remove $(rpm -qf --qf '%{NAME} ' /opt/xilinx/xrt)"};
  }
  return fail(std::move(problem));
}

Verdict check_python_module(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.functions.empty()) return skip("there is no Ryzen AI NPU on the PCI bus");
  // The ray tracer of that name; XRT's own package has pyxrt instead.
  const std::string tracer = "/usr/lib/python3/dist-packages/xrt";
  if (!context.machine().exists(tracer) || !context.machine().exists(tracer + "/backends"))
    return pass();
  return fail(Problem{.evidence = {tracer + "/backends: there"}});
}

Verdict check_validation_archive(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.functions.empty() || facts.xrt.empty()) return skip("XRT is not installed");
  const host::Machine& machine = context.machine();
  constexpr std::array<const char*, 2> kTools = {"/usr/bin/xrt-smi", "/opt/xilinx/xrt/bin/xrt-smi"};
  const auto tool = std::find_if(kTools.begin(), kTools.end(),
                                 [&](const char* path) { return machine.exists(path); });
  if (tool == kTools.end()) return skip("xrt-smi is not installed");
  const std::string name = facts.functions[0].device == 0x1502 ? "xrt_smi_phx.a" : "xrt_smi_strx.a";
  const std::string& version = facts.xrt[0].version;
  std::vector<std::string> folders = {"/opt/xilinx/xrt/share", "/usr/share/xrt", "/usr/share"};
  if (std::string home = host::environment_variable(machine, "HOME"); !home.empty())
    folders.push_back(home + "/.local/share/xrt/" + version);
  for (const std::string& folder : folders)
    if (machine.exists(folder + "/amdxdna/bins/" + name)) return pass();
  return fail(Problem{
      .evidence = {std::string(*tool) + ": there",
                   fmt::format("amdxdna/bins/{}: in none of {}", name, join(folders, ", "))},
      .remedy = {.text = "fetch the archive with XRT's own script when you want xrt-smi validate",
                 .commands = {fmt::format("smi_install_archive.sh {} {}", name, version)}}});
}

}  // namespace anynpu::npu::xdna

// SPDX-License-Identifier: Apache-2.0
// What is known to go wrong with AMD's Ryzen AI NPUs.
//
// Nothing here opens the node of a sleeping NPU: each ioctl wakes it (120 to 136 ms, firmware
// loaded anew), and with some kernels opening alone binds the process to it.
#include "npu/xdna/checks.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/log_rule.h"
#include "npu/remedies.h"
#include "npu/xdna/facts.h"

namespace anynpu::npu::xdna {
namespace {

constexpr std::uint64_t kHeapBytes = 64 << 20;  // the driver's buffer heap, locked into memory

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string describe(const PciFunction& function) {
  return fmt::format("/sys/bus/pci/devices/{}: {:04x}:{:04x}, {}", function.address,
                     function.vendor, function.device,
                     function.driver.empty() ? "no driver" : "driver " + function.driver);
}

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

Verdict on_the_bus(const CheckContext& context) {
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

Verdict bare_metal(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (!facts.virtual_machine) return pass();
  verdict.problems[0].evidence.emplace_back("/proc/cpuinfo: flag hypervisor");
  return verdict;
}

Verdict iommu_on_command_line(const CheckContext& context) {
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

Verdict iommu_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.functions.empty()) return skip("there is no Ryzen AI NPU on the PCI bus");
  auto units = context.machine().names("/sys/class/iommu");
  if (units && !units->empty()) return pass();
  if (!units && units.error().code != Code::kNotFound) return cannot_tell(units.error().message);
  return fail(Problem{.evidence = {"/sys/class/iommu: empty", describe(facts.functions.front())}});
}

Verdict kernel_new_enough(const CheckContext& context) {
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
  problem.remedy = {.text = "install a kernel that has the driver, and reboot",
                    .needs_root = true,
                    .needs_reboot = true};
  const host::Distribution& distribution = context.distribution();
  if (distribution.id == "debian")
    problem.remedy.commands = {fmt::format("sudo apt-get install -t {}-backports linux-image-amd64",
                                           distribution.version == "12" ? "bookworm" : "trixie"),
                               "sudo reboot"};
  else if (distribution.id == "ubuntu")
    problem.remedy.commands = {
        fmt::format("sudo apt-get install linux-generic-hwe-{}", distribution.version),
        "sudo reboot"};
  else if (distribution.id == "fedora")
    problem.remedy.commands = {"sudo dnf upgrade kernel", "sudo reboot"};
  else if (distribution.id == "nixos")
    problem.remedy.commands = {"boot.kernelPackages = pkgs.linuxPackages_latest;",
                               "sudo nixos-rebuild boot && sudo reboot"};
  return verdict;
}

Verdict kernel_has_driver(const CheckContext& context) {
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
  problem.remedy = {.text = "use a kernel of the generic flavour, which has the driver, and reboot",
                    .needs_root = true,
                    .needs_reboot = true};
  if (context.distribution().id == "debian")
    problem.remedy.commands = {"sudo apt-get install linux-image-amd64", "sudo reboot"};
  else if (context.distribution().id == "ubuntu")
    problem.remedy.commands = {"sudo apt-get install linux-modules-extra-$(uname -r)",
                               "sudo modprobe amdxdna"};
  return verdict;
}

Verdict module_allowed(const CheckContext& context) {
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
        problem.remedy = {.text = "remove the line, and load the module",
                          .commands = {fmt::format("sudo sed -i '/amdxdna/d' {}/{}", folder, name),
                                       "sudo modprobe amdxdna"},
                          .needs_root = true};
        return verdict;
      }
    }
  return pass();
}

Verdict module_loaded(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  Verdict verdict = without_driver(facts);
  if (verdict.state != Verdict::State::kFail) return verdict;
  if (facts.driver) return pass();
  verdict.problems[0].remedy = load_module(context, "amdxdna");
  return verdict;
}

Verdict newest_driver_loaded(const CheckContext& context) {
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
                    .commands = {"sudo depmod -a", "sudo update-initramfs -u", "sudo reboot"},
                    .needs_root = true,
                    .needs_reboot = true};
  return fail(std::move(problem));
}

Verdict firmware_there(const CheckContext& context) {
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

Verdict firmware_readable(const CheckContext& context) {
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

Verdict driver_bound(const CheckContext& context) {
  return without_driver(context.facts<Facts>());
}

Verdict node_there(const CheckContext& context) {
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
    problem.remedy = {.text = "let udev make the node again",
                      .commands = {"sudo udevadm trigger --subsystem-match=accel"},
                      .needs_root = true};
  }
  return fail(std::move(problem));
}

Verdict node_permission(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  std::vector<Problem> problems;
  for (const Device& device : facts.devices)
    for (const std::string& node : device.nodes) {
      if (!context.machine().exists(node) || context.machine().may_open(node)) continue;
      problems.push_back({.device = device.id,
                          .evidence = {describe_node(context.machine(), node)},
                          .remedy = join_group(context, node, "SUBSYSTEM==\"accel\"")});
    }
  return fail(std::move(problems));
}

Verdict device_not_volume(const CheckContext& context) {
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

Verdict memory_lock(const CheckContext& context) {
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

Remedy install_xrt(const CheckContext& context) {
  const host::Distribution& distribution = context.distribution();
  Remedy remedy = install_package(context, "install XRT with its NPU plugin, of one version",
                                  {.apt = "libxrt2 libxrt-npu2", .dnf = "xrt", .nix = "xrt"});
  if (distribution.id == "debian" && !context.container())
    remedy.commands = {"sudo apt-get install -t trixie-backports libxrt2 libxrt-npu2"};
  return remedy;
}

Verdict xrt_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  if (!facts.xrt.empty()) return pass();
  Problem problem{.device = facts.devices[0].id,
                  .evidence = {"libxrt_coreutil.so.2: in no folder of the loader, not in "
                               "/opt/xilinx/xrt/lib"},
                  .remedy = install_xrt(context)};
  return fail(std::move(problem));
}

Verdict xrt_new_enough(const CheckContext& context) {
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

Verdict plugin_there(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.xrt.empty()) return skip("XRT is not installed");
  const XrtCopy& copy = facts.xrt.front();
  if (!copy.plugin.empty()) return pass();
  Remedy remedy = install_package(context, "install XRT's NPU plugin, of XRT's own version",
                                  {.apt = "libxrt-npu2", .dnf = "xrt-npu", .nix = "xrt"});
  return fail(
      Problem{.evidence = {copy.folder +
                           ": libxrt_coreutil.so.2, and no libxrt_driver_xdna.so.2 beside it"},
              .remedy = std::move(remedy)});
}

Verdict plugin_of_one_version(const CheckContext& context) {
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

Verdict one_xrt(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.xrt.size() < 2) return facts.xrt.empty() ? skip("XRT is not installed") : pass();
  if (facts.xrt[0].version == facts.xrt[1].version) return pass();
  Problem problem;
  for (const XrtCopy& copy : facts.xrt)
    problem.evidence.push_back(copy.folder + ": XRT " + copy.version);
  problem.remedy = {.text = fmt::format("remove one of the two; {} wins now", facts.xrt[0].folder),
                    .needs_root = true};
  if (contains(facts.xrt[1].folder, "/opt/") || contains(facts.xrt[0].folder, "/opt/"))
    problem.remedy.commands = {"sudo apt-get remove xrt xrt-base xrt_plugin-amdxdna"};
  return fail(std::move(problem));
}

Verdict python_module(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.functions.empty()) return skip("there is no Ryzen AI NPU on the PCI bus");
  // The ray tracer of that name; XRT's own package has pyxrt instead.
  const std::string tracer = "/usr/lib/python3/dist-packages/xrt";
  if (!context.machine().exists(tracer) || !context.machine().exists(tracer + "/backends"))
    return pass();
  return fail(Problem{.evidence = {tracer + "/backends: there"}});
}

Verdict driver_attributes(const CheckContext& context) {
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

constexpr std::string_view kFamily = "xdna";
constexpr LogRule kProtocol{
    kFamily, {"Incompatible firmware protocol", "firmware is not alive"}, true};
constexpr LogRule kMailboxMagic{kFamily, {"Invalid mbox magic"}, true};
constexpr LogRule kSmu{kFamily, {"aie2_smu_init: Access power failed"}, true};
constexpr LogRule kSva{kFamily, {"SVA bind device failed", "Enable PASID failed"}, true};
constexpr LogRule kCarveout{
    kFamily, {"carveout not configured", "Heap BO is not supported on CMA platform"}};
constexpr LogRule kIrq{
    kFamily, {"Failed to request irq -16", "Failed to request irq, ret -16"}, true};
constexpr LogRule kFlr{kFamily, {"not ready after FLR"}};
constexpr LogRule kSuspend{kFamily, {"suspend NPU firmware failed"}};
constexpr LogRule kTdr{kFamily, {"TDR timeout detected", "Device isn't making progress"}};
constexpr LogRule kPowerCycle{kFamily, {"power-cycling NPU", "NPU reset skipped"}};
constexpr LogRule kColumns{kFamily, {"Allocate AIE resource failed"}};
constexpr LogRule kContexts{kFamily, {"status 0x2000003"}};
constexpr LogRule kParameter{kFamily, {"Not supported request parameter"}};

constexpr std::string_view kNeedsDriver[] = {"XD-VM", "XD-KERNEL-OLD", "XD-KERNEL-CONFIG",
                                             "XD-MODULE-BLACKLISTED", "XD-MODULE-NOT-LOADED"};
constexpr std::string_view kNeedsKernel[] = {"XD-VM", "XD-KERNEL-OLD"};
constexpr std::string_view kNeedsModule[] = {"XD-VM", "XD-KERNEL-OLD", "XD-KERNEL-CONFIG"};
constexpr std::string_view kNeedsAllowed[] = {"XD-VM", "XD-KERNEL-OLD", "XD-KERNEL-CONFIG",
                                              "XD-MODULE-BLACKLISTED"};
constexpr std::string_view kNeedsIommu[] = {"XD-VM", "XD-IOMMU-CMDLINE"};
constexpr std::string_view kNeedsAnyIommu[] = {"XD-VM",
                                               "XD-KERNEL-OLD",
                                               "XD-KERNEL-CONFIG",
                                               "XD-MODULE-BLACKLISTED",
                                               "XD-MODULE-NOT-LOADED",
                                               "XD-IOMMU-CMDLINE",
                                               "XD-IOMMU-BIOS"};
constexpr std::string_view kNeedsStart[] = {"XD-VM",
                                            "XD-KERNEL-OLD",
                                            "XD-KERNEL-CONFIG",
                                            "XD-MODULE-BLACKLISTED",
                                            "XD-MODULE-NOT-LOADED",
                                            "XD-IOMMU-CMDLINE",
                                            "XD-IOMMU-BIOS",
                                            "XD-FW-MISSING",
                                            "XD-FW-COMPRESSION",
                                            "XD-FW-PROTOCOL",
                                            "XD-FW-BLOB",
                                            "XD-SMU",
                                            "XD-SVA",
                                            "XD-IRQ-LEAK",
                                            "XD-FLR"};
constexpr std::string_view kNeedsNode[] = {"XD-NODE-MISSING"};
constexpr std::string_view kNeedsPermission[] = {"XD-NODE-PERM", "XD-NODE-VOLUME"};
constexpr std::string_view kNeedsPermissionOnly[] = {"XD-NODE-PERM"};
constexpr std::string_view kNeedsXrt[] = {"XD-XRT-MISSING"};
constexpr std::string_view kNeedsGoodXrt[] = {"XD-XRT-MISSING", "XD-XRT-OLD"};
constexpr std::string_view kNeedsPlugin[] = {"XD-XRT-MISSING", "XD-XRT-OLD", "XD-XRT-PLUGIN"};
constexpr std::string_view kNeedsOldXrt[] = {"XD-XRT-OLD", "XD-XRT-MIXED"};

constexpr std::string_view kFirmwareLinks[] = {"https://github.com/amd/xdna-driver/issues/282",
                                               "https://github.com/amd/xdna-driver/issues/421"};
constexpr std::string_view kProtocolLinks[] = {"https://github.com/amd/xdna-driver/issues/1074"};
constexpr std::string_view kMagicLinks[] = {"https://github.com/amd/xdna-driver/issues/389"};
constexpr std::string_view kSmuLinks[] = {"https://github.com/amd/xdna-driver/issues/1193"};
constexpr std::string_view kSvaLinks[] = {"https://github.com/amd/xdna-driver/issues/704"};
constexpr std::string_view kMemlockLinks[] = {"https://github.com/amd/xdna-driver/issues/903"};
constexpr std::string_view kPluginLinks[] = {"https://github.com/amd/xdna-driver/issues/50"};
constexpr std::string_view kVolumeLinks[] = {
    "https://github.com/lemonade-sdk/lemonade/issues/2742"};
constexpr std::string_view kFlrLinks[] = {"https://github.com/amd/xdna-driver/issues/1101"};
constexpr std::string_view kSuspendLinks[] = {"https://github.com/amd/xdna-driver/issues/18"};
constexpr std::string_view kMixedLinks[] = {"https://github.com/amd/xdna-driver/issues/391"};

constexpr std::string_view kReload =
    "load the driver anew (sudo modprobe -r amdxdna && sudo modprobe amdxdna); when that does not "
    "help, reboot";

}  // namespace

std::span<const Check> checks() {
  static constexpr Check kChecks[] = {
      {.id = "XD-PCI-MISSING",
       .family = kFamily,
       .layer = Layer::kHardware,
       .title = "A processor that has an NPU shows it on the PCI bus",
       .symptom = "no 1022:1502 and no 1022:17f0 in lspci",
       .cause = "the firmware set-up (BIOS) has the NPU switched off, or is too old to offer it",
       .fix = "switch on \"NPU\" or \"IPU\" in the firmware set-up, after an update of it",
       .run = on_the_bus},
      {.id = "XD-VM",
       .family = kFamily,
       .layer = Layer::kHardware,
       .title = "The NPU's driver runs on the machine itself",
       .symptom = "Running under hypervisor not supported",
       .cause = "this is a virtual machine, and the driver refuses to run in one",
       .fix = "use the NPU on the host, and reach it from here over the network (anynpu serve)",
       .run = bare_metal},
      {.id = "XD-IOMMU-CMDLINE",
       .family = kFamily,
       .layer = Layer::kHardware,
       .title = "The kernel's command line leaves the IOMMU on",
       .symptom = "No NPU device found; SVA bind device failed, ret -19",
       .cause = "the IOMMU is switched off on the kernel's command line, and the NPU needs it",
       .fix = "take amd_iommu=off (or iommu=off) off the kernel's command line and reboot",
       .links = kSvaLinks,
       .run = iommu_on_command_line},
      {.id = "XD-IOMMU-BIOS",
       .family = kFamily,
       .layer = Layer::kHardware,
       .title = "There is an IOMMU",
       .symptom = "SVA bind device failed, ret -19; Enable PASID failed, ret -19",
       .cause = "the firmware set-up (BIOS) has the IOMMU switched off, and the NPU needs it",
       .fix = "switch on \"IOMMU\" (not \"auto\") in the firmware set-up",
       .links = kSvaLinks,
       .depends_on = kNeedsIommu,
       .run = iommu_there},
      {.id = "XD-KERNEL-OLD",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The kernel is new enough to have the driver",
       .symptom = "the NPU is in lspci and nothing uses it",
       .cause = "the driver amdxdna is in Linux 6.14 and later, and this kernel is older",
       .fix = "install a kernel of 6.14 or later (6.17 or later is better), and reboot",
       .depends_on = std::span(kNeedsKernel).first(1),
       .run = kernel_new_enough},
      {.id = "XD-KERNEL-CONFIG",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The kernel was built with the driver",
       .symptom = "modinfo: ERROR: Module amdxdna not found",
       .cause = "this kernel was built without CONFIG_DRM_ACCEL_AMDXDNA (cloud flavours are)",
       .fix = "use the distribution's generic kernel",
       .depends_on = kNeedsKernel,
       .run = kernel_has_driver},
      {.id = "XD-MODULE-BLACKLISTED",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver's module is not on a block list",
       .symptom = "the module amdxdna is never loaded",
       .cause = "a file of modprobe.d keeps the module from being loaded",
       .fix = "remove the line and load the module",
       .depends_on = kNeedsModule,
       .run = module_allowed},
      {.id = "XD-MODULE-NOT-LOADED",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver's module is loaded",
       .symptom = "the NPU is in lspci without a driver in use",
       .cause = "the module amdxdna is there and not loaded",
       .fix = "sudo modprobe amdxdna",
       .depends_on = kNeedsAllowed,
       .run = module_loaded},
      {.id = "XD-DRIVER-SHADOWED",
       .family = kFamily,
       .layer = Layer::kKernel,
       .severity = Severity::kDegraded,
       .title = "The driver that DKMS built is the one that is loaded",
       .symptom = "XRT and driver versions do not fit although both were installed together",
       .cause = "the kernel's own driver was loaded in the place of the one that DKMS built",
       .fix = "sudo depmod -a, update the initramfs, reboot",
       .run = newest_driver_loaded},
      {.id = "XD-FW-MISSING",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The NPU's firmware is installed",
       .symptom = "Direct firmware load for amdnpu/1502_00/npu.sbin failed with error -2",
       .cause = "the firmware of this NPU is not on the machine",
       .fix = "install the firmware package (Debian: firmware-amd-graphics of non-free-firmware; "
              "Ubuntu: linux-firmware), then load the driver anew",
       .links = kFirmwareLinks,
       .depends_on = kNeedsDriver,
       .run = firmware_there},
      {.id = "XD-FW-COMPRESSION",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The kernel can unpack the NPU's firmware",
       .symptom = "Direct firmware load failed with error -2 although the file is there",
       .cause = "the firmware is packed with zstd, and this kernel cannot unpack that",
       .fix = "unpack the files beside themselves, or use a kernel with "
              "CONFIG_FW_LOADER_COMPRESS_ZSTD",
       .links = kFirmwareLinks,
       .depends_on = kNeedsDriver,
       .run = firmware_readable},
      {.id = "XD-FW-PROTOCOL",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "Firmware and driver speak the same protocol",
       .symptom = "Incompatible firmware protocol major 7 minor 2; firmware is not alive",
       .cause = "the firmware is newer than this kernel's driver understands",
       .fix = "update the kernel, or go back to the distribution's earlier firmware",
       .links = kProtocolLinks,
       .depends_on = kNeedsAnyIommu,
       .run = in_log<kProtocol>},
      {.id = "XD-FW-BLOB",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The firmware is the one for this NPU",
       .symptom = "Invalid mbox magic; smu cmd 4 failed, 0xff",
       .cause = "the firmware file is not the one for this NPU, or is damaged",
       .fix = "install the distribution's own firmware over it",
       .links = kMagicLinks,
       .depends_on = kNeedsAnyIommu,
       .run = in_log<kMailboxMagic>},
      {.id = "XD-SMU",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The system's power controller answers the driver",
       .symptom = "aie2_smu_init: Access power failed, ret -22",
       .cause = "the power controller (SMU) is in a state that the driver does not expect",
       .fix = "switch the machine off fully (unplug it), start it again; update the kernel",
       .links = kSmuLinks,
       .depends_on = kNeedsAnyIommu,
       .run = in_log<kSmu>},
      {.id = "XD-SVA",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver can share address spaces with the NPU",
       .symptom = "SVA bind device failed; Enable PASID failed",
       .cause = "the IOMMU is on and does not give the NPU a shared address space (an older driver "
                "with iommu=pt, or a kernel without PASID support)",
       .fix = "take iommu=pt off the kernel's command line, or update the kernel",
       .links = kSvaLinks,
       .depends_on = kNeedsAnyIommu,
       .run = in_log<kSva>},
      {.id = "XD-IRQ-LEAK",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver gets its interrupt",
       .symptom = "Set hclock to 1600 failed -110; Failed to request irq -16",
       .cause = "an earlier start of the driver failed half-way and kept the interrupt",
       .fix = kReload,
       .depends_on = kNeedsAnyIommu,
       .run = in_log<kIrq>},
      {.id = "XD-FLR",
       .family = kFamily,
       .layer = Layer::kHardware,
       .title = "Nobody has reset the PCI function",
       .symptom = "not ready after FLR; Start hardware failed -22; /dev/accel/accel0 is gone",
       .cause = "a function level reset was tried; this NPU does not come back from it",
       .fix = "reboot, and never reset it through sysfs again",
       .links = kFlrLinks,
       .run = in_log<kFlr>},
      {.id = "XD-PROBE-FAILED",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "The driver takes the NPU",
       .symptom = "the module is loaded, and lspci shows no driver in use",
       .cause = "the driver did not start the NPU; the kernel log says why: dmesg | grep amdxdna",
       .fix = kReload,
       .depends_on = kNeedsStart,
       .run = driver_bound},
      {.id = "XD-DRIVER-OLD",
       .family = kFamily,
       .layer = Layer::kKernel,
       .severity = Severity::kDegraded,
       .title = "The driver has the attributes by which XRT finds the NPU",
       .symptom = "xrt-smi examine: 0 devices found",
       .cause =
           "the driver of this kernel is an early one without vbnv, fw_version and device_type "
           "in sysfs",
       .fix = "update the kernel to 6.17 or later",
       .links = kPluginLinks,
       .run = driver_attributes},
      {.id = "XD-NODE-MISSING",
       .family = kFamily,
       .layer = Layer::kNode,
       .title = "The NPU's node is in /dev/accel",
       .symptom = "No NPU device found",
       .cause = "the driver is there, and its node is not",
       .fix = "pass the node into the container; on a host: udevadm trigger",
       .run = node_there},
      {.id = "XD-NODE-PERM",
       .family = kFamily,
       .layer = Layer::kPermission,
       .title = "The user may open the NPU's node",
       .symptom = "open /dev/accel/accel0: Permission denied",
       .cause = "this user may not open the NPU's node, which belongs to the group render",
       .fix = "join the node's group, by number in a container",
       .depends_on = kNeedsNode,
       .run = node_permission},
      {.id = "XD-NODE-VOLUME",
       .family = kFamily,
       .layer = Layer::kContainer,
       .title = "The container has the right to the node, and not only the node",
       .symptom = "open /dev/accel/accel0: Operation not permitted",
       .cause =
           "the node was mounted as a volume: that gives the file without the right to open it",
       .fix = "pass it as a device (--device, devices:), not as a volume",
       .links = kVolumeLinks,
       .depends_on = kNeedsPermissionOnly,
       .run = device_not_volume},
      {.id = "XD-MEMLOCK",
       .family = kFamily,
       .layer = Layer::kPermission,
       .title = "The user may lock 64 MB of memory",
       .symptom = "mmap(..., len=67108864, ...) failed (err=-11)",
       .cause = "the limit on locked memory is under the 64 MB of the NPU's heap",
       .fix = "raise RLIMIT_MEMLOCK for logins, for services and for containers",
       .links = kMemlockLinks,
       .depends_on = kNeedsPermission,
       .run = memory_lock},
      {.id = "XD-XRT-MISSING",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .title = "XRT is installed",
       .symptom = "libxrt_coreutil.so.2: cannot open shared object file",
       .cause = "XRT, AMD's runtime library, is not installed",
       .fix = "install libxrt2 and libxrt-npu2 (Debian forky or trixie-backports, Ubuntu 26.04)",
       .run = xrt_there},
      {.id = "XD-XRT-OLD",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .title = "XRT is of a generation that knows NPUs",
       .symptom = "xrt-smi examine: 0 devices found",
       .cause = "this XRT (2.13, for Alveo cards) is older than support for NPUs",
       .fix = "install XRT 2.21 or later with libxrt-npu2",
       .depends_on = kNeedsXrt,
       .run = xrt_new_enough},
      {.id = "XD-XRT-PLUGIN",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .title = "XRT's NPU plugin is beside it",
       .symptom = "No devices found; 0 devices",
       .cause = "XRT is there, and its plugin for NPUs is not",
       .fix = "install libxrt-npu2 of the same version",
       .links = kPluginLinks,
       .depends_on = kNeedsGoodXrt,
       .run = plugin_there},
      {.id = "XD-XRT-VERSIONS",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .title = "XRT and its NPU plugin are of one version",
       .symptom = "0 devices found, or a crash when the plugin is loaded",
       .cause = "XRT and its NPU plugin are of different versions",
       .fix = "install both from the same source",
       .links = kPluginLinks,
       .depends_on = kNeedsPlugin,
       .run = plugin_of_one_version},
      {.id = "XD-XRT-MIXED",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .severity = Severity::kDegraded,
       .title = "There is one XRT",
       .symptom = "symbol lookup error: undefined symbol",
       .cause = "two versions of XRT are installed, and programs mix their libraries",
       .fix = "remove one of them (the vendor's in /opt/xilinx, or the distribution's)",
       .links = kMixedLinks,
       .run = one_xrt},
      {.id = "XD-PYTHON-XRT",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .severity = Severity::kNote,
       .title = "The Python module xrt is AMD's",
       .symptom = "AttributeError: module 'xrt' has no attribute 'device'",
       .cause = "the Python module xrt on this machine is an X-ray tracer of the same name",
       .fix = "use pyxrt (python3-xrt of Debian forky or trixie-backports)",
       .run = python_module},
      {.id = "XD-CARVEOUT",
       .family = kFamily,
       .layer = Layer::kKernel,
       .title = "Programs get an address space on the NPU",
       .symptom = "PASID unavailable and carveout not configured; Heap BO is not supported on CMA "
                  "platform",
       .cause = "the IOMMU does not translate for the NPU, so that programs cannot be given memory",
       .fix = "switch the IOMMU on, without iommu=pt on older kernels",
       .depends_on = kNeedsAnyIommu,
       .run = in_log<kCarveout>},
      {.id = "XD-FW-WEDGED",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The firmware gives out contexts",
       .symptom = "CREATE_CONTEXT: opcode 0x2 ... status 0x2000003, and everything after it fails",
       .cause = "the NPU's firmware has run out of contexts and does not recover by itself",
       .fix = kReload,
       .run = in_log<kContexts>},
      {.id = "XD-SUSPEND",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .title = "The NPU's firmware follows the machine into suspend",
       .symptom = "suspend NPU firmware failed -19; the machine does not suspend",
       .cause = "the NPU's firmware is dead and refuses to suspend",
       .fix = "sudo modprobe -r amdxdna before the suspend; reboot to use the NPU again",
       .links = kSuspendLinks,
       .run = in_log<kSuspend>},
      {.id = "XD-TDR",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .severity = Severity::kDegraded,
       .title = "No command has run into the driver's time limit",
       .symptom = "TDR timeout detected; Device isn't making progress; ERT state TIMEOUT",
       .cause = "a command took more than two seconds and was ended: it hangs, or does too much",
       .fix = "split the work into shorter commands, or mend the design that hangs",
       .run = in_log<kTdr>},
      {.id = "XD-POWER-CYCLED",
       .family = kFamily,
       .layer = Layer::kFirmware,
       .severity = Severity::kDegraded,
       .title = "The driver did not have to power-cycle the NPU",
       .symptom = "NPU firmware unhealthy ... power-cycling NPU",
       .cause = "the firmware stopped answering and the driver restarted it",
       .fix = "update firmware and kernel; leave out the model that was running",
       .run = in_log<kPowerCycle>},
      {.id = "XD-COLUMNS",
       .family = kFamily,
       .layer = Layer::kContainer,
       .severity = Severity::kDegraded,
       .title = "There are columns free for each program",
       .symptom = "CREATE_HWCTX err=-28 or -19; Allocate AIE resource failed",
       .cause = "programs with designs of different widths hold the NPU's columns",
       .fix = "build all designs for one width, or end the program that holds the NPU",
       .run = in_log<kColumns>},
      {.id = "XD-XRT-NEWER",
       .family = kFamily,
       .layer = Layer::kLibrary,
       .severity = Severity::kNote,
       .title = "XRT asks the driver only for what it knows",
       .symptom = "Not supported request parameter N; GET_INFO err=-95",
       .cause = "XRT is newer than the kernel's driver and asks for figures that it does not have",
       .fix = "nothing: it is harmless; a newer kernel silences it",
       .depends_on = kNeedsOldXrt,
       .run = in_log<kParameter>},
  };
  return kChecks;
}

}  // namespace anynpu::npu::xdna

// SPDX-License-Identifier: Apache-2.0
// Containers and clusters: the CDI specifications of this machine, and the kubelet's sockets.
#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/report.h"
#include "base/text.h"
#include "doctor/cdi_spec.h"
#include "doctor/machine_checks.h"
#include "npu/remedies.h"
#include "npu/sysfs.h"

namespace anynpu::doctor {
namespace {

using npu::CheckContext;
using npu::Device;
using npu::Problem;
using npu::Remedy;
using npu::Verdict;

constexpr const char* kPlugins = "/var/lib/kubelet/device-plugins";
constexpr std::size_t kMostSpecs = 64;

// Whether a kind is one of NPUs: "anynpu.dev/npu", "rockchip.com/rknpu". A word alone counts: the
// letters are in "input" too.
bool is_npu_kind(std::string_view kind) {
  std::string word;
  for (char c : std::string(kind) + "/") {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      word += c;
      continue;
    }
    for (std::string_view known : {"npu", "rknpu", "rocket", "axcl", "xdna", "accel"})
      if (word == known) return true;
    word.clear();
  }
  return false;
}

// Whether a specification is of an NPU; those of other devices are no concern.
bool is_of_npu(const CheckContext& context, const CdiSpec& spec, std::string_view text) {
  if (is_npu_kind(spec.kind)) return true;
  // One that is not even read has no kind.
  if (spec.kind.empty() && spec.nodes.empty()) return text.find("/npu\"") != std::string_view::npos;
  return std::any_of(spec.nodes.begin(), spec.nodes.end(), [&](const CdiNode& node) {
    for (const char* known : {"/dev/rknpu", "/dev/axcl_host", "/dev/ax_mmb_dev"})
      if (node.host_path == known) return true;
    return std::any_of(
        context.devices().begin(), context.devices().end(), [&](const Device& device) {
          return std::find(device.nodes.begin(), device.nodes.end(), node.host_path) !=
                 device.nodes.end();
        });
  });
}

struct SpecFile {
  std::string path;
  bool json = false;
  CdiSpec spec;
};

// The specifications of NPUs, in the folders that every runtime reads.
struct Specs {
  std::vector<SpecFile> files;

  static Specs read(const CheckContext& context) {
    Specs specs;
    const host::Machine& machine = context.machine();
    for (const std::string folder : {"/etc/cdi", "/var/run/cdi"})
      for (const std::string& name : machine.list(folder)) {
        const bool json = name.ends_with(".json");
        if ((!json && !name.ends_with(".yaml")) || specs.files.size() >= kMostSpecs) continue;
        std::string path = folder + "/" + name;
        auto text = machine.read_text(path);
        if (!text) continue;
        CdiSpec spec = json ? read_cdi_json(*text) : read_cdi_yaml(*text);
        if (is_of_npu(context, spec, *text))
          specs.files.push_back({std::move(path), json, std::move(spec)});
      }
    return specs;
  }
};

bool any_npu_node(const CheckContext& context) {
  for (const Device& device : context.devices())
    for (const std::string& node : device.nodes)
      if (context.machine().exists(node)) return true;
  return false;
}

// The file of /etc/cdi that has the kind, or else a new one of its own; /var/run/cdi is gone after
// a reboot.
std::string file_of(const CheckContext& context, const std::string& kind) {
  for (const SpecFile& known : context.facts<Specs>().files)
    if (known.spec.kind == kind && known.path.starts_with("/etc/cdi/")) return known.path;
  std::string name = kind;
  std::replace(name.begin(), name.end(), '/', '-');
  return "/etc/cdi/" + name + ".json";
}

// What a device's name in a specification stands for: an id, its number ("0", "npu0"), or all.
std::vector<std::string> nodes_of(const CheckContext& context, const std::string& name) {
  std::vector<const Device*> devices;
  for (const Device& device : context.devices())
    if (!device.nodes.empty()) devices.push_back(&device);
  for (const Device* device : devices)
    if (device->id == name) return device->nodes;
  const std::string digits = name.substr(name.find_last_not_of("0123456789") + 1);
  for (std::size_t i = 0; i < devices.size(); ++i)
    if (digits == std::to_string(i)) return devices[i]->nodes;
  std::vector<std::string> all;
  for (const Device* device : devices)
    for (const std::string& node : device->nodes)
      if (std::find(all.begin(), all.end(), node) == all.end()) all.push_back(node);
  return all;
}

// The names that the file's devices get: those that it has, those that are asked for, and the ids;
// none that another file has, because of two of one name neither counts.
std::set<std::string> names_for(const CheckContext& context, const std::string& kind,
                                const std::string& file, const std::set<std::string>& asked) {
  std::set<std::string> names = asked, own, others;
  for (const Device& device : context.devices())
    if (!device.nodes.empty()) names.insert(device.id);
  for (const SpecFile& known : context.facts<Specs>().files)
    if (known.spec.kind == kind)
      (known.path == file ? own : others)
          .insert(known.spec.devices.begin(), known.spec.devices.end());
  std::erase_if(names, [&](const std::string& name) { return others.contains(name); });
  names.insert(own.begin(), own.end());
  names.erase("");
  return names;
}

// The least that describes a device: nodes, in the words of version 0.5.0. The file that is there
// is kept under a name that no runtime reads.
Remedy write_spec(const CheckContext& context, const std::string& kind, const std::string& file,
                  const std::set<std::string>& asked = {}) {
  Json devices = Json::array();
  for (const std::string& name : names_for(context, kind, file, asked)) {
    Json nodes = Json::array();
    for (const std::string& node : nodes_of(context, name)) nodes.push_back({{"path", node}});
    devices.push_back({{"name", name}, {"containerEdits", {{"deviceNodes", nodes}}}});
  }
  const Json spec{{"cdiVersion", "0.5.0"}, {"kind", kind}, {"devices", devices}};
  Remedy remedy;
  remedy.text = "write the CDI specification of the NPU as it is now";
  if (context.machine().exists(file)) {
    remedy.commands.push_back(fmt::format("sudo cp -a {} {}", npu::shell_quoted(file),
                                          npu::shell_quoted(file + ".before")));
    remedy.risk = fmt::format(
        "mounts, hooks and environment variables of the old file are not in the new one: take over "
        "by hand what you need from {}.before",
        file);
  } else if (const std::string folder = file.substr(0, file.rfind('/'));
             !context.machine().exists(folder)) {
    remedy.commands.push_back("sudo mkdir -p " + folder);
  }
  remedy.commands.push_back(fmt::format("echo {} | sudo tee {}", npu::shell_quoted(spec.dump()),
                                        npu::shell_quoted(file)));
  remedy.needs_root = true;
  return remedy;
}

}  // namespace

Verdict check_cdi_faults(const CheckContext& context) {
  if (context.container()) return npu::skip("a container's own specifications serve nobody");
  std::vector<Problem> problems;
  for (const SpecFile& file : context.facts<Specs>().files) {
    Problem problem;
    for (const std::string& fault : file.spec.faults)
      problem.evidence.push_back(file.path + ": " + fault);
    if (!problem.evidence.empty()) problems.push_back(std::move(problem));
  }
  if (context.facts<Specs>().files.empty()) return npu::skip("no CDI specification of an NPU");
  return npu::fail(std::move(problems));
}

Verdict check_cdi_too_new(const CheckContext& context) {
  if (context.container()) return npu::skip("a container's own specifications serve nobody");
  const host::Distribution& distribution = context.distribution();
  // The last version that the podman of a distribution reads.
  std::string last;
  if (distribution.id == "debian" && distribution.version == "12") last = "0.5.0";
  if (distribution.id == "ubuntu" && distribution.version == "24.04") last = "0.6.0";
  if (last.empty() || !context.machine().exists("/usr/bin/podman"))
    return npu::skip("no runtime whose limits are known");
  std::vector<Problem> problems;
  for (const SpecFile& file : context.facts<Specs>().files)
    if (cdi_before(last, file.spec.version))
      problems.push_back(
          {.evidence = {fmt::format("{}: cdiVersion {}", file.path, file.spec.version),
                        fmt::format("/usr/bin/podman of {}: reads up to {}", distribution.name,
                                    last)},
           .remedy = write_spec(context, file.spec.kind, file.path)});
  return npu::fail(std::move(problems));
}

Verdict check_cdi_stale(const CheckContext& context) {
  if (context.container()) return npu::skip("a container's own specifications serve nobody");
  // Without a node, what takes it away is the cause.
  if (!any_npu_node(context)) return npu::skip("no NPU has a device node");
  const host::Machine& machine = context.machine();
  std::vector<std::string> nodes;
  for (const Device& device : context.devices())
    nodes.insert(nodes.end(), device.nodes.begin(), device.nodes.end());
  std::vector<Problem> problems;
  for (const SpecFile& file : context.facts<Specs>().files) {
    Problem problem;
    for (const CdiNode& node : file.spec.nodes) {
      if (std::find(nodes.begin(), nodes.end(), node.host_path) != nodes.end() &&
          !machine.exists(node.host_path))
        continue;  // the NPU has it, and something took it away
      auto now = machine.stat(node.host_path);
      if (!now && now.error().code == Code::kNotFound)
        problem.evidence.push_back(
            fmt::format("{}: {}, which is not there", file.path, node.host_path));
      else if (now && node.major && node.minor &&
               (*node.major != now->major || *node.minor != now->minor))
        problem.evidence.push_back(fmt::format("{}: {} is {}:{}, it has become {}:{}", file.path,
                                               node.host_path, *node.major, *node.minor, now->major,
                                               now->minor));
    }
    if (problem.evidence.empty()) continue;
    problem.remedy = write_spec(context, file.spec.kind, file.path);
    problems.push_back(std::move(problem));
  }
  return npu::fail(std::move(problems));
}

Verdict check_cdi_missing(const CheckContext& context) {
  if (context.container()) return npu::skip("a container's own services are no concern");
  if (!any_npu_node(context)) return npu::skip("no NPU has a device node");
  std::vector<std::string> known;
  for (const SpecFile& file : context.facts<Specs>().files)
    for (const std::string& device : file.spec.devices)
      known.push_back(file.spec.kind + "=" + device);
  std::map<std::string, Problem> problems;  // by kind
  std::map<std::string, std::set<std::string>> asked;
  // Quadlets of podman: "AddDevice=anynpu.dev/npu=rocket0".
  for (const std::string& name : context.machine().list("/etc/containers/systemd")) {
    if (!name.ends_with(".container")) continue;
    const std::string path = "/etc/containers/systemd/" + name;
    auto text = context.machine().read_text(path);
    if (!text) continue;
    for (const std::string& line : split(*text, '\n')) {
      constexpr std::string_view kAdd = "AddDevice=";
      const std::string_view rule = trim(line);
      if (!rule.starts_with(kAdd)) continue;
      const std::string device(trim(rule.substr(kAdd.size())));
      const std::size_t equals = device.find('=');
      if (device.starts_with('/') || equals == std::string::npos ||
          !is_npu_kind(std::string_view(device).substr(0, equals)))
        continue;
      if (std::find(known.begin(), known.end(), device) != known.end()) continue;
      const std::string kind = printable(device.substr(0, equals));
      problems[kind].evidence.push_back(path + ": AddDevice=" + printable(device));
      asked[kind].insert(printable(device.substr(equals + 1)));
    }
  }
  std::vector<Problem> found;
  for (auto& [kind, problem] : problems) {
    problem.evidence.push_back(known.empty() ? "/etc/cdi, /var/run/cdi: no specification of an NPU"
                                             : "the specifications have " + join(known, ", "));
    problem.remedy = write_spec(context, kind, file_of(context, kind), asked[kind]);
    found.push_back(std::move(problem));
  }
  return npu::fail(std::move(found));
}

Verdict check_kubelet_socket(const CheckContext& context) {
  if (!context.container()) return npu::skip("this is no container");
  const host::Machine& machine = context.machine();
  auto names = machine.names(kPlugins);
  if (!names && names.error().code == Code::kNotFound)
    return npu::skip("the kubelet's folder is not mounted here");
  const std::string socket = std::string(kPlugins) + "/kubelet.sock";
  auto node = machine.stat(socket);
  if (node && machine.may_open(socket)) return npu::pass();
  Problem problem;
  problem.evidence = {npu::describe_node(machine, socket)};
  if (node || node.error().code == Code::kPermission) {
    problem.remedy.text = "run the device plugin as root: the socket is root's";
    problem.remedy.commands = {
        "kubectl patch daemonset NAME -p '{\"spec\":{\"template\":{\"spec\":{\"securityContext\":{"
        "\"runAsUser\":0}}}}}'"};
  } else {
    problem.remedy.text =
        "mount the folder of the kubelet that runs here: some distributions keep it elsewhere "
        "(MicroK8s: /var/snap/microk8s/common/var/lib/kubelet, k0s: /var/lib/k0s/kubelet)";
    problem.remedy.commands = {"ps -o args= -C kubelet    # on the node: its --root-dir"};
  }
  return npu::fail(std::move(problem));
}

Verdict check_device_plugin(const CheckContext& context) {
  if (context.container()) return npu::skip("the host's matter");
  if (!any_npu_node(context)) return npu::skip("no NPU has a device node");
  auto names = context.machine().names(kPlugins);
  if (!names && names.error().code == Code::kNotFound) return npu::skip("no kubelet runs here");
  if (!names) return npu::cannot_tell(names.error().message);
  bool kubelet = false;
  for (const std::string& name : *names) {
    if (name == "kubelet.sock") {
      kubelet = true;
    } else if (name.ends_with(".sock")) {
      return npu::pass();
    }
  }
  if (!kubelet) return npu::skip("no kubelet runs here");
  return npu::fail(
      Problem{.evidence = {std::string(kPlugins) + ": kubelet.sock, and no plugin's socket"}});
}

}  // namespace anynpu::doctor

// SPDX-License-Identifier: Apache-2.0
// The socket of PulseAudio or PipeWire: who speaks to people needs it.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "doctor/machine_checks.h"
#include "npu/remedies.h"
#include "npu/sysfs.h"

namespace anynpu::doctor {
namespace {

using host::ContainerKind;
using npu::CheckContext;
using npu::Problem;
using npu::Remedy;
using npu::Verdict;

// Where clients look, in their order (pulseaudio(1), pipewire(1)).
std::vector<std::string> sound_sockets(const host::Machine& machine) {
  std::vector<std::string> paths;
  auto add = [&](std::string path) {
    if (std::find(paths.begin(), paths.end(), path) == paths.end())
      paths.push_back(std::move(path));
  };
  // "unix:/run/user/1000/pulse/native", also after a machine's name in braces.
  std::string server = host::environment_variable(machine, "PULSE_SERVER");
  if (server.starts_with('{')) server.erase(0, std::min(server.size(), server.find('}') + 1));
  if (server.starts_with("unix:")) server.erase(0, 5);
  const std::string pipewire = host::environment_variable(machine, "PIPEWIRE_REMOTE");
  if (server.starts_with('/')) add(server);
  if (pipewire.starts_with('/')) add(pipewire);
  if (!paths.empty()) return paths;  // who names one wants that one
  for (const char* variable : {"PIPEWIRE_RUNTIME_DIR", "XDG_RUNTIME_DIR"})
    if (std::string folder = host::environment_variable(machine, variable);
        folder.starts_with('/')) {
      add(folder + "/pipewire-0");
      add(folder + "/pulse/native");
    }
  add("/run/pulse/native");
  return paths;
}

// The nearest folder above that this user may not enter; empty when none can be told.
std::string closed_folder(const host::Machine& machine, std::string path) {
  while (path.size() > 1) {
    path.erase(path.rfind('/'));
    auto node = machine.stat(path.empty() ? "/" : path);
    if (node && node->kind == host::NodeKind::kFolder) return path;
  }
  return {};
}

Remedy share_socket(const CheckContext& context, const std::string& path,
                    const std::string& closed) {
  const host::Machine& machine = context.machine();
  auto node = machine.stat(closed.empty() ? path : closed);
  const uid_t uid = node ? node->uid : 0;
  const gid_t gid = node ? node->gid : 0;
  const unsigned wanted = closed.empty() ? 060U : 010U;  // read and write it, or enter the folder
  const bool group_may = node && (node->permissions & wanted) == wanted && gid != 0;
  const ContainerKind kind = context.container().kind;
  Remedy remedy;
  if (group_may)
    remedy.text = fmt::format("share the group {} of {}", gid, closed.empty() ? path : closed);
  else
    remedy.text = fmt::format("run as the user {}, whose sound server it is", uid);
  switch (kind) {
    case ContainerKind::kKubernetes:
      remedy.commands = {
          fmt::format("kubectl patch deployment NAME -p '{{\"spec\":{{\"template\":{{\"spec\":{{"
                      "\"securityContext\":{{{}}}}}}}}}}}'",
                      group_may ? fmt::format("\"supplementalGroups\":[{}]", gid)
                                : fmt::format("\"runAsUser\":{}", uid))};
      break;
    case ContainerKind::kPodman:
      remedy.commands = {fmt::format("podman run {} -v {}:{} ...",
                                     group_may ? "--group-add keep-groups" : "--userns keep-id",
                                     path, path)};
      break;
    case ContainerKind::kNone: {
      const std::string group = host::group_name(machine, gid);
      std::string user = host::user_name(machine, machine.identity().uid);
      if (user.empty()) user = "$USER";
      const std::string owner = host::user_name(machine, uid);
      remedy.needs_root = true;
      if (group_may && !group.empty())
        remedy.commands = {fmt::format("sudo usermod -aG {} {}", group, user)};
      else if (!group_may && !owner.empty())
        remedy.commands = {fmt::format("sudo systemctl edit anynpu    # [Service] User={}", owner)};
      break;
    }
    default:
      remedy.commands = {fmt::format(
          "docker run {} -v {}:{} ...",
          group_may ? fmt::format("--group-add {}", gid) : fmt::format("--user {}", uid), path,
          path)};
      break;
  }
  return remedy;
}

}  // namespace

Verdict check_sound_socket(const CheckContext& context) {
  const host::Machine& machine = context.machine();
  std::vector<Problem> closed;
  for (const std::string& path : sound_sockets(machine)) {
    auto node = machine.stat(path);
    if (node && node->kind == host::NodeKind::kSocket) {
      if (machine.may_open(path)) return npu::pass();  // one is enough
      closed.push_back({.evidence = {npu::describe_node(machine, path)},
                        .remedy = share_socket(context, path, "")});
    } else if (!node && node.error().code == Code::kPermission) {
      const std::string folder = closed_folder(machine, path);
      closed.push_back({.evidence = {path + ": Permission denied"},
                        .remedy = share_socket(context, path, folder)});
      if (!folder.empty()) closed.back().evidence.push_back(npu::describe_node(machine, folder));
    }
  }
  if (closed.empty()) return npu::skip("there is no socket of a sound server");
  return npu::fail(std::move(closed.front()));
}

}  // namespace anynpu::doctor

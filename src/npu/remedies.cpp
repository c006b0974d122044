// SPDX-License-Identifier: Apache-2.0
// Remedies in the words of the distribution and of the container that were found.
#include "npu/remedies.h"

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::npu {
namespace {

using host::ContainerKind;

bool is_like(const host::Distribution& distribution, std::string_view id) {
  return distribution.id == id || distribution.like.find(id) != std::string::npos;
}

}  // namespace

Remedy join_group(const CheckContext& context, const std::string& node,
                  std::string_view rule_match) {
  const host::Machine& machine = context.machine();
  auto info = machine.stat(node);
  gid_t gid = info ? info->gid : 0;
  bool group_may = info && (info->permissions & 060U) == 060U && gid != 0;
  Remedy remedy;
  switch (context.container().kind) {
    case ContainerKind::kDocker:
    case ContainerKind::kOther:
      remedy.text = fmt::format("start the container with the group {} of {}", gid, node);
      remedy.commands = {fmt::format("docker run --group-add {} --device {} ...", gid, node)};
      break;
    case ContainerKind::kPodman:
      remedy.text = fmt::format("start the container with the group {} of {}", gid, node);
      remedy.commands = {fmt::format("podman run --group-add keep-groups --device {} ...", node)};
      break;
    case ContainerKind::kKubernetes:
      remedy.text = fmt::format(
          "give the pod the group {} of {}: it has no name in the container, "
          "only its number counts",
          gid, node);
      remedy.commands = {
          fmt::format("kubectl patch deployment NAME -p "
                      "'{{\"spec\":{{\"template\":{{\"spec\":{{\"securityContext\":{{"
                      "\"supplementalGroups\":[{}]}}}}}}}}}}'",
                      gid)};
      break;
    case ContainerKind::kLxc:
      remedy.text = fmt::format("map the group {} into the container", gid);
      remedy.commands = {
          fmt::format("lxc config device add NAME npu unix-char source={} gid={}", node, gid)};
      break;
    case ContainerKind::kNone: {
      std::string group = host::group_name(machine, gid);
      std::string user = host::user_name(machine, machine.identity().uid);
      if (user.empty()) user = "$USER";
      remedy.needs_root = true;
      if (!group_may) {
        remedy.text = fmt::format("let the group render open {}, and join it", node);
        if (context.distribution().id == "nixos") {
          remedy.commands = {fmt::format(
              "services.udev.extraRules = ''{}, GROUP=\"render\", MODE=\"0660\"'';", rule_match)};
        } else {
          remedy.commands = {fmt::format("echo '{}, GROUP=\"render\", MODE=\"0660\"' | sudo tee "
                                         "/etc/udev/rules.d/70-anynpu.rules",
                                         rule_match),
                             "sudo udevadm control --reload && sudo udevadm trigger",
                             fmt::format("sudo usermod -aG render {}", user)};
        }
      } else if (context.distribution().id == "nixos") {
        remedy.text = fmt::format("join the group {}", group.empty() ? std::to_string(gid) : group);
        remedy.commands = {
            fmt::format("users.users.{}.extraGroups = [ \"{}\" ];", user == "$USER" ? "NAME" : user,
                        group.empty() ? "render" : group),
            "sudo nixos-rebuild switch"};
      } else if (group.empty()) {
        remedy.text = fmt::format("give the group {} a name and join it", gid);
        remedy.commands = {fmt::format("sudo groupadd -g {} npu", gid),
                           fmt::format("sudo usermod -aG npu {}", user)};
      } else {
        remedy.text = fmt::format("join the group {}, then log out and in again", group);
        remedy.commands = {fmt::format("sudo usermod -aG {} {}", group, user)};
      }
      break;
    }
  }
  return remedy;
}

Remedy pass_devices(const CheckContext& context, const std::vector<std::string>& nodes) {
  Remedy remedy;
  std::string options;
  for (const std::string& node : nodes) options += " --device " + node;
  switch (context.container().kind) {
    case ContainerKind::kKubernetes:
      remedy.text =
          "request the NPU from a device plugin, or name it as a CDI device: a hostPath "
          "volume does not give the right to open it";
      break;
    case ContainerKind::kPodman:
      remedy.text = "pass the nodes as devices, not as volumes";
      remedy.commands = {"podman run" + options + " ..."};
      break;
    case ContainerKind::kLxc:
      remedy.text = "pass the nodes as devices";
      for (const std::string& node : nodes)
        remedy.commands.push_back("lxc config device add NAME npu unix-char source=" + node);
      break;
    default:
      remedy.text = "pass the nodes as devices, not as volumes";
      remedy.commands = {"docker run" + options + " ..."};
      break;
  }
  return remedy;
}

Remedy install_package(const CheckContext& context, std::string text, const PackageNames& names) {
  Remedy remedy;
  remedy.text = std::move(text);
  remedy.needs_root = true;
  const host::Distribution& distribution = context.distribution();
  auto say = [&](std::string_view format, std::string_view name) {
    if (!name.empty()) remedy.commands.push_back(fmt::format(fmt::runtime(format), name));
  };
  if (distribution.id == "nixos")
    say("hardware.graphics.extraPackages = [ pkgs.{} ];", names.nix);
  else if (is_like(distribution, "fedora") || is_like(distribution, "rhel"))
    say("sudo dnf install {}", names.dnf);
  else if (is_like(distribution, "alpine"))
    say("apk add {}", names.apk);
  else if (is_like(distribution, "debian") || is_like(distribution, "ubuntu") ||
           distribution.id == "armbian")
    say("sudo apt-get install {}", names.apt);
  if (context.container() && !remedy.commands.empty()) {
    remedy.needs_root = false;
    remedy.text += ", in the container's image";
  }
  return remedy;
}

Remedy load_module(const CheckContext& context, std::string_view name) {
  Remedy remedy;
  remedy.text = fmt::format("load the kernel module {}", name);
  remedy.needs_root = true;
  if (context.distribution().id == "nixos") {
    remedy.commands = {fmt::format("boot.kernelModules = [ \"{}\" ];", name),
                       "sudo nixos-rebuild switch"};
  } else if (context.distribution().id == "talos") {
    remedy.commands = {
        fmt::format("talosctl patch mc -p "
                    "'[{{\"op\":\"add\",\"path\":\"/machine/kernel\",\"value\":{{"
                    "\"modules\":[{{\"name\":\"{}\"}}]}}}}]'",
                    name)};
  } else {
    remedy.commands = {fmt::format("sudo modprobe {}", name),
                       fmt::format("echo {0} | sudo tee /etc/modules-load.d/{0}.conf", name)};
  }
  if (context.container()) remedy.text += " on the host";
  return remedy;
}

}  // namespace anynpu::npu

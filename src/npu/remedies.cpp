// SPDX-License-Identifier: Apache-2.0
// Remedies in the words of the distribution and of the container that were found.
#include "npu/remedies.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/library_copies.h"

namespace anynpu::npu {
namespace {

using host::ContainerKind;

bool is_like(const host::Distribution& distribution, std::string_view id) {
  return distribution.id == id || distribution.like.find(id) != std::string::npos;
}

/// "a", "a and b", "a, b and c".
std::string in_words(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " and " : ", ") + words[i];
  return text;
}

std::string user_of(const CheckContext& context) {
  std::string user = host::user_name(context.machine(), context.machine().identity().uid);
  return user.empty() ? "$USER" : user;
}

/// Nodes that only root may open: a rule gives them to a group.
void open_to_render(const CheckContext& context, const std::string& node,
                    const std::vector<std::string_view>& rule_matches, Remedy& remedy) {
  remedy.text = fmt::format("let the group render open {}, and join it", node);
  const bool nixos = context.distribution().id == "nixos";
  std::string_view append;
  std::string rules;
  for (std::string_view match : rule_matches) {
    if (match.empty()) continue;  // such a rule is one for every device
    const std::string rule = fmt::format("{}, GROUP=\"render\", MODE=\"0660\"", match);
    rules += (rules.empty() ? "" : "\\n") + rule;
    if (!nixos)
      remedy.commands.push_back(
          fmt::format("echo '{}' | sudo tee {}/etc/udev/rules.d/70-anynpu.rules", rule, append));
    append = "-a ";
  }
  if (nixos) {
    remedy.commands = {fmt::format("services.udev.extraRules = ''{}'';", rules)};
    return;
  }
  remedy.commands.emplace_back("sudo udevadm control --reload && sudo udevadm trigger");
  remedy.commands.push_back("sudo usermod -aG render " + user_of(context));
}

void join_on_host(const CheckContext& context, const std::vector<gid_t>& gids, Remedy& remedy) {
  const std::string user = user_of(context);
  std::vector<std::string> names, made, quoted;
  for (gid_t gid : gids) {
    std::string name = host::group_name(context.machine(), gid);
    if (name.empty()) {
      name = made.empty() ? "npu" : fmt::format("npu{}", gid);
      made.push_back(std::to_string(gid));
      remedy.commands.push_back(fmt::format("sudo groupadd -g {} {}", gid, name));
    }
    quoted.push_back('"' + name + '"');
    names.push_back(std::move(name));
  }
  const std::string_view plural = names.size() == 1 ? "" : "s";
  remedy.text = made.empty() ? fmt::format("join the group{} {}", plural, in_words(names))
                             : fmt::format("give the group {} a name and join the group{} {}",
                                           in_words(made), plural, in_words(names));
  if (context.distribution().id == "nixos") {
    remedy.commands = {fmt::format("users.users.{}.extraGroups = [ {} ];",
                                   user == "$USER" ? "NAME" : user, join(quoted, " ")),
                       "sudo nixos-rebuild switch"};
    return;
  }
  remedy.text += ", then log out and in again";
  remedy.commands.push_back(fmt::format("sudo usermod -aG {} {}", join(names, ","), user));
}

std::string supplemental_groups(const std::string& gids) {
  return fmt::format(
      "kubectl patch deployment NAME -p "
      "'{{\"spec\":{{\"template\":{{\"spec\":{{\"securityContext\":{{"
      "\"supplementalGroups\":[{}]}}}}}}}}}}'",
      gids);
}

// A device of an LXC container has a name of its own.
std::string add_to_lxc(const std::string& node, const std::string& more = "") {
  return fmt::format("lxc config device add NAME {} unix-char source={}{}",
                     node.substr(node.rfind('/') + 1), node, more);
}

bool has_backports(const host::Machine& machine) {
  std::vector<std::string> files = {"/etc/apt/sources.list"};
  for (const std::string& name : machine.list("/etc/apt/sources.list.d"))
    files.push_back("/etc/apt/sources.list.d/" + name);
  return std::any_of(files.begin(), files.end(), [&](const std::string& file) {
    auto text = machine.read_text(file);
    for (const std::string& line : split(text ? *text : "", '\n'))
      if (!trim(line).starts_with('#') && line.find("trixie-backports") != std::string::npos)
        return true;
    return false;
  });
}

/// No group of a container's helps with a node that only root may open: the host's rule comes
/// first, and only the host knows the number of its group render.
void open_on_host(const CheckContext& context, const std::vector<std::string>& nodes,
                  const std::string& closed, const std::vector<std::string_view>& rule_matches,
                  Remedy& remedy) {
  constexpr const char* kGid = "$(getent group render | cut -d: -f3)";
  open_to_render(context, closed, rule_matches, remedy);
  remedy.text = fmt::format(
      "on the host, let the group render open {}; then start the container with that group",
      closed);
  // The container's user is none of the host's.
  if (remedy.commands.size() > 1) remedy.commands.pop_back();
  remedy.needs_root = true;
  std::string devices;
  for (const std::string& node : nodes) devices += " --device " + node;
  switch (context.container().kind) {
    case ContainerKind::kPodman:
      remedy.commands.push_back(fmt::format("podman run --group-add keep-groups{} ...", devices));
      break;
    case ContainerKind::kKubernetes:
      remedy.commands.push_back(supplemental_groups(fmt::format("'\"{}\"'", kGid)));
      break;
    case ContainerKind::kLxc:
      for (const std::string& node : nodes)
        remedy.commands.push_back(add_to_lxc(node, fmt::format(" gid={}", kGid)));
      break;
    default:
      remedy.commands.push_back(fmt::format("docker run --group-add {}{} ...", kGid, devices));
      break;
  }
}

}  // namespace

std::string shell_quoted(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:@%+,=-";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(text);
  // What a terminal would act on, or a report could not hold, in the words of bash and POSIX 2024.
  const bool shown = printable(text, text.size() + 1) == text;
  std::string quoted = shown ? "'" : "$'";
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (!shown && (byte < 0x20 || byte > 0x7e))
      quoted += fmt::format("\\x{:02x}", byte);
    else if (!shown && (c == '\'' || c == '\\'))
      quoted += {'\\', c};
    else if (c == '\'')
      quoted += "'\\''";
    else
      quoted += c;
  }
  return quoted + "'";
}

std::string remove_line(const std::string& file, std::string_view line) {
  std::string pattern;
  for (char c : line) {
    if (std::string_view("\\/.*[]^$").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return fmt::format("sudo sed -i {} {}",
                     shell_quoted(fmt::format("/^[[:space:]]*{}[[:space:]]*$/d", pattern)),
                     shell_quoted(file));
}

std::string recover_as_root(std::string_view device, std::string_view step) {
  // The canary is a model's, and the models and engines are the user's.
  return fmt::format(
      "sudo XDG_DATA_HOME=\"${{XDG_DATA_HOME:-$HOME/.local/share}}\" anynpu recover {} --step {} "
      "--apply",
      device, step);
}

Remedy join_group(const CheckContext& context, const std::string& node,
                  std::string_view rule_match) {
  return join_groups(context, {node}, {rule_match});
}

Remedy join_groups(const CheckContext& context, const std::vector<std::string>& nodes,
                   const std::vector<std::string_view>& rule_matches) {
  const host::Machine& machine = context.machine();
  std::vector<gid_t> gids;
  std::vector<std::string> numbers, of_nodes;  // "44", "44 of /dev/dri/card1"
  std::string devices, closed;                 // closed: the first that its group may not open
  for (const std::string& node : nodes) {
    auto info = machine.stat(node);
    const gid_t gid = info ? info->gid : 0;
    if (closed.empty() && (!info || (info->permissions & 060U) != 060U || gid == 0)) closed = node;
    devices += " --device " + node;
    if (std::find(gids.begin(), gids.end(), gid) != gids.end()) continue;
    gids.push_back(gid);
    numbers.push_back(std::to_string(gid));
    of_nodes.push_back(fmt::format("{} of {}", gid, node));
  }
  const std::string which =
      fmt::format("the group{} {}", gids.size() == 1 ? "" : "s", in_words(of_nodes));
  Remedy remedy;
  if (context.container() && !closed.empty()) {
    open_on_host(context, nodes, closed, rule_matches, remedy);
    return remedy;
  }
  switch (context.container().kind) {
    case ContainerKind::kDocker:
    case ContainerKind::kOther: {
      remedy.text = "start the container with " + which;
      std::string options;
      for (const std::string& number : numbers) options += " --group-add " + number;
      remedy.commands = {fmt::format("docker run{}{} ...", options, devices)};
      break;
    }
    case ContainerKind::kPodman:
      remedy.text = "start the container with " + which;
      remedy.commands = {fmt::format("podman run --group-add keep-groups{} ...", devices)};
      break;
    case ContainerKind::kKubernetes:
      remedy.text =
          fmt::format("give the pod {}; in a container only a group's number counts", which);
      remedy.commands = {supplemental_groups(join(numbers, ","))};
      break;
    case ContainerKind::kLxc:
      remedy.text = fmt::format("map {} into the container", which);
      for (const std::string& node : nodes) {
        auto info = machine.stat(node);
        remedy.commands.push_back(add_to_lxc(node, fmt::format(" gid={}", info ? info->gid : 0)));
      }
      break;
    case ContainerKind::kNone:
      remedy.needs_root = true;
      if (!closed.empty())
        open_to_render(context, closed, rule_matches, remedy);
      else
        join_on_host(context, gids, remedy);
      break;
  }
  return remedy;
}

Remedy newer_pc_kernel(const CheckContext& context, std::string text) {
  Remedy remedy{.text = std::move(text), .needs_root = true, .needs_reboot = true};
  const host::Distribution& distribution = context.distribution();
  if (is_debian(context)) {
    // The driver is in Debian's kernels from 6.14 on: not in that of Debian 13 itself.
    if (auto commands = from_newest_debian(context, "linux-image-amd64")) {
      remedy.commands = std::move(*commands);
      remedy.commands.emplace_back("sudo reboot");
    } else {
      remedy.text += "; this Debian has none, Debian 13 has it in its backports";
    }
  } else if (distribution.id == "ubuntu")
    remedy.commands = {
        fmt::format("sudo apt-get install linux-generic-hwe-{}", distribution.version),
        "sudo reboot"};
  else if (distribution.id == "fedora")
    remedy.commands = {"sudo dnf upgrade kernel", "sudo reboot"};
  else if (distribution.id == "nixos")
    remedy.commands = {"boot.kernelPackages = pkgs.linuxPackages_latest;",
                       "sudo nixos-rebuild boot && sudo reboot"};
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
      for (const std::string& node : nodes) remedy.commands.push_back(add_to_lxc(node));
      break;
    default:
      remedy.text = "pass the nodes as devices, not as volumes";
      remedy.commands = {"docker run" + options + " ..."};
      break;
  }
  return remedy;
}

Remedy make_nodes(const CheckContext& context, const std::vector<std::string>& nodes) {
  const host::Machine& machine = context.machine();
  Remedy remedy{.text = "make it again, as the kernel had made it; a reboot does the same",
                .needs_root = true};
  if (nodes.size() > 1)
    remedy.text = "make them again, as the kernel had made them; a reboot does the same";
  for (const std::string& node : nodes) {
    const std::string folder = node.substr(0, node.rfind('/'));
    const std::string entry = fmt::format("/sys/class/{}/{}",
                                          folder == "/dev/dri"     ? "drm"
                                          : folder == "/dev/accel" ? "accel"
                                                                   : "misc",
                                          node.substr(node.rfind('/') + 1));
    if (!machine.exists(entry + "/dev"))
      return {.text = "reboot: the kernel makes the nodes at its start",
              .commands = {"sudo reboot"},
              .needs_root = true,
              .needs_reboot = true};
    std::string make = machine.exists(folder) ? "" : fmt::format("sudo mkdir -p {} && ", folder);
    if (machine.lstat(node)) make = fmt::format("sudo rm {} && ", node);  // what is in its place
    remedy.commands.push_back(
        fmt::format("{}sudo mknod -m 600 {} c $(tr : ' ' < {}/dev) && sudo udevadm trigger "
                    "--action=add {}",
                    make, node, entry, entry));
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

bool is_debian(const CheckContext& context) {
  return context.distribution().base == "debian";
}

bool is_ubuntu(const CheckContext& context) {
  return context.distribution().base == "ubuntu";
}

std::optional<std::vector<std::string>> from_newest_debian(const CheckContext& context,
                                                           std::string_view packages) {
  const std::string& version = context.distribution().version;
  const std::string_view sudo = context.container() ? "" : "sudo ";
  // Testing and unstable have no number.
  if (version.empty() || compare_versions(version, "13") > 0)
    return std::vector{fmt::format("{}apt-get install {}", sudo, packages)};
  if (version != "13") return std::nullopt;
  std::vector<std::string> commands;
  if (!has_backports(context.machine()))
    commands.push_back(
        fmt::format("echo 'deb http://deb.debian.org/debian trixie-backports main' | {0}tee -a "
                    "/etc/apt/sources.list.d/backports.list && {0}apt-get update",
                    sudo));
  commands.push_back(fmt::format("{}apt-get install -t trixie-backports {}", sudo, packages));
  return commands;
}

Remedy load_modules(const CheckContext& context, const std::vector<std::string_view>& names) {
  const bool one = names.size() == 1;
  const std::vector<std::string> words(names.begin(), names.end());
  Remedy remedy;
  remedy.text = fmt::format("load the kernel module{} {}", one ? "" : "s", in_words(words));
  remedy.needs_root = true;
  if (context.distribution().id == "nixos") {
    remedy.commands = {fmt::format("boot.kernelModules = [ \"{}\" ];", join(words, "\" \"")),
                       "sudo nixos-rebuild switch"};
  } else if (context.distribution().id == "talos") {
    remedy.commands = {
        fmt::format("talosctl patch mc -p "
                    "'[{{\"op\":\"add\",\"path\":\"/machine/kernel\",\"value\":{{"
                    "\"modules\":[{{\"name\":\"{}\"}}]}}}}]'",
                    join(words, "\"},{\"name\":\""))};
  } else {
    // A module that needs no other's symbols is loaded by its own name only.
    remedy.commands = {
        fmt::format("sudo modprobe {}{}", one ? "" : "-a ", join(words, " ")),
        fmt::format("{} {} | sudo tee /etc/modules-load.d/{}.conf", one ? "echo" : "printf '%s\\n'",
                    join(words, " "), words.back())};
  }
  if (context.container()) remedy.text += " on the host";
  return remedy;
}

Remedy load_module(const CheckContext& context, std::string_view name) {
  return load_modules(context, {name});
}

std::vector<std::string> rebuild_initramfs(const CheckContext& context) {
  const host::Distribution& distribution = context.distribution();
  if (distribution.id == "nixos") return {"sudo nixos-rebuild boot"};
  if (is_like(distribution, "fedora") || is_like(distribution, "rhel"))
    return {"sudo dracut --force"};
  if (is_debian(context) || is_ubuntu(context)) return {"sudo update-initramfs -u"};
  return {};
}

std::vector<std::string> load_early(const CheckContext& context, std::string_view module) {
  const host::Distribution& distribution = context.distribution();
  std::vector<std::string> commands = rebuild_initramfs(context);
  if (commands.empty()) return {};
  commands.insert(
      commands.begin(),
      distribution.id == "nixos" ? fmt::format("boot.initrd.kernelModules = [ \"{}\" ];", module)
      : is_debian(context) || is_ubuntu(context)
          ? fmt::format("echo {} | sudo tee -a /etc/initramfs-tools/modules", module)
          : fmt::format("echo 'add_drivers+=\" {0} \"' | sudo tee /etc/dracut.conf.d/{0}.conf",
                        module));
  return commands;
}

}  // namespace anynpu::npu

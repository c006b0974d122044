// SPDX-License-Identifier: Apache-2.0
// Remedies that checks of several families share, in the words of the distribution and of the
// container that were found.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "npu/check.h"

namespace anynpu::npu {

/// One word of a shell's command, whatever is in it: paths and names come from environments, files
/// and bundles of strangers.
std::string shell_quoted(std::string_view text);
/// The command that takes exactly this line out of a file.
std::string remove_line(const std::string& file, std::string_view line);
/// The command that takes one step of a device's ladder, with the models of the user who types it.
std::string recover_as_root(std::string_view device, std::string_view step);

/// How this user gets at a node that its mode keeps from them: joins the node's group on a host,
/// gets the gid in a container (--group-add GID) or a pod (supplementalGroups). `rule_match` is the
/// udev match for nodes that only root may open, such as SUBSYSTEM=="accel", DRIVERS=="amdxdna".
Remedy join_group(const CheckContext& context, const std::string& node,
                  std::string_view rule_match);

/// The same for several nodes, whose groups may differ: one command for all.
Remedy join_groups(const CheckContext& context, const std::vector<std::string>& nodes,
                   const std::vector<std::string_view>& rule_matches);

/// A newer kernel for a PC, where the distribution has one.
Remedy newer_pc_kernel(const CheckContext& context, std::string text);

/// How a container gets nodes that the host has: --device for Docker and podman, a device plugin
/// or CDI for a pod.
Remedy pass_devices(const CheckContext& context, const std::vector<std::string>& nodes);

/// How nodes come back that something removed: udev changes nodes and makes none.
Remedy make_nodes(const CheckContext& context, const std::vector<std::string>& nodes);

/// How a package comes onto this distribution; `names` by package manager.
struct PackageNames {
  std::string_view apt, dnf, nix, apk;  // empty: there is none, and only `text` is said
};
Remedy install_package(const CheckContext& context, std::string text, const PackageNames& names);

/// The commands that install Debian's newest `packages`: from the backports of Debian 13, which are
/// added where they are not, and from later ones as they are; none on older ones, whose backports
/// lack NPUs' kernels and libraries.
std::optional<std::vector<std::string>> from_newest_debian(const CheckContext& context,
                                                           std::string_view packages);
bool is_debian(const CheckContext& context);  // or Armbian on its ground
bool is_ubuntu(const CheckContext& context);  // the same

/// Kernel modules: modprobe now and at each boot.
Remedy load_modules(const CheckContext& context, const std::vector<std::string_view>& names);
Remedy load_module(const CheckContext& context, std::string_view name);

/// The commands that put what has changed into the initial RAM disk; none where that is unknown.
std::vector<std::string> rebuild_initramfs(const CheckContext& context);
/// The commands by which a module is loaded from there.
std::vector<std::string> load_early(const CheckContext& context, std::string_view module);

}  // namespace anynpu::npu

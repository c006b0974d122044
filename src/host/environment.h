// SPDX-License-Identifier: Apache-2.0
// Where the program runs: distribution, container, kernel, limits; all read from files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/machine.h"

namespace anynpu::host {

/// /etc/os-release.
struct Distribution {
  std::string id;       // "debian", "ubuntu", "fedora", "nixos", "armbian", "talos", "alpine"
  std::string base;     // the same, but of Armbian the distribution that it is built on
  std::string like;     // ID_LIKE
  std::string version;  // "12"
  std::string name;     // for people
};
Distribution distribution(const Machine& machine);

enum class ContainerKind { kNone, kDocker, kPodman, kKubernetes, kLxc, kOther };
std::string_view to_string(ContainerKind kind);

struct Container {
  ContainerKind kind = ContainerKind::kNone;
  std::string evidence;  // what told: "/.dockerenv is there"

  explicit operator bool() const { return kind != ContainerKind::kNone; }
};
Container container(const Machine& machine);

/// uname -r.
std::string kernel_release(const Machine& machine);

/// "6.18.3-current" against 6, 18: whether it is at least that; nothing when it cannot be told.
std::optional<bool> kernel_at_least(const Machine& machine, unsigned major, unsigned minor);

/// An option of the running kernel, "CONFIG_DRM_ACCEL": "y", "m" or "" when it is not set. From
/// /boot/config-RELEASE, /lib/modules/RELEASE/{config,build/.config} or /proc/config.gz.
struct KernelOption {
  std::string value;
  std::string source;  // the file
};
Result<KernelOption> kernel_option(const Machine& machine, std::string_view name);

/// A module that is loaded or built in. `version` is MODULE_VERSION, empty when it has none.
struct Module {
  bool present = false;
  std::string version;
};
Module module(const Machine& machine, const std::string& name);
/// Whether /lib/modules/RELEASE has it on disk or built in; an error when that cannot be read.
Result<bool> module_available(const Machine& machine, std::string_view name);

/// A limit of this process, by its name in /proc/self/limits: "Max locked memory". Unlimited is
/// the largest number.
Result<std::uint64_t> soft_limit(const Machine& machine, std::string_view name);

/// A figure of /proc/meminfo, "MemAvailable" or "CmaFree", in bytes; nothing when it has none.
std::optional<std::uint64_t> memory_figure(const Machine& machine, std::string_view name);

/// An environment variable of this process; empty when it is not set.
std::string environment_variable(const Machine& machine, std::string_view name);

/// Whether programs here need musl and no glibc is there.
bool is_musl(const Machine& machine);

/// The first name of a gid in /etc/group; empty when it has none.
std::string group_name(const Machine& machine, gid_t gid);
std::string user_name(const Machine& machine, uid_t uid);

/// The lines of the kernel log that hold `text`.
std::vector<std::string> log_lines(const KernelLog& log, std::string_view text,
                                   std::size_t most = 5);

/// A library on the machine.
struct FoundLibrary {
  std::string path;
  std::string real;  // without links
};
/// Every file named `name` where the loader of a process would find it, the one that wins first:
/// LD_LIBRARY_PATH, then /etc/ld.so.conf's folders, then the usual ones, then `more` folders, which
/// a vendor uses although no loader does.
std::vector<FoundLibrary> find_library(const Machine& machine, const std::string& name,
                                       std::span<const std::string_view> more = {});
/// The same of a library that anynpu opens itself, as it does that: the one file that `variable`
/// names ("ANYNPU_RKNN"), or else the folders of $ANYNPU_LIBRARY_PATH before all others.
std::vector<FoundLibrary> find_engine_library(const Machine& machine, const std::string& name,
                                              std::string_view variable,
                                              std::span<const std::string_view> more = {});

/// `path` without symbolic links, as far as it exists.
std::string real_path(const Machine& machine, const std::string& path);

}  // namespace anynpu::host

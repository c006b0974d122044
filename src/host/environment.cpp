// SPDX-License-Identifier: Apache-2.0
// Distribution, container, kernel, limits.
#include "host/environment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <zlib.h>

#include "base/text.h"

namespace anynpu::host {
namespace {

constexpr std::size_t kMostConfig = 2 << 20;
constexpr std::size_t kMostModuleList = 8 << 20;

std::string text_or_nothing(const Machine& machine, const std::string& path,
                            std::size_t most = Machine::kMostText) {
  auto text = machine.read_text(path, most);
  return text ? std::move(*text) : std::string();
}

std::string unquoted(std::string_view value) {
  if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
      value.back() == value.front())
    value = value.substr(1, value.size() - 2);
  return printable(value, 100);
}

Result<std::string> gunzip(std::string_view packed, std::size_t most) {
  z_stream stream{};
  if (::inflateInit2(&stream, 15 + 16) != Z_OK) return Error{Code::kInternal, "zlib"};
  std::string out(most, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  int end = ::inflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  ::inflateEnd(&stream);
  if (end != Z_STREAM_END) return Error{Code::kInvalid, "is not a gzip file of a sensible size"};
  return out;
}

Result<std::string> config_text(const Machine& machine, std::string& source) {
  std::string release = kernel_release(machine);
  for (const std::string& path : {"/boot/config-" + release, "/lib/modules/" + release + "/config",
                                  "/lib/modules/" + release + "/build/.config"}) {
    source = path;
    auto text = machine.read_text(path, kMostConfig);
    if (text) return text;
  }
  source = "/proc/config.gz";
  auto packed = machine.read_text(source, kMostConfig);
  if (!packed)
    return Error{Code::kNotFound,
                 "the kernel's configuration is neither in /boot nor in /lib/modules nor in "
                 "/proc/config.gz"};
  auto text = gunzip(*packed, kMostConfig);
  if (!text) return Error(text.error()).within(source);
  return text;
}

std::string name_of_id(const Machine& machine, const std::string& file, std::uint64_t id) {
  for (const std::string& line : split(text_or_nothing(machine, file), '\n')) {
    std::vector<std::string> fields = split(line, ':');
    if (fields.size() > 2 && fields[2] == std::to_string(id)) return printable(fields[0], 40);
  }
  return {};
}

std::vector<std::string> loader_folders(const Machine& machine,
                                        std::span<const std::string_view> more) {
  std::vector<std::string> folders = split(environment_variable(machine, "LD_LIBRARY_PATH"), ':');
  std::vector<std::string> files = {"/etc/ld.so.conf"};
  for (const std::string& file : machine.list("/etc/ld.so.conf.d"))
    files.push_back("/etc/ld.so.conf.d/" + file);
  for (const std::string& file : files)
    for (const std::string& line : split(text_or_nothing(machine, file, 64 << 10), '\n'))
      if (line.starts_with('/')) folders.emplace_back(trim(line));
  std::string triplet = machine.architecture() + "-linux-gnu";
  for (const std::string& folder :
       {"/lib/" + triplet, "/usr/lib/" + triplet, std::string("/lib"), std::string("/usr/lib"),
        std::string("/lib64"), std::string("/usr/lib64"), std::string("/usr/local/lib")})
    folders.push_back(folder);
  folders.insert(folders.end(), more.begin(), more.end());
  return folders;
}

std::vector<FoundLibrary> find_in(const Machine& machine, const std::vector<std::string>& folders,
                                  const std::string& name) {
  std::vector<FoundLibrary> found;
  std::set<std::string> seen;
  for (const std::string& folder : folders) {
    if (!folder.starts_with('/')) continue;
    std::string path = folder + "/" + name;
    if (!machine.lstat(path)) continue;
    std::string real = real_path(machine, path);
    if (seen.insert(real).second) found.push_back({path, std::move(real)});
  }
  return found;
}

}  // namespace

Distribution distribution(const Machine& machine) {
  std::string text = text_or_nothing(machine, "/etc/os-release");
  if (text.empty()) text = text_or_nothing(machine, "/usr/lib/os-release");
  Distribution found;
  for (const std::string& line : split(text, '\n')) {
    std::size_t equals = line.find('=');
    if (equals == std::string::npos) continue;
    std::string value = unquoted(trim(std::string_view(line).substr(equals + 1)));
    std::string_view key = trim(std::string_view(line).substr(0, equals));
    if (key == "ID") found.id = to_lower(value);
    if (key == "ID_LIKE") found.like = to_lower(value);
    if (key == "VERSION_ID") found.version = value;
    if (key == "PRETTY_NAME") found.name = value;
  }
  found.base = found.id;
  // Armbian keeps its base's ID, and names itself in files of its own.
  if (machine.exists("/etc/armbian-release")) found.id = "armbian";
  return found;
}

std::string_view to_string(ContainerKind kind) {
  switch (kind) {
    case ContainerKind::kNone:
      return "none";
    case ContainerKind::kDocker:
      return "docker";
    case ContainerKind::kPodman:
      return "podman";
    case ContainerKind::kKubernetes:
      return "kubernetes";
    case ContainerKind::kLxc:
      return "lxc";
    case ContainerKind::kOther:
      break;
  }
  return "container";
}

Container container(const Machine& machine) {
  if (!environment_variable(machine, "KUBERNETES_SERVICE_HOST").empty())
    return {ContainerKind::kKubernetes, "KUBERNETES_SERVICE_HOST is set"};
  if (machine.exists("/var/run/secrets/kubernetes.io") ||
      machine.exists("/run/secrets/kubernetes.io"))
    return {ContainerKind::kKubernetes, "/run/secrets/kubernetes.io is there"};
  if (machine.exists("/run/.containerenv"))
    return {ContainerKind::kPodman, "/run/.containerenv is there"};
  if (machine.exists("/.dockerenv")) return {ContainerKind::kDocker, "/.dockerenv is there"};
  std::string word = environment_variable(machine, "container");
  if (word.empty())
    word = std::string(trim(text_or_nothing(machine, "/run/systemd/container", 4096)));
  if (!word.empty()) {
    ContainerKind kind = word == "podman"                         ? ContainerKind::kPodman
                         : word == "docker"                       ? ContainerKind::kDocker
                         : word == "lxc" || word == "lxc-libvirt" ? ContainerKind::kLxc
                                                                  : ContainerKind::kOther;
    return {kind, "container=" + printable(word, 40)};
  }
  std::string groups = text_or_nothing(machine, "/proc/1/cgroup", 64 << 10);
  for (const auto& [mark, kind] :
       {std::pair{"kubepods", ContainerKind::kKubernetes},
        std::pair{"docker", ContainerKind::kDocker}, std::pair{"libpod", ContainerKind::kPodman},
        std::pair{"/lxc", ContainerKind::kLxc}})
    if (groups.find(mark) != std::string::npos)
      return {kind, std::string("/proc/1/cgroup names ") + mark};
  return {};
}

std::string kernel_release(const Machine& machine) {
  return printable(trim(text_or_nothing(machine, "/proc/sys/kernel/osrelease", 4096)), 100);
}

std::optional<bool> kernel_at_least(const Machine& machine, unsigned major, unsigned minor) {
  std::string release = kernel_release(machine);
  unsigned found[2] = {0, 0};
  const char* at = release.data();
  const char* end = at + release.size();
  for (unsigned& number : found) {
    auto [next, error] = std::from_chars(at, end, number);
    if (error != std::errc()) return std::nullopt;
    at = next;
    if (&number == found) {
      if (at == end || *at != '.') return std::nullopt;
      ++at;
    }
  }
  return found[0] != major ? found[0] > major : found[1] >= minor;
}

Result<KernelOption> kernel_option(const Machine& machine, std::string_view name) {
  KernelOption option;
  ANYNPU_TRY(text, config_text(machine, option.source));
  std::string key = std::string(name) + "=";
  for (const std::string& line : split(text, '\n'))
    if (line.starts_with(key))
      option.value = unquoted(trim(std::string_view(line).substr(key.size())));
  return option;
}

Module module(const Machine& machine, const std::string& name) {
  Module found;
  found.present = machine.exists("/sys/module/" + name);
  found.version =
      printable(trim(text_or_nothing(machine, "/sys/module/" + name + "/version", 4096)), 40);
  return found;
}

Result<bool> module_available(const Machine& machine, std::string_view name) {
  std::string folder = "/lib/modules/" + kernel_release(machine);
  bool read_any = false;
  // Module files are written with - or _, as their authors liked.
  std::string pattern(name);
  std::replace(pattern.begin(), pattern.end(), '-', '_');
  for (const char* list : {"/modules.dep", "/modules.builtin"}) {
    auto text = machine.read_text(folder + list, kMostModuleList);
    if (!text) continue;
    read_any = true;
    for (const std::string& line : split(*text, '\n')) {
      std::string path = line.substr(0, line.find(':'));
      std::string file = path.substr(path.rfind('/') + 1);
      file = file.substr(0, file.find(".ko"));
      std::replace(file.begin(), file.end(), '-', '_');
      if (file == pattern) return true;
    }
  }
  if (!read_any) return Error{Code::kNotFound, folder + " cannot be read"};
  return false;
}

Result<std::uint64_t> soft_limit(const Machine& machine, std::string_view name) {
  ANYNPU_TRY(text, machine.read_text("/proc/self/limits", 64 << 10));
  for (const std::string& line : split(text, '\n')) {
    if (!line.starts_with(name)) continue;
    std::string_view value = trim(std::string_view(line).substr(name.size()));
    value = value.substr(0, value.find(' '));
    if (value == "unlimited") return std::numeric_limits<std::uint64_t>::max();
    std::uint64_t number = 0;
    auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error == std::errc()) return number;
  }
  return Error{Code::kNotFound, "/proc/self/limits does not tell " + std::string(name)};
}

std::optional<std::uint64_t> memory_figure(const Machine& machine, std::string_view name) {
  for (const std::string& line : split(text_or_nothing(machine, "/proc/meminfo", 64 << 10), '\n')) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    std::string_view number = trim(std::string_view(line).substr(name.size() + 1));
    std::uint64_t kib = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), kib);
    if (error == std::errc() && kib <= std::numeric_limits<std::uint64_t>::max() / 1024)
      return kib * 1024;
  }
  return std::nullopt;
}

std::string environment_variable(const Machine& machine, std::string_view name) {
  std::string key = std::string(name) + "=";
  for (const std::string& word :
       split(text_or_nothing(machine, "/proc/self/environ", 1 << 20), '\0'))
    if (word.starts_with(key)) return printable(word.substr(key.size()), 1000);
  return {};
}

bool is_musl(const Machine& machine) {
  bool musl = false;
  for (const std::string& name : machine.list("/lib")) {
    if (name.starts_with("ld-linux-")) return false;
    musl = musl || name.starts_with("ld-musl-");
  }
  return musl && !machine.exists("/lib64/ld-linux-x86-64.so.2");
}

std::string group_name(const Machine& machine, gid_t gid) {
  return name_of_id(machine, "/etc/group", gid);
}
std::string user_name(const Machine& machine, uid_t uid) {
  return name_of_id(machine, "/etc/passwd", uid);
}

std::vector<std::string> log_lines(const KernelLog& log, std::string_view text, std::size_t most) {
  std::vector<std::string> found;
  for (const std::string& line : log.lines) {
    if (line.find(text) == std::string::npos) continue;
    if (found.size() == most) found.erase(found.begin());
    found.push_back(line);
  }
  return found;
}

std::string real_path(const Machine& machine, const std::string& path) {
  std::string real;
  std::vector<std::string> todo = split(path, '/');
  std::reverse(todo.begin(), todo.end());
  for (int steps = 0; !todo.empty() && steps < 400; ++steps) {
    std::string part = std::move(todo.back());
    todo.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      real.erase(std::min(real.size(), real.rfind('/')));
      continue;
    }
    auto target = machine.read_link(real + "/" + part);
    if (!target) {
      real += "/" + part;
      continue;
    }
    if (target->starts_with('/')) real.clear();
    std::vector<std::string> parts = split(*target, '/');
    todo.insert(todo.end(), parts.rbegin(), parts.rend());
  }
  return real;
}

std::vector<FoundLibrary> find_library(const Machine& machine, const std::string& name,
                                       std::span<const std::string_view> more) {
  return find_in(machine, loader_folders(machine, more), name);
}

std::vector<FoundLibrary> find_engine_library(const Machine& machine, const std::string& name,
                                              std::string_view variable,
                                              std::span<const std::string_view> more) {
  if (const std::string file = environment_variable(machine, variable); !file.empty()) {
    if (!file.starts_with('/') || !machine.lstat(file)) return {};
    return {{file, real_path(machine, file)}};
  }
  std::vector<std::string> folders =
      split(environment_variable(machine, "ANYNPU_LIBRARY_PATH"), ':');
  const std::vector<std::string> others = loader_folders(machine, more);
  folders.insert(folders.end(), others.begin(), others.end());
  return find_in(machine, folders, name);
}

}  // namespace anynpu::host

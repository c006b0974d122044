// SPDX-License-Identifier: Apache-2.0
// What a support bundle leaves out.
#include <algorithm>
#include <array>
#include <cctype>

#include <fmt/format.h>

#include "base/text.h"
#include "host/bundle.h"

namespace anynpu::host {
namespace {

constexpr std::string_view kUser = "user";

constexpr std::array<std::string_view, 25> kVariables = {"PATH",
                                                         "LD_LIBRARY_PATH",
                                                         "LD_PRELOAD",
                                                         "container",
                                                         "KUBERNETES_SERVICE_HOST",
                                                         "KUBERNETES_PORT",
                                                         "XILINX_XRT",
                                                         "RKNN_LOG_LEVEL",
                                                         "TEFLON_DEBUG",
                                                         "ROCKET_DEBUG",
                                                         "NODE_NAME",
                                                         "HOME",
                                                         "XDG_DATA_HOME",
                                                         "XDG_RUNTIME_DIR",
                                                         "PULSE_SERVER",
                                                         "PIPEWIRE_REMOTE",
                                                         "PIPEWIRE_RUNTIME_DIR",
                                                         "ANYNPU_MODELS",
                                                         "ANYNPU_CONFIG",
                                                         "ANYNPU_LIBRARY_PATH",
                                                         "ANYNPU_RKNN",
                                                         "ANYNPU_TEFLON",
                                                         "ANYNPU_AXMODEL",
                                                         "ANYNPU_XCLBIN",
                                                         "XDG_CONFIG_HOME"};

std::string joined(const std::vector<std::string>& lines) {
  return join(lines, "\n");
}

/// Root, services that come with the distribution, and the one who asks, by another name.
std::string plain_passwd(std::string_view text, uid_t own) {
  std::vector<std::string> kept;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> fields = split(line, ':');
    if (fields.size() < 7) continue;
    if (fields[2] == std::to_string(own) && own != 0)
      kept.push_back(fmt::format("{0}:x:{1}:{2}::/home/{0}:/bin/sh", kUser, fields[2], fields[3]));
    else if (fields[2].size() <= 3)
      kept.push_back(fmt::format("{}:x:{}:{}:::", fields[0], fields[2], fields[3]));
  }
  return joined(kept) + "\n";
}

std::string plain_group(std::string_view text) {
  std::vector<std::string> kept;
  for (const std::string& line : split(text, '\n')) {
    std::vector<std::string> fields = split(line, ':');
    // A user's own group has the user's name.
    if (fields.size() >= 3 && fields[2].size() <= 3)
      kept.push_back(fields[0] + ":x:" + fields[2] + ":");
    else if (fields.size() >= 3)
      kept.push_back(fmt::format("group{0}:x:{0}:", fields[2]));
  }
  return joined(kept) + "\n";
}

std::string plain_environment(std::string_view text) {
  std::string kept;
  for (const std::string& word : split(text, '\0')) {
    std::string name = word.substr(0, word.find('='));
    // A sound server elsewhere has a host's name.
    if (name == "PULSE_SERVER" && word.find('/') == std::string::npos) continue;
    if (std::find(kVariables.begin(), kVariables.end(), name) != kVariables.end())
      kept += word + std::string("\0", 1);
  }
  return kept;
}

/// dpkg's list without descriptions and maintainers.
std::string plain_packages(std::string_view text) {
  std::string kept;
  for (const std::string& line : split(text, '\n'))
    if (line.empty() || line.starts_with("Package: ") || line.starts_with("Status: ") ||
        line.starts_with("Version: "))
      kept += line + "\n";
  while (kept.ends_with("\n\n")) kept.pop_back();
  return kept;
}

std::string only_lines_with(std::string_view text, std::string_view mark) {
  std::string kept;
  for (const std::string& line : split(text, '\n'))
    if (line.find(mark) != std::string::npos) kept += line + "\n";
  return kept;
}

/// "aa:bb:cc:dd:ee:ff" becomes "xx:xx:xx:xx:xx:xx".
std::string without_addresses(std::string text) {
  auto is_pair = [&](std::size_t at) {
    return at + 1 < text.size() && std::isxdigit(static_cast<unsigned char>(text[at])) != 0 &&
           std::isxdigit(static_cast<unsigned char>(text[at + 1])) != 0;
  };
  constexpr std::size_t kLength = 17;
  for (std::size_t at = 0; at + kLength <= text.size(); ++at) {
    bool address = true;
    for (std::size_t i = 0; i < 6 && address; ++i)
      address = is_pair(at + i * 3) && (i == 5 || text[at + i * 3 + 2] == ':');
    if (address) text.replace(at, kLength, "xx:xx:xx:xx:xx:xx");
  }
  return text;
}

/// The folder of a person, wherever it stands.
std::string without_homes(std::string text) {
  constexpr std::string_view kHome = "/home/";
  for (std::size_t at = text.find(kHome); at != std::string::npos; at = text.find(kHome, at + 1)) {
    std::size_t begin = at + kHome.size(), end = begin;
    while (end < text.size() && text[end] != '/' && text[end] != ':' && text[end] > ' ') ++end;
    text.replace(begin, end - begin, kUser);
  }
  return text;
}

bool is_of_process(const std::string& path, std::string_view ending) {
  return path.starts_with("/proc/") && path.ends_with(ending);
}

}  // namespace

MachineDescription without_secrets(MachineDescription description) {
  std::map<std::string, Entry> entries;
  for (auto& [path, entry] : description.entries) {
    if (path == "/etc/passwd")
      entry.content = plain_passwd(entry.content, description.identity.uid);
    else if (path == "/etc/group")
      entry.content = plain_group(entry.content);
    else if (is_of_process(path, "/environ"))
      entry.content = plain_environment(entry.content);
    else if (is_of_process(path, "/maps"))
      entry.content = only_lines_with(entry.content, "/dev/");
    else if (path.starts_with("/etc/containers/"))  // the rest of a service may hold passwords
      entry.content = only_lines_with(entry.content, "AddDevice=");
    else if (path.ends_with("/anynpu.toml"))  // so may the server's
      entry.content = only_lines_with(entry.content, "name");
    else if (path == "/var/lib/dpkg/status")
      entry.content = plain_packages(entry.content);
    if (path.starts_with("/proc/") && path.find("/fd/") != std::string::npos &&
        entry.node.kind == NodeKind::kLink && !entry.target.starts_with("/dev/"))
      entry.target = "hidden";
    entry.content = without_homes(std::move(entry.content));
    entry.target = without_homes(std::move(entry.target));
    for (auto& [name, text] : entry.digests) text = without_homes(std::move(text));
    entries.emplace(without_homes(path), std::move(entry));
  }
  description.entries = std::move(entries);
  for (std::string& line : description.log)
    line = without_homes(without_addresses(std::move(line)));
  return description;
}

}  // namespace anynpu::host

// SPDX-License-Identifier: Apache-2.0
// The CPU, from /proc/cpuinfo.
#include "npu/cpu/probe.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"
#include "npu/sysfs.h"

namespace anynpu::npu::cpu {
namespace {

constexpr std::string_view kPath = "/proc/cpuinfo";

// Instruction sets that make quantised or float models faster; the kernel has many more words.
constexpr std::array<std::string_view, 16> kTelling = {
    "avx2",        "fma",      "f16c",        "avx512f",
    "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8",  // x86
    "asimd",       "asimdhp",  "asimddp",     "i8mm",
    "bf16",        "sve",      "sve2",        "sme"};  // arm64

struct Part {
  std::string_view number;
  std::string_view name;
};
// Arm's own cores, by the main ID register's part number (Arm's technical reference manuals).
constexpr std::array<Part, 22> kArmParts = {{
    {"0xd03", "Cortex-A53"},  {"0xd04", "Cortex-A35"},  {"0xd05", "Cortex-A55"},
    {"0xd07", "Cortex-A57"},  {"0xd08", "Cortex-A72"},  {"0xd09", "Cortex-A73"},
    {"0xd0a", "Cortex-A75"},  {"0xd0b", "Cortex-A76"},  {"0xd0c", "Neoverse-N1"},
    {"0xd0d", "Cortex-A77"},  {"0xd40", "Neoverse-V1"}, {"0xd41", "Cortex-A78"},
    {"0xd44", "Cortex-X1"},   {"0xd46", "Cortex-A510"}, {"0xd47", "Cortex-A710"},
    {"0xd48", "Cortex-X2"},   {"0xd49", "Neoverse-N2"}, {"0xd4d", "Cortex-A715"},
    {"0xd4e", "Cortex-X3"},   {"0xd4f", "Neoverse-V2"}, {"0xd80", "Cortex-A520"},
    {"0xd81", "Cortex-A720"},
}};

std::string arm_name(std::string_view part) {
  for (const Part& known : kArmParts)
    if (known.number == part) return std::string(known.name);
  return {};
}

struct CpuInfo {
  int cores = 0;
  std::string model;
  std::set<std::string> parts;     // names of Arm's cores
  std::set<std::string> features;  // of any core
};

CpuInfo parse(std::string_view text) {
  CpuInfo info;
  bool arm = false;
  for (const std::string& line : split(text, '\n')) {
    std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    std::string_view key = trim(std::string_view(line).substr(0, colon));
    std::string_view value = trim(std::string_view(line).substr(colon + 1));
    if (key == "processor") {
      ++info.cores;
    } else if (key == "model name" && info.model.empty()) {
      info.model = printable(value);
    } else if (key == "CPU implementer") {
      arm = value == "0x41";
    } else if (key == "CPU part" && arm) {
      if (std::string name = arm_name(value); !name.empty()) info.parts.insert(std::move(name));
    } else if ((key == "flags" || key == "Features") && info.features.empty()) {
      for (std::string& word : split(value, ' ')) info.features.insert(std::move(word));
    }
  }
  return info;
}

std::string title_of(const CpuInfo& info, const std::string& board) {
  std::string title = info.model;
  if (title.empty())
    title = join(std::vector<std::string>(info.parts.begin(), info.parts.end()), " + ");
  if (title.empty()) title = "CPU";
  return board.empty() ? title : title + " (" + board + ")";
}

}  // namespace

std::vector<Device> probe(const host::Machine& machine) {
  Device device;
  device.id = device.family = "cpu";
  device.title = "CPU";
  device.status = Status::kReady;
  device.reason = "always there";
  constexpr std::size_t kMostCpuInfo = 8 << 20;  // a thousand cores with long lists of flags
  auto text = machine.read_text(std::string(kPath), kMostCpuInfo);
  if (!text) {
    device.evidence.push_back(std::string(kPath) + " cannot be read");
    return {device};
  }
  CpuInfo info = parse(*text);
  std::string board = first_line(machine, "/proc/device-tree/model");
  if (!board.empty() && board.back() == '?') board.pop_back();  // the string's own NUL
  device.title = title_of(info, board);
  device.cores = info.cores;
  for (std::string_view word : kTelling)
    if (info.features.contains(std::string(word))) device.features.emplace_back(word);
  device.evidence.push_back(std::string(kPath) + ": " + std::to_string(info.cores) + " processors");
  return {device};
}

}  // namespace anynpu::npu::cpu

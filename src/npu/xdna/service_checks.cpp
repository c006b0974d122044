// SPDX-License-Identifier: Apache-2.0
// Checks of Ryzen AI NPUs: services that use them. What a login may lock says nothing about a
// service: PAM's limits.d is for logins, LimitMEMLOCK for services.
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/xdna/check_functions.h"
#include "npu/xdna/facts.h"

namespace anynpu::npu::xdna {
namespace {

constexpr std::uint64_t kEnough = 64 << 20;  // the driver's buffer heap

/// A limit as systemd writes it: "infinity", "64M", "8388608", "8M:64M" (the soft one first).
std::optional<std::uint64_t> limit_of(std::string_view text) {
  text = trim(text.substr(0, text.find(':')));
  if (text == "infinity") return std::numeric_limits<std::uint64_t>::max();
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || value > (std::uint64_t{1} << 40)) return std::nullopt;
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  constexpr std::array<std::pair<std::string_view, unsigned>, 5> kUnits = {
      {{"", 0}, {"K", 10}, {"M", 20}, {"G", 30}, {"T", 40}}};
  for (const auto& [name, shift] : kUnits)
    if (unit == name)
      return value > (~std::uint64_t{0} >> shift) ? ~std::uint64_t{0} : value << shift;
  return std::nullopt;
}

struct Unit {
  std::string file;
  bool root = true;  // no User= and no DynamicUser=: it may lock what it wants
  std::string limit;
};

void read_unit(const host::Machine& machine, const std::string& file, Unit& unit) {
  auto text = machine.read_text(file);
  if (!text) return;
  for (const std::string& line : split(*text, '\n')) {
    const std::string_view rule = trim(line);
    if (rule.starts_with("User=")) unit.root = rule == "User=" || rule == "User=root";
    if (rule == "DynamicUser=yes" || rule == "DynamicUser=true") unit.root = false;
    if (rule.starts_with("LimitMEMLOCK=")) unit.limit = rule.substr(13);
  }
}

}  // namespace

Verdict check_service_limits(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty()) return skip("there is no node of this driver");
  if (context.container()) return skip("a container has no services of the host");
  const host::Machine& machine = context.machine();
  constexpr std::array<std::string_view, 5> kServices = {
      "anynpu.service", "lemonade-server.service", "lemonade.service", "flm.service",
      "fastflowlm.service"};
  // The administrator's file wins over the package's.
  constexpr std::array<std::string_view, 3> kFolders = {
      "/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"};
  Problem problem;
  bool any = false;
  for (std::string_view name : kServices) {
    Unit unit;
    for (std::string_view folder : kFolders) {
      const std::string file = fmt::format("{}/{}", folder, name);
      if (!unit.file.empty() || !machine.exists(file)) continue;
      unit.file = file;
      read_unit(machine, file, unit);
    }
    if (unit.file.empty()) continue;
    any = true;
    for (std::string_view folder : {kFolders[1], kFolders[0]})
      for (const std::string& part : machine.list(fmt::format("{}/{}.d", folder, name)))
        if (part.ends_with(".conf"))
          read_unit(machine, fmt::format("{}/{}.d/{}", folder, name, part), unit);
    if (unit.root) continue;
    auto limit = unit.limit.empty() ? std::optional<std::uint64_t>(8 << 20) : limit_of(unit.limit);
    if (!limit || *limit >= kEnough) continue;
    problem.evidence.push_back(
        unit.limit.empty()
            ? fmt::format("{}: no LimitMEMLOCK, so that systemd gives it 8 MB", unit.file)
            : fmt::format("{}: LimitMEMLOCK={}", unit.file, printable(unit.limit, 60)));
    const std::string folder = fmt::format("/etc/systemd/system/{}.d", name);
    problem.remedy.commands.push_back("sudo mkdir -p " + folder);
    problem.remedy.commands.push_back(fmt::format(
        "printf '[Service]\\nLimitMEMLOCK=infinity\\n' | sudo tee {}/memlock.conf", folder));
    problem.remedy.commands.push_back(
        fmt::format("sudo systemctl daemon-reload && sudo systemctl restart {}", name));
  }
  if (!any) return skip("no service of this machine is known to use the NPU");
  if (problem.evidence.empty()) return pass();
  problem.device = facts.devices[0].id;
  problem.remedy.text = "raise the limit of the service";
  problem.remedy.needs_root = true;
  return fail(std::move(problem));
}

}  // namespace anynpu::npu::xdna

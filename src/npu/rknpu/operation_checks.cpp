// SPDX-License-Identifier: Apache-2.0
// Checks of the vendor stack: what happens while the NPU works.
#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "npu/log_rule.h"
#include "npu/rknpu/check_functions.h"
#include "npu/rknpu/facts.h"

namespace anynpu::npu::rknpu {
namespace {

constexpr int kDefaultTrip = 85000;  // millidegrees, where the device tree names none

std::optional<std::int64_t> number_in(const host::Machine& machine, const std::string& path) {
  std::string line = first_line(machine, path);
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

constexpr std::string_view kBegun[] = {"Initialized rknpu ", "Initialized RKNPU driver"};

/// The lines of the kernel log with any of the marks since the driver's start; nothing when it
/// cannot be read.
std::vector<std::string> lines_with(const CheckContext& context,
                                    std::initializer_list<std::string_view> marks) {
  std::vector<std::string> lines;
  for (std::string_view mark : marks)
    for (std::string& line : lines_since(context.kernel_log(), kBegun, mark, 3))
      lines.push_back(std::move(line));
  return lines;
}

Verdict log_check(const CheckContext& context, std::initializer_list<std::string_view> marks) {
  if (context.facts<Facts>().devices.empty()) return skip("there is no device of this driver");
  if (!context.kernel_log().readable()) return cannot_tell(context.kernel_log().why_not);
  std::vector<std::string> lines = lines_with(context, marks);
  return lines.empty() ? pass() : fail(Problem{{}, std::move(lines), {}, {}});
}

std::string devfreq_of(const CheckContext& context) {
  for (const std::string& name : context.machine().list("/sys/class/devfreq"))
    if (name.ends_with(".npu")) return "/sys/class/devfreq/" + name;
  return {};
}

}  // namespace

Verdict check_timeouts(const CheckContext& context) {
  if (context.facts<Facts>().devices.empty()) return skip("there is no device of this driver");
  if (!context.kernel_log().readable()) return cannot_tell(context.kernel_log().why_not);
  std::vector<std::string> lines;
  for (std::string& line : lines_with(context, {"RKNPU: job timeout", "RKNPU: failed to wait job",
                                                "RKNPU: soft reset, num"})) {
    // A process that was killed while it waited, and no fault.
    if (line.find("ret = -512") == std::string::npos) lines.push_back(std::move(line));
  }
  return lines.empty() ? pass() : fail(Problem{{}, std::move(lines), {}, {}});
}

Verdict check_addresses(const CheckContext& context) {
  return log_check(context, {"RKNPU: failed to allocate IOVA"});
}

Verdict check_memory(const CheckContext& context) {
  return log_check(context,
                   {"RKNPU: failed to allocate non-contiguous", "RKNPU: failed to map SG"});
}

Verdict check_fused_cores(const CheckContext& context) {
  return log_check(context, {"rknpu core invalid, invalid core mask"});
}

Verdict check_heat(const CheckContext& context) {
  if (context.facts<Facts>().devices.empty()) return skip("there is no device of this driver");
  const host::Machine& machine = context.machine();
  for (const std::string& zone : machine.list("/sys/class/thermal")) {
    std::string folder = "/sys/class/thermal/" + zone;
    if (first_line(machine, folder + "/type") != "npu-thermal") continue;
    auto heat = number_in(machine, folder + "/temp");
    if (!heat) return cannot_tell(folder + "/temp cannot be read");
    std::int64_t trip = number_in(machine, folder + "/trip_point_0_temp").value_or(kDefaultTrip);
    if (*heat < trip) return pass();
    return fail(
        Problem{{},
                {fmt::format("{}/temp: {:.1f} °C; it slows down from {:.1f} °C on", folder,
                             static_cast<double>(*heat) / 1000, static_cast<double>(trip) / 1000)},
                {},
                {}});
  }
  return skip("there is no thermal zone of the NPU");
}

Verdict check_clock(const CheckContext& context) {
  if (context.facts<Facts>().devices.empty()) return skip("there is no device of this driver");
  const host::Machine& machine = context.machine();
  std::string folder = devfreq_of(context);
  if (folder.empty()) return skip("the kernel shows no clock of the NPU");
  std::int64_t highest = 0;
  for (const std::string& word :
       split(first_line(machine, folder + "/available_frequencies"), ' ')) {
    std::int64_t value = 0;
    std::from_chars(word.data(), word.data() + word.size(), value);
    highest = std::max(highest, value);
  }
  auto limit = number_in(machine, folder + "/max_freq");
  std::string governor = first_line(machine, folder + "/governor");
  if (!limit || highest == 0) return cannot_tell(folder + " does not tell the limits of the clock");
  Problem problem;
  if (*limit < highest)
    problem.evidence.push_back(
        fmt::format("{}/max_freq: {} MHz of {} MHz", folder, *limit / 1000000, highest / 1000000));
  if (governor == "powersave") problem.evidence.push_back(folder + "/governor: powersave");
  if (problem.evidence.empty()) return pass();
  problem.remedy.text = "give the clock back to the driver's own governor, with all frequencies";
  problem.remedy.commands = {fmt::format("echo {} | sudo tee {}/max_freq", highest, folder),
                             fmt::format("echo rknpu_ondemand | sudo tee {}/governor", folder)};
  problem.remedy.needs_root = true;
  problem.remedy.risk = "with a driver from DKMS on a mainline kernel some boards hang at this";
  return fail(std::move(problem));
}

Verdict check_load_file(const CheckContext& context) {
  if (context.facts<Facts>().devices.empty()) return skip("there is no device of this driver");
  for (const char* path : {"/proc/rknpu/load", "/sys/kernel/debug/rknpu/load"}) {
    auto text = context.machine().read_text(path, 4096);
    if (!text) continue;
    // "NPU load:  Core0:  0%, Core1:  0%," and "NPU load:  0%"
    for (std::size_t at = text->find('%'); at != std::string::npos; at = text->find('%', at + 1)) {
      std::size_t begin = at;
      while (begin > 0 && (*text)[begin - 1] >= '0' && (*text)[begin - 1] <= '9') --begin;
      std::uint64_t load = 0;
      std::from_chars(text->data() + begin, text->data() + at, load);
      if (load > 100)
        return fail(Problem{{}, {std::string(path) + ": " + printable(trim(*text))}, {}, {}});
    }
    return pass();
  }
  return skip("the kernel shows no load of the NPU to this user");
}

Verdict check_stuck_holder(const CheckContext& context) {
  std::vector<std::string> evidence;
  for (const Holder& holder : context.facts<NodeHolders>().found)
    if (holder.state == 'D')
      evidence.push_back(fmt::format("process {} ({}) holds {} and waits in the kernel", holder.pid,
                                     holder.command, join(holder.nodes, ", ")));
  if (evidence.empty()) return pass();
  Problem problem;
  problem.remedy.text = "end the process; when it does not end, reboot";
  for (const Holder& holder : context.facts<NodeHolders>().found)
    if (holder.state == 'D')
      problem.remedy.commands.push_back(fmt::format("sudo kill -9 {}", holder.pid));
  problem.remedy.commands.emplace_back("sudo reboot");
  problem.remedy.needs_root = problem.remedy.needs_reboot = true;
  problem.evidence = std::move(evidence);
  return fail(std::move(problem));
}

Verdict check_descriptors(const CheckContext& context) {
  Problem problem;
  for (const Holder& holder : context.facts<NodeHolders>().found) {
    if (holder.most_files == 0 || holder.open_files * 10 < holder.most_files * 8) continue;
    problem.evidence.push_back(fmt::format("process {} ({}): {} of {} files are open", holder.pid,
                                           holder.command, holder.open_files, holder.most_files));
    problem.remedy.commands.push_back(
        fmt::format("sudo prlimit --pid {} --nofile=65536", holder.pid));
  }
  if (problem.evidence.empty()) return pass();
  problem.remedy.text = "raise the limit, and look for outputs that the program never releases";
  problem.remedy.needs_root = true;
  return fail(std::move(problem));
}

Verdict check_soc_name(const CheckContext& context) {
  const Facts& facts = context.facts<Facts>();
  if (facts.devices.empty() || facts.board.empty()) return skip("no device, or no device tree");
  constexpr std::string_view kKnown[] = {"rk3588", "rk3588s", "rk3576",
                                         "rk3568", "rk3566",  "rk3562"};
  for (const std::string& entry : facts.board)
    for (std::string_view name : kKnown)
      if (entry == "rockchip," + std::string(name)) return pass();
  if (facts.soc().empty()) return skip("the device tree names no SoC of Rockchip");
  return fail(Problem{
      {},
      {"/proc/device-tree/compatible: " + join(facts.board, ", "), "it is an " + facts.soc()},
      {},
      {}});
}

}  // namespace anynpu::npu::rknpu

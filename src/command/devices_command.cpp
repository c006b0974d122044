// SPDX-License-Identifier: Apache-2.0
// `anynpu devices`: the CPU and the NPUs of a machine, and why no NPU is used.
#include <memory>

#include <fmt/format.h>
#include <poll.h>

#include "base/text.h"
#include "command/command.h"
#include "command/interrupt.h"
#include "command/telemetry_text.h"
#include "host/machine.h"
#include "npu/devices.h"

namespace anynpu::command {
namespace {

struct DevicesOptions {
  std::string root;
  bool watch = false;
  double interval = 2;
};

std::vector<Cell> row_of(const npu::Device& device) {
  return {device.id,
          device.family,
          Cell(device.cores, device.cores == 0 ? "?" : std::to_string(device.cores)),
          Cell(npu::to_string(device.status)),
          device.title,
          device.reason,
          Cell(device.hint.empty() ? Json() : Json(device.hint), device.hint),
          Cell(device.finding.empty() ? Json() : Json(device.finding), device.finding),
          Cell(Json(device.features), join(device.features, " ")),
          Cell(Json(device.evidence), "")};
}

void explain_for_people(Report& report, const npu::Device& device) {
  report.line("");
  report.line(fmt::format("{}: {}", device.id, device.reason));
  if (!device.features.empty()) report.line("  features: " + join(device.features, " "));
  for (const std::string& fact : device.evidence) report.line("  seen: " + fact);
  if (!device.hint.empty()) report.line("  hint: " + device.hint);
  if (!device.finding.empty()) report.line("  more: anynpu explain " + device.finding);
}

/// `sampler` of those who watch: with what each NPU is doing.
void print_devices(const std::vector<npu::Device>& devices, Sampler* sampler,
                   const CommandContext& context) {
  std::vector<std::vector<Cell>> rows;
  for (const npu::Device& device : devices) rows.push_back(row_of(device));

  auto report = context.report();
  report->table("devices",
                {{"id", "DEVICE"},
                 {"family", "FAMILY"},
                 {"cores", "CORES", true},
                 {"status", "STATUS"},
                 {"title", "WHAT IT IS"},
                 {"reason", ""},
                 {"hint", ""},
                 {"finding", ""},
                 {"features", ""},
                 {"evidence", ""}},
                rows);
  for (const npu::Device& device : devices) explain_for_people(*report, device);
  if (sampler != nullptr) {
    Json samples = Json::array();
    for (const npu::Device& device : devices) {
      if (device.family == "cpu") continue;
      const npu::Telemetry& sample = sampler->sample(device);
      report->line(fmt::format("{} now: {}", device.id, sample_line(sample)));
      samples.push_back(sample_json(device, sample));
    }
    report->data("samples", samples);
  }
  std::string why = npu::why_no_npu(devices);
  report->data("no_npu", why.empty() ? Json() : Json(why));
  if (devices.size() == 1) {
    report->line("");
    report->line(why);
  }
  report->finish();
}

/// A watcher prints again when this changes: what is there, its state, and who uses it.
std::string state_of(const std::vector<npu::Device>& devices, const host::Machine& machine) {
  std::string state;
  for (const npu::Device& device : devices) {
    state += fmt::format("{} {} {}\n", device.id, npu::to_string(device.status), device.reason);
    if (device.family == "cpu") continue;
    for (const npu::Holder& holder : npu::find_holders(machine, device.nodes).found)
      state += fmt::format("  {}\n", holder.pid);
  }
  return state;
}

int list_devices(const DevicesOptions& options, const CommandContext& context) {
  std::unique_ptr<host::Machine> machine = host::running_machine();
  if (!options.root.empty()) {
    auto tree = host::machine_at(options.root);
    if (!tree) return context.fail(tree.error());
    machine = std::move(*tree);
  }
  std::vector<npu::Device> devices = npu::find_devices(*machine);
  if (!options.watch) {
    print_devices(devices, nullptr, context);
    return kExitOk;
  }
  watch_for_interrupt();
  Sampler sampler(*machine, {});
  std::string state = state_of(devices, *machine);
  print_devices(devices, &sampler, context);
  while (!interrupted() && context.out()) {
    ::poll(nullptr, 0, static_cast<int>(options.interval * 1000));
    devices = npu::find_devices(*machine);
    std::string now = state_of(devices, *machine);
    if (interrupted() || now == state) continue;
    state = std::move(now);
    if (!context.json) context.out() << '\n';
    print_devices(devices, &sampler, context);
  }
  return kExitOk;
}

}  // namespace

void add_devices_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<DevicesOptions>();
  CLI::App* command =
      app.add_subcommand("devices", "List the CPU and the NPUs of this machine, and their state");
  command
      ->add_option("--root", options->root,
                   "look at a tree of files (PATH/proc, PATH/sys, PATH/dev), a NAME.machine or a "
                   "support bundle instead of this machine")
      ->type_name("PATH");
  command->add_flag("--watch", options->watch, "stay, and print them again when something changes");
  command->add_option("--interval", options->interval, "seconds between two looks of --watch (2)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.05, 3600.0));
  command->footer(
      "Nothing is opened or woken: only /sys, /proc and the device tree are read.\n\n"
      "Examples:\n"
      "  anynpu devices\n"
      "  anynpu devices --json\n"
      "  anynpu devices --root ./a-board");
  on_chosen(*command, context, [options](CommandContext& c) { return list_devices(*options, c); });
}

}  // namespace anynpu::command

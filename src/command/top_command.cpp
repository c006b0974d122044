// SPDX-License-Identifier: Apache-2.0
// `anynpu top`: what every NPU is doing, again and again.
//
// On a terminal the picture is drawn over itself with the few sequences that every terminal, ssh
// and tmux know; elsewhere each sample is a line of its own.
#include <map>
#include <memory>

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "base/text.h"
#include "command/command.h"
#include "command/interrupt.h"
#include "host/machine.h"
#include "npu/devices.h"
#include "npu/telemetry.h"

namespace anynpu::command {
namespace {

struct TopOptions {
  std::string root;
  double interval = 1;
  int count = 0;
};

constexpr std::string_view kHome = "\033[H", kClearLine = "\033[K", kClearBelow = "\033[J";

std::string shown(const npu::Reading& reading, std::string_view format, double scale = 1) {
  return reading.value ? fmt::format(fmt::runtime(format), *reading.value * scale) : "?";
}

std::string bar(double percent) {
  constexpr int kWidth = 20;
  int full = static_cast<int>(percent * kWidth / 100 + 0.5);
  std::string text = "[";
  for (int i = 0; i < kWidth; ++i) text += i < full ? '#' : '.';
  return text + "]";
}

std::string figures(const npu::Telemetry& sample) {
  std::string text = fmt::format("load {} {} {}", shown(sample.load, "{:.0f}%"),
                                 shown(sample.frequency, "{:.0f}MHz", 1e-6),
                                 shown(sample.temperature, "{:.1f}°C"));
  if (!sample.power_state.empty()) text += " " + sample.power_state;
  return text;
}

std::string holders_text(const npu::Telemetry& sample) {
  std::vector<std::string> words;
  for (const npu::Holder& holder : sample.holders.found)
    words.push_back(fmt::format("{}({})", holder.command, holder.pid));
  std::string text = words.empty() ? "nobody" : join(words, " ");
  if (sample.holders.hidden != 0)
    text += fmt::format(", and perhaps some of {} processes of other users", sample.holders.hidden);
  return text;
}

std::vector<std::string> picture(const npu::Device& device, const npu::Telemetry& sample) {
  std::vector<std::string> lines = {
      fmt::format("{}  {}  {}", device.id, device.title, figures(sample))};
  for (std::size_t core = 0; core < sample.core_load.size(); ++core) {
    const npu::Reading& load = sample.core_load[core];
    lines.push_back(
        fmt::format("  core {}  {} {}", core, bar(load.value.value_or(0)), shown(load, "{:.0f}%")));
  }
  lines.push_back("  held by " + holders_text(sample));
  for (const auto& [name, reading] :
       {std::pair{"load", &sample.load}, std::pair{"frequency", &sample.frequency},
        std::pair{"temperature", &sample.temperature}, std::pair{"memory", &sample.memory_used}})
    if (!reading->value)
      lines.push_back(fmt::format("  {} unknown, because {}", name, reading->why));
  return lines;
}

Json reading_json(const npu::Reading& reading) {
  Json json{{"value", reading.value ? Json(*reading.value) : Json()}};
  if (reading.value)
    json["source"] = reading.source;
  else
    json["unknown_because"] = reading.why;
  return json;
}

Json sample_json(const npu::Device& device, const npu::Telemetry& sample) {
  Json cores = Json::array();
  for (const npu::Reading& core : sample.core_load) cores.push_back(reading_json(core));
  Json holders = Json::array();
  for (const npu::Holder& holder : sample.holders.found)
    holders.push_back({{"pid", holder.pid}, {"command", holder.command}, {"nodes", holder.nodes}});
  return {{"device", device.id},
          {"title", device.title},
          {"load_percent", reading_json(sample.load)},
          {"core_load_percent", cores},
          {"frequency_hz", reading_json(sample.frequency)},
          {"temperature_c", reading_json(sample.temperature)},
          {"memory_bytes", reading_json(sample.memory_used)},
          {"power_state", sample.power_state.empty() ? Json() : Json(sample.power_state)},
          {"holders", holders},
          {"processes_hidden", sample.holders.hidden}};
}

int watch(const TopOptions& options, const CommandContext& context) {
  std::unique_ptr<host::Machine> machine = host::running_machine();
  if (!options.root.empty()) {
    auto other = host::machine_at(options.root);
    if (!other) return context.fail_usage(other.error());
    machine = std::move(*other);
  }
  std::vector<npu::Device> devices = npu::find_devices(*machine);
  std::erase_if(devices, [](const npu::Device& device) { return device.family == "cpu"; });
  bool terminal = !context.json && options.count == 0 && ::isatty(STDOUT_FILENO) == 1;
  if (devices.empty() && !context.json) {
    context.out() << npu::why_no_npu(devices) << '\n';
    return kExitOk;
  }
  watch_for_interrupt();
  std::map<std::string, npu::Telemetry> last;
  if (terminal) context.out() << "\033[2J";
  // Two samples at least, because some figures are differences.
  int count = options.count != 0 ? options.count : terminal ? 0 : 2;
  for (int round = 0; (count == 0 || round < count) && !interrupted() && context.out(); ++round) {
    if (round != 0) ::poll(nullptr, 0, static_cast<int>(options.interval * 1000));
    if (interrupted()) break;
    Json samples = Json::array();
    if (terminal) context.out() << kHome;
    for (const npu::Device& device : devices) {
      auto before = last.find(device.id);
      npu::Telemetry sample =
          npu::sample_telemetry(*machine, device, before == last.end() ? nullptr : &before->second);
      if (terminal) {
        for (const std::string& line : picture(device, sample))
          context.out() << line << kClearLine << '\n';
      } else if (!context.json) {
        context.out() << device.id << ' ' << figures(sample) << " held by " << holders_text(sample)
                      << '\n';
      }
      samples.push_back(sample_json(device, sample));
      last[device.id] = std::move(sample);
    }
    if (terminal) context.out() << kClearBelow;
    if (context.json && (round + 1 == count)) {
      auto report = context.report();
      report->data("samples", samples);
      report->finish();
    }
    context.out().flush();
  }
  return kExitOk;
}

}  // namespace

void add_top_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command =
      app.add_subcommand("top", "Show what every NPU is doing: load, clock, heat, holders");
  command->add_option("--interval", options->interval, "seconds between two samples")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.05, 3600.0));
  command
      ->add_option("--count", options->count,
                   "end after so many samples; 2 where it is no terminal")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  command
      ->add_option("--root", options->root,
                   "of a tree of files or a NAME.machine instead of this machine")
      ->type_name("DIR");
  command->footer(
      "No root is needed, and no sleeping device is woken. What cannot be told says why.\n\n"
      "Examples:\n"
      "  anynpu top\n"
      "  anynpu top --count 1\n"
      "  anynpu top --json");
  on_chosen(*command, context, [options](CommandContext& c) { return watch(*options, c); });
}

}  // namespace anynpu::command

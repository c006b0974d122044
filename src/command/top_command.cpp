// SPDX-License-Identifier: Apache-2.0
// `anynpu top`: what every NPU is doing, again and again: drawn over itself on a terminal,
// elsewhere each sample as a line of its own.
#include <memory>

#include <fmt/format.h>
#include <poll.h>

#include "command/command.h"
#include "command/interrupt.h"
#include "command/screen.h"
#include "command/telemetry_text.h"
#include "host/machine.h"
#include "npu/devices.h"

namespace anynpu::command {
namespace {

struct TopOptions {
  std::string root;
  double interval = 1;
  int count = 0;
  bool ask_cards = false;
};

int draw_again_and_again(const std::vector<npu::Device>& devices, Sampler& sampler,
                         Duration interval, const CommandContext& context) {
  Screen screen(context.out());
  while (true) {
    std::vector<const npu::Telemetry*> samples;
    for (const npu::Device& device : devices) samples.push_back(&sampler.sample(device));
    // What has another size now is drawn again at once, from the same samples.
    Screen::Event event = Screen::Event::kResized;
    for (const TimePoint next = Clock::now() + interval; event == Screen::Event::kResized;
         event = screen.wait(next - Clock::now())) {
      std::vector<std::string> lines;
      for (std::size_t i = 0; i < devices.size(); ++i)
        for (std::string& line : sample_picture(devices[i], *samples[i], screen.width()))
          lines.push_back(std::move(line));
      lines.emplace_back("q ends it");
      screen.draw(lines);
    }
    if (event == Screen::Event::kQuit || !context.out()) return kExitOk;
  }
}

int write_lines(const std::vector<npu::Device>& devices, Sampler& sampler,
                const TopOptions& options, const CommandContext& context) {
  watch_for_interrupt();
  // Two samples at least, because some figures are differences.
  const int count = options.count != 0 ? options.count : 2;
  Json samples = Json::array();
  for (int round = 0; round < count && context.out(); ++round) {
    if (round != 0) ::poll(nullptr, 0, static_cast<int>(options.interval * 1000));
    if (interrupted()) break;
    samples = Json::array();
    for (const npu::Device& device : devices) {
      const npu::Telemetry& sample = sampler.sample(device);
      if (!context.json) context.out() << device.id << ' ' << sample_line(sample) << '\n';
      samples.push_back(sample_json(device, sample));
    }
    context.out().flush();
  }
  if (context.json) {
    auto report = context.report();
    report->data("samples", samples);
    report->finish();
  }
  return kExitOk;
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
  if (devices.empty() && !context.json) {
    context.out() << npu::why_no_npu(devices) << '\n';
    return kExitOk;
  }
  // Another machine's cards cannot be asked from here.
  Sampler sampler(*machine, options.ask_cards && options.root.empty() ? asking_cards()
                                                                      : npu::TelemetryOptions{});
  if (!context.json && options.count == 0 && can_draw())
    return draw_again_and_again(devices, sampler,
                                milliseconds(static_cast<int>(options.interval * 1000)), context);
  return write_lines(devices, sampler, options, context);
}

}  // namespace

void add_top_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<TopOptions>();
  CLI::App* command =
      app.add_subcommand("top", "Show what every NPU is doing: load, clock, heat, holders");
  command->add_option("--interval", options->interval, "seconds between two samples (1)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.05, 3600.0));
  command
      ->add_option("--count", options->count,
                   "end after so many samples; 2 where it is no terminal")
      ->type_name("N")
      ->check(CLI::Range(1, 1000000));
  command
      ->add_option("--root", options->root,
                   "of a tree of files, a NAME.machine or a support bundle instead of this machine")
      ->type_name("PATH");
  command->add_flag("--ask-cards", options->ask_cards,
                    "ask AXERA's cards too, every 10 s: it costs them a little work");
  command->footer(
      "No root is needed, and no sleeping device is woken. What cannot be told says why.\n"
      "On a terminal q ends it.\n\n"
      "Examples:\n"
      "  anynpu top\n"
      "  anynpu top --count 1\n"
      "  anynpu top --json");
  on_chosen(*command, context, [options](CommandContext& c) { return watch(*options, c); });
}

}  // namespace anynpu::command

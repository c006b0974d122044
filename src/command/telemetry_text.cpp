// SPDX-License-Identifier: Apache-2.0
// Telemetry for `top` and `devices --watch`.
#include "command/telemetry_text.h"

#include <cmath>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/axmodel_facts.h"
#include "engine/engines.h"

namespace anynpu::command {
namespace {

std::string shown(const npu::Reading& reading, std::string_view format, double scale = 1) {
  return reading.value ? fmt::format(fmt::runtime(format), *reading.value * scale) : "?";
}

std::string bar(double percent) {
  constexpr int kWidth = 20;
  const long full = std::lround(percent * kWidth / 100);
  std::string text = "[";
  for (int i = 0; i < kWidth; ++i) text += i < full ? '#' : '.';
  return text + "]";
}

std::string figures(const npu::Telemetry& sample) {
  std::string text = fmt::format("load {} {} {}", shown(sample.load, "{:.0f}%"),
                                 shown(sample.frequency, "{:.0f}MHz", 1e-6),
                                 shown(sample.temperature, "{:.1f}°C"));
  if (sample.memory_used.value)
    text += " " + human_bytes(static_cast<std::uint64_t>(*sample.memory_used.value));
  if (sample.commands.value) text += shown(sample.commands, " {:.0f} commands/s");
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

Json reading_json(const npu::Reading& reading) {
  Json json{{"value", reading.value ? Json(*reading.value) : Json()}};
  if (reading.value)
    json["source"] = reading.source;
  else
    json["unknown_because"] = reading.why;
  return json;
}

}  // namespace

const npu::Telemetry& Sampler::sample(const npu::Device& device) {
  auto before = last_.find(device.id);
  npu::Telemetry now = npu::sample_telemetry(
      machine_, device, before == last_.end() ? nullptr : &before->second, options_);
  return last_[device.id] = std::move(now);
}

npu::TelemetryOptions asking_cards() {
  npu::TelemetryOptions options;
  options.ask_card = [](int bus) -> Result<npu::CardFigures> {
    for (const engine::EngineStatus& found : engine::survey_engines()) {
      if (found.family != "axcl" || found.library.empty()) continue;
      ANYNPU_TRY(facts, engine::axcl::card_facts(found.library, bus));
      return npu::CardFigures{facts.npu_percent, facts.celsius, facts.total_cmm - facts.free_cmm};
    }
    return Error{Code::kNotFound, "AXERA's runtime is not on this machine"};
  };
  return options;
}

std::string sample_line(const npu::Telemetry& sample) {
  return figures(sample) + " held by " + holders_text(sample);
}

std::vector<std::string> sample_picture(const npu::Device& device, const npu::Telemetry& sample,
                                        int width) {
  std::vector<std::string> lines = {device.id + "  " + device.title};
  std::string now = figures(sample);
  if (lines[0].size() + 2 + now.size() <= static_cast<std::size_t>(width))
    lines[0] += "  " + now;
  else
    lines.push_back("  " + now);
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
          {"commands_per_second", reading_json(sample.commands)},
          {"power_state", sample.power_state.empty() ? Json() : Json(sample.power_state)},
          {"holders", holders},
          {"processes_hidden", sample.holders.hidden}};
}

}  // namespace anynpu::command

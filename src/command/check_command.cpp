// SPDX-License-Identifier: Apache-2.0
// `anynpu check MODEL`: will it run on the NPU, before trying.
#include <algorithm>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "base/text.h"
#include "command/command.h"
#include "doctor/model_check.h"
#include "model/store.h"
#include "npu/devices.h"

namespace anynpu::command {
namespace {

struct CheckOptions {
  std::string model;
  std::string device;
  std::string root;
};

// The files that a name stands for: itself, or the artifacts of a package's latest version.
Result<std::vector<std::filesystem::path>> files_of(const std::string& name) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(name, ignored))
    return std::vector<std::filesystem::path>{name};
  ANYNPU_TRY(package, model::open_package(name));
  std::vector<std::filesystem::path> files;
  for (const model::Artifact& artifact : package.latest().artifacts) files.push_back(artifact.path);
  return files;
}

void write_verdict(Report& report, const std::filesystem::path& file,
                   const doctor::ModelVerdict& verdict) {
  report.line(fmt::format(
      "{} on {}: {}", file.filename().string(),
      verdict.device.empty() ? verdict.family + " (none on this machine)" : verdict.device,
      doctor::to_string(verdict.fit)));
  report.line("  " + verdict.summary);
  if (verdict.memory_least != 0)
    report.line(fmt::format("  needs at least {} of memory{}", human_bytes(verdict.memory_least),
                            verdict.memory_free
                                ? fmt::format(", {} are free", human_bytes(*verdict.memory_free))
                                : ""));
  for (const std::string& reason : verdict.reasons) report.line("  - " + reason);
  for (const std::string& advice : verdict.advice) report.line("  hint: " + advice);
}

int check(const CheckOptions& options, const CommandContext& context) {
  auto files = files_of(options.model);
  if (!files) return context.fail(files.error());
  std::unique_ptr<host::Machine> machine = host::running_machine();
  if (!options.root.empty()) {
    auto other = host::machine_at(options.root);
    if (!other) return context.fail(other.error());
    machine = std::move(*other);
  }
  std::vector<npu::Device> devices = npu::find_devices(*machine);
  if (!options.device.empty()) {
    std::erase_if(devices, [&](const npu::Device& device) {
      return device.id != options.device && device.family != options.device;
    });
    if (devices.empty())
      return context.fail(Error{Code::kNotFound, "there is no device " + options.device}.with_hint(
          "anynpu devices lists what there is"));
  }
  auto report = context.report();
  Json all = Json::array();
  bool refused = false;
  for (const std::filesystem::path& file : *files) {
    auto verdicts = doctor::check_model(*machine, devices, file);
    if (!verdicts) return context.fail(verdicts.error());
    for (const doctor::ModelVerdict& verdict : *verdicts) {
      if (!options.device.empty() && verdict.device.empty()) continue;
      write_verdict(*report, file, verdict);
      refused = refused || verdict.fit == doctor::Fit::kRefused;
      all.push_back(
          {{"file", file.string()},
           {"family", verdict.family},
           {"device", verdict.device.empty() ? Json() : Json(verdict.device)},
           {"fit", doctor::to_string(verdict.fit)},
           {"summary", verdict.summary},
           {"reasons", verdict.reasons},
           {"advice", verdict.advice},
           {"memory_least_bytes", verdict.memory_least},
           {"memory_free_bytes", verdict.memory_free ? Json(*verdict.memory_free) : Json()}});
    }
  }
  Json without = Json::array();
  for (const npu::Device& device : devices) {
    if (device.family == "cpu" || std::any_of(all.begin(), all.end(), [&](const Json& verdict) {
          return verdict["device"] == device.id;
        }))
      continue;
    report->line(fmt::format("no file of {} is for {} ({}); docs/models.md says how to make one",
                             options.model, device.id, device.title));
    without.push_back(device.id);
  }
  report->data("verdicts", all);
  report->data("devices_without_file", without);
  report->finish();
  return refused ? kExitFailed : kExitOk;
}

}  // namespace

void add_check_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<CheckOptions>();
  CLI::App* command =
      app.add_subcommand("check", "Tell whether a model will run on the NPU, before trying");
  command->add_option("MODEL", options->model, "a model file, or a model package")
      ->required()
      ->type_name("");
  command->add_option("--device", options->device, "only this device or family")->type_name("NAME");
  command
      ->add_option("--root", options->root,
                   "judge for another machine: a folder, a .machine file or a support bundle")
      ->type_name("PATH");
  command->footer(
      "Nothing is loaded and no NPU is touched. Ends with 1 when an NPU's library would refuse "
      "it.\n\n"
      "Examples:\n"
      "  anynpu check mobilenet_v1\n"
      "  anynpu check yolov5s.rknn --device rknpu0\n"
      "  anynpu check model.tflite --root my-board.tar");
  on_chosen(*command, context, [options](CommandContext& c) { return check(*options, c); });
}

}  // namespace anynpu::command

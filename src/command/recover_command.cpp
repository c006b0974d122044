// SPDX-License-Identifier: Apache-2.0
// `anynpu recover [DEVICE]`: bring a stuck NPU back by the least harmful step.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "command/command.h"
#include "host/hands.h"
#include "model/store.h"
#include "npu/devices.h"
#include "npu/registry.h"
#include "recovery/climb.h"
#include "runtime/served_model.h"
#include "server/canary.h"

namespace anynpu::command {
namespace {

namespace fs = std::filesystem;

struct RecoverOptions {
  std::string device;
  bool apply = false;
  bool dry_run = false;
  std::string step;
  bool i_know = false;
  std::string evidence;
  std::string model;
};

const npu::Family* family_of(const npu::Device& device) {
  for (const npu::Family& family : npu::families())
    if (family.name == device.family) return &family;
  return nullptr;
}

fs::path state_folder() {
  if (const char* chosen = std::getenv("XDG_STATE_HOME"); chosen != nullptr && *chosen != '\0')
    return fs::path(chosen) / "anynpu";
  if (::geteuid() == 0) return "/var/lib/anynpu";
  const char* home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : "/tmp") / ".local/state/anynpu";
}

// The package whose answer shows that the device is in order: the one that was asked for, or the
// first one that has an artifact for the family.
Result<model::Package> canary_package(const RecoverOptions& options, const npu::Device& device) {
  if (!options.model.empty()) return model::open_package(options.model);
  for (model::Package& package : model::list_packages().packages)
    for (const model::Artifact& artifact : package.latest().artifacts)
      if (std::find(artifact.families.begin(), artifact.families.end(), device.family) !=
          artifact.families.end())
        return std::move(package);
  // sudo makes root's folders of the user's.
  const char* user = ::geteuid() == 0 ? std::getenv("SUDO_USER") : nullptr;
  return Error{Code::kNotFound,
               fmt::format("no model that is found here runs on {}", device.family)}
      .with_hint(user == nullptr
                     ? "name one with --model, so that it can be seen whether a step helped"
                     : fmt::format("root's models were looked for; for those of {}: sudo "
                                   "XDG_DATA_HOME=\"$HOME/.local/share\" anynpu recover {} ...",
                                   printable(user), device.id));
}

// The device answers the package's canary as the CPU does: what placement asks of it too.
Result<> ask_canary(const model::Package& package, const npu::Device& device) {
  ANYNPU_TRY(input, server::canary_of(package));
  runtime::ServeOptions serve;
  serve.policy = runtime::Policy::kNpuRequired;
  serve.instances = 1;
  // Of all NPUs only this one; the CPU says what is right.
  serve.devices = std::vector<npu::Device>{device};
  serve.devices->front().status = npu::Status::kReady;  // whatever was wrong with it before
  serve.quarantine = std::make_shared<runtime::Quarantine>();
  auto model = runtime::ServedModel::start(package, package.latest().number, input, serve);
  // A model also starts when its device has just failed, and waits for it.
  if (std::string why = serve.quarantine->reason(device.id); !why.empty())
    return Error{Code::kDevice, why};
  if (!model) return std::move(model).error();
  (*model)->drain(Clock::now() + seconds(5));
  return {};
}

Result<std::vector<npu::Device>> devices_meant(const RecoverOptions& options,
                                               const host::Machine& machine) {
  std::vector<npu::Device> npus;
  std::vector<std::string> ids;
  for (npu::Device& device : npu::find_devices(machine)) {
    const npu::Family* family = family_of(device);
    if (family == nullptr || family->ladder == nullptr) continue;
    ids.push_back(device.id);
    if (options.device.empty() || options.device == device.id) npus.push_back(std::move(device));
  }
  if (!options.device.empty() && npus.empty())
    return Error{Code::kNotFound,
                 fmt::format("there is no NPU {} on this machine", printable(options.device))}
        .with_hint(ids.empty() ? "anynpu devices lists what there is"
                               : "there are: " + join(ids, ", "));
  if (options.apply && options.device.empty() && npus.size() > 1)
    return Error{Code::kInvalid, "there are several NPUs: " + join(ids, ", ")}.with_hint(
        "name the one to recover");
  return npus;
}

Json to_json(const recovery::StepReport& report) {
  Json acts = Json::array();
  for (const npu::Act& act : report.step.acts) acts.push_back(act.shown());
  Json json{{"name", report.step.name},
            {"title", report.step.title},
            {"touches", report.step.touches},
            {"disturbs", report.step.disturbs},
            {"risk", report.step.risk},
            {"needs_root", report.step.needs_root},
            {"acts", acts},
            {"verdict", recovery::to_string(report.verdict)},
            {"never", report.step.never},
            {"not_here", report.step.not_here},
            {"held", report.held},
            {"taken", report.taken}};
  if (!report.problem.empty()) json["problem"] = report.problem;
  if (report.canary) {
    json["canary"] = *report.canary;
    if (!*report.canary) json["canary_says"] = report.canary_says;
  }
  return json;
}

std::string mark_of(const recovery::StepReport& report, bool apply) {
  using recovery::Verdict;
  switch (report.verdict) {
    case Verdict::kNever:
      return "never taken here: " + report.step.never;
    case Verdict::kNotHere:
      return "not possible here: " + report.step.not_here;
    case Verdict::kHeld:
      return "not taken while " + report.held;
    case Verdict::kNeedsRoot:
      return "needs root";
    case Verdict::kByHand:
      return "by hand, when nothing before it helped";
    case Verdict::kTake:
      break;
  }
  if (!apply) return "";
  if (!report.taken) return "not needed any more";
  std::string text = *report.canary
                         ? "taken: the device is in order"
                         : "taken: the device is not in order (" + report.canary_says + ")";
  return report.problem.empty() ? text : report.problem + "; " + text;
}

void write_ladder(Report& out, const npu::Device& device, const recovery::ClimbReport& climbed,
                  bool apply) {
  out.line(fmt::format("{} ({}): {}", device.id, device.title, device.reason));
  int number = 0;
  for (const recovery::StepReport& step : climbed.steps) {
    out.line(fmt::format("  {}. {}: {}", ++number, step.step.name, step.step.title));
    if (std::string mark = mark_of(step, apply); !mark.empty()) out.line("     " + mark);
    if (step.verdict == recovery::Verdict::kNotHere) continue;
    out.line("     disturbs: " + step.step.disturbs);
    if (!step.step.risk.empty()) out.line("     risk: " + step.step.risk);
    for (const npu::Act& act : step.step.acts) out.line("     $ " + act.shown());
  }
  if (!climbed.evidence.empty())
    out.line("  evidence saved before the first step: " + climbed.evidence.string());
}

int recover(const RecoverOptions& options, const CommandContext& context) {
  if (options.apply && options.dry_run)
    return context.fail_usage(Error{Code::kInvalid, "--apply and --dry-run exclude each other"});
  std::unique_ptr<host::Machine> machine = host::running_machine();
  auto devices = devices_meant(options, *machine);
  if (!devices) return context.fail(devices.error());

  auto hands = host::running_hands();
  const fs::path state = state_folder();
  recovery::ClimbOptions climb;
  climb.apply = options.apply;
  climb.only = options.step;
  climb.i_know = options.i_know;
  climb.root = machine->identity().uid == 0;
  climb.evidence_folder =
      options.evidence.empty() ? state / "evidence" : fs::path(options.evidence);
  climb.state_file = state / "recovery.json";

  auto report = context.report();
  Json all = Json::array();
  bool mended = true;
  for (const npu::Device& device : *devices) {
    recovery::Canary canary = [] { return Result<>(); };
    if (options.apply) {
      auto package = canary_package(options, device);
      if (!package) return context.fail(package.error());
      canary = [package = std::move(*package), &device] { return ask_canary(package, device); };
    }
    npu::Ladder ladder = family_of(device)->ladder(*machine, device);
    auto climbed = recovery::climb(*machine, *hands, device, ladder, canary, climb);
    if (!climbed) return context.fail(climbed.error());
    mended = mended && (climbed->mended || !options.apply);
    write_ladder(*report, device, *climbed, options.apply);
    if (options.apply)
      report->line(climbed->mended ? device.id + " is in order"
                                   : device.id + " is still not in order");
    Json steps = Json::array();
    for (const recovery::StepReport& step : climbed->steps) steps.push_back(to_json(step));
    all.push_back(
        {{"device", device.id},
         {"family", device.family},
         {"reason", device.reason},
         {"steps", steps},
         {"mended", options.apply ? Json(climbed->mended) : Json()},
         {"evidence", climbed->evidence.empty() ? Json() : Json(climbed->evidence.string())}});
  }
  report->data("applied", options.apply);
  report->data("devices", all);
  if (devices->empty())
    report->line("no NPU on this machine: nothing to recover");
  else if (!options.apply)
    report->line(
        "nothing was done; --apply climbs this ladder and stops at the first step that helps");
  report->finish();
  return mended ? kExitOk : kExitFailed;
}

}  // namespace

void add_recover_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<RecoverOptions>();
  CLI::App* command =
      app.add_subcommand("recover", "Bring a stuck NPU back by the least harmful step");
  command
      ->add_option("DEVICE", options->device,
                   "the NPU, such as rknpu0; needed when there are several")
      ->type_name("");
  command->add_flag("--dry-run", options->dry_run, "only show the ladder (the default)");
  command->add_flag("--apply", options->apply, "climb it, up to the first step that helps");
  command->add_option("--step", options->step, "only this step")->type_name("NAME");
  command->add_flag("--i-know", options->i_know,
                    "with --step: take it although it is known to make things worse here");
  command
      ->add_option("--model", options->model,
                   "the model whose canary shows whether the device is in order")
      ->type_name("MODEL");
  command
      ->add_option("--evidence", options->evidence,
                   "where to save what a reset destroys (kernel log, states)")
      ->type_name("DIR");
  command->footer(
      "Only anynpu's own processes are ever ended. Before the first step the evidence is saved, "
      "after\n"
      "each one the canary is asked, and a device is climbed for once in ten minutes.\n\n"
      "Models and engines are root's under sudo; XDG_DATA_HOME brings your own.\n\n"
      "Examples:\n"
      "  anynpu recover\n"
      "  sudo XDG_DATA_HOME=\"$HOME/.local/share\" anynpu recover rknpu0 --apply\n"
      "  sudo XDG_DATA_HOME=\"$HOME/.local/share\" anynpu recover axcl0 --step card-reboot "
      "--apply");
  on_chosen(*command, context, [options](CommandContext& c) { return recover(*options, c); });
}

}  // namespace anynpu::command

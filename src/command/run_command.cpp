// SPDX-License-Identifier: Apache-2.0
// `anynpu run MODEL IMAGE...`: what is on these pictures, and where that was found out.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "base/tell.h"
#include "command/command.h"
#include "command/image_files.h"
#include "command/interrupt.h"
#include "command/output.h"
#include "command/run_output.h"
#include "command/run_pictures.h"
#include "command/serve_options.h"
#include "model/store.h"

namespace anynpu::command {
namespace {

struct RunOptions {
  std::string model;
  std::vector<std::string> images;
  std::string format;
  std::string annotate;
  double timeout_seconds = 30;
  vision::InterpretOptions interpret;
  runtime::ServeOptions serve;
};

Duration seconds_of(double value) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
}

// Starting a second worker takes about as long as so many pictures on the first one.
constexpr std::size_t kWorthMoreWorkers = 16;
// One in the worker, and one that is decoded while it runs.
constexpr std::size_t kReadyPerWorker = 2;

std::unique_ptr<RunOutput> output_for(const RunOptions& options, const CommandContext& context,
                                      bool single) {
  if (context.json) return json_output(context.out());
  if (options.format == "csv") return csv_output(context.out());
  return text_output(context.out(), single);
}

int exit_code_of(const RunSummary& summary) {
  if (interrupted()) return kExitInterrupted;
  if (summary.failed == 0) return kExitOk;
  return summary.failed == summary.files ? kExitFailed : kExitDegraded;
}

Result<std::unique_ptr<runtime::ServedModel>> start_model(const RunOptions& options,
                                                          const model::Package& package,
                                                          int version, std::size_t pictures) {
  if (package.task == model::Task::kTranscribe || package.task == model::Task::kVad)
    return Error{Code::kUnsupported, fmt::format("{} takes no pictures: its task is {}",
                                                 package.name, to_string(package.task))}
        .with_hint("for recordings there is: anynpu transcribe FILE");
  ANYNPU_TRY(canary, vision::ImageModel::canary(package));
  runtime::ServeOptions serve = options.serve;
  if (pictures < kWorthMoreWorkers) serve.instances = 1;
  return runtime::ServedModel::start(package, version, canary, serve);
}

std::size_t serving_workers(const runtime::ServedModel& model) {
  std::string serving = model.placements().ranked.front().placement.id();
  auto instances = model.instances();
  return static_cast<std::size_t>(
      std::count_if(instances.begin(), instances.end(),
                    [&](const runtime::InstanceStatus& one) { return one.placement == serving; }));
}

int run(const RunOptions& options, CommandContext& context) {
  if (options.format == "json") context.json = true;
  if (context.json && options.format == "csv")
    return context.fail_usage(
        Error{Code::kInvalid, "--json and --format csv ask for two things at once"});
  RunPlan plan{find_images(options.images),
               options.interpret,
               seconds_of(options.timeout_seconds),
               1,
               options.annotate,
               [] { return interrupted() || standard_output_errno() != 0; }};
  const bool single = plan.images.size() == 1;

  ModelName wanted = parse_model_name(options.model);
  auto package = model::open_package(wanted.name);
  if (!package) return context.fail(package.error());
  auto version = version_of(*package, wanted.version);
  if (!version) return context.fail(version.error());
  auto model = start_model(options, *package, *version, plan.images.size());
  if (!model) return context.fail(model.error());
  auto images = vision::ImageModel::create(*package, (*model)->session());
  if (!images) return context.fail(images.error());

  watch_for_interrupt();
  plan.window = kReadyPerWorker * serving_workers(**model);
  RunSummary summary;
  summary.model = package->name;
  summary.version = *version;
  summary.placements = (*model)->placements();
  auto output = output_for(options, context, single);
  run_pictures(plan, *images, **model, *output, summary);
  output->finish(summary);
  (*model)->drain(Clock::now() + seconds(2));  // what is under way after an early end
  if (interrupted()) tell("interrupted after {} of {} pictures\n", summary.done, summary.files);
  return exit_code_of(summary);
}

}  // namespace

void add_run_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "Run a model on pictures");
  command
      ->add_option("MODEL", options->model,
                   "a model package (NAME or NAME@VERSION), its folder, or a model file")
      ->required()
      ->type_name("");
  command
      ->add_option("IMAGE", options->images, "pictures (JPEG, PNG, WebP, BMP), and folders of them")
      ->required()
      ->type_name("");
  command
      ->add_option("--top", options->interpret.top,
                   "how many answers per picture; the package says how many otherwise")
      ->check(CLI::Range(1, 100000))
      ->type_name("N");
  command
      ->add_option("--threshold", options->interpret.threshold,
                   "leave out detections with a lower score, 0 to 1")
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SCORE");
  command->add_option("--format", options->format, "text (the default), json or csv")
      ->check(CLI::IsMember({"text", "json", "csv"}))
      ->type_name("FORMAT");
  command
      ->add_option(
          "--annotate", options->annotate,
          "draw what was seen: into this PNG file, or with several pictures into this folder")
      ->type_name("PATH");
  add_placement_options(*command, options->serve);
  add_isolation_options(*command, options->serve);
  command
      ->add_option("--timeout", options->timeout_seconds,
                   "give a picture up after so many seconds (30)")
      ->check(CLI::Range(0.001, 86400.0))
      ->type_name("SECONDS");
  command->footer(
      "Ends with 3 when some pictures failed and with 1 when all did.\n\n"
      "Examples:\n"
      "  anynpu run mobilenet_v1 cat.jpg\n"
      "  anynpu run ssd_mobilenet_v1 street.jpg --annotate seen.png\n"
      "  anynpu run mobilenet_v1 holiday/ --format csv > holiday.csv\n"
      "  anynpu run ./my-model.tflite cat.jpg --json");
  on_chosen(*command, context, [options](CommandContext& c) { return run(*options, c); });
}

}  // namespace anynpu::command

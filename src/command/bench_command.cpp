// SPDX-License-Identifier: Apache-2.0
// `anynpu bench MODEL`: every placement of a model, measured and compared.
#include <algorithm>
#include <memory>
#include <thread>

#include <fmt/format.h>

#include "base/text.h"
#include "command/bench_measure.h"
#include "command/command.h"
#include "command/interrupt.h"
#include "command/serve_options.h"
#include "model/store.h"
#include "server/canary.h"

namespace anynpu::command {
namespace {

constexpr int kMostInstancesByItself = 4;

struct BenchOptions {
  std::string model;
  int runs = 100;
  double seconds_each = 2;
  int instances = 0;
  bool compare = false;
  std::string against;
  double target_ms = 0;
  runtime::ServeOptions serve;
};

Cell ms(double value) {
  return Cell(value, fmt::format("{:.2f}", value));
}

// The row that the others are compared with: the one that was named, or the fastest.
const PlacementFigures* base_of(const BenchOptions& options, const BenchFigures& figures) {
  for (const PlacementFigures& one : figures.placements)
    if (one.candidate.placement.id().find(options.against) != std::string::npos) return &one;
  return nullptr;
}

class BenchReport {
 public:
  BenchReport(const BenchOptions& options, const BenchFigures& figures)
      : options_(options), figures_(figures) {
    base_ = options.compare ? base_of(options, figures) : nullptr;
    for (const PlacementFigures& one : figures.placements)
      if (one.throughput.size() > steps_.size()) steps_ = one.throughput;
  }

  void write(Report& report) const {
    std::vector<std::vector<Cell>> rows;
    for (const PlacementFigures& one : figures_.placements) rows.push_back(row(one));
    report.line("milliseconds per request; requests per second by number of workers");
    report.table("placements", columns(), rows);
    for (const PlacementFigures& one : figures_.placements)
      if (one.candidate.measured && !one.candidate.measured->note.empty())
        report.line(one.candidate.placement.id() + ": " + one.candidate.measured->note);
    std::vector<std::vector<Cell>> rejected;
    for (const runtime::Candidate& one : figures_.rejected)
      rejected.push_back({one.placement.id(), printable(one.rejected, 400)});
    if (!rejected.empty()) report.line("");
    report.table("rejected", {{"placement", "NOT MEASURED"}, {"reason", "WHY"}}, rejected);
    if (!figures_.no_npu.empty()) {
      report.line("");
      report.line(figures_.no_npu);
    }
    report.data("no_npu", figures_.no_npu.empty() ? Json() : Json(figures_.no_npu));
  }

 private:
  std::vector<Column> columns() const {
    std::vector<Column> all = {{"placement", "PLACEMENT"},
                               {"device", ""},
                               {"engine", ""},
                               {"artifact", ""},
                               {"load_ms", "LOAD", true},
                               {"first_ms", "FIRST", true},
                               {"median_ms", "MEDIAN", true},
                               {"p90_ms", "P90", true},
                               {"p99_ms", "P99", true},
                               {"engine_median_ms", "ENGINE", true},
                               {"runs", "RUNS", true},
                               {"memory_bytes", "MEMORY", true},
                               {"cosine", "COSINE", true},
                               {"same_top1", "TOP-1"},
                               {"note", ""},
                               {"throughput", ""}};
    for (const Throughput& step : steps_)
      all.push_back(
          {"", step.instances == 1 ? "1 WORKER" : fmt::format("{} WORKERS", step.instances), true});
    if (base_ != nullptr) {
      all.push_back({"ratio", "RATIO", true});
      all.push_back({"ratio_least", ""});
      all.push_back({"ratio_most", ""});
      all.push_back({"", "OVER ROUNDS"});
    }
    return all;
  }

  std::vector<Cell> row(const PlacementFigures& one) const {
    const runtime::Placement& placement = one.candidate.placement;
    runtime::Measured measured = one.candidate.measured.value_or(runtime::Measured{});
    std::vector<double> times = all_rounds(one);
    std::vector<Cell> cells = {placement.id(),
                               placement.device,
                               placement.engine_title(),
                               placement.artifact.file,
                               ms(measured.load_ms),
                               ms(measured.first_ms),
                               ms(percentile(times, 0.5)),
                               ms(percentile(times, 0.9)),
                               ms(percentile(times, 0.99)),
                               ms(percentile(one.engine_ms, 0.5)),
                               times.size(),
                               one.memory_bytes == 0
                                   ? Cell(Json(), "-")
                                   : Cell(one.memory_bytes, human_bytes(one.memory_bytes)),
                               Cell(measured.cosine, fmt::format("{:.4f}", measured.cosine)),
                               Cell(measured.same_top1, measured.same_top1 ? "same" : "differs"),
                               Cell(measured.note)};
    Json throughput = Json::array();
    for (const Throughput& step : one.throughput)
      throughput.push_back({{"instances", step.instances}, {"per_second", step.per_second}});
    cells.emplace_back(std::move(throughput), "");
    for (std::size_t i = 0; i < steps_.size(); ++i)
      cells.emplace_back(Json(), i < one.throughput.size()
                                     ? fmt::format("{:.1f}", one.throughput[i].per_second)
                                     : "");
    if (base_ != nullptr) {
      Ratio ratio = ratio_of(one, *base_);
      cells.emplace_back(ratio.median, fmt::format("{:.2f}x", ratio.median));
      cells.emplace_back(ratio.least);
      cells.emplace_back(ratio.most);
      cells.emplace_back(Json(), fmt::format("{:.2f} to {:.2f}", ratio.least, ratio.most));
    }
    return cells;
  }

  const BenchOptions& options_;
  const BenchFigures& figures_;
  const PlacementFigures* base_ = nullptr;
  std::vector<Throughput> steps_;
};

double fastest_median(const BenchFigures& figures) {
  double best = -1;
  for (const PlacementFigures& one : figures.placements) {
    double median = percentile(all_rounds(one), 0.5);
    if (best < 0 || median < best) best = median;
  }
  return best;
}

bool report_target(Report& report, double target_ms, double best_ms) {
  bool met = best_ms >= 0 && best_ms <= target_ms;
  report.line(fmt::format("target of {:g} ms {}: the fastest median is {:.2f} ms", target_ms,
                          met ? "met" : "missed", best_ms));
  report.data("target_ms", target_ms);
  report.data("target_met", met);
  return met;
}

int bench(const BenchOptions& options, CommandContext& context) {
  ModelName wanted = parse_model_name(options.model);
  auto package = model::open_package(wanted.name);
  if (!package) return context.fail(package.error());
  auto version = version_of(*package, wanted.version);
  if (!version) return context.fail(version.error());
  auto input = server::canary_of(*package);
  if (!input) return context.fail(input.error());

  int instances = options.instances;
  if (instances == 0)
    instances = std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1,
                           kMostInstancesByItself);
  auto limit =
      std::chrono::duration_cast<Duration>(std::chrono::duration<double>(options.seconds_each));
  watch_for_interrupt();
  auto figures = measure(
      {*package, *version, *input, options.serve, options.runs, limit, instances, interrupted});
  if (interrupted())
    return context.fail(Error{Code::kCancelled, "interrupted before everything was measured"});
  if (!figures) return context.fail(figures.error());
  if (!options.against.empty() && base_of(options, *figures) == nullptr)
    return context.fail_usage(
        Error{Code::kNotFound, "no placement contains '" + options.against + "'"}.with_hint(
            "anynpu bench without --against shows their names"));

  auto report = context.report();
  report->fact("model", "", package->name);
  report->fact("version", "", *version);
  report->line(fmt::format("{} version {}, {}", package->name, *version,
                           options.serve.isolated ? "in worker processes" : "in this process"));
  report->data("isolated", options.serve.isolated);
  report->data("threads", options.serve.threads);
  BenchReport(options, *figures).write(*report);
  bool met =
      options.target_ms <= 0 || report_target(*report, options.target_ms, fastest_median(*figures));
  report->finish();
  return met ? kExitOk : kExitDegraded;
}

}  // namespace

void add_bench_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = app.add_subcommand("bench", "Measure every placement of a model");
  command
      ->add_option("MODEL", options->model,
                   "a model package (NAME or NAME@VERSION), its folder, or a model file")
      ->required()
      ->type_name("");
  command
      ->add_option("--runs", options->runs, "most requests per placement for the latencies (100)")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N");
  command
      ->add_option("--seconds", options->seconds_each,
                   "most time for each measurement of a placement (2)")
      ->check(CLI::Range(0.01, 3600.0))
      ->type_name("S");
  command
      ->add_option("--instances", options->instances,
                   "measure throughput with 1 to N workers (cores, at most 4)")
      ->check(CLI::Range(1, 64))
      ->type_name("N");
  command->add_flag("--compare", options->compare,
                    "show how many times as long each takes as the fastest");
  command
      ->add_option("--against", options->against,
                   "with --compare: as the placement whose name contains this")
      ->needs("--compare")
      ->type_name("TEXT");
  command
      ->add_option("--target-ms", options->target_ms,
                   "end with 3 unless a placement's median is at most this")
      ->check(CLI::Range(0.001, 1e9))
      ->type_name("MS");
  add_placement_options(*command, options->serve);
  add_isolation_options(*command, options->serve);
  command->footer(
      "The input is the package's canary: a picture, or a sound for models that hear. LOAD and\n"
      "FIRST are of a fresh session; MEDIAN, P90 and P99 are of whole requests, ENGINE is the\n"
      "engine's part of them; COSINE and TOP-1 compare the answer with that of the reference on\n"
      "the CPU. The placements take turns, round after round.\n\n"
      "Examples:\n"
      "  anynpu bench mobilenet_v1\n"
      "  anynpu bench mobilenet_v1 --compare --against plain\n"
      "  anynpu bench ssd_mobilenet_v1 --placement xnnpack --target-ms 50 --json");
  on_chosen(*command, context, [options](CommandContext& c) { return bench(*options, c); });
}

}  // namespace anynpu::command

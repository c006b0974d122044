// SPDX-License-Identifier: Apache-2.0
// `anynpu engines`: which libraries can run models on this machine, and what is missing for the
// rest; `anynpu engines pull` fetches the ones for the CPU.
#include "command/engines_command.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "command/pull_report.h"
#include "engine/engines.h"
#include "model/catalog.h"
#include "model/folders.h"
#include "model/pull.h"

namespace anynpu::command {

namespace {

std::vector<Cell> cells_of(const engine::EngineStatus& status) {
  Json searched = Json::array();
  for (const std::filesystem::path& path : status.searched) searched.push_back(path.string());
  auto or_null = [](const std::string& text) {
    return Cell(text.empty() ? Json() : Json(text), text);
  };
  return {status.name,
          status.family,
          status.artifact,
          Cell(Json(status.usable), status.usable            ? "usable"
                                    : status.library.empty() ? "missing"
                                                             : "not usable"),
          or_null(status.version),
          or_null(status.library.string()),
          or_null(status.problem),
          or_null(status.hint),
          Cell(searched, "")};
}

#if defined(__aarch64__)
constexpr const char* kThisArch = "arm64";
#else
constexpr const char* kThisArch = "amd64";
#endif

}  // namespace

int list_engines(const CommandContext& context) {
  std::vector<engine::EngineStatus> engines = engine::survey_engines();
  std::vector<std::vector<Cell>> rows;
  for (const engine::EngineStatus& status : engines) rows.push_back(cells_of(status));
  auto report = context.report();
  report->table("engines",
                {{"name", "ENGINE"},
                 {"family", "FAMILY"},
                 {"artifact", "ARTIFACT"},
                 {"usable", "STATE"},
                 {"version", "VERSION"},
                 {"library", "LIBRARY"},
                 {"problem", ""},
                 {"hint", ""},
                 {"searched", ""}},
                rows);
  for (const engine::EngineStatus& status : engines) {
    if (status.problem.empty()) continue;
    report->line("");
    report->line(fmt::format("{}: {}", status.name, status.problem));
    if (!status.hint.empty()) report->line("  hint: " + status.hint);
  }
  report->finish();
  return kExitOk;
}

int pull_engines(const EnginesOptions& options, const CommandContext& context) {
  auto catalog = model::open_catalog();
  if (!catalog) return context.fail(catalog.error());
  std::string arch = options.arch.empty() ? kThisArch : options.arch;
  std::filesystem::path folder = options.to;
  if (folder.empty() && model::user_data_folder().empty())
    return context.fail(Error{
        Code::kInvalid, "there is no folder for libraries: neither XDG_DATA_HOME nor HOME is set"}
                            .with_hint("use --to DIR"));
  if (folder.empty()) folder = model::user_data_folder() / "lib" / arch;

  std::vector<const model::CatalogRuntime*> chosen;
  std::vector<std::string> known;
  for (const model::CatalogRuntime& runtime : catalog->runtimes) {
    if (runtime.arch != arch) continue;
    known.push_back(runtime.name);
    bool wanted = options.names.empty() || std::find(options.names.begin(), options.names.end(),
                                                     runtime.name) != options.names.end();
    if (wanted) chosen.push_back(&runtime);
  }
  for (const std::string& name : options.names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    std::string near = did_you_mean(name, known);
    return context.fail(Error{Code::kNotFound, fmt::format("the catalog has no engine '{}' for {}",
                                                           printable(name, 60), arch)}
                            .with_hint(near.empty() ? "it has " + join(known, ", ")
                                                    : fmt::format("did you mean '{}'?", near)));
  }
  PullReport report(context, "engines");
  bool all_whole = std::all_of(
      chosen.begin(), chosen.end(),
      [&](const model::CatalogRuntime* runtime) { return model::is_whole(*runtime, folder); });
  Result<PullLocks> locks = all_whole ? PullLocks() : lock_for_pull(folder);
  if (!locks) return context.fail(locks.error());
  model::Fetcher fetcher(*catalog, model::Mirror::from_environment(), model::user_cache_folder());
  for (const model::CatalogRuntime* runtime : chosen) {
    std::string name = fmt::format("{} {} ({})", runtime->name, runtime->version, runtime->arch);
    if (model::is_whole(*runtime, folder)) {
      model::Pulled there{folder, {}, ""};
      for (const model::CatalogFile& file : runtime->files) there.files.push_back({file.path, ""});
      report.add(name, there);
    } else {
      report.add(name, model::pull_runtime(*runtime, folder, fetcher));
    }
  }
  return report.finish();
}

void add_engines_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<EnginesOptions>();
  CLI::App* engines =
      app.add_subcommand("engines", "List the libraries that run models, and what is missing");
  engines->footer(
      "Examples:\n"
      "  anynpu engines\n"
      "  anynpu engines pull");
  CLI::App* pull =
      engines->add_subcommand("pull", "Fetch the CPU engines for systems that have none");
  pull->add_option("NAME", options->names, "tflite, onnxruntime; without one, both");
  pull->add_option("--arch", options->arch, "for another machine")
      ->check(CLI::IsMember({"amd64", "arm64"}));
  pull->add_option("--to", options->to, "put the libraries there")->type_name("DIR");
  // CLI11 calls back the command below first, and this one last.
  on_chosen(*engines, context, [options, pull](CommandContext& c) {
    return pull->parsed() ? pull_engines(*options, c) : list_engines(c);
  });
}

}  // namespace anynpu::command

// SPDX-License-Identifier: Apache-2.0
// `anynpu models`: the subcommands, and those that only look: list, show, path, inspect.
#include "command/models_command.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "model/inspect.h"
#include "model/store.h"

namespace anynpu::command {

namespace {

struct Row {
  const model::Package* package = nullptr;       // when it is on this machine
  const model::CatalogModel* offered = nullptr;  // when the catalog has it
};

std::vector<Cell> cells_of(const std::string& name, const Row& row) {
  const model::Package& known =
      row.package != nullptr ? *row.package : row.offered->package.package;
  std::string state = row.package != nullptr ? "ready" : "not pulled";
  std::string size = row.offered != nullptr ? human_bytes(row.offered->size()) : "";
  return {name,
          Cell(model::to_string(known.task)),
          Cell(Json(row.package != nullptr), state),
          Cell(row.offered != nullptr ? Json(row.offered->size()) : Json(), size),
          known.license,
          known.title,
          Cell(row.offered != nullptr && row.offered->in_default),
          Cell(row.package != nullptr ? Json(row.package->folder.string()) : Json(), "")};
}

}  // namespace

int list_models(const CommandContext& context) {
  auto catalog = model::open_catalog();
  if (!catalog) return context.fail(catalog.error());
  model::Inventory inventory = model::list_packages();
  std::map<std::string, Row> rows;
  for (const model::Package& package : inventory.packages) rows[package.name].package = &package;
  for (const model::CatalogModel& offered : catalog->models)
    rows[offered.name()].offered = &offered;

  auto report = context.report();
  std::vector<std::vector<Cell>> cells;
  bool some_missing = false;
  for (const auto& [name, row] : rows) {
    cells.push_back(cells_of(name, row));
    some_missing = some_missing || row.package == nullptr;
  }
  report->table("models",
                {{"name", "MODEL"},
                 {"task", "TASK"},
                 {"installed", "STATE"},
                 {"bytes", "SIZE", true},
                 {"license", "LICENCE"},
                 {"title", "WHAT IT IS"},
                 {"default", ""},
                 {"folder", ""}},
                cells);
  std::vector<std::vector<Cell>> broken;
  for (const auto& [folder, error] : inventory.broken)
    broken.push_back({folder.string(), error.message, error.hint});
  if (!broken.empty()) report->line("");
  report->table("broken", {{"folder", "BROKEN PACKAGE"}, {"error", "WHY"}, {"hint", "WHAT TO DO"}},
                broken);
  if (some_missing) {
    report->line("");
    report->line("Fetch one with: anynpu models pull NAME");
  }
  report->finish();
  return kExitOk;
}

namespace {

std::string channels(const std::array<float, 3>& values) {
  return values[0] == values[1] && values[1] == values[2]
             ? fmt::format("{:g}", values[0])
             : fmt::format("{:g} {:g} {:g}", values[0], values[1], values[2]);
}

void show_artifacts(const model::Package& package, Report& report) {
  std::vector<std::vector<Cell>> rows;
  for (const model::Version& version : package.versions)
    for (const model::Artifact& artifact : version.artifacts)
      rows.push_back({version.number, artifact.file, artifact.engine,
                      Cell(Json(artifact.families), join(artifact.families, " ")),
                      artifact.max_batch, Cell(artifact.reference), artifact.min_cosine,
                      artifact.path.string()});
  report.line("");
  report.table("artifacts",
               {{"version", "VERSION", true},
                {"file", "ARTIFACT"},
                {"engine", "ENGINE"},
                {"families", "RUNS ON"},
                {"max_batch", "BATCH", true},
                {"reference", "REFERENCE"},
                {"min_cosine", ""},
                {"path", ""}},
               rows);
}

// What programs are told of a source, and the shorter word for people.
std::pair<std::string, std::string> words_of(const model::Catalog& catalog,
                                             const model::FileSource& source) {
  if (!source.archive.empty()) {
    const std::string& address = catalog.archives.at(source.archive).address;
    return {address + ": " + source.member, address};
  }
  if (source.url.empty()) return {"the catalog's text", "the catalog's text"};
  std::size_t host = source.url.find("//") + 2;
  return {source.url, source.url.substr(host, source.url.find('/', host) - host)};
}

void show_files(const model::Catalog& catalog, const model::CatalogModel& offered, Report& report) {
  std::vector<std::vector<Cell>> rows;
  for (const model::CatalogFile& file : offered.files) {
    Json full = Json::array();
    std::vector<std::string> shorter;
    for (const model::FileSource& source : file.sources) {
      auto [whole, word] = words_of(catalog, source);
      full.push_back(whole);
      shorter.push_back(word);
    }
    rows.push_back({file.path, Cell(Json(file.size), human_bytes(file.size)), file.license,
                    file.sha256, Cell(full, join(shorter, ", or "))});
  }
  report.line("");
  report.table("files",
               {{"path", "FILE"},
                {"bytes", "SIZE", true},
                {"license", "LICENCE"},
                {"sha256", ""},
                {"sources", "FROM"}},
               rows);
}

void show_processing(const model::Package& package, Report& report) {
  static const char* const kResizes[] = {"stretch", "letterbox", "crop"};
  static const char* const kColours[] = {"rgb", "bgr", "grey"};
  const model::Preprocess& pre = package.preprocess;
  const model::Postprocess& post = package.postprocess;
  const char* resize = kResizes[static_cast<std::size_t>(pre.resize)];
  const char* colour = kColours[static_cast<std::size_t>(pre.colour)];
  report.fact(
      "preprocess", "Input",
      Cell(Json{{"resize", resize}, {"colour", colour}, {"mean", pre.mean}, {"std", pre.std}},
           fmt::format("{}, {}, (value - {}) / {}", resize, colour, channels(pre.mean),
                       channels(pre.std))));
  report.data("postprocess", Json{{"softmax", post.softmax},
                                  {"top", post.top},
                                  {"threshold", post.threshold},
                                  {"iou", post.iou},
                                  {"label_offset", post.label_offset},
                                  {"outputs",
                                   {{"boxes", post.boxes_output},
                                    {"classes", post.classes_output},
                                    {"scores", post.scores_output},
                                    {"count", post.count_output}}}});
}

}  // namespace

int show_model(const ModelsOptions& options, const CommandContext& context) {
  const std::string& name = options.names.front();
  auto catalog = model::open_catalog();
  if (!catalog) return context.fail(catalog.error());
  const model::CatalogModel* offered = catalog->find(name);
  auto installed = model::open_package(name);
  if (!installed && offered == nullptr) return context.fail(installed.error());
  if (!installed && installed.error().code != Code::kNotFound)
    return context.fail(installed.error());
  const model::Package& package = installed ? *installed : offered->package.package;

  auto report = context.report();
  report->fact("name", "Model", package.name);
  report->fact("title", "Title", package.title);
  report->fact("task", "Task", model::to_string(package.task));
  report->fact("license", package.license.empty() ? "" : "Licence", package.license);
  report->fact("source", package.source.empty() ? "" : "Source", package.source);
  report->fact("installed", "", installed.has_value());
  report->fact("folder", installed ? "Folder" : "",
               installed ? Cell(package.folder.string()) : Cell(Json(), ""));
  report->fact("labels", package.labels.empty() ? "" : "Labels", package.labels.size());
  show_processing(package, *report);
  show_artifacts(package, *report);
  if (offered != nullptr) show_files(*catalog, *offered, *report);
  if (!installed) {
    report->line("");
    report->line(fmt::format("Not on this machine yet: anynpu models pull {}", name));
  }
  report->finish();
  return kExitOk;
}

int print_model_path(const ModelsOptions& options, const CommandContext& context) {
  auto package = model::open_package(options.names.front());
  if (!package) return context.fail(package.error());
  auto report = context.report();
  report->line(package->folder.string());
  report->data("name", package->name);
  report->data("folder", package->folder.string());
  report->finish();
  return kExitOk;
}

int inspect_model_file(const ModelsOptions& options, const CommandContext& context) {
  auto inspection = model::inspect_file(options.file);
  if (!inspection) return context.fail(inspection.error());
  auto report = context.report();
  model::report_inspection(*inspection, options.tensors, *report);
  report->finish();
  return kExitOk;
}

void add_models_command(CLI::App& app, CommandContext& context) {
  auto options = std::make_shared<ModelsOptions>();
  CLI::App* models = app.add_subcommand("models", "List, fetch, check and look into models");
  models->require_subcommand(1);
  models->footer(
      "Models live in ~/.local/share/anynpu/models, or where $ANYNPU_MODELS says.\n"
      "$ANYNPU_MIRROR names folders that are looked through before the network is.\n\n"
      "Examples:\n"
      "  anynpu models list\n"
      "  anynpu models pull mobilenet_v1\n"
      "  anynpu models inspect my-model.tflite");

  CLI::App* list =
      models->add_subcommand("list", "What is on this machine and what can be fetched");
  list->footer("Examples:\n  anynpu models list\n  anynpu models list --json");
  on_chosen(*list, context, [](CommandContext& c) { return list_models(c); });

  auto with_name = [&](const char* word, const char* what,
                       int (*run)(const ModelsOptions&, const CommandContext&)) {
    CLI::App* command = models->add_subcommand(word, what);
    command->footer(fmt::format("Example:\n  anynpu models {} mobilenet_v1", word));
    command->add_option("NAME", options->names, "a package, a folder or a file")
        ->required()
        ->expected(1);
    on_chosen(*command, context, [options, run](CommandContext& c) { return run(*options, c); });
  };
  with_name("show", "One model: artifacts, processing, licence, sources", show_model);
  with_name("path", "Print the folder of a model", print_model_path);

  CLI::App* pull = models->add_subcommand("pull", "Fetch models of the catalog");
  pull->add_option("NAME", options->names, "a model of 'anynpu models list'");
  pull->add_flag("--default", options->defaults, "the models that examples and the first page use");
  pull->add_flag("--all", options->all, "every model of the catalog");
  pull->footer(
      "Each file is checked against its SHA-256. What is there already is left alone, and a fetch "
      "that\n"
      "was interrupted goes on where it stopped.\n\n"
      "Examples:\n"
      "  anynpu models pull mobilenet_v1\n"
      "  ANYNPU_MIRROR=/media/stick anynpu models pull --default");
  on_chosen(*pull, context, [options](CommandContext& c) { return pull_models(*options, c); });

  CLI::App* verify = models->add_subcommand("verify", "Check the files of models again");
  verify->add_option("NAME", options->names, "models to check; without one, all that are there");
  verify->footer("Examples:\n  anynpu models verify\n  anynpu models verify mobilenet_v1");
  on_chosen(*verify, context, [options](CommandContext& c) { return verify_models(*options, c); });

  CLI::App* inspect = models->add_subcommand("inspect", "What a model file says of itself");
  inspect->add_option("FILE", options->file, "a .tflite, .onnx, .rknn, .axmodel or .xclbin file")
      ->required();
  inspect->add_flag("--tensors", options->tensors,
                    "list every tensor, not only inputs and outputs");
  inspect->footer(
      "Examples:\n"
      "  anynpu models inspect my-model.tflite --tensors\n"
      "  anynpu models inspect my-model.rknn");
  on_chosen(*inspect, context,
            [options](CommandContext& c) { return inspect_model_file(*options, c); });
}

}  // namespace anynpu::command

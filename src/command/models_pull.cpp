// SPDX-License-Identifier: Apache-2.0
// `anynpu models pull` and `anynpu models verify`.
#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "base/text.h"
#include "command/models_command.h"
#include "command/pull_report.h"
#include "model/file_lock.h"
#include "model/folders.h"
#include "model/pull.h"
#include "model/store.h"

namespace anynpu::command {

namespace {

Result<std::vector<const model::CatalogModel*>> choose(const ModelsOptions& options,
                                                       const model::Catalog& catalog) {
  std::vector<const model::CatalogModel*> chosen;
  for (const model::CatalogModel& offered : catalog.models)
    if (options.all || (options.defaults && offered.in_default)) chosen.push_back(&offered);
  std::vector<std::string> names;
  for (const model::CatalogModel& offered : catalog.models) names.push_back(offered.name());
  for (const std::string& name : options.names) {
    const model::CatalogModel* offered = catalog.find(name);
    if (offered == nullptr) {
      std::string near = did_you_mean(name, names);
      return Error{Code::kNotFound,
                   fmt::format("the catalog has no model '{}'", printable(name, 100))}
          .with_hint(near.empty() ? "it has " + join(names, ", ")
                                  : fmt::format("did you mean '{}'?", near));
    }
    if (std::find(chosen.begin(), chosen.end(), offered) == chosen.end()) chosen.push_back(offered);
  }
  return chosen;
}

// A folder of the store in which the model is whole already.
std::filesystem::path whole_in(const model::CatalogModel& offered) {
  for (const std::filesystem::path& folder : model::store_folders())
    if (model::is_whole(offered, folder / offered.name())) return folder / offered.name();
  return {};
}

Result<model::Pulled> pull_one(const model::CatalogModel& offered,
                               const std::filesystem::path& store, model::Fetcher& fetcher) {
  if (std::filesystem::path folder = whole_in(offered); !folder.empty()) {
    model::Pulled there{folder, {}, ""};
    for (const model::CatalogFile& file : offered.files) there.files.push_back({file.path, ""});
    return there;
  }
  return model::pull_model(offered, store, fetcher);
}

}  // namespace

int pull_models(const ModelsOptions& options, const CommandContext& context) {
  if (options.names.empty() && !options.all && !options.defaults)
    return context.fail_usage(Error{Code::kInvalid, "which model is to be pulled?"}.with_hint(
        "name one of 'anynpu models list', or use --default or --all"));
  auto catalog = model::open_catalog();
  if (!catalog) return context.fail(catalog.error());
  auto chosen = choose(options, *catalog);
  if (!chosen) return context.fail(chosen.error());

  PullReport report(context, "models");
  bool all_whole =
      std::all_of(chosen->begin(), chosen->end(),
                  [](const model::CatalogModel* offered) { return !whole_in(*offered).empty(); });
  auto store = model::writable_store();
  if (!store && !all_whole) return context.fail(store.error());
  Result<PullLocks> locks = all_whole ? PullLocks() : lock_for_pull(*store);
  if (!locks) return context.fail(locks.error());
  model::Fetcher fetcher(*catalog, model::Mirror::from_environment(), model::user_cache_folder());
  for (const model::CatalogModel* offered : *chosen)
    report.add(offered->name(),
               pull_one(*offered, store ? *store : std::filesystem::path(), fetcher));
  return report.finish();
}

int verify_models(const ModelsOptions& options, const CommandContext& context) {
  auto catalog = model::open_catalog();
  if (!catalog) return context.fail(catalog.error());
  std::vector<std::string> names = options.names;
  model::Inventory inventory = model::list_packages();
  if (names.empty())
    for (const model::Package& package : inventory.packages) names.push_back(package.name);

  std::vector<std::vector<Cell>> rows;
  bool good = true;
  auto add = [&](const std::string& name, const std::string& file, const std::string& problem,
                 const std::string& hint) {
    rows.push_back({name, Cell(problem.empty()), file, problem.empty() ? "good" : problem, hint});
    good = good && problem.empty();
  };
  for (const std::string& name : names) {
    auto package = model::open_package(name);
    if (!package) {
      add(name, "", package.error().message, package.error().hint);
      continue;
    }
    const model::CatalogModel* offered = catalog->find(package->name);
    if (offered == nullptr) {  // of the user's own: its files are there and model.toml is right
      add(name, "", "", "");
      continue;
    }
    std::vector<model::Fault> faults = model::verify_model(*offered, package->folder);
    for (const model::Fault& fault : faults)
      add(name, fault.path, fault.problem, fmt::format("anynpu models pull {}", name));
    if (faults.empty()) add(name, "", "", "");
  }
  if (options.names.empty())
    for (const auto& [folder, error] : inventory.broken)
      add(folder.filename().string(), "", error.message, error.hint);

  auto report = context.report();
  if (rows.empty()) report->line("There are no models on this machine.");
  report->table("models",
                {{"name", "MODEL"},
                 {"good", ""},
                 {"file", "FILE"},
                 {"result", "RESULT"},
                 {"hint", "WHAT TO DO"}},
                rows);
  report->finish();
  return good ? kExitOk : kExitFailed;
}

}  // namespace anynpu::command

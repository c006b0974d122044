// SPDX-License-Identifier: Apache-2.0
// What `models pull` and `engines pull` share: the locks and the words about what was fetched.
#include "command/pull_report.h"

#include <fmt/format.h>

#include "base/log.h"
#include "model/folders.h"

namespace anynpu::command {

Result<PullLocks> lock_for_pull(const std::filesystem::path& folder) {
  std::filesystem::path cache = model::user_cache_folder();
  if (cache.empty())
    return Error{Code::kInvalid,
                 "there is no folder for downloads: neither XDG_CACHE_HOME nor HOME is set"}
        .with_hint("set XDG_CACHE_HOME to a folder of yours");
  PullLocks locks;
  ANYNPU_TRY(first, model::FileLock::take(folder / ".pull.lock"));
  locks.push_back(std::move(first));
  ANYNPU_TRY(second, model::FileLock::take(cache / ".pull.lock"));
  locks.push_back(std::move(second));
  return locks;
}

void PullReport::add(const std::string& name, const Result<model::Pulled>& outcome) {
  if (!outcome) {
    ++failed_;
    log::failure(outcome.error());
    rows_.push_back({name, Cell("failed"), Cell(Json(), ""), Cell(Json::array(), ""),
                     Cell(to_json(outcome.error()), "")});
    return;
  }
  Json files = Json::array();
  std::size_t fetched = 0;
  for (const model::PulledFile& file : outcome->files) {
    files.push_back({{"path", file.path}, {"from", file.from.empty() ? Json() : Json(file.from)}});
    if (!file.from.empty()) ++fetched;
  }
  bool there = outcome->already_there();
  rows_.push_back({name, Cell(there ? "already_there" : "pulled"), outcome->folder.string(),
                   Cell(files, ""), Cell(Json(), "")});
  lines_.push_back(there ? fmt::format("{}: already there, {}", name, outcome->folder.string())
                         : fmt::format("{}: {} of {} files fetched into {}", name, fetched,
                                       outcome->files.size(), outcome->folder.string()));
  for (const model::PulledFile& file : outcome->files)
    if (!file.from.empty()) lines_.push_back(fmt::format("  {} from {}", file.path, file.from));
  if (!outcome->note.empty()) lines_.push_back("  note: " + outcome->note);
}

int PullReport::finish() {
  auto report = context_.report();
  for (const std::string& line : lines_) report->line(line);
  Json list = Json::array();
  for (const std::vector<Cell>& row : rows_) {
    Json record = {{"name", row[0].json},
                   {"state", row[1].json},
                   {"folder", row[2].json},
                   {"files", row[3].json}};
    if (!row[4].json.is_null()) record["error"] = row[4].json;
    list.push_back(std::move(record));
  }
  report->data(key_, list);
  report->finish();
  if (failed_ == 0) return kExitOk;
  return failed_ == rows_.size() ? kExitFailed : kExitDegraded;
}

}  // namespace anynpu::command

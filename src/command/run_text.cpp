// SPDX-License-Identifier: Apache-2.0
// The answers of `anynpu run` for people.
#include <cmath>
#include <cstdio>

#include <fmt/format.h>

#include "base/tell.h"
#include "base/text.h"
#include "command/run_output.h"
#include "command/serve_options.h"

namespace anynpu::command {
namespace {

std::string box_words(const vision::Box& box) {
  return fmt::format("{:.0f},{:.0f} to {:.0f},{:.0f}", box.x_min, box.y_min, box.x_max, box.y_max);
}

class TextOutput : public RunOutput {
 public:
  TextOutput(std::ostream& out, bool single) : out_(out), single_(single) {}

  void add(const FileResult& result) override {
    if (result.error) {
      out_.flush();
      tell("error: {}\n", printable(result.error->message, 2000));
      if (!result.error->hint.empty()) tell("hint: {}\n", printable(result.error->hint, 2000));
      return;
    }
    auto report = text_report(out_);
    if (!single_) report->line(printable(result.file, 4096));
    add_predictions(*report, result);
    std::string where = placement_words(result.device, result.engine, result.artifact);
    last_line_ = fmt::format("on {}, {:.1f} ms", where, result.timings.infer_ms);
    if (!result.note.empty()) last_line_ += "; " + result.note;
    if (result.fallback) last_line_ += "; fallback: " + *result.fallback;
    if (!single_) {
      report->line(last_line_);
      report->line("");
    }
    report->finish();
  }

  void finish(const RunSummary& summary) override {
    const std::string& why = summary.placements.no_npu;
    if (single_) {
      if (!last_line_.empty()) out_ << last_line_ << (why.empty() ? "" : "; " + why) << '\n';
    } else {
      out_ << fmt::format("{} of {} pictures in {:.1f} s", summary.done - summary.failed,
                          summary.files, summary.seconds);
      if (summary.seconds > 0)
        out_ << fmt::format(", {:.1f} per second",
                            static_cast<double>(summary.done) / summary.seconds);
      if (summary.failed > 0) out_ << fmt::format("; {} failed", summary.failed);
      out_ << '\n';
      if (!why.empty()) out_ << why << '\n';
    }
    out_.flush();
  }

 private:
  static void add_predictions(Report& report, const FileResult& result) {
    if (result.predictions.empty()) {
      report.line("nothing found");
      return;
    }
    bool boxes = result.predictions.front().box.has_value();
    std::vector<std::vector<Cell>> rows;
    for (const vision::Prediction& one : result.predictions)
      rows.push_back(
          {Cell(one.score, fmt::format("{:.1f} %", 100 * one.score)),
           one.label.empty() ? "class " + std::to_string(one.class_id) : printable(one.label),
           one.class_id, one.box ? box_words(*one.box) : ""});
    report.table("predictions",
                 {{"score", "SCORE", true},
                  {"label", "LABEL"},
                  {"class_id", "CLASS", true},
                  {"box", boxes ? "BOX" : ""}},
                 rows);
  }

  std::ostream& out_;
  bool single_;
  std::string last_line_;
};

}  // namespace

std::unique_ptr<RunOutput> text_output(std::ostream& out, bool single) {
  return std::make_unique<TextOutput>(out, single);
}

}  // namespace anynpu::command

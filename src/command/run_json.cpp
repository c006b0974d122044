// SPDX-License-Identifier: Apache-2.0
// The answers of `anynpu run` for programs: JSON and CSV.
#include <cmath>

#include <fmt/format.h>

#include "command/command.h"
#include "command/run_output.h"
#include "runtime/served_model.h"

namespace anynpu::command {
namespace {

// Microseconds are as fine as it gets.
double rounded(double ms) {
  return static_cast<double>(std::llround(ms * 1000)) / 1000;
}

Json to_json(const Timings& timings) {
  return {{"decode", rounded(timings.decode_ms)},
          {"preprocess", rounded(timings.preprocess_ms)},
          {"queue", rounded(timings.queue_ms)},
          {"infer", rounded(timings.infer_ms)},
          {"postprocess", rounded(timings.postprocess_ms)},
          {"total", rounded(timings.total_ms())}};
}

Json to_json(const FileResult& result) {
  Json object{{"file", result.file}};
  if (result.error) {
    object["error"] = command::to_json(*result.error);
    return object;
  }
  Json predictions = Json::array();
  for (const vision::Prediction& one : result.predictions)
    predictions.push_back(vision::to_json(one));
  object["predictions"] = std::move(predictions);
  object["device"] = result.device;
  object["engine"] = result.engine;
  object["artifact"] = result.artifact;
  if (!result.note.empty()) object["note"] = result.note;
  object["fallback"] = result.fallback ? Json(*result.fallback) : Json(false);
  object["timings_ms"] = to_json(result.timings);
  return object;
}

class JsonOutput : public RunOutput {
 public:
  explicit JsonOutput(std::ostream& out) : report_(json_report(out)) {}

  void add(const FileResult& result) override { results_.push_back(to_json(result)); }

  void finish(const RunSummary& summary) override {
    report_->data("model", summary.model);
    report_->data("version", summary.version);
    report_->data("results", results_);
    report_->data("files", summary.files);
    report_->data("failed", summary.failed);
    report_->data("placement", runtime::to_json(summary.placements));
    report_->finish();
  }

 private:
  std::unique_ptr<Report> report_;
  Json results_ = Json::array();
};

class CsvOutput : public RunOutput {
 public:
  explicit CsvOutput(std::ostream& out) : out_(out) {
    out_ << "file,class_id,label,score,x_min,y_min,x_max,y_max,device,engine,artifact,fallback,"
            "decode_ms,preprocess_ms,queue_ms,infer_ms,postprocess_ms,error\n";
  }

  void add(const FileResult& result) override {
    std::string file = csv_field(result.file);
    if (result.error) {
      out_ << file << std::string(17, ',') << csv_field(result.error->message) << '\n';
    } else {
      const Timings& t = result.timings;
      std::string where =
          fmt::format("{},{},{},{},{:.3f},{:.3f},{:.3f},{:.3f},{:.3f},", csv_field(result.device),
                      csv_field(result.engine), csv_field(result.artifact),
                      csv_field(result.fallback.value_or("")), t.decode_ms, t.preprocess_ms,
                      t.queue_ms, t.infer_ms, t.postprocess_ms);
      for (const vision::Prediction& one : result.predictions) {
        std::string box = one.box ? fmt::format("{:.1f},{:.1f},{:.1f},{:.1f}", one.box->x_min,
                                                one.box->y_min, one.box->x_max, one.box->y_max)
                                  : ",,,";
        out_ << fmt::format("{},{},{},{:.6f},{},{}\n", file, one.class_id, csv_field(one.label),
                            one.score, box, where);
      }
      if (result.predictions.empty()) out_ << file << std::string(8, ',') << where << '\n';
    }
    out_.flush();
  }

  void finish(const RunSummary&) override { out_.flush(); }

 private:
  std::ostream& out_;
};

}  // namespace

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::unique_ptr<RunOutput> json_output(std::ostream& out) {
  return std::make_unique<JsonOutput>(out);
}
std::unique_ptr<RunOutput> csv_output(std::ostream& out) {
  return std::make_unique<CsvOutput>(out);
}

}  // namespace anynpu::command

// SPDX-License-Identifier: Apache-2.0
// What `anynpu run` says of each picture, as text, JSON or CSV.
#pragma once

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "model/package.h"
#include "runtime/placement.h"
#include "vision/image_model.h"

namespace anynpu::command {

struct Timings {
  double decode_ms = 0, preprocess_ms = 0, queue_ms = 0, infer_ms = 0, postprocess_ms = 0;
  double total_ms() const {
    return decode_ms + preprocess_ms + queue_ms + infer_ms + postprocess_ms;
  }
};

/// One picture: what was seen on it and where that was found out, or why not.
struct FileResult {
  std::string file;  // as it was named
  std::vector<vision::Prediction> predictions;
  std::string device, engine, artifact;
  std::optional<std::string> fallback;
  std::string note;  // how much of it an NPU ran
  Timings timings;
  std::optional<Error> error;
};

/// The whole of a run.
struct RunSummary {
  std::string model;
  int version = 0;
  runtime::PlacementReport placements;
  std::size_t files = 0;  // that were named
  std::size_t done = 0;   // of them, with or without an answer
  std::size_t failed = 0;
  double seconds = 0;
};

class RunOutput {
 public:
  virtual ~RunOutput() = default;
  virtual void add(const FileResult& result) = 0;
  virtual void finish(const RunSummary& summary) = 0;
};

/// `single`: one picture, whose text needs no heading.
std::unique_ptr<RunOutput> text_output(std::ostream& out, bool single);
std::unique_ptr<RunOutput> json_output(std::ostream& out);
/// RFC 4180 with a heading line; one line per prediction, and one for a picture without any.
std::unique_ptr<RunOutput> csv_output(std::ostream& out);

/// A field of a CSV line, in quotes where it needs them.
std::string csv_field(const std::string& text);

}  // namespace anynpu::command

// SPDX-License-Identifier: Apache-2.0
// The pictures of `anynpu run`, one after the other through a served model, answers in order.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include "base/clock.h"
#include "command/image_files.h"
#include "command/run_output.h"
#include "runtime/served_model.h"
#include "vision/image_model.h"

namespace anynpu::command {

struct RunPlan {
  std::vector<ImageFile> images;
  vision::InterpretOptions interpret;
  Duration timeout = seconds(30);  // of one picture
  std::size_t window = 1;          // pictures that are prepared or run at the same time
  std::filesystem::path annotate;  // empty: nothing is drawn
  std::function<bool()> stop;      // asked before each picture
};

/// Hands every result to `output`, in the order of the pictures, and fills in the summary's counts.
/// Ends early when `stop` says so.
void run_pictures(const RunPlan& plan, const vision::ImageModel& images,
                  runtime::ServedModel& model, RunOutput& output, RunSummary& summary);

}  // namespace anynpu::command

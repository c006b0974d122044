// SPDX-License-Identifier: Apache-2.0
// What librknnrt prints while it is called, and what it means.
//
// The runtime answers -1 for no device, no permission, an old driver, another SoC, no memory, a bad
// model and a failed run alike, and from 1.5.2 on it returns success for some allocations that
// failed. Only its log lines tell, so they are read.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/rknn_file.h"

namespace anynpu::engine::rknn {

/// Calls `call` and returns what it wrote to the standard output and error in the meantime, line by
/// line, at most 200 of them. They still arrive where they were meant to. One at a time per
/// process.
std::vector<std::string> lines_during(const std::function<void()>& call);

/// What an error's text needs to know beside the lines.
struct Circumstances {
  std::string runtime;              // "2.3.2"
  std::string device_node;          // "/dev/dri/card1"; empty when the runtime looked for itself
  const RknnFile* model = nullptr;  // none when it could not be read
};

/// The error of a call that returned `code`: its cause in words and what to do, from the lines.
/// What they do not tell is taken from the model's and the runtime's versions; else the lines
/// themselves are quoted. `what` is what was tried: "load" or "run".
Error explain(std::string_view what, int code, const std::vector<std::string>& lines,
              const Circumstances& about);

/// An allocation failed, whatever the call returned. One that succeeded when it was tried again
/// does not count.
bool memory_was_refused(const std::vector<std::string>& lines);

}  // namespace anynpu::engine::rknn

// SPDX-License-Identifier: Apache-2.0
// The models that a machine has, and whether its NPU can run them; read once.
//
// Looked at are the newest version of each package in the store's folders and the files that the
// server's configuration names by their path; of each package what is meant for an NPU that is
// here. At most 32 files, and of each only what it says of itself.
#pragma once

#include <string>
#include <vector>

#include "npu/check.h"

namespace anynpu::doctor {

/// From what can be told first to what can be told last; of several files of a package the one that
/// gets furthest counts, because that is the one that would be used.
enum class ModelFault {
  kFile,       // it is no model, or half of one
  kTarget,     // for another chip
  kFormat,     // of a format that the runtime does not know
  kToolkit,    // made by a toolkit that is newer than the runtime
  kColumns,    // for more columns than the NPU has
  kCrash,      // Mesa's Teflon ends the program that loads it
  kWrong,      // Mesa's Teflon computes it wrongly without a word
  kNoSpeedup,  // all of it stays on the CPU
  kNone,
};

struct JudgedModel {
  std::string path;
  ModelFault fault = ModelFault::kNone;
  std::string says;     // what was seen: "made for rk3568; this is an rk3588"
  std::string advice;   // what to do about this one; empty: what the check says
  std::string replace;  // a library to put a newer one in the place of; empty: none
};

struct MachineModels {
  std::vector<JudgedModel> models;  // one for each package and lone file
  std::size_t left_out = 0;         // files beyond the bound

  static MachineModels read(const npu::CheckContext& context);
};

}  // namespace anynpu::doctor

// SPDX-License-Identifier: Apache-2.0
// Will this model run on that NPU: judged from the file and from what the machine says of its
// drivers and libraries, before anything is tried.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/report.h"
#include "base/result.h"
#include "engine/teflon_rules.h"
#include "host/machine.h"
#include "model/inspect.h"
#include "npu/device.h"

namespace anynpu::doctor {

enum class Fit {
  kRuns,     // all that the NPU is for runs on it
  kPartly,   // some of it stays on the CPU
  kCpuOnly,  // nothing of it runs on the NPU; the CPU answers
  kRefused,  // this NPU's library refuses the file
  kUnknown,  // it cannot be told here
};
std::string_view to_string(Fit fit);

struct ModelVerdict {
  std::string device;  // "rocket0"; empty when the machine has none of the family
  std::string family;  // "rocket"
  Fit fit = Fit::kUnknown;
  std::string summary;               // one sentence
  std::vector<std::string> reasons;  // what stands in the way, the most frequent first
  std::vector<std::string> advice;   // what to change in the model, or on the machine
  // Its weights have to be in memory once, whatever else it needs. What is free is the machine's
  // memory; of a card nothing is known without asking it.
  std::uint64_t memory_least = 0;
  std::optional<std::uint64_t> memory_free;
};

/// Whether any of the reasons has `word` in it.
bool mentions(const std::map<std::string, int>& reasons, std::string_view word);

/// How Mesa's Teflon would share a graph's nodes between the NPU and the CPU.
struct GraphShare {
  int operators = 0;
  int taken = 0;                         // on the NPU
  int partitions = 0;                    // runs of nodes between which tensors cross to the CPU
  std::map<std::string, int> kept_back;  // convolutions and additions that stay, by reason
  std::map<std::string, int> others;     // operators that never go there, by name
};
Result<GraphShare> share_on_rocket(std::span<const std::byte> tflite, const std::string& file,
                                   const engine::teflon::MesaVersion& version);

/// A verdict for each device of `devices` whose family takes this kind of file; for the family
/// alone when the machine has none.
Result<std::vector<ModelVerdict>> check_model(const host::Machine& machine,
                                              const std::vector<npu::Device>& devices,
                                              const std::filesystem::path& file);

}  // namespace anynpu::doctor

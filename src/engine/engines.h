// SPDX-License-Identifier: Apache-2.0
// The engines of this machine: which there are, where each was found, and what is missing.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/session.h"

namespace anynpu::engine {

/// What is known of one engine without running a model.
struct EngineStatus {
  std::string name;      // "tflite", "onnxruntime", "teflon", "rknn", "axmodel", "xclbin"
  std::string family;    // "cpu", "rocket", "rknpu", "axcl", "xdna"
  std::string artifact;  // ".tflite"
  bool usable = false;
  std::filesystem::path library;                // empty when not found
  std::string version;                          // empty when not known
  std::vector<std::filesystem::path> searched;  // in the order in which they were looked for
  std::string problem;                          // empty when usable
  std::string hint;                             // what the user can do about it
};

/// Every engine that anynpu knows, usable or not. Vendor libraries of NPU families are looked for
/// by file name and never opened here: some of them touch the hardware when they are loaded.
std::vector<EngineStatus> survey_engines();

/// The engine of that name, opened once per process. Those of NPUs are opened only where
/// allow_vendor_libraries() was called: in worker processes.
Result<Engine*> open_engine(const std::string& name);

/// Lets this process open vendor libraries of NPUs, which may crash it, hang it, or print.
void allow_vendor_libraries();

/// How an engine can run artifacts, as Engine::variants(), without opening a vendor library. An
/// error says why the engine cannot be used here.
Result<std::vector<std::string>> variants_of(const std::string& engine);

/// The engine that runs, on devices of `family`, the artifacts that `engine` runs: "teflon" for
/// ("tflite", "rocket"). Empty when there is none.
std::string engine_on(const std::string& engine, const std::string& family);

/// "tflite" for "x.tflite", "onnxruntime" for "x.onnx", "rknn", ...; empty when unknown.
std::string engine_for(const std::filesystem::path& artifact);

}  // namespace anynpu::engine

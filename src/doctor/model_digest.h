// SPDX-License-Identifier: Apache-2.0
// Model digest: the few facts of a model file by which the doctor judges whether it fits this
// machine, as a text that a support bundle carries in the place of the model.
//
//   {"kind":"rknn","format":6,"toolkit":"2.3.2","platforms":["rk3588"]}
//   {"kind":"tflite","operators":31,"taken":0,"kept_back":{"it is quantised per channel":13}}
//   {"kind":"xclbin","columns":4}
//   {"problem":"is a Git LFS pointer, not the model itself","hint":"..."}
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/teflon_rules.h"
#include "host/machine.h"

namespace anynpu::doctor {

struct ModelDigest {
  std::string problem;  // why it is no model: "is a web page, ..."; then nothing else is known
  std::string hint;
  std::string kind;  // "tflite", "rknn", "xclbin", "axmodel", "onnx"
  // Of .rknn; `least_runtime` by the toolkit that made it, `format_runtime` by the file's format.
  std::uint64_t format = 0;
  std::string toolkit, least_runtime, format_runtime;
  std::vector<std::string> platforms;
  // Of .tflite: how Mesa's Teflon would share it out.
  int operators = 0, taken = 0;
  std::map<std::string, int> kept_back;
  unsigned columns = 0;  // of .xclbin
};

/// What to ask Machine::digest(): a .tflite is judged by the rules of that Mesa. Weights are not
/// read, whatever the file's size.
host::Digest model_digest(const engine::teflon::MesaVersion& mesa);

/// Untrusted text.
Result<ModelDigest> read_model_digest(std::string_view text);

}  // namespace anynpu::doctor

// SPDX-License-Identifier: Apache-2.0
// The nodes of a .tflite file's main graph in the order of execution, with the parameters that
// decide where they can run; read from untrusted bytes.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"

namespace anynpu::model {

/// Of CONV_2D, DEPTHWISE_CONV_2D and ADD; others have the defaults.
struct TfliteNodeOptions {
  bool same_padding = true;
  int stride_width = 1, stride_height = 1;
  int dilation_width = 1, dilation_height = 1;
  int depth_multiplier = 1;
  int activation = 0;  // ActivationFunctionType: 0 none, 1 ReLU, 3 ReLU6
};

struct TfliteNode {
  std::string op;           // "CONV_2D", or a custom operator's own name
  std::vector<int> inputs;  // tensors of the main graph; -1: left out
  std::vector<int> outputs;
  TfliteNodeOptions options;
};

/// At most 100,000 nodes. `file` is the name that errors start with.
Result<std::vector<TfliteNode>> read_tflite_nodes(std::span<const std::byte> raw,
                                                  const std::string& file);

}  // namespace anynpu::model

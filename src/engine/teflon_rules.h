// SPDX-License-Identifier: Apache-2.0
// Which nodes of a graph Mesa's Teflon delegate computes rightly on the `rocket` driver, by
// version.
//
// The delegate claims more than it can do: it takes float and signed tensors for unsigned ones,
// exchanges width and height, and ends the process on additions that it cannot fuse; and it reports
// no error. So every node passes these rules before the delegate learns of it. Each rule stands for
// a defect that was seen with the real library (Mesa 26.1.6 and 26.2.6) or read in its source.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace anynpu::engine::teflon {

struct MesaVersion {
  int major = 0;  // 0: unknown
  int minor = 0;
  int patch = 0;

  /// An unknown version is before every other, so that it gets every precaution.
  bool before(int other_major, int other_minor, int other_patch = 0) const;
  std::string text() const;  // "26.1.6", "of an unknown version"
};
/// The first word like "26.1.6" of a text such as "26.2.6-1"; nothing when it starts otherwise.
std::optional<MesaVersion> mesa_version_from(std::string_view text);

/// Before 26.1.5 each mapping of a buffer is leaked, until the process has none left and crashes.
bool leaks_mappings(const MesaVersion& version);

struct TensorFacts {
  bool uint8 = false;
  bool int32 = false;
  bool constant = false;     // its data lie in the model file
  bool per_channel = false;  // quantised, with scales or zero points that differ
  bool one_scale = false;    // quantised, with one scale and one zero point for the whole tensor
  float scale = 0;
  int zero_point = 0;
  std::vector<int> dims = {};  // NHWC
};

enum class Activation { kNone, kRelu, kRelu6, kOther };

struct ConvolutionFacts {
  bool depthwise = false;
  int inputs = 3;
  TensorFacts input, weights, bias, output;
  bool same_padding = false;
  int stride_width = 1, stride_height = 1;
  int dilation_width = 1, dilation_height = 1;
  int depth_multiplier = 1;
  Activation activation = Activation::kNone;
};

struct AdditionFacts {
  TensorFacts a, b, sum;
  Activation activation = Activation::kNone;
};

/// Why the node must stay on the CPU, in a few words; empty when it may go to the NPU.
std::string why_not(const ConvolutionFacts& node, const MesaVersion& version);
std::string why_not(const AdditionFacts& node, const MesaVersion& version);

/// Whether the delegate itself leaves a node to the CPU for that reason; with all others it would
/// claim it, and crash or compute it wrongly.
bool refused_by_mesa(std::string_view reason);

/// A node of a partition that the delegate has claimed, in the order of execution.
struct ClaimedNode {
  int node = 0;
  bool convolution = false;  // else an addition
  std::vector<int> inputs;   // tensors; a convolution's first one is its data
  int output = 0;
};

/// The first addition of a partition that the delegate would crash on or compute wrongly: it can
/// only fuse one into the convolution that makes its first operand. Nothing when all are in order.
std::optional<int> unsafe_addition(const std::vector<ClaimedNode>& partition,
                                   const std::vector<int>& partition_outputs);

}  // namespace anynpu::engine::teflon

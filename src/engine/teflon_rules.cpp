// SPDX-License-Identifier: Apache-2.0
// Which nodes Mesa's Teflon delegate computes rightly on the `rocket` driver.
//
// A rule that is not obvious names what goes wrong without it. "Width" is dimension 1 and "height"
// dimension 2 of a tensor here, because the driver reads them so.
#include "engine/teflon_rules.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <tuple>

#include <fmt/format.h>

namespace anynpu::engine::teflon {
namespace {

constexpr std::int64_t kAtom = 16;                // channels that travel together
constexpr std::int64_t kWeightBankBytes = 32768;  // of the convolution buffer, which has 12 banks

std::int64_t ceil_div(std::int64_t value, std::int64_t by) {
  return (value + by - 1) / by;
}

bool batch_of_one(const TensorFacts& tensor) {
  return tensor.dims.size() == 4 && tensor.dims[0] == 1;
}

/// Entries of the convolution buffer that one row of the input takes.
std::int64_t entries_per_row(std::int64_t atoms, std::int64_t width) {
  const std::int64_t rest = atoms % 4;
  return atoms / 4 * width + (rest == 3 ? width : ceil_div(rest * width, 4));
}

constexpr std::string_view kPerChannel = "it is quantised per channel";
constexpr std::string_view kDilated = "it is dilated";
constexpr std::string_view kCutBelow = "its ReLU6 cuts below the range of its output";

// What Mesa looks at first, whatever the types.
std::string_view why_mesa_refuses(const ConvolutionFacts& node) {
  for (const TensorFacts* tensor : {&node.input, &node.weights, &node.bias, &node.output})
    if (tensor->per_channel) return kPerChannel;
  return node.dilation_width != 1 || node.dilation_height != 1 ? kDilated : "";
}

std::string why_not_types(const ConvolutionFacts& node) {
  if (!node.input.uint8 || !node.weights.uint8 || !node.output.uint8)
    return "its tensors are not unsigned 8-bit";  // taken for unsigned all the same
  if (!node.input.one_scale || !node.weights.one_scale || !node.output.one_scale)
    return "its tensors have no scale";
  if (node.inputs != 3 || !node.bias.int32 || !node.bias.constant || !node.weights.constant)
    return "its weights or bias are not constants of the model";  // SIGSEGV while loading
  return "";
}

std::string why_not_geometry(const ConvolutionFacts& node) {
  if (!batch_of_one(node.input) || !batch_of_one(node.output) || node.weights.dims.size() != 4)
    return "its batch is not 1";  // only the first one is computed
  if (node.depthwise && node.depth_multiplier != 1) return "its depth multiplier is not 1";
  const int kernel = node.weights.dims[1];
  if (kernel != node.weights.dims[2] || node.stride_width != node.stride_height)
    return "its kernel or stride is not square";
  const bool local = kernel == 1 && node.stride_width == 1;
  if (!local && (node.input.dims[1] != node.input.dims[2]))
    return "its input is not square";  // width and height are exchanged
  if (node.input.dims[3] <= 1) return "its input has one channel";
  return "";
}

std::string why_not_activation(const ConvolutionFacts& node) {
  if (node.activation == Activation::kOther) return "its activation is not ReLU or ReLU6";
  const float top = static_cast<float>(255 - node.output.zero_point) * node.output.scale;
  if (node.activation == Activation::kRelu6 && top > 6.0F) return std::string(kCutBelow);
  return "";
}

std::string why_not_hardware(const ConvolutionFacts& node, const MesaVersion& version) {
  const std::int64_t width = node.input.dims[1], height = node.input.dims[2];
  const std::int64_t channels = node.input.dims[3], out = node.output.dims[3];
  const std::int64_t kernel = node.weights.dims[1];
  const std::int64_t atoms = ceil_div(channels, kAtom);
  if (atoms % 4 == 3 && !(width == 40 && channels == 40))
    return "its number of channels leaves a buffer too small";  // rows after the first are wrong
  if (node.depthwise && node.same_padding && kernel > 1) {
    constexpr std::array kEqualPadBytes = {0, 0x7f, 0x80, 0x8b};
    if (std::find(kEqualPadBytes.begin(), kEqualPadBytes.end(), node.input.zero_point) ==
        kEqualPadBytes.end())
      return "its padding cannot be expressed";  // wrong borders in every other channel
  }
  const std::int64_t weights = kernel * kernel * channels * (node.depthwise ? 1 : out);
  if (ceil_div(weights, kWeightBankBytes) + 2 >= 12 &&
      ceil_div(entries_per_row(atoms, width) * height, 256) > 7)
    return "its weights and its input are too large together";  // double free at the first run
  if (version.before(26, 2)) {
    if (!node.depthwise && channels >= 17 && channels <= 31)
      return "its channels are packed wrongly before Mesa 26.2";
    if (node.depthwise && channels >= 17 && channels <= 63 && channels % kAtom != 0)
      return "its channels are packed wrongly before Mesa 26.2";
  }
  return "";
}

bool has(const std::vector<int>& list, int value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

}  // namespace

bool MesaVersion::before(int other_major, int other_minor, int other_patch) const {
  return std::tie(major, minor, patch) < std::tie(other_major, other_minor, other_patch);
}

std::string MesaVersion::text() const {
  return major == 0 ? "of an unknown version" : fmt::format("{}.{}.{}", major, minor, patch);
}

std::optional<MesaVersion> mesa_version_from(std::string_view text) {
  MesaVersion version;
  const char* at = text.data();
  const char* const end = at + text.size();
  int* const parts[] = {&version.major, &version.minor, &version.patch};
  for (std::size_t i = 0; i < 3; ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    auto [next, error] = std::from_chars(at, end, *parts[i]);
    if (error != std::errc{} || *parts[i] < 0 || *parts[i] > 999) return std::nullopt;
    at = next;
  }
  if (version.major < 10) return std::nullopt;
  return version;
}

bool leaks_mappings(const MesaVersion& version) {
  return version.before(26, 1, 5);
}

std::string why_not(const ConvolutionFacts& node, const MesaVersion& version) {
  if (std::string_view why = why_mesa_refuses(node); !why.empty()) return std::string(why);
  if (std::string why = why_not_types(node); !why.empty()) return why;
  if (std::string why = why_not_geometry(node); !why.empty()) return why;
  if (std::string why = why_not_activation(node); !why.empty()) return why;
  return why_not_hardware(node, version);
}

std::string why_not(const AdditionFacts& node, const MesaVersion& version) {
  if (version.before(26, 2)) return "additions are rounded wrongly before Mesa 26.2";
  if (!node.a.uint8 || !node.b.uint8 || !node.sum.uint8)
    return "its tensors are not unsigned 8-bit";
  if (!node.a.one_scale || !node.b.one_scale || !node.sum.one_scale)
    return "its tensors have no single scale";
  if (node.a.constant || node.b.constant) return "it adds a constant";
  if (!batch_of_one(node.a) || node.a.dims != node.b.dims || node.a.dims != node.sum.dims)
    return "its operands differ in shape";
  if (node.activation != Activation::kNone) return "its activation is ignored";
  return "";
}

bool refused_by_mesa(std::string_view reason) {
  return reason == kPerChannel || reason == kDilated || reason == kCutBelow;
}

std::optional<int> unsafe_addition(const std::vector<ClaimedNode>& partition,
                                   const std::vector<int>& partition_outputs) {
  const auto producer_of = [&](int tensor) {
    return std::find_if(partition.begin(), partition.end(),
                        [&](const ClaimedNode& node) { return node.output == tensor; });
  };
  for (const ClaimedNode& add : partition) {
    if (add.convolution) continue;
    if (add.inputs.size() != 2) return add.node;
    const int a = add.inputs[0], b = add.inputs[1];
    const auto producer = producer_of(a);
    if (producer == partition.end() || !producer->convolution) return add.node;
    // What the convolution alone has computed is not to be had once the addition is fused into it.
    if (has(partition_outputs, a)) return add.node;
    for (const ClaimedNode& other : partition)
      if (other.node != add.node && has(other.inputs, a)) return add.node;
    if (b == a) return add.node;
    const auto other = producer_of(b);
    if (other != partition.end()) {
      if (!(other < producer)) return add.node;  // computed too late: the last run's is read
    } else if (std::none_of(partition.begin(), partition.end(), [&](const ClaimedNode& node) {
                 return node.convolution && !node.inputs.empty() && node.inputs[0] == b;
               })) {
      return add.node;  // nothing has brought it onto the device
    }
  }
  return std::nullopt;
}

}  // namespace anynpu::engine::teflon

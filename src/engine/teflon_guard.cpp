// SPDX-License-Identifier: Apache-2.0
// The guard around Teflon's delegate.
//
// While Teflon prepares, two functions of TFLite's context are ours: the one that lists the graph's
// nodes leaves out what the rules keep back, and the one that hands nodes over to the delegate
// sees which nodes it really claimed. Which additions are safe depends on how TFLite cuts those
// into partitions, and every addition that is dropped may change the cuts, so that is repeated
// until nothing changes. Teflon's own choice is never second-guessed, only narrowed.
#include "engine/teflon_guard.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::engine::teflon {
namespace {

using tflite::IntArray;
using tflite::IntList;
using tflite::Node;
using tflite::Registration;
using tflite::Status;
using tflite::Tensor;
using tflite::WholeContext;
using tflite::WholeDelegate;

thread_local Guard* preparing = nullptr;  // TFLite's callbacks carry no data of ours

struct GraphNode {
  std::vector<int> inputs, outputs;
  std::int32_t code = -1;
  const void* parameters = nullptr;
};

std::optional<GraphNode> node_at(WholeContext* context, int index) {
  Node* node = nullptr;
  Registration* registration = nullptr;
  if (context->get_node(context, index, &node, &registration) != tflite::kOk || node == nullptr ||
      registration == nullptr)
    return std::nullopt;
  return GraphNode{tflite::values_of(node->inputs), tflite::values_of(node->outputs),
                   registration->builtin_code, node->builtin_data};
}

TensorFacts facts_of(const WholeContext* context, int index) {
  TensorFacts facts;
  if (index < 0 || static_cast<std::size_t>(index) >= context->tensors_size) return facts;
  const Tensor& tensor = context->tensors[index];
  facts.uint8 = tensor.type == tflite::kUint8;
  facts.int32 = tensor.type == tflite::kInt32;
  facts.constant = tensor.allocation_type == tflite::kReadOnlyInFile && tensor.data != nullptr;
  facts.dims = tflite::values_of(tensor.dims);
  const auto* affine =
      tensor.quantization.type == 1
          ? static_cast<const tflite::AffineQuantization*>(tensor.quantization.params)
          : nullptr;
  if (affine == nullptr || affine->scale == nullptr || affine->scale->size < 1) return facts;
  facts.scale = affine->scale->at(0);
  const IntArray* zeros = affine->zero_point;
  facts.zero_point = zeros != nullptr && zeros->size > 0 ? zeros->at(0) : 0;
  facts.one_scale = true;
  for (int i = 1; i < affine->scale->size; ++i)
    facts.one_scale = facts.one_scale && affine->scale->at(i) == facts.scale;
  for (int i = 1; zeros != nullptr && i < zeros->size; ++i)
    facts.one_scale = facts.one_scale && zeros->at(i) == facts.zero_point;
  facts.per_channel = !facts.one_scale;
  return facts;
}

Activation activation_of(int code) {
  switch (code) {
    case tflite::kNoActivation:
      return Activation::kNone;
    case tflite::kRelu:
      return Activation::kRelu;
    case tflite::kRelu6:
      return Activation::kRelu6;
    default:
      return Activation::kOther;
  }
}

ConvolutionFacts convolution_of(const WholeContext* context, const GraphNode& node) {
  ConvolutionFacts facts;
  facts.depthwise = node.code == tflite::kDepthwiseConv2d;
  facts.inputs = static_cast<int>(node.inputs.size());
  if (facts.inputs != 3 || node.outputs.size() != 1 || node.parameters == nullptr) {
    facts.inputs = 0;  // which no rule lets pass
    return facts;
  }
  facts.input = facts_of(context, node.inputs[0]);
  facts.weights = facts_of(context, node.inputs[1]);
  facts.bias = facts_of(context, node.inputs[2]);
  facts.output = facts_of(context, node.outputs[0]);
  auto take = [&](const auto& p) {
    facts.same_padding = p.padding == tflite::kSamePadding;
    facts.stride_width = p.stride_width;
    facts.stride_height = p.stride_height;
    facts.dilation_width = p.dilation_width;
    facts.dilation_height = p.dilation_height;
    facts.activation = activation_of(p.activation);
  };
  if (facts.depthwise) {
    const auto& parameters = *static_cast<const tflite::DepthwiseConvParams*>(node.parameters);
    take(parameters);
    facts.depth_multiplier = parameters.depth_multiplier;
  } else {
    take(*static_cast<const tflite::ConvParams*>(node.parameters));
  }
  return facts;
}

bool is_convolution(const GraphNode& node) {
  return node.code == tflite::kConv2d || node.code == tflite::kDepthwiseConv2d;
}

std::string why_not(const WholeContext* context, const GraphNode& node,
                    const MesaVersion& version) {
  if (is_convolution(node)) return why_not(convolution_of(context, node), version);
  if (node.inputs.size() != 2 || node.outputs.size() != 1 || node.parameters == nullptr)
    return "it is no addition of two tensors";
  AdditionFacts facts{facts_of(context, node.inputs[0]), facts_of(context, node.inputs[1]),
                      facts_of(context, node.outputs[0])};
  facts.activation =
      activation_of(static_cast<const tflite::AddParams*>(node.parameters)->activation);
  return why_not(facts, version);
}

}  // namespace

std::string Coverage::text() const {
  std::string text = fmt::format("{} of {} operators on the NPU", taken, operators);
  if (taken > 0) text += fmt::format(" in {} partition{}", partitions, partitions == 1 ? "" : "s");
  std::vector<std::string> reasons;
  for (const auto& [why, count] : kept_back)
    reasons.push_back(fmt::format("{} because {}", count, why));
  if (!reasons.empty()) text += "; kept on the CPU: " + join(reasons, ", ");
  return text;
}

Guard::Guard(WholeDelegate* inner, const MesaVersion& version)
    : outer_{*inner, this}, inner_(inner), version_(version) {
  outer_.delegate.prepare = &Guard::prepare;
}

Status Guard::prepare(WholeContext* context, WholeDelegate* delegate) {
  return reinterpret_cast<Outer*>(delegate)->guard->prepare_inner(context);
}

Status Guard::prepare_inner(WholeContext* context) {
  true_plan_ = context->get_execution_plan;
  true_replace_ = context->replace_nodes;
  IntArray* plan = nullptr;
  if (true_plan_(context, &plan) != tflite::kOk) return tflite::kOk;
  const std::vector<int> all = tflite::values_of(plan);
  coverage_ = {};
  coverage_.operators = static_cast<int>(all.size());
  const std::vector<int> allowed = allowed_nodes(context, all);
  if (allowed.empty()) return tflite::kOk;
  lists_.clear();
  lists_.emplace_back(allowed);
  preparing = this;
  context->get_execution_plan = &Guard::show_plan;
  context->replace_nodes = &Guard::replace_nodes;
  const Status status = inner_->prepare(context, inner_);
  context->get_execution_plan = true_plan_;
  context->replace_nodes = true_replace_;
  preparing = nullptr;
  return status;
}

std::vector<int> Guard::allowed_nodes(WholeContext* context, const std::vector<int>& plan) {
  std::vector<int> allowed;
  for (const int index : plan) {
    const auto node = node_at(context, index);
    if (!node || (!is_convolution(*node) && node->code != tflite::kAdd)) continue;
    if (const std::string why = why_not(context, *node, version_); !why.empty())
      keep_back(why);
    else
      allowed.push_back(index);
  }
  return allowed;
}

Status Guard::show_plan(WholeContext*, IntArray** plan) {
  *plan = preparing->lists_.front().get();
  return tflite::kOk;
}

Status Guard::replace_nodes(WholeContext* context, tflite::RegistrationArgument registration,
                            const IntArray* nodes, WholeDelegate* delegate) {
  Guard& guard = *preparing;
  const std::vector<int> safe = guard.without_unsafe_additions(context, tflite::values_of(nodes));
  // Graphs are compiled in here, by functions that may ask for the plan: the true one.
  context->get_execution_plan = guard.true_plan_;
  context->replace_nodes = guard.true_replace_;
  IntList list(safe);
  return guard.true_replace_(context, registration, list.get(), delegate);
}

std::vector<int> Guard::without_unsafe_additions(WholeContext* context, std::vector<int> nodes) {
  while (true) {
    IntList list(nodes);
    tflite::DelegateParams* parts = nullptr;
    int count = 0;
    if (nodes.empty() ||
        context->preview_partitions(context, list.get(), &parts, &count) != tflite::kOk) {
      coverage_.taken = coverage_.partitions = 0;
      return {};
    }
    std::optional<int> unsafe;
    for (int part = 0; part < count && !unsafe; ++part) {
      std::vector<ClaimedNode> claimed;
      for (const int index : tflite::values_of(parts[part].nodes)) {
        const auto node = node_at(context, index);
        if (!node || node->outputs.empty()) continue;
        claimed.push_back({index, is_convolution(*node), node->inputs, node->outputs[0]});
      }
      unsafe = unsafe_addition(claimed, tflite::values_of(parts[part].outputs));
    }
    if (!unsafe) {
      coverage_.taken = static_cast<int>(nodes.size());
      coverage_.partitions = count;
      return nodes;
    }
    keep_back("an addition cannot be fused into its convolution");
    std::erase(nodes, *unsafe);
  }
}

}  // namespace anynpu::engine::teflon

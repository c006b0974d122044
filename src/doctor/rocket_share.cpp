// SPDX-License-Identifier: Apache-2.0
// How Mesa's Teflon would share a graph's nodes between the NPU and the CPU.
//
// TFLite cuts the graph into runs of nodes of one kind: a run takes every node of its kind whose
// inputs are there, then one of the other kind begins. Which additions are safe depends on the
// cuts, and an addition that is held back changes them, so that is repeated until nothing changes;
// the guard around the real delegate does the same.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "doctor/model_check.h"
#include "model/tflite_nodes.h"

namespace anynpu::doctor {
namespace {

namespace teflon = engine::teflon;
using model::TfliteNode;

teflon::TensorFacts facts_of(const model::TfliteSubgraph& graph, int index) {
  teflon::TensorFacts facts;
  if (index < 0 || static_cast<std::size_t>(index) >= graph.tensors.size()) return facts;
  const model::TfliteTensor& tensor = graph.tensors[static_cast<std::size_t>(index)];
  const model::QuantisationSummary& quantisation = tensor.quantisation;
  facts.uint8 = tensor.type == engine::DType::kUint8;
  facts.int32 = tensor.type == engine::DType::kInt32;
  facts.constant = tensor.constant_bytes > 0;
  facts.one_scale = quantisation.scales > 0 && !quantisation.blockwise &&
                    quantisation.least_scale == quantisation.most_scale &&
                    quantisation.least_zero_point == quantisation.most_zero_point;
  facts.per_channel = quantisation.scales > 0 && !quantisation.blockwise && !facts.one_scale;
  facts.scale = quantisation.least_scale;
  facts.zero_point = static_cast<int>(quantisation.least_zero_point);
  for (std::int64_t dimension : tensor.shape) facts.dims.push_back(static_cast<int>(dimension));
  return facts;
}

// ActivationFunctionType of schema.fbs.
teflon::Activation activation_of(int code) {
  switch (code) {
    case 0:
      return teflon::Activation::kNone;
    case 1:
      return teflon::Activation::kRelu;
    case 3:
      return teflon::Activation::kRelu6;
    default:
      return teflon::Activation::kOther;
  }
}

bool is_convolution(const TfliteNode& node) {
  return node.op == "CONV_2D" || node.op == "DEPTHWISE_CONV_2D";
}

std::string why_not(const model::TfliteSubgraph& graph, const TfliteNode& node,
                    const teflon::MesaVersion& version) {
  if (!is_convolution(node)) {
    if (node.inputs.size() != 2 || node.outputs.size() != 1)
      return "it is no addition of two tensors";
    return teflon::why_not(
        teflon::AdditionFacts{facts_of(graph, node.inputs[0]), facts_of(graph, node.inputs[1]),
                              facts_of(graph, node.outputs[0]),
                              activation_of(node.options.activation)},
        version);
  }
  teflon::ConvolutionFacts facts;
  facts.depthwise = node.op == "DEPTHWISE_CONV_2D";
  facts.inputs = static_cast<int>(node.inputs.size());
  if (facts.inputs != 3 || node.outputs.size() != 1) return "it has no bias";
  facts.input = facts_of(graph, node.inputs[0]);
  facts.weights = facts_of(graph, node.inputs[1]);
  facts.bias = facts_of(graph, node.inputs[2]);
  facts.output = facts_of(graph, node.outputs[0]);
  facts.same_padding = node.options.same_padding;
  facts.stride_width = node.options.stride_width;
  facts.stride_height = node.options.stride_height;
  facts.dilation_width = node.options.dilation_width;
  facts.dilation_height = node.options.dilation_height;
  facts.depth_multiplier = node.options.depth_multiplier;
  facts.activation = activation_of(node.options.activation);
  return teflon::why_not(facts, version);
}

// How often a node is looked at for one file. Real ones take some thousands; one that was made for
// it would take years.
class Effort {
 public:
  bool has(std::size_t looks) const { return looks < left_; }
  bool spend(std::size_t looks) {
    left_ -= std::min(left_, looks);
    return left_ > 0;
  }

 private:
  std::size_t left_ = 100'000'000;
};

using Runs = std::vector<std::vector<std::size_t>>;

// The runs of nodes that go to the NPU, each in the order of execution; none when it takes too
// much.
std::optional<Runs> cut(const model::TfliteSubgraph& graph, const std::vector<TfliteNode>& nodes,
                        const std::set<std::size_t>& wanted, Effort& effort) {
  std::vector<bool> ready(graph.tensors.size(), true);
  for (const TfliteNode& node : nodes)
    for (int output : node.outputs)
      if (output >= 0) ready[static_cast<std::size_t>(output)] = false;
  std::vector<bool> done(nodes.size(), false);
  Runs runs;
  std::size_t left = nodes.size();
  for (int stuck = 0; left > 0 && stuck < 2;) {
    for (bool npu : {false, true}) {
      if (!effort.spend(nodes.size())) return std::nullopt;
      std::vector<std::size_t> run;
      for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (done[i] || wanted.contains(i) != npu) continue;
        if (!effort.spend(nodes[i].inputs.size())) return std::nullopt;
        const bool fed = std::all_of(
            nodes[i].inputs.begin(), nodes[i].inputs.end(),
            [&](int input) { return input < 0 || ready[static_cast<std::size_t>(input)]; });
        if (!fed) continue;
        done[i] = true;
        for (int output : nodes[i].outputs)
          if (output >= 0) ready[static_cast<std::size_t>(output)] = true;
        run.push_back(i);
      }
      stuck = run.empty() ? stuck + 1 : 0;
      left -= run.size();
      if (npu && !run.empty()) runs.push_back(std::move(run));
    }
  }
  return runs;
}

// What leaves a run: read by nodes outside of it, or an output of the graph.
std::vector<int> outputs_of(const model::TfliteSubgraph& graph,
                            const std::vector<TfliteNode>& nodes,
                            const std::vector<std::size_t>& run) {
  const std::set<std::size_t> inside(run.begin(), run.end());
  std::vector<int> outputs(graph.outputs.begin(), graph.outputs.end());
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!inside.contains(i))
      outputs.insert(outputs.end(), nodes[i].inputs.begin(), nodes[i].inputs.end());
  return outputs;
}

// The first unsafe addition, or nodes.size() when there is none; nothing when it takes too much.
std::optional<std::size_t> unsafe_addition(const model::TfliteSubgraph& graph,
                                           const std::vector<TfliteNode>& nodes, const Runs& runs,
                                           Effort& effort) {
  for (const std::vector<std::size_t>& run : runs) {
    // For each addition up to the unsafe one, all of the run and what all nodes read is looked at.
    const auto is_addition = [&](std::size_t i) { return !is_convolution(nodes[i]); };
    const std::size_t each = run.size() + nodes.size();
    auto additions = static_cast<std::size_t>(std::count_if(run.begin(), run.end(), is_addition));
    if (!effort.has((additions + 1) * each)) return std::nullopt;
    std::vector<teflon::ClaimedNode> claimed;
    for (std::size_t i : run) {
      teflon::ClaimedNode node{static_cast<int>(i), is_convolution(nodes[i]), nodes[i].inputs,
                               nodes[i].outputs[0]};
      if (node.convolution) node.inputs.resize(1);
      claimed.push_back(std::move(node));
    }
    std::size_t found = nodes.size();
    if (auto unsafe = teflon::unsafe_addition(claimed, outputs_of(graph, nodes, run))) {
      found = static_cast<std::size_t>(*unsafe);
      additions = static_cast<std::size_t>(
          std::count_if(run.begin(), std::find(run.begin(), run.end(), found), is_addition));
    }
    if (!effort.spend((additions + 1) * each)) return std::nullopt;
    if (found != nodes.size()) return found;
  }
  return nodes.size();
}

}  // namespace

Result<GraphShare> share_on_rocket(std::span<const std::byte> tflite, const std::string& file,
                                   const teflon::MesaVersion& version) {
  ANYNPU_TRY(parsed, model::read_tflite(tflite, file));
  ANYNPU_TRY(nodes, model::read_tflite_nodes(tflite, file));
  const model::TfliteSubgraph& graph = parsed.subgraphs.front();
  GraphShare share;
  share.operators = static_cast<int>(nodes.size());
  std::set<std::size_t> wanted;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!is_convolution(nodes[i]) && nodes[i].op != "ADD") {
      ++share.others[nodes[i].op];
      continue;
    }
    std::string why = why_not(graph, nodes[i], version);
    if (why.empty())
      wanted.insert(i);
    else
      ++share.kept_back[why];
  }
  Effort effort;
  auto runs = cut(graph, nodes, wanted, effort);
  while (runs) {
    const auto unsafe = unsafe_addition(graph, nodes, *runs, effort);
    if (!unsafe) runs.reset();
    if (!unsafe || *unsafe == nodes.size()) break;
    wanted.erase(*unsafe);
    ++share.kept_back["it cannot be fused into a convolution before it"];
    runs = cut(graph, nodes, wanted, effort);
  }
  if (!runs)
    return Error{
        Code::kTooLarge,
        file + ": its operators are too many, or too entangled, to tell what goes to the NPU"};
  share.taken = static_cast<int>(wanted.size());
  share.partitions = static_cast<int>(runs->size());
  return share;
}

}  // namespace anynpu::doctor

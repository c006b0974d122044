// SPDX-License-Identifier: Apache-2.0
// Rewrites DequantizeLinear + MatMul in an ONNX model, also in the branches of an If.
#include "engine/onnx_logits.h"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "base/protobuf.h"

namespace anynpu::engine::ort {
namespace {

// Field numbers of onnx.proto.
constexpr std::uint32_t kModelGraph = 7, kModelOpset = 8;
constexpr std::uint32_t kGraphNode = 1, kGraphInitializer = 5;
constexpr std::uint32_t kNodeInput = 1, kNodeOutput = 2, kNodeName = 3, kNodeOp = 4,
                        kNodeAttribute = 5, kNodeDomain = 7;
constexpr std::uint32_t kAttributeGraph = 6, kAttributeGraphs = 11;
constexpr std::uint32_t kTensorDims = 1, kTensorType = 2, kTensorName = 8;
constexpr std::uint32_t kOpsetDomain = 1, kOpsetVersion = 2;
constexpr int kDeepest = 4;  // graphs in graphs
constexpr std::string_view kMicrosoft = "com.microsoft";

struct Node {
  std::string_view op, name, domain;
  std::vector<std::string_view> inputs, outputs;
};

struct Weights {
  std::size_t rank = 0;
  bool bytes = false;  // of uint8 or int8
};

Node read_node(std::string_view bytes) {
  Node node;
  ProtoReader reader(bytes);
  for (ProtoField field; reader.next(field);) {
    if (field.number == kNodeInput) node.inputs.push_back(field.bytes);
    if (field.number == kNodeOutput) node.outputs.push_back(field.bytes);
    if (field.number == kNodeName) node.name = field.bytes;
    if (field.number == kNodeOp) node.op = field.bytes;
    if (field.number == kNodeDomain) node.domain = field.bytes;
  }
  return node;
}

class Rewriter {
 public:
  std::string graph(std::string_view bytes, int depth) {
    std::vector<Node> nodes;
    ProtoReader reader(bytes);
    for (ProtoField field; reader.next(field);) {
      if (field.number == kGraphInitializer && field.is_bytes) note_weights(field.bytes);
      if (field.number == kGraphNode && field.is_bytes) nodes.push_back(read_node(field.bytes));
    }
    if (reader.damaged()) damaged_ = true;
    std::map<std::string_view, const Node*> makers;
    std::map<std::string_view, int> uses;
    for (const Node& node : nodes) {
      for (const std::string_view output : node.outputs) makers[output] = &node;
      for (const std::string_view input : node.inputs) ++uses[input];
    }
    std::map<const Node*, std::string> replaced;
    std::set<const Node*> dropped;
    for (const Node& node : nodes) {
      if (node.op != "MatMul" || node.inputs.size() != 2 || node.outputs.size() != 1) continue;
      const auto maker = makers.find(node.inputs[1]);
      if (maker == makers.end() || uses[node.inputs[1]] != 1) continue;
      const Node& floats = *maker->second;
      if (floats.op != "DequantizeLinear" || floats.inputs.size() != 3) continue;
      if (!is_matrix_of_bytes(floats.inputs[0], makers) || !is_scalar(floats.inputs[1])) continue;
      replaced[&node] = integer_product(node, floats);
      dropped.insert(&floats);
    }
    found_ = found_ || !replaced.empty();

    std::string out;
    std::size_t index = 0;
    ProtoReader again(bytes);
    for (ProtoField field; again.next(field);) {
      if (field.number != kGraphNode || !field.is_bytes) {
        out += field.whole;
        continue;
      }
      const Node& node = nodes[index++];
      if (dropped.contains(&node)) continue;
      if (const auto found = replaced.find(&node); found != replaced.end())
        append_field(out, kGraphNode, found->second);
      else if (node.op == "If" && depth < kDeepest)
        append_field(out, kGraphNode, with_branches(field.bytes, depth));
      else
        out += field.whole;
    }
    return out;
  }

  bool found() const { return found_ && !damaged_; }

 private:
  void note_weights(std::string_view tensor) {
    Weights weights;
    std::string_view name;
    ProtoReader reader(tensor);
    for (ProtoField field; reader.next(field);) {
      if (field.number == kTensorDims && field.is_bytes) {
        ProtoReader packed(field.bytes);
        for (std::uint64_t dim = 0; packed.next_packed(dim);) ++weights.rank;
      } else if (field.number == kTensorDims) {
        ++weights.rank;
      }
      if (field.number == kTensorType) weights.bytes = field.value == 2 || field.value == 3;
      if (field.number == kTensorName) name = field.bytes;
    }
    weights_[name] = weights;
  }

  bool is_matrix_of_bytes(std::string_view name,
                          const std::map<std::string_view, const Node*>& makers) const {
    // A table of words that is turned around first: the runtime does that once, when it loads.
    if (const auto maker = makers.find(name); maker != makers.end()) {
      if (maker->second->op != "Transpose" || maker->second->inputs.size() != 1) return false;
      name = maker->second->inputs[0];
    }
    const auto found = weights_.find(name);
    return found != weights_.end() && found->second.rank == 2 && found->second.bytes;
  }
  bool is_scalar(std::string_view name) const {
    const auto found = weights_.find(name);
    return found != weights_.end() && found->second.rank == 0;
  }

  static std::string integer_product(const Node& product, const Node& floats) {
    std::string node;
    for (const std::string_view input :
         {product.inputs[0], floats.inputs[0], floats.inputs[1], floats.inputs[2]})
      append_field(node, kNodeInput, input);
    append_field(node, kNodeOutput, product.outputs[0]);
    append_field(node, kNodeName, product.name);
    append_field(node, kNodeOp, std::string_view("DynamicQuantizeMatMul"));
    append_field(node, kNodeDomain, kMicrosoft);
    return node;
  }

  std::string with_branches(std::string_view node, int depth) {
    std::string out;
    ProtoReader reader(node);
    for (ProtoField field; reader.next(field);) {
      if (field.number != kNodeAttribute || !field.is_bytes) {
        out += field.whole;
        continue;
      }
      std::string attribute;
      ProtoReader inside(field.bytes);
      for (ProtoField part; inside.next(part);) {
        if ((part.number == kAttributeGraph || part.number == kAttributeGraphs) && part.is_bytes)
          append_field(attribute, part.number, graph(part.bytes, depth + 1));
        else
          attribute += part.whole;
      }
      append_field(out, kNodeAttribute, attribute);
    }
    return out;
  }

  std::map<std::string_view, Weights> weights_;  // of this graph and those around it
  bool found_ = false;
  bool damaged_ = false;
};

}  // namespace

std::string with_integer_logits(std::string_view model) {
  Rewriter rewriter;
  std::string out;
  bool knows_microsoft = false;
  ProtoReader reader(model);
  for (ProtoField field; reader.next(field);) {
    if (field.number == kModelGraph && field.is_bytes) {
      append_field(out, kModelGraph, rewriter.graph(field.bytes, 0));
      continue;
    }
    if (field.number == kModelOpset && field.is_bytes) {
      ProtoReader opset(field.bytes);
      for (ProtoField part; opset.next(part);)
        knows_microsoft =
            knows_microsoft || (part.number == kOpsetDomain && part.bytes == kMicrosoft);
    }
    out += field.whole;
  }
  if (reader.damaged() || !rewriter.found()) return std::string(model);
  if (!knows_microsoft) {
    std::string opset;
    append_field(opset, kOpsetDomain, kMicrosoft);
    append_field(opset, kOpsetVersion, std::uint64_t{1});
    append_field(out, kModelOpset, opset);
  }
  return out;
}

}  // namespace anynpu::engine::ort

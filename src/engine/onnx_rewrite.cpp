// SPDX-License-Identifier: Apache-2.0
// Copies messages field by field, and changes the ones in question.
#include "engine/onnx_rewrite.h"

#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/protobuf.h"

namespace anynpu::engine::ort {
namespace {

// Field numbers of onnx.proto.
constexpr std::uint32_t kModelGraph = 7, kModelOpset = 8;
constexpr std::uint32_t kGraphNode = 1, kGraphInitializer = 5, kGraphOutput = 12;
constexpr std::uint32_t kNodeInput = 1, kNodeOutput = 2, kNodeName = 3, kNodeOp = 4,
                        kNodeAttribute = 5, kNodeDomain = 7;
constexpr std::uint32_t kAttributeName = 1, kAttributeFloat = 2, kAttributeInt = 3,
                        kAttributeGraph = 6, kAttributeInts = 8, kAttributeGraphs = 11,
                        kAttributeType = 20;
constexpr std::uint64_t kTypeFloat = 1, kTypeInt = 2;
constexpr std::uint32_t kValueName = 1;
constexpr std::uint32_t kTensorDims = 1, kTensorType = 2, kTensorName = 8, kTensorLocation = 14;
constexpr std::uint32_t kOpsetDomain = 1, kOpsetVersion = 2;
constexpr int kDeepest = 4;  // graphs in graphs
constexpr std::string_view kMicrosoft = "com.microsoft";

struct Node {
  std::string_view op, name, domain;
  std::vector<std::string_view> inputs, outputs, attributes;
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
    if (field.number == kNodeAttribute) node.attributes.push_back(field.bytes);
  }
  return node;
}

// The whole numbers of an attribute; none where there is no such one.
std::vector<std::int64_t> integers_of(const Node& node, std::string_view name) {
  for (const std::string_view attribute : node.attributes) {
    bool is_it = false;
    std::vector<std::int64_t> values;
    ProtoReader reader(attribute);
    for (ProtoField field; reader.next(field);) {
      if (field.number == kAttributeName) is_it = field.bytes == name;
      if (field.number != kAttributeInt && field.number != kAttributeInts) continue;
      if (!field.is_bytes) values.push_back(field.integer());
      ProtoReader packed(field.bytes);
      for (std::uint64_t value = 0; packed.next_packed(value);)
        values.push_back(static_cast<std::int64_t>(value));
    }
    if (is_it) return values;
  }
  return {};
}

void append_attribute(std::string& node, std::string_view name, float value) {
  std::string attribute;
  append_field(attribute, kAttributeName, name);
  append_fixed32(attribute, kAttributeFloat, std::bit_cast<std::uint32_t>(value));
  append_field(attribute, kAttributeType, kTypeFloat);
  append_field(node, kNodeAttribute, attribute);
}
void append_attribute(std::string& node, std::string_view name, std::uint64_t value) {
  std::string attribute;
  append_field(attribute, kAttributeName, name);
  append_field(attribute, kAttributeInt, value);
  append_field(attribute, kAttributeType, kTypeInt);
  append_field(node, kNodeAttribute, attribute);
}

/// The model with another graph, which uses Microsoft's operators.
std::string with_graph(std::string_view model, std::string_view graph) {
  std::string out;
  out.reserve(model.size());
  bool knows_microsoft = false, written = false;
  ProtoReader reader(model);
  for (ProtoField field; reader.next(field);) {
    if (field.number == kModelGraph && field.is_bytes) {
      if (!std::exchange(written, true)) append_field(out, kModelGraph, graph);  // there is one
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
  if (knows_microsoft) return out;
  std::string opset;
  append_field(opset, kOpsetDomain, kMicrosoft);
  append_field(opset, kOpsetVersion, std::uint64_t{1});
  append_field(out, kModelOpset, opset);
  return out;
}

/// The graph of a model; empty when it is damaged.
std::string_view graph_of(std::string_view model) {
  std::string_view graph;
  ProtoReader reader(model);
  for (ProtoField field; reader.next(field);)
    if (field.number == kModelGraph && field.is_bytes) graph = field.bytes;
  return reader.damaged() ? std::string_view() : graph;
}

/// The graph with what `write(out, index, field)` writes for each of its nodes.
template <typename Write>
std::string with_nodes(std::string_view graph, const Write& write) {
  std::string out;
  out.reserve(graph.size());
  std::size_t index = 0;
  ProtoReader reader(graph);
  for (ProtoField field; reader.next(field);) {
    if (field.number == kGraphNode && field.is_bytes)
      write(out, index++, field);
    else
      out += field.whole;
  }
  return out;
}

// softmax(Q x K turned) x V, of rank 3.
class AttentionFuser {
 public:
  explicit AttentionFuser(std::string_view graph) : graph_(graph) {
    ProtoReader reader(graph);
    for (ProtoField field; reader.next(field);) {
      if (field.number == kGraphNode && field.is_bytes) nodes_.push_back(read_node(field.bytes));
      // What leaves the graph is in use.
      if (field.number == kGraphOutput && field.is_bytes) {
        ProtoReader output(field.bytes);
        for (ProtoField part; output.next(part);)
          if (part.number == kValueName) users_[part.bytes].push_back(nullptr);
      }
    }
    damaged_ = reader.damaged();
    for (const Node& node : nodes_) {
      for (const std::string_view output : node.outputs) makers_[output] = &node;
      for (const std::string_view input : node.inputs) users_[input].push_back(&node);
    }
  }

  /// The graph after it; empty when there is nothing to fuse.
  std::string fused() {
    if (damaged_) return {};
    for (const Node& node : nodes_)
      if (node.op == "Softmax") fuse(node);
    if (fused_.empty()) return {};
    return with_nodes(graph_, [this](std::string& out, std::size_t index, const ProtoField& field) {
      const Node& node = nodes_[index];
      if (const auto found = fused_.find(&node); found != fused_.end())
        append_field(out, kGraphNode, found->second);
      else if (!dropped_.contains(&node))
        out += field.whole;
    });
  }

 private:
  const Node* made_by(std::string_view name, std::string_view op) const {
    const auto found = makers_.find(name);
    return found != makers_.end() && found->second->op == op && !found->second->inputs.empty()
               ? found->second
               : nullptr;
  }
  // The one node that uses a value; null when there are others.
  const Node* only_user(const Node& of) const {
    if (of.outputs.size() != 1) return nullptr;
    const auto found = users_.find(of.outputs[0]);
    return found != users_.end() && found->second.size() == 1 ? found->second[0] : nullptr;
  }

  void fuse(const Node& softmax) {
    if (softmax.inputs.size() != 1 || integers_of(softmax, "axis") != std::vector<std::int64_t>{2})
      return;
    const Node* scores = made_by(softmax.inputs[0], "MatMul");
    if (scores == nullptr || scores->inputs.size() != 2 || only_user(*scores) != &softmax) return;
    const Node* turned = made_by(scores->inputs[1], "Transpose");
    if (turned == nullptr || integers_of(*turned, "perm") != std::vector<std::int64_t>{0, 2, 1})
      return;
    // Exporters split the heads and join them again, for an output that nobody may want.
    const Node* split = only_user(softmax);
    const Node* joined = nullptr;
    const Node* last = split;
    if (split != nullptr && split->op == "Reshape") {
      joined = only_user(*split);
      if (joined == nullptr || joined->op != "Reshape") return;
      last = only_user(*joined);
    }
    const Node& likely = joined != nullptr ? *joined : softmax;
    if (last == nullptr || last->op != "MatMul" || last->inputs.size() != 2 ||
        last->outputs.size() != 1 || last->inputs[0] != likely.outputs[0])
      return;
    std::string node;
    for (const std::string_view input : {scores->inputs[0], turned->inputs[0], last->inputs[1]})
      append_field(node, kNodeInput, input);
    append_field(node, kNodeOutput, last->outputs[0]);
    append_field(node, kNodeName, last->name);
    append_field(node, kNodeOp, std::string_view("MultiHeadAttention"));
    append_field(node, kNodeDomain, kMicrosoft);
    // The heads are rows already, and the queries scaled.
    append_attribute(node, "num_heads", std::uint64_t{1});
    append_attribute(node, "scale", 1.0F);
    fused_[last] = std::move(node);
    dropped_.insert({scores, &softmax});
    if (joined != nullptr) dropped_.insert({split, joined});
    if (only_user(*turned) == scores) dropped_.insert(turned);
  }

  std::string_view graph_;
  bool damaged_ = false;
  std::vector<Node> nodes_;
  std::map<std::string_view, const Node*> makers_;
  std::map<std::string_view, std::vector<const Node*>> users_;
  std::map<const Node*, std::string> fused_;
  std::set<const Node*> dropped_;
};

// DequantizeLinear + MatMul, also in the branches of an If.
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

    return with_nodes(bytes, [&](std::string& out, std::size_t index, const ProtoField& field) {
      const Node& node = nodes[index];
      if (dropped.contains(&node)) return;
      if (const auto found = replaced.find(&node); found != replaced.end())
        append_field(out, kGraphNode, found->second);
      else if (node.op == "If" && depth < kDeepest)
        append_field(out, kGraphNode, with_branches(field.bytes, depth));
      else
        out += field.whole;
    });
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
  const std::string graph = rewriter.graph(graph_of(model), 0);
  return rewriter.found() ? with_graph(model, graph) : std::string(model);
}

std::string with_fused_attention(std::string_view model) {
  const std::string graph = AttentionFuser(graph_of(model)).fused();
  return graph.empty() ? std::string(model) : with_graph(model, graph);
}

std::string with_first_output(std::string_view model) {
  std::string out;
  out.reserve(model.size());
  std::size_t outputs = 0;
  bool damaged = false;
  ProtoReader reader(model);
  for (ProtoField field; reader.next(field);) {
    if (field.number != kModelGraph || !field.is_bytes) {
      out += field.whole;
      continue;
    }
    std::string graph;
    graph.reserve(field.bytes.size());
    ProtoReader inside(field.bytes);
    for (ProtoField part; inside.next(part);)
      if (part.number != kGraphOutput || outputs++ == 0) graph += part.whole;
    damaged = damaged || inside.damaged();
    append_field(out, kModelGraph, graph);
  }
  return damaged || reader.damaged() || outputs < 2 ? std::string(model) : out;
}

bool has_external_weights(std::string_view model) {
  ProtoReader reader(model);
  for (ProtoField field; reader.next(field);) {
    if (field.number != kModelGraph || !field.is_bytes) continue;
    ProtoReader graph(field.bytes);
    for (ProtoField part; graph.next(part);) {
      if (part.number != kGraphInitializer || !part.is_bytes) continue;
      ProtoReader tensor(part.bytes);
      for (ProtoField of; tensor.next(of);)
        if (of.number == kTensorLocation && of.value == 1) return true;
    }
  }
  return false;
}

}  // namespace anynpu::engine::ort

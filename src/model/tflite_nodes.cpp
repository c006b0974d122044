// SPDX-License-Identifier: Apache-2.0
// Reads the nodes of a .tflite file's main graph, by the field numbers of TensorFlow's schema.fbs.
#include "model/tflite_nodes.h"

#include <fmt/format.h>

#include "base/text.h"
#include "model/flatbuffer.h"
#include "model/tflite_file.h"
#include "model/tflite_operators.h"

namespace anynpu::model {
namespace {

constexpr std::size_t kMostNodes = 100000;
constexpr std::size_t kMostCodes = 10000;
constexpr std::size_t kMostTensorsOfNode = 1000;
constexpr std::int32_t kCustomNumber = 32;

// Field numbers, by table.
namespace model_field {
constexpr int kOperatorCodes = 1, kSubgraphs = 2;
}
namespace graph_field {
constexpr int kTensors = 0, kOperators = 3;
}
namespace code_field {
constexpr int kOldBuiltin = 0, kCustomName = 1, kBuiltin = 3;
}
namespace node_field {
constexpr int kCode = 0, kInputs = 1, kOutputs = 2, kOptions = 4;
}
namespace conv_field {
constexpr int kPadding = 0, kStrideWidth = 1, kStrideHeight = 2, kActivation = 3,
              kDilationWidth = 4, kDilationHeight = 5;
}
namespace depthwise_field {
constexpr int kPadding = 0, kStrideWidth = 1, kStrideHeight = 2, kMultiplier = 3, kActivation = 4,
              kDilationWidth = 5, kDilationHeight = 6;
}
namespace add_field {
constexpr int kActivation = 0;
}

std::vector<std::string> read_codes(const FlatTable& root, FlatBytes& bytes) {
  std::vector<std::string> names;
  FlatVector codes = root.vector(model_field::kOperatorCodes, 4);
  if (codes.size() > kMostCodes) bytes.fail("there are too many operator codes");
  for (std::size_t i = 0; i < codes.size() && bytes.problem().empty(); ++i) {
    FlatTable code = codes.table(i);
    const std::int32_t builtin =
        tflite_operator_number(code.number<std::int8_t>(code_field::kOldBuiltin),
                               code.number<std::int32_t>(code_field::kBuiltin));
    names.push_back(builtin == kCustomNumber ? printable(code.text(code_field::kCustomName), 100)
                                             : tflite_operator_name(builtin));
  }
  return names;
}

std::vector<int> read_tensors(const FlatVector& list, std::size_t tensors, FlatBytes& bytes) {
  std::vector<int> indices;
  if (list.size() > kMostTensorsOfNode) bytes.fail("an operator has too many tensors");
  for (std::size_t i = 0; i < list.size() && bytes.problem().empty(); ++i) {
    const auto index = list.number<std::int32_t>(i);
    if (index < -1 || index >= static_cast<std::int64_t>(tensors))
      bytes.fail(fmt::format("an operator names tensor {} of {}", index, tensors));
    indices.push_back(index);
  }
  return indices;
}

TfliteNodeOptions read_options(const std::string& op, const FlatTable& table) {
  TfliteNodeOptions options;
  auto byte = [&](int field) { return static_cast<int>(table.number<std::int8_t>(field)); };
  auto number = [&](int field, std::int32_t fallback) {
    return static_cast<int>(table.number<std::int32_t>(field, fallback));
  };
  if (op == "CONV_2D") {
    options.same_padding = byte(conv_field::kPadding) == 0;
    options.stride_width = number(conv_field::kStrideWidth, 0);
    options.stride_height = number(conv_field::kStrideHeight, 0);
    options.activation = byte(conv_field::kActivation);
    options.dilation_width = number(conv_field::kDilationWidth, 1);
    options.dilation_height = number(conv_field::kDilationHeight, 1);
  } else if (op == "DEPTHWISE_CONV_2D") {
    options.same_padding = byte(depthwise_field::kPadding) == 0;
    options.stride_width = number(depthwise_field::kStrideWidth, 0);
    options.stride_height = number(depthwise_field::kStrideHeight, 0);
    options.depth_multiplier = number(depthwise_field::kMultiplier, 0);
    options.activation = byte(depthwise_field::kActivation);
    options.dilation_width = number(depthwise_field::kDilationWidth, 1);
    options.dilation_height = number(depthwise_field::kDilationHeight, 1);
  } else if (op == "ADD") {
    options.activation = byte(add_field::kActivation);
  }
  return options;
}

}  // namespace

Result<std::vector<TfliteNode>> read_tflite_nodes(std::span<const std::byte> raw,
                                                  const std::string& file) {
  if (!looks_like_tflite(raw))
    return Error{Code::kInvalid, fmt::format("{}: is not a TensorFlow Lite model", file)};
  FlatBytes bytes(raw);
  FlatTable root = FlatTable::root(bytes);
  const std::vector<std::string> codes = read_codes(root, bytes);
  std::vector<TfliteNode> nodes;
  FlatVector graphs = root.vector(model_field::kSubgraphs, 4);
  if (graphs.size() > 0 && bytes.problem().empty()) {
    FlatTable graph = graphs.table(0);
    const std::size_t tensors = graph.vector(graph_field::kTensors, 4).size();
    FlatVector list = graph.vector(graph_field::kOperators, 4);
    if (list.size() > kMostNodes) bytes.fail("there are too many operators");
    for (std::size_t i = 0; i < list.size() && bytes.problem().empty(); ++i) {
      FlatTable table = list.table(i);
      const auto code = table.number<std::uint32_t>(node_field::kCode);
      if (code >= codes.size()) {
        bytes.fail(fmt::format("an operator has code {} of {}", code, codes.size()));
        break;
      }
      TfliteNode node;
      node.op = codes[code];
      node.inputs = read_tensors(table.vector(node_field::kInputs, 4), tensors, bytes);
      node.outputs = read_tensors(table.vector(node_field::kOutputs, 4), tensors, bytes);
      node.options = read_options(node.op, table.table(node_field::kOptions));
      nodes.push_back(std::move(node));
    }
  }
  if (!bytes.problem().empty())
    return Error{Code::kInvalid,
                 fmt::format("{}: is a damaged TensorFlow Lite model: {}", file, bytes.problem())}
        .with_hint("the file may be cut off: fetch it again");
  return nodes;
}

}  // namespace anynpu::model

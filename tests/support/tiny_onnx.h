// SPDX-License-Identifier: Apache-2.0
// Builds .onnx models of a few nodes: the protobuf wire format by hand, from onnx.proto's field
// numbers.
//
//   TinyOnnx model;
//   model.input("x", OnnxType::kFloat, {"batch", "4"});
//   model.node("Add", {"x", "one"}, {"y"});
//   model.constant("one", OnnxType::kFloat, {4}, std::vector<float>{1, 1, 1, 1});
//   model.output("y", OnnxType::kFloat, {"batch", "4"});
//   std::vector<std::byte> bytes = model.build();
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace anynpu::test {

/// onnx.proto's TensorProto.DataType.
enum class OnnxType : std::int32_t {
  kFloat = 1,
  kUint8 = 2,
  kInt8 = 3,
  kUint16 = 4,
  kInt16 = 5,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kDouble = 11,
  kUint32 = 12,
  kUint64 = 13,
  kComplex64 = 14,
  kComplex128 = 15,
  kBFloat16 = 16,
  kFloat8 = 17,
  kUint4 = 21,
  kInt4 = 22,
};

class TinyOnnx {
 public:
  /// A dimension is a number ("4") or a name ("batch").
  void input(const std::string& name, OnnxType type, const std::vector<std::string>& dims) {
    message(inputs_, 11, value_info(name, type, dims));
  }
  void output(const std::string& name, OnnxType type, const std::vector<std::string>& dims) {
    message(outputs_, 12, value_info(name, type, dims));
  }
  /// An output that is a sequence of tensors.
  void sequence_output(const std::string& name, OnnxType type) {
    std::string tensor_type, element, sequence, type_proto, info;
    number(tensor_type, 1, static_cast<std::uint64_t>(type));
    message(element, 1, tensor_type);
    message(sequence, 1, element);
    message(type_proto, 4, sequence);
    message(info, 1, name);
    message(info, 2, type_proto);
    message(outputs_, 12, info);
  }
  template <typename T>
  void constant(const std::string& name, OnnxType type, const std::vector<std::int64_t>& shape,
                const std::vector<T>& values) {
    std::string tensor;
    for (const std::int64_t dimension : shape)
      number(tensor, 1, static_cast<std::uint64_t>(dimension));
    number(tensor, 2, static_cast<std::uint64_t>(type));
    message(tensor, 8, name);
    message(tensor, 9,
            std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)));
    message(constants_, 5, tensor);
  }
  /// Values that are in a file beside the model.
  void external_constant(const std::string& name, OnnxType type,
                         const std::vector<std::int64_t>& shape, const std::string& file) {
    std::string tensor, place;
    for (const std::int64_t dimension : shape)
      number(tensor, 1, static_cast<std::uint64_t>(dimension));
    number(tensor, 2, static_cast<std::uint64_t>(type));
    message(tensor, 8, name);
    message(place, 1, "location");
    message(place, 2, file);
    message(tensor, 13, place);
    number(tensor, 14, 1);  // EXTERNAL
    message(constants_, 5, tensor);
  }
  /// `attributes` are whole numbers by name, `lists` lists of them.
  void node(const std::string& op, const std::vector<std::string>& from,
            const std::vector<std::string>& to,
            const std::vector<std::pair<std::string, std::int64_t>>& attributes = {},
            const std::vector<std::pair<std::string, std::vector<std::int64_t>>>& lists = {}) {
    std::string node;
    for (const std::string& name : from) message(node, 1, name);
    for (const std::string& name : to) message(node, 2, name);
    message(node, 4, op);
    for (const auto& [name, value] : attributes) {
      std::string attribute;
      message(attribute, 1, name);
      number(attribute, 3, static_cast<std::uint64_t>(value));
      number(attribute, 20, 2);  // INT
      message(node, 5, attribute);
    }
    for (const auto& [name, values] : lists) {
      std::string attribute;
      message(attribute, 1, name);
      for (const std::int64_t value : values)
        number(attribute, 8, static_cast<std::uint64_t>(value));
      number(attribute, 20, 7);  // INTS
      message(node, 5, attribute);
    }
    message(nodes_, 1, node);
  }

  /// An If: one of two graphs, whose outputs become `to` in their order.
  void branches(const std::string& condition, const TinyOnnx& then, const TinyOnnx& otherwise,
                const std::vector<std::string>& to) {
    std::string node;
    message(node, 1, condition);
    for (const std::string& name : to) message(node, 2, name);
    message(node, 4, "If");
    for (const auto& [name, branch] :
         {std::pair("then_branch", &then), std::pair("else_branch", &otherwise)}) {
      std::string attribute;
      message(attribute, 1, name);
      message(attribute, 6, branch->graph(name));
      number(attribute, 20, 5);  // GRAPH
      message(node, 5, attribute);
    }
    message(nodes_, 1, node);
  }

  std::vector<std::byte> build(int opset = 13) const {
    const std::string graph = this->graph("tiny");
    std::string operators;
    number(operators, 2, static_cast<std::uint64_t>(opset));
    std::string model;
    number(model, 1, 8);  // ir_version
    message(model, 2, "anynpu");
    message(model, 7, graph);
    message(model, 8, operators);
    const auto* bytes = reinterpret_cast<const std::byte*>(model.data());
    return {bytes, bytes + model.size()};
  }

 private:
  std::string graph(const std::string& name) const {
    std::string graph = nodes_;
    message(graph, 2, name);
    return graph + constants_ + inputs_ + outputs_;
  }
  static void varint(std::string& to, std::uint64_t value) {
    for (; value >= 128; value >>= 7) to += static_cast<char>(value | 128);
    to += static_cast<char>(value);
  }
  static void number(std::string& to, unsigned field, std::uint64_t value) {
    varint(to, field << 3);
    varint(to, value);
  }
  /// A string, bytes, or a message within a message.
  static void message(std::string& to, unsigned field, const std::string& content) {
    varint(to, field << 3 | 2);
    varint(to, content.size());
    to += content;
  }
  static std::string value_info(const std::string& name, OnnxType type,
                                const std::vector<std::string>& dims) {
    std::string shape;
    for (const std::string& dim : dims) {
      std::string dimension;
      if (!dim.empty() && dim.find_first_not_of("0123456789") == std::string::npos)
        number(dimension, 1, std::stoull(dim));
      else
        message(dimension, 2, dim);
      message(shape, 1, dimension);
    }
    std::string tensor_type, type_proto, info;
    number(tensor_type, 1, static_cast<std::uint64_t>(type));
    message(tensor_type, 2, shape);
    message(type_proto, 1, tensor_type);
    message(info, 1, name);
    message(info, 2, type_proto);
    return info;
  }

  std::string nodes_, constants_, inputs_, outputs_;
};

}  // namespace anynpu::test

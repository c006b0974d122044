// SPDX-License-Identifier: Apache-2.0
// Builds .tflite models of a few operators, from the field numbers of TFLite's schema (version 3).
//
//   TinyTflite model;
//   int x = model.input({"x", TfliteType::kFloat32, {1, 4}});
//   int y = model.output({"y", TfliteType::kFloat32, {1, 4}});
//   model.add(x, model.constant({"one", TfliteType::kFloat32, {4}}, std::vector<float>{1, 1, 1,
//   1}), y); std::vector<std::byte> bytes = model.build();
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <flatbuffers/flatbuffers.h>

namespace anynpu::test {

/// The schema's TensorType.
enum class TfliteType : std::int8_t {
  kFloat32 = 0,
  kFloat16 = 1,
  kInt32 = 2,
  kUint8 = 3,
  kInt64 = 4,
  kString = 5,
  kBool = 6,
  kInt16 = 7,
  kComplex64 = 8,
  kInt8 = 9,
  kFloat64 = 10,
  kComplex128 = 11,
  kUint64 = 12,
  kUint32 = 15,
  kUint16 = 16,
  kInt4 = 17,
};

/// The schema's BuiltinOperator, as far as it is used here.
enum class TfliteOp : std::int32_t {
  kAdd = 0,
  kConcatenation = 2,
  kConv2d = 3,
  kFullyConnected = 9,
  kReshape = 22,
  kRnn = 24,
  kSoftmax = 25,
  kCustom = 32,
  kWhere = 109,
};

struct TinyTensor {
  std::string name;
  TfliteType type = TfliteType::kFloat32;
  std::vector<std::int32_t> shape = {};
  std::vector<std::int32_t> signature = {};  // shape with -1 for open dimensions; empty: none
  std::vector<float> scales = {};            // empty: not quantised
  std::vector<std::int64_t> zero_points = {};
  std::int32_t axis = 0;
  bool variable = false;
};

class TinyTflite {
 public:
  using Builder = flatbuffers::FlatBufferBuilder;
  using Table = flatbuffers::Offset<void>;

  /// Each returns the index of the new tensor.
  int tensor(TinyTensor tensor) { return put(std::move(tensor), {}); }
  int input(TinyTensor tensor) { return inputs_.emplace_back(put(std::move(tensor), {})); }
  int output(TinyTensor tensor) { return outputs_.emplace_back(put(std::move(tensor), {})); }
  template <typename T>
  int constant(TinyTensor tensor, const std::vector<T>& values) {
    std::vector<std::uint8_t> data(values.size() * sizeof(T));
    std::memcpy(data.data(), values.data(), data.size());
    return put(std::move(tensor), std::move(data));
  }
  /// Lets an existing tensor be an output.
  void also_output(int tensor) { outputs_.push_back(tensor); }

  void add(int a, int b, int sum) {
    op(TfliteOp::kAdd, {a, b}, {sum}, 11, [](Builder& fbb) { return table(fbb, [](Builder&) {}); });
  }
  /// Any type; `shape` is the new shape, -1 allowed once.
  void reshape(int from, int to, std::vector<std::int32_t> shape) {
    op(TfliteOp::kReshape, {from}, {to}, 17, [shape = std::move(shape)](Builder& fbb) {
      auto dims = fbb.CreateVector(shape);
      return table(fbb, [dims](Builder& b) { b.AddOffset(field(0), dims); });
    });
  }
  /// to = from * weights^T + bias; weights are {outputs, inputs}.
  void fully_connected(int from, int weights, int bias, int to) {
    op(TfliteOp::kFullyConnected, {from, weights, bias}, {to}, 8,
       [](Builder& fbb) { return table(fbb, [](Builder&) {}); });
  }
  void softmax(int from, int to) {
    op(TfliteOp::kSoftmax, {from}, {to}, 9, [](Builder& fbb) {
      return table(fbb, [](Builder& b) { b.AddElement<float>(field(0), 1.0F, 0.0F); });
    });
  }
  /// to = from * weights^T + state * recurrent^T + bias, which is also the new state (a variable
  /// tensor).
  void rnn(int from, int weights, int recurrent, int bias, int state, int to) {
    op(TfliteOp::kRnn, {from, weights, recurrent, bias, state}, {to}, 7,
       [](Builder& fbb) { return table(fbb, [](Builder&) {}); });
  }
  /// Stride 1, same padding, no activation; weights are {outputs, height, width, inputs}.
  void conv_2d(int from, int weights, int bias, int to) {
    op(TfliteOp::kConv2d, {from, weights, bias}, {to}, 1, [](Builder& fbb) {
      return table(fbb, [](Builder& b) {
        b.AddElement<std::int32_t>(field(1), 1, 0);
        b.AddElement<std::int32_t>(field(2), 1, 0);
      });
    });
  }
  void custom(const std::string& code, std::vector<std::int32_t> from,
              std::vector<std::int32_t> to) {
    op(TfliteOp::kCustom, std::move(from), std::move(to), 0, nullptr, code);
  }
  /// An operator with the options table that `options` builds; `options_type` is its number in the
  /// schema's BuiltinOptions, 0 for none.
  void op(TfliteOp code, std::vector<std::int32_t> from, std::vector<std::int32_t> to,
          std::uint8_t options_type, std::function<Table(Builder&)> options,
          std::string custom_code = "", std::int32_t version = 1) {
    ops_.push_back({code, std::move(from), std::move(to), options_type, std::move(options),
                    std::move(custom_code), version});
  }

  std::vector<std::byte> build(const std::string& description = "tiny") const {
    Builder fbb;
    std::vector<Table> buffers;
    std::vector<Table> tensors;
    buffers.push_back(table(fbb, [](Builder&) {}));  // buffer 0 is the empty one
    for (const auto& [tensor, data] : tensors_) {
      std::uint32_t buffer = 0;
      if (!data.empty()) {
        fbb.ForceVectorAlignment(data.size(), 1, 16);
        auto vector = fbb.CreateVector(data);
        buffer = static_cast<std::uint32_t>(buffers.size());
        buffers.push_back(table(fbb, [&](Builder& b) { b.AddOffset(field(0), vector); }));
      }
      tensors.push_back(tensor_table(fbb, tensor, buffer));
    }
    std::vector<Table> codes;
    std::vector<Table> operators;
    for (const Op& op : ops_) {
      operators.push_back(operator_table(fbb, op, static_cast<std::uint32_t>(codes.size())));
      codes.push_back(code_table(fbb, op));
    }
    auto tensor_list = fbb.CreateVector(tensors);
    auto input_list = fbb.CreateVector(inputs_);
    auto output_list = fbb.CreateVector(outputs_);
    auto operator_list = fbb.CreateVector(operators);
    std::vector<Table> subgraphs = {table(fbb, [&](Builder& b) {
      b.AddOffset(field(0), tensor_list);
      b.AddOffset(field(1), input_list);
      b.AddOffset(field(2), output_list);
      b.AddOffset(field(3), operator_list);
    })};
    auto code_list = fbb.CreateVector(codes);
    auto subgraph_list = fbb.CreateVector(subgraphs);
    auto text = fbb.CreateString(description);
    auto buffer_list = fbb.CreateVector(buffers);
    const Table model = table(fbb, [&](Builder& b) {
      b.AddElement<std::uint32_t>(field(0), 3, 0);
      b.AddOffset(field(1), code_list);
      b.AddOffset(field(2), subgraph_list);
      b.AddOffset(field(3), text);
      b.AddOffset(field(4), buffer_list);
    });
    fbb.Finish(model, "TFL3");
    const auto* bytes = reinterpret_cast<const std::byte*>(fbb.GetBufferPointer());
    return {bytes, bytes + fbb.GetSize()};
  }

 private:
  struct Op {
    TfliteOp code;
    std::vector<std::int32_t> from, to;
    std::uint8_t options_type;
    std::function<Table(Builder&)> options;
    std::string custom_code;
    std::int32_t version;
  };

  /// The place of field `id` in a table's directory.
  static flatbuffers::voffset_t field(int id) {
    return static_cast<flatbuffers::voffset_t>(4 + 2 * id);
  }

  template <typename Fill>
  static Table table(Builder& fbb, const Fill& fill) {
    const auto start = fbb.StartTable();
    fill(fbb);
    return Table(fbb.EndTable(start));
  }

  int put(TinyTensor tensor, std::vector<std::uint8_t> data) {
    tensors_.emplace_back(std::move(tensor), std::move(data));
    return static_cast<int>(tensors_.size()) - 1;
  }

  static Table tensor_table(Builder& fbb, const TinyTensor& tensor, std::uint32_t buffer) {
    Table quantisation;
    if (!tensor.scales.empty()) {
      auto scales = fbb.CreateVector(tensor.scales);
      auto zero_points = fbb.CreateVector(tensor.zero_points);
      quantisation = table(fbb, [&](Builder& b) {
        b.AddOffset(field(2), scales);
        b.AddOffset(field(3), zero_points);
        b.AddElement<std::int32_t>(field(6), tensor.axis, 0);
      });
    }
    auto shape = fbb.CreateVector(tensor.shape);
    auto name = fbb.CreateString(tensor.name);
    flatbuffers::Offset<flatbuffers::Vector<std::int32_t>> signature;
    if (!tensor.signature.empty()) signature = fbb.CreateVector(tensor.signature);
    return table(fbb, [&](Builder& b) {
      b.AddOffset(field(0), shape);
      b.AddElement<std::int8_t>(field(1), static_cast<std::int8_t>(tensor.type), 0);
      b.AddElement<std::uint32_t>(field(2), buffer, 0);
      b.AddOffset(field(3), name);
      if (!quantisation.IsNull()) b.AddOffset(field(4), quantisation);
      b.AddElement<std::uint8_t>(field(5), tensor.variable ? 1 : 0, 0);
      if (!signature.IsNull()) b.AddOffset(field(7), signature);
    });
  }

  static Table operator_table(Builder& fbb, const Op& op, std::uint32_t code_index) {
    auto from = fbb.CreateVector(op.from);
    auto to = fbb.CreateVector(op.to);
    Table options;
    if (op.options) options = op.options(fbb);
    return table(fbb, [&](Builder& b) {
      b.AddElement<std::uint32_t>(field(0), code_index, 0);
      b.AddOffset(field(1), from);
      b.AddOffset(field(2), to);
      b.AddElement<std::uint8_t>(field(3), op.options_type, 0);
      if (!options.IsNull()) b.AddOffset(field(4), options);
    });
  }

  static Table code_table(Builder& fbb, const Op& op) {
    flatbuffers::Offset<flatbuffers::String> custom;
    if (!op.custom_code.empty()) custom = fbb.CreateString(op.custom_code);
    const auto code = static_cast<std::int32_t>(op.code);
    return table(fbb, [&](Builder& b) {
      b.AddElement<std::int8_t>(field(0), static_cast<std::int8_t>(code < 127 ? code : 127), 0);
      if (!custom.IsNull()) b.AddOffset(field(1), custom);
      b.AddElement<std::int32_t>(field(2), op.version, 1);
      b.AddElement<std::int32_t>(field(3), code, 0);
    });
  }

  std::vector<std::pair<TinyTensor, std::vector<std::uint8_t>>> tensors_;
  std::vector<std::int32_t> inputs_, outputs_;
  std::vector<Op> ops_;
};

}  // namespace anynpu::test

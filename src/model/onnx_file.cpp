// SPDX-License-Identifier: Apache-2.0
// Reads an .onnx file by the field numbers of onnx.proto.
#include "model/onnx_file.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/protobuf.h"
#include "base/text.h"

namespace anynpu::model {
namespace {

using engine::DType;

constexpr int kMostDepth = 16;              // of graphs inside graphs
constexpr std::size_t kMostValues = 10000;  // inputs or outputs
constexpr std::size_t kMostOperatorKinds = 10000;
constexpr std::size_t kMostInitializers = 200000;
constexpr std::size_t kMostOnnxDimensions = 32;
constexpr std::size_t kMostOnnxListed = 1000;  // opsets, metadata entries

// TensorProto.DataType.
DType type_of(std::uint64_t number) {
  static constexpr DType kTypes[] = {
      DType::kUnknown,    DType::kFloat32,  DType::kUint8,  DType::kInt8,   DType::kUint16,
      DType::kInt16,      DType::kInt32,    DType::kInt64,  DType::kString, DType::kBool,
      DType::kFloat16,    DType::kFloat64,  DType::kUint32, DType::kUint64, DType::kComplex64,
      DType::kComplex128, DType::kBFloat16,
  };
  if (number < std::size(kTypes)) return kTypes[number];
  if (number == 21) return DType::kUint4;
  if (number == 22) return DType::kInt4;
  return DType::kUnknown;
}

std::string type_name(std::uint64_t number) {
  static constexpr const char* kFloat8[] = {"float8e4m3fn", "float8e4m3fnuz", "float8e5m2",
                                            "float8e5m2fnuz"};
  if (number >= 17 && number <= 20) return kFloat8[number - 17];
  if (DType type = type_of(number); type != DType::kUnknown)
    return std::string(engine::to_string(type));
  return fmt::format("type {}", number);
}

bool is_quantised(std::string_view operator_name) {
  return operator_name.starts_with("QLinear") || operator_name.ends_with("Integer") ||
         operator_name.find("QuantizeLinear") != std::string_view::npos ||
         operator_name.find("quantizeLinear") != std::string_view::npos ||
         operator_name.starts_with("QGemm") || operator_name.starts_with("QAttention") ||
         operator_name.starts_with("MatMulNBits");
}

class OnnxReader {
 public:
  OnnxFile read(std::string_view model) {
    ProtoReader reader(model);
    for (ProtoField field; reader.next(field);) {
      switch (field.number) {
        case 1:
          file_.ir_version = field.integer();
          break;
        case 2:
          file_.producer = printable(field.bytes);
          break;
        case 3:
          file_.producer.append(" ").append(printable(field.bytes));
          break;
        case 7:
          if (field.is_bytes) read_graph(field.bytes, 0);
          has_graph_ = true;
          break;
        case 8:
          read_opset(field.bytes);
          break;
        case 14:
          read_metadata(field.bytes);
          break;
        default:
          break;
      }
    }
    note(reader);
    file_.producer = trim(file_.producer);
    drop_weights();
    for (auto& [name, use] : operators_) file_.operators.push_back(std::move(use));
    std::stable_sort(file_.operators.begin(), file_.operators.end(),
                     [](const OperatorUse& a, const OperatorUse& b) { return a.count > b.count; });
    return std::move(file_);
  }
  const std::string& problem() const { return problem_; }
  bool has_graph() const { return has_graph_; }

 private:
  void fail(std::string problem) {
    if (problem_.empty()) problem_ = std::move(problem);
  }
  void note(const ProtoReader& reader) {
    if (reader.damaged()) fail("it ends in the middle of a field");
  }

  void read_opset(std::string_view message) {
    std::string domain;
    std::int64_t version = 0;
    ProtoReader reader(message);
    for (ProtoField field; reader.next(field);) {
      if (field.number == 1) domain = printable(field.bytes);
      if (field.number == 2) version = field.integer();
    }
    note(reader);
    if (file_.opsets.size() < kMostOnnxListed) file_.opsets.emplace_back(domain, version);
  }

  void read_metadata(std::string_view message) {
    std::string key, value;
    ProtoReader reader(message);
    for (ProtoField field; reader.next(field);) {
      if (field.number == 1) key = printable(field.bytes);
      if (field.number == 2) value = printable(field.bytes);
    }
    note(reader);
    if (file_.metadata.size() < kMostOnnxListed) file_.metadata.emplace_back(key, value);
  }

  void read_graph(std::string_view message, int depth) {
    if (depth > kMostDepth) return fail("graphs are nested too deeply");
    ProtoReader reader(message);
    for (ProtoField field; problem_.empty() && reader.next(field);) {
      switch (field.number) {
        case 1:
          read_node(field.bytes, depth);
          break;
        case 2:
          if (depth == 0) file_.graph_name = printable(field.bytes);
          break;
        case 5:
          read_initializer(field.bytes, depth);
          break;
        case 11:
          if (depth == 0) read_value(field.bytes, file_.inputs);
          break;
        case 12:
          if (depth == 0) read_value(field.bytes, file_.outputs);
          break;
        default:
          break;
      }
    }
    note(reader);
  }

  void read_node(std::string_view message, int depth) {
    std::string_view name, domain;
    ProtoReader reader(message);
    for (ProtoField field; problem_.empty() && reader.next(field);) {
      if (field.number == 4) name = field.bytes;
      if (field.number == 5) read_attribute(field.bytes, depth);
      if (field.number == 7) domain = field.bytes;
    }
    note(reader);
    ++file_.nodes;
    if (is_quantised(name)) ++file_.quantised_nodes;
    bool own = domain.empty() || domain == "ai.onnx";
    std::string key = printable(name, 100);
    if (!own) key = printable(domain, 100) + "::" + key;
    auto found = operators_.find(key);
    if (found == operators_.end()) {
      if (operators_.size() == kMostOperatorKinds)
        return fail("there are too many kinds of operators");
      found = operators_.emplace(key, OperatorUse{key, !own, 0, 0}).first;
    }
    ++found->second.count;
  }

  // Only graphs in attributes matter here: the branches of If, the body of Loop.
  void read_attribute(std::string_view message, int depth) {
    ProtoReader reader(message);
    for (ProtoField field; problem_.empty() && reader.next(field);)
      if ((field.number == 6 || field.number == 11) && field.is_bytes)
        read_graph(field.bytes, depth + 1);
    note(reader);
  }

  void read_initializer(std::string_view message, int depth) {
    std::uint64_t elements = 1, type = 0;
    bool external = false;
    std::string_view name;
    auto multiply = [&](std::uint64_t dimension) {
      constexpr std::uint64_t kMost = std::uint64_t{1} << 48;
      elements = dimension != 0 && elements > kMost / dimension ? kMost : elements * dimension;
    };
    ProtoReader reader(message);
    for (ProtoField field; reader.next(field);) {
      if (field.number == 1 && !field.is_bytes) multiply(field.value);
      if (field.number == 1 && field.is_bytes) {
        ProtoReader packed(field.bytes);
        for (std::uint64_t dimension = 0; packed.next_packed(dimension);) multiply(dimension);
      }
      if (field.number == 2) type = field.value;
      if (field.number == 8) name = field.bytes;
      if (field.number == 14) external = field.value == 1;
    }
    note(reader);
    if (++file_.initializers > kMostInitializers) return fail("there are too many weights");
    if (external) ++file_.external_initializers;
    file_.initializer_bytes += (elements * engine::bits_of(type_of(type)) + 7) / 8;
    if (depth == 0) weights_.insert(std::hash<std::string_view>{}(name));
  }

  void read_value(std::string_view message, std::vector<OnnxValue>& values) {
    if (values.size() == kMostValues) return fail("there are too many inputs or outputs");
    OnnxValue value;
    std::string_view name;
    ProtoReader reader(message);
    for (ProtoField field; reader.next(field);) {
      if (field.number == 1) name = field.bytes;
      if (field.number == 2) read_type(field.bytes, value);
    }
    note(reader);
    value.name = printable(name);
    hashes_[&values == &file_.inputs].push_back(std::hash<std::string_view>{}(name));
    values.push_back(std::move(value));
  }

  void read_type(std::string_view message, OnnxValue& value) {
    ProtoReader reader(message);
    for (ProtoField field; reader.next(field);) {
      if (field.number == 1 && field.is_bytes) read_tensor_type(field.bytes, value);
      if (field.number == 4) value.type_name = "sequence";
      if (field.number == 5) value.type_name = "map";
      if (field.number == 8) value.type_name = "sparse tensor";
      if (field.number == 9) value.type_name = "optional";
    }
    note(reader);
  }

  void read_tensor_type(std::string_view message, OnnxValue& value) {
    ProtoReader reader(message);
    for (ProtoField field; reader.next(field);) {
      if (field.number == 1) {
        value.type = type_of(field.value);
        value.type_name = type_name(field.value);
      }
      if (field.number == 2) read_shape(field.bytes, value);
    }
    note(reader);
  }

  void read_shape(std::string_view message, OnnxValue& value) {
    std::vector<std::string> shown;
    ProtoReader reader(message);
    for (ProtoField field; reader.next(field);) {
      if (field.number != 1) continue;
      if (value.shape.size() == kMostOnnxDimensions)
        return fail("a tensor has too many dimensions");
      std::int64_t size = -1;
      std::string symbol = "?";
      ProtoReader dimension(field.bytes);
      for (ProtoField part; dimension.next(part);) {
        if (part.number == 1) size = part.integer();
        if (part.number == 2 && !part.bytes.empty()) symbol = printable(part.bytes, 60);
      }
      note(dimension);
      value.shape.push_back(std::max<std::int64_t>(-1, size));
      shown.push_back(size >= 0 ? std::to_string(size) : symbol);
    }
    note(reader);
    value.shown_shape = shown.empty() ? "scalar" : join(shown, " x ");
  }

  // Before IR version 4, weights were listed among the inputs.
  void drop_weights() {
    std::vector<OnnxValue> inputs;
    for (std::size_t i = 0; i < file_.inputs.size(); ++i)
      if (!weights_.contains(hashes_[true][i])) inputs.push_back(std::move(file_.inputs[i]));
    file_.inputs = std::move(inputs);
  }

  OnnxFile file_;
  std::map<std::string, OperatorUse> operators_;
  std::set<std::size_t> weights_;       // hashes of names
  std::vector<std::size_t> hashes_[2];  // of the names of outputs, of inputs
  std::string problem_;
  bool has_graph_ = false;
};

}  // namespace

bool looks_like_onnx(std::span<const std::byte> bytes) {
  // ir_version first, as every known producer writes it, and a small one.
  return bytes.size() >= 4 && bytes[0] == std::byte{0x08} && bytes[1] > std::byte{0} &&
         bytes[1] < std::byte{64};
}

Result<OnnxFile> read_onnx(std::span<const std::byte> bytes, const std::string& file) {
  OnnxReader reader;
  OnnxFile model = reader.read({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!reader.problem().empty())
    return Error{Code::kInvalid,
                 fmt::format("{}: is a damaged ONNX model: {}", file, reader.problem())}
        .with_hint("the file may be cut off: fetch it again");
  if (!reader.has_graph())
    return Error{Code::kInvalid, fmt::format("{}: is not an ONNX model: it has no graph", file)};
  return model;
}

}  // namespace anynpu::model

// SPDX-License-Identifier: Apache-2.0
// Reads a .tflite file by the field numbers of TensorFlow's schema.fbs.
#include "model/tflite_file.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "model/flatbuffer.h"
#include "model/tflite_operators.h"
#include "model/zip_list.h"

namespace anynpu::model {
namespace {

using engine::DType;

constexpr std::size_t kMostSubgraphs = 1000;
constexpr std::size_t kMostTensors = 200000;
constexpr std::size_t kMostBuffers = 500000;
constexpr std::size_t kMostOperatorCodes = 10000;
constexpr std::size_t kMostInputs = 1000;  // or outputs, of a subgraph
constexpr std::size_t kMostDimensions = 32;
constexpr std::uint64_t kLeastTensorBytes = 64;  // that describing a tensor takes in the file
constexpr std::size_t kMostListed = 1000;        // metadata entries, signatures
constexpr std::int32_t kCustomOperator = 32;

// Field numbers, by table.
struct ModelField {
  enum {
    kVersion,
    kOperatorCodes,
    kSubgraphs,
    kDescription,
    kBuffers,
    kMetadataBuffer,
    kMetadata,
    kSignatures
  };
};
struct SubgraphField {
  enum { kTensors, kInputs, kOutputs, kOperators, kName };
};
struct TensorField {
  enum {
    kShape,
    kType,
    kBuffer,
    kName,
    kQuantisation,
    kIsVariable,
    kSparsity,
    kShapeSignature,
    kHasRank
  };
};
struct QuantisationField {
  enum { kMin, kMax, kScale, kZeroPoint, kDetailsType, kDetails, kAxis };
};
struct OperatorCodeField {
  enum { kOldBuiltinCode, kCustomCode, kVersion, kBuiltinCode };
};
struct OperatorField {
  enum { kCode, kInputs, kOutputs };
};
struct BufferField {
  enum { kData, kOffset, kSize };
};

struct Type {
  const char* name;
  DType type;
};
constexpr Type kTypes[] = {
    {"float32", DType::kFloat32},     {"float16", DType::kFloat16},
    {"int32", DType::kInt32},         {"uint8", DType::kUint8},
    {"int64", DType::kInt64},         {"string", DType::kString},
    {"bool", DType::kBool},           {"int16", DType::kInt16},
    {"complex64", DType::kComplex64}, {"int8", DType::kInt8},
    {"float64", DType::kFloat64},     {"complex128", DType::kComplex128},
    {"uint64", DType::kUint64},       {"resource", DType::kUnknown},
    {"variant", DType::kUnknown},     {"uint32", DType::kUint32},
    {"uint16", DType::kUint16},       {"int4", DType::kInt4},
    {"bfloat16", DType::kBFloat16},   {"int2", DType::kUnknown},
    {"uint4", DType::kUint4},         {"float8_e4m3fn", DType::kUnknown},
    {"float8_e5m2", DType::kUnknown},
};

class TfliteReader {
 public:
  explicit TfliteReader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  TfliteFile read() {
    FlatTable model = FlatTable::root(bytes_);
    file_.schema_version = model.number<std::uint32_t>(ModelField::kVersion);
    file_.description = printable(model.text(ModelField::kDescription), 500);
    read_buffers(model.vector(ModelField::kBuffers, 4));
    read_operator_codes(model.vector(ModelField::kOperatorCodes, 4));
    read_subgraphs(model.vector(ModelField::kSubgraphs, 4));
    read_metadata(model);
    list_operators();
    return std::move(file_);
  }
  const std::string& problem() const { return bytes_.problem(); }

 private:
  bool broken() const { return !bytes_.problem().empty(); }

  void read_buffers(const FlatVector& buffers) {
    file_.buffers = buffers.size();
    if (buffers.size() > kMostBuffers) bytes_.fail("there are too many buffers");
    std::set<std::uint64_t> seen;  // shared data counts once
    for (std::size_t i = 0; i < buffers.size() && !broken(); ++i) {
      FlatTable buffer = buffers.table(i);
      std::uint64_t at = 0;
      std::uint64_t bytes = buffer.blob(BufferField::kData, at);
      // Models over 2 GB keep their data behind the FlatBuffer.
      if (bytes == 0 && buffer.number<std::uint64_t>(BufferField::kOffset) > 1) {
        at = buffer.number<std::uint64_t>(BufferField::kOffset);
        bytes = buffer.number<std::uint64_t>(BufferField::kSize);
        bytes_.view(at, bytes);
      }
      buffer_bytes_.push_back(bytes);
      if (bytes > 0 && seen.insert(at).second) file_.buffer_bytes += bytes;
    }
  }

  void read_operator_codes(const FlatVector& codes) {
    if (codes.size() > kMostOperatorCodes) bytes_.fail("there are too many operator codes");
    for (std::size_t i = 0; i < codes.size() && !broken(); ++i) {
      FlatTable code = codes.table(i);
      const std::int32_t builtin =
          tflite_operator_number(code.number<std::int8_t>(OperatorCodeField::kOldBuiltinCode),
                                 code.number<std::int32_t>(OperatorCodeField::kBuiltinCode));
      OperatorUse use;
      use.custom = builtin == kCustomOperator;
      use.name = use.custom ? printable(code.text(OperatorCodeField::kCustomCode), 100)
                            : tflite_operator_name(builtin);
      use.version = code.number<std::int32_t>(OperatorCodeField::kVersion, 1);
      operators_.push_back(std::move(use));
    }
  }

  QuantisationSummary read_quantisation(const FlatTable& table) {
    QuantisationSummary summary;
    FlatVector scales = table.vector(QuantisationField::kScale, 4);
    FlatVector zero_points = table.vector(QuantisationField::kZeroPoint, 8);
    summary.scales = scales.size();
    summary.axis = table.number<std::int32_t>(QuantisationField::kAxis);
    summary.blockwise = table.number<std::uint8_t>(QuantisationField::kDetailsType) > 1;
    for (std::size_t i = 0; i < scales.size() && !broken(); ++i) {
      auto scale = scales.number<float>(i);
      summary.least_scale = i == 0 ? scale : std::min(summary.least_scale, scale);
      summary.most_scale = i == 0 ? scale : std::max(summary.most_scale, scale);
    }
    for (std::size_t i = 0; i < zero_points.size() && !broken(); ++i) {
      auto zero = zero_points.number<std::int64_t>(i);
      summary.least_zero_point = i == 0 ? zero : std::min(summary.least_zero_point, zero);
      summary.most_zero_point = i == 0 ? zero : std::max(summary.most_zero_point, zero);
    }
    return summary;
  }

  TfliteTensor read_tensor(const FlatTable& table) {
    TfliteTensor tensor;
    bytes_.charge(kLeastTensorBytes);
    tensor.name = printable(table.text(TensorField::kName));
    auto type = table.number<std::uint8_t>(TensorField::kType);
    tensor.type_name = type < std::size(kTypes) ? kTypes[type].name : fmt::format("type {}", type);
    tensor.type = type < std::size(kTypes) ? kTypes[type].type : DType::kUnknown;
    FlatVector shape = table.vector(TensorField::kShape, 4);
    FlatVector signature = table.vector(TensorField::kShapeSignature, 4);
    if (shape.size() > kMostDimensions) bytes_.fail("a tensor has too many dimensions");
    for (std::size_t i = 0; i < shape.size() && !broken(); ++i) {
      bool open = signature.size() == shape.size() && signature.number<std::int32_t>(i) < 0;
      tensor.shape.push_back(open ? -1 : std::max(-1, shape.number<std::int32_t>(i)));
    }
    tensor.quantisation = read_quantisation(table.table(TensorField::kQuantisation));
    tensor.variable = table.number<std::uint8_t>(TensorField::kIsVariable) != 0;
    auto buffer = table.number<std::uint32_t>(TensorField::kBuffer);
    if (buffer >= buffer_bytes_.size() && buffer != 0)
      bytes_.fail(fmt::format("a tensor names buffer {} of {}", buffer, buffer_bytes_.size()));
    else if (buffer != 0)
      tensor.constant_bytes = buffer_bytes_[buffer];
    tensor.shape_known = !tensor.shape.empty() || tensor.constant_bytes > 0 ||
                         table.number<std::uint8_t>(TensorField::kHasRank) != 0;
    return tensor;
  }

  std::vector<std::size_t> read_indices(const FlatVector& indices, std::size_t tensors) {
    std::vector<std::size_t> list;
    if (indices.size() > kMostInputs) bytes_.fail("a graph has too many inputs or outputs");
    for (std::size_t i = 0; i < indices.size() && !broken(); ++i) {
      auto index = indices.number<std::int32_t>(i);
      if (index < 0 || static_cast<std::size_t>(index) >= tensors)
        bytes_.fail(fmt::format("an input or output is tensor {} of {}", index, tensors));
      else
        list.push_back(static_cast<std::size_t>(index));
    }
    return list;
  }

  // Some converters give every operator a code of its own.
  void list_operators() {
    std::map<std::pair<std::string, int>, OperatorUse> merged;
    for (const OperatorUse& use : operators_) {
      if (use.count == 0) continue;
      OperatorUse& entry = merged[{use.name, use.version}];
      std::size_t before = entry.count;
      entry = use;
      entry.count += before;
    }
    for (auto& [key, use] : merged) file_.operators.push_back(std::move(use));
    std::stable_sort(file_.operators.begin(), file_.operators.end(),
                     [](const OperatorUse& a, const OperatorUse& b) { return a.count > b.count; });
  }

  void read_operator(const FlatTable& table, std::size_t tensors) {
    auto code = table.number<std::uint32_t>(OperatorField::kCode);
    if (code >= operators_.size())
      return bytes_.fail(fmt::format("an operator has code {} of {}", code, operators_.size()));
    OperatorUse& use = operators_[code];
    ++use.count;
    if (use.name == "TFLite_Detection_PostProcess" && file_.detection_outputs.empty() &&
        file_.subgraphs.empty())
      file_.detection_outputs = read_indices(table.vector(OperatorField::kOutputs, 4), tensors);
  }

  void read_subgraphs(const FlatVector& subgraphs) {
    if (subgraphs.size() > kMostSubgraphs) bytes_.fail("there are too many subgraphs");
    for (std::size_t i = 0; i < subgraphs.size() && !broken(); ++i) {
      FlatTable table = subgraphs.table(i);
      TfliteSubgraph subgraph;
      subgraph.name = printable(table.text(SubgraphField::kName));
      FlatVector tensors = table.vector(SubgraphField::kTensors, 4);
      tensors_ += tensors.size();
      if (tensors_ > kMostTensors)
        bytes_.fail(fmt::format("there are more than {} tensors", kMostTensors));
      for (std::size_t t = 0; t < tensors.size() && !broken(); ++t)
        subgraph.tensors.push_back(read_tensor(tensors.table(t)));
      subgraph.inputs = read_indices(table.vector(SubgraphField::kInputs, 4), tensors.size());
      subgraph.outputs = read_indices(table.vector(SubgraphField::kOutputs, 4), tensors.size());
      FlatVector operators = table.vector(SubgraphField::kOperators, 4);
      subgraph.operators = operators.size();
      for (std::size_t o = 0; o < operators.size() && !broken(); ++o) {
        read_operator(operators.table(o), subgraph.tensors.size());
      }
      file_.subgraphs.push_back(std::move(subgraph));
    }
  }

  void read_metadata(const FlatTable& model) {
    FlatVector metadata = model.vector(ModelField::kMetadata, 4);
    for (std::size_t i = 0; i < std::min(metadata.size(), kMostListed) && !broken(); ++i) {
      FlatTable entry = metadata.table(i);
      auto buffer = entry.number<std::uint32_t>(1);
      file_.metadata.push_back(
          {printable(entry.text(0)), buffer < buffer_bytes_.size() ? buffer_bytes_[buffer] : 0});
    }
    FlatVector signatures = model.vector(ModelField::kSignatures, 4);
    for (std::size_t i = 0; i < std::min(signatures.size(), kMostListed) && !broken(); ++i)
      file_.signatures.push_back(printable(signatures.table(i).text(2)));
  }

  FlatBytes bytes_;
  TfliteFile file_;
  std::vector<std::uint64_t> buffer_bytes_;
  std::vector<OperatorUse> operators_;
  std::size_t tensors_ = 0;
};

}  // namespace

bool looks_like_tflite(std::span<const std::byte> bytes) {
  return bytes.size() >= 8 && std::memcmp(bytes.data() + 4, "TFL3", 4) == 0;
}

Result<TfliteFile> read_tflite(std::span<const std::byte> bytes, const std::string& file) {
  if (!looks_like_tflite(bytes))
    return Error{Code::kInvalid, fmt::format("{}: is not a TensorFlow Lite model", file)};
  TfliteReader reader(bytes);
  TfliteFile model = reader.read();
  if (!reader.problem().empty())
    return Error{Code::kInvalid,
                 fmt::format("{}: is a damaged TensorFlow Lite model: {}", file, reader.problem())}
        .with_hint("the file may be cut off: fetch it again");
  if (model.subgraphs.empty())
    return Error{Code::kInvalid,
                 fmt::format("{}: is a TensorFlow Lite model without a graph", file)};
  model.associated_files = list_zip(bytes);
  return model;
}

}  // namespace anynpu::model

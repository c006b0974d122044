// SPDX-License-Identifier: Apache-2.0
// Describes a session of ONNX Runtime.
#include "engine/onnxruntime_describe.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::engine::ort {
namespace {

constexpr std::array kTypes = {
    std::pair{kFloat, DType::kFloat32},
    std::pair{kUint8, DType::kUint8},
    std::pair{kInt8, DType::kInt8},
    std::pair{kUint16, DType::kUint16},
    std::pair{kInt16, DType::kInt16},
    std::pair{kInt32, DType::kInt32},
    std::pair{kInt64, DType::kInt64},
    std::pair{kString, DType::kString},
    std::pair{kBool, DType::kBool},
    std::pair{kFloat16, DType::kFloat16},
    std::pair{kDouble, DType::kFloat64},
    std::pair{kUint32, DType::kUint32},
    std::pair{kUint64, DType::kUint64},
    std::pair{kComplex64, DType::kComplex64},
    std::pair{kComplex128, DType::kComplex128},
    std::pair{kBFloat16, DType::kBFloat16},
    std::pair{kUint4, DType::kUint4},
    std::pair{kInt4, DType::kInt4},
};

struct One {
  engine::TensorInfo tensor;
  std::string name;
  std::string leading;  // the name of an open leading dimension, such as "batch"; often empty
};

Result<One> describe_one(const Api& api, const SessionHandle& session, bool input,
                         std::size_t index) {
  const std::string what = fmt::format("{} {}", input ? "input" : "output", index);
  One one;
  Allocator* allocator = nullptr;
  ANYNPU_CHECK(check(api, api.get_allocator_with_default_options(&allocator), what));
  char* name = nullptr;
  ANYNPU_CHECK(check(api,
                     (input ? api.session_get_input_name : api.session_get_output_name)(
                         &session, index, allocator, &name),
                     what));
  one.name = name;
  ANYNPU_CHECK(check(api, api.allocator_free(allocator, name), what));
  one.tensor.name = printable(one.name);

  TypeInfo* raw = nullptr;
  ANYNPU_CHECK(check(api,
                     (input ? api.session_get_input_type_info : api.session_get_output_type_info)(
                         &session, index, &raw),
                     what));
  const Owned<TypeInfo> type_info(raw, api.release_type_info);
  ValueKind kind{};
  ANYNPU_CHECK(check(api, api.get_onnx_type_from_type_info(type_info.get(), &kind), what));
  const TensorInfo* tensor = nullptr;
  if (kind == kTensorKind)
    ANYNPU_CHECK(check(api, api.cast_type_info_to_tensor_info(type_info.get(), &tensor), what));
  if (tensor == nullptr)
    return Error{
        Code::kUnsupported,
        fmt::format("{} '{}' is no tensor but a sequence, map or optional", what, one.tensor.name)};
  ANYNPU_TRY(found, type_and_shape(api, *tensor));
  one.tensor.type = dtype_of(found.type);
  one.tensor.shape = found.shape;
  if (one.tensor.type == DType::kUnknown)
    return Error{Code::kUnsupported,
                 fmt::format("{} '{}' has ONNX's element type {}, which anynpu cannot pass on",
                             what, one.tensor.name, static_cast<int>(found.type))};
  std::vector<const char*> names(found.shape.size(), nullptr);
  ANYNPU_CHECK(check(api, api.get_symbolic_dimensions(tensor, names.data(), names.size()), what));
  if (!names.empty() && names[0] != nullptr) one.leading = names[0];
  return one;
}

}  // namespace

DType dtype_of(ElementType type) {
  for (const auto& [theirs, ours] : kTypes)
    if (theirs == type) return ours;
  return DType::kUnknown;
}

ElementType element_type_of(DType type) {
  for (const auto& [theirs, ours] : kTypes)
    if (ours == type) return theirs;
  return kUndefined;
}

Result<ElementsAndShape> type_and_shape(const Api& api, const TensorInfo& info) {
  ElementsAndShape found{kUndefined, {}};
  ANYNPU_CHECK(check(api, api.get_tensor_element_type(&info, &found.type), "element type"));
  std::size_t rank = 0;
  ANYNPU_CHECK(check(api, api.get_dimensions_count(&info, &rank), "rank"));
  found.shape.resize(rank);
  ANYNPU_CHECK(check(api, api.get_dimensions(&info, found.shape.data(), rank), "shape"));
  for (std::int64_t& dimension : found.shape) dimension = std::max<std::int64_t>(dimension, -1);
  return found;
}

Result<Description> describe(const Api& api, const SessionHandle& session) {
  Description description;
  std::size_t inputs = 0;
  std::size_t outputs = 0;
  ANYNPU_CHECK(check(api, api.session_get_input_count(&session, &inputs), "inputs"));
  ANYNPU_CHECK(check(api, api.session_get_output_count(&session, &outputs), "outputs"));
  // Requests can run together when the leading dimension is open everywhere and is the same one: an
  // output's may be named "time" where the inputs' is "batch".
  bool batchable = inputs > 0 && outputs > 0;
  std::optional<std::string> leading;
  for (std::size_t i = 0; i < inputs + outputs; ++i) {
    const bool input = i < inputs;
    ANYNPU_TRY(one, describe_one(api, session, input, input ? i : i - inputs));
    batchable = batchable && !one.tensor.shape.empty() && one.tensor.shape[0] == -1 &&
                one.leading == leading.value_or(one.leading);
    leading = one.leading;
    (input ? description.info.inputs : description.info.outputs).push_back(std::move(one.tensor));
    (input ? description.input_names : description.output_names).push_back(std::move(one.name));
  }
  description.info.batchable = batchable;
  return description;
}

}  // namespace anynpu::engine::ort

// SPDX-License-Identifier: Apache-2.0
// Reads the descriptions of tensors, and finds the group that shapes mean.
#include "engine/axmodel_io.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/axmodel_card.h"

namespace anynpu::engine::axcl {
namespace {

constexpr std::uint32_t kMostTensors = 1024;
constexpr std::int32_t kMostGroups = 1024;

/// The functions that describe inputs, or those that describe outputs.
struct Side {
  const char* what;
  std::uint32_t count;
  const char* (*name)(Handle, std::uint32_t);
  Status (*dims)(Handle, std::uint32_t, std::uint32_t, IoDims*);
  std::uint64_t (*size)(Handle, std::uint32_t, std::uint32_t);
  Status (*type)(Handle, std::uint32_t, DataType*);
};

DType type_by_size(const GroupTensor& tensor) {
  const std::int64_t count = element_count(tensor.shape);
  if (count <= 0) return DType::kUnknown;
  switch (tensor.bytes / static_cast<std::size_t>(count)) {
    case 1:
      return DType::kUint8;
    case 4:
      return DType::kFloat32;
    default:
      return DType::kUnknown;
  }
}

Result<GroupTensor> tensor_of(const Side& side, Handle info, std::uint32_t group,
                              std::uint32_t index) {
  IoDims dims{};
  if (Status status = side.dims(info, group, index, &dims); status != 0)
    return card_error(fmt::format("asking for the shape of {} {}", side.what, index), status);
  if (dims.count < 0 || dims.count > kMostDims)
    return Error{Code::kDevice,
                 fmt::format("{} {} has {} dimensions", side.what, index, dims.count)};
  GroupTensor tensor;
  tensor.shape.assign(dims.dims, dims.dims + dims.count);
  tensor.bytes = static_cast<std::size_t>(side.size(info, group, index));
  const std::int64_t count = element_count(tensor.shape);
  if (count <= 0 || tensor.bytes == 0)
    return Error{Code::kDevice, fmt::format("{} {} has the shape {} and {} bytes", side.what, index,
                                            to_string(tensor.shape), tensor.bytes)};
  return tensor;
}

/// -1 wherever the groups differ; the rank must be the same.
Result<Shape> common_shape(const std::vector<GroupTensor>& variants, const Side& side,
                           std::uint32_t index) {
  Shape shape = variants.front().shape;
  for (const GroupTensor& other : variants) {
    if (other.shape.size() != shape.size())
      return Error{Code::kUnsupported,
                   fmt::format("{} {} has {} dimensions in one shape group and {} in another",
                               side.what, index, shape.size(), other.shape.size())};
    for (std::size_t d = 0; d < shape.size(); ++d)
      if (other.shape[d] != shape[d]) shape[d] = -1;
  }
  return shape;
}

Result<> describe_side(const Side& side, Handle info, std::int32_t groups, ModelIo& model,
                       std::vector<TensorInfo>& tensors, std::vector<std::size_t>& largest,
                       std::vector<GroupTensor> Group::*place) {
  if (side.count == 0 || side.count > kMostTensors)
    return Error{Code::kDevice, fmt::format("the model has {} {}s", side.count, side.what)};
  for (std::uint32_t index = 0; index < side.count; ++index) {
    std::vector<GroupTensor> variants;
    for (std::int32_t group = 0; group < groups; ++group) {
      ANYNPU_TRY(tensor, tensor_of(side, info, static_cast<std::uint32_t>(group), index));
      (model.groups[static_cast<std::size_t>(group)].*place).push_back(tensor);
      variants.push_back(std::move(tensor));
    }
    TensorInfo described;
    const char* name = side.name(info, index);
    described.name = name != nullptr ? printable(name) : fmt::format("{}{}", side.what, index);
    DataType type = kTypeNone;
    if (side.type != nullptr && side.type(info, index, &type) == 0) described.type = dtype_of(type);
    if (described.type == DType::kUnknown) described.type = type_by_size(variants.front());
    if (described.type == DType::kUnknown)
      return Error{Code::kUnsupported,
                   fmt::format("{} '{}' has elements of a type that is not "
                               "supported ({})",
                               side.what, described.name, static_cast<int>(type))};
    ANYNPU_TRY(shape, common_shape(variants, side, index));
    described.shape = std::move(shape);
    std::size_t most = 0;
    for (const GroupTensor& tensor : variants) {
      const TensorInfo exact{described.name, described.type, tensor.shape};
      if (exact.byte_size() != tensor.bytes)
        return Error{Code::kUnsupported,
                     fmt::format("{} '{}' takes {} bytes on the card, {} of {} are {}", side.what,
                                 described.name, tensor.bytes, to_string(tensor.shape),
                                 to_string(described.type), exact.byte_size())};
      most = std::max(most, tensor.bytes);
    }
    largest.push_back(most);
    tensors.push_back(std::move(described));
  }
  return {};
}

}  // namespace

DType dtype_of(DataType type) {
  switch (type) {
    case kTypeInt4:
      return DType::kInt4;
    case kTypeUint4:
      return DType::kUint4;
    case kTypeInt8:
      return DType::kInt8;
    case kTypeUint8:
      return DType::kUint8;
    case kTypeInt16:
      return DType::kInt16;
    case kTypeUint16:
      return DType::kUint16;
    case kTypeInt32:
      return DType::kInt32;
    case kTypeUint32:
      return DType::kUint32;
    case kTypeInt64:
      return DType::kInt64;
    case kTypeUint64:
      return DType::kUint64;
    case kTypeFp16:
      return DType::kFloat16;
    case kTypeBf16:
      return DType::kBFloat16;
    case kTypeFp32:
      return DType::kFloat32;
    case kTypeFp64:
      return DType::kFloat64;
    case kTypeNone:
    case kTypeFp4:
    case kTypeFp8:
      break;
  }
  return DType::kUnknown;
}

Result<ModelIo> describe_io(const Api& api, Handle info) {
  std::int32_t groups = 0;
  if (Status status = api.get_shape_groups_count(info, &groups); status != 0)
    return card_error("asking for the model's shape groups", status);
  if (groups < 1 || groups > kMostGroups)
    return Error{Code::kDevice, fmt::format("the model has {} shape groups", groups)};
  ModelIo model;
  model.groups.resize(static_cast<std::size_t>(groups));
  const Side inputs{"input",        api.num_inputs(info), api.input_name,
                    api.input_dims, api.input_size,       api.input_type};
  const Side outputs{"output",        api.num_outputs(info), api.output_name,
                     api.output_dims, api.output_size,       api.output_type};
  ANYNPU_CHECK(describe_side(inputs, info, groups, model, model.session.inputs,
                             model.largest_inputs, &Group::inputs));
  ANYNPU_CHECK(describe_side(outputs, info, groups, model, model.session.outputs,
                             model.largest_outputs, &Group::outputs));
  return model;
}

bool takes_batches(const Api& api, Handle io, const ModelIo& model) {
  if (api.set_dynamic_batch == nullptr || model.groups.size() != 1) return false;
  auto counted = [](const GroupTensor& tensor) { return !tensor.shape.empty(); };
  const Group& group = model.groups.front();
  if (!std::all_of(group.inputs.begin(), group.inputs.end(), counted) ||
      !std::all_of(group.outputs.begin(), group.outputs.end(), counted))
    return false;
  return api.set_dynamic_batch(io, 2) == 0 && api.set_dynamic_batch(io, 1) == 0;
}

Result<GroupChoice> choose_group(const ModelIo& model, const std::vector<Shape>& shapes) {
  if (model.session.batchable) {
    const std::vector<GroupTensor>& declared = model.groups.front().inputs;
    const std::int64_t batch = shapes.front().front() / declared.front().shape.front();
    for (std::size_t i = 0; i < shapes.size(); ++i)
      if (batch < 1 || shapes[i].front() != batch * declared[i].shape.front())
        return Error{Code::kInvalid, fmt::format("input '{}': the shape {} is no whole batch of {}",
                                                 model.session.inputs[i].name, to_string(shapes[i]),
                                                 to_string(declared[i].shape))};
    return GroupChoice{0, static_cast<std::size_t>(batch)};
  }
  for (std::size_t group = 0; group < model.groups.size(); ++group) {
    const std::vector<GroupTensor>& declared = model.groups[group].inputs;
    bool fits = true;
    for (std::size_t i = 0; i < shapes.size(); ++i) fits = fits && shapes[i] == declared[i].shape;
    if (fits) return GroupChoice{group, 1};
  }
  std::string wanted, known;
  for (const Shape& shape : shapes) wanted += (wanted.empty() ? "" : ", ") + to_string(shape);
  for (const Group& group : model.groups) {
    known += known.empty() ? "" : "; ";
    for (std::size_t i = 0; i < group.inputs.size(); ++i)
      known += (i > 0 ? ", " : "") + to_string(group.inputs[i].shape);
  }
  return Error{Code::kInvalid,
               fmt::format("the model was not compiled for the input shapes {}", wanted)}
      .with_hint("its shape groups: " + known);
}

}  // namespace anynpu::engine::axcl

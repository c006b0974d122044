// SPDX-License-Identifier: Apache-2.0
// From tensors to rows, and from rows to tensors.
#include "server/oip/infer_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "server/oip/binary_tensor.h"
#include "server/oip/datatypes.h"
#include "server/oip/tensor_source.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;
using engine::Tensor;
using engine::TensorInfo;

int serving_batch(const runtime::ServedModel& model) {
  const auto& ranked = model.placements().ranked;
  return ranked.empty() ? 1 : ranked.front().placement.artifact.max_batch;
}

/// Leading dimensions at which artifacts take several requests together.
std::vector<std::int64_t> batches_of(const runtime::ServedModel& model) {
  std::vector<std::int64_t> batches;
  for (const runtime::Candidate& candidate : model.placements().ranked)
    if (candidate.placement.artifact.max_batch > 1)
      batches.push_back(candidate.placement.artifact.max_batch);
  return batches;
}

std::string names_of(const std::vector<TensorInfo>& tensors) {
  std::vector<std::string> names;
  for (const TensorInfo& tensor : tensors) names.push_back("'" + printable(tensor.name, 100) + "'");
  return join(names, ", ");
}

std::string input_named(const std::string& name) {
  return fmt::format("input '{}'", printable(name, 100));
}

/// A declared shape as a request may use it: -1 in front where rows are counted.
Shape request_shape(const TensorInfo& declared, bool split) {
  Shape shape = declared.shape;
  if (split && !shape.empty()) shape[0] = -1;
  return shape;
}

Result<> check_shape(const InferInput& input, const TensorInfo& declared, bool split) {
  const Shape wanted = request_shape(declared, split);
  bool fits = input.shape.size() == wanted.size();
  for (std::size_t i = 0; fits && i < wanted.size(); ++i)
    fits = wanted[i] < 0 ? input.shape[i] > 0 : input.shape[i] == wanted[i];
  if (fits) return {};
  return Error{Code::kInvalid,
               fmt::format("{}: its shape is {}, and the model takes {}", input_named(input.name),
                           engine::to_string(input.shape), engine::to_string(wanted))};
}

Result<> check_input(const InferInput& input, const TensorInfo& declared, bool split) {
  if (input.type != declared.type) {
    const std::string_view wanted = datatype_of(declared.type);
    return Error{Code::kInvalid,
                 fmt::format("{}: its datatype is {}, and the model takes {}",
                             input_named(input.name), datatype_of(input.type),
                             wanted.empty() ? engine::to_string(declared.type) : wanted)};
  }
  return check_shape(input, declared, split);
}

/// The bytes of each of `rows` equal parts of an input.
Result<std::vector<std::span<const std::byte>>> rows_of(const InferInput& input, std::size_t rows) {
  std::vector<std::span<const std::byte>> parts;
  std::span<const std::byte> rest = input.bytes();
  if (input.type != DType::kString) {
    const std::size_t size = rest.size() / rows;
    for (std::size_t row = 0; row < rows; ++row) parts.push_back(rest.subspan(row * size, size));
    return parts;
  }
  const auto per_row = static_cast<std::size_t>(engine::element_count(input.shape)) / rows;
  for (std::size_t row = 0; row < rows; ++row) {
    const std::span<const std::byte> start = rest;
    for (std::size_t i = 0; i < per_row; ++i) {
      auto element = take_bytes_element(rest, input_named(input.name));
      if (!element) return std::move(element).error();
    }
    parts.push_back(start.first(start.size() - rest.size()));
  }
  return parts;
}

Result<> check_rows(std::int64_t rows, const std::string& what) {
  if (rows >= 1 && rows <= static_cast<std::int64_t>(kMostRows)) return {};
  if (rows < 1) return Error{Code::kInvalid, fmt::format("{} is empty", what)};
  return Error{Code::kTooLarge,
               fmt::format("{} has {} rows; {} are the most", what, rows, kMostRows)}
      .with_hint("send several requests");
}

Result<InferPlan> plan_tensors(const std::vector<const InferInput*>& inputs,
                               const runtime::ServedModel& model,
                               const std::shared_ptr<const SentRequest>& sent) {
  const std::vector<TensorInfo>& declared = model.session().inputs;
  const bool split = splits_rows(model);
  for (std::size_t i = 0; i < declared.size(); ++i)
    ANYNPU_CHECK(check_input(*inputs[i], declared[i], split));
  std::int64_t rows = 1;
  if (split) {
    rows = inputs[0]->shape[0];
    ANYNPU_CHECK(check_rows(rows, input_named(inputs[0]->name)));
    for (const InferInput* input : inputs)
      if (input->shape[0] != rows)
        return Error{Code::kInvalid,
                     fmt::format("{} has {} rows, and {} has {}", input_named(inputs[0]->name),
                                 rows, input_named(input->name), input->shape[0])};
  }
  std::vector<std::vector<RequestTensor>> tensors(static_cast<std::size_t>(rows));
  for (std::size_t i = 0; i < declared.size(); ++i) {
    ANYNPU_TRY(parts, rows_of(*inputs[i], tensors.size()));
    Shape shape = inputs[i]->shape;
    if (split) shape[0] = 1;
    for (std::size_t row = 0; row < parts.size(); ++row)
      tensors[row].push_back({declared[i], shape, parts[row]});
  }
  InferPlan plan;
  const std::vector<std::int64_t> batches = batches_of(model);
  for (std::vector<RequestTensor>& row : tensors)
    plan.rows.push_back(std::make_shared<TensorSource>(std::move(row), batches, sent));
  return plan;
}

Result<InferPlan> plan_pictures(const InferInput& input, const vision::ImageModel& image,
                                const std::function<Result<>()>& goes_on) {
  const std::string what = input_named(input.name);
  if (input.shape.size() != 1)
    return Error{Code::kInvalid, fmt::format("{}: pictures have the shape [N], and it is {}", what,
                                             engine::to_string(input.shape))};
  ANYNPU_CHECK(check_rows(input.shape[0], what));
  InferPlan plan;
  std::span<const std::byte> rest = input.bytes();
  for (std::int64_t i = 0; i < input.shape[0]; ++i) {
    ANYNPU_CHECK(goes_on());
    ANYNPU_TRY(encoded, take_bytes_element(rest, what));
    auto picture = image.prepare(std::as_bytes(std::span(encoded)));
    if (!picture) {
      Error error = std::move(picture).error();
      // What cannot be read as a picture is the client's mistake and no feature that is missing.
      if (error.code == Code::kUnsupported) error.code = Code::kInvalid;
      return std::move(error).within(fmt::format("{}, element {}", what, i));
    }
    plan.decode_ms += (*picture)->decode_ms();
    plan.preprocess_ms += (*picture)->preprocess_ms();
    plan.rows.push_back(*std::move(picture));
  }
  return plan;
}

/// The only input of a raw request, whose shape is what its bytes can be.
Result<InferInput> raw_input(std::span<const std::byte> raw, const runtime::ServedModel& model) {
  const std::vector<TensorInfo>& declared = model.session().inputs;
  if (declared.size() != 1)
    return Error{Code::kInvalid,
                 fmt::format("a raw request is for models of one input, and this one has {}",
                             declared.size())};
  InferInput input;
  input.name = declared[0].name;
  input.type = declared[0].type;
  input.shape = declared[0].shape;
  if (splits_rows(model)) input.shape[0] = 1;
  if (input.type == DType::kString) {  // one element, without a length before it
    std::fill(input.shape.begin(), input.shape.end(), std::int64_t{1});
    append_bytes_element(input.owned,
                         std::string_view(reinterpret_cast<const char*>(raw.data()), raw.size()));
    return input;
  }
  input.in_body = raw;
  if (std::count(input.shape.begin(), input.shape.end(), -1) > 1)
    return Error{
        Code::kInvalid,
        fmt::format("a raw request is for inputs with one open dimension at most, and {} takes {}",
                    input_named(input.name), engine::to_string(input.shape))};
  auto open = std::find(input.shape.begin(), input.shape.end(), -1);
  if (open != input.shape.end()) {
    *open = 1;
    const std::int64_t rest =
        engine::element_count(input.shape) * static_cast<std::int64_t>(element_size(input.type));
    *open = rest > 0 ? static_cast<std::int64_t>(raw.size()) / rest : 0;
  }
  ANYNPU_CHECK(check_tensor_bytes(raw, input.type, input.shape, input_named(input.name)));
  return input;
}

}  // namespace

Result<> resolve_raw(InferRequest& request, const runtime::ServedModel& model) {
  if (!request.raw) return {};
  ANYNPU_TRY(input, raw_input(*request.raw, model));
  request.raw.reset();
  request.inputs.push_back(std::move(input));
  return {};
}

Shape advertised_shape(const TensorInfo& tensor, const runtime::ServedModel& model) {
  Shape shape = tensor.shape;
  if (!shape.empty() && serving_batch(model) > 1 && splits_rows(model)) shape[0] = -1;
  return shape;
}

bool splits_rows(const runtime::ServedModel& model) {
  const engine::SessionInfo& session = model.session();
  if (session.inputs.empty()) return false;
  const int batch = serving_batch(model);
  return std::all_of(session.inputs.begin(), session.inputs.end(), [&](const TensorInfo& input) {
    if (input.shape.empty()) return false;
    if (input.shape[0] == 1 || (batch > 1 && session.batchable)) return true;
    return batch > 1 && input.shape[0] == batch;
  });
}

Result<InferPlan> plan_inference(const std::shared_ptr<const SentRequest>& sent,
                                 const runtime::ServedModel& model, const vision::ImageModel* image,
                                 const std::function<Result<>()>& goes_on) {
  const std::vector<TensorInfo>& declared = model.session().inputs;
  std::vector<const InferInput*> inputs(declared.size(), nullptr);
  for (const InferInput& input : sent->request.inputs) {
    auto found = std::find_if(declared.begin(), declared.end(),
                              [&](const TensorInfo& each) { return each.name == input.name; });
    if (found == declared.end())
      return Error{Code::kInvalid, fmt::format("the model has no {}", input_named(input.name))}
          .with_hint("it has " + names_of(declared));
    inputs[static_cast<std::size_t>(found - declared.begin())] = &input;
  }
  for (std::size_t i = 0; i < declared.size(); ++i)
    if (inputs[i] == nullptr)
      return Error{Code::kInvalid, fmt::format("{} is missing", input_named(declared[i].name))}
          .with_hint("the model has " + names_of(declared));
  const bool is_picture = inputs.size() == 1 && inputs[0]->type == DType::kString &&
                          declared[0].type != DType::kString && image != nullptr;
  if (is_picture) return plan_pictures(*inputs[0], *image, goes_on);
  return plan_tensors(inputs, model, sent);
}

Result<std::vector<Tensor>> join_answers(const engine::SessionInfo& declared,
                                         std::vector<runtime::Reply>& replies) {
  std::vector<Tensor> joined;
  for (runtime::Reply& reply : replies) {
    ANYNPU_TRY(outputs, as_declared(declared, std::move(reply.outputs)));
    if (replies.size() == 1) return std::move(outputs);
    const bool first = joined.empty();
    if (first) joined.resize(outputs.size());
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      Tensor& whole = joined[i];
      Tensor& row = outputs[i];
      if (row.info.shape.empty()) row.info.shape = {1};
      if (first) {
        whole.info = row.info;
        whole.bytes.reserve(row.bytes.size() * replies.size());
        whole.info.shape[0] = 0;
      }
      const bool fits = std::equal(whole.info.shape.begin() + 1, whole.info.shape.end(),
                                   row.info.shape.begin() + 1, row.info.shape.end());
      if (!fits)
        return Error{Code::kInvalid,
                     fmt::format("output '{}' has another shape in each row and cannot be joined",
                                 printable(row.info.name, 100))}
            .with_hint("send one row per request");
      whole.info.shape[0] += row.info.shape[0];
      whole.bytes.insert(whole.bytes.end(), row.bytes.begin(), row.bytes.end());
    }
  }
  return joined;
}

}  // namespace anynpu::server::oip

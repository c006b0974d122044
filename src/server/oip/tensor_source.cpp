// SPDX-License-Identifier: Apache-2.0
// Copies where the encodings agree, converts where they do not.
#include "server/oip/tensor_source.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include <fmt/format.h>

#include "base/text.h"
#include "server/oip/convert.h"

namespace anynpu::server::oip {
namespace {

using engine::DType;
using engine::Shape;
using engine::Tensor;
using engine::TensorInfo;

bool fits(const Shape& sent, const Shape& wanted, const std::vector<std::int64_t>& batches) {
  if (sent.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    if (wanted[i] < 0 || wanted[i] == sent[i]) continue;
    const bool is_batch = i == 0 && sent[0] == 1 &&
                          std::find(batches.begin(), batches.end(), wanted[0]) != batches.end();
    if (!is_batch) return false;
  }
  return true;
}

/// Where each declared output is: by its name, or all by their places when artifacts call one
/// otherwise. No place comes twice.
std::vector<std::size_t> places_of(const std::vector<TensorInfo>& declared,
                                   const std::vector<Tensor>& outputs) {
  std::vector<std::size_t> places;
  for (const TensorInfo& wanted : declared)
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (outputs[i].info.name == wanted.name &&
          std::find(places.begin(), places.end(), i) == places.end()) {
        places.push_back(i);
        break;
      }
  if (places.size() == declared.size()) return places;
  places.resize(declared.size());
  std::iota(places.begin(), places.end(), std::size_t{0});
  return places;
}

}  // namespace

TensorSource::TensorSource(std::vector<RequestTensor> tensors, std::vector<std::int64_t> batches,
                           std::shared_ptr<const void> owner)
    : tensors_(std::move(tensors)), batches_(std::move(batches)), owner_(std::move(owner)) {}

const RequestTensor* TensorSource::find(std::size_t index, const TensorInfo& tensor) const {
  for (const RequestTensor& each : tensors_)
    if (each.declared.name == tensor.name) return &each;
  return index < tensors_.size() ? &tensors_[index] : nullptr;
}

Result<Shape> TensorSource::shape(std::size_t index, const TensorInfo& tensor) const {
  const RequestTensor* sent = find(index, tensor);
  if (sent == nullptr)
    return Error{Code::kUnsupported, fmt::format("the artifact wants another input, '{}'",
                                                 printable(tensor.name, 100))};
  if (!fits(sent->shape, tensor.shape, batches_))
    return Error{Code::kUnsupported,
                 fmt::format("input '{}': the artifact wants shape {}, and {} was sent",
                             printable(tensor.name, 100), engine::to_string(tensor.shape),
                             engine::to_string(sent->shape))};
  return sent->shape;
}

Result<> TensorSource::write(std::size_t index, const TensorInfo& tensor,
                             std::span<std::byte> to) const {
  const RequestTensor* sent = find(index, tensor);
  if (sent == nullptr)
    return Error{Code::kUnsupported, fmt::format("the artifact wants another input, '{}'",
                                                 printable(tensor.name, 100))};
  if (same_encoding(sent->declared, tensor)) {
    if (to.size() != sent->bytes.size())
      return Error{Code::kInvalid,
                   fmt::format("input '{}': {} bytes were sent where {} are wanted",
                               printable(tensor.name, 100), sent->bytes.size(), to.size())};
    if (!to.empty()) std::memcpy(to.data(), sent->bytes.data(), to.size());
    return {};
  }
  TensorInfo from = sent->declared;
  from.shape = sent->shape;
  return convert_elements(sent->bytes, from, to, tensor);
}

std::size_t TensorSource::string_bytes(std::size_t index) const {
  return index < tensors_.size() ? tensors_[index].bytes.size() : 0;
}

Result<std::vector<Tensor>> as_declared(const engine::SessionInfo& declared,
                                        std::vector<Tensor> outputs) {
  if (outputs.size() != declared.outputs.size())
    return Error{Code::kDevice, fmt::format("the model gave {} outputs, and it has {}",
                                            outputs.size(), declared.outputs.size())};
  const std::vector<std::size_t> places = places_of(declared.outputs, outputs);
  std::vector<Tensor> all;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const TensorInfo& wanted = declared.outputs[i];
    Tensor& found = outputs[places[i]];
    Tensor tensor{wanted, {}};
    tensor.info.shape = found.info.shape;
    if (same_encoding(found.info, wanted)) {
      tensor.bytes = std::move(found.bytes);
    } else {
      tensor.bytes.resize(tensor.info.byte_size());
      ANYNPU_CHECK(convert_elements(found.bytes, found.info, tensor.bytes, tensor.info));
    }
    all.push_back(std::move(tensor));
  }
  return all;
}

}  // namespace anynpu::server::oip

// SPDX-License-Identifier: Apache-2.0
// Checks of shapes and bytes, with words that name the input.
#include "engine/session_inputs.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::engine {
namespace {

std::string title(const TensorInfo& info) {
  return fmt::format("input '{}'", info.name);
}

}  // namespace

bool is_dynamic(const Shape& shape) {
  return std::any_of(shape.begin(), shape.end(),
                     [](std::int64_t dimension) { return dimension < 0; });
}

Result<> check_input_shapes(const SessionInfo& info, const std::vector<Shape>& shapes,
                            std::int64_t least) {
  if (shapes.size() != info.inputs.size())
    return Error{Code::kInvalid,
                 fmt::format("{} shapes for {} inputs", shapes.size(), info.inputs.size())};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const TensorInfo& declared = info.inputs[i];
    const Shape& shape = shapes[i];
    bool fits = shape.size() == declared.shape.size();
    for (std::size_t d = 0; fits && d < shape.size(); ++d) {
      const bool free = declared.shape[d] < 0 || (d == 0 && info.batchable);
      fits = free ? shape[d] >= least : shape[d] == declared.shape[d];
    }
    if (!fits)
      return Error{
          Code::kInvalid,
          fmt::format("{}: the shape {} does not fit {}{}", title(declared), to_string(shape),
                      to_string(declared.shape), info.batchable ? " (batchable)" : "")};
    const std::int64_t count = element_count(shape);
    const std::size_t bits = std::max<std::size_t>(bits_of(declared.type), 8);
    if (count < 0 || static_cast<std::uint64_t>(count) > kMostInputBytes / (bits / 8))
      return Error{Code::kTooLarge,
                   fmt::format("{}: the shape {} is over the limit of {}", title(declared),
                               to_string(shape), human_bytes(kMostInputBytes))};
  }
  return {};
}

Result<> check_input(const SessionInfo& info, std::size_t index, const Shape& shape,
                     std::span<const std::byte> bytes) {
  if (index >= info.inputs.size())
    return Error{Code::kInvalid, fmt::format("there is no input {}: the artifact has {}", index,
                                             info.inputs.size())};
  const TensorInfo& declared = info.inputs[index];
  if (declared.type == DType::kString) {
    if (bytes.size() > kMostInputBytes)
      return Error{Code::kTooLarge,
                   fmt::format("{}: {} are over the limit of {}", title(declared),
                               human_bytes(bytes.size()), human_bytes(kMostInputBytes))};
    return {};
  }
  const TensorInfo chosen{declared.name, declared.type, shape};
  if (bytes.size() != chosen.byte_size())
    return Error{Code::kInvalid, fmt::format("{}: {} bytes given, {} of {} are {} bytes",
                                             title(declared), bytes.size(), to_string(shape),
                                             to_string(declared.type), chosen.byte_size())};
  return {};
}

Result<> check_threads(int threads) {
  if (threads < 1 || threads > 256)
    return Error{Code::kInvalid, fmt::format("{} threads: 1 to 256 are possible", threads)};
  return {};
}

Error shapes_missing(const SessionInfo& info) {
  for (const TensorInfo& input : info.inputs)
    if (is_dynamic(input.shape))
      return Error{Code::kInvalid,
                   fmt::format("{}: its shape {} must be chosen before it can be used",
                               title(input), to_string(input.shape))};
  return Error{Code::kInternal, "the shapes of the inputs must be chosen first"};
}

Error no_such_output(const SessionInfo& info, std::size_t index) {
  return Error{Code::kInvalid, fmt::format("there is no output {}: the artifact has {}", index,
                                           info.outputs.size())};
}

}  // namespace anynpu::engine

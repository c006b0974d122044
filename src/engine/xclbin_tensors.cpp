// SPDX-License-Identifier: Apache-2.0
// Reads the files beside an .xclbin.
#include "engine/xclbin_tensors.h"

#include <cstring>

#include <fmt/format.h>

#include "base/file.h"
#include "base/report.h"
#include "base/text.h"
#include "engine/session_inputs.h"

namespace anynpu::engine::xclbin {
namespace {

constexpr std::size_t kMostInstructions = 16 << 20;
constexpr std::size_t kMostRank = 8;

Error wrong(std::string_view what) {
  return Error{Code::kInvalid, std::string(what)};
}

Result<TensorInfo> parse_tensor(const Json& json, const std::string& title) {
  if (!json.is_object()) return wrong(title + " is no object");
  TensorInfo tensor;
  tensor.name = title;
  if (auto name = json.find("name"); name != json.end() && name->is_string())
    tensor.name = printable(name->get<std::string>(), 100);
  auto type = json.find("type");
  if (type == json.end() || !type->is_string()) return wrong(title + " has no \"type\"");
  tensor.type = dtype_from(type->get<std::string>());
  if (bits_of(tensor.type) < 8)
    return wrong(fmt::format("{}: '{}' is no type of whole bytes", title,
                             printable(type->get<std::string>(), 40)));
  auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array() || shape->empty() || shape->size() > kMostRank)
    return wrong(title + ": \"shape\" is a list of 1 to 8 numbers");
  for (const Json& dimension : *shape) {
    if (!dimension.is_number_integer() || dimension.get<std::int64_t>() < 1)
      return wrong(title + ": each dimension is a whole number of 1 or more");
    tensor.shape.push_back(dimension.get<std::int64_t>());
  }
  const std::int64_t count = element_count(tensor.shape);
  if (count < 1 || static_cast<std::uint64_t>(count) > kMostInputBytes / (bits_of(tensor.type) / 8))
    return Error{Code::kTooLarge,
                 fmt::format("{}: the shape {} is over the limit of {}", title,
                             to_string(tensor.shape), human_bytes(kMostInputBytes))};
  if (auto scale = json.find("scale"); scale != json.end()) {
    if (!scale->is_number() || !(scale->get<float>() > 0))
      return wrong(title + ": \"scale\" is a number over 0");
    auto zero = json.find("zero_point");
    if (zero != json.end() && !zero->is_number_integer())
      return wrong(title + ": \"zero_point\" is a whole number");
    tensor.quantisation.scales = {scale->get<float>()};
    tensor.quantisation.zero_points = {zero == json.end() ? 0 : zero->get<std::int32_t>()};
  }
  return tensor;
}

Result<std::vector<TensorInfo>> parse_list(const Json& json, const char* key) {
  auto list = json.find(key);
  if (list == json.end() || !list->is_array() || list->empty() || list->size() > kMostBuffers)
    return wrong(fmt::format("\"{}\" is a list of 1 to {} tensors", key, kMostBuffers));
  std::vector<TensorInfo> tensors;
  for (const Json& item : *list) {
    ANYNPU_TRY(tensor, parse_tensor(item, fmt::format("{}[{}]", key, tensors.size())));
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

}  // namespace

Result<Tensors> parse_tensors(std::string_view text) {
  if (text.size() > kMostTensorsText)
    return Error{Code::kTooLarge, "the list of tensors is over 64 KiB"};
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return wrong("the list of tensors is no JSON object");
  Tensors tensors;
  if (auto kernel = json.find("kernel"); kernel != json.end()) {
    if (!kernel->is_string() || kernel->get<std::string>().size() > 60)
      return wrong("\"kernel\" is a name of at most 60 characters");
    tensors.kernel = printable(kernel->get<std::string>());
  }
  ANYNPU_TRY(inputs, parse_list(json, "inputs"));
  ANYNPU_TRY(outputs, parse_list(json, "outputs"));
  if (inputs.size() + outputs.size() > kMostBuffers)
    return wrong(fmt::format("{} tensors: a command of the NPU has room for {}",
                             inputs.size() + outputs.size(), kMostBuffers));
  tensors.inputs = std::move(inputs);
  tensors.outputs = std::move(outputs);
  return tensors;
}

std::filesystem::path tensors_file(const std::filesystem::path& xclbin) {
  return std::filesystem::path(xclbin).replace_extension(".tensors.json");
}

std::filesystem::path instructions_file(const std::filesystem::path& xclbin) {
  return std::filesystem::path(xclbin).replace_extension(".insts.bin");
}

Result<std::vector<std::uint32_t>> read_instructions(const std::filesystem::path& file) {
  ANYNPU_TRY(bytes, read_bytes(file, kMostInstructions));
  if (bytes.empty() || bytes.size() % sizeof(std::uint32_t) != 0)
    return Error{Code::kInvalid, fmt::format("{}: has {} bytes, which are no 32-bit instructions",
                                             file.string(), bytes.size())}
        .with_hint(
            "it is the file of aiecc's --npu-insts-name; an insts.txt of old is hexadecimal "
            "text and has to be built again");
  std::vector<std::uint32_t> words(bytes.size() / sizeof(std::uint32_t));
  std::memcpy(words.data(), bytes.data(), bytes.size());
  return words;
}

}  // namespace anynpu::engine::xclbin

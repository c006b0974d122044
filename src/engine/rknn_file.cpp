// SPDX-License-Identifier: Apache-2.0
// Reads the frame of a .rknn file: its head, a few texts of its FlatBuffer, its JSON tail.
#include "engine/rknn_file.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "engine/impostor.h"
#include "engine/library.h"

namespace anynpu::engine {
namespace {

using nlohmann::json;

constexpr std::size_t kHead = 64;
constexpr std::size_t kMostJson = std::size_t{64} << 20;
constexpr std::size_t kMostTensors = 10'000;
constexpr std::size_t kMostPlatforms = 16;
constexpr std::size_t kMostText = 100;
constexpr std::uint64_t kLargestFormat = 1000;  // far beyond any: the bytes are something else
constexpr const char* kFetchAgain = "it was only partly copied or downloaded: fetch it again";

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Both processors that anynpu runs on are little-endian, as the file is.
std::uint64_t u64_at(std::span<const std::byte> bytes, std::size_t at) {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string()
             ? printable(found->get_ref<const std::string&>(), kMostText)
             : "";
}

std::int64_t count_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
}

RknnTensor tensor_of(const json& object) {
  RknnTensor tensor{text_of(object, "url"), "", {}};
  if (const auto type = object.find("dtype"); type != object.end()) {
    if (type->is_object()) tensor.type = text_of(*type, "qnt_type");
    if (type->is_string()) tensor.type = text_of(object, "dtype");
  }
  if (const auto size = object.find("size"); size != object.end() && size->is_array())
    for (const json& dimension : *size)
      if (dimension.is_number_integer() && tensor.shape.size() < 16)
        tensor.shape.push_back(dimension.get<std::int64_t>());
  return tensor;
}

/// The list of nodes is most of the text, and of no use here: it is dropped while it is read.
bool keep(int depth, json::parse_event_t event, const json& parsed) {
  static constexpr std::string_view kWanted[] = {"target_platform",      "version",   "name",
                                                 "ori_network_platform", "input_num", "output_num",
                                                 "norm_tensor"};
  if (depth != 1 || event != json::parse_event_t::key) return true;
  const auto& key = parsed.get_ref<const std::string&>();
  return std::find(std::begin(kWanted), std::end(kWanted), key) != std::end(kWanted);
}

Result<> read_json(std::string_view text, RknnFile& model, const std::string& file) {
  const json root = json::parse(
      text.begin(), text.end(),
      [](int depth, json::parse_event_t event, json& parsed) { return keep(depth, event, parsed); },
      false);
  if (!root.is_object())
    return Error{Code::kInvalid, file + ": the JSON text at its end is damaged"}.with_hint(
        kFetchAgain);
  if (const auto platforms = root.find("target_platform"); platforms != root.end()) {
    if (platforms->is_string())
      model.platforms.push_back(printable(platforms->get_ref<const std::string&>(), kMostText));
    if (platforms->is_array())
      for (const json& platform : *platforms)
        if (platform.is_string() && model.platforms.size() < kMostPlatforms)
          model.platforms.push_back(printable(platform.get_ref<const std::string&>(), kMostText));
  }
  model.toolkit = text_of(root, "version");
  model.name = text_of(root, "name");
  model.framework = text_of(root, "ori_network_platform");
  model.inputs = count_of(root, "input_num");
  model.outputs = count_of(root, "output_num");
  if (const auto tensors = root.find("norm_tensor"); tensors != root.end() && tensors->is_array())
    for (const json& tensor : *tensors)
      if (tensor.is_object() && model.tensors.size() < kMostTensors)
        model.tensors.push_back(tensor_of(tensor));
  return {};
}

/// The texts of the FlatBuffer stand in it as they are; its schema is not public.
void read_flatbuffer(std::string_view buffer, RknnFile& model) {
  model.dynamic = buffer.find("dynamic_shape") != std::string_view::npos &&
                  buffer.find("static_shape") == std::string_view::npos;
  for (const char* arch : {"RKNPU v2", "RKNPU lite", "RKNPU t4", "RKNPU f2", "RKNPU f3"})
    if (model.arch.empty() && buffer.find(arch) != std::string_view::npos) model.arch = arch;
  constexpr std::string_view kMarker = "(compiler version: ";
  if (const std::size_t at = buffer.find(kMarker); at != std::string_view::npos) {
    const std::string_view rest = buffer.substr(at + kMarker.size(), kMostText);
    // "2.3.2 (e045de294f@2025-04-07T19:48:25))": the last bracket is not its own.
    if (const std::size_t end = rest.find("))"); end != std::string_view::npos)
      model.compiler = printable(rest.substr(0, end + 1), kMostText);
  }
}

Error not_rknn(std::span<const std::byte> bytes, const std::string& file) {
  auto refuse = [&](std::string_view what, std::string hint) {
    return Error{Code::kInvalid, fmt::format("{}: is {}", file, what), 0, std::move(hint)};
  };
  if (bytes.empty()) return refuse("an empty file", "fetch it again");
  if (auto impostor = impostor_of(bytes)) return refuse(impostor->what, impostor->hint);
  const std::string_view text = as_text(bytes);
  if (text.substr(0, 8).ends_with("TFL3"))
    return refuse("a TensorFlow Lite model, not an RKNN model",
                  "convert it with Rockchip's toolkit, or name it .tflite to run it on the CPU");
  if (text.front() == '\x08' && text.size() > 16)
    return refuse("an ONNX model, not an RKNN model",
                  "convert it with Rockchip's toolkit, or name it .onnx to run it on the CPU");
  return refuse("no RKNN model for this generation of NPUs",
                "models for RK1808, RK3399Pro and RV1126 (NPU1), encrypted models and those of "
                "RKNN3 look different: convert the network for its board with rknn-toolkit2");
}

}  // namespace

bool looks_like_rknn(std::span<const std::byte> bytes) {
  return as_text(bytes).starts_with(std::string_view("RKNN\0\0\0\0", 8));
}

Result<RknnFile> read_rknn(std::span<const std::byte> bytes, const std::string& file,
                           RknnDepth depth) {
  if (!looks_like_rknn(bytes)) return not_rknn(bytes, file);
  auto truncated = [&](std::string_view what) {
    return Error{Code::kInvalid, fmt::format("{}: is cut off: {}", file, what)}.with_hint(
        kFetchAgain);
  };
  if (bytes.size() < kHead + 8) return truncated("not even its head is whole");
  RknnFile model;
  model.format = u64_at(bytes, 8);
  model.flatbuffer_bytes = u64_at(bytes, 16);
  if (model.format == 0 || model.format > kLargestFormat)
    return Error{Code::kInvalid,
                 fmt::format("{}: states the format version {}", file, model.format)}
        .with_hint("the file is damaged, or of a generation that anynpu does not know");
  const std::size_t room = bytes.size() - kHead;
  if (model.flatbuffer_bytes > room - 8)
    return truncated(fmt::format("it states {} of network, and holds {}",
                                 human_bytes(model.flatbuffer_bytes), human_bytes(room)));
  const auto length = static_cast<std::size_t>(model.flatbuffer_bytes);
  const std::string_view buffer = as_text(bytes.subspan(kHead, length));
  if (buffer.size() < 8 || buffer.substr(4, 4) != "RKNN")
    return Error{Code::kInvalid, file + ": has no RKNN network in it"}.with_hint(
        "an encrypted or damaged file: fetch it again, or convert the network anew");
  if (depth == RknnDepth::kAll) read_flatbuffer(buffer, model);
  const std::uint64_t json_bytes = u64_at(bytes, kHead + length);
  const std::size_t left = room - length - 8;
  if (json_bytes > left)
    return truncated(fmt::format("it states {} of JSON at its end, and holds {}",
                                 human_bytes(json_bytes), human_bytes(left)));
  if (json_bytes > kMostJson)
    return Error{Code::kTooLarge, fmt::format("{}: {} of JSON are over the limit of {}", file,
                                              human_bytes(json_bytes), human_bytes(kMostJson))};
  ANYNPU_CHECK(
      read_json(as_text(bytes.subspan(kHead + length + 8, static_cast<std::size_t>(json_bytes))),
                model, file));
  return model;
}

std::string plain_version(const std::string& version) {
  return version.substr(0, version.find_first_not_of("0123456789."));
}

std::string runtime_of_format(const RknnFile& model) {
  return model.format >= 6 ? "1.5.2" : model.format >= 4 ? "1.5.0" : "";
}

std::string least_runtime(const RknnFile& model) {
  std::string toolkit = plain_version(model.toolkit);
  // Rockchip's table: from 2.0 on a runtime as new as the toolkit; 1.5.2 and 1.6 from 1.5.2 on.
  if (compare_versions(toolkit, "2") >= 0) return toolkit;
  if (model.format >= 6) return "1.5.2";
  if (compare_versions(toolkit, "1.5") >= 0) return "1.5.0";
  return "";
}

bool same_platform(const std::string& target, const std::string& soc) {
  auto family = [](const std::string& word) -> std::string {
    std::string lower = to_lower(word);
    if (lower.starts_with("rk3568") || lower.starts_with("rk3566")) return "rk3566";
    for (const char* same : {"rk3582", "rk3583", "rk3588"})
      if (lower.starts_with(same)) return "rk3588";
    if (lower.starts_with("rv1103") || lower.starts_with("rv1106")) return "rv1106";
    return lower;
  };
  return family(target) == family(soc);
}

}  // namespace anynpu::engine

// SPDX-License-Identifier: Apache-2.0
// Small documents, so they are made as trees.
#include "server/oip/metadata.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/version.h"
#include "server/oip/datatypes.h"
#include "server/oip/infer_plan.h"

namespace anynpu::server::oip {
namespace {

struct Platform {
  std::string_view ending;
  std::string_view name;
};

constexpr std::array kPlatforms = {
    Platform{".tflite", "tflite_tflite"}, Platform{".onnx", "onnx_onnxv1"},
    Platform{".rknn", "rockchip_rknn"},   Platform{".axmodel", "axera_axmodel"},
    Platform{".xclbin", "amd_xclbin"},
};

std::string datatype_word(engine::DType type) {
  const std::string_view word = datatype_of(type);
  if (!word.empty()) return std::string(word);
  // Types that the protocol has no word for are told all the same; requests with them are refused.
  std::string own(engine::to_string(type));
  std::transform(own.begin(), own.end(), own.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return own;
}

Json tensors_json(const std::vector<engine::TensorInfo>& tensors,
                  const runtime::ServedModel& model) {
  Json list = Json::array();
  for (const engine::TensorInfo& tensor : tensors)
    list.push_back({{"name", tensor.name},
                    {"datatype", datatype_word(tensor.type)},
                    {"shape", advertised_shape(tensor, model)}});
  return list;
}

std::string_view state_word(const ModelEntry& entry) {
  if (!entry.loaded_or_loading) return "UNAVAILABLE";
  switch (entry.state) {
    case ModelState::kReady:
      return "READY";
    case ModelState::kLoading:
      return "LOADING";
    default:
      return "UNAVAILABLE";
  }
}

}  // namespace

Json server_metadata() {
  return {
      {"name", "anynpu"},
      {"version", kVersion},
      {"extensions", {"binary_tensor_data", "classification", "model_repository", "statistics"}}};
}

std::string platform_of(const std::string& artifact_file) {
  for (const Platform& platform : kPlatforms)
    if (artifact_file.ends_with(platform.ending)) return std::string(platform.name);
  return "anynpu_" + artifact_file.substr(artifact_file.rfind('.') + 1);
}

Json model_metadata(const runtime::ServedModel& model, const std::vector<ModelEntry>& index) {
  const std::string& name = model.package().name;
  Json versions = Json::array();
  for (const ModelEntry& entry : index)
    if (entry.name == name && entry.loaded_or_loading && entry.state == ModelState::kReady)
      versions.push_back(entry.version);
  const auto& ranked = model.placements().ranked;
  const std::string file = ranked.empty() ? "" : ranked.front().placement.artifact.file;
  return {{"name", name},
          {"versions", std::move(versions)},
          {"platform", platform_of(file)},
          {"inputs", tensors_json(model.session().inputs, model)},
          {"outputs", tensors_json(model.session().outputs, model)}};
}

Json repository_index(const std::vector<ModelEntry>& index, bool only_ready) {
  Json list = Json::array();
  for (const ModelEntry& entry : index) {
    const std::string_view state = state_word(entry);
    if (only_ready && state != "READY") continue;
    list.push_back({{"name", entry.name},
                    {"version", entry.version},
                    {"state", state},
                    {"reason", entry.reason}});
  }
  return list;
}

}  // namespace anynpu::server::oip

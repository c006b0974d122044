// SPDX-License-Identifier: Apache-2.0
// A session's description as JSON.
#include "runtime/session_json.h"

namespace anynpu::runtime {
namespace {

engine::TensorInfo tensor_from(const Json& json) {
  engine::TensorInfo tensor;
  json.at("name").get_to(tensor.name);
  tensor.type = engine::dtype_from(json.at("type").get<std::string>());
  json.at("shape").get_to(tensor.shape);
  if (json.contains("scales")) {
    json.at("scales").get_to(tensor.quantisation.scales);
    json.at("zero_points").get_to(tensor.quantisation.zero_points);
    json.at("axis").get_to(tensor.quantisation.axis);
  }
  return tensor;
}

}  // namespace

Json to_json(const engine::TensorInfo& tensor) {
  Json json{{"name", tensor.name}, {"type", to_string(tensor.type)}, {"shape", tensor.shape}};
  if (!tensor.quantisation.scales.empty()) {
    json["scales"] = tensor.quantisation.scales;
    json["zero_points"] = tensor.quantisation.zero_points;
    json["axis"] = tensor.quantisation.axis;
  }
  return json;
}

Json to_json(const engine::SessionInfo& session) {
  Json inputs = Json::array(), outputs = Json::array();
  for (const auto& tensor : session.inputs) inputs.push_back(to_json(tensor));
  for (const auto& tensor : session.outputs) outputs.push_back(to_json(tensor));
  Json json{{"inputs", inputs},
            {"outputs", outputs},
            {"batchable", session.batchable},
            {"note", session.note}};
  if (session.operators > 0)
    json["npu"] = {{"operators", session.operators},
                   {"npu_operators", session.npu_operators},
                   {"partitions", session.partitions}};
  return json;
}

Result<engine::SessionInfo> session_from_json(const std::string& text) {
  try {
    Json json = Json::parse(text);
    engine::SessionInfo session;
    for (const Json& tensor : json.at("inputs")) session.inputs.push_back(tensor_from(tensor));
    for (const Json& tensor : json.at("outputs")) session.outputs.push_back(tensor_from(tensor));
    json.at("batchable").get_to(session.batchable);
    json.at("note").get_to(session.note);
    if (auto npu = json.find("npu"); npu != json.end()) {
      npu->at("operators").get_to(session.operators);
      npu->at("npu_operators").get_to(session.npu_operators);
      npu->at("partitions").get_to(session.partitions);
    }
    return session;
  } catch (const Json::exception& problem) {
    return Error{Code::kCrashed,
                 std::string("a worker described its session wrongly: ") + problem.what()};
  }
}

}  // namespace anynpu::runtime

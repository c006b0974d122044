// SPDX-License-Identifier: Apache-2.0
// A package for a lone artifact, with everything guessed that a model.toml would say.
//
// The guesses are the conventions of the TFLite and ONNX model gardens: one picture in and one row
// of scores out is a classifier; the four outputs of TFLite_Detection_PostProcess are a detector; a
// quantised picture input takes the pixels' bytes as they are.
#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/engines.h"
#include "model/inspect.h"
#include "model/labels.h"
#include "model/mapped_file.h"
#include "model/package.h"
#include "model/package_toml.h"

namespace anynpu::model {

namespace fs = std::filesystem;

namespace {

// An input or an output, whatever the file's format.
struct Value {
  engine::Shape shape;
  engine::DType type = engine::DType::kUnknown;
  QuantisationSummary quantisation = {};
};

struct Graph {
  std::vector<Value> inputs, outputs;
  bool gives_scores = false;  // the network ends in a softmax or a sigmoid
  std::vector<int>
      detections;  // outputs of the detection post-process: boxes, classes, scores, count
};

bool uses(const std::vector<OperatorUse>& operators, std::string_view name) {
  return std::any_of(operators.begin(), operators.end(),
                     [&](const OperatorUse& use) { return use.name == name; });
}

Graph graph_of(const TfliteFile& model) {
  Graph graph;
  const TfliteSubgraph& main = model.subgraphs.front();
  auto values = [&](const std::vector<std::size_t>& indices) {
    std::vector<Value> list;
    for (std::size_t index : indices) {
      const TfliteTensor& tensor = main.tensors[index];
      list.push_back({tensor.shape, tensor.type, tensor.quantisation});
    }
    return list;
  };
  graph.inputs = values(main.inputs);
  graph.outputs = values(main.outputs);
  graph.gives_scores = uses(model.operators, "SOFTMAX") || uses(model.operators, "LOGISTIC");
  for (std::size_t tensor : model.detection_outputs) {
    auto found = std::find(main.outputs.begin(), main.outputs.end(), tensor);
    if (found != main.outputs.end())
      graph.detections.push_back(static_cast<int>(found - main.outputs.begin()));
  }
  return graph;
}

Graph graph_of(const OnnxFile& model) {
  Graph graph;
  for (const OnnxValue& value : model.inputs) graph.inputs.push_back({value.shape, value.type});
  for (const OnnxValue& value : model.outputs) graph.outputs.push_back({value.shape, value.type});
  graph.gives_scores = uses(model.operators, "Softmax") || uses(model.operators, "Sigmoid");
  return graph;
}

bool is_batch(std::int64_t dimension) {
  return dimension == 1 || dimension == -1;
}

bool is_picture(const engine::Shape& shape) {
  if (shape.size() != 4 || !is_batch(shape[0])) return false;
  bool channels_last = shape[3] == 3 && shape[1] >= 16 && shape[2] >= 16;
  bool channels_first = shape[1] == 3 && shape[2] >= 16 && shape[3] >= 16;
  return channels_last || channels_first;
}

bool is_scores(const engine::Shape& shape) {
  return (shape.size() == 2 || (shape.size() == 4 && shape[1] == 1 && shape[2] == 1)) &&
         is_batch(shape[0]) && shape.back() >= 2;
}

// Which of four outputs are boxes, classes, scores and the count.
bool find_detections(const Graph& graph, Postprocess& post) {
  if (graph.outputs.size() != 4) return false;
  if (graph.detections.size() == 4) {
    post.boxes_output = graph.detections[0];
    post.classes_output = graph.detections[1];
    post.scores_output = graph.detections[2];
    post.count_output = graph.detections[3];
    return true;
  }
  int boxes = -1, count = -1;
  for (int i = 0; i < 4; ++i) {
    const engine::Shape& shape = graph.outputs[static_cast<std::size_t>(i)].shape;
    if (shape.size() == 3 && shape[2] == 4) boxes = i;
    if (shape.size() == 1) count = i;
  }
  if (boxes < 0 || count < 0) return false;
  std::vector<int> others;
  for (int i = 0; i < 4; ++i)
    if (i != boxes && i != count) others.push_back(i);
  if (others.size() != 2) return false;
  // Exports of TensorFlow 2 sort the outputs by name, which turns the order round.
  bool turned = boxes == 1 && count == 2;
  post.boxes_output = boxes;
  post.count_output = count;
  post.classes_output = others[turned ? 1 : 0];
  post.scores_output = others[turned ? 0 : 1];
  return true;
}

Task guess_task(const Graph& graph, Postprocess& post) {
  if (graph.inputs.size() != 1 || !is_picture(graph.inputs[0].shape)) return Task::kRaw;
  if (find_detections(graph, post)) return Task::kDetect;
  if (graph.outputs.size() != 1 || !is_scores(graph.outputs[0].shape)) return Task::kRaw;
  post.softmax = !graph.gives_scores;
  return Task::kClassify;
}

// A quantised input takes the pixels' bytes: (value - mean) / std must give the stored value back.
void guess_preprocess(const Value& input, Preprocess& pre) {
  const QuantisationSummary& q = input.quantisation;
  if (q.scales != 1 || !(q.least_scale > 0) || !std::isfinite(1 / q.least_scale)) return;
  auto zero = static_cast<float>(q.least_zero_point);
  if (input.type == engine::DType::kInt8) zero += 128;
  pre.mean.fill(zero);
  pre.std.fill(1 / q.least_scale);
}

// NAME.txt, labels.txt or labelmap.txt beside the file, or a list that is stored in it.
std::vector<std::string> find_labels(const fs::path& file, const Inspection& inspection,
                                     std::span<const std::byte> bytes) {
  fs::path beside = file.parent_path();
  for (const fs::path& candidate :
       {beside / (file.stem().string() + ".txt"), beside / "labels.txt", beside / "labelmap.txt"})
    if (Result<std::vector<std::string>> labels = read_labels(candidate);
        labels && !labels->empty())
      return *labels;
  if (!inspection.tflite) return {};
  for (const AssociatedFile& inside : inspection.tflite->associated_files) {
    if (inside.offset == 0 || inside.bytes > kMostLabelBytes || !inside.name.ends_with(".txt"))
      continue;
    std::string_view text(reinterpret_cast<const char*>(bytes.data()) + inside.offset,
                          inside.bytes);
    if (Result<std::vector<std::string>> labels = parse_labels(text, inside.name)) return *labels;
  }
  return {};
}

std::string package_name(const fs::path& file) {
  std::string name = to_lower(file.stem().string()).substr(0, 64);
  for (char& c : name)
    if (!is_package_name(std::string_view(&c, 1)) && c != '.' && c != '-') c = '_';
  return is_package_name(name) ? name : "model";
}

}  // namespace

Result<Package> package_of_file(const fs::path& artifact) {
  std::error_code failed;
  fs::path file = fs::canonical(artifact, failed);
  if (failed) return system_error(artifact.string(), failed.value());
  ANYNPU_TRY(mapped, MappedFile::open(file));
  ANYNPU_TRY(inspection, inspect_bytes(mapped.bytes(), file));

  Package package;
  package.name = package_name(file);
  package.folder = file.parent_path();
  package.source = file.string();
  std::optional<Graph> graph;
  if (inspection.tflite) graph = graph_of(*inspection.tflite);
  if (inspection.onnx) graph = graph_of(*inspection.onnx);
  if (graph) {
    package.task = guess_task(*graph, package.postprocess);
    if (package.task != Task::kRaw) {
      guess_preprocess(graph->inputs[0], package.preprocess);
      package.labels = find_labels(file, inspection, mapped.bytes());
    }
  }
  // Lists that begin with a line for "nothing" are one longer than the classes that detectors
  // count.
  if (package.task == Task::kDetect && !package.labels.empty() &&
      (package.labels[0] == "???" || package.labels[0] == "background"))
    package.postprocess.label_offset = 1;
  package.title = fmt::format("{} (guessed from its tensors: {})",
                              printable(file.filename().string(), 100), to_string(package.task));

  Artifact lone;
  lone.file = file.filename().string();
  lone.path = file;
  lone.engine = engine::engine_for(file);
  if (lone.engine.empty())
    lone.engine = inspection.onnx ? "onnxruntime" : inspection.tflite ? "tflite" : "";
  if (lone.engine.empty())
    return Error{Code::kUnsupported, fmt::format("{}: no engine is known for {} files",
                                                 file.string(), title_of(inspection.kind))};
  bool on_cpu = inspection.tflite || inspection.onnx;
  if (inspection.tflite)
    lone.families = {"cpu", "rocket"};
  else
    lone.families = {on_cpu                                  ? "cpu"
                     : inspection.kind == FileKind::kRknn    ? "rknpu"
                     : inspection.kind == FileKind::kAxmodel ? "axcl"
                                                             : "xdna"};
  lone.reference = on_cpu;
  package.versions.push_back({1, file.parent_path(), {lone}});
  return package;
}

}  // namespace anynpu::model

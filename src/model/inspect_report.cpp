// SPDX-License-Identifier: Apache-2.0
// Writes an inspection as text and as JSON.
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"
#include "model/inspect.h"

namespace anynpu::model {
namespace {

Json shape_json(const engine::Shape& shape) {
  Json list = Json::array();
  for (std::int64_t dimension : shape) list.push_back(dimension);
  return list;
}

// JSON has no NaN and no infinity; a damaged scale is shown as null there.
Json number_json(float value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

Cell quantisation_cell(const QuantisationSummary& q) {
  if (q.scales == 0)
    return q.blockwise ? Cell(Json{{"kind", "blockwise"}}, "blockwise") : Cell(Json(nullptr), "");
  Json json = {{"kind", q.scales == 1 ? "per_tensor" : "per_channel"}, {"scales", q.scales}};
  if (q.scales == 1) {
    json["scale"] = number_json(q.least_scale);
    json["zero_point"] = q.least_zero_point;
    return {json, fmt::format("scale {:.6g}, zero {}", q.least_scale, q.least_zero_point)};
  }
  json["axis"] = q.axis;
  json["least_scale"] = number_json(q.least_scale);
  json["most_scale"] = number_json(q.most_scale);
  json["least_zero_point"] = q.least_zero_point;
  json["most_zero_point"] = q.most_zero_point;
  return {json, fmt::format("{} scales on axis {}, {:.3g} to {:.3g}", q.scales, q.axis,
                            q.least_scale, q.most_scale)};
}

Cell shape_cell(const TfliteTensor& tensor) {
  if (!tensor.shape_known) return {Json(nullptr), "when it has run"};
  return {shape_json(tensor.shape), engine::to_string(tensor.shape)};
}

std::vector<Column> tensor_columns(const char* title) {
  return {{"index", "", true},
          {"name", title},
          {"type", "TYPE"},
          {"shape", "SHAPE"},
          {"quantisation", "QUANTISATION"},
          {"constant_bytes", ""},
          {"variable", ""}};
}

std::vector<Cell> tensor_row(std::size_t index, const TfliteTensor& tensor) {
  return {index,
          tensor.name,
          tensor.type_name,
          shape_cell(tensor),
          quantisation_cell(tensor.quantisation),
          tensor.constant_bytes,
          tensor.variable};
}

void report_operators(const std::vector<OperatorUse>& operators, bool versions, Report& report) {
  std::vector<std::vector<Cell>> rows;
  for (const OperatorUse& use : operators)
    rows.push_back({use.name, use.custom, use.version, use.count});
  report.line("");
  report.table("operators",
               {{"name", "OPERATOR"},
                {"custom", "CUSTOM"},
                {versions ? "version" : "", versions ? "VERSION" : "", true},
                {"count", "COUNT", true}},
               rows);
}

void report_tensors(std::string_view key, const char* title, const TfliteSubgraph& graph,
                    const std::vector<std::size_t>& indices, Report& report) {
  std::vector<std::vector<Cell>> rows;
  for (std::size_t index : indices) rows.push_back(tensor_row(index, graph.tensors[index]));
  report.line("");
  report.table(key, tensor_columns(title), rows);
}

// Every tensor of the main graph as a table; the other graphs for programs only.
void report_all_tensors(const TfliteFile& model, bool as_text, Report& report) {
  std::vector<std::vector<Cell>> rows;
  const std::vector<TfliteTensor>& tensors = model.subgraphs.front().tensors;
  for (std::size_t i = 0; i < tensors.size(); ++i) rows.push_back(tensor_row(i, tensors[i]));
  std::vector<Column> columns = tensor_columns(as_text ? "TENSOR" : "");
  if (as_text) report.line("");
  if (!as_text)
    for (Column& column : columns) column.title.clear();
  if (as_text) {
    report.table("tensors", columns, rows);
    return;
  }
  Json list = Json::array();
  for (const std::vector<Cell>& row : rows) {
    Json record = Json::object();
    for (std::size_t c = 0; c < columns.size(); ++c) record[columns[c].key] = row[c].json;
    list.push_back(std::move(record));
  }
  report.data("tensors", list);
}

void report_tflite(const TfliteFile& model, bool all_tensors, Report& report) {
  const TfliteSubgraph& main = model.subgraphs.front();
  report.fact("schema", "", model.schema_version);
  report.fact("description", model.description.empty() ? "" : "Description", model.description);
  std::size_t tensors = 0, operators = 0;
  Json graphs = Json::array();
  for (const TfliteSubgraph& graph : model.subgraphs) {
    tensors += graph.tensors.size();
    operators += graph.operators;
    graphs.push_back({{"name", graph.name},
                      {"operators", graph.operators},
                      {"tensors", graph.tensors.size()},
                      {"inputs", graph.inputs.size()},
                      {"outputs", graph.outputs.size()}});
  }
  report.line(fmt::format("Graphs: {}, with {} operators and {} tensors", model.subgraphs.size(),
                          operators, tensors));
  report.line(
      fmt::format("Constants: {} in {} buffers", human_bytes(model.buffer_bytes), model.buffers));
  report.data("graphs", graphs);
  report.fact("buffers", "", model.buffers);
  report.fact("buffer_bytes", "", model.buffer_bytes);
  report.fact("signatures", model.signatures.empty() ? "" : "Signatures",
              Cell(Json(model.signatures), join(model.signatures, ", ")));
  report_tensors("inputs", "INPUT", main, main.inputs, report);
  report_tensors("outputs", "OUTPUT", main, main.outputs, report);
  report_operators(model.operators, true, report);
  std::vector<std::vector<Cell>> rows;
  for (const TfliteMetadata& entry : model.metadata)
    rows.push_back({entry.name, {Json(entry.bytes), human_bytes(entry.bytes)}});
  if (!rows.empty()) report.line("");
  report.table("metadata", {{"name", "METADATA"}, {"bytes", "SIZE", true}}, rows);
  rows.clear();
  for (const AssociatedFile& file : model.associated_files)
    rows.push_back({file.name, {Json(file.bytes), human_bytes(file.bytes)}});
  if (!rows.empty()) report.line("");
  report.table("associated_files", {{"name", "FILE INSIDE"}, {"bytes", "SIZE", true}}, rows);
  report_all_tensors(model, all_tensors, report);
}

void report_values(std::string_view key, const char* title, const std::vector<OnnxValue>& values,
                   Report& report) {
  std::vector<std::vector<Cell>> rows;
  for (const OnnxValue& value : values)
    rows.push_back({value.name,
                    value.type_name,
                    {shape_json(value.shape), value.shown_shape},
                    value.shown_shape});
  report.line("");
  report.table(key, {{"name", title}, {"type", "TYPE"}, {"shape", "SHAPE"}, {"symbolic_shape", ""}},
               rows);
}

void report_onnx(const OnnxFile& model, Report& report) {
  report.fact("ir_version", "IR version", model.ir_version);
  report.fact("producer", model.producer.empty() ? "" : "Producer", model.producer);
  report.fact("graph", model.graph_name.empty() ? "" : "Graph", model.graph_name);
  Json opsets = Json::array();
  std::vector<std::string> shown;
  for (const auto& [domain, version] : model.opsets) {
    std::string name = domain.empty() ? "ai.onnx" : domain;
    opsets.push_back({{"domain", name}, {"version", version}});
    shown.push_back(fmt::format("{} {}", name, version));
  }
  report.fact("opsets", "Operator sets", Cell(opsets, join(shown, ", ")));
  std::string weights =
      fmt::format("{} tensors, {}", model.initializers, human_bytes(model.initializer_bytes));
  if (model.external_initializers > 0)
    weights += fmt::format(", {} of them in another file", model.external_initializers);
  report.fact("initializers", "Weights", Cell(Json(model.initializers), weights));
  report.fact("initializer_bytes", "", model.initializer_bytes);
  report.fact("external_initializers", "", model.external_initializers);
  report.fact("nodes", "Nodes", model.nodes);
  report.fact("quantised_nodes", model.quantised_nodes > 0 ? "Quantised nodes" : "",
              model.quantised_nodes);
  report_values("inputs", "INPUT", model.inputs, report);
  report_values("outputs", "OUTPUT", model.outputs, report);
  report_operators(model.operators, false, report);
  Json metadata = Json::object();
  for (const auto& [key, value] : model.metadata) metadata[key] = value;
  report.data("metadata", metadata);
}

void report_rknn(const engine::RknnFile& model, Report& report) {
  report.fact("format_version", "Format version", model.format);
  report.fact("platforms", "Made for", Cell(Json(model.platforms), join(model.platforms, ", ")));
  report.fact("toolkit", "Toolkit", model.toolkit);
  report.fact("compiler", model.compiler.empty() ? "" : "Compiler", model.compiler);
  const std::string least = engine::least_runtime(model);
  report.fact("least_runtime", "Needs",
              Cell(Json(least), least.empty() ? "librknnrt of any version"
                                              : "librknnrt " + least + " or newer"));
  report.fact("arch", model.arch.empty() ? "" : "Architecture", model.arch);
  report.fact("framework", model.framework.empty() ? "" : "Made from", model.framework);
  report.fact("name", model.name.empty() ? "" : "Name", model.name);
  report.fact("shapes", "Shapes", model.dynamic ? "to choose from" : "fixed");
  report.fact("input_count", "Inputs", model.inputs);
  report.fact("output_count", "Outputs", model.outputs);
  std::vector<std::vector<Cell>> rows;
  for (const engine::RknnTensor& tensor : model.tensors)
    rows.push_back(
        {tensor.name, tensor.type, {shape_json(tensor.shape), engine::to_string(tensor.shape)}});
  if (!rows.empty()) report.line("");
  report.table("tensors", {{"name", "TENSOR"}, {"type", "TYPE"}, {"shape", "SHAPE (NCHW)"}}, rows);
}

void report_xclbin(const XclbinFile& file, Report& report) {
  report.fact("uuid", "UUID", file.uuid);
  report.fact("platform", file.platform.empty() ? "" : "Platform", file.platform);
  report.fact("xclbin_version", "Version",
              fmt::format("{}.{}.{}", file.version_major, file.version_minor, file.version_patch));
  report.fact("built", "", file.built);
  report.fact("kernels", file.kernels.empty() ? "" : "Kernels",
              Cell(Json(file.kernels), join(file.kernels, ", ")));
  if (file.partition) {
    const AiePartition& partition = *file.partition;
    std::vector<std::string> starts;
    for (unsigned start : partition.start_columns) starts.push_back(std::to_string(start));
    report.data("partition", {{"name", partition.name},
                              {"column_width", partition.column_width},
                              {"start_columns", partition.start_columns},
                              {"operations_per_cycle", partition.operations_per_cycle},
                              {"pdis", partition.pdis}});
    report.line(fmt::format("Columns: {}{}", partition.column_width,
                            starts.empty() ? "" : ", starting at " + join(starts, ", ")));
  }
  std::vector<std::vector<Cell>> rows;
  for (const XclbinSection& section : file.sections)
    rows.push_back(
        {section.title, section.name, {Json(section.bytes), human_bytes(section.bytes)}});
  report.line("");
  report.table("sections", {{"title", "SECTION"}, {"name", "NAME"}, {"bytes", "SIZE", true}}, rows);
}

}  // namespace

void report_inspection(const Inspection& inspection, bool all_tensors, Report& report) {
  report.fact("file", "File", inspection.file.string());
  report.fact("bytes", "Size", Cell(Json(inspection.bytes), human_bytes(inspection.bytes)));
  report.fact("format", "Format",
              Cell(Json(to_string(inspection.kind)), std::string(title_of(inspection.kind))));
  if (inspection.tflite) report_tflite(*inspection.tflite, all_tensors, report);
  if (inspection.onnx) report_onnx(*inspection.onnx, report);
  if (inspection.rknn) report_rknn(*inspection.rknn, report);
  if (inspection.xclbin) report_xclbin(*inspection.xclbin, report);
  if (!inspection.tflite && !inspection.onnx && !inspection.rknn && !inspection.xclbin)
    report.line("Only its vendor's tools can look inside.");
}

}  // namespace anynpu::model

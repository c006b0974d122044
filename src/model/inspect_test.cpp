// SPDX-License-Identifier: Apache-2.0
#include "model/inspect.h"

#include <cstring>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>

#include "model/tflite_operators.h"
#include "temporary_folder.h"
#include "tiny_onnx.h"
#include "tiny_rknn.h"
#include "tiny_tflite.h"

namespace anynpu::model {
namespace {

using anynpu::test::OnnxType;
using anynpu::test::TfliteType;
using anynpu::test::TinyOnnx;
using anynpu::test::TinyTflite;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

std::vector<std::byte> small_tflite() {
  TinyTflite model;
  int x = model.input({.name = "x",
                       .type = TfliteType::kUint8,
                       .shape = {1, 4},
                       .signature = {-1, 4},
                       .scales = {0.5F},
                       .zero_points = {3}});
  int weights = model.constant<std::int8_t>({.name = "w",
                                             .type = TfliteType::kInt8,
                                             .shape = {2, 4},
                                             .scales = {0.25F, 1.0F},
                                             .zero_points = {0, 0},
                                             .axis = 0},
                                            {1, 2, 3, 4, 5, 6, 7, 8});
  int y = model.output({.name = "y", .type = TfliteType::kFloat32, .shape = {1, 2}});
  model.fully_connected(x, weights, -1, y);
  model.softmax(y, y);
  model.softmax(y, y);
  model.custom("My_Op", {y}, {y});
  return model.build("a small one");
}

TEST(InspectTflite, ReadsTensorsAndOperators) {
  Result<TfliteFile> model = read_tflite(small_tflite(), "x.tflite");
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->schema_version, 3U);
  EXPECT_EQ(model->description, "a small one");
  ASSERT_EQ(model->subgraphs.size(), 1U);
  const TfliteSubgraph& graph = model->subgraphs[0];
  EXPECT_THAT(graph.inputs, ElementsAre(0U));
  EXPECT_THAT(graph.outputs, ElementsAre(2U));
  EXPECT_EQ(graph.operators, 4U);
  const TfliteTensor& input = graph.tensors[0];
  EXPECT_EQ(input.name, "x");
  EXPECT_EQ(input.type_name, "uint8");
  EXPECT_THAT(input.shape, ElementsAre(-1, 4)) << "the signature leaves the batch open";
  EXPECT_EQ(input.quantisation.scales, 1U);
  EXPECT_FLOAT_EQ(input.quantisation.least_scale, 0.5F);
  EXPECT_EQ(input.quantisation.least_zero_point, 3);
  const TfliteTensor& weights = graph.tensors[1];
  EXPECT_EQ(weights.quantisation.scales, 2U);
  EXPECT_FLOAT_EQ(weights.quantisation.most_scale, 1.0F);
  EXPECT_EQ(weights.constant_bytes, 8U);
  EXPECT_EQ(model->buffer_bytes, 8U);
  ASSERT_EQ(model->operators.size(), 3U);
  EXPECT_EQ(model->operators[0].name, "SOFTMAX") << "the most used first, equal ones together";
  EXPECT_EQ(model->operators[0].count, 2U);
  bool custom = false;
  for (const OperatorUse& use : model->operators)
    custom = custom || (use.custom && use.name == "My_Op");
  EXPECT_TRUE(custom);
}

// Whatever is cut off or changed, reading ends with a model or an error.
TEST(InspectTflite, SurvivesDamage) {
  std::vector<std::byte> whole = small_tflite();
  int refused = 0;
  for (std::size_t length = 0; length < whole.size(); ++length)
    refused += read_tflite(std::span(whole).first(length), "x").has_value() ? 0 : 1;
  EXPECT_GT(refused, static_cast<int>(whole.size() / 2));
  for (std::size_t at = 8; at < whole.size(); ++at) {
    std::vector<std::byte> changed = whole;
    for (int value : {0x00, 0x7F, 0x80, 0xFF}) {
      changed[at] = static_cast<std::byte>(value);
      Result<TfliteFile> model = read_tflite(changed, "x");
      if (!model) {
        EXPECT_THAT(model.error().message, HasSubstr("x: is a"));
      }
    }
  }
}

TEST(InspectTflite, ATruncatedFileIsSaidToBeDamaged) {
  std::vector<std::byte> whole = small_tflite();
  Result<Inspection> inspection =
      inspect_bytes(std::span(whole).first(whole.size() / 2), "cut.tflite");
  ASSERT_FALSE(inspection.has_value());
  EXPECT_THAT(inspection.error().message,
              HasSubstr("cut.tflite: is a damaged TensorFlow Lite model"));
  EXPECT_FALSE(inspection.error().hint.empty());
}

TEST(InspectTflite, ListsFilesAppendedAsZip) {
  std::string zip(
      "PK\x03\x04"
      "\x14\0\0\0\0\0\0\0\0\0"
      "\0\0\0\0"
      "\x03\0\0\0\x03\0\0\0"
      "\x05\0\0\0"
      "a.txt"
      "cat",
      38);
  std::string entry(
      "PK\x01\x02"
      "\x14\0\x14\0\0\0\0\0\0\0\0\0"
      "\0\0\0\0"
      "\x03\0\0\0\x03\0\0\0"
      "\x05\0\0\0\0\0\0\0\0\0"
      "\0\0\0\0"
      "\0\0\0\0"
      "a.txt",
      51);
  std::string end(
      "PK\x05\x06"
      "\0\0\0\0\x01\0\x01\0"
      "\x33\0\0\0"
      "\x26\0\0\0"
      "\0\0",
      22);
  std::vector<std::byte> bytes = small_tflite();
  for (std::byte byte : bytes_of(zip + entry + end)) bytes.push_back(byte);
  Result<TfliteFile> model = read_tflite(bytes, "x");
  ASSERT_TRUE(model.has_value()) << model.error().message;
  ASSERT_EQ(model->associated_files.size(), 1U);
  EXPECT_EQ(model->associated_files[0].name, "a.txt");
  EXPECT_EQ(model->associated_files[0].bytes, 3U);
  ASSERT_NE(model->associated_files[0].offset, 0U);
  EXPECT_EQ(std::memcmp(bytes.data() + model->associated_files[0].offset, "cat", 3), 0);
}

TEST(TfliteOperators, AreNamedByCode) {
  EXPECT_EQ(tflite_operator_name(0), "ADD");
  EXPECT_EQ(tflite_operator_name(3), "CONV_2D");
  EXPECT_EQ(tflite_operator_name(117), "HARD_SWISH");
  EXPECT_EQ(tflite_operator_name(150), "GELU");
  EXPECT_EQ(tflite_operator_name(209), "STABLEHLO_CASE");
  EXPECT_EQ(tflite_operator_name(-1), "builtin -1");
  EXPECT_EQ(tflite_operator_name(9999), "builtin 9999");
}

std::vector<std::byte> small_onnx() {
  TinyOnnx model;
  model.input("x", OnnxType::kFloat, {"batch", "3", "4", "4"});
  model.input("w", OnnxType::kInt8, {"8"});
  model.constant<std::int8_t>("w", OnnxType::kInt8, {8}, {1, 2, 3, 4, 5, 6, 7, 8});
  model.node("DequantizeLinear", {"w"}, {"a"});
  model.node("Add", {"x", "a"}, {"b"});
  model.node("Add", {"b", "a"}, {"y"});
  model.output("y", OnnxType::kFloat, {"batch", "2"});
  return model.build();
}

TEST(InspectOnnx, ReadsGraphAndOperators) {
  Result<OnnxFile> model = read_onnx(small_onnx(), "x.onnx");
  ASSERT_TRUE(model.has_value()) << model.error().message;
  EXPECT_EQ(model->ir_version, 8);
  EXPECT_EQ(model->producer, "anynpu");
  ASSERT_EQ(model->opsets.size(), 1U);
  EXPECT_EQ(model->opsets[0].second, 13);
  ASSERT_EQ(model->inputs.size(), 1U) << "a weight is not an input";
  EXPECT_EQ(model->inputs[0].name, "x");
  EXPECT_THAT(model->inputs[0].shape, ElementsAre(-1, 3, 4, 4));
  EXPECT_EQ(model->inputs[0].shown_shape, "batch x 3 x 4 x 4");
  EXPECT_EQ(model->inputs[0].type_name, "float32");
  EXPECT_EQ(model->outputs.at(0).name, "y");
  EXPECT_EQ(model->initializers, 1U);
  EXPECT_EQ(model->initializer_bytes, 8U);
  EXPECT_EQ(model->nodes, 3U);
  EXPECT_EQ(model->quantised_nodes, 1U);
  EXPECT_EQ(model->operators.at(0).name, "Add");
  EXPECT_EQ(model->operators.at(0).count, 2U);
}

TEST(InspectOnnx, SurvivesDamage) {
  std::vector<std::byte> whole = small_onnx();
  int refused = 0;
  for (std::size_t length = 0; length < whole.size(); ++length)
    refused += read_onnx(std::span(whole).first(length), "x").has_value() ? 0 : 1;
  EXPECT_GT(refused, static_cast<int>(whole.size() / 2));
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::vector<std::byte> changed = whole;
    changed[at] = std::byte{0xFF};
    Result<OnnxFile> model = read_onnx(changed, "x");
    if (!model) {
      EXPECT_THAT(model.error().message, HasSubstr("x: is "));
    }
  }
}

// A graph inside an attribute inside a node inside a graph, 100 times.
TEST(InspectOnnx, DeepNestingIsRefused) {
  auto message = [](int field, const std::string& content) {
    std::string out(1, static_cast<char>(field << 3 | 2));
    std::size_t size = content.size();
    for (; size >= 128; size >>= 7) out += static_cast<char>((size & 127) | 128);
    return out + static_cast<char>(size) + content;
  };
  std::string graph = message(2, "innermost");
  for (int i = 0; i < 100; ++i) graph = message(1, message(5, message(6, graph)));
  Result<OnnxFile> model = read_onnx(bytes_of("\x08\x08" + message(7, graph)), "x");
  ASSERT_FALSE(model.has_value());
  EXPECT_THAT(model.error().message, HasSubstr("nested too deeply"));
}

TEST(InspectKind, IsJudgedByContent) {
  EXPECT_EQ(*kind_of(small_tflite(), "renamed.bin"), FileKind::kTflite);
  EXPECT_EQ(*kind_of(small_onnx(), "x"), FileKind::kOnnx);
  EXPECT_EQ(*kind_of(bytes_of(std::string("RKNN\0\0\0\0\6\0\0\0", 12)), "x"), FileKind::kRknn);
  EXPECT_EQ(*kind_of(bytes_of("xclbin2 ..."), "x"), FileKind::kXclbin);
  EXPECT_EQ(*kind_of(bytes_of("\x08\x06 axera"), "x.axmodel"), FileKind::kAxmodel);
}

TEST(InspectKind, WhatIsNoModelIsNamed) {
  struct Impostor {
    std::string content;
    const char* what;
  };
  const Impostor cases[] = {
      {"", "an empty file"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "a Git LFS pointer"},
      {"\n <!DOCTYPE html><html>", "a web page"},
      {"{\"error\": 404}", "a JSON document"},
      {"PK\x03\x04", "a zip archive"},
      {"\x1f\x8b\x08", "a gzip archive"},
      {"\x7f"
       "ELF\x02",
       "a program or a library"},
      {std::string(100, '\0'), "filled with zeros"},
      {"hello", "none of the formats"},
  };
  for (const Impostor& one : cases) {
    Result<FileKind> kind = kind_of(bytes_of(one.content), "x.tflite");
    ASSERT_FALSE(kind.has_value()) << one.what;
    EXPECT_THAT(kind.error().message, HasSubstr(one.what));
  }
}

TEST(InspectFile, OnlyRegularFiles) {
  TemporaryFolder folder;
  EXPECT_EQ(inspect_file(folder / "nothing").error().code, Code::kNotFound);
  EXPECT_THAT(inspect_file(folder.path()).error().message, HasSubstr("is a folder"));
  EXPECT_THAT(inspect_file("/dev/zero").error().message, HasSubstr("not a regular file"));
  std::ofstream(folder / "empty").close();
  EXPECT_THAT(inspect_file(folder / "empty").error().message, HasSubstr("an empty file"));
}

TEST(InspectReport, TextAndJsonSayTheSame) {
  Result<Inspection> inspection = inspect_bytes(small_tflite(), "x.tflite");
  ASSERT_TRUE(inspection.has_value());
  std::ostringstream text, json;
  auto report = text_report(text);
  report_inspection(*inspection, true, *report);
  report->finish();
  report = json_report(json);
  report_inspection(*inspection, false, *report);
  report->finish();
  EXPECT_THAT(text.str(), HasSubstr("scale 0.5, zero 3"));
  EXPECT_THAT(text.str(), HasSubstr("2 scales on axis 0"));
  Json document = Json::parse(json.str());
  EXPECT_EQ(document["format"], "tflite");
  EXPECT_EQ(document["tensors"].size(), 3U) << "JSON always has every tensor";
  EXPECT_EQ(document["inputs"][0]["quantisation"]["zero_point"], 3);
  EXPECT_EQ(document["inputs"][0]["shape"], Json::array({-1, 4}));
  EXPECT_EQ(document["operators"][0]["name"], "SOFTMAX");
}

TEST(InspectReport, RknnSaysWhatItNeeds) {
  const std::vector<std::byte> bytes = sim::make_rknn(
      small_tflite(), {},
      {{{"url", "input"}, {"size", {1, 3, 8, 8}}, {"dtype", {{"qnt_type", "int8"}}}}});
  Result<Inspection> inspection = inspect_bytes(bytes, "x.rknn");
  ASSERT_TRUE(inspection.has_value()) << inspection.error().message;
  std::ostringstream text, json;
  auto report = text_report(text);
  report_inspection(*inspection, true, *report);
  report->finish();
  report = json_report(json);
  report_inspection(*inspection, false, *report);
  report->finish();
  EXPECT_THAT(text.str(), HasSubstr("librknnrt 2.3.2 or newer"));
  EXPECT_THAT(text.str(), HasSubstr("rk3588"));
  Json document = Json::parse(json.str());
  EXPECT_EQ(document["format"], "rknn");
  EXPECT_EQ(document["platforms"], Json::array({"rk3588"}));
  EXPECT_EQ(document["least_runtime"], "2.3.2");
  EXPECT_EQ(document["tensors"][0]["shape"], Json::array({1, 3, 8, 8}));
}

}  // namespace
}  // namespace anynpu::model

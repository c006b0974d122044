// SPDX-License-Identifier: Apache-2.0
// Inspection: what a model file is, judged by its content.
#include "model/inspect.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
#include "engine/impostor.h"
#include "model/mapped_file.h"

namespace anynpu::model {

namespace fs = std::filesystem;

std::string_view title_of(FileKind kind) {
  switch (kind) {
    case FileKind::kTflite:
      return "TensorFlow Lite";
    case FileKind::kOnnx:
      return "ONNX";
    case FileKind::kRknn:
      return "Rockchip RKNN";
    case FileKind::kAxmodel:
      return "AXERA axmodel";
    case FileKind::kXclbin:
      return "AMD xclbin";
  }
  return "";
}

std::string_view to_string(FileKind kind) {
  switch (kind) {
    case FileKind::kTflite:
      return "tflite";
    case FileKind::kOnnx:
      return "onnx";
    case FileKind::kRknn:
      return "rknn";
    case FileKind::kAxmodel:
      return "axmodel";
    case FileKind::kXclbin:
      return "xclbin";
  }
  return "";
}

namespace {

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Result<FileKind> kind_of(std::span<const std::byte> bytes, const fs::path& name) {
  auto refuse = [&](std::string_view what, std::string_view hint) {
    return Error{Code::kInvalid, fmt::format("{}: is {}", name.string(), what), 0,
                 std::string(hint)};
  };
  if (bytes.empty()) return refuse("an empty file", "fetch it again");
  if (looks_like_tflite(bytes)) return FileKind::kTflite;
  std::string_view text = as_text(bytes);
  if (engine::looks_like_rknn(bytes)) return FileKind::kRknn;
  if (text.starts_with("xclbin2")) return FileKind::kXclbin;
  if (auto impostor = engine::impostor_of(bytes)) return refuse(impostor->what, impostor->hint);
  std::string ending = to_lower(name.extension().string());
  if (ending == ".axmodel") return FileKind::kAxmodel;
  if (looks_like_onnx(bytes)) return FileKind::kOnnx;
  return refuse("none of the formats that anynpu knows",
                "it knows .tflite, .onnx, .rknn, .axmodel and .xclbin");
}

Result<Inspection> inspect_bytes(std::span<const std::byte> bytes, const fs::path& name) {
  ANYNPU_TRY(kind, kind_of(bytes, name));
  Inspection inspection{name, bytes.size(), kind, {}, {}, {}};
  if (kind == FileKind::kTflite) {
    ANYNPU_TRY(tflite, read_tflite(bytes, name.string()));
    inspection.tflite = std::move(tflite);
  }
  if (kind == FileKind::kOnnx) {
    ANYNPU_TRY(onnx, read_onnx(bytes, name.string()));
    inspection.onnx = std::move(onnx);
  }
  if (kind == FileKind::kRknn) {
    ANYNPU_TRY(rknn, engine::read_rknn(bytes, name.string()));
    inspection.rknn = std::move(rknn);
  }
  if (kind == FileKind::kXclbin) {
    ANYNPU_TRY(xclbin, read_xclbin(bytes, name.string()));
    inspection.xclbin = std::move(xclbin);
  }
  return inspection;
}

Result<Inspection> inspect_file(const fs::path& file) {
  ANYNPU_TRY(mapped, MappedFile::open(file));
  return inspect_bytes(mapped.bytes(), file);
}

}  // namespace anynpu::model

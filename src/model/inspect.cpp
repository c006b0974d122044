// SPDX-License-Identifier: Apache-2.0
// Inspection: what a model file is, judged by its content.
#include "model/inspect.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "base/text.h"
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

// Files that are often found in the place of a model.
struct Impostor {
  std::string_view start;
  const char* what;
  const char* hint;
};
constexpr Impostor kImpostors[] = {
    {"version https://git-lfs", "a Git LFS pointer, not the model itself",
     "run 'git lfs pull' in its repository"},
    {"<!DOCTYPE", "a web page, not a model",
     "the download was answered by a page: look at it, then fetch again"},
    {"<!doctype", "a web page, not a model",
     "the download was answered by a page: look at it, then fetch again"},
    {"<html", "a web page, not a model",
     "the download was answered by a page: look at it, then fetch again"},
    {"<HTML", "a web page, not a model",
     "the download was answered by a page: look at it, then fetch again"},
    {"<?xml", "an XML document, not a model",
     "the download may have been answered by an error: fetch it again"},
    {"{", "a JSON document, not a model",
     "the download may have been answered by an error: fetch it again"},
    {"PK\x03\x04", "a zip archive (a Keras or PyTorch model?), not a model that anynpu loads",
     "unpack or convert it"},
    {"\x1f\x8b", "a gzip archive, not a model", "unpack it with tar or gunzip"},
    {"\xfd"
     "7zXZ",
     "an xz archive, not a model", "unpack it with tar or unxz"},
    {"\x89HDF", "an HDF5 file (a Keras model?), not a model that anynpu loads",
     "convert it to .tflite or .onnx"},
    {"\x7f"
     "ELF",
     "a program or a library, not a model", ""},
    {"CYPTRKNN", "an encrypted RKNN model, which cannot be looked into", ""},
};

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool all_zero(std::span<const std::byte> bytes) {
  auto head = bytes.first(std::min<std::size_t>(bytes.size(), 4096));
  return std::all_of(head.begin(), head.end(), [](std::byte byte) { return byte == std::byte{0}; });
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
  if (text.starts_with(std::string_view("RKNN\0\0\0\0", 8))) return FileKind::kRknn;
  if (text.starts_with("xclbin2")) return FileKind::kXclbin;
  std::string_view start = trim(text.substr(0, 64));
  for (const Impostor& impostor : kImpostors)
    if (text.starts_with(impostor.start) || start.starts_with(impostor.start))
      return refuse(impostor.what, impostor.hint);
  if (all_zero(bytes))
    return refuse("filled with zeros, as an interrupted download leaves it", "fetch it again");
  std::string ending = to_lower(name.extension().string());
  if (ending == ".axmodel") return FileKind::kAxmodel;
  if (looks_like_onnx(bytes)) return FileKind::kOnnx;
  return refuse("none of the formats that anynpu knows",
                "it knows .tflite, .onnx, .rknn, .axmodel and .xclbin");
}

Result<Inspection> inspect_bytes(std::span<const std::byte> bytes, const fs::path& name) {
  ANYNPU_TRY(kind, kind_of(bytes, name));
  Inspection inspection{name, bytes.size(), kind, std::nullopt, std::nullopt};
  if (kind == FileKind::kTflite) {
    ANYNPU_TRY(tflite, read_tflite(bytes, name.string()));
    inspection.tflite = std::move(tflite);
  }
  if (kind == FileKind::kOnnx) {
    ANYNPU_TRY(onnx, read_onnx(bytes, name.string()));
    inspection.onnx = std::move(onnx);
  }
  return inspection;
}

Result<Inspection> inspect_file(const fs::path& file) {
  ANYNPU_TRY(mapped, MappedFile::open(file));
  return inspect_bytes(mapped.bytes(), file);
}

}  // namespace anynpu::model

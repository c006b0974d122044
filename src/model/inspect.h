// SPDX-License-Identifier: Apache-2.0
// Inspection: what a model file is, judged by its content, and what it holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "base/report.h"
#include "base/result.h"
#include "engine/rknn_file.h"
#include "model/onnx_file.h"
#include "model/tflite_file.h"
#include "model/xclbin_file.h"

namespace anynpu::model {

enum class FileKind { kTflite, kOnnx, kRknn, kAxmodel, kXclbin };
/// "TensorFlow Lite", "Rockchip RKNN", ...
std::string_view title_of(FileKind kind);
/// "tflite", "rknn", ...
std::string_view to_string(FileKind kind);

struct Inspection {
  std::filesystem::path file;
  std::uint64_t bytes = 0;
  FileKind kind = FileKind::kTflite;
  std::optional<TfliteFile> tflite;      // for kTflite
  std::optional<OnnxFile> onnx;          // for kOnnx
  std::optional<engine::RknnFile> rknn;  // for kRknn
  std::optional<XclbinFile> xclbin;      // for kXclbin
};

/// What the bytes are. `name` decides only where the content does not: .axmodel. An error says what
/// a file is that is no model: an empty file, a Git LFS pointer, a web page, an archive.
Result<FileKind> kind_of(std::span<const std::byte> bytes, const std::filesystem::path& name);

Result<Inspection> inspect_bytes(std::span<const std::byte> bytes,
                                 const std::filesystem::path& name);

/// Memory use does not grow with the file's weights.
Result<Inspection> inspect_file(const std::filesystem::path& file);

/// Writes tensors, quantisation and operators. `all_tensors`: text lists those inside the graph,
/// too; JSON always has them.
void report_inspection(const Inspection& inspection, bool all_tensors, Report& report);

}  // namespace anynpu::model

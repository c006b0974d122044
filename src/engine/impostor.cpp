// SPDX-License-Identifier: Apache-2.0
// The first bytes of files that are no models.
#include "engine/impostor.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"

namespace anynpu::engine {
namespace {

struct KnownImpostor {
  std::string_view start;
  Impostor impostor;
};

constexpr Impostor kWebPage = {"a web page, not a model",
                               "the download was answered by a page: look at it, then fetch again"};

constexpr KnownImpostor kKnownImpostors[] = {
    {"version https://git-lfs",
     {"a Git LFS pointer, not the model itself", "run 'git lfs pull' in its repository"}},
    {"<!DOCTYPE", kWebPage},
    {"<!doctype", kWebPage},
    {"<html", kWebPage},
    {"<HTML", kWebPage},
    {"<?xml",
     {"an XML document, not a model",
      "the download may have been answered by an error: fetch it again"}},
    {"{",
     {"a JSON document, not a model",
      "the download may have been answered by an error: fetch it again"}},
    {"PK\x03\x04",
     {"a zip archive (a Keras or PyTorch model?), not a model that anynpu loads",
      "unpack or convert it"}},
    {"\x1f\x8b", {"a gzip archive, not a model", "unpack it with tar or gunzip"}},
    {"\xfd"
     "7zXZ",
     {"an xz archive, not a model", "unpack it with tar or unxz"}},
    {"\x89HDF",
     {"an HDF5 file (a Keras model?), not a model that anynpu loads",
      "convert it to .tflite or .onnx"}},
    {"\x7f"
     "ELF",
     {"a program or a library, not a model", ""}},
    {"CYPTRKNN", {"an encrypted RKNN model, which cannot be looked into", ""}},
    {"RKLLM",
     {"a language model for Rockchip's RKLLM runtime, not an RKNN model",
      "anynpu runs .rknn models"}},
};

constexpr std::size_t kZerosLookedAt = 4096;

bool begins_with_zeros(std::span<const std::byte> bytes) {
  const auto head = bytes.first(std::min(bytes.size(), kZerosLookedAt));
  return !head.empty() &&
         std::all_of(head.begin(), head.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

std::optional<Impostor> impostor_of(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const std::string_view start = trim(text.substr(0, 64));
  for (const KnownImpostor& known : kKnownImpostors)
    if (text.starts_with(known.start) || start.starts_with(known.start)) return known.impostor;
  if (begins_with_zeros(bytes))
    return Impostor{"filled with zeros, as an interrupted download leaves it", "fetch it again"};
  return std::nullopt;
}

}  // namespace anynpu::engine

// SPDX-License-Identifier: Apache-2.0
// What a .rknn file says of itself, read from untrusted bytes; weights are never touched.
//
//   offset 0   "RKNN", four zero bytes
//          8   u64 format version: 1 (toolkit 1.3.0), 2 (1.3.4, 1.4), 4 (1.5.0), 6 (1.5.2 to 2.3.2)
//         16   u64 N, the length of a FlatBuffer
//         64   the FlatBuffer, with the identifier "RKNN"
//     64 + N   u64 length of a JSON text, which follows to the end of the file
//
// Derived from files of toolkits 1.3.4 to 2.3.2. What else a file may be that is called .rknn is
// said by the error: a Git LFS pointer, a web page, ONNX, an LLM, another generation, half a file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/tensor.h"

namespace anynpu::engine {

struct RknnTensor {
  std::string name;
  std::string type;  // "int8", as the file spells it; empty when it does not say
  Shape shape;       // NCHW
};

struct RknnFile {
  std::uint64_t format = 0;
  std::uint64_t flatbuffer_bytes = 0;
  std::vector<std::string> platforms;  // {"rk3588"}; an RK3568 model says "rk3566"
  std::string toolkit;                 // "2.3.2"
  std::string compiler;                // "2.3.2 (e045de294f@2025-04-07T19:48:25)"; may be empty
  std::string name;
  std::string framework;  // "TFLite", "ONNX", ... as the file spells it
  std::string arch;       // "RKNPU v2"; may be empty
  bool dynamic = false;   // its inputs have several shapes to choose from
  std::int64_t inputs = 0, outputs = 0;
  std::vector<RknnTensor> tensors;
};

bool looks_like_rknn(std::span<const std::byte> bytes);

/// `file` is the name that errors start with. A JSON text over 64 MB is refused; at most 10,000
/// tensors are kept.
/// kEnds leaves out what only a search through the weights finds: compiler, arch, dynamic.
enum class RknnDepth { kAll, kEnds };
Result<RknnFile> read_rknn(std::span<const std::byte> bytes, const std::string& file,
                           RknnDepth depth = RknnDepth::kAll);

/// The oldest librknnrt that knows the format of the file: "1.5.2"; empty when any does.
std::string runtime_of_format(const RknnFile& model);
/// The oldest librknnrt that loads it, by its format and its toolkit: "1.5.2"; empty when any does.
std::string least_runtime(const RknnFile& model);

/// The toolkit's version without what follows the numbers: "1.6.2" of "1.6.2-source_code".
std::string plain_version(const std::string& version);

/// A model for the first SoC runs on the second: RK3566 = RK3568, RK3588 = RK3588S, ...
bool same_platform(const std::string& target, const std::string& soc);

}  // namespace anynpu::engine

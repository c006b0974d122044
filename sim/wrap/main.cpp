// SPDX-License-Identifier: Apache-2.0
// Wraps a .tflite as what the simulated AXERA card or the simulated Ryzen AI takes for a compiled
// model:
//
//   wrap-artifact IN.tflite OUT.axmodel    or    wrap-artifact IN.tflite OUT.xclbin
#include <cstdio>
#include <filesystem>
#include <span>

#include "base/file.h"
#include "sim/axcl/artifact.h"
#include "sim/xrt/artifact.h"

int main(int argc, char** argv) {
  using namespace anynpu;
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s IN.tflite OUT.axmodel|OUT.xclbin\n", argv[0]);
    return 2;
  }
  auto tflite = read_bytes(argv[1], std::size_t{1} << 30);
  const std::filesystem::path out = argv[2];
  Result<> written = tflite ? Result<>() : Result<>(tflite.error());
  if (tflite && out.extension() == ".axmodel") {
    const auto bytes = sim::axcl::write_axmodel(*tflite);
    written = write_file(out, std::span<const std::byte>(bytes));
  } else if (tflite && out.extension() == ".xclbin") {
    written = sim::xrt_device::write_xclbin(out, *tflite);
  } else if (tflite) {
    written = Error{Code::kInvalid, out.string() + ": ends neither in .axmodel nor in .xclbin"};
  }
  if (written) return 0;
  std::fprintf(stderr, "error: %s\n", written.error().message.c_str());
  return 1;
}

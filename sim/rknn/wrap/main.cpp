// SPDX-License-Identifier: Apache-2.0
// wrap-rknn MODEL.tflite MODEL.rknn [PLATFORM]: writes a test artifact for the simulated librknnrt.
#include <cstdio>

#include "base/file.h"
#include "engine/engines.h"
#include "sim/rknn/artifact.h"

namespace {

using namespace anynpu;

/// As a .rknn lists them: NCHW.
nlohmann::json listed(const engine::SessionInfo& info) {
  nlohmann::json tensors = nlohmann::json::array();
  auto add = [&](const engine::TensorInfo& tensor) {
    engine::Shape shape = tensor.shape;
    if (shape.size() == 4) shape = {shape[0], shape[3], shape[1], shape[2]};
    const std::string type = tensor.quantisation.per_tensor() ? "int8" : "float16";
    tensors.push_back({{"tensor_id", tensors.size()},
                       {"url", tensor.name},
                       {"size", shape},
                       {"dtype", {{"qnt_type", type}}}});
  };
  for (const engine::TensorInfo& tensor : info.inputs) add(tensor);
  for (const engine::TensorInfo& tensor : info.outputs) add(tensor);
  return tensors;
}

Result<> wrap(const char* from, const char* to, const char* platform) {
  ANYNPU_TRY(tflite, read_bytes(from, std::size_t{1} << 30));
  ANYNPU_TRY(engine, engine::open_engine("tflite"));
  ANYNPU_TRY(session, engine->load(from, engine::LoadOptions{1, ""}));
  const engine::SessionInfo& info = session->info();
  sim::RknnArtifact artifact;
  artifact.platform = platform;
  artifact.name = std::filesystem::path(from).stem().string();
  return write_file(
      to, sim::make_rknn(tflite, artifact, listed(info), static_cast<int>(info.inputs.size()),
                         static_cast<int>(info.outputs.size())));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) {
    std::fprintf(stderr, "usage: wrap-rknn MODEL.tflite MODEL.rknn [rk3588]\n");
    return 2;
  }
  const auto done = wrap(argv[1], argv[2], argc == 4 ? argv[3] : "rk3588");
  if (done) return 0;
  std::fprintf(stderr, "wrap-rknn: %s\n", done.error().message.c_str());
  return 1;
}

// SPDX-License-Identifier: Apache-2.0
// Packs a .tflite for the simulated Ryzen AI.
#include "sim/xrt/artifact.h"

#include <cstring>

#include "base/file.h"
#include "base/report.h"
#include "engine/tensor.h"
#include "sim/common/network.h"
#include "tests/support/tiny_xclbin.h"

namespace anynpu::sim::xrt_device {
namespace {

Json tensors_json(const std::vector<engine::TensorInfo>& tensors) {
  Json list = Json::array();
  for (const engine::TensorInfo& tensor : tensors) {
    Json json{{"name", tensor.name}, {"type", to_string(tensor.type)}, {"shape", tensor.shape}};
    if (tensor.quantisation.per_tensor()) {
      json["scale"] = tensor.quantisation.scales.front();
      json["zero_point"] = tensor.quantisation.zero_points.front();
    }
    list.push_back(std::move(json));
  }
  return list;
}

}  // namespace

Result<XclbinFiles> make_xclbin(std::span<const std::byte> tflite, const XclbinFacts& facts) {
  ANYNPU_TRY(network, Network::from_tflite(tflite));
  XclbinFiles files;
  // As the real ones begin: a version word, then what nobody but the NPU reads.
  std::vector<std::uint32_t> words = {0x06030100, 0x00000105,
                                      static_cast<std::uint32_t>(tflite.size())};
  for (std::size_t i = 0; i < 29; ++i)
    words.push_back(static_cast<std::uint32_t>(i * 2654435761U ^ tflite.size()));
  files.instructions.resize(words.size() * sizeof(std::uint32_t));
  std::memcpy(files.instructions.data(), words.data(), files.instructions.size());
  files.tensors = Json{{"inputs", tensors_json(network->info().inputs)},
                       {"outputs", tensors_json(network->info().outputs)}}
                      .dump(2) +
                  "\n";
  test::TinyXclbin container;
  container.partition(facts.columns, {1}, 2048);
  container.kernel(facts.kernel + ":MLIRAIE");
  container.section(test::TinyXclbin::kUserMetadata, "simulated",
                    pack_artifact({{"family", "xdna"},
                                   {"kernel", facts.kernel},
                                   {"columns", facts.columns},
                                   {"instructions", words}},
                                  tflite));
  files.xclbin = container.build();
  return files;
}

Result<> write_xclbin(const std::filesystem::path& xclbin, std::span<const std::byte> tflite,
                      const XclbinFacts& facts) {
  ANYNPU_TRY(files, make_xclbin(tflite, facts));
  std::filesystem::path beside = xclbin;
  ANYNPU_CHECK(write_file(xclbin, std::span<const std::byte>(files.xclbin)));
  ANYNPU_CHECK(write_file(beside.replace_extension(".insts.bin"),
                          std::span<const std::byte>(files.instructions)));
  beside = xclbin;
  return write_file(beside.replace_extension(".tensors.json"), std::string_view(files.tensors));
}

}  // namespace anynpu::sim::xrt_device

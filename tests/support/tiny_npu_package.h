// SPDX-License-Identifier: Apache-2.0
// A package of one tiny quantised network for the CPU and for `rocket`, the simulated Teflon for
// worker processes, and what the right answers are.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/engines.h"
#include "model/package.h"
#include "npu/device.h"
#include "runtime/served_model.h"
#include "temporary_folder.h"
#include "tiny_tflite.h"

namespace anynpu::test {

enum class TinyNet { kConvolution, kFloat, kSigned, kPerChannel, kNotSquare, kLoneAddition };

inline std::vector<std::byte> tiny_net(TinyNet kind) {
  // TFLite has scales per channel for signed bytes only.
  const bool is_signed = kind == TinyNet::kSigned || kind == TinyNet::kPerChannel;
  const TfliteType type = kind == TinyNet::kFloat ? TfliteType::kFloat32
                          : is_signed             ? TfliteType::kInt8
                                                  : TfliteType::kUint8;
  const bool quantised = kind != TinyNet::kFloat;
  const std::int32_t height = kind == TinyNet::kNotSquare ? 6 : 4;
  const std::int32_t kernel = kind == TinyNet::kNotSquare ? 3 : 1;
  const std::int64_t zero = is_signed ? 0 : 128;
  auto activation = [&](const char* name, float scale, std::int64_t at) {
    TinyTensor tensor{name, type, {1, height, 4, 4}};
    if (quantised) {
      tensor.scales = {scale};
      tensor.zero_points = {at};
    }
    return tensor;
  };
  TinyTflite model;
  const int x = model.input(activation("x", 0.05F, zero));
  const int y = model.output(activation("y", 0.1F, zero));
  if (kind == TinyNet::kLoneAddition) {
    model.add(x, x, y);
    return model.build();
  }
  TinyTensor weights{"w", type, {4, kernel, kernel, 4}};
  TinyTensor bias{"b", quantised ? TfliteType::kInt32 : TfliteType::kFloat32, {4}};
  const std::size_t count = 16U * static_cast<std::size_t>(kernel * kernel);
  std::mt19937 random(7);
  if (!quantised) {
    std::vector<float> values(count), zeros(4);
    for (float& value : values) value = static_cast<float>(random() % 200) / 100 - 1;
    model.conv_2d(x, model.constant(weights, values), model.constant(bias, zeros), y);
    return model.build();
  }
  std::vector<std::uint8_t> values(count);
  for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(random());
  weights.scales = {0.01F};
  weights.zero_points = {zero};
  if (kind == TinyNet::kPerChannel) {
    weights.scales = {0.01F, 0.02F, 0.01F, 0.01F};
    weights.zero_points = {zero, zero, zero, zero};
    bias.scales = {0.0005F, 0.001F, 0.0005F, 0.0005F};
    bias.zero_points = {0, 0, 0, 0};
  } else {
    bias.scales = {0.0005F};
    bias.zero_points = {0};
  }
  model.conv_2d(x, model.constant(weights, values),
                model.constant(bias, std::vector<std::int32_t>{10, -300, 250, 0}), y);
  return model.build();
}

/// Bytes of one input tensor.
class BytesSource : public runtime::InputSource {
 public:
  explicit BytesSource(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo& tensor) const override {
    return tensor.shape;
  }
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte> to) const override {
    std::copy_n(bytes_.begin(), std::min(to.size(), bytes_.size()), to.begin());
    return {};
  }

 private:
  std::vector<std::byte> bytes_;
};

inline std::vector<std::byte> random_bytes(std::uint32_t seed, std::size_t count = 4 * 4 * 4) {
  std::mt19937 random(seed);
  std::vector<std::byte> bytes(count);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

class TinyNpuPackage {
 public:
  explicit TinyNpuPackage(TinyNet kind = TinyNet::kConvolution) {
    package_.name = "tiny";
    package_.folder = folder_.path();
    model::Artifact artifact;
    artifact.file = "model.tflite";
    artifact.path = folder_ / "model.tflite";
    artifact.engine = "tflite";
    artifact.families = {"cpu", "rocket"};
    artifact.reference = true;
    const std::vector<std::byte> bytes = tiny_net(kind);
    std::ofstream(artifact.path, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
    auto engine = engine::open_engine("tflite");
    if (!engine) std::abort();
    auto session = (*engine)->load(artifact.path, {1, "plain"});
    if (!session) std::abort();
    reference_ = std::move(*session);
    package_.versions.push_back({1, folder_.path(), {std::move(artifact)}});
  }

  const model::Package& package() const { return package_; }
  std::size_t input_bytes() const { return reference_->info().inputs[0].byte_size(); }

  /// Within one level of the CPU's answer.
  bool right(const std::vector<std::byte>& input, const runtime::Reply& reply) {
    if (!reference_->set_input(0, input) || !reference_->run()) return false;
    auto expected = reference_->output(0);
    const std::vector<std::byte>& actual = reply.outputs.at(0).bytes;
    if (!expected || expected->bytes.size() != actual.size()) return false;
    for (std::size_t i = 0; i < actual.size(); ++i)
      if (std::abs(std::to_integer<int>(actual[i]) - std::to_integer<int>(expected->bytes[i])) > 1)
        return false;
    return true;
  }

 private:
  TemporaryFolder folder_;
  model::Package package_;
  std::unique_ptr<engine::Session> reference_;
};

inline npu::Device simulated_rocket(int cores = 1) {
  npu::Device device;
  device.id = "rocket0";
  device.family = "rocket";
  device.title = "simulated NPU";
  device.cores = cores;
  device.status = npu::Status::kReady;
  device.node = "/dev/accel/accel0";
  return device;
}

/// Worker processes that are started while it lives get the simulated Teflon, with faults on
/// demand.
class SimulatedTeflon {
 public:
  SimulatedTeflon() {
    std::error_code error;
    const auto program = std::filesystem::read_symlink("/proc/self/exe", error);
    const std::string library =
        (program.parent_path() / "../lib/anynpu/sim/teflon/libteflon.so").lexically_normal();
    set("ANYNPU_TEFLON", library);
    set("LD_PRELOAD", library);
    set("ANYNPU_SIM_STATE", (folder_ / "state").string());
    set("ANYNPU_SIM_CONTROL", (folder_ / "control").string());
    std::filesystem::create_directory(folder_ / "state");
    fault("");
  }
  ~SimulatedTeflon() {
    for (const std::string& name : names_) ::unsetenv(name.c_str());
  }
  SimulatedTeflon(const SimulatedTeflon&) = delete;
  SimulatedTeflon& operator=(const SimulatedTeflon&) = delete;

  /// From now on, in all workers; counts start anew.
  void fault(const std::string& text) {
    for (const auto& count : std::filesystem::directory_iterator(folder_ / "state"))
      std::fstream(count.path(), std::ios::in | std::ios::out | std::ios::binary)
          .write("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);  // workers have it mapped
    const auto next = folder_ / "next";
    std::ofstream(next) << text;
    std::filesystem::rename(next, folder_ / "control");
  }

 private:
  void set(const std::string& name, const std::string& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
    names_.push_back(name);
  }
  TemporaryFolder folder_;
  std::vector<std::string> names_;
};

}  // namespace anynpu::test

// SPDX-License-Identifier: Apache-2.0
// A model package of tiny artifacts in a temporary folder, and inputs for it.
#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "model/package.h"
#include "runtime/served_model.h"
#include "temporary_folder.h"
#include "tiny_tflite.h"

namespace anynpu::runtime {

enum class TinyModel { kDouble, kMinusHundred, kBroken };

/// One float32 input and output of [1, width] each. The first artifact is the reference.
class TinyPackage {
 public:
  explicit TinyPackage(const std::vector<std::pair<std::string, TinyModel>>& artifacts,
                       int max_batch = 1, std::int32_t width = 4)
      : width_(width) {
    package_.name = "tiny";
    package_.folder = folder_.path();
    model::Version version;
    version.folder = folder_.path() / "1";
    std::filesystem::create_directory(version.folder);
    for (const auto& [file, kind] : artifacts) {
      model::Artifact artifact;
      artifact.file = file;
      artifact.path = version.folder / file;
      artifact.engine = "tflite";
      artifact.families = {"cpu"};
      artifact.reference = version.artifacts.empty();
      artifact.max_batch = max_batch;
      std::vector<std::byte> bytes = build(kind);
      if (auto written = write_file(artifact.path, bytes); !written) std::abort();
      version.artifacts.push_back(std::move(artifact));
    }
    package_.versions.push_back(std::move(version));
  }

  const model::Package& package() const { return package_; }
  std::vector<float> canary() const {
    std::vector<float> values(static_cast<std::size_t>(width_));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7 + 1);
    return values;
  }

 private:
  std::vector<std::byte> build(TinyModel kind) const {
    using test::TfliteType;
    using test::TinyTflite;
    TinyTflite model;
    int x = model.input({"x", TfliteType::kFloat32, {1, width_}});
    int y = model.output({"y", TfliteType::kFloat32, {1, width_}});
    if (kind == TinyModel::kMinusHundred)
      model.add(x, model.constant({"minus", TfliteType::kFloat32, {1}}, std::vector<float>{-100}),
                y);
    else
      model.add(x, x, y);
    std::vector<std::byte> bytes = model.build();
    if (kind == TinyModel::kBroken) bytes.resize(bytes.size() / 2);
    return bytes;
  }

  TemporaryFolder folder_;
  std::int32_t width_;
  model::Package package_;
};

/// The given numbers, whatever the session's shape for them.
class FloatSource : public InputSource {
 public:
  explicit FloatSource(std::vector<float> values) : values_(std::move(values)) {}
  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo&) const override {
    return engine::Shape{1, static_cast<std::int64_t>(values_.size())};
  }
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte> to) const override {
    std::memcpy(to.data(), values_.data(), to.size());
    return {};
  }

 private:
  std::vector<float> values_;
};

/// Has a shape, but cannot write itself down.
class BrokenSource : public FloatSource {
 public:
  BrokenSource() : FloatSource({0, 0, 0, 0}) {}
  Result<> write(std::size_t, const engine::TensorInfo&, std::span<std::byte>) const override {
    return Error{Code::kInvalid, "this input is broken"};
  }
};

}  // namespace anynpu::runtime

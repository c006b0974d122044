// SPDX-License-Identifier: Apache-2.0
// A store of tiny models for end-to-end tests of the server.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "base/file.h"
#include "temporary_folder.h"
#include "tiny_onnx.h"

namespace anynpu::test {

class TinyStore {
 public:
  std::filesystem::path path() const { return folder_.path(); }

  /// Gives two float32 numbers back, in each of the versions.
  void add_identity(const std::string& name, const std::vector<int>& versions) {
    test::TinyOnnx model;
    model.input("x", test::OnnxType::kFloat, {"1", "2"});
    model.node("Identity", {"x"}, {"y"});
    model.output("y", test::OnnxType::kFloat, {"1", "2"});
    write(name, versions, "task = \"raw\"\n", model.build());
  }

  /// A classifier of red, green and blue pictures: scores are the mean colours.
  void add_colours(const std::string& name, const std::vector<int>& versions) {
    test::TinyOnnx model;
    model.input("picture", test::OnnxType::kFloat, {"1", "3", "4", "4"});
    model.node("GlobalAveragePool", {"picture"}, {"means"});
    model.node("Flatten", {"means"}, {"scores"}, {{"axis", 1}});
    model.output("scores", test::OnnxType::kFloat, {"1", "3"});
    std::filesystem::create_directories(folder_ / name);
    put(folder_ / name / "labels.txt", "red\ngreen\nblue\n");
    write(name, versions,
          "task = \"classify\"\nlabels = \"labels.txt\"\n[preprocess]\nmean = 0.0\nstd = 255.0\n",
          model.build());
  }

  /// Takes a version's files away and out of model.toml.
  void remove_version(const std::string& name, int version) {
    Package& package = packages_.at(name);
    std::erase(package.versions, version);
    write_toml(name);
    std::filesystem::remove_all(folder_ / name / std::to_string(version));
  }

  void add_version(const std::string& name, int version) {
    Package& package = packages_.at(name);
    package.versions.push_back(version);
    write_model(name, version);
    write_toml(name);
  }

  /// Writes the same model again, with other times on its files.
  void touch(const std::string& name, int version) {
    write_model(name, version);
    auto file = folder_ / name / std::to_string(version) / "model.onnx";
    std::filesystem::last_write_time(
        file, std::filesystem::last_write_time(file) + std::chrono::seconds(++touched_));
  }

  static void put(const std::filesystem::path& file, std::string_view text) {
    auto written = write_file(file, text);
    ASSERT_TRUE(written) << written.error().message;
  }

 private:
  struct Package {
    std::vector<int> versions;
    std::string head;
    std::vector<std::byte> model;
  };

  void write(const std::string& name, const std::vector<int>& versions, const std::string& head,
             std::vector<std::byte> model) {
    packages_[name] = {versions, head, std::move(model)};
    for (int version : versions) write_model(name, version);
    write_toml(name);
  }
  void write_model(const std::string& name, int version) {
    std::filesystem::create_directories(folder_ / name / std::to_string(version));
    auto written =
        write_file(folder_ / name / std::to_string(version) / "model.onnx", packages_[name].model);
    ASSERT_TRUE(written) << written.error().message;
  }
  void write_toml(const std::string& name) {
    std::string toml = packages_[name].head;
    for (int version : packages_[name].versions)
      toml += "\n[[version]]\nnumber = " + std::to_string(version) +
              "\n[[version.artifact]]\nfile = \"model.onnx\"\n";
    put(folder_ / name / "model.toml", toml);
  }

  TemporaryFolder folder_;
  std::map<std::string, Package> packages_;
  int touched_ = 0;
};

/// A BMP of one colour.
inline std::string bmp(int side, int red, int green, int blue) {
  std::string bytes = "BM";
  auto put = [&bytes](std::uint32_t value, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  const auto edge = static_cast<std::uint32_t>(side);
  const std::uint32_t row = (edge * 3 + 3) / 4 * 4;
  for (std::uint32_t word : {54 + row * edge, 0U, 54U, 40U, edge, edge}) put(word, 4);
  put(1, 2);
  put(24, 2);
  for (std::uint32_t word : {0U, row * edge, 2835U, 2835U, 0U, 0U}) put(word, 4);
  for (int y = 0; y < side; ++y) {
    std::string line;
    for (int x = 0; x < side; ++x)
      line += {static_cast<char>(blue), static_cast<char>(green), static_cast<char>(red)};
    line.resize(row);
    bytes += line;
  }
  return bytes;
}

}  // namespace anynpu::test

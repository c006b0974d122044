// SPDX-License-Identifier: Apache-2.0
#include "engine/engines.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/vendor_library.h"
#include "engine_runs.h"
#include "temporary_folder.h"
#include "tiny_onnx.h"
#include "tiny_tflite.h"

// For runs under AddressSanitizer: ONNX Runtime 1.30 keeps 14 bytes from its own start, once per
// process.
extern "C" const char* __lsan_default_suppressions() {  // NOLINT
  return "leak:libonnxruntime.so";
}

namespace anynpu::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(EngineFor, Endings) {
  EXPECT_EQ(engine_for("a/model.tflite"), "tflite");
  EXPECT_EQ(engine_for("MODEL.ONNX"), "onnxruntime");
  EXPECT_EQ(engine_for("m.rknn"), "rknn");
  EXPECT_EQ(engine_for("m.axmodel"), "axmodel");
  EXPECT_EQ(engine_for("m.xclbin"), "xclbin");
  EXPECT_EQ(engine_for("m.png"), "");
  EXPECT_EQ(engine_for("tflite"), "");
}

TEST(OpenEngine, AnUnknownName) {
  auto unknown = open_engine("tflight");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kInvalid);
  EXPECT_EQ(unknown.error().message, "there is no engine 'tflight'");
}

TEST(OpenEngine, VendorLibrariesAreForWorkerProcesses) {
  auto vendor = open_engine("rknn");
  ASSERT_FALSE(vendor);
  EXPECT_THAT(vendor.error().message, HasSubstr("worker processes only"));
}

TEST(EngineOn, TheSameArtifactOnAnotherFamily) {
  EXPECT_EQ(engine_on("tflite", "rocket"), "teflon");
  EXPECT_EQ(engine_on("teflon", "cpu"), "tflite");
  EXPECT_EQ(engine_on("tflite", "cpu"), "tflite");
  EXPECT_EQ(engine_on("rknn", "rknpu"), "rknn");
  EXPECT_EQ(engine_on("axmodel", "axcl"), "axmodel");
  EXPECT_EQ(engine_on("onnxruntime", "rocket"), "");
  EXPECT_EQ(engine_on("rknn", "cpu"), "");
  EXPECT_EQ(engine_on("tflight", "cpu"), "");
}

TEST(Variants, OfNpuEnginesAreKnownWithoutOpeningThem) {
  const TemporaryFolder folder;
  ::setenv("ANYNPU_RKNN", (folder / "librknnrt.so").c_str(), 1);
  auto missing = variants_of("rknn");
  ::unsetenv("ANYNPU_RKNN");
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().message, HasSubstr("$ANYNPU_RKNN: there is no file"));
  EXPECT_FALSE(missing.error().hint.empty());
  auto unknown = variants_of("tflight");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kInvalid);
}

TEST(OpenEngine, OpensOncePerProcess) {
  Engine* engine = test::engine_or_fail("tflite");
  EXPECT_EQ(test::engine_or_fail("tflite"), engine);
}

TEST(Survey, NamesEveryEngineAndSaysWhatIsMissing) {
  std::vector<std::string> names;
  for (const EngineStatus& status : survey_engines()) {
    names.push_back(status.name);
    EXPECT_FALSE(status.searched.empty()) << status.name;
    EXPECT_EQ(status.usable, status.problem.empty()) << status.name << ": " << status.problem;
    if (!status.usable) continue;
    EXPECT_FALSE(status.version.empty()) << status.name;
    EXPECT_TRUE(std::filesystem::exists(status.library)) << status.library;
  }
  EXPECT_THAT(names, ElementsAre("tflite", "onnxruntime", "teflon", "rknn", "axmodel", "xclbin"));
}

VendorLibrary rknn_in(const std::filesystem::path& folder) {
  VendorLibrary library = vendor_libraries().at(1);
  EXPECT_EQ(library.engine, "rknn");
  library.folders = {folder};
  return library;
}

TEST(VendorLibrary, IsReadAndNeverOpened) {
  const TemporaryFolder folder;
  // No ELF file at all: opening it would fail, reading it does not.
  std::ofstream(folder / "librknnrt.so")
      << "librknnrt version: %s" << '\0'
      << "librknnrt version: 2.3.2 (429f97ae6b@2025-04-09T09:09:27)" << '\0' << "rknn_init";
  const EngineStatus status = survey_vendor_library(rknn_in(folder.path()), {"/nonexistent"});
  EXPECT_EQ(status.library, folder / "librknnrt.so");
  EXPECT_EQ(status.version, "2.3.2");
  EXPECT_TRUE(status.usable) << status.problem;
  EXPECT_THAT(status.searched, ElementsAre("/nonexistent/librknnrt.so", folder / "librknnrt.so"));
}

TEST(VendorLibrary, AMissingOneHasAHint) {
  const TemporaryFolder folder;
  const EngineStatus status = survey_vendor_library(rknn_in(folder.path()), {});
  EXPECT_TRUE(status.library.empty());
  EXPECT_THAT(status.problem, HasSubstr("no librknnrt.so"));
  EXPECT_FALSE(status.hint.empty());
}

TEST(VendorLibrary, TeflonWithoutRocketIsTold) {
  const TemporaryFolder folder;
  VendorLibrary teflon = vendor_libraries().at(0);
  teflon.folders = {folder.path()};
  std::ofstream(folder / "libteflon.so") << "/dev/dri only";
  EXPECT_THAT(survey_vendor_library(teflon, {}).problem, HasSubstr("no driver for rocket"));
  std::ofstream(folder / "libteflon.so") << "DRI_Mesa" << std::string(8, '\0') << "25.0.7-2";
  EXPECT_THAT(survey_vendor_library(teflon, {}).problem, HasSubstr("25.0.7: this build of Mesa"));
  std::ofstream(folder / "libteflon.so")
      << "%s/accel%d /dev/accel DRI_Mesa" << std::string(8, '\0') << "26.2.6-1";
  const EngineStatus status = survey_vendor_library(teflon, {});
  EXPECT_TRUE(status.usable) << status.problem;
  EXPECT_EQ(status.version, "26.2.6");
}

TEST(VendorLibrary, XrtsVersionIsInTheNameOfItsFile) {
  const TemporaryFolder folder;
  VendorLibrary xrt = vendor_libraries().at(3);
  xrt.folders = {folder.path()};
  std::ofstream(folder / "libxrt_coreutil.so.2.25.00") << "x";
  std::filesystem::create_symlink("libxrt_coreutil.so.2.25.00", folder / "libxrt_coreutil.so.2");
  EXPECT_EQ(survey_vendor_library(xrt, {}).version, "2.25.00");
}

TEST(VersionAfter, TakesTheFirstRealVersion) {
  auto version = [](std::string_view text) {
    return version_after(std::as_bytes(std::span(text)), "version: ");
  };
  EXPECT_EQ(version("version: 1.6.0 (9a7b5d24c)"), "1.6.0");
  EXPECT_EQ(version("version: 2.0.0b0"), "2.0.0b0");
  EXPECT_EQ(version("version: "), "");
  EXPECT_EQ(version("version: 6, toolkit"), "");
  EXPECT_EQ(version("nothing"), "");
}

// The same network in both formats: three inputs, two classes, a softmax at the end.
TEST(Engines, AgreeOnOneNetwork) {
  const std::vector<float> weights = {0.5F, -1, 2, 1, 0.25F, -0.75F};
  const std::vector<float> bias = {0.1F, -0.2F};

  test::TinyTflite tflite;
  using test::TfliteType;
  const int x = tflite.input({"x", TfliteType::kFloat32, {1, 3}});
  const int logits = tflite.tensor({"logits", TfliteType::kFloat32, {1, 2}});
  const int scores = tflite.output({"scores", TfliteType::kFloat32, {1, 2}});
  tflite.fully_connected(x, tflite.constant({"w", TfliteType::kFloat32, {2, 3}}, weights),
                         tflite.constant({"b", TfliteType::kFloat32, {2}}, bias), logits);
  tflite.softmax(logits, scores);

  test::TinyOnnx onnx;
  using test::OnnxType;
  onnx.input("x", OnnxType::kFloat, {"1", "3"});
  onnx.constant("w", OnnxType::kFloat, {2, 3}, weights);
  onnx.constant("b", OnnxType::kFloat, {2}, bias);
  onnx.node("Gemm", {"x", "w", "b"}, {"logits"}, {{"transB", 1}});
  onnx.node("Softmax", {"logits"}, {"scores"}, {{"axis", 1}});
  onnx.output("scores", OnnxType::kFloat, {"1", "2"});

  const auto input = test::bytes_of<float>({1, -2, 0.5F});
  std::vector<std::vector<float>> results;
  for (const std::string& variant : test::engine_or_fail("tflite")->variants()) {
    auto session = test::loaded("tflite", tflite.build(), {1, variant});
    ASSERT_NE(session, nullptr);
    results.push_back(test::values_of<float>(test::run_once(*session, input)));
  }
  auto session = test::loaded("onnxruntime", onnx.build());
  ASSERT_NE(session, nullptr);
  results.push_back(test::values_of<float>(test::run_once(*session, input)));
  for (const auto& result : results) {
    ASSERT_EQ(result.size(), 2U);
    EXPECT_NEAR(result[0], 0.97528, 1e-4);  // of the logits 3.6 and -0.075
    EXPECT_NEAR(result[0] + result[1], 1, 1e-5);
  }
}

}  // namespace
}  // namespace anynpu::engine

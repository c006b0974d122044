// SPDX-License-Identifier: Apache-2.0
// The engine "rknn" over the simulated librknnrt of every version: what it computes is what TFLite
// computes, and what goes wrong is told in words.
#include <chrono>
#include <filesystem>
#include <map>

#include <gmock/gmock.h>

#include "base/file.h"
#include "engine/engines.h"
#include "engine/rknn.h"
#include "engine_runs.h"
#include "sim/rknn/simulated_runtime.h"

namespace anynpu::sim {
namespace {

using engine::DType;
using engine::LoadOptions;
using engine::Session;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using SessionResult = Result<std::unique_ptr<Session>>;

/// A runtime of some version, and a control file for its faults.
class RknnEngine : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("ANYNPU_SIM_CONTROL", (folder_ / "control").c_str(), 1);
    fault("");
  }
  void TearDown() override {
    ::unsetenv("ANYNPU_SIM_CONTROL");
    ::unsetenv("ANYNPU_SIM_RKNN");
  }

  /// From now on, until another one.
  void fault(const std::string& words) {
    std::ofstream(folder_ / "control.new") << words;
    std::filesystem::rename(folder_ / "control.new", folder_ / "control");
  }

  engine::Engine* runtime(const std::string& version = "2.3.2") {
    std::unique_ptr<engine::Engine>& opened = engines_[version];
    if (opened) return opened.get();
    for (const std::string& build : runtime_builds()) {
      if (!build.starts_with(version + " ")) continue;
      auto engine = engine::open_rknn(runtime_of_version(folder_, build));
      EXPECT_TRUE(engine) << engine.error().message;
      if (engine) opened = std::move(*engine);
    }
    EXPECT_NE(opened, nullptr) << version;
    return opened.get();
  }

  std::filesystem::path artifact(const std::vector<std::byte>& tflite, RknnArtifact kind = {}) {
    const auto file = folder_ / ("model" + std::to_string(++files_) + ".rknn");
    const auto written = write_file(file, make_rknn(tflite, kind));
    EXPECT_TRUE(written) << written.error().message;
    return file;
  }

  /// A model of the toolkit that belongs to a runtime.
  static RknnArtifact made_for(const std::string& version) {
    RknnArtifact kind;
    kind.toolkit = version;
    kind.format = version < "1.5" ? 2 : version < "1.5.2" ? 4 : 6;
    return kind;
  }

  std::unique_ptr<Session> loaded(const std::filesystem::path& file,
                                  const LoadOptions& options = {},
                                  const std::string& version = "2.3.2") {
    auto session = runtime(version)->load(file, options);
    if (session) return std::move(*session);
    ADD_FAILURE() << version << ": " << session.error().message << " / " << session.error().hint;
    return nullptr;
  }

  std::string refusal(const SessionResult& session) {
    EXPECT_FALSE(session);
    return session ? "" : session.error().message + " / " + session.error().hint;
  }

  TemporaryFolder folder_;
  std::map<std::string, std::unique_ptr<engine::Engine>> engines_;
  int files_ = 0;
};

LoadOptions variant(const char* name) {
  LoadOptions options;
  options.variant = name;
  return options;
}

std::vector<std::uint8_t> pixels(std::size_t count) {
  std::vector<std::uint8_t> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<std::uint8_t>(i * 89 + 3);
  return values;
}

/// The same numbers as int8, as conversion makes them of uint8.
std::vector<std::byte> as_int8(const std::vector<std::byte>& uint8) {
  std::vector<std::byte> out(uint8.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::byte>(std::to_integer<int>(uint8[i]) - 128);
  return out;
}

std::vector<std::byte> by_tflite(const std::vector<std::byte>& network,
                                 const std::vector<std::byte>& input) {
  auto session = anynpu::test::loaded("tflite", network);
  return session ? anynpu::test::run_once(*session, input) : std::vector<std::byte>{};
}

std::vector<float> dequantised(const std::vector<std::byte>& uint8, float scale, int zero) {
  std::vector<float> values;
  for (const std::byte byte : uint8)
    values.push_back(scale * static_cast<float>(std::to_integer<int>(byte) - zero));
  return values;
}

class EveryVersion : public RknnEngine, public ::testing::WithParamInterface<std::string> {};

TEST_P(EveryVersion, ComputesWhatTfliteComputes) {
  const std::string version = GetParam().substr(0, GetParam().find(' '));
  const auto network = quantised_network(4, 5, 3, 20);  // rows to pad, channels in blocks
  const auto input = anynpu::test::bytes_of(pixels(60));
  const auto expected = by_tflite(network, input);
  ASSERT_EQ(expected.size(), 400U);
  const auto file = artifact(network, made_for(version));
  ASSERT_EQ(runtime(version)->version(), version);

  auto native = loaded(file, variant("native"), version);
  ASSERT_NE(native, nullptr);
  EXPECT_EQ(native->info().inputs[0].type, DType::kInt8);
  EXPECT_THAT(native->info().inputs[0].shape, ElementsAre(1, 4, 5, 3));
  EXPECT_THAT(native->info().outputs[0].quantisation.zero_points, ElementsAre(-8));
  EXPECT_THAT(native->info().note, HasSubstr("native tensors, driver 0.9.8"));
  EXPECT_EQ(anynpu::test::run_once(*native, as_int8(input)), as_int8(expected));

  auto converted = loaded(file, variant("converted"), version);
  ASSERT_NE(converted, nullptr);
  EXPECT_EQ(converted->info().inputs[0].type, DType::kFloat32);
  const auto floats =
      anynpu::test::run_once(*converted, anynpu::test::bytes_of(dequantised(input, 0.5F, 128)));
  EXPECT_EQ(anynpu::test::values_of<float>(floats), dequantised(expected, 0.25F, 120));
}

TEST_P(EveryVersion, NoDeviceAndOldDriverAreTold) {
  const std::string version = GetParam().substr(0, GetParam().find(' '));
  const auto file = artifact(quantised_network(2, 2, 3, 4), made_for(version));
  fault("no-device");
  EXPECT_THAT(refusal(runtime(version)->load(file, {})), HasSubstr("no rknpu device"));
  fault("old-driver");
  const std::string needed = version < "1.5" ? "0.6.2" : "0.7.0";
  EXPECT_THAT(refusal(runtime(version)->load(file, {})),
              HasSubstr("rknpu driver 0.5.1 is too old for librknnrt " + version +
                        ", which needs " + needed));
  fault("");
  EXPECT_NE(loaded(file, {}, version), nullptr);
}

TEST_P(EveryVersion, AnotherSocIsTold) {
  const std::string version = GetParam().substr(0, GetParam().find(' '));
  RknnArtifact kind = made_for(version);
  kind.platform = "rk3566";
  const std::string told =
      refusal(runtime(version)->load(artifact(quantised_network(2, 2, 3, 4), kind), {}));
  EXPECT_THAT(told, HasSubstr("target_platform"));
  EXPECT_THAT(told, version < "1.4" ? HasSubstr("made for rk3566")
                                    : HasSubstr("made for RK3566, and this board is an RK3588"));
}

TEST_P(EveryVersion, AFailedRunIsToldAndTheNextOneRuns) {
  const std::string version = GetParam().substr(0, GetParam().find(' '));
  const auto network = quantised_network(2, 2, 3, 4);
  auto session = loaded(artifact(network, made_for(version)), variant("native"), version);
  ASSERT_NE(session, nullptr);
  const auto input = as_int8(anynpu::test::bytes_of(pixels(12)));
  const auto right = anynpu::test::run_once(*session, input);
  fault("fail");
  auto failed = session->run();
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kDevice);
  EXPECT_THAT(failed.error().message, HasSubstr("failed at operator Conv:Conv_0 (2)"));
  EXPECT_FALSE(session->output(0)) << "what the runtime still has is of the run before";
  fault("");
  EXPECT_EQ(anynpu::test::run_once(*session, input), right);
}

INSTANTIATE_TEST_SUITE_P(Runtime, EveryVersion, ::testing::ValuesIn(runtime_builds()),
                         [](const auto& param) {
                           std::string name = "v" + param.param.substr(0, param.param.find(' '));
                           for (char& c : name)
                             if (c == '.') c = '_';
                           return name;
                         });

TEST_F(RknnEngine, LayoutsOfOutputsAreTheDeclaredOnes) {
  const auto network = quantised_network(3, 7, 2, 33);
  const auto input = anynpu::test::bytes_of(pixels(42));
  const auto expected = as_int8(by_tflite(network, input));
  RknnArtifact kind;
  kind.nchw_outputs = true;
  auto session = loaded(artifact(network, kind), variant("native"));
  ASSERT_NE(session, nullptr);
  EXPECT_THAT(session->info().outputs[0].shape, ElementsAre(1, 33, 3, 7));
  const auto nchw = anynpu::test::run_once(*session, as_int8(input));
  ASSERT_EQ(nchw.size(), expected.size());
  for (std::size_t place = 0; place < 21; ++place)
    for (std::size_t c = 0; c < 33; ++c)
      ASSERT_EQ(nchw[c * 21 + place], expected[place * 33 + c]) << place << " " << c;
}

TEST_F(RknnEngine, InputsOfManyChannelsComeInBlocks) {
  const auto network = quantised_network(3, 2, 37, 5);
  const auto input = anynpu::test::bytes_of(pixels(222));
  auto session = loaded(artifact(network), variant("native"));
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(anynpu::test::run_once(*session, as_int8(input)), as_int8(by_tflite(network, input)));
}

TEST_F(RknnEngine, FloatNetworksAreHalfPrecisionNatively) {
  const auto file = artifact(float_network(6));
  auto native = loaded(file, variant("native"));
  ASSERT_NE(native, nullptr);
  EXPECT_EQ(native->info().inputs[0].type, DType::kFloat16);
  // 1.0 is 0x3c00, 2.0 is 0x4000.
  const auto halves = anynpu::test::run_once(
      *native, anynpu::test::bytes_of(std::vector<std::uint16_t>(6, 0x3c00)));
  EXPECT_EQ(anynpu::test::values_of<std::uint16_t>(halves), std::vector<std::uint16_t>(6, 0x4000));
  auto converted = loaded(file, variant("converted"));
  ASSERT_NE(converted, nullptr);
  const auto floats = anynpu::test::run_once(
      *converted, anynpu::test::bytes_of(std::vector<float>{0, 1, 2, 3, 4, 5}));
  EXPECT_THAT(anynpu::test::values_of<float>(floats), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(RknnEngine, EveryOutputIsAskedFor) {
  using namespace anynpu::test;
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1, 3}});
  const int a = model.output({"a", TfliteType::kFloat32, {1, 3}});
  const int b = model.output({"b", TfliteType::kFloat32, {1, 3}});
  model.add(x, x, a);
  model.add(a, x, b);
  for (const char* way : {"native", "converted"}) {
    auto session = loaded(artifact(model.build()), variant(way));
    ASSERT_NE(session, nullptr);
    ASSERT_EQ(session->info().outputs.size(), 2U);
    const bool half = session->info().inputs[0].type == DType::kFloat16;
    const auto input =
        half ? bytes_of(std::vector<std::uint16_t>(3, 0x3c00)) : bytes_of(std::vector<float>(3, 1));
    run_once(*session, input);
    auto second = session->output(1);
    ASSERT_TRUE(second) << second.error().message;
    engine::Tensor tensor{session->info().outputs[1], {second->bytes.begin(), second->bytes.end()}};
    EXPECT_EQ(engine::to_floats(tensor).value(), std::vector<float>(3, 3)) << way;
    EXPECT_FALSE(session->output(2));
  }
}

TEST_F(RknnEngine, WithoutSharedBuffersTheRuntimeConverts) {
  // A runtime from before they were there: the functions' names are others.
  const auto library = runtime_of_version(folder_, runtime_builds().back());
  auto bytes = read_text(library, std::size_t{1} << 30).value();
  replace_in(bytes, std::string("\0rknn_set_io_mem\0", 17), std::string("\0rknn_set_io_me_\0", 17));
  ASSERT_TRUE(write_file(library, bytes));
  auto engine = engine::open_rknn(library);
  ASSERT_TRUE(engine) << engine.error().message;
  const auto file = artifact(quantised_network(2, 2, 3, 4));
  auto session = (*engine)->load(file, {});
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_THAT((*session)->info().note, HasSubstr("converted tensors"));
  EXPECT_THAT(refusal((*engine)->load(file, variant("native"))), HasSubstr("no buffers to share"));
}

class DynamicShapes : public RknnEngine {
 protected:
  RknnArtifact kind(const std::string& version = "2.3.2") {
    RknnArtifact made = made_for(version);
    made.dynamic_shapes = {{{1, 4}}, {{3, 4}}};
    return made;
  }
};

TEST_F(DynamicShapes, AreChosenAmongThoseOfTheModel) {
  auto session = loaded(artifact(float_network(4), kind()));
  ASSERT_NE(session, nullptr);
  EXPECT_THAT(session->info().inputs[0].shape, ElementsAre(-1, 4));
  EXPECT_THAT(session->info().outputs[0].shape, ElementsAre(-1, -1));
  ASSERT_TRUE(session->set_input_shapes({{3, 4}}));
  std::vector<float> values(12);
  for (std::size_t i = 0; i < 12; ++i) values[i] = static_cast<float>(i);
  const auto output = anynpu::test::run_once(*session, anynpu::test::bytes_of(values));
  EXPECT_EQ(session->output(0)->shape, (engine::Shape{3, 4}));
  for (float& value : values) value += 1;
  EXPECT_EQ(anynpu::test::values_of<float>(output), values);
  ASSERT_TRUE(session->set_input_shapes({{1, 4}}));
  EXPECT_FALSE(session->output(0)) << "nothing has run with this shape yet";
  EXPECT_FALSE(session->set_input(0, anynpu::test::bytes_of(values)));
  const auto one =
      anynpu::test::run_once(*session, anynpu::test::bytes_of(std::vector<float>{5, 6, 7, 8}));
  EXPECT_THAT(anynpu::test::values_of<float>(one), ElementsAre(6, 7, 8, 9));
}

TEST_F(DynamicShapes, OthersAreRefusedWithTheList) {
  auto session = loaded(artifact(float_network(4), kind()));
  ASSERT_NE(session, nullptr);
  auto refused = session->set_input_shapes({{2, 4}});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("not made for the shape 2x4"));
  EXPECT_THAT(refused.error().hint, HasSubstr("1x4, 3x4"));
}

TEST_F(DynamicShapes, NeedARuntimeThatHasThem) {
  auto made = kind("1.3.0");
  EXPECT_THAT(refusal(runtime("1.3.0")->load(artifact(float_network(4), made), {})),
              HasSubstr("1.5 or newer"));
  // 1.4 sets the shape of one input at a time.
  EXPECT_NE(loaded(artifact(float_network(4), kind("1.4.0")), {}, "1.4.0"), nullptr);
}

TEST_F(RknnEngine, SessionsArePinnedToCores) {
  const auto file = artifact(quantised_network(2, 2, 3, 4));
  auto with_mask = [&](unsigned mask, const std::string& version = "2.3.2") {
    LoadOptions options;
    options.core_mask = mask;
    return runtime(version)->load(file, options);
  };
  for (const auto& [mask, words] : std::vector<std::pair<unsigned, std::string>>{
           {1, "core 0"}, {2, "core 1"}, {4, "core 2"}, {3, "cores 0+1"}, {7, "cores 0+1+2"}}) {
    auto session = with_mask(mask);
    ASSERT_TRUE(session) << mask << ": " << session.error().message;
    EXPECT_THAT((*session)->info().note, HasSubstr(words)) << mask;
  }
  EXPECT_THAT(refusal(with_mask(5)), HasSubstr("does not take cores 0+2"));
  EXPECT_THAT(refusal(with_mask(8)), HasSubstr("does not take core 3"));
}

TEST_F(RknnEngine, ChipsWithOneCoreHaveNoChoice) {
  const WithVariable board("ANYNPU_SIM_RKNN", "soc=rk3568");
  RknnArtifact kind;
  kind.platform = "rk3566";
  const auto file = artifact(quantised_network(2, 2, 3, 4), kind);
  LoadOptions options;
  options.core_mask = 1;
  EXPECT_NE(loaded(file, options), nullptr);
  options.core_mask = 2;
  EXPECT_THAT(refusal(runtime()->load(file, options)), HasSubstr("does not take core 1"));
}

TEST_F(RknnEngine, OldModelsFallBackToOneCore) {
  LoadOptions options;
  options.core_mask = 7;
  auto session =
      loaded(artifact(quantised_network(2, 2, 3, 4), made_for("1.3.0")), options, "1.3.0");
  ASSERT_NE(session, nullptr);
  EXPECT_THAT(session->info().note, HasSubstr("one core"));
}

TEST_F(RknnEngine, OnChipMemoryIsUsedWhereTheRuntimeHasIt) {
  const auto network = quantised_network(2, 2, 3, 4);
  EXPECT_THAT(loaded(artifact(network))->info().note, HasSubstr("on the chip"));
  EXPECT_THAT(loaded(artifact(network, made_for("1.5.2")), {}, "1.5.2")->info().note,
              ::testing::Not(HasSubstr("on the chip")));
  const WithVariable board("ANYNPU_SIM_RKNN", "sram=0");
  EXPECT_THAT(loaded(artifact(network))->info().note, ::testing::Not(HasSubstr("on the chip")));
}

TEST_F(RknnEngine, AModelThatIsTooNewIsTold) {
  const std::string told = refusal(runtime("1.4.0")->load(artifact(float_network(4)), {}));
  EXPECT_THAT(told, HasSubstr("made with toolkit 2.3.2, is too new for librknnrt 1.4.0"));
  EXPECT_THAT(told, HasSubstr("librknnrt.so 2.3.2 or newer"));
  EXPECT_THAT(refusal(runtime("1.5.0")->load(artifact(float_network(4)), {})),
              HasSubstr("too new for librknnrt 1.5.0"));
}

TEST_F(RknnEngine, RefusedMemoryIsToldEvenWhenTheRuntimeSwallowsIt) {
  const auto file = artifact(quantised_network(2, 2, 3, 4), made_for("1.5.2"));
  for (const char* words : {"no-memory", "init-swallowed"}) {
    fault(words);
    const auto refused = runtime("1.5.2")->load(file, {});
    EXPECT_THAT(refusal(refused), HasSubstr("memory is used up")) << words;
    EXPECT_EQ(refused.error().code, Code::kDevice);
  }
  fault("swallowed");
  EXPECT_THAT(refusal(runtime("1.5.2")->load(file, {})), HasSubstr("memory is used up"))
      << "the first run happens while it is loaded";
  fault("");
  auto session = loaded(file, {}, "1.5.2");
  ASSERT_NE(session, nullptr);
  fault("swallowed");
  EXPECT_THAT(session->run().error().message, HasSubstr("memory is used up"));
}

TEST_F(RknnEngine, AnAllocationThatSucceedsAtLastIsNoFailure) {
  const auto file = artifact(quantised_network(2, 2, 3, 4), made_for("1.4.0"));
  fault("retry");
  EXPECT_NE(loaded(file, {}, "1.4.0"), nullptr);
}

TEST_F(RknnEngine, TooFewDescriptorsAreTold) {
  const auto file = artifact(quantised_network(2, 2, 3, 4), made_for("1.5.2"));
  fault("no-descriptors");
  const std::string told = refusal(runtime("1.5.2")->load(file, {}));
  EXPECT_THAT(told, HasSubstr("too many open files"));
  EXPECT_THAT(told, HasSubstr("ulimit -n"));
}

TEST_F(RknnEngine, ANodeThatIsGoneIsNamed) {
  LoadOptions options;
  options.device_node = folder_ / "card1";
  fault("no-device");
  const auto refused = runtime()->load(artifact(float_network(4)), options);
  EXPECT_THAT(refusal(refused), HasSubstr("card1 is gone"));
  EXPECT_EQ(refused.error().code, Code::kNotFound);
}

TEST_F(RknnEngine, AnUnknownSocIsTold) {
  const auto file = artifact(float_network(4), made_for("1.3.0"));
  fault("unknown-soc");
  EXPECT_THAT(refusal(runtime("1.3.0")->load(file, {})), HasSubstr("not made for this SoC"));
}

TEST_F(RknnEngine, WhatIsNoModelNeverReachesTheRuntime) {
  fault("init-crash");
  const auto pointer = folder_ / "pointer.rknn";
  std::ofstream(pointer) << "version https://git-lfs.github.com/spec/v1\n";
  EXPECT_THAT(refusal(runtime()->load(pointer, {})), HasSubstr("Git LFS pointer"));
  auto whole = make_rknn(float_network(4), {});
  whole.resize(whole.size() / 2);
  const auto half = folder_ / "half.rknn";
  ASSERT_TRUE(write_file(half, whole));
  EXPECT_THAT(refusal(runtime()->load(half, {})), HasSubstr("cut off"));
  EXPECT_EQ(runtime()->load(folder_ / "absent.rknn", {}).error().code, Code::kNotFound);
}

TEST_F(RknnEngine, ATimeoutIsAFailureOfTheDevice) {
  auto session = loaded(artifact(quantised_network(2, 2, 3, 4)));
  ASSERT_NE(session, nullptr);
  fault("timeout:ms=20");
  auto run = session->run();
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::kDevice) << "the worker itself is well";
  EXPECT_THAT(run.error().message, HasSubstr("did not finish operator Conv:Conv_0"));
}

TEST_F(RknnEngine, TheDeviceVanishesAndComesBack) {
  const auto file = artifact(quantised_network(2, 2, 3, 4));
  auto session = loaded(file);
  ASSERT_NE(session, nullptr);
  fault("vanish");
  EXPECT_FALSE(session->run());
  EXPECT_THAT(refusal(runtime()->load(file, {})), HasSubstr("no rknpu device"));
  fault("");
  EXPECT_TRUE(session->run());
  EXPECT_NE(loaded(file), nullptr);
}

TEST_F(RknnEngine, RunsThatFailAtRandomNeverAnswerWrongly) {
  const auto network = quantised_network(2, 3, 3, 4);
  auto session = loaded(artifact(network));
  ASSERT_NE(session, nullptr);
  fault("fail:one-in=7:seed=3");
  int failed = 0;
  for (std::size_t i = 0; i < 700; ++i) {
    std::vector<std::uint8_t> values = pixels(18);
    values[i % 18] = static_cast<std::uint8_t>(i);
    const auto input = anynpu::test::bytes_of(values);
    ASSERT_TRUE(session->set_input(0, as_int8(input)));
    if (!session->run()) {
      ++failed;
      continue;
    }
    auto output = session->output(0);
    ASSERT_TRUE(output);
    const std::vector<std::byte> bytes(output->bytes.begin(), output->bytes.end());
    if (i % 50 == 0) {
      EXPECT_EQ(bytes, as_int8(by_tflite(network, input)));
    }
  }
  EXPECT_GT(failed, 60);
  EXPECT_LT(failed, 140);
}

TEST_F(RknnEngine, NothingIsLeftOpen) {
  const auto file = artifact(quantised_network(2, 2, 3, 4));
  auto open = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  ASSERT_NE(loaded(file), nullptr);
  const auto before = open();
  for (int i = 0; i < 30; ++i) {
    ASSERT_NE(loaded(file), nullptr);
    fault("no-memory");
    EXPECT_FALSE(runtime()->load(file, {}));
    fault("");
  }
  EXPECT_EQ(open(), before);
}

TEST_F(RknnEngine, AnUnknownVariantIsRefused) {
  EXPECT_THAT(refusal(runtime()->load(artifact(float_network(4)), variant("xnnpack"))),
              HasSubstr("native, converted"));
}

using RknnEngineDeathTest = RknnEngine;

TEST_F(RknnEngineDeathTest, CrashesAreThoseOfVendorLibraries) {
  const auto file = artifact(quantised_network(2, 2, 3, 4));
  const auto session = loaded(file);
  ASSERT_NE(session, nullptr);
  fault("crash");
  EXPECT_EXIT(static_cast<void>(session->run()), ::testing::KilledBySignal(SIGSEGV), "");
  for (const char* words : {"init-crash", "unknown-soc", "no-descriptors"}) {
    fault(words);
    EXPECT_EXIT(static_cast<void>(runtime()->load(file, {})), ::testing::KilledBySignal(SIGSEGV),
                "");
  }
}

TEST_F(RknnEngineDeathTest, AMisspeltFaultIsNoHealthyDevice) {
  fault("crsh");
  EXPECT_EXIT(static_cast<void>(runtime()->load(artifact(float_network(4)), {})),
              ::testing::ExitedWithCode(70), "there is no fault 'crsh'");
}

}  // namespace
}  // namespace anynpu::sim

// SPDX-License-Identifier: Apache-2.0
// The engine "axmodel" over the simulated card: what it computes, and what it says of every fault.
#include "engine/axmodel.h"

#include <cstdlib>
#include <fstream>
#include <thread>

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/file.h"
#include "engine/axmodel_abi.h"
#include "engine/axmodel_facts.h"
#include "engine_runs.h"
#include "sim/axcl/artifact.h"
#include "sim/common/machine_test.h"
#include "tiny_tflite.h"

namespace anynpu::sim::axcl {
namespace {

using test::bytes_of;
using test::TfliteType;
using test::TinyTflite;
using test::values_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::filesystem::path kLibrary = ANYNPU_SIM_LIBRARIES "/axcl/libaxcl_rt.so";
constexpr int kBus = 0x81;

class AxmodelTest : public SimulatedMachineTest {
 protected:
  AxmodelTest() {
    engine::EngineStatus found;
    found.library = kLibrary;
    auto opened = engine::open_axmodel(found);
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    engine_ = std::move(*opened);
  }
  std::filesystem::path write(const std::vector<std::byte>& bytes) {
    const auto file = artifacts_ / ("model" + std::to_string(++count_) + ".axmodel");
    EXPECT_TRUE(write_file(file, std::span<const std::byte>(bytes)));
    return file;
  }

  Result<std::unique_ptr<engine::Session>> load(const std::vector<std::byte>& bytes,
                                                int bus = kBus) {
    engine::LoadOptions options;
    options.device_index = bus;
    return engine_->load(write(bytes), options);
  }

  std::unique_ptr<engine::Session> loaded(const std::vector<std::byte>& bytes) {
    auto session = load(bytes);
    if (session) return std::move(*session);
    ADD_FAILURE() << session.error().message;
    return nullptr;
  }

  /// The error of running a healthy model while `words` is the fault.
  Error run_error(const std::string& words) {
    auto session = loaded(write_axmodel(doubling()));
    if (!session || !session->set_input(0, bytes_of<float>({1, 2, 3, 4}))) return {};
    fault(words);
    auto ran = session->run();
    fault("");
    return ran ? Error{Code::kInternal, "it ran"} : ran.error();
  }

  static std::vector<std::byte> doubling() {
    TinyTflite model;
    const int x = model.input({"x", TfliteType::kFloat32, {1, 4}});
    model.add(x, x, model.output({"y", TfliteType::kFloat32, {1, 4}}));
    return model.build();
  }

  std::unique_ptr<engine::Engine> engine_;
  TemporaryFolder artifacts_;
  int count_ = 0;
};

TEST_F(AxmodelTest, RunsAndDescribesItself) {
  EXPECT_EQ(engine_->name(), "axmodel");
  EXPECT_EQ(engine_->version(), "3.10.2");
  auto session = loaded(write_axmodel(doubling()));
  ASSERT_NE(session, nullptr);
  const engine::SessionInfo& info = session->info();
  ASSERT_EQ(info.inputs.size(), 1U);
  EXPECT_EQ(info.inputs[0].name, "x");
  EXPECT_EQ(info.inputs[0].type, engine::DType::kFloat32);
  EXPECT_THAT(info.inputs[0].shape, ElementsAre(1, 4));
  EXPECT_FALSE(info.batchable);
  EXPECT_THAT(info.note, HasSubstr("compiled by Pulsar2 4.1"));
  const auto out = test::run_once(*session, bytes_of<float>({1, 2, 3, 4}));
  EXPECT_THAT(values_of<float>(out), ElementsAre(2, 4, 6, 8));
}

TEST_F(AxmodelTest, QuantisedOutputsComeAsPulsar2CompilesThem) {
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kUint8, {1, 2}, {}, {0.5F}, {128}});
  model.add(x, x, model.output({"y", TfliteType::kUint8, {1, 2}, {}, {1.0F}, {128}}));
  auto session = loaded(write_axmodel(model.build()));
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->info().inputs[0].type, engine::DType::kUint8);
  EXPECT_EQ(session->info().outputs[0].type, engine::DType::kFloat32);
  const auto out = test::run_once(*session, bytes_of<std::uint8_t>({130, 124}));
  EXPECT_THAT(values_of<float>(out), ElementsAre(2, -4));
}

TEST_F(AxmodelTest, ShapesChooseTheGroup) {
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1, 1}, {1, -1}});
  model.add(x, x, model.output({"y", TfliteType::kFloat32, {1, 1}, {1, -1}}));
  AxmodelFacts facts;
  facts.groups = {{{1, 2}}, {{1, 4}}};
  auto session = loaded(write_axmodel(model.build(), facts));
  ASSERT_NE(session, nullptr);
  EXPECT_THAT(session->info().inputs[0].shape, ElementsAre(1, -1));
  ASSERT_TRUE(session->set_input_shapes({{1, 4}}));
  EXPECT_THAT(values_of<float>(test::run_once(*session, bytes_of<float>({1, 2, 3, 4}))),
              ElementsAre(2, 4, 6, 8));
  ASSERT_TRUE(session->set_input_shapes({{1, 2}}));
  EXPECT_THAT(values_of<float>(test::run_once(*session, bytes_of<float>({1, 2}))),
              ElementsAre(2, 4));
  auto other = session->set_input_shapes({{1, 3}});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::kInvalid);
  EXPECT_THAT(other.error().hint, HasSubstr("1x2; 1x4"));
}

TEST_F(AxmodelTest, DynamicBatches) {
  AxmodelFacts facts;
  facts.max_batch = 4;
  auto session = loaded(write_axmodel(doubling(), facts));
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(session->info().batchable);
  ASSERT_TRUE(session->set_input_shapes({{3, 4}}));
  const auto out =
      test::run_once(*session, bytes_of<float>({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_THAT(values_of<float>(out), ElementsAre(2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24));
  EXPECT_THAT(session->output(0)->shape, ElementsAre(3, 4));
  ASSERT_TRUE(session->set_input_shapes({{1, 4}}));
  EXPECT_THAT(values_of<float>(test::run_once(*session, bytes_of<float>({1, 1, 1, 1}))),
              ElementsAre(2, 2, 2, 2));
  EXPECT_THAT(session->set_input_shapes({{9, 4}}).error().message, HasSubstr("a batch of 9"));
}

TEST_F(AxmodelTest, EveryThreadBindsTheContext) {
  auto session = loaded(write_axmodel(doubling()));
  ASSERT_NE(session, nullptr);
  std::thread([&] {
    const auto out = test::run_once(*session, bytes_of<float>({1, 2, 3, 4}));
    EXPECT_THAT(values_of<float>(out), ElementsAre(2, 4, 6, 8));
  }).join();
}

TEST_F(AxmodelTest, WhatDoesNotFitIsRefusedAndTheCardLives) {
  AxmodelFacts large;
  large.cmm = std::uint64_t{2} << 30;
  fault("full:mib=6000");
  auto refused = load(write_axmodel(doubling(), large));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kDevice);
  EXPECT_THAT(refused.error().message, HasSubstr("needs 2.1 GB of the card's memory and"));
  fault("");
  EXPECT_NE(loaded(write_axmodel(doubling(), large)), nullptr);
}

TEST_F(AxmodelTest, MemoryComesBackWithTheSession) {
  AxmodelFacts large;
  large.cmm = std::uint64_t{4} << 30;
  for (int i = 0; i < 3; ++i) {
    auto session = load(write_axmodel(doubling(), large));
    ASSERT_TRUE(session) << session.error().message;
    EXPECT_FALSE(load(write_axmodel(doubling(), large)));  // not twice at once
  }
}

TEST_F(AxmodelTest, TheFactsOfTheCardComeFromAnotherProcess) {
  auto facts = engine::axcl::card_facts(kLibrary, kBus);
  ASSERT_TRUE(facts) << facts.error().message;
  EXPECT_EQ(facts->bus, kBus);
  EXPECT_EQ(facts->firmware, "V3.10.2_20251215");
  EXPECT_DOUBLE_EQ(facts->celsius, 51.25);
  EXPECT_EQ(facts->total_cmm, std::uint64_t{7040} << 20);
  EXPECT_EQ(facts->free_cmm, facts->total_cmm);
  EXPECT_DOUBLE_EQ(facts->cpu_percent, 12.5);
  auto other = engine::axcl::card_facts(kLibrary, 3);
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, HasSubstr("0x80300184"));
  fault("sick:ms=60000");
  auto sick = engine::axcl::card_facts(kLibrary, kBus, milliseconds(300));
  ASSERT_FALSE(sick);
  EXPECT_EQ(sick.error().code, Code::kTimeout);
}

TEST_F(AxmodelTest, ACardIsNamedByItsBusAndNeverByItsIndex) {
  auto session = load(write_axmodel(doubling()), 1);
  ASSERT_FALSE(session);
  EXPECT_THAT(session.error().message, HasSubstr("0x80300184"));
  EXPECT_NE(load(write_axmodel(doubling()), 0).value_or(nullptr), nullptr);  // the first one
}

TEST_F(AxmodelTest, WhyTheCardCannotBeOpened) {
  struct Case {
    const char* fault;
    const char* words;
    const char* hint;
  };
  for (const Case& c : {
           Case{"no-module", "0x8030010b: DEVICE, /dev/axcl_host cannot be opened", "modprobe"},
           Case{"no-permission", "errno: 13", "udev"},
           Case{"no-card", "0x80300181: DEVICE, no card is connected", "lspci"},
           Case{"vanish", "0x80300181: DEVICE, no card is connected", "lspci"},
           Case{"ports", "0x80300186: DEVICE, the card refused the communication ports", "reboot"},
           Case{"dead", "0x80300183: DEVICE, the card is not active", "dead!"},
           Case{"load", "0x80300709: ENGINE, a message could not be decoded", ""},
       }) {
    fault(c.fault);
    auto session = load(write_axmodel(doubling()));
    ASSERT_FALSE(session) << c.fault;
    EXPECT_THAT(session.error().message, HasSubstr(c.words)) << c.fault;
    EXPECT_THAT(session.error().hint, HasSubstr(c.hint)) << c.fault;
    fault("");
    EXPECT_NE(loaded(write_axmodel(doubling())), nullptr) << "after " << c.fault;
  }
}

TEST_F(AxmodelTest, WhyARunFails) {
  EXPECT_THAT(run_error("timeout:ms=1").message, HasSubstr("0x80300705: ENGINE, timed out"));
  const Error npu = run_error("fail");
  EXPECT_THAT(npu.message, HasSubstr("0x8030070c"));
  EXPECT_THAT(npu.hint, HasSubstr("npu hard error"));
  const Error dead = run_error("dead");
  EXPECT_THAT(dead.message, HasSubstr("device 129 is dead"));
  EXPECT_THAT(dead.hint, HasSubstr("axcl-smi reboot"));
  EXPECT_EQ(run_error("slow:ms=1").message, "it ran");
  EXPECT_EXIT(run_error("crash"), ::testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(AxmodelTest, AWrongResultIsWrong) {
  auto session = loaded(write_axmodel(doubling()));
  ASSERT_NE(session, nullptr);
  fault("wrong:times=1");
  const auto input = bytes_of<float>({1, 2, 3, 4});
  EXPECT_THAT(values_of<float>(test::run_once(*session, input)), Not(ElementsAre(2, 4, 6, 8)));
  EXPECT_THAT(values_of<float>(test::run_once(*session, input)), ElementsAre(2, 4, 6, 8));
}

TEST_F(AxmodelTest, AnotherDivisionOfTheNpuIsNoted) {
  fault("vnpu");
  auto session = loaded(write_axmodel(doubling()));
  ASSERT_NE(session, nullptr);
  EXPECT_THAT(session->info().note, HasSubstr("VNPU kind 1"));
}

TEST_F(AxmodelTest, OtherFilesAreRefusedInWords) {
  auto tflite = load(doubling());
  ASSERT_FALSE(tflite);
  EXPECT_THAT(tflite.error().message, HasSubstr("0x801d010a: the card's ENGINE"));
  AxmodelFacts other;
  other.soc = "AX620E";
  auto soc = load(write_axmodel(doubling(), other));
  ASSERT_FALSE(soc);
  EXPECT_THAT(soc.error().message, HasSubstr("0x8006010a: the card's NPU"));
  EXPECT_THAT(soc.error().hint, HasSubstr("compile it for AX650"));
}

/// The simulator itself: rules of the real library that the engine must keep.
class AxclRules : public AxmodelTest {
 protected:
  AxclRules() { handle_ = ::dlopen(kLibrary.c_str(), RTLD_NOW | RTLD_LOCAL); }
  template <typename... Arguments>
  std::int32_t call(const char* name, Arguments... arguments) {
    auto* function = reinterpret_cast<std::int32_t (*)(Arguments...)>(::dlsym(handle_, name));
    return function != nullptr ? function(arguments...) : -1;
  }
  void* handle_ = nullptr;
};

TEST_F(AxclRules, AskingForPropertiesTakesTheDeviceAway) {
  auto session = loaded(write_axmodel(doubling()));
  ASSERT_NE(session, nullptr);
  engine::axcl::DeviceProperties properties;
  EXPECT_EQ(call("axclrtGetDeviceProperties", kBus, &properties), 0);
  auto ran = session->set_input(0, bytes_of<float>({1, 2, 3, 4}));
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message, HasSubstr("0x80300283"));
}

TEST_F(AxclRules, AnOverflowKillsTheCardUntilItReboots) {
  AxmodelFacts large;
  large.cmm = std::uint64_t{8} << 30;
  const std::string file = write(write_axmodel(doubling(), large)).string();
  auto session = loaded(write_axmodel(doubling()));
  std::uint64_t id = 0;
  EXPECT_EQ(static_cast<std::uint32_t>(call("axclrtEngineLoadFromFile", file.c_str(), &id)),
            0x80300709U);
  EXPECT_FALSE(session->set_input(0, bytes_of<float>({1, 2, 3, 4})));
  EXPECT_THAT(*read_text(machine() / "kmsg"), HasSubstr("device 81: dead!"));
  session.reset();
  EXPECT_FALSE(load(write_axmodel(doubling())));
  EXPECT_EQ(call("axclrtRebootDevice", kBus), 0);
  EXPECT_NE(loaded(write_axmodel(doubling())), nullptr);
}

TEST_F(AxclRules, AThreadWithoutContextIsRefused) {
  auto session = loaded(write_axmodel(doubling()));
  ASSERT_NE(session, nullptr);
  std::int32_t status = 0;
  std::thread([&] {
    void* memory = nullptr;
    status = call("axclrtMalloc", &memory, std::size_t{64}, 2);
  }).join();
  EXPECT_EQ(static_cast<std::uint32_t>(status), 0x80300284U);
}

TEST_F(AxclRules, EverySymbolOfTheInterfaceIsThere) {
  for (const char* name : {"axclInit",
                           "axclFinalize",
                           "axclSetLogLevel",
                           "axclAppLog",
                           "axclrtGetVersion",
                           "axclrtGetFullVersion",
                           "axclrtGetSocName",
                           "axclrtGetDeviceList",
                           "axclrtGetDeviceCount",
                           "axclrtSetDevice",
                           "axclrtResetDevice",
                           "axclrtGetDevice",
                           "axclrtSynchronizeDevice",
                           "axclrtGetDeviceProperties",
                           "axclrtCreateContext",
                           "axclrtDestroyContext",
                           "axclrtSetCurrentContext",
                           "axclrtGetCurrentContext",
                           "axclrtMalloc",
                           "axclrtMallocCached",
                           "axclrtFree",
                           "axclrtMallocHost",
                           "axclrtFreeHost",
                           "axclrtMemset",
                           "axclrtMemcpy",
                           "axclrtMemcmp",
                           "axclrtMemFlush",
                           "axclrtMemInvalidate",
                           "axclrtEngineInit",
                           "axclrtEngineGetVNpuKind",
                           "axclrtEngineFinalize",
                           "axclrtEngineGetUsage",
                           "axclrtEngineGetModelType",
                           "axclrtEngineLoadFromFile",
                           "axclrtEngineLoadFromMem",
                           "axclrtEngineUnload",
                           "axclrtEngineGetModelCompilerVersion",
                           "axclrtEngineCreateContext",
                           "axclrtEngineSetAffinity",
                           "axclrtEngineGetAffinity",
                           "axclrtEngineGetIOInfo",
                           "axclrtEngineDestroyIOInfo",
                           "axclrtEngineGetShapeGroupsCount",
                           "axclrtEngineGetNumInputs",
                           "axclrtEngineGetNumOutputs",
                           "axclrtEngineGetInputSizeByIndex",
                           "axclrtEngineGetOutputSizeByIndex",
                           "axclrtEngineGetInputNameByIndex",
                           "axclrtEngineGetOutputNameByIndex",
                           "axclrtEngineGetInputIndexByName",
                           "axclrtEngineGetOutputIndexByName",
                           "axclrtEngineGetInputDims",
                           "axclrtEngineGetOutputDims",
                           "axclrtEngineGetInputDataType",
                           "axclrtEngineGetOutputDataType",
                           "axclrtEngineGetInputDataLayout",
                           "axclrtEngineGetOutputDataLayout",
                           "axclrtEngineCreateIO",
                           "axclrtEngineDestroyIO",
                           "axclrtEngineSetInputBufferByIndex",
                           "axclrtEngineSetOutputBufferByIndex",
                           "axclrtEngineSetInputBufferByName",
                           "axclrtEngineSetOutputBufferByName",
                           "axclrtEngineGetInputBufferByIndex",
                           "axclrtEngineGetOutputBufferByIndex",
                           "axclrtEngineSetDynamicBatchSize",
                           "axclrtEngineExecute",
                           "axclrtEngineExecuteAsync",
                           "axclrtRebootDevice",
                           "axclrtGetDeviceBusInfo"})
    EXPECT_NE(::dlsym(handle_, name), nullptr) << name;
}

}  // namespace
}  // namespace anynpu::sim::axcl

// SPDX-License-Identifier: Apache-2.0
// The engine "xclbin" over anynpu's real plugin for XRT and a simulated XRT: what it computes, and
// what it says of every fault.
#include "engine/xclbin.h"

#include <cstdlib>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "base/file.h"
#include "engine/xclbin_plugin.h"
#include "engine_runs.h"
#include "sim/common/machine_test.h"
#include "sim/xrt/artifact.h"
#include "tiny_tflite.h"

namespace anynpu::sim::xrt_device {
namespace {

using test::bytes_of;
using test::TfliteType;
using test::TinyTflite;
using test::values_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class XclbinTest : public SimulatedMachineTest {
 protected:
  XclbinTest() {
    ::setenv("ANYNPU_XRT_PLUGIN", ANYNPU_XRT_PLUGIN_FILE, 1);
    ::setenv("ANYNPU_XDNA_KEEP_ALIVE", "0", 1);
    engine::EngineStatus found;
    found.library = ANYNPU_SIM_LIBRARIES "/xrt/libxrt_coreutil.so.2";
    found.version = "2.25.0";
    auto opened = engine::open_xclbin(found);
    if (opened)
      engine_ = std::move(*opened);
    else
      ADD_FAILURE() << opened.error().message;
  }

  Result<std::unique_ptr<engine::Session>> load(const std::vector<std::byte>& tflite,
                                                const XclbinFacts& facts = {}) {
    const auto file = artifacts_ / ("model" + std::to_string(++count_) + ".xclbin");
    ANYNPU_CHECK(write_xclbin(file, tflite, facts));
    return engine_->load(file, {});
  }

  std::unique_ptr<engine::Session> loaded(const XclbinFacts& facts = {}) {
    auto session = load(doubling(), facts);
    if (session) return std::move(*session);
    ADD_FAILURE() << session.error().message;
    return nullptr;
  }

  Error run_error(const std::string& words, int batch = 1) {
    auto session = loaded();
    std::vector<float> values(static_cast<std::size_t>(batch) * 4, 1);
    if (!session || !session->set_input_shapes({{batch, 4}}) ||
        !session->set_input(0, bytes_of<float>(values)))
      return {};
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

TEST_F(XclbinTest, RunsAndDescribesItself) {
  EXPECT_EQ(engine_->name(), "xclbin");
  EXPECT_EQ(engine_->version(), "2.25.0");
  auto session = loaded();
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->info().inputs[0].name, "x");
  EXPECT_THAT(session->info().inputs[0].shape, ElementsAre(1, 4));
  EXPECT_TRUE(session->info().batchable);
  for (float factor : {1.0F, 3.0F})
    EXPECT_THAT(values_of<float>(
                    test::run_once(*session, bytes_of<float>({factor, factor, factor, factor}))),
                ElementsAre(2 * factor, 2 * factor, 2 * factor, 2 * factor));
}

TEST_F(XclbinTest, ABatchIsARunList) {
  auto session = loaded();
  ASSERT_NE(session, nullptr);
  for (int batch : {3, 5, 2}) {
    std::vector<float> in, out;
    for (int i = 0; i < batch * 4; ++i) {
      in.push_back(static_cast<float>(i));
      out.push_back(static_cast<float>(2 * i));
    }
    ASSERT_TRUE(session->set_input_shapes({{batch, 4}}));
    EXPECT_EQ(values_of<float>(test::run_once(*session, bytes_of<float>(in))), out);
    EXPECT_THAT(session->output(0)->shape, ElementsAre(batch, 4));
  }
  EXPECT_EQ(session->set_input_shapes({{100, 4}}).error().code, Code::kTooLarge);
}

TEST_F(XclbinTest, ContextsOfOneWidthShareAndOthersFindNoRoom) {
  auto wide = loaded();
  ASSERT_NE(wide, nullptr);
  auto same = loaded();
  EXPECT_NE(same, nullptr);
  XclbinFacts narrow;
  narrow.columns = 1;
  auto refused = load(doubling(), narrow);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("CREATE_HWCTX"));
  EXPECT_THAT(refused.error().hint, HasSubstr("one column width"));
  wide.reset();
  same.reset();
  EXPECT_NE(loaded(narrow), nullptr);
}

TEST_F(XclbinTest, ContextsEndWithTheirSessions) {
  std::vector<std::unique_ptr<engine::Session>> sessions;
  for (int i = 0; i < 6; ++i) {
    sessions.push_back(loaded());
    ASSERT_NE(sessions.back(), nullptr);
  }
  EXPECT_FALSE(load(doubling()));
  sessions.pop_back();
  EXPECT_NE(loaded(), nullptr);
}

TEST_F(XclbinTest, WhyTheNpuCannotBeOpened) {
  struct Case {
    const char* fault;
    const char* words;
    const char* hint;
  };
  for (const Case& c : {
           Case{"no-device", "No such device", "libxrt-npu2"},
           Case{"firmware", "No such device", "firmware fits the driver"},
           Case{"memlock", "len=67108864", "memlock"},
           Case{"context", "CREATE_HWCTX", "no context left"},
           Case{"wedge", "err=-19", "reload"},
       }) {
    fault(c.fault);
    auto session = load(doubling());
    ASSERT_FALSE(session) << c.fault;
    EXPECT_THAT(session.error().message, HasSubstr(c.words)) << c.fault;
    EXPECT_THAT(session.error().hint, HasSubstr(c.hint)) << c.fault;
    fault("");
    EXPECT_NE(loaded(), nullptr) << "after " << c.fault;
  }
}

TEST_F(XclbinTest, WhyARunFails) {
  const Error timeout = run_error("timeout:ms=1");
  EXPECT_EQ(timeout.code, Code::kTimeout);
  EXPECT_THAT(timeout.message, HasSubstr("the driver stopped the command"));
  EXPECT_THAT(run_error("timeout:ms=1", 3).message, HasSubstr("the driver stopped the command"));
  EXPECT_THAT(run_error("fail").message, HasSubstr("aborted"));
  EXPECT_THAT(run_error("wedge").hint, HasSubstr("never reset the device"));
  EXPECT_EQ(run_error("slow:ms=1").message, "it ran");
  EXPECT_EXIT(run_error("crash"), ::testing::KilledBySignal(SIGSEGV), "");
}

TEST_F(XclbinTest, WrongAndStaleResultsAreSeen) {
  auto session = loaded();
  ASSERT_NE(session, nullptr);
  const auto one = bytes_of<float>({1, 2, 3, 4}), two = bytes_of<float>({5, 6, 7, 8});
  fault("wrong:times=1");
  EXPECT_THAT(values_of<float>(test::run_once(*session, one)), Not(ElementsAre(2, 4, 6, 8)));
  EXPECT_THAT(values_of<float>(test::run_once(*session, one)), ElementsAre(2, 4, 6, 8));
  fault("stale");
  EXPECT_THAT(values_of<float>(test::run_once(*session, two)), ElementsAre(2, 4, 6, 8));
}

TEST_F(XclbinTest, TheFilesBesideIt) {
  const auto file = artifacts_ / "lone.xclbin";
  auto files = make_xclbin(doubling());
  ASSERT_TRUE(files);
  ASSERT_TRUE(write_file(file, std::span<const std::byte>(files->xclbin)));
  auto session = engine_->load(file, {});
  ASSERT_FALSE(session);
  EXPECT_THAT(session.error().message, HasSubstr("lone.tensors.json"));
  EXPECT_THAT(session.error().hint, HasSubstr("docs/npu-xdna.md"));
  ASSERT_TRUE(write_file(artifacts_ / "lone.tensors.json", std::string_view(files->tensors)));
  session = engine_->load(file, {});
  ASSERT_FALSE(session);
  EXPECT_THAT(session.error().message, HasSubstr("lone.insts.bin"));
  ASSERT_TRUE(write_file(artifacts_ / "lone.insts.bin", std::string_view("\1\2\3")));
  session = engine_->load(file, {});
  ASSERT_FALSE(session);
  EXPECT_THAT(session.error().hint, HasSubstr("insts.txt"));
}

TEST_F(XclbinTest, InstructionsOfAnotherBuildAreRefusedByTheNpu) {
  const auto file = artifacts_ / "mixed.xclbin";
  ASSERT_TRUE(write_xclbin(file, doubling()));
  ASSERT_TRUE(write_file(artifacts_ / "mixed.insts.bin", std::string_view("\0\0\0\0\1\1\1\1", 8)));
  auto session = engine_->load(file, {});
  ASSERT_TRUE(session) << session.error().message;
  ASSERT_TRUE((*session)->set_input(0, bytes_of<float>({1, 2, 3, 4})));
  auto ran = (*session)->run();
  ASSERT_FALSE(ran);
  EXPECT_THAT(ran.error().message, HasSubstr("the NPU reported an error"));
  EXPECT_THAT(ran.error().hint, HasSubstr("do not fit"));
}

}  // namespace
}  // namespace anynpu::sim::xrt_device

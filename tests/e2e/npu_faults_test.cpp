// SPDX-License-Identifier: Apache-2.0
// Everything that can go wrong with an NPU, over all families that have a simulated vendor library:
// every accepted request is answered, and rightly, by whoever can; the device comes back when the
// fault is over; and nothing is left behind.
//
// ANYNPU_FAULT_REQUESTS (3,000) is how many requests meet random faults, ANYNPU_FAULT_CYCLES (20)
// how often a worker crashes or hangs before the server's holdings are counted.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>

#include "base/file.h"
#include "engine/half.h"
#include "runtime/served_model.h"
#include "runtime/worker_main.h"
#include "server_process.h"
#include "sim/rknn/artifact.h"
#include "temporary_folder.h"
#include "tiny_tflite.h"

namespace anynpu::runtime {
namespace {

using ::testing::HasSubstr;

constexpr std::int32_t kWidth = 8;
constexpr auto kSoon = seconds(120);

/// One fault of a family: what the simulated library is told, and what anynpu says of it.
struct Fault {
  std::string words;
  std::string said;
};

struct Family {
  std::string name;      // "rknpu"
  std::string variable;  // where its engine looks for the library first
  std::string library;   // below the folder of simulators
  std::string artifact;  // "model.rknn"
  std::string engine;
  std::vector<std::byte> (*convert)(const std::vector<std::byte>& tflite);
  std::vector<Fault> of_load;  // while a model is loaded
  std::vector<Fault> of_run;   // while requests are answered
};

std::vector<std::byte> to_rknn(const std::vector<std::byte>& tflite) {
  return sim::make_rknn(tflite, {});
}

const std::vector<Family>& families() {
  static const std::vector<Family> all = {
      {"rknpu",
       "ANYNPU_RKNN",
       "rknn/librknnrt.so",
       "model.rknn",
       "rknn",
       to_rknn,
       {{"no-device", "no rknpu device"},
        {"old-driver", "rknpu driver 0.5.1 is too old"},
        {"no-memory", "memory is used up"},
        {"init-swallowed", "memory is used up"},
        {"unknown-soc", "signal 11"},
        {"no-descriptors", "signal 11"},
        {"init-crash", "signal 11"},
        {"crash", "signal 11"},
        {"wrong", "disagrees with the reference"},
        {"fail", "failed at operator"},
        {"vanish", "no rknpu device"}},
       {{"fail", "failed at operator"},
        {"timeout:ms=50", "did not finish"},
        {"crash", "signal 11"},
        {"hang", "did not answer within"},
        {"stuck", "did not answer within"},
        {"swallowed", "memory is used up"},
        {"vanish", "failed at operator"}}},
  };
  return all;
}

int from_environment(const char* name, int usual) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoi(text) : usual;
}

/// Numbers, written as the placement wants them.
class NumberSource : public InputSource {
 public:
  explicit NumberSource(float first) : first_(first) {}
  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo&) const override {
    return engine::Shape{1, kWidth};
  }
  Result<> write(std::size_t, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override {
    const std::size_t size = to.size() / kWidth;
    for (std::size_t i = 0; i < kWidth; ++i) {
      const float value = at(i);
      const std::uint16_t half = engine::float_to_half(value);
      if (tensor.type == engine::DType::kFloat16)
        std::memcpy(to.data() + i * size, &half, sizeof half);
      else
        std::memcpy(to.data() + i * size, &value, sizeof value);
    }
    return {};
  }
  /// Exact in half precision.
  float at(std::size_t i) const { return first_ + static_cast<float>(i * i); }

 private:
  float first_;
};

/// y = x + 1
std::vector<std::byte> network() {
  using namespace anynpu::testing;
  TinyTflite model;
  const int x = model.input({"x", TfliteType::kFloat32, {1, kWidth}});
  const int y = model.output({"y", TfliteType::kFloat32, {1, kWidth}});
  model.add(x, model.constant({"one", TfliteType::kFloat32, {1}}, std::vector<float>{1}), y);
  return model.build();
}

class NpuFaults : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    ::setenv("ANYNPU_SIM_CONTROL", (folder_ / "control").c_str(), 1);
    ::setenv(GetParam().variable.c_str(),
             (std::string(ANYNPU_SIM_DIR "/") + GetParam().library).c_str(), 1);
    fault("");
    package_.name = "tiny";
    package_.folder = folder_.path();
    model::Version version;
    version.folder = folder_ / "1";
    std::filesystem::create_directory(version.folder);
    const std::vector<std::byte> tflite = network();
    add(version, "model.tflite", "tflite", "cpu", tflite);
    add(version, GetParam().artifact, GetParam().engine, GetParam().name,
        GetParam().convert(tflite));
    package_.versions.push_back(std::move(version));
  }
  void TearDown() override {
    ::unsetenv("ANYNPU_SIM_CONTROL");
    ::unsetenv(GetParam().variable.c_str());
  }

  static void add(model::Version& version, const std::string& file, const std::string& engine,
                  const std::string& family, const std::vector<std::byte>& bytes) {
    model::Artifact artifact;
    artifact.file = file;
    artifact.path = version.folder / file;
    artifact.engine = engine;
    artifact.families = {family};
    artifact.reference = family == "cpu";
    ASSERT_TRUE(write_file(artifact.path, bytes));
    version.artifacts.push_back(std::move(artifact));
  }

  /// From now on, in all processes, until another one.
  void fault(const std::string& words) {
    std::ofstream(folder_ / "control.new") << words;
    std::filesystem::rename(folder_ / "control.new", folder_ / "control");
  }

  std::unique_ptr<ServedModel> start() {
    ServeOptions options;
    options.instances = 1;
    options.hang_limit = milliseconds(500);
    // Faults come again and again here, which makes the pauses of a quarantine grow to minutes.
    QuarantineRules rules;
    rules.first_pause = milliseconds(20);
    rules.longest_pause = milliseconds(200);
    options.quarantine = std::make_shared<Quarantine>(rules);
    npu::Device device;
    device.id = GetParam().name + "0";
    device.family = GetParam().name;
    device.status = npu::Status::kReady;
    options.devices = std::vector<npu::Device>{device};
    auto model = ServedModel::start(package_, 1, std::make_shared<NumberSource>(3.0F), options);
    EXPECT_TRUE(model) << model.error().message;
    return model ? std::move(*model) : nullptr;
  }

  std::string device() const { return GetParam().name + "0"; }

  /// Asks for one answer; a wrong one or none fails the test.
  static Result<Reply> ask(ServedModel& model, int number) {
    const auto source = std::make_shared<NumberSource>(static_cast<float>(number % 512));
    Request request;
    request.input = source;
    request.deadline = Clock::now() + kSoon;
    auto reply = model.infer(std::move(request));
    EXPECT_TRUE(reply) << reply.error().message;
    if (!reply) return reply;
    const auto values = engine::to_floats(reply->outputs.at(0));
    EXPECT_TRUE(values);
    for (std::size_t i = 0; values && i < kWidth; ++i)
      EXPECT_EQ(values->at(i), source->at(i) + 1) << "by " << reply->device;
    return reply;
  }

  /// Asks from several threads at once.
  static void ask_many(ServedModel& model, int count) {
    std::atomic<int> next = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i)
      callers.emplace_back([&] {
        for (int number; (number = next.fetch_add(1)) < count;)
          static_cast<void>(ask(model, number));
      });
    for (std::thread& caller : callers) caller.join();
  }

  /// The device serves again.
  void expect_back(ServedModel& model) {
    for (const TimePoint end = Clock::now() + kSoon; Clock::now() < end;) {
      auto reply = ask(model, 1);
      if (reply && reply->device == device() && !reply->fallback) return;
      std::this_thread::sleep_for(milliseconds(20));
    }
    ADD_FAILURE() << device() << " did not come back";
  }

  static void expect_all_answered(const ServedModel& model) {
    const Counters counters = model.counters();
    EXPECT_EQ(counters.accepted, counters.answered);
    EXPECT_EQ(counters.failed, 0U);
  }

  TemporaryFolder folder_;
  model::Package package_;
};

TEST_P(NpuFaults, WhileLoadingTheCpuServesAndTheCauseIsNamed) {
  for (const Fault& one : GetParam().of_load) {
    fault(one.words);
    auto model = start();
    ASSERT_NE(model, nullptr) << one.words;
    auto reply = ask(*model, 7);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->device, "cpu") << one.words;
    std::string why;
    for (const Candidate& candidate : model->placements().rejected)
      if (candidate.placement.family == GetParam().name) why = candidate.rejected;
    // A fault of the device, and not of the artifact: it waits for the device to come back.
    for (const DeviceCircuit& circuit : model->circuits()) why += circuit.reason;
    EXPECT_THAT(why, HasSubstr(one.said)) << one.words;
  }
}

TEST_P(NpuFaults, WhileServingNoRequestIsLostAndTheDeviceComesBack) {
  for (const Fault& one : GetParam().of_run) {
    fault("");
    auto model = start();
    ASSERT_NE(model, nullptr);
    ASSERT_EQ(ask(*model, 1)->device, device()) << one.words;
    fault(one.words);
    const TimePoint begin = Clock::now();
    auto first = ask(*model, 2);
    ASSERT_TRUE(first);
    std::printf("%-14s %s: answered by %s after %.0f ms\n", one.words.c_str(),
                GetParam().name.c_str(), first->device.c_str(), ms_since(begin));
    EXPECT_EQ(first->device, "cpu") << one.words;
    EXPECT_THAT(first->fallback.value_or(""), HasSubstr(one.said)) << one.words;
    ask_many(*model, 40);
    fault("");
    expect_back(*model);
    expect_all_answered(*model);
  }
}

TEST_P(NpuFaults, AtRandomEveryAnswerIsRight) {
  const int count = from_environment("ANYNPU_FAULT_REQUESTS", 3000);
  auto model = start();
  ASSERT_NE(model, nullptr);
  fault("fail:one-in=20:seed=11+crash:one-in=400:seed=12");
  ask_many(*model, count);
  const Counters counters = model->counters();
  std::printf("%d requests over %s: %llu answered elsewhere, %llu workers started again\n", count,
              device().c_str(), static_cast<unsigned long long>(counters.fallbacks),
              static_cast<unsigned long long>(counters.worker_restarts));
  EXPECT_GT(counters.fallbacks, 0U);
  expect_all_answered(*model);
  fault("");
  expect_back(*model);
}

TEST_P(NpuFaults, NothingIsLeftBehindByCrashesAndHangs) {
  const int cycles = from_environment("ANYNPU_FAULT_CYCLES", 20);
  auto model = start();
  ASSERT_NE(model, nullptr);
  expect_back(*model);
  const test::Holdings before = test::holdings_of(::getpid());
  for (int cycle = 0; cycle < cycles; ++cycle) {
    fault(cycle % 4 == 3 ? "hang" : "crash");
    static_cast<void>(ask(*model, cycle));
    fault("");
    expect_back(*model);
  }
  const test::Holdings after = test::holdings_of(::getpid());
  EXPECT_EQ(after.children, before.children);
  EXPECT_LE(after.descriptors, before.descriptors);
  EXPECT_LE(after.threads, before.threads);
  EXPECT_LE(after.shared_maps, before.shared_maps);
  EXPECT_LT(after.resident_kb, before.resident_kb + 16 * 1024);
  std::printf("%d cycles: resident %ld -> %ld kB, descriptors %ld -> %ld\n", cycles,
              before.resident_kb, after.resident_kb, before.descriptors, after.descriptors);
}

TEST_P(NpuFaults, ADrainAnswersWhatWasAccepted) {
  auto model = start();
  ASSERT_NE(model, nullptr);
  fault("fail:one-in=3:seed=5");
  std::atomic<int> answered = 0;
  constexpr int kRequests = 60;
  for (int i = 0; i < kRequests; ++i) {
    Request request;
    request.input = std::make_shared<NumberSource>(static_cast<float>(i));
    request.deadline = Clock::now() + kSoon;
    model->submit(std::move(request), [&](Result<Reply> reply) {
      EXPECT_TRUE(reply) << reply.error().message;
      ++answered;
    });
  }
  model->drain(Clock::now() + kSoon);
  EXPECT_EQ(answered, kRequests);
  EXPECT_EQ(model->counters().in_flight, 0U);
}

INSTANTIATE_TEST_SUITE_P(Families, NpuFaults, ::testing::ValuesIn(families()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace anynpu::runtime

/// The test program is its own worker: `npu_faults_test worker --control-fd N`.
int main(int argc, char** argv) {
  if (argc > 3 && std::strcmp(argv[1], "worker") == 0)
    return anynpu::runtime::worker_main(std::atoi(argv[3]));
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

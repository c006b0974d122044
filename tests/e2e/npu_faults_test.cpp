// SPDX-License-Identifier: Apache-2.0
// Everything that can go wrong with an NPU, as one suite over all families that have a simulated
// vendor library, and over the CPU: every accepted request is answered, and rightly, by whoever
// can; the device comes back when the fault is over; and nothing is left behind.
//
// ANYNPU_FAULT_REQUESTS (3,000) is how many requests meet random faults, ANYNPU_FAULT_CYCLES (16)
// how often a worker crashes or hangs before the server's holdings are counted. What is printed of
// times is not judged.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <random>
#include <thread>

#include <gmock/gmock.h>

#include "base/file.h"
#include "base/report.h"
#include "base/subprocess.h"
#include "engine/axmodel_facts.h"
#include "engine/engines.h"
#include "fault_families.h"
#include "runtime/served_model.h"
#include "runtime/worker_main.h"
#include "server_process.h"
#include "temporary_folder.h"
#include "tiny_store.h"

namespace anynpu::runtime {
namespace {

using test::Family;
using test::Fault;
using ::testing::HasSubstr;

constexpr auto kSoon = seconds(120);
constexpr int kInputs = 512;  // different ones
constexpr std::size_t kInputBytes =
    static_cast<std::size_t>(test::kSide * test::kSide * test::kInputChannels);

int from_environment(const char* name, int usual) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::atoi(text) : usual;
}

std::vector<std::uint8_t> numbers(int which) {
  std::mt19937 random(static_cast<std::uint32_t>(which) + 1);
  std::vector<std::uint8_t> values(kInputBytes);
  for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(random());
  return values;
}

/// Quantised numbers, written as the placement wants them.
class NumberSource : public InputSource {
 public:
  explicit NumberSource(int which) : values_(numbers(which % kInputs)) {}
  Result<engine::Shape> shape(std::size_t, const engine::TensorInfo&) const override {
    return engine::Shape{1, test::kSide, test::kSide, test::kInputChannels};
  }
  Result<> write(std::size_t, const engine::TensorInfo& tensor,
                 std::span<std::byte> to) const override {
    if (to.size() != values_.size())
      return Error{Code::kInvalid, "the input has another size than the network's"};
    const std::uint8_t flip = tensor.type == engine::DType::kInt8 ? 0x80 : 0;  // less 128
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<std::byte>(values_[i] ^ flip);
    return {};
  }

 private:
  std::vector<std::uint8_t> values_;
};

/// What is right, computed once by TFLite in this process.
const std::vector<std::vector<float>>& right_answers() {
  static const std::vector<std::vector<float>> answers = [] {
    const TemporaryFolder folder;
    std::vector<std::vector<float>> all;
    const std::vector<std::byte> tflite = test::shared_network();
    EXPECT_TRUE(write_file(folder / "model.tflite", tflite));
    auto engine = engine::open_engine("tflite");
    EXPECT_TRUE(engine) << engine.error().message;
    auto session = (*engine)->load(folder / "model.tflite", {1, "plain"});
    EXPECT_TRUE(session) << session.error().message;
    for (int i = 0; i < kInputs; ++i) {
      const std::vector<std::uint8_t> input = numbers(i);
      EXPECT_TRUE((*session)->set_input(0, std::as_bytes(std::span(input))));
      EXPECT_TRUE((*session)->run());
      const auto view = (*session)->output(0);
      EXPECT_TRUE(view);
      engine::Tensor tensor{(*session)->info().outputs[0],
                            {view->bytes.begin(), view->bytes.end()}};
      all.push_back(engine::to_floats(tensor).value_or(std::vector<float>()));
    }
    return all;
  }();
  return answers;
}

class NpuFaults : public ::testing::TestWithParam<Family> {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(folder_ / "state");
    set("ANYNPU_SIM_STATE", folder_ / "state");
    set("ANYNPU_SIM_CONTROL", folder_ / "control");
    set("ANYNPU_AXCL_LOG", folder_ / "axcl_logs.txt");
    set("ANYNPU_SIM_AXCL_BUS", "1");  // as on the simulated machine
    for (const auto& [variable, file] : GetParam().files)
      set(variable, std::filesystem::path(ANYNPU_SIM_DIR) / file);
    fault("");
    package_.name = "tiny";
    package_.folder = folder_ / "models/tiny";
    model::Version version;
    version.folder = package_.folder / "1";
    std::filesystem::create_directories(version.folder);
    const std::vector<std::byte> tflite = test::shared_network();
    ASSERT_TRUE(write_file(version.folder / "model.tflite", tflite));
    add(version, "model.tflite", "tflite", {"cpu"});
    if (GetParam().write != nullptr) {
      GetParam().write(version.folder / GetParam().artifact, tflite);
      add(version, GetParam().artifact, GetParam().engine, {GetParam().name});
    } else if (on_npu()) {
      version.artifacts[0].families.push_back(GetParam().name);
    }
    package_.versions.push_back(std::move(version));
  }
  void TearDown() override {
    for (const std::string& name : variables_) ::unsetenv(name.c_str());
  }

  void set(const std::string& name, const std::filesystem::path& value) {
    ::setenv(name.c_str(), value.c_str(), 1);
    variables_.push_back(name);
  }

  static void add(model::Version& version, const std::string& file, const std::string& engine,
                  const std::vector<std::string>& families) {
    model::Artifact artifact;
    artifact.file = file;
    artifact.path = version.folder / file;
    artifact.engine = engine;
    artifact.families = families;
    artifact.reference = families[0] == "cpu";
    version.artifacts.push_back(std::move(artifact));
  }

  static bool on_npu() { return GetParam().name != "cpu"; }
  static std::string device() { return on_npu() ? GetParam().name + "0" : "cpu"; }

  /// From now on, in all processes of the simulated machine, until another one; counts start anew.
  void fault(const std::string& words) {
    for (const auto& count : std::filesystem::directory_iterator(folder_ / "state"))
      if (count.path().filename().string().starts_with("fault."))
        std::fstream(count.path(), std::ios::in | std::ios::out | std::ios::binary)
            .write("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);  // workers have it mapped
    std::ofstream(folder_ / "control.new") << words;
    std::filesystem::rename(folder_ / "control.new", folder_ / "control");
  }

  std::unique_ptr<ServedModel> start(Policy policy = Policy::kNpuPreferred) {
    ServeOptions options;
    options.policy = policy;
    options.instances = on_npu() ? 1 : 2;
    options.hang_limit = milliseconds(test::kHangMs);
    options.canary_after = Duration::zero();  // no answer goes out unseen, so none may be wrong
    // Faults come again and again here, which makes the pauses of a quarantine grow to minutes.
    QuarantineRules rules;
    rules.first_pause = milliseconds(20);
    rules.longest_pause = milliseconds(200);
    options.quarantine = std::make_shared<Quarantine>(rules);
    if (on_npu()) {
      npu::Device found;
      found.id = device();
      found.family = GetParam().name;
      found.status = npu::Status::kReady;
      found.node = GetParam().name == "rocket" ? "/dev/accel/accel0" : "";
      options.devices = std::vector<npu::Device>{found};
    } else {
      options.devices = std::vector<npu::Device>{};
    }
    auto model = ServedModel::start(package_, 1, std::make_shared<NumberSource>(3), options);
    EXPECT_TRUE(model) << model.error().message;
    if (!model) return nullptr;
    if (!on_npu()) wait_until_all_are_up(**model);
    return std::move(*model);
  }

  static void wait_until_all_are_up(const ServedModel& model) {
    const auto up = [](const InstanceStatus& instance) { return instance.state == "ready"; };
    for (const TimePoint end = Clock::now() + kSoon; Clock::now() < end;) {
      const auto all = model.instances();
      if (std::all_of(all.begin(), all.end(), up)) return;
      std::this_thread::sleep_for(milliseconds(1));
    }
    ADD_FAILURE() << "not all workers came up";
  }

  static Request request_of(int number) {
    Request request;
    request.input = std::make_shared<NumberSource>(number);
    request.deadline = Clock::now() + kSoon;
    return request;
  }

  static void expect_right(const Result<Reply>& reply, int number) {
    ASSERT_TRUE(reply) << reply.error().message;
    const auto values = engine::to_floats(reply->outputs.at(0));
    ASSERT_TRUE(values);
    const std::vector<float>& right = right_answers()[static_cast<std::size_t>(number % kInputs)];
    ASSERT_EQ(values->size(), right.size());
    // A unit of the output is allowed for other ways of rounding.
    for (std::size_t i = 0; i < right.size(); ++i)
      ASSERT_NEAR(values->at(i), right[i], 1.01F * test::kOutputScale)
          << "number " << number << " by " << reply->device;
  }

  /// Asks for one answer; a wrong one or none fails the test.
  static Result<Reply> ask(ServedModel& model, int number) {
    auto reply = model.infer(request_of(number));
    expect_right(reply, number);
    return reply;
  }

  /// The fault strikes, and one answer is asked for.
  Result<Reply> ask_under(ServedModel& model, const std::string& words, int number) {
    if (on_npu()) {
      fault(words);
      struck_at_ = Clock::now();
      return ask(model, number);
    }
    // The worker is stopped first, so that what ends it does so in the middle of the request; which
    // the other worker may have taken.
    wait_until_all_are_up(model);
    const pid_t worker = model.instances().at(0).pid;
    const bool ours = worker > 0 && is_child(worker);
    EXPECT_TRUE(ours);
    if (!ours) return ask(model, number);
    ::kill(worker, SIGSTOP);
    for (;;) {
      struck_at_ = Clock::now();
      auto reply = std::async(std::launch::async, [&] { return ask(model, number); });
      const auto answered = [&] { return reply.wait_for(seconds(0)) == std::future_status::ready; };
      while (!answered() && model.instances().at(0).state != "busy")
        std::this_thread::sleep_for(milliseconds(1));
      if (answered()) continue;
      if (words == "crash") ::kill(worker, SIGSEGV);
      if (words == "kill") ::kill(worker, SIGKILL);
      if (words != "hang") {
        struck_at_ = Clock::now();
        ::kill(worker, SIGCONT);
      }
      return reply.get();
    }
  }

  static bool is_child(pid_t pid) {
    const std::vector<pid_t> children = test::children_of(::getpid());
    return std::find(children.begin(), children.end(), pid) != children.end();
  }

  /// Asks from several threads at once; on the CPU, workers are ended meanwhile.
  static void ask_many(ServedModel& model, int count) {
    std::atomic<int> next = 0;
    std::atomic<bool> over = false;
    std::thread saboteur([&] {
      for (int limit = 100; !on_npu() && !over;) {
        if (next < limit) {
          std::this_thread::sleep_for(milliseconds(1));
          continue;
        }
        limit += 100;
        const pid_t worker = model.instances().at(0).pid;
        if (worker > 0 && is_child(worker)) ::kill(worker, limit % 200 == 0 ? SIGSEGV : SIGKILL);
      }
    });
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i)
      callers.emplace_back([&] {
        for (int number; (number = next.fetch_add(1)) < count;)
          static_cast<void>(ask(model, number));
      });
    for (std::thread& caller : callers) caller.join();
    over = true;
    saboteur.join();
  }

  /// The device serves again, and the first try after the end of the fault is enough.
  static void expect_back(ServedModel& model) {
    const auto opened = [&] {
      std::uint64_t times = 0;
      for (const DeviceCircuit& circuit : model.circuits()) times += circuit.opened;
      return times;
    };
    const std::uint64_t before = opened();
    if (!on_npu()) wait_until_all_are_up(model);
    for (const TimePoint end = Clock::now() + kSoon; Clock::now() < end;) {
      auto reply = ask(model, 1);
      if (reply && reply->device == device() && !reply->fallback) {
        // One try may have begun before the fault was over.
        EXPECT_LE(opened(), before + 1) << device() << " needed more than one canary";
        return;
      }
      std::this_thread::sleep_for(milliseconds(5));
    }
    ADD_FAILURE() << device() << " did not come back";
  }

  static void expect_all_answered(const ServedModel& model) {
    const Counters counters = model.counters();
    EXPECT_EQ(counters.accepted, counters.answered);
    EXPECT_EQ(counters.failed, 0U);
  }

  /// A command of anynpu on the simulated machine of the family; its report.
  Json command(const std::string& machine, const std::string& faults,
               std::vector<std::string> words, int exit_code = 0) {
    std::vector<std::string> all = {ANYNPU_BINARY, "sim", machine + faults, "--"};
    all.insert(all.end(), words.begin(), words.end());
    all.emplace_back("--json");
    auto ran = run_command(all);
    EXPECT_TRUE(ran) << ran.error().message;
    if (!ran) return {};
    EXPECT_EQ(ran->exit_code, exit_code) << ran->errors << ran->output;
    return Json::parse(ran->output, nullptr, false);
  }

  /// The package as files, for whole commands.
  void write_package() {
    std::string labels, families;
    for (int i = 0; i < test::kSide * test::kSide * test::kOutputChannels; ++i)
      labels += "label " + std::to_string(i) + "\n";
    // So that an input byte is a pixel: AXERA's runtime tells no scale, and takes pixels.
    std::string toml =
        "task = \"classify\"\nlabels = \"labels.txt\"\n[preprocess]\nmean = 128.0\nstd = 20.0\n"
        "[[version]]\nnumber = 1\n";
    for (const model::Artifact& artifact : package_.versions[0].artifacts) {
      toml += "[[version.artifact]]\nfile = \"" + artifact.file + "\"\nfamilies = [";
      for (const std::string& family : artifact.families)
        toml += (family == artifact.families[0] ? "\"" : ", \"") + family + "\"";
      toml += "]\n";
    }
    ASSERT_TRUE(write_file(package_.folder / "labels.txt", std::string_view(labels)));
    ASSERT_TRUE(write_file(package_.folder / "model.toml", std::string_view(toml)));
    ASSERT_TRUE(write_file(folder_ / "picture.bmp", std::string_view(test::bmp(8, 250, 40, 10))));
    set("ANYNPU_MODELS", folder_ / "models");
    set("ANYNPU_RUN_DIR", folder_ / "run");
    set("XDG_STATE_HOME", folder_ / "home");
    // Commands have a simulated machine of their own.
    ::unsetenv("ANYNPU_SIM_STATE");
    ::unsetenv("ANYNPU_SIM_CONTROL");
    for (const auto& [variable, file] : GetParam().files)
      if (variable != "ANYNPU_XRT_PLUGIN") ::unsetenv(variable.c_str());
  }

  TemporaryFolder folder_;
  std::vector<std::string> variables_;
  model::Package package_;
  TimePoint struck_at_ = {};
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
    auto before = ask(*model, 1);
    ASSERT_TRUE(before);
    ASSERT_EQ(before->device, device()) << one.words;
    ASSERT_FALSE(before->fallback) << *before->fallback;
    auto first = ask_under(*model, one.words, 2);
    const double took = ms_since(struck_at_);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->device, "cpu") << one.words;
    EXPECT_THAT(first->fallback.value_or(""), HasSubstr(one.said)) << one.words;
    ask_many(*model, 40);
    fault("");
    const TimePoint over = Clock::now();
    expect_back(*model);
    std::printf(
        "%-6s %-14s answered by the CPU %.1f ms after it could be known; back after %.0f ms\n",
        GetParam().name.c_str(), one.words.c_str(), took - one.known_after_ms, ms_since(over));
    expect_all_answered(*model);
  }
}

TEST_P(NpuFaults, AtRandomEveryAnswerIsRight) {
  const int all = from_environment("ANYNPU_FAULT_REQUESTS", 3000);
  // With npu-required all wait for the device, so that every fault meets requests; it takes longer.
  std::vector<std::pair<Policy, int>> ways = {{Policy::kNpuPreferred, all}};
  if (on_npu()) ways.emplace_back(Policy::kNpuRequired, 300);
  for (const auto& [policy, count] : ways) {
    fault("");
    auto model = start(policy);
    ASSERT_NE(model, nullptr);
    fault(GetParam().at_random);
    ask_many(*model, count);
    const Counters counters = model->counters();
    std::printf("%s: %d requests over %s, which failed %llu times; %llu answered, %llu elsewhere\n",
                std::string(to_string(policy)).c_str(), count, device().c_str(),
                static_cast<unsigned long long>(counters.worker_restarts),
                static_cast<unsigned long long>(counters.answered),
                static_cast<unsigned long long>(counters.fallbacks));
    EXPECT_GT(counters.worker_restarts, 0U);
    expect_all_answered(*model);
    fault("");
    expect_back(*model);
  }
}

TEST_P(NpuFaults, NothingIsLeftBehindByCrashesAndHangs) {
  const int cycles = from_environment("ANYNPU_FAULT_CYCLES", 16);
  auto model = start();
  ASSERT_NE(model, nullptr);
  const auto cycle = [&](int number) {
    static_cast<void>(ask_under(*model, number % 4 == 3 ? "hang" : "crash", number));
    fault("");
    expect_back(*model);
    wait_until_all_are_up(*model);
  };
  for (int i = 0; i < 4; ++i) cycle(i);  // what is made once has been made
  const test::Holdings before = test::holdings_of(::getpid());
  for (int i = 0; i < cycles; ++i) cycle(i);
  const test::Holdings after = test::holdings_of(::getpid());
  EXPECT_EQ(after.children, before.children);
  EXPECT_EQ(after.descriptors, before.descriptors);
  EXPECT_EQ(after.threads, before.threads);
  EXPECT_EQ(after.shared_maps, before.shared_maps);
  EXPECT_LT(after.resident_kb, before.resident_kb + 16 * 1024);
  std::printf("%s, %d cycles: resident %ld -> %ld kB, descriptors %ld -> %ld, threads %ld -> %ld\n",
              device().c_str(), cycles, before.resident_kb, after.resident_kb, before.descriptors,
              after.descriptors, before.threads, after.threads);
}

TEST_P(NpuFaults, ADrainAnswersWhatWasAccepted) {
  auto model = start();
  ASSERT_NE(model, nullptr);
  fault(GetParam().of_run[0].words + ":one-in=3:seed=5");
  std::atomic<int> answered = 0;
  constexpr int kRequests = 60;
  for (int i = 0; i < kRequests; ++i)
    model->submit(request_of(i), [&, i](const Result<Reply>& reply) {
      expect_right(reply, i);
      ++answered;
    });
  model->drain(Clock::now() + kSoon);
  EXPECT_EQ(answered, kRequests);
  EXPECT_EQ(model->counters().in_flight, 0U);
}

TEST_P(NpuFaults, CommandsRunOnItAndFallBack) {
  write_package();
  const std::string& machine = GetParam().machine;
  const std::string picture = folder_ / "picture.bmp";
  const Json ran = command(machine, "", {"run", "tiny", picture});
  EXPECT_EQ(ran["/results/0/device"_json_pointer], device()) << ran.dump(1);
  EXPECT_EQ(ran["/results/0/fallback"_json_pointer], false);
  const Json bench = command(
      machine, "", {"bench", "tiny", "--runs", "3", "--seconds", "0.05", "--instances", "1"});
  bool measured = false;
  for (const Json& placement : bench["placements"])
    measured = measured || placement["placement"].get<std::string>().starts_with(device() + "/");
  EXPECT_TRUE(measured) << bench.dump(1);
  if (!on_npu()) return;
  const Json failing =
      command(machine, ",fault=" + GetParam().of_run[0].words, {"run", "tiny", picture});
  EXPECT_EQ(failing["/results/0/device"_json_pointer], "cpu") << failing.dump(1);
  EXPECT_EQ(failing["/results/0/predictions"_json_pointer],
            ran["/results/0/predictions"_json_pointer]);
  EXPECT_THAT(failing.dump(), HasSubstr(GetParam().of_run[0].said));
}

TEST_P(NpuFaults, AServerFallsBackAndReturns) {
  write_package();
  const std::string machine = GetParam().machine.substr(0, GetParam().machine.find(','));
  set("ANYNPU_MACHINE", ANYNPU_SOURCE_DIR "/sim/machines/" + machine + ".machine");
  set("ANYNPU_SIM_STATE", folder_ / "state");
  set("ANYNPU_SIM_CONTROL", folder_ / "control");
  for (const auto& [variable, file] : GetParam().files)
    set(variable, std::filesystem::path(ANYNPU_SIM_DIR) / file);
  test::ServerProcess server(ANYNPU_BINARY, test::ServerProcess::free_port(),
                             {"--model", "tiny", "--instances", "1"}, folder_ / "log");
  ASSERT_TRUE(server.wait_until_ready()) << read_text(folder_ / "log").value_or("");
  test::HttpClient client(server.port());
  const std::string picture = test::bmp(8, 250, 40, 10);
  const auto infer = [&] {
    auto reply = client.request("POST", "/infer?model=tiny", picture, "image/bmp");
    EXPECT_TRUE(reply);
    EXPECT_EQ(reply ? reply->status : 0, 200) << (reply ? reply->body : "");
    return reply ? Json::parse(reply->body, nullptr, false) : Json();
  };
  const Json before = infer();
  EXPECT_EQ(before["device"], device()) << before.dump(1);
  EXPECT_EQ(before["fallback"], false);
  if (on_npu()) {
    fault(GetParam().of_run[0].words);
    const Json failing = infer();
    EXPECT_EQ(failing["device"], "cpu") << failing.dump(1);
    EXPECT_THAT(failing["fallback"].dump(), HasSubstr(GetParam().of_run[0].said));
    EXPECT_EQ(failing["predictions"], before["predictions"]);
    // The answer comes first, the book-keeping after it.
    const std::string quarantined = "anynpu_device_quarantined{device=\"" + device() + "\"} 1";
    std::string metrics;
    for (const TimePoint end = Clock::now() + kSoon; Clock::now() < end;) {
      metrics = client.get("/metrics")->body;
      if (metrics.find(quarantined) != std::string::npos) break;
    }
    EXPECT_THAT(metrics, HasSubstr(quarantined));
    fault("");
    Json after;
    for (const TimePoint end = Clock::now() + kSoon; Clock::now() < end;) {
      after = infer();
      if (after["device"] == device()) break;
      std::this_thread::sleep_for(milliseconds(50));
    }
    EXPECT_EQ(after["device"], device());
    EXPECT_EQ(after["fallback"], false);
  }
  EXPECT_EQ(server.stop(), 0);
}

TEST_P(NpuFaults, RecoveryStopsAtTheStepThatHelps) {
  if (!on_npu()) {
    const Json none = command("no-npu-amd64", "", {"recover"});
    EXPECT_TRUE(none["devices"].empty());
    return;
  }
  write_package();
  set("ANYNPU_SIM_ACTS", folder_ / "acts");
  const std::string broken = ",fault=" + GetParam().of_run[0].words;
  const Json report =
      command(GetParam().root_machine, broken + ",mended-by=" + GetParam().mending_step,
              {"recover", "--apply", "--model", "tiny"});
  const Json& device = report["/devices/0"_json_pointer];
  EXPECT_EQ(device["mended"], true) << report.dump(1);
  bool reached = false;
  for (const Json& step : device["steps"]) {
    const bool mending = step["name"] == GetParam().mending_step;
    if (step["verdict"] == "take") {
      EXPECT_EQ(step["taken"], !reached) << step.dump(1);
    }
    if (step["taken"] == true) {
      EXPECT_EQ(step["canary"], mending) << step.dump(1);
    }
    reached = reached || mending;
  }
  EXPECT_TRUE(reached);
  const std::string acts = read_text(folder_ / "acts").value_or("");
  EXPECT_EQ(acts.rfind("step "), acts.rfind("step " + GetParam().mending_step)) << acts;
  EXPECT_TRUE(std::filesystem::exists(device["evidence"].get<std::string>() + "/kernel-log.txt"));
  // A moment later it is left alone.
  command(GetParam().root_machine, broken, {"recover", "--apply", "--model", "tiny"}, 1);
}

/// A card has memory of its own, which a worker that was killed may leave taken for a while.
class CardMemory : public NpuFaults {};

TEST_P(CardMemory, IsLookedAtBeforeTheCardIsUsedAgain) {
  sim::axcl::AxmodelFacts facts;
  facts.cmm = std::uint64_t{4} << 30;  // of 7,040 MiB: there is no room for two
  ASSERT_TRUE(write_file(package_.versions[0].folder / GetParam().artifact,
                         sim::axcl::write_axmodel(test::shared_network(), facts)));
  auto model = start();
  ASSERT_NE(model, nullptr);
  ASSERT_EQ(ask(*model, 1)->device, device());
  fault("leak+crash");
  EXPECT_EQ(ask(*model, 2)->device, "cpu");
  fault("leak");
  const auto circuit = [&] { return model->circuits().at(0); };
  const TimePoint patience = Clock::now() + kSoon;
  while (circuit().opened < 2 && Clock::now() < patience)
    std::this_thread::sleep_for(milliseconds(1));
  ASSERT_GE(circuit().opened, 2U) << circuit().reason;
  EXPECT_THAT(circuit().reason, HasSubstr("of the card's memory"));
  EXPECT_EQ(ask(*model, 3)->device, "cpu");
  fault("");
  expect_back(*model);
  expect_all_answered(*model);
}

std::vector<Family> families() {
  std::vector<Family> all = test::npu_families();
  all.push_back(test::cpu_family());
  return all;
}

INSTANTIATE_TEST_SUITE_P(Axcl, CardMemory, ::testing::Values(test::npu_families().at(1)));
INSTANTIATE_TEST_SUITE_P(Families, NpuFaults, ::testing::ValuesIn(families()),
                         [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace anynpu::runtime

/// The test program is its own worker (`npu_faults_test worker --control-fd N`) and asks cards for
/// their facts (`npu_faults_test card-facts LIBRARY BUS`).
int main(int argc, char** argv) {
  namespace axcl = anynpu::engine::axcl;
  if (argc > 3 && std::strcmp(argv[1], "worker") == 0)
    return anynpu::runtime::worker_main(std::atoi(argv[3]));
  if (argc == 4 && std::strcmp(argv[1], axcl::kCardFactsWord) == 0)
    return axcl::card_facts_main(argv[2], std::atoi(argv[3]));
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

// SPDX-License-Identifier: Apache-2.0
// How a worker process is started and ended, and what it may do wrong on the way.
#include <cstdlib>
#include <future>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/text.h"
#include "host/own_processes.h"
#include "runtime/shared_memory.h"
#include "runtime/wire.h"
#include "runtime/worker.h"
#include "temporary_folder.h"
#include "tiny_package.h"
#include "worker_runner.h"

namespace anynpu::runtime {
namespace {

using ::testing::HasSubstr;

Placement placement_of(const TinyPackage& package) {
  return {package.package().latest().artifacts[0], "tflite", "plain", "cpu", 1};
}

// In a process of its own, which leads a group of its own.
void start_with_few_descriptors(const Placement& placement) {
  ::setpgid(0, 0);
  ::setenv("ANYNPU_WORKER_LAUNCHER", "/nonexistent", 1);
  const rlimit limit{64, 64};
  ::setrlimit(RLIMIT_NOFILE, &limit);
  for (std::size_t free = 0; free < 8; ++free) {
    std::vector<Fd> taken;
    for (Fd next(::dup(2)); next; next = Fd(::dup(2))) taken.push_back(std::move(next));
    if (taken.size() < free) ::_exit(2);
    taken.resize(taken.size() - free);
    if (start_worker_process(placement, Clock::now() + seconds(60))) ::_exit(1);
  }
  ::_exit(0);
}

TEST(ProcessWorker, AStartThatFailsEndsNobodyElse) {
  const TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  EXPECT_EXIT(start_with_few_descriptors(placement_of(package)), ::testing::ExitedWithCode(0), "");
}

TEST(ProcessWorker, ALoadIsBrokenOff) {
  const TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  const test::WorkerRunner runner(test::kEndlessLoad);
  const auto stop = std::make_shared<std::atomic<bool>>(false);
  auto starting = std::async(std::launch::async, [&] {
    return start_worker_process(placement_of(package), Clock::now() + std::chrono::hours(1), stop);
  });
  *stop = true;
  const auto worker = starting.get();
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Code::kCancelled);
}

TEST(ProcessWorker, WhatLosesItsConnectionIsNotSaidToRun) {
  const TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  const test::WorkerRunner runner("exec 3>&-\nwhile :; do sleep 1; done\n");
  const auto worker =
      start_worker_process(placement_of(package), Clock::now() + std::chrono::hours(1));
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Code::kCrashed);
  EXPECT_THAT(worker.error().message, HasSubstr("has closed its connection and not ended yet"));
}

TEST(ProcessWorker, ADescriptionThatIsTooLongIsAnErrorOfItsOwn) {
  const TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  const TemporaryFolder folder;
  test::TinyTflite model;
  const test::TinyTensor tensor{std::string(150, 'x'), test::TfliteType::kFloat32, {1, 4}};
  const int x = model.input(tensor);
  for (std::size_t i = 0; i < kMostMessageBytes / tensor.name.size(); ++i) model.input(tensor);
  model.add(x, x, model.output({"y", test::TfliteType::kFloat32, {1, 4}}));
  Placement placement = placement_of(package);
  placement.artifact.path = folder / "long.tflite";
  ASSERT_TRUE(write_file(placement.artifact.path, std::span<const std::byte>(model.build())));
  const auto worker = start_worker_process(placement, Clock::now() + seconds(60));
  ASSERT_FALSE(worker);
  EXPECT_EQ(worker.error().code, Code::kTooLarge) << worker.error().message;
}

// A vendor's library that prints for every run.
TEST(ProcessWorker, WhatItPrintsIsKeptSmall) {
  const TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  const test::WorkerRunner runner(
      "head -c 3000000 /dev/zero | tr '\\0' x\necho\necho the last words\nexec $EMULATOR \"$@\"\n");
  auto worker = start_worker_process(placement_of(package), Clock::now() + seconds(60));
  ASSERT_TRUE(worker) << worker.error().message;
  const auto printed = "/proc/" + std::to_string((*worker)->pid()) + "/fd/1";
  EXPECT_GT(std::filesystem::file_size(printed), 3'000'000U);
  ASSERT_TRUE((*worker)->prepare({{{1, 4}, 16}}));
  ASSERT_TRUE((*worker)->run(Clock::now() + seconds(60)));
  EXPECT_LT(std::filesystem::file_size(printed), 1000U);
  ::kill((*worker)->pid(), SIGKILL);
  EXPECT_THAT((*worker)->obituary(seconds(60)), HasSubstr("the last words"));
}

// The message that carries memory has no answer: one would be taken for the next run's.
TEST(ProcessWorker, OneThatCannotHaveItsMemoryEnds) {
  auto pair = Channel::make_pair();
  ASSERT_TRUE(pair);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pair->second.get(), 3);
  std::vector<std::string> words;
  const char* emulator = std::getenv("ANYNPU_WORKER_LAUNCHER");
  if (emulator != nullptr && *emulator != '\0') words = split(emulator, ' ');
  for (const std::string& word :
       {std::filesystem::read_symlink("/proc/self/exe").string(), std::string("worker"),
        std::string("--control-fd"), std::string("3")})
    words.push_back(word);
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = 0;
  ASSERT_EQ(::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  pair->second.reset();
  auto memory = SharedMemory::create(4096);
  ASSERT_TRUE(memory);
  auto copy = memory->duplicate();
  ASSERT_TRUE(copy);
  Message wrong{MessageType::kMemory, {4095}};
  wrong.fd = std::move(*copy);
  ASSERT_TRUE(pair->first.send(wrong));
  const auto answer = pair->first.receive(Clock::now() + seconds(60));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::kCrashed) << "the end of the connection";
  int status = 0;
  ASSERT_EQ(::waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST(ProcessWorker, EndsWhenAskedAndEvenWhenItIsStopped) {
  const TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  for (const bool stopped : {false, true}) {
    auto worker = start_worker_process(placement_of(package), Clock::now() + seconds(60));
    ASSERT_TRUE(worker) << worker.error().message;
    const pid_t pid = (*worker)->pid();
    if (stopped) ::kill(pid, SIGSTOP);
    EXPECT_TRUE((*worker)->end(stopped));
    EXPECT_NE(::kill(pid, 0), 0);
  }
}

// A runner that keeps running when the worker inside of it has gone, until it is told to quit.
TEST(ProcessWorker, ARunnerIsToldOnItsStandardInput) {
  const TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  const TemporaryFolder folder;
  const auto told = folder / "told";
  const test::WorkerRunner runner(
      "$EMULATOR \"$@\" </dev/null &\n"
      "exec 3>&-\n"
      "while read -r line; do\n"
      "  [ \"$line\" = q ] && : >" +
      told.string() +
      " && exit 0\n"
      "done\n");
  auto worker = start_worker_process(placement_of(package), Clock::now() + seconds(60));
  ASSERT_TRUE(worker) << worker.error().message;
  const pid_t pid = (*worker)->pid();
  EXPECT_TRUE((*worker)->end(false));
  EXPECT_TRUE(std::filesystem::exists(told));
  EXPECT_NE(::kill(pid, 0), 0);
}

// A vendor's library that starts helpers: the device is free when they have gone too.
TEST(ProcessWorker, WhatItStartedEndsWithIt) {
  const TinyPackage package({{"model.tflite", TinyModel::kDouble}});
  const TemporaryFolder folder;
  const auto helper = folder / "helper";
  const test::WorkerRunner runner("(trap '' TERM; echo started >" + helper.string() +
                                  "; while :; do sleep 1; done) &\n"
                                  "exec $EMULATOR \"$@\"\n");
  auto worker = start_worker_process(placement_of(package), Clock::now() + seconds(60));
  ASSERT_TRUE(worker) << worker.error().message;
  const pid_t pid = (*worker)->pid();
  while (!std::filesystem::exists(helper)) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_GE(host::processes_of_group(pid).size(), 2U);
  EXPECT_TRUE((*worker)->end(false));
  EXPECT_TRUE(host::processes_of_group(pid).empty());
}

}  // namespace
}  // namespace anynpu::runtime

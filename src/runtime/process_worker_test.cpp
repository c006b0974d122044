// SPDX-License-Identifier: Apache-2.0
// How a worker process is ended.
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "host/own_processes.h"
#include "runtime/worker.h"
#include "temporary_folder.h"
#include "tiny_package.h"

namespace anynpu::runtime {
namespace {

Placement placement_of(const TinyPackage& package) {
  return {package.package().latest().artifacts[0], "tflite", "plain", "cpu", 1};
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
  const auto script = folder / "runner", told = folder / "told";
  std::ofstream(script) << "#!/bin/sh\n"
                        << "\"$@\" </dev/null &\n"
                        << "exec 3>&-\n"
                        << "while read -r line; do\n"
                        << "  [ \"$line\" = q ] && : >" << told.string() << " && exit 0\n"
                        << "done\n";
  ::chmod(script.c_str(), 0700);
  ::setenv("ANYNPU_WORKER_LAUNCHER", script.c_str(), 1);
  auto worker = start_worker_process(placement_of(package), Clock::now() + seconds(60));
  ::unsetenv("ANYNPU_WORKER_LAUNCHER");
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
  const auto script = folder / "runner", helper = folder / "helper";
  std::ofstream(script) << "#!/bin/sh\n"
                        << "(trap '' TERM; echo started >" << helper.string()
                        << "; while :; do sleep 1; done) &\n"
                        << "exec \"$@\"\n";
  ::chmod(script.c_str(), 0700);
  ::setenv("ANYNPU_WORKER_LAUNCHER", script.c_str(), 1);
  auto worker = start_worker_process(placement_of(package), Clock::now() + seconds(60));
  ::unsetenv("ANYNPU_WORKER_LAUNCHER");
  ASSERT_TRUE(worker) << worker.error().message;
  const pid_t pid = (*worker)->pid();
  while (!std::filesystem::exists(helper)) std::this_thread::sleep_for(milliseconds(1));
  EXPECT_GE(host::processes_of_group(pid).size(), 2U);
  EXPECT_TRUE((*worker)->end(false));
  EXPECT_TRUE(host::processes_of_group(pid).empty());
}

}  // namespace
}  // namespace anynpu::runtime

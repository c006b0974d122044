// SPDX-License-Identifier: Apache-2.0
#include "runtime/hand_over.h"

#include <future>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include "host/processors.h"
#include "host/running_machine.h"

namespace anynpu::runtime {
namespace {

class SomeWorker : public Worker {
 public:
  explicit SomeWorker(pid_t pid, std::optional<int> processor = std::nullopt)
      : pid_(pid), processor_(processor) {}
  const engine::SessionInfo& session() const override { return info_; }
  Result<std::vector<std::span<std::byte>>> prepare(const std::vector<InputSize>&) override {
    return std::vector<std::span<std::byte>>();
  }
  Result<RunOutput> run(TimePoint) override { return RunOutput(); }
  bool end(bool) override { return true; }
  std::string obituary(Duration) override { return ""; }
  pid_t pid() const override { return pid_; }
  std::optional<int> processor() const override { return processor_; }

 private:
  pid_t pid_;
  std::optional<int> processor_;
  engine::SessionInfo info_;
};

cpu_set_t allowed(pid_t thread = 0) {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(::sched_getaffinity(thread, sizeof set, &set), 0);
  return set;
}

/// Whether this machine, and who started this test, let threads be confined at all.
bool possible() {
  const cpu_set_t set = allowed();
  const long all = ::sysconf(_SC_NPROCESSORS_ONLN);
  return all > 1 && CPU_COUNT(&set) == all &&
         host::processors_are_alike(*host::machine_of_this_process());
}

/// On a thread of its own, which may be left confined.
template <typename Body>
void on_a_thread(const Body& body) {
  std::thread(body).join();
}

TEST(HandOver, TheOnlyRunConfinesItsThreadUntilTheEnd) {
  const bool can = possible();
  on_a_thread([can] {
    const cpu_set_t before = allowed();
    HandOver hand_over;
    for (int i = 0; i < 2; ++i) {
      const HandOver::Run run(hand_over, SomeWorker(::getpid()));
      EXPECT_EQ(confined_to().has_value(), can);
      const cpu_set_t now = allowed();
      EXPECT_EQ(CPU_COUNT(&now), can ? 1 : CPU_COUNT(&before));
    }
    EXPECT_EQ(confined_to().has_value(), can) << "it waits there for the next one";
    hand_over.end();
    EXPECT_FALSE(confined_to());
    const cpu_set_t after = allowed();
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
  });
}

TEST(HandOver, TheThreadGoesWhereItsWorkerWas) {
  const bool can = possible();
  on_a_thread([can] {
    HandOver hand_over;
    for (const int processor : {1, 0}) {
      const HandOver::Run run(hand_over, SomeWorker(::getpid(), processor));
      EXPECT_EQ(confined_to(), can ? std::optional(processor) : std::nullopt);
      EXPECT_TRUE(!can || ::sched_getcpu() == processor);
    }
    // What a worker says is not believed blindly.
    const HandOver::Run run(hand_over, SomeWorker(::getpid(), CPU_SETSIZE));
    EXPECT_FALSE(confined_to());
  });
}

TEST(HandOver, IsNotDoneWhileAnotherRunIsUnderWayNorWithinThisProcess) {
  on_a_thread([] {
    HandOver one, other;
    const HandOver::Run first(one, SomeWorker(::getpid()));
    on_a_thread([&other] {
      const HandOver::Run second(other, SomeWorker(::getpid()));
      EXPECT_FALSE(confined_to());
      EXPECT_FALSE(confine_beside(::getpid()));
    });
  });
  on_a_thread([] {
    HandOver hand_over;
    const HandOver::Run run(hand_over, SomeWorker(0));
    EXPECT_FALSE(confined_to());
  });
}

TEST(HandOver, WhoIsConfinedOtherwiseIsLeftAlone) {
  on_a_thread([] {
    cpu_set_t own = allowed();
    for (std::size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&own) > 1; ++i) CPU_CLR(i, &own);
    ASSERT_EQ(::sched_setaffinity(0, sizeof own, &own), 0);
    HandOver hand_over;
    {
      const HandOver::Run run(hand_over, SomeWorker(::getpid()));
      EXPECT_FALSE(confined_to());
    }
    hand_over.end();
    const cpu_set_t after = allowed();
    EXPECT_TRUE(CPU_EQUAL(&own, &after));
  });
}

TEST(HandOver, TheNextThreadBeginsBesideThisOne) {
  const bool can = possible();
  std::promise<pid_t> begun;
  std::promise<bool> told;
  std::thread next([&] {
    const cpu_set_t before = allowed();
    begun.set_value(::gettid());
    const bool confined = told.get_future().get();
    const cpu_set_t now = allowed();
    EXPECT_EQ(CPU_COUNT(&now), confined ? 1 : CPU_COUNT(&before));
    if (confined) run_anywhere();
    const cpu_set_t after = allowed();
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
  });
  on_a_thread([&, thread = begun.get_future().get()] {
    HandOver hand_over;
    const HandOver::Run run(hand_over, SomeWorker(::getpid()));
    const bool confined = confine_beside(thread);
    EXPECT_EQ(confined, can);
    if (confined) {
      const cpu_set_t now = allowed(thread);
      EXPECT_TRUE(CPU_ISSET(static_cast<std::size_t>(*confined_to()), &now));
    }
    told.set_value(confined);
  });
  next.join();
}

}  // namespace
}  // namespace anynpu::runtime

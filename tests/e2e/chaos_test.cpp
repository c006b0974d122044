// SPDX-License-Identifier: Apache-2.0
// Requests over 100 connections while workers are killed and stopped at random: every one is
// answered 200 and right, and afterwards the server holds what it held before.
//
// ANYNPU_CHAOS_REQUESTS sets how many; `make stress` runs 10,000.
#include <atomic>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/file.h"
#include "base/report.h"
#include "model/store.h"
#include "server_process.h"

namespace anynpu {
namespace {

using test::HttpClient;
using test::ServerProcess;

constexpr int kConnections = 100;

int requests_wanted() {
  const char* text = std::getenv("ANYNPU_CHAOS_REQUESTS");
  return text != nullptr ? std::atoi(text) : 1000;
}

// Kills or stops a random worker after every 5 to 30 answers, until told to end: paced by what the
// server gets done, so that a slow or busy machine has as many chances as a fast one. A stopped
// worker hangs for the server; nobody wakes it up again but its end.
void torment(pid_t server, const std::atomic<int>& answered, const std::atomic<bool>& over,
             std::atomic<int>& killed, std::atomic<int>& stopped) {
  std::mt19937 random(20261120);
  for (int next = 5; !over; std::this_thread::sleep_for(std::chrono::milliseconds(2))) {
    if (answered < next) continue;
    next = answered + 5 + static_cast<int>(random() % 26);
    std::vector<pid_t> workers = test::children_of(server);
    if (workers.empty()) continue;
    bool stop = random() % 6 == 0;
    ::kill(workers[random() % workers.size()], stop ? SIGSTOP : SIGKILL);
    ++(stop ? stopped : killed);
  }
}

TEST(Chaos, LosesNoRequestAndLeavesNothingBehind) {
  auto package = model::open_package("mobilenet_v1");
  ASSERT_TRUE(package) << package.error().message << ": `make test` fetches the default models";
  ASSERT_FALSE(package->canary.empty());
  auto picture = read_text(package->canary, 16 << 20);
  ASSERT_TRUE(picture) << picture.error().message;

  ServerProcess server(ANYNPU_BINARY, ServerProcess::free_port(),
                       {"--model", "mobilenet_v1", "--instances", "2", "--hang-limit", "0.5",
                        "--timeout", "50", "--log-level", "error"});
  ASSERT_TRUE(server.wait_until_ready());
  std::optional<HttpClient> one(server.port());
  auto first = one->request("POST", "/infer", *picture, "image/jpeg");
  ASSERT_TRUE(first && first->status == 200) << (first ? first->body : "no answer");
  test::Holdings before = test::holdings_of(server.pid());

  std::atomic<int> left = requests_wanted(), answered = 0, wrong = 0, fell_back = 0, killed = 0,
                   stopped = 0;
  std::atomic<bool> over = false;
  std::thread tormentor([&] { torment(server.pid(), answered, over, killed, stopped); });
  std::vector<std::thread> clients;
  for (int i = 0; i < kConnections; ++i) {
    clients.emplace_back([&] {
      HttpClient client(server.port());
      while (left.fetch_sub(1) > 0) {
        auto reply =
            client.request("POST", "/infer?model=mobilenet_v1&top=1", *picture, "image/jpeg");
        ++answered;
        Json answer = reply ? Json::parse(reply->body, nullptr, false) : Json();
        bool right =
            reply && reply->status == 200 && answer.is_object() && !answer["predictions"].empty() &&
            answer["predictions"][0]["label"].get<std::string>().find("military uniform") == 0;
        if (right && !answer["fallback"].is_boolean()) ++fell_back;
        if (right) continue;
        ++wrong;
        ADD_FAILURE() << (reply ? std::to_string(reply->status) + " " + reply->body : "no answer");
      }
    });
  }
  for (std::thread& client : clients) client.join();
  over = true;
  tormentor.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(killed, 0);
  EXPECT_GT(stopped, 0);
  std::printf(
      "%d requests, %d workers killed, %d stopped, %d answers by another placement or worker\n",
      requests_wanted(), killed.load(), stopped.load(), fell_back.load());

  // Stopped workers are found out by a request only: each lane gets some, until all are well again.
  // A worker gets its shared memory with its first request, so the one that stands by may have had
  // none before: one piece and one descriptor for each worker, and no more.
  const long most_descriptors = before.descriptors + (before.children - before.shared_maps);
  test::Holdings after;
  one.emplace(server.port());  // the first connection may have been idle for too long
  for (int i = 0; i < 200; ++i) {
    auto reply = one->request("POST", "/infer?model=mobilenet_v1", *picture, "image/jpeg");
    ASSERT_TRUE(reply && reply->status == 200);
    after = test::holdings_of(server.pid());
    if (i > 20 && after.children == before.children && after.descriptors <= most_descriptors) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(after.children, before.children);
  EXPECT_LE(after.descriptors, most_descriptors);
  EXPECT_LE(after.threads, before.threads);
  EXPECT_LE(after.shared_maps, after.children);
  // The allocator keeps what 100 pictures at once needed; a leak per request would be far over it.
  EXPECT_LT(after.resident_kb, before.resident_kb + 64 * 1024);
  std::printf("resident %ld -> %ld kB, descriptors %ld -> %ld, threads %ld -> %ld\n",
              before.resident_kb, after.resident_kb, before.descriptors, after.descriptors,
              before.threads, after.threads);
  EXPECT_EQ(server.stop(), 0);
}

}  // namespace
}  // namespace anynpu

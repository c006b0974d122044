// SPDX-License-Identifier: Apache-2.0
#include "server/service_manager.h"

#include <cstdlib>
#include <cstring>

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "temporary_folder.h"

namespace anynpu::server {
namespace {

using testing::HasSubstr;

/// A service manager: the socket that $NOTIFY_SOCKET names.
class ServiceManagerTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string path = (folder_ / "notify").string();
    socket_ = Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
  }

  /// What has come; empty when nothing has.
  std::string next() {
    pollfd wait = {socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, 0) <= 0) return {};
    char text[4096];
    ssize_t got = ::recv(socket_.get(), text, sizeof text, 0);
    return got <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(got));
  }

  TemporaryFolder folder_;
  Fd socket_;
  ServiceManager manager_;
};

TEST_F(ServiceManagerTest, SaysWhatHappens) {
  EXPECT_TRUE(manager_.ready("serving 2 models"));
  EXPECT_EQ(next(), "READY=1\nSTATUS=serving 2 models");
  EXPECT_TRUE(manager_.status("loading"));
  EXPECT_EQ(next(), "STATUS=loading");
  EXPECT_TRUE(manager_.alive());
  EXPECT_EQ(next(), "WATCHDOG=1");
  EXPECT_TRUE(manager_.extend(seconds(30)));
  EXPECT_EQ(next(), "EXTEND_TIMEOUT_USEC=30000000");
  EXPECT_TRUE(manager_.stopping("answering what was accepted"));
  EXPECT_EQ(next(), "STOPPING=1\nSTATUS=answering what was accepted");
}

TEST_F(ServiceManagerTest, AStatusCannotSayMoreThanAStatus) {
  EXPECT_TRUE(manager_.status("a model\nREADY=1\nMAINPID=1"));
  EXPECT_EQ(next(), "STATUS=a model?READY=1?MAINPID=1");
}

TEST_F(ServiceManagerTest, WithoutOneNothingIsSaid) {
  ::unsetenv("NOTIFY_SOCKET");
  EXPECT_FALSE(manager_.ready("x"));
  EXPECT_FALSE(manager_.alive());
  EXPECT_EQ(next(), "");
}

TEST_F(ServiceManagerTest, TheWatchdogsLimitIsRead) {
  EXPECT_EQ(ServiceManager::watchdog_limit(), std::nullopt);
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  EXPECT_EQ(ServiceManager::watchdog_limit(), Duration(seconds(30)));
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  EXPECT_EQ(ServiceManager::watchdog_limit(), Duration(seconds(30)));
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_EQ(ServiceManager::watchdog_limit(), std::nullopt) << "it is for another process";
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("WATCHDOG_USEC", "soon", 1);
  EXPECT_EQ(ServiceManager::watchdog_limit(), std::nullopt);
}

TEST_F(ServiceManagerTest, TheWatchdogIsFedOnlyWhileAllIsWell) {
  ::setenv("WATCHDOG_USEC", "2000", 1);  // a beat each millisecond
  boost::asio::io_context loop;
  int looks = 0;
  Watchdog watchdog(loop.get_executor(), manager_, [&looks] {
    ++looks;
    return looks == 2 || looks == 3 ? std::string("stuck") : std::string();
  });
  watchdog.start();
  EXPECT_EQ(next(), "WATCHDOG=1");
  loop.run_one();
  EXPECT_EQ(next(), "STATUS=not well: stuck");
  loop.run_one();
  EXPECT_EQ(next(), "") << "said once, and not alive";
  loop.run_one();
  EXPECT_EQ(next(), "WATCHDOG=1");
  watchdog.stop();
  loop.run();
  EXPECT_EQ(looks, 4);
  EXPECT_EQ(next(), "");
}

TEST_F(ServiceManagerTest, WithoutAWatchdogNoTimerRuns) {
  boost::asio::io_context loop;
  Watchdog watchdog(loop.get_executor(), manager_, [] { return std::string(); });
  watchdog.start();
  EXPECT_EQ(loop.run(), 0U);
  EXPECT_EQ(next(), "");
}

TEST(LoopProbe, ALoopThatDoesNothingIsStuck) {
  boost::asio::io_context loop;
  LoopProbe probe({loop.get_executor()});
  EXPECT_EQ(probe.look(), "");
  EXPECT_THAT(probe.look(), HasSubstr("stands still"));
  EXPECT_EQ(loop.run(), 1U) << "nothing piles up in a loop that is stuck";
  EXPECT_EQ(probe.look(), "");
}

TEST(LoopProbe, EveryLoopIsLookedAt) {
  boost::asio::io_context busy, stuck;
  LoopProbe probe({busy.get_executor(), stuck.get_executor()});
  EXPECT_EQ(probe.look(), "");
  busy.run();
  EXPECT_THAT(probe.look(), HasSubstr("stands still"));
}

TEST(ProgressWatch, WorkThatIsNotAnsweredIsStuck) {
  ProgressWatch watch;
  TimePoint start = Clock::now();
  runtime::Counters counters;
  EXPECT_EQ(watch.look("a", counters, seconds(60), start), "");
  EXPECT_EQ(watch.look("a", counters, seconds(60), start + seconds(1000)), "")
      << "nothing to do is fine";
  counters.queued = 3;
  counters.in_flight = 4;  // the three that wait are among them
  EXPECT_EQ(watch.look("a", counters, seconds(60), start + seconds(1050)), "");
  EXPECT_EQ(watch.look("b", counters, seconds(60), start + seconds(1050)), "");
  counters.answered = 1;
  EXPECT_EQ(watch.look("a", counters, seconds(60), start + seconds(1070)), "")
      << "one was answered";
  EXPECT_EQ(watch.look("a", counters, seconds(60), start + seconds(1130)), "");
  EXPECT_THAT(watch.look("a", counters, seconds(60), start + seconds(1131)),
              HasSubstr("a has 4 requests and has answered none for 61 s"));
  counters.failed = 1;
  EXPECT_EQ(watch.look("a", counters, seconds(60), start + seconds(1132)), "")
      << "an error is an answer";
  EXPECT_EQ(watch.look("a", counters, seconds(130), start + seconds(1250)), "")
      << "a model whose runs may take longer is given longer";
}

}  // namespace
}  // namespace anynpu::server

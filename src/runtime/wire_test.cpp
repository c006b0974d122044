// SPDX-License-Identifier: Apache-2.0
#include "runtime/wire.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "runtime/shared_memory.h"

namespace anynpu::runtime {
namespace {

std::pair<Channel, Channel> make_channels() {
  auto pair = Channel::make_pair();
  EXPECT_TRUE(pair);
  return {std::move(pair->first), Channel(std::move(pair->second))};
}

TEST(Wire, CarriesNumbersTextAndMemory) {
  auto [server, worker] = make_channels();
  auto memory = SharedMemory::create(100);
  ASSERT_TRUE(memory);
  memory->bytes()[7] = std::byte{42};
  Message message{MessageType::kMemory, {static_cast<std::int64_t>(memory->size()), -1}, "text"};
  auto copy = memory->duplicate();
  ASSERT_TRUE(copy);
  message.fd = std::move(*copy);
  ASSERT_TRUE(server.send(message));

  auto received = worker.receive(Clock::now() + seconds(5));
  ASSERT_TRUE(received);
  EXPECT_EQ(received->type, MessageType::kMemory);
  EXPECT_EQ(received->numbers, message.numbers);
  EXPECT_EQ(received->text, "text");
  auto attached = SharedMemory::attach(std::move(received->fd), memory->size());
  ASSERT_TRUE(attached);
  EXPECT_EQ(attached->bytes()[7], std::byte{42});
}

TEST(Wire, NamesATimeoutAndAnEnd) {
  auto [server, worker] = make_channels();
  auto late = server.receive(Clock::now() + milliseconds(5));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::kTimeout);
  worker = Channel(Fd());
  auto gone = server.receive(Clock::now() + seconds(5));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().code, Code::kCrashed);
  EXPECT_FALSE(server.send(Message{MessageType::kQuit}));
}

TEST(Wire, RefusesGarbledMessages) {
  auto [server, worker] = make_channels();
  const std::vector<std::vector<std::uint32_t>> garbled = {
      {1}, {0, 0, 0}, {99, 0, 0}, {1, 5, 0}, {1, 0, 7}, {1, 0xFFFFFFFF, 0xFFFFFFFF}};
  for (const auto& words : garbled) {
    ASSERT_GT(::send(worker.fd(), words.data(), words.size() * 4, 0), 0);
    auto received = server.receive(Clock::now() + seconds(5));
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().code, Code::kCrashed);
  }
}

TEST(Wire, RefusesAMessageOverTheLimit) {
  auto [server, worker] = make_channels();
  auto sent = server.send(Message{MessageType::kLoad, {}, std::string(kMostMessageBytes, 'x')});
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::kTooLarge);
}

TEST(Wire, ChecksSlotsAgainstTheMemory) {
  auto read = [](const std::vector<std::int64_t>& list) {
    Numbers numbers(list);
    return read_slot(numbers, 100).has_value();
  };
  EXPECT_TRUE(read({0, 100, 2, 10, 10}));
  EXPECT_TRUE(read({100, 0, 0}));
  EXPECT_FALSE(read({1, 100, 0}));
  EXPECT_FALSE(read({-1, 1, 0}));
  EXPECT_FALSE(read({0, -1, 0}));
  EXPECT_FALSE(read({INT64_MAX, INT64_MAX, 0}));
  EXPECT_FALSE(read({0, 1, 17}));
  EXPECT_FALSE(read({0, 1, 1, -5}));
  EXPECT_FALSE(read({0, 1, 3, 1}));
}

TEST(Wire, ErrorsKeepTheirCodeAndHint) {
  Error error =
      error_of(failure_message(Error{Code::kDevice, "line one\nline two", EIO, "do this"}));
  EXPECT_EQ(error.code, Code::kDevice);
  EXPECT_EQ(error.message, "line one\nline two");
  EXPECT_EQ(error.system_errno, EIO);
  EXPECT_EQ(error.hint, "do this");
  EXPECT_EQ(error_of(Message{MessageType::kFailed, {77}, ""}).code, Code::kInternal);
}

TEST(SharedMemory, CannotBeShrunkByAWorker) {
  auto memory = SharedMemory::create(8192);
  ASSERT_TRUE(memory);
  auto fd = memory->duplicate();
  ASSERT_TRUE(fd);
  EXPECT_NE(::ftruncate(fd->get(), 0), 0);
  EXPECT_FALSE(SharedMemory::attach(std::move(*fd), 4096))
      << "the announced size must be the real one";
}

}  // namespace
}  // namespace anynpu::runtime

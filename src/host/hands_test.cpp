// SPDX-License-Identifier: Apache-2.0
// Real hands, on files that stand for a driver's.
#include "host/hands.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "base/file.h"
#include "temporary_folder.h"

namespace anynpu::host {
namespace {

TEST(RealHands, WriteWhatTheyAreTold) {
  TemporaryFolder folder;
  const std::string file = (folder / "unbind").string();
  std::ofstream(file).flush();
  auto hands = running_hands();
  ASSERT_TRUE(hands->write(file, "fdab0000.npu", seconds(30)));
  auto text = read_text(file);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "fdab0000.npu");
}

TEST(RealHands, TheKernelsAnswerIsTheErrno) {
  TemporaryFolder folder;
  auto hands = running_hands();
  auto done = hands->write((folder / "not-there").string(), "1", seconds(30));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().system_errno, ENOENT);
  done = hands->reset_rknpu((folder / "not-there").string(), seconds(30));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().system_errno, ENOENT);
}

// A FIFO that nobody reads holds its writer as a wedged driver does.
TEST(RealHands, ADriverThatHoldsItsWriterCostsTheLimitOnly) {
  TemporaryFolder folder;
  const std::string file = (folder / "unbind").string();
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  auto done = running_hands()->write(file, "1", milliseconds(200));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::kTimeout);
}

}  // namespace
}  // namespace anynpu::host

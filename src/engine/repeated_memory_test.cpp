// SPDX-License-Identifier: Apache-2.0
// That all blocks are one.
#include "engine/repeated_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace anynpu::engine {
namespace {

TEST(RepeatedMemory, EveryBlockIsTheSame) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  auto memory = RepeatedMemory::create(3 * page, 5);
  ASSERT_TRUE(memory);
  memory->data()[2 * page + 7] = std::byte{42};
  memory->data()[4 * 3 * page] = std::byte{43};
  for (std::size_t i = 0; i < memory->times(); ++i) {
    const std::byte* block = memory->data() + i * memory->bytes();
    EXPECT_EQ(block[2 * page + 7], std::byte{42}) << i;
    EXPECT_EQ(block[0], std::byte{43}) << i;
    EXPECT_EQ(block[3 * page - 1], std::byte{0}) << i;
  }
}

TEST(RepeatedMemory, PartsOfPagesCannotBeRepeated) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  EXPECT_FALSE(RepeatedMemory::create(page + 4, 2));
  EXPECT_FALSE(RepeatedMemory::create(0, 2));
  EXPECT_FALSE(RepeatedMemory::create(page, 0));
}

}  // namespace
}  // namespace anynpu::engine

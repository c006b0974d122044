// SPDX-License-Identifier: Apache-2.0
#include "runtime/huge_pages.h"

#include <algorithm>
#include <cstdlib>

#include <gtest/gtest.h>

namespace anynpu::runtime {
namespace {

TEST(HugePages, AreAskedForWhereTheyAreSmall) {
  EXPECT_EQ(malloc_tunables("", "2097152\n"), "glibc.malloc.hugetlb=1");
  EXPECT_EQ(malloc_tunables("", "33554432\n"), "") << "of a kernel with pages of 16 kB";
  EXPECT_EQ(malloc_tunables("", ""), "") << "a kernel without them";
  EXPECT_EQ(malloc_tunables("", "much"), "");
}

TEST(HugePages, WhatTheUserHasSetIsKept) {
  EXPECT_EQ(malloc_tunables("glibc.malloc.check=3", "2097152"),
            "glibc.malloc.check=3:glibc.malloc.hugetlb=1");
  EXPECT_EQ(malloc_tunables("glibc.malloc.hugetlb=0", "2097152"), "glibc.malloc.hugetlb=0");
}

TEST(HugePages, TheRestOfTheEnvironmentStays) {
  ::setenv("ANYNPU_TEST_OF_HUGE_PAGES", "1", 1);
  const auto environment = worker_environment();
  EXPECT_EQ(std::count(environment.begin(), environment.end(), "ANYNPU_TEST_OF_HUGE_PAGES=1"), 1);
  EXPECT_LE(
      std::count_if(environment.begin(), environment.end(),
                    [](const std::string& each) { return each.starts_with("GLIBC_TUNABLES="); }),
      1);
  ::unsetenv("ANYNPU_TEST_OF_HUGE_PAGES");
}

}  // namespace
}  // namespace anynpu::runtime

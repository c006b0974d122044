// SPDX-License-Identifier: Apache-2.0
#include "base/late_library.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu {
namespace {

TEST(LateLibraryTest, FindsFunctions) {
  const LateLibrary library("libm.so.6");
  EXPECT_EQ(library.problem(), "");
  auto* root = library.find<double(double)>("sqrt");
  ASSERT_NE(root, nullptr);
  EXPECT_DOUBLE_EQ(root(9.0), 3.0);
  EXPECT_EQ(library.find<double(double)>("no_such_function"), nullptr);
}

TEST(LateLibraryTest, ALibraryThatIsNotThereSaysSo) {
  const LateLibrary library("libnot-there-at-all.so.7");
  EXPECT_THAT(library.problem(), ::testing::HasSubstr("libnot-there-at-all.so.7"));
  EXPECT_EQ(library.find<void()>("anything"), nullptr);
}

}  // namespace
}  // namespace anynpu

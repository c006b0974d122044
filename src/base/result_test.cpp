// SPDX-License-Identifier: Apache-2.0
// Tests of Result and Error.
#include "base/result.h"

#include <cerrno>
#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace anynpu {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return Error{Code::kInvalid, "odd"}.with_hint("double it");
  return number / 2;
}

Result<int> quarter(int number) {
  ANYNPU_TRY(first, half(number));
  ANYNPU_TRY(second, half(first));
  return second;
}

Result<> check_even(int number, int& steps) {
  ANYNPU_CHECK(half(number));
  ++steps;
  return {};
}

TEST(Result, TryGivesTheValueOrReturnsTheError) {
  ASSERT_TRUE(quarter(12));
  EXPECT_EQ(*quarter(12), 3);
  Result<int> failed = quarter(6);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kInvalid);
  EXPECT_EQ(failed.error().message, "odd");
  EXPECT_EQ(failed.error().hint, "double it");
}

TEST(Result, TryMovesWhatCannotBeCopied) {
  auto make = []() -> Result<std::unique_ptr<int>> { return std::make_unique<int>(7); };
  auto use = [&]() -> Result<int> {
    ANYNPU_TRY(pointer, make());
    std::unique_ptr<int> owned = std::move(pointer);
    return *owned;
  };
  EXPECT_EQ(*use(), 7);
}

TEST(Result, CheckStopsAtTheFirstError) {
  int steps = 0;
  EXPECT_TRUE(check_even(2, steps));
  EXPECT_EQ(steps, 1);
  EXPECT_FALSE(check_even(3, steps));
  EXPECT_EQ(steps, 1);
}

TEST(Error, WithinPutsTheWhereFirst) {
  Error error = Error{Code::kIo, "line 3 is empty"}.within("labels.txt").within("model");
  EXPECT_EQ(error.message, "model: labels.txt: line 3 is empty");
  EXPECT_EQ(error.code, Code::kIo);
}

TEST(Error, SystemErrorsGetTheCodeOfTheirErrno) {
  EXPECT_EQ(system_error("x", ENOENT).code, Code::kNotFound);
  EXPECT_EQ(system_error("x", ENODEV).code, Code::kNotFound);
  EXPECT_EQ(system_error("x", EACCES).code, Code::kPermission);
  EXPECT_EQ(system_error("x", EROFS).code, Code::kPermission);
  EXPECT_EQ(system_error("x", ETIMEDOUT).code, Code::kTimeout);
  Error error = system_error("/dev/accel/accel0", EIO);
  EXPECT_EQ(error.code, Code::kIo);
  EXPECT_EQ(error.system_errno, EIO);
  EXPECT_TRUE(error.message.starts_with("/dev/accel/accel0: ")) << error.message;
  EXPECT_GT(error.message.size(), std::string("/dev/accel/accel0: ").size());
}

TEST(Error, EveryCodeHasAWordOfItsOwn) {
  EXPECT_EQ(to_string(Code::kNotFound), "not_found");
  EXPECT_EQ(to_string(Code::kTooLarge), "too_large");
  EXPECT_EQ(to_string(Code::kCrashed), "crashed");
  for (int a = 0; a <= static_cast<int>(Code::kInternal); ++a)
    for (int b = 0; b < a; ++b)
      EXPECT_NE(to_string(static_cast<Code>(a)), to_string(static_cast<Code>(b)));
}

}  // namespace
}  // namespace anynpu

// SPDX-License-Identifier: Apache-2.0
// AXERA's codes as its tables have them.
#include "engine/axmodel_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace anynpu::engine::axcl {
namespace {

using ::testing::HasSubstr;

std::string words(unsigned status) {
  return describe_status(static_cast<std::int32_t>(status));
}

TEST(AxmodelError, CodesOfTheHost) {
  EXPECT_EQ(words(0x8030010b), "0x8030010b: DEVICE, /dev/axcl_host cannot be opened");
  EXPECT_EQ(words(0x80300181), "0x80300181: DEVICE, no card is connected");
  EXPECT_EQ(words(0x80300184), "0x80300184: DEVICE, there is no card of this bus number");
  EXPECT_EQ(words(0x80300186), "0x80300186: DEVICE, the card refused the communication ports");
  EXPECT_EQ(words(0x8030070c), "0x8030070c: ENGINE, the card's NPU failed to execute the model");
  EXPECT_EQ(words(0x8030090c), "0x8030090c: SYSCTRL, a command failed on the card");
  EXPECT_EQ(words(0x80300284), "0x80300284: CONTEXT, the thread has no context");
  EXPECT_EQ(words(0x80300705), "0x80300705: ENGINE, timed out");
  EXPECT_EQ(words(0x81300707), "0x81300707: NATIVE ENGINE, out of memory");
}

TEST(AxmodelError, CodesOfTheCardArePassedThrough) {
  EXPECT_EQ(words(0x801d0118), "0x801d0118: the card's ENGINE, out of memory");
  EXPECT_EQ(words(0x8006010a), "0x8006010a: the card's NPU, an illegal argument");
  EXPECT_EQ(words(0x800b0127), "0x800b0127: the card's SYS, timed out");
}

TEST(AxmodelError, WhatNoTableHasIsStillShown) {
  EXPECT_EQ(words(0x80307fee), "0x80307fee: part 0x7f, error 0xee");
  EXPECT_EQ(words(0x807f01ee), "0x807f01ee: the card's module 0x7f, error 0xee");
  EXPECT_EQ(words(0xffffffff), "0xffffffff: the card's module 0xff, error 0xff");
}

TEST(AxmodelError, ErrorsHaveACodeAndAHint) {
  const Error ports = status_error("opening card 129", static_cast<std::int32_t>(0x80300186),
                                   "request ports from device 129 fail, errno: 110");
  EXPECT_EQ(ports.code, Code::kDevice);
  EXPECT_THAT(ports.message, HasSubstr("opening card 129: 0x80300186"));
  EXPECT_THAT(ports.message, HasSubstr("errno: 110"));
  EXPECT_THAT(ports.hint, HasSubstr("axcl-smi reboot"));
  EXPECT_EQ(status_error("x", static_cast<std::int32_t>(0x80300184)).code, Code::kNotFound);
  EXPECT_EQ(status_error("x", static_cast<std::int32_t>(0x801d0127)).code, Code::kTimeout);
  EXPECT_THAT(status_error("x", static_cast<std::int32_t>(0x801d010a)).hint, HasSubstr("AX650"));
}

}  // namespace
}  // namespace anynpu::engine::axcl

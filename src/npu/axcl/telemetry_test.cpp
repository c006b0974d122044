// SPDX-License-Identifier: Apache-2.0
#include "npu/telemetry.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/manifest.h"
#include "npu/devices.h"

namespace anynpu::npu::axcl {
namespace {

using ::testing::HasSubstr;

class AxclTelemetry : public ::testing::Test {
 protected:
  AxclTelemetry() {
    options_.ask_card = [this](int bus) -> Result<CardFigures> {
      asked_.push_back(bus);
      if (!answers_) return Error{Code::kTimeout, "the card does not answer"};
      return CardFigures{37, 61.5, 1 << 20};
    };
  }
  Telemetry sample(const std::string& lines, const Telemetry* before = nullptr) {
    auto description = host::parse_manifest(
        "user 0 0\npci 0000:81:00.0 1f4b:0650 driver=ax_pcie_dev_host\n"
        "char /dev/axcl_host 10:120 0666 0:0\nanswer /dev/axcl_host axcl-cards = 129 1\n" +
        lines);
    EXPECT_TRUE(description) << description.error().message;
    auto machine = host::simulated_machine(std::move(*description));
    for (const Device& device : find_devices(*machine))
      if (device.family == "axcl") return sample_telemetry(*machine, device, before, options_);
    ADD_FAILURE() << "no such device";
    return {};
  }
  TelemetryOptions options_;
  bool answers_ = true;
  std::vector<int> asked_;
};

TEST_F(AxclTelemetry, CardsAreNotAskedUnlessTheUserWantsIt) {
  options_.ask_card = nullptr;
  Telemetry now = sample("");
  EXPECT_FALSE(now.load.value);
  EXPECT_THAT(now.load.why, HasSubstr("--ask-cards"));
}

TEST_F(AxclTelemetry, TheCardIsAskedByItsBusNumber) {
  Telemetry now = sample("");
  EXPECT_THAT(asked_, ::testing::ElementsAre(129));
  EXPECT_DOUBLE_EQ(now.load.value.value_or(0), 37);
  EXPECT_DOUBLE_EQ(now.temperature.value.value_or(0), 61.5);
  EXPECT_DOUBLE_EQ(now.memory_used.value.value_or(0), 1 << 20);
  EXPECT_THAT(now.frequency.why, HasSubstr("does not tell its clock"));
}

TEST_F(AxclTelemetry, AndSeldom) {
  Telemetry first = sample("");
  Telemetry second = sample("", &first);
  EXPECT_EQ(asked_.size(), 1U);
  EXPECT_DOUBLE_EQ(second.load.value.value_or(0), 37);
  options_.least_pause = Duration::zero();
  sample("", &second);
  EXPECT_EQ(asked_.size(), 2U);
}

TEST_F(AxclTelemetry, ACardThatIsDeadOrNeverStartedIsNotAsked) {
  EXPECT_THAT(sample("answer /dev/axcl_host axcl-cards = 129 0\n").load.why,
              HasSubstr("does not call the card alive"));
  EXPECT_THAT(sample("kmsg [ 250.0] [step0]: Handshake timeout!\n").load.why,
              HasSubstr("has not finished its start"));
  EXPECT_THAT(sample("answer /dev/axcl_host axcl-cards ! ETIMEDOUT\n").load.why,
              HasSubstr("/dev/axcl_host"));
  EXPECT_TRUE(asked_.empty());
}

TEST_F(AxclTelemetry, ACardThatDoesNotAnswerSaysSo) {
  answers_ = false;
  EXPECT_THAT(sample("").load.why, HasSubstr("does not answer"));
}

}  // namespace
}  // namespace anynpu::npu::axcl

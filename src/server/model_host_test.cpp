// SPDX-License-Identifier: Apache-2.0
// The end of a host while models are being loaded, and what becomes of what throws.
#include "server/model_host.h"

#include <future>
#include <new>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "server/fake_served_model.h"

namespace anynpu::server {
namespace {

using Served = std::unique_ptr<runtime::ServedModel>;

constexpr auto kVeryLong = std::chrono::hours(1);

/// A host of one model, whose load takes until it is broken off.
ModelHostOptions endless_load(std::promise<void>& begun) {
  ModelHostOptions options;
  options.open = [](const std::string& name) -> Result<model::Package> {
    return fake_package(name);
  };
  options.inventory = [] { return std::vector<model::Package>{fake_package()}; };
  options.fingerprint = [](const model::Package&, int) { return "old"; };
  options.start = [&begun](const model::Package&, int,
                           const runtime::ServeOptions& serve) -> Result<Served> {
    begun.set_value();
    while (!*serve.stop) std::this_thread::sleep_for(milliseconds(1));
    return Error{Code::kCancelled, "broken off"};
  };
  return options;
}

TEST(ModelHostEnd, ALoadThatNobodyWaitsForIsBrokenOff) {
  std::promise<void> begun;
  ModelHostOptions options = endless_load(begun);
  options.models = {"fake"};
  ModelHost host(options);
  ASSERT_TRUE(host.open());
  host.start_loading([](const Result<>&) {});
  begun.get_future().wait();
  host.drain(Clock::now() + kVeryLong);
  EXPECT_EQ(host.status().at(0).state, ModelState::kFailed);
}

TEST(ModelHostEnd, ALoadThatSomebodyWaitsForIsBrokenOffAtTheDeadline) {
  std::promise<void> begun;
  std::promise<Code> answer;
  ModelHost host(endless_load(begun));
  ASSERT_TRUE(host.open());
  host.find("fake", 1, [&](const Result<ModelHost::Hosted>& found) {
    answer.set_value(found ? Code::kInvalid : found.error().code);
  });
  begun.get_future().wait();
  auto patient = std::async(std::launch::async, [&] { host.drain(Clock::now() + kVeryLong); });
  while (!host.draining()) std::this_thread::sleep_for(milliseconds(1));
  auto answered = answer.get_future();
  EXPECT_EQ(answered.wait_for(milliseconds(0)), std::future_status::timeout);
  host.drain(Clock::now());  // a second signal
  EXPECT_EQ(answered.get(), Code::kCancelled);
  patient.get();
}

TEST(ModelHostEnd, ALoadThatThrowsIsAnError) {
  std::promise<void> unused;
  std::promise<Code> answer;
  ModelHostOptions options = endless_load(unused);
  options.start = [](const model::Package&, int, const runtime::ServeOptions&) -> Result<Served> {
    throw std::bad_alloc();
  };
  ModelHost host(options);
  ASSERT_TRUE(host.open());
  host.find("fake", 1, [&](const Result<ModelHost::Hosted>& found) {
    answer.set_value(found ? Code::kInvalid : found.error().code);
  });
  EXPECT_EQ(answer.get_future().get(), Code::kInternal);
}

// Whatever throws, whoever asks has an answer: contents of a store are anybody's.
TEST(ModelHostThrows, WhoeverAsksIsAnswered) {
  std::promise<void> unused;
  const ModelHostOptions good = endless_load(unused);
  ModelHostOptions inventory = good, fingerprint = good, open = good;
  inventory.inventory = []() -> std::vector<model::Package> {
    throw std::runtime_error("the store cannot be read");
  };
  fingerprint.fingerprint = [](const model::Package&, int) -> std::string {
    throw std::bad_alloc();
  };
  open.open = [](const std::string&) -> Result<model::Package> { throw std::bad_alloc(); };
  auto code_of = [](const auto& result) { return result ? Code::kInvalid : result.error().code; };
  for (const ModelHostOptions& options : {inventory, fingerprint}) {
    ModelHost host(options);
    std::promise<Code> answer;
    host.find("fake", 1,
              [&](const Result<ModelHost::Hosted>& found) { answer.set_value(code_of(found)); });
    EXPECT_EQ(answer.get_future().get(), Code::kInternal);
  }
  for (const ModelHostOptions& options : {open, fingerprint}) {
    ModelHost host(options);
    std::promise<Code> answer;
    host.load("fake", [&](const Result<>& loaded) { answer.set_value(code_of(loaded)); });
    EXPECT_EQ(answer.get_future().get(), Code::kInternal);
    host.look_for_changes();
  }
}

}  // namespace
}  // namespace anynpu::server

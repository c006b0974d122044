// SPDX-License-Identifier: Apache-2.0
// Real hands, and hands that only write down what they would do.
#include "host/hands.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/subprocess.h"
#include "base/text.h"
#include "host/door.h"

namespace anynpu::host {
namespace {

// Rockchip's kernel driver 0.9.8, rknpu_ioctl.h: ACTION, whose argument is {flags, value}.
struct RknpuAction {
  std::uint32_t flags;
  std::uint32_t value;
};
static_assert(sizeof(RknpuAction) == 8);
constexpr unsigned long kRknpuActionRequest = 0xc0086440;
constexpr std::uint32_t kRknpuActReset = 6;

// In a process of its own: a wedged driver holds whoever writes or asks, and not even SIGKILL ends
// that one.
Result<> in_time(const std::string& what, Duration limit,
                 const std::function<void(DoorAnswer&)>& act) {
  auto done = in_child(act, limit);
  if (done) return {};
  Error error = std::move(done).error();
  if (error.code == Code::kTimeout)
    return Error{Code::kTimeout,
                 fmt::format("{}: no answer in {:.0f} s", what, to_ms(limit) / 1000), ETIMEDOUT};
  if (error.system_errno != 0) return system_error(what, error.system_errno);
  return std::move(error).within(what);
}

class RealHands : public Hands {
 public:
  Result<> write(const std::string& path, std::string_view text, Duration limit) override {
    return in_time("cannot write " + path, limit, [&](DoorAnswer& answer) {
      const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
      if (fd < 0) {
        answer.failure = errno;
        return;
      }
      const ssize_t wrote = ::write(fd, text.data(), text.size());
      if (wrote < 0)
        answer.failure = errno;
      else if (wrote != static_cast<ssize_t>(text.size()))
        answer.failure = EIO;
    });
  }

  Result<> run(const std::vector<std::string>& command, std::string_view input,
               Duration limit) override {
    CommandOptions options;
    options.timeout = limit;
    options.input = input;
    ANYNPU_TRY(result, run_command(command, options));
    if (result.exit_code == 0) return {};
    return Error{Code::kDevice, fmt::format("{} ended with exit code {}: {}", join(command, " "),
                                            result.exit_code, printable(trim(result.errors), 400))};
  }

  Result<> reset_rknpu(const std::string& node, Duration limit) override {
    return in_time("ACTION ACT_RESET on " + node, limit, [&](DoorAnswer& answer) {
      RknpuAction action{kRknpuActReset, 0};
      const int fd = ::open(node.c_str(), O_RDWR | O_CLOEXEC);
      if (fd < 0 || ::ioctl(fd, kRknpuActionRequest, &action) != 0) answer.failure = errno;
    });
  }

  void pause(Duration duration) override { std::this_thread::sleep_for(duration); }
};

class RecordingHands : public Hands {
 public:
  RecordingHands(std::filesystem::path log, SimulatedCure cure)
      : log_(std::move(log)), cure_(std::move(cure)) {}

  void begin_step(const std::string& name) override {
    (void)record("step " + name);
    if (name == cure_.step && !cure_.control.empty()) std::ofstream(cure_.control).flush();
  }

  Result<> write(const std::string& path, std::string_view text, Duration /*limit*/) override {
    return record(fmt::format("write {} {}", path, text));
  }
  Result<> run(const std::vector<std::string>& command, std::string_view input,
               Duration /*limit*/) override {
    return record("run " + join(command, " ") +
                  (input.empty() ? "" : " < " + std::string(trim(input))));
  }
  Result<> reset_rknpu(const std::string& node, Duration /*limit*/) override {
    return record("reset " + node);
  }
  void pause(Duration duration) override {
    // A line that cannot be written changes nothing about a pause.
    (void)record(fmt::format("pause {:.0f} ms", to_ms(duration)));
  }

 private:
  Result<> record(const std::string& line) {
    if (log_.empty()) return {};
    std::ofstream file(log_, std::ios::app);
    file << line << '\n';
    if (!file.flush()) return Error{Code::kIo, "cannot write " + log_.string()};
    return {};
  }

  std::filesystem::path log_;
  SimulatedCure cure_;
};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::unique_ptr<Hands> recording_hands(const std::filesystem::path& log,
                                       const SimulatedCure& cure) {
  return std::make_unique<RecordingHands>(log, cure);
}

std::unique_ptr<Hands> running_hands() {
  if (variable("ANYNPU_MACHINE").empty()) return std::make_unique<RealHands>();
  return recording_hands(variable("ANYNPU_SIM_ACTS"),
                         {variable("ANYNPU_SIM_MENDED_BY"), variable("ANYNPU_SIM_CONTROL")});
}

}  // namespace anynpu::host

// SPDX-License-Identifier: Apache-2.0
// Checks in child processes.
//
// One child runs all of them and sends each verdict through a pipe as soon as it has it. When it
// dies, or a verdict does not come in time, only the check that was running is lost ("could not be
// checked, because ..."); a new child goes on with the next one. A child that hangs in the kernel
// cannot be killed, so it is left alone, without any descriptor that somebody could wait for.
#include "doctor/runner.h"

#include <algorithm>
#include <csignal>
#include <exception>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/close_from.h"
#include "base/fd.h"
#include "doctor/json.h"

namespace anynpu::doctor {
namespace {

using npu::Check;
using npu::CheckContext;
using npu::Verdict;

constexpr std::size_t kMostFrame = 4 << 20;
constexpr int kMostChildren = 8;

Verdict guarded(const Check& check, const CheckContext& context) {
  try {
    return check.run(context);
  } catch (const std::exception& bug) {
    return npu::cannot_tell(fmt::format("the check itself failed: {}", bug.what()));
  }
}

/// What one premise has explained already need not be looked at.
bool is_explained(const Check& check, std::vector<Outcome>& outcomes) {
  for (const Outcome& outcome : outcomes) {
    if (std::find(check.depends_on.begin(), check.depends_on.end(), outcome.check->id) ==
        check.depends_on.end())
      continue;
    bool of_all = outcome.state == OutcomeState::kExplained;
    for (const npu::Finding& finding : outcome.findings) of_all = of_all || finding.device.empty();
    if (!of_all) continue;
    Outcome silent;
    silent.check = &check;
    silent.state = OutcomeState::kExplained;
    silent.why = outcome.findings.empty() ? outcome.why : outcome.findings.front().id;
    outcomes.push_back(std::move(silent));
    return true;
  }
  return false;
}

bool send(int fd, const Json& json) {
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  auto size = static_cast<std::uint32_t>(text.size());
  text.insert(0, reinterpret_cast<const char*>(&size), sizeof size);
  for (std::size_t at = 0; at < text.size();) {
    ssize_t wrote = ::write(fd, text.data() + at, text.size() - at);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    at += static_cast<std::size_t>(wrote);
  }
  return true;
}

enum class Received { kFrame, kEnd, kTimeout };

class FrameReader {
 public:
  explicit FrameReader(Fd fd) : fd_(std::move(fd)) {}

  Received next(Json& json, TimePoint end) {
    while (true) {
      std::uint32_t size = 0;
      if (buffer_.size() >= sizeof size) {
        buffer_.copy(reinterpret_cast<char*>(&size), sizeof size);
        if (size > kMostFrame) return Received::kEnd;
        if (buffer_.size() >= sizeof size + size) {
          json = Json::parse(buffer_.substr(sizeof size, size), nullptr, false);
          buffer_.erase(0, sizeof size + size);
          return json.is_object() ? Received::kFrame : Received::kEnd;
        }
      }
      auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
      pollfd wait{fd_.get(), POLLIN, 0};
      int ready = ::poll(&wait, 1, left > 0 ? static_cast<int>(left) : 0);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) return Received::kTimeout;
      char block[65536];
      ssize_t got = ::read(fd_.get(), block, sizeof block);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return Received::kEnd;
      buffer_.append(block, static_cast<std::size_t>(got));
    }
  }

 private:
  Fd fd_;
  std::string buffer_;
};

/// In the child: the devices, then a verdict for each check from `first` on.
void work(int fd, const host::Machine& machine, const std::vector<const Check*>& checks,
          std::size_t first, Diagnosis& diagnosis) {
  CheckContext context(machine);
  Json devices = Json::array();
  for (const npu::Device& device : context.devices()) devices.push_back(to_json(device));
  if (!send(fd, {{"devices", devices}})) return;
  for (std::size_t i = first; i < checks.size(); ++i) {
    if (is_explained(*checks[i], diagnosis.outcomes)) continue;
    Verdict verdict = guarded(*checks[i], context);
    if (!send(fd, {{"check", i}, {"verdict", to_json(verdict)}})) return;
    diagnosis.outcomes.push_back(outcome_of(*checks[i], verdict, diagnosis.outcomes));
  }
}

struct Child {
  pid_t pid = -1;
  FrameReader frames;
};

Result<Child> start(const host::Machine& machine, const std::vector<const Check*>& checks,
                    std::size_t first, Diagnosis& diagnosis) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe");
  Fd reader(ends[0]), writer(ends[1]);
  pid_t pid = ::fork();
  if (pid < 0) return system_error("fork");
  if (pid == 0) {
    ::dup2(writer.get(), 0);
    close_from(1);
    // What a library prints goes nowhere, and nothing is opened for writing.
    int nowhere = ::open("/dev/null", O_RDONLY);
    ::dup2(nowhere, 2);
    work(0, machine, checks, first, diagnosis);
    ::_exit(0);
  }
  return Child{pid, FrameReader(std::move(reader))};
}

std::string how_it_ended(pid_t pid) {
  for (int i = 0; i < 100; ++i) {
    int status = 0;
    pid_t ended = ::waitpid(pid, &status, WNOHANG);
    if (ended == pid && WIFSIGNALED(status))
      return fmt::format("its process was ended by signal {}", WTERMSIG(status));
    if (ended != 0) return "its process ended without a verdict";
    ::usleep(1000);
  }
  return "its process ended without a verdict";
}

void lose(const Check& check, std::string why, std::vector<Outcome>& outcomes) {
  outcomes.push_back(outcome_of(check, npu::cannot_tell(std::move(why)), outcomes));
  outcomes.back().lost = true;
}

void run_isolated(const host::Machine& machine, const std::vector<const Check*>& checks,
                  const Options& options, Diagnosis& diagnosis) {
  TimePoint last = Clock::now() + options.whole_limit;
  std::size_t next = 0;
  for (int children = 0; next < checks.size() || children == 0; ++children) {
    auto child =
        children < kMostChildren && Clock::now() < last
            ? start(machine, checks, next, diagnosis)
            : Result<Child>(Error{Code::kTimeout, "too many checks before it hung or crashed"});
    if (!child) {
      for (; next < checks.size(); ++next)
        lose(*checks[next], child.error().message, diagnosis.outcomes);
      return;
    }
    bool has_devices = false;
    std::string why;
    while (next < checks.size() || !has_devices) {
      if (has_devices && is_explained(*checks[next], diagnosis.outcomes)) {
        ++next;
        continue;
      }
      Json frame;
      TimePoint end = std::min(last, Clock::now() + options.check_limit);
      Received received = child->frames.next(frame, end);
      if (received == Received::kFrame && !has_devices && frame.contains("devices")) {
        has_devices = true;
        diagnosis.devices.clear();
        for (const Json& device : frame["devices"])
          diagnosis.devices.push_back(device_from(device));
        continue;
      }
      if (received == Received::kFrame && frame.contains("verdict")) {
        diagnosis.outcomes.push_back(
            outcome_of(*checks[next], verdict_from(frame["verdict"]), diagnosis.outcomes));
        ++next;
        continue;
      }
      if (received == Received::kTimeout) {
        ::kill(child->pid, SIGKILL);
        why = fmt::format("it took more than {} s",
                          std::chrono::duration_cast<seconds>(options.check_limit).count());
        how_it_ended(child->pid);
      } else {
        why = how_it_ended(child->pid);
      }
      break;
    }
    if (!why.empty() && !has_devices) {
      diagnosis.failure = "the devices could not be found: " + why;
      for (; next < checks.size(); ++next)
        lose(*checks[next], diagnosis.failure, diagnosis.outcomes);
      return;
    }
    if (!why.empty()) lose(*checks[next++], why, diagnosis.outcomes);
    if (why.empty()) how_it_ended(child->pid);
  }
}

}  // namespace

Diagnosis run_checks(const host::Machine& machine, const std::vector<const Check*>& checks,
                     const Options& options) {
  Diagnosis diagnosis;
  if (options.isolated) {
    run_isolated(machine, checks, options, diagnosis);
    return diagnosis;
  }
  CheckContext context(machine);
  diagnosis.devices = context.devices();
  for (const Check* check : checks)
    if (!is_explained(*check, diagnosis.outcomes))
      diagnosis.outcomes.push_back(
          outcome_of(*check, guarded(*check, context), diagnosis.outcomes));
  return diagnosis;
}

}  // namespace anynpu::doctor

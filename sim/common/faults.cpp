// SPDX-License-Identifier: Apache-2.0
// Parses, re-reads and counts faults.
#include "sim/common/faults.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

namespace anynpu::sim {
namespace {

constexpr std::size_t kMostText = 4096;
constexpr std::size_t kMostFaults = 16;
constexpr int kExitMisused = 70;  // EX_SOFTWARE: no fault of a device looks like it

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

Result<Fault> parse_fault(const std::string& text) {
  const std::vector<std::string> parts = split(text, ':');
  Fault fault{parts.front()};
  if (fault.name.empty()) return Error{Code::kInvalid, "a fault has no name"};
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    const std::string key = parts[i].substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : parts[i].substr(equals + 1);
    std::uint64_t number = 0;
    auto [end, problem] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (problem != std::errc{} || end != value.data() + value.size() || value.empty())
      return Error{Code::kInvalid, fmt::format("fault '{}': '{}' is not KEY=NUMBER",
                                               printable(fault.name), printable(parts[i]))};
    if (key == "after") {
      fault.after = number;
    } else if (key == "times") {
      fault.times = number;
    } else if (key == "one-in" && number >= 1) {
      fault.one_in = number;
    } else if (key == "seed") {
      fault.seed = number;
    } else if (key == "ms" && number <= 3'600'000) {
      fault.ms = static_cast<int>(number);
    } else if (key == "mib" && number <= 1'000'000) {
      fault.mib = static_cast<int>(number);
    } else if (key == "error" && number >= 1 && number < 4096) {
      fault.error = static_cast<int>(number);
    } else {
      return Error{Code::kInvalid, fmt::format("fault '{}': '{}' is not possible",
                                               printable(fault.name), printable(parts[i]))}
          .with_hint("keys: after, times, one-in, seed, ms, mib, error");
    }
  }
  return fault;
}

/// SplitMix64: a number that looks random for each (seed, time).
std::uint64_t mixed(std::uint64_t seed, std::uint64_t time) {
  std::uint64_t x = seed * 0x9e3779b97f4a7c15U + time + 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27U)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31U);
}

/// Changes whenever the file does; empty when there is none.
std::string stamp_of(const std::string& file) {
  struct stat info {};
  if (file.empty() || ::stat(file.c_str(), &info) != 0) return "";
  return fmt::format("{} {} {}.{}", info.st_ino, info.st_size, info.st_mtim.tv_sec,
                     info.st_mtim.tv_nsec);
}

[[noreturn]] void misused(const std::string& why) {
  std::fprintf(stderr, "simulated device: %s\n", why.c_str());
  ::_exit(kExitMisused);
}

}  // namespace

Result<std::vector<Fault>> parse_faults(std::string_view text) {
  if (text.size() > kMostText)
    return Error{Code::kTooLarge, "more than 4 KiB of faults for a simulated device"};
  std::vector<Fault> faults;
  for (const std::string& part : split(trim(text), '+')) {
    if (trim(part).empty()) continue;
    if (faults.size() == kMostFaults)
      return Error{Code::kTooLarge, "more than 16 faults for a simulated device"};
    ANYNPU_TRY(fault, parse_fault(std::string(trim(part))));
    faults.push_back(std::move(fault));
  }
  return faults;
}

std::filesystem::path state_folder() {
  return environment("ANYNPU_SIM_STATE");
}

/// How often it was asked about and how often it struck: in a file that the processes of a
/// simulated machine share, or of this process only.
struct Faults::Count {
  struct Numbers {
    std::uint64_t asked = 0;
    std::uint64_t struck = 0;
  };
  Numbers own;
  Numbers* numbers = &own;

  explicit Count(const std::string& name) {
    const std::filesystem::path folder = state_folder();
    if (folder.empty()) return;
    const Fd fd(::open((folder / ("fault." + name)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd || ::ftruncate(fd.get(), sizeof(Numbers)) != 0) return;
    void* shared =
        ::mmap(nullptr, sizeof(Numbers), PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (shared != MAP_FAILED) numbers = static_cast<Numbers*>(shared);
  }
  Count(const Count&) = delete;
  Count& operator=(const Count&) = delete;
  ~Count() {
    if (numbers != &own) ::munmap(numbers, sizeof(Numbers));
  }
};

Faults::Faults(std::vector<std::string> known) : known_(std::move(known)) {}
Faults::~Faults() = default;

void Faults::refresh() {
  const std::string control = environment("ANYNPU_SIM_CONTROL");
  const std::string stamp = stamp_of(control);
  if (read_ && stamp == stamp_) return;
  std::string text = environment("ANYNPU_SIM_FAULT");
  if (!stamp.empty()) {
    std::ifstream file(control, std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  auto faults = parse_faults(text);
  if (!faults) misused(faults.error().message);
  for (const Fault& fault : *faults)
    if (std::find(known_.begin(), known_.end(), fault.name) == known_.end())
      misused(fmt::format("there is no fault '{}'; faults: {}", printable(fault.name),
                          join(known_, ", ")));
  faults_ = std::move(*faults);
  stamp_ = stamp;
  read_ = true;
}

Faults::Count& Faults::count_of(const std::string& name) {
  auto& count = counts_[name];
  if (!count) count = std::make_unique<Count>(name);
  return *count;
}

std::optional<Fault> Faults::active(std::string_view name) {
  const std::lock_guard lock(mutex_);
  refresh();
  for (const Fault& fault : faults_)
    if (fault.name == name) return fault;
  return std::nullopt;
}

std::optional<Fault> Faults::strikes(std::string_view name) {
  const std::lock_guard lock(mutex_);
  refresh();
  for (const Fault& fault : faults_) {
    if (fault.name != name) continue;
    Count::Numbers& numbers = *count_of(fault.name).numbers;
    const std::uint64_t time = __atomic_fetch_add(&numbers.asked, 1, __ATOMIC_RELAXED);
    if (time < fault.after) return std::nullopt;
    if (fault.one_in > 1 && mixed(fault.seed, time) % fault.one_in != 0) return std::nullopt;
    const std::uint64_t struck = __atomic_fetch_add(&numbers.struck, 1, __ATOMIC_RELAXED);
    if (fault.times != 0 && struck >= fault.times) return std::nullopt;
    return fault;
  }
  return std::nullopt;
}

void crash() {
  ::signal(SIGSEGV, SIG_DFL);
  ::raise(SIGSEGV);
  ::_exit(kExitMisused);  // a debugger may have swallowed the signal
}

void hang() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
  ::signal(SIGTERM, SIG_IGN);  // so that no other thread takes it either
  while (true) ::pause();
}

void wait(const Fault& fault) {
  std::this_thread::sleep_for(std::chrono::milliseconds(fault.ms));
}

}  // namespace anynpu::sim

// SPDX-License-Identifier: Apache-2.0
// The simulated card's state, shared by mapping one file.
#include "sim/axcl/card.h"

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <mutex>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

namespace anynpu::sim::axcl {
namespace {

struct Mapped {
  int fd = -1;
  CardState* state = nullptr;
  std::mutex mutex;

  Mapped() {
    const std::filesystem::path folder = state_folder();
    fd = folder.empty()
             ? ::memfd_create("simulated-card", MFD_CLOEXEC)
             : ::open((folder / "axcl.card").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) std::abort();
    ::flock(fd, LOCK_EX);
    const bool fresh = ::lseek(fd, 0, SEEK_END) < static_cast<off_t>(sizeof(CardState));
    if (::ftruncate(fd, sizeof(CardState)) != 0) std::abort();
    void* data = ::mmap(nullptr, sizeof(CardState), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) std::abort();
    state = static_cast<CardState*>(data);
    if (fresh) state->vnpu = -1;
    ::flock(fd, LOCK_UN);
  }
};

Mapped& mapped() {
  static auto& card = *new Mapped;
  return card;
}

bool gone(std::int32_t pid) {
  return ::kill(pid, 0) != 0 && errno == ESRCH;
}

/// What the driver does when it sees a client's end.
void reap(CardState& state) {
  bool any_engine = false;
  for (User& user : state.users) {
    if (user.pid != 0 && gone(user.pid)) {
      if (faults().active("leak")) state.leaked += user.cmm;
      user = User{};
    }
    any_engine = any_engine || (user.pid != 0 && user.engine != 0);
  }
  if (!any_engine) state.vnpu = -1;
  if (!faults().active("leak")) state.leaked = 0;
}

void append(const std::filesystem::path& file, const std::string& line) {
  std::error_code ignored;
  std::filesystem::create_directories(file.parent_path(), ignored);
  std::ofstream(file, std::ios::app) << line << '\n';
}

}  // namespace

std::int32_t bus() {
  const char* chosen = std::getenv("ANYNPU_SIM_AXCL_BUS");
  return chosen != nullptr ? static_cast<std::int32_t>(std::strtol(chosen, nullptr, 0)) : 0x81;
}

Faults& faults() {
  static auto& all = *new Faults({
      "no-module",      // /dev/axcl_host is not there
      "no-permission",  // /dev/axcl_host may not be opened
      "no-card",        // the driver knows no card
      "ports",          // the card refuses ports
      "vnpu",           // another process has divided the NPU
      "full",           // mib of the card's memory are taken
      "leak",           // memory of killed processes stays taken
      "load",           // the card's worker dies while it loads
      "slow",           // every run takes ms longer
      "timeout",        // a run times out after ms
      "fail",           // "npu hard error": a run fails on the card
      "crash",          // a run crashes the library
      "hang",           // a run never returns
      "wrong",          // a run gives a wrong result
      "stale",          // a run leaves the result of the one before
      "dead",           // the heartbeat is lost
      "vanish",         // the card leaves the bus
      "sick",           // the properties call blocks for ms
  });
  return all;
}

LockedCard::LockedCard() : state_(mapped().state) {
  mapped().mutex.lock();
  ::flock(mapped().fd, LOCK_EX);
  reap(*state_);
}

LockedCard::~LockedCard() {
  ::flock(mapped().fd, LOCK_UN);
  mapped().mutex.unlock();
}

User* LockedCard::self() const {
  for (User& user : state_->users)
    if (user.pid == ::getpid()) return &user;
  return nullptr;
}

User* LockedCard::join() const {
  if (User* known = self(); known != nullptr) return known;
  for (User& user : state_->users)
    if (user.pid == 0) {
      user = User{::getpid(), 0, 0, 0};
      return &user;
    }
  return nullptr;
}

void LockedCard::leave() const {
  if (User* user = self(); user != nullptr) *user = User{};
}

std::uint64_t LockedCard::used_cmm() const {
  std::uint64_t used = state_->leaked;
  for (const User& user : state_->users) used += user.pid != 0 ? user.cmm : 0;
  if (auto full = faults().active("full")) used += static_cast<std::uint64_t>(full->mib) << 20U;
  return used;
}

bool LockedCard::dead() const {
  return state_->dead != 0 || faults().active("dead").has_value() || vanished();
}

bool LockedCard::vanished() const {
  return faults().active("vanish").has_value();
}

void LockedCard::die() const {
  if (state_->dead != 0) return;
  state_->dead = 1;
  kernel_log(fmt::format("[heartbeat_recv_thread, 512]: device {:x}: dead!", bus()));
  host_log(fmt::format("device {} is dead", bus()));
}

void host_log(const std::string& line) {
  const char* chosen = std::getenv("ANYNPU_AXCL_LOG");
  const std::filesystem::path folder = state_folder();
  append(chosen != nullptr ? std::filesystem::path(chosen)
         : !folder.empty() ? folder / "axcl_logs.txt"
                           : std::filesystem::path("/tmp/axcl/axcl_logs.txt"),
         line);
}

void kernel_log(const std::string& line) {
  if (const std::filesystem::path folder = state_folder(); !folder.empty())
    append(folder / "kmsg", line);
}

}  // namespace anynpu::sim::axcl

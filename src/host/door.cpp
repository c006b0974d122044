// SPDX-License-Identifier: Apache-2.0
// The questions, at the drivers' interfaces.
//
// Numbers and layouts are the kernel's: drm.h, and for the vendors' drivers their public interface
// (rknpu ACTION, amdxdna GET_INFO and GET_ARRAY, axcl DEVICE_LIST and CONN_STATUS). The ioctls of
// different accel and DRM drivers have the same numbers, so a driver's own question is put only
// after it has said its name.
#include "host/door.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/close_from.h"
#include "base/fd.h"

namespace anynpu::host {
namespace {

constexpr unsigned long kDrmVersion = 0xc0406400;
constexpr unsigned long kRknpuAction = 0xc0086440;
constexpr unsigned long kRknpuMiscAction = 0xc0087200;  // of the node /dev/rknpu
constexpr unsigned long kAmdxdnaGetInfo = 0xc0106447;
constexpr unsigned long kAmdxdnaGetArray = 0xc018644a;
constexpr unsigned long kAxclConnStatus = 0x84004102;
constexpr unsigned long kAxclDeviceList = 0xc4084104;

struct Version {
  int major, minor, patch;
  std::size_t name_size;
  char* name;
  std::size_t date_size;
  char* date;
  std::size_t text_size;
  char* text;
};
static_assert(sizeof(void*) != 8 || sizeof(Version) == 64);

struct VersionTexts {
  Version numbers{};
  char name[64]{}, date[64]{}, text[128]{};
};

bool read_version(int fd, VersionTexts& out) {
  out.numbers.name = out.name;
  out.numbers.name_size = sizeof out.name - 1;
  out.numbers.date = out.date;
  out.numbers.date_size = sizeof out.date - 1;
  out.numbers.text = out.text;
  out.numbers.text_size = sizeof out.text - 1;
  return ::ioctl(fd, kDrmVersion, &out.numbers) == 0;
}

template <typename... Values>
void print(DoorAnswer& answer, const char* format, Values... values) {
  int wrote = std::snprintf(answer.bytes + answer.size, sizeof answer.bytes - answer.size, format,
                            values...);
  if (wrote > 0)
    answer.size = std::min(answer.size + static_cast<std::size_t>(wrote), sizeof answer.bytes - 1);
}

void answer_version(int fd, DoorAnswer& answer) {
  VersionTexts version;
  if (!read_version(fd, version)) {
    answer.failure = errno;
    return;
  }
  print(answer, "%s\t%d.%d.%d\t%s\t%s", version.name, version.numbers.major, version.numbers.minor,
        version.numbers.patch, version.date, version.text);
}

bool is_driver(int fd, const char* name) {
  VersionTexts version;
  return read_version(fd, version) && std::strncmp(version.name, name, std::strlen(name)) == 0;
}

/// The actions of rknpu that only read: versions, frequency, voltage, IOMMU, SRAM.
bool only_reads(std::uint32_t action) {
  constexpr std::array<std::uint32_t, 7> kReading = {0, 1, 2, 4, 18, 22, 23};
  return std::find(kReading.begin(), kReading.end(), action) != kReading.end();
}

void answer_rknpu(int fd, std::uint32_t action, DoorAnswer& answer) {
  std::uint32_t request[2] = {action, 0};
  bool drm = is_driver(fd, "rknpu");
  if (!only_reads(action)) {
    answer.failure = EINVAL;
  } else if (::ioctl(fd, drm ? kRknpuAction : kRknpuMiscAction, request) != 0) {
    answer.failure = errno;
  } else {
    print(answer, "%u", request[1]);
  }
}

struct AmdxdnaInfo {
  std::uint32_t parameter, size;
  std::uint64_t buffer;
};
struct AmdxdnaArray {
  std::uint32_t parameter, element_size, elements, pad;
  std::uint64_t buffer;
};

void answer_amdxdna(int fd, const Asked& asked, DoorAnswer& answer) {
  if (!is_driver(fd, "amdxdna")) {
    answer.failure = ENOTTY;
    return;
  }
  std::memset(answer.bytes, 0, sizeof answer.bytes);
  auto buffer = reinterpret_cast<std::uintptr_t>(answer.bytes);
  constexpr std::uint32_t kRoom = 4096;
  if (asked.question == Question::kAmdxdnaInfo) {
    std::uint32_t room = asked.size != 0 ? std::min(asked.size, kRoom) : kRoom;
    AmdxdnaInfo info{asked.argument, room, buffer};
    if (::ioctl(fd, kAmdxdnaGetInfo, &info) != 0)
      answer.failure = errno;
    else
      answer.size = room;  // what buffer_size means afterwards differs by parameter
  } else {
    std::uint32_t element = asked.size != 0 ? std::min<std::uint32_t>(asked.size, 1024) : 144;
    AmdxdnaArray array{asked.argument, element, kRoom / element, 0, buffer};
    if (::ioctl(fd, kAmdxdnaGetArray, &array) != 0)
      answer.failure = errno;
    else
      answer.size = std::size_t{array.element_size} * array.elements;
  }
  if (answer.size > kRoom) answer.size = kRoom;
}

/// Of GET_INFO; the kernel's amdxdna_drm_query_hwctx.
struct HardwareContext {
  std::uint32_t id, first_column, columns, pad;
  std::int64_t pid;
  std::uint64_t submitted, completed, migrations, preemptions, errors;
};
static_assert(sizeof(HardwareContext) == 64);
constexpr std::uint32_t kHardwareContexts = 5;
constexpr std::size_t kMostContexts = 64;

struct ContextList {
  HardwareContext entries[kMostContexts]{};
  std::size_t count = 0;
};

bool read_contexts(int fd, ContextList& list) {
  list = {};
  AmdxdnaInfo info{kHardwareContexts, sizeof list.entries,
                   reinterpret_cast<std::uintptr_t>(list.entries)};
  if (::ioctl(fd, kAmdxdnaGetInfo, &info) != 0) return false;
  // What is not filled is zero, and every context is of a process.
  while (list.count < kMostContexts && list.entries[list.count].pid != 0) ++list.count;
  return true;
}

/// The driver ends each command after two seconds, so that one of which nothing is heard for longer
/// does not end at all. A busy NPU finishes one soon, and an idle one is not waited for.
void answer_stuck(int fd, DoorAnswer& answer) {
  static ContextList first, now;
  if (!is_driver(fd, "amdxdna")) {
    answer.failure = ENOTTY;
    return;
  }
  constexpr int kLooks = 110;
  constexpr useconds_t kPause = 20000;
  for (int look = 0; look <= kLooks; ++look) {
    if (!read_contexts(fd, now)) {
      answer.failure = errno;
      return;
    }
    if (look == 0) first = now;
    std::size_t stuck = 0;
    for (std::size_t i = 0; i < first.count; ++i) {
      const HardwareContext& before = first.entries[i];
      auto same =
          std::find_if(now.entries, now.entries + now.count, [&](const HardwareContext& one) {
            return one.id == before.id && one.pid == before.pid &&
                   one.completed == before.completed && one.submitted > one.completed;
          });
      if (before.submitted > before.completed && same != now.entries + now.count)
        first.entries[stuck++] = *same;
    }
    first.count = stuck;
    if (stuck == 0) return;
    if (look < kLooks) ::usleep(kPause);
  }
  for (std::size_t i = 0; i < first.count; ++i)
    print(answer, "%u %lld %llu %llu\n", first.entries[i].id,
          static_cast<long long>(first.entries[i].pid),
          static_cast<unsigned long long>(first.entries[i].submitted),
          static_cast<unsigned long long>(first.entries[i].completed));
}

void answer_axcl(int fd, DoorAnswer& answer) {
  struct {
    std::uint32_t type, count, devices[256];
  } list{};
  std::uint32_t status[256]{};
  if (::ioctl(fd, kAxclDeviceList, &list) != 0 || ::ioctl(fd, kAxclConnStatus, status) != 0) {
    answer.failure = errno;
    return;
  }
  for (std::uint32_t i = 0; i < list.count && i < 256; ++i)
    if (list.devices[i] < 256) print(answer, "%u %u\n", list.devices[i], status[list.devices[i]]);
}

void put_question(const char* node, const Asked& asked, DoorAnswer& answer) {
  Fd fd(::open(node, O_RDWR | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    answer.failure = errno;
    return;
  }
  if (!S_ISCHR(info.st_mode)) {
    answer.failure = ENOTTY;
    return;
  }
  switch (asked.question) {
    case Question::kOpen:
      break;
    case Question::kDrmVersion:
      answer_version(fd.get(), answer);
      break;
    case Question::kRknpuAction:
      answer_rknpu(fd.get(), asked.argument, answer);
      break;
    case Question::kAmdxdnaInfo:
    case Question::kAmdxdnaArray:
      answer_amdxdna(fd.get(), asked, answer);
      break;
    case Question::kAmdxdnaStuck:
      answer_stuck(fd.get(), answer);
      break;
    case Question::kAxclCards:
      answer_axcl(fd.get(), answer);
      break;
  }
}

std::mutex unreaped_mutex;
std::vector<pid_t> unreaped;  // children that a driver did not let go of when they were killed

void reap_soon(pid_t child) {
  for (int i = 0; i < 20; ++i) {
    if (::waitpid(child, nullptr, WNOHANG) != 0) return;
    ::usleep(1000);
  }
  std::lock_guard lock(unreaped_mutex);
  unreaped.push_back(child);
}

void reap_those_left() {
  std::lock_guard lock(unreaped_mutex);
  std::erase_if(unreaped, [](pid_t child) { return ::waitpid(child, nullptr, WNOHANG) != 0; });
}

}  // namespace

Result<std::string> in_child(const std::function<void(DoorAnswer&)>& work, Duration limit) {
  reap_those_left();
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe");
  Fd reader(ends[0]), writer(ends[1]);
  pid_t child = ::fork();
  if (child < 0) return system_error("fork");
  if (child == 0) {
    // A child that hangs in a driver would keep its parent's sockets open for ever.
    ::dup2(writer.get(), 0);
    close_from(1);
    static DoorAnswer answer;
    work(answer);
    std::size_t size = offsetof(DoorAnswer, bytes) + answer.size;
    const char* from = reinterpret_cast<const char*>(&answer);
    while (size > 0) {
      ssize_t wrote = ::write(0, from, size);
      if (wrote <= 0) break;
      from += wrote;
      size -= static_cast<std::size_t>(wrote);
    }
    ::_exit(0);
  }
  writer.reset();
  auto answer = std::make_unique<DoorAnswer>();
  std::size_t got = 0;
  TimePoint end = Clock::now() + limit;
  while (got < sizeof(DoorAnswer)) {
    auto left = std::chrono::duration_cast<milliseconds>(end - Clock::now()).count();
    pollfd wait{reader.get(), POLLIN, 0};
    int ready = left > 0 ? ::poll(&wait, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      ::kill(child, SIGKILL);
      reap_soon(child);
      return Error{Code::kTimeout, "the driver does not answer", ETIMEDOUT};
    }
    ssize_t more =
        ::read(reader.get(), reinterpret_cast<char*>(answer.get()) + got, sizeof(DoorAnswer) - got);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  reap_soon(child);
  if (got < offsetof(DoorAnswer, bytes) || got < offsetof(DoorAnswer, bytes) + answer->size)
    return Error{Code::kCrashed, "the process that asked has ended without an answer"};
  if (answer->failure != 0) return system_error("", answer->failure);
  return std::string(answer->bytes, answer->size);
}

Result<std::string> ask_driver(const std::string& node, const Asked& asked, Duration limit) {
  auto answer = in_child([&](DoorAnswer& out) { put_question(node.c_str(), asked, out); }, limit);
  if (answer) return answer;
  Error error = std::move(answer).error();
  if (error.code != Code::kTimeout && error.code != Code::kCrashed && error.system_errno != 0)
    return system_error(node, error.system_errno);
  return std::move(error).within(node);
}

}  // namespace anynpu::host

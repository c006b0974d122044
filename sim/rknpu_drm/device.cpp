// SPDX-License-Identifier: Apache-2.0
// The stub of the rknpu device: answers to ioctls.
#include "sim/rknpu_drm/device.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sim/rknpu_drm/abi.h"

namespace anynpu::sim::rknpu {
namespace {

constexpr std::uint64_t kSpan = std::uint64_t{1} << 30;
constexpr unsigned kDrmMajor = 226;
constexpr unsigned kMiscMajor = 10;

template <typename Number>
bool parse_number(std::string_view text, Number& number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc{} && end == text.data() + text.size();
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

bool parse_failure(std::string_view text, Settings& settings) {
  const auto parts = parts_of(text, '@');
  Failure failure{std::string(parts[0]), 0, 0};
  if (failure.what.empty() || parts.size() > 3) return false;
  if (parts.size() > 1 && !parse_number(parts[1], failure.nth)) return false;
  if (parts.size() > 2 && !parse_number(parts[2], failure.number)) return false;
  settings.failures.push_back(std::move(failure));
  return true;
}

bool parse_driver(std::string_view text, Settings& settings) {
  const auto parts = parts_of(text, '.');
  if (parts.size() != 3) return false;
  for (std::size_t i = 0; i < 3; ++i)
    if (!parse_number(parts[i], settings.driver[i])) return false;
  return true;
}

bool parse_word(std::string_view word, Settings& settings) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) return false;
  const std::string_view key = word.substr(0, equals), value = word.substr(equals + 1);
  auto flag = [&](bool& to) {
    to = value == "1";
    return value == "0" || value == "1";
  };
  if (key == "device") {
    settings.path = value;
    return value == "/dev/rknpu" || value.substr(0, 13) == "/dev/dri/card";
  }
  if (key == "name") {
    settings.name = value;
    return !value.empty();
  }
  if (key == "hw") return parse_number(value, settings.hardware, 16);
  if (key == "drv") return parse_driver(value, settings);
  if (key == "iommu") return flag(settings.iommu);
  if (key == "fail") return parse_failure(value, settings);
  if (key == "delay") return parse_number(value, settings.delay_ms);
  if (key == "hang") return flag(settings.hang);
  return key == "log" && flag(settings.log);
}

/// Reads the first bytes of an argument whose caller knows `size` of them.
template <typename Struct>
Struct taken(const void* argument, unsigned size = sizeof(Struct)) {
  Struct value{};
  std::memcpy(&value, argument, std::min<std::size_t>(size, sizeof(Struct)));
  return value;
}

template <typename Struct>
int give(void* argument, const Struct& value, unsigned size = sizeof(Struct)) {
  std::memcpy(argument, &value, std::min<std::size_t>(size, sizeof(Struct)));
  return 0;
}

/// Copies a text into the caller's room, when there is some, and states its length.
void give_text(std::uint64_t address, std::uint64_t& length, const std::string& text) {
  if (address != 0)
    std::memcpy(reinterpret_cast<void*>(static_cast<std::uintptr_t>(address)), text.data(),
                std::min<std::size_t>(length, text.size()));
  length = text.size();
}

}  // namespace

std::optional<Settings> parse_settings(std::string_view text) {
  Settings settings;
  for (const std::string_view word : parts_of(text, ':'))
    if (!parse_word(word, settings)) return std::nullopt;
  if (settings.path.empty()) return std::nullopt;
  return settings;
}

Device::Device(Settings settings)
    : settings_(std::move(settings)), memory_(::memfd_create("rknpu-device", MFD_CLOEXEC)) {
  if (memory_ < 0 || ::ftruncate(memory_, static_cast<off_t>(kSpan)) != 0) return;
  // Not fstat(): where this is preloaded, that is a function of our own.
  struct statx real {};
  if (::statx(memory_, "", AT_EMPTY_PATH, STATX_INO, &real) != 0) return;
  memory_inode_ = real.stx_ino;
  memory_device_ = makedev(real.stx_dev_major, real.stx_dev_minor);
}

int Device::open() {
  const std::lock_guard lock(mutex_);
  if (const int number = failure("open", EACCES)) return -number;
  const int fd = ::dup(memory_);
  return fd >= 0 ? fd : -errno;
}

bool Device::owns(int fd) const {
  struct statx info {};
  return ::statx(fd, "", AT_EMPTY_PATH, STATX_INO, &info) == 0 && info.stx_ino == memory_inode_ &&
         makedev(info.stx_dev_major, info.stx_dev_minor) == memory_device_;
}

void Device::describe(struct stat& info) const {
  unsigned minor = 0;
  const std::string_view path = settings_.path;
  if (!settings_.is_misc()) parse_number(path.substr(std::strlen("/dev/dri/card")), minor);
  info.st_mode = S_IFCHR | 0660;
  info.st_rdev = makedev(settings_.is_misc() ? kMiscMajor : kDrmMajor, minor);
  info.st_size = 0;
}

int Device::failure(const std::string& what, int usual) {
  const unsigned long call = ++calls_[what];
  for (const Failure& failure : settings_.failures)
    if (failure.what == what && (failure.nth == 0 || failure.nth == call))
      return failure.number != 0 ? failure.number : usual;
  return 0;
}

int Device::ioctl(std::uint32_t request, void* argument) {
  const unsigned type = request >> 8U & 0xffU;
  const unsigned number = request & 0xffU;
  const unsigned size = request >> 16U & 0x3fffU;
  int result = 0;
  {
    const std::lock_guard lock(mutex_);
    const bool misc = settings_.is_misc();
    if (type != static_cast<unsigned>(misc ? 'r' : 'd'))
      result = -ENOTTY;
    else
      result = misc ? misc_ioctl(number, size, argument) : drm_ioctl(number, size, argument);
  }
  if (settings_.log)
    std::fprintf(stderr, "rknpu device: ioctl %#x = %d\n", static_cast<unsigned>(request), result);
  const bool submitted = number == (settings_.is_misc() ? +kMiscSubmit : +kSubmit);
  if (submitted) {
    std::this_thread::sleep_for(std::chrono::milliseconds(settings_.delay_ms));
    while (settings_.hang) ::pause();
  }
  return result;
}

int Device::drm_ioctl(unsigned number, unsigned size, void* argument) {
  switch (number) {
    case kVersion: {
      if (const int failed = failure("version", EINVAL)) return -failed;
      auto version = taken<DrmVersion>(argument);
      version.major = settings_.driver[0];
      version.minor = settings_.driver[1];
      version.patch = settings_.driver[2];
      give_text(version.name, version.name_length, settings_.name);
      give_text(version.date, version.date_length, "20240828");
      give_text(version.description, version.description_length, "RKNPU driver");
      return give(argument, version);
    }
    case kGetUnique: {
      if (const int failed = failure("unique", EINVAL)) return -failed;
      auto unique = taken<DrmUnique>(argument);
      unique.length = 0;
      return give(argument, unique);
    }
    case kGemFlink: {
      if (const int failed = failure("flink", EINVAL)) return -failed;
      auto flink = taken<DrmFlink>(argument);
      flink.name = flink.handle;
      return give(argument, flink);
    }
    case kPrimeHandleToFd: {
      if (const int failed = failure("prime", EMFILE)) return -failed;
      auto prime = taken<DrmPrime>(argument);
      if (buffers_.count(prime.handle) == 0) return -ENOENT;
      prime.fd = ::dup(memory_);
      return prime.fd >= 0 ? give(argument, prime) : -errno;
    }
    case kAction:
      return action(argument);
    case kSubmit:
      return submit(argument);
    case kMemCreate:
      return create(size, argument);
    case kMemMap: {
      if (const int failed = failure("map", EINVAL)) return -failed;
      auto map = taken<MemMap>(argument);
      const auto buffer = buffers_.find(map.handle);
      if (buffer == buffers_.end()) return -ENOENT;
      map.offset = buffer->second;
      return give(argument, map);
    }
    case kMemDestroy: {
      if (const int failed = failure("destroy", EINVAL)) return -failed;
      return buffers_.erase(taken<MemDestroy>(argument).handle) == 1 ? 0 : -ENOENT;
    }
    case kMemSync:
      return -failure("sync", EINVAL);
    default:
      return -EINVAL;
  }
}

int Device::misc_ioctl(unsigned number, unsigned size, void* argument) {
  switch (number) {
    case kMiscAction:
      return action(argument);
    case kMiscSubmit:
      return submit(argument);
    case kMiscMemCreate: {
      if (const int failed = failure("create", ENOMEM)) return -failed;
      auto memory = taken<MemCreate>(argument, size);
      // Its handle is a descriptor of the buffer's own, which the runtime maps and closes.
      const int fd = ::memfd_create("rknpu-buffer", MFD_CLOEXEC);
      if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(memory.size)) != 0) return -ENOMEM;
      memory.handle = static_cast<std::uint32_t>(fd);
      memory.object = memory.dma = next_offset_;
      next_offset_ += (memory.size + 0xfff) & ~std::uint64_t{0xfff};
      return give(argument, memory, size);
    }
    case kMiscMemDestroy:
      return -failure("destroy", EINVAL);
    case kMiscMemSync:
      return -failure("sync", EINVAL);
    default:
      return -ENOTTY;
  }
}

int Device::action(void* argument) {
  auto action = taken<Action>(argument);
  if (const int failed = failure("action", EINVAL)) return -failed;
  if (const int failed = failure("action" + std::to_string(action.number), EINVAL)) return -failed;
  switch (action.number) {
    case kGetHardwareVersion:
      action.value = settings_.hardware;
      break;
    case kGetDriverVersion:
      action.value = static_cast<std::uint32_t>(settings_.driver[0] * 10000 +
                                                settings_.driver[1] * 100 + settings_.driver[2]);
      break;
    case kGetIommu:
      action.value = settings_.iommu ? 1 : 0;
      break;
    case kSetNice:
    case kPowerOn:
    case kPowerOff:
    case kReset:
      break;
    case kGetFrequency:
      action.value = 1'000'000'000;
      break;
    case kGetTotalSram:
    case kGetFreeSram:
      action.value = 0;
      break;
    default:
      return -EINVAL;
  }
  return give(argument, action);
}

int Device::submit(void* argument) {
  if (const int failed = failure("submit", ETIMEDOUT)) return -failed;
  auto job = taken<Submit>(argument);
  job.task_counter = job.task_number;
  return give(argument, job);
}

int Device::create(unsigned size, void* argument) {
  if (const int failed = failure("create", ENOMEM)) return -failed;
  auto memory = taken<MemCreate>(argument, size);
  const std::uint64_t pages = (memory.size + 0xfff) & ~std::uint64_t{0xfff};
  if (memory.size == 0 || pages > kSpan - next_offset_) return -ENOMEM;
  memory.handle = next_handle_++;
  memory.object = memory.dma = next_offset_;
  buffers_[memory.handle] = next_offset_;
  next_offset_ += pages;
  return give(argument, memory, size);
}

}  // namespace anynpu::sim::rknpu

// SPDX-License-Identifier: Apache-2.0
// libaxcl_rt.so, simulated: runtime, devices, contexts, memory.
//
// Declared from the observable interface, once more and independently of src/engine/axmodel_abi.h,
// so that a slip in one of the two shows.
#include <algorithm>
#include <chrono>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "sim/axcl/process.h"

// NOLINTBEGIN(readability-identifier-naming): the names are AXERA's
#define AXCL_EXPORT extern "C" __attribute__((visibility("default")))

using anynpu::sim::Fault;
using namespace anynpu::sim::axcl;
using Lock = std::lock_guard<std::mutex>;

struct axclrtDeviceList {
  std::uint32_t num;
  std::int32_t devices[256];
};
static_assert(sizeof(axclrtDeviceList) == 1028);

struct axclrtDeviceProperties {
  char swVersion[64];
  std::uint64_t uid;
  std::uint32_t pciDomain, pciBusID, pciDeviceID;
  std::int32_t temperature;
  std::uint32_t totalMem, freeMem, totalCmm, freeCmm;
  std::uint32_t cpuLoading, npuLoading;
  std::uint32_t reserved[32];
};
static_assert(sizeof(axclrtDeviceProperties) == 240);

struct axclrtBusInfo {
  std::uint32_t domain, bus, slot, func;
};

namespace {

constexpr const char* kNode = "/dev/axcl_host";

Status open_node() {
  int number = 0;
  if (faults().active("no-module")) number = ENOENT;
  if (faults().active("no-permission")) number = EACCES;
  if (number == 0) return 0;
  host_log(fmt::format("open {} fail, errno: {}", kNode, number));
  return host_error(kDevice, kOpen);
}

/// What SetDevice needs: a card on that bus that lives and gives ports.
Status attach(std::int32_t device) {
  if (device != bus()) return host_error(kDevice, 0x84);
  const LockedCard card;
  if (faults().active("no-card") || card.vanished()) return host_error(kDevice, 0x81);
  if (card.dead()) {
    host_log(fmt::format("device {} is dead", bus()));
    return host_error(kDevice, 0x83);
  }
  if (faults().strikes("ports") || card.join() == nullptr) {
    host_log(fmt::format("request ports from device {} fail, errno: {}", bus(), ETIMEDOUT));
    kernel_log("Recv port ack timeout.");
    kernel_log("axcl pcie req port failed.");
    return host_error(kDevice, 0x86);
  }
  return 0;
}

void* new_context(Process& p) {
  void* context = &p.handles.emplace_back();
  p.contexts.insert(context);
  return context;
}

}  // namespace

AXCL_EXPORT Status axclInit(const char*) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.inits == 0)
    if (Status status = open_node(); status != 0) return status;
  ++p.inits;
  return 0;
}

AXCL_EXPORT Status axclFinalize() {
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.inits == 0) return host_error(kDevice, kFailed);
  if (--p.inits == 0) p.reset();
  return 0;
}

AXCL_EXPORT Status axclSetLogLevel(std::int32_t) {
  return 0;
}

AXCL_EXPORT void axclAppLog(std::int32_t, const char* func, const char* file, std::uint32_t line,
                            const char* format, ...) {
  char text[1024] = "";
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  host_log(fmt::format("{}:{} {}: {}", file, line, func, text));
}

AXCL_EXPORT Status axclrtGetVersion(std::int32_t* major, std::int32_t* minor, std::int32_t* patch) {
  if (major == nullptr || minor == nullptr || patch == nullptr) return host_error(0, kNull);
  *major = 3;
  *minor = 10;
  *patch = 2;
  return 0;
}

AXCL_EXPORT const char* axclrtGetFullVersion() {
  return "V3.10.2";
}

AXCL_EXPORT const char* axclrtGetSocName() {
  return "AX650N";
}

AXCL_EXPORT Status axclrtGetDeviceList(axclrtDeviceList* list) {
  if (list == nullptr) return host_error(kDevice, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.inits == 0) return host_error(kDevice, kFailed);
  if (Status status = open_node(); status != 0) return status;
  *list = {};
  const LockedCard card;
  // The driver lists dead cards, too.
  if (faults().active("no-card") || card.vanished()) return 0;
  list->num = 1;
  list->devices[0] = bus();
  return 0;
}

AXCL_EXPORT Status axclrtGetDeviceCount(std::uint32_t* count) {
  if (count == nullptr) return host_error(kDevice, kNull);
  axclrtDeviceList list;
  const Status status = axclrtGetDeviceList(&list);
  *count = status == 0 ? list.num : 0;
  return status;
}

AXCL_EXPORT Status axclrtSetDevice(std::int32_t device) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.inits == 0) return host_error(kDevice, kFailed);
  if (Status status = attach(device); status != 0) return status;
  p.device = device;
  if (p.default_context == nullptr) p.default_context = new_context(p);
  thread_context() = p.default_context;
  return 0;
}

AXCL_EXPORT Status axclrtResetDevice(std::int32_t device) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (device != bus()) return host_error(kDevice, 0x84);
  p.reset();
  return 0;
}

AXCL_EXPORT Status axclrtGetDevice(std::int32_t* device) {
  if (device == nullptr) return host_error(kDevice, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.device < 0) return host_error(kDevice, 0x85);
  *device = p.device;
  return 0;
}

AXCL_EXPORT Status axclrtSynchronizeDevice() {
  Process& p = process();
  const Lock lock(p.mutex);
  return ready();
}

/// As the real one: it sets the device, asks, and resets it, with all that the process had there.
AXCL_EXPORT Status axclrtGetDeviceProperties(std::int32_t device,
                                             axclrtDeviceProperties* properties) {
  if (properties == nullptr) return host_error(kDevice, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.inits == 0) return host_error(kDevice, kFailed);
  if (auto sick = faults().strikes("sick")) anynpu::sim::wait(*sick);
  if (Status status = attach(device); status != 0) return status;
  *properties = {};
  {
    const LockedCard card;
    std::strcpy(properties->swVersion, "V3.10.2_20251215");
    properties->uid = 0x0650'0000'1234'5678U;
    properties->pciBusID = static_cast<std::uint32_t>(bus());
    properties->temperature = 51'250;
    properties->totalMem = 1024 << 10;
    properties->freeMem = 700 << 10;
    properties->totalCmm = static_cast<std::uint32_t>(kTotalCmm >> 10U);
    const std::uint64_t used = std::min(card.used_cmm(), kTotalCmm);
    properties->freeCmm = static_cast<std::uint32_t>((kTotalCmm - used) >> 10U);
    properties->cpuLoading = 1250;
    properties->npuLoading = 0;
  }
  p.reset();
  return 0;
}

AXCL_EXPORT Status axclrtCreateContext(void** context, std::int32_t device) {
  if (context == nullptr) return host_error(kContext, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.inits == 0) return host_error(kContext, 0x81);
  if (Status status = attach(device); status != 0) return status;
  *context = new_context(p);
  thread_context() = *context;
  return 0;
}

AXCL_EXPORT Status axclrtDestroyContext(void* context) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.contexts.erase(context) == 0) return host_error(kContext, 0x82);
  return 0;
}

AXCL_EXPORT Status axclrtSetCurrentContext(void* context) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.contexts.count(context) == 0) return host_error(kContext, 0x83);
  thread_context() = context;
  return 0;
}

AXCL_EXPORT Status axclrtGetCurrentContext(void** context) {
  if (context == nullptr) return host_error(kContext, kNull);
  Process& p = process();
  const Lock lock(p.mutex);
  if (p.contexts.count(thread_context()) == 0) return host_error(kContext, 0x84);
  *context = thread_context();
  return 0;
}

AXCL_EXPORT Status axclrtMalloc(void** memory, std::size_t bytes, int policy) {
  if (memory == nullptr) return host_error(kMemory, kNull);
  if (bytes == 0 || policy < 0 || policy > 3) return host_error(kMemory, kIllegal);
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  {
    const LockedCard card;
    if (card.used_cmm() + bytes > kTotalCmm) return host_error(kMemory, kNoMemory);
  }
  *memory = p.memory.allocate(bytes);
  return *memory != nullptr ? 0 : host_error(kMemory, kNoMemory);
}

AXCL_EXPORT Status axclrtMallocCached(void** memory, std::size_t bytes, int policy) {
  return axclrtMalloc(memory, bytes, policy);
}

AXCL_EXPORT Status axclrtFree(void* memory) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  return p.memory.release(memory) ? 0 : host_error(kMemory, 0x81);
}

AXCL_EXPORT Status axclrtMallocHost(void** memory, std::size_t bytes) {
  if (memory == nullptr) return host_error(kMemory, kNull);
  *memory = std::malloc(bytes);
  return *memory != nullptr ? 0 : host_error(kMemory, kNoMemory);
}

AXCL_EXPORT Status axclrtFreeHost(void* memory) {
  std::free(memory);
  return 0;
}

AXCL_EXPORT Status axclrtMemset(void* device, std::uint8_t value, std::size_t bytes) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  std::byte* to = p.memory.at(device, bytes);
  if (to == nullptr) return host_error(kMemory, 0x81);
  std::memset(to, value, bytes);
  return 0;
}

AXCL_EXPORT Status axclrtMemcpy(void* to, const void* from, std::size_t bytes, int kind) {
  if (to == nullptr || from == nullptr) return host_error(kMemory, kNull);
  if (kind < 0 || kind > 5) return host_error(kMemory, kIllegal);
  if (kind > 3) return host_error(kMemory, kUnsupported);  // physical addresses
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) {
    if (status == host_error(kDevice, kUnexpected))
      host_log(fmt::format("send {} bytes, but 0 bytes sent", bytes));
    return status;
  }
  const bool to_device = kind == 1 || kind == 3, from_device = kind == 2 || kind == 3;
  std::byte* target = to_device ? p.memory.at(to, bytes) : static_cast<std::byte*>(to);
  const std::byte* source =
      from_device ? p.memory.at(from, bytes) : static_cast<const std::byte*>(from);
  if (target == nullptr || source == nullptr) return host_error(kMemory, 0x81);
  std::memmove(target, source, bytes);
  return 0;
}

AXCL_EXPORT Status axclrtMemcmp(const void* one, const void* two, std::size_t bytes) {
  Process& p = process();
  const Lock lock(p.mutex);
  if (Status status = ready(); status != 0) return status;
  const std::byte* a = p.memory.at(one, bytes);
  const std::byte* b = p.memory.at(two, bytes);
  if (a == nullptr || b == nullptr) return host_error(kMemory, 0x81);
  return std::memcmp(a, b, bytes) == 0 ? 0 : host_error(kMemory, kFailed);
}

AXCL_EXPORT Status axclrtMemFlush(void* device, std::size_t bytes) {
  Process& p = process();
  const Lock lock(p.mutex);
  return p.memory.at(device, bytes) != nullptr ? 0 : host_error(kMemory, 0x81);
}

AXCL_EXPORT Status axclrtMemInvalidate(void* device, std::size_t bytes) {
  return axclrtMemFlush(device, bytes);
}

AXCL_EXPORT Status axclrtRebootDevice(std::int32_t device) {
  if (device != bus()) return host_error(kDevice, 0x84);
  const LockedCard card;
  if (card.vanished()) return host_error(kDevice, 0x87);
  card->dead = 0;
  card->leaked = 0;
  card->vnpu = -1;
  kernel_log(fmt::format("device {:x}: alive!", bus()));
  return 0;
}

AXCL_EXPORT Status axclrtGetDeviceBusInfo(std::int32_t device, axclrtBusInfo* info) {
  if (info == nullptr) return host_error(kDevice, kNull);
  if (device != bus()) return host_error(kDevice, 0x84);
  *info = {0, static_cast<std::uint32_t>(bus()), 0, 0};
  return 0;
}
// NOLINTEND(readability-identifier-naming)

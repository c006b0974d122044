// SPDX-License-Identifier: Apache-2.0
// The simulated NPU's contexts, shared by mapping one file.
#include "sim/xrt/npu.h"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <mutex>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

namespace anynpu::sim::xrt_device {
namespace {

struct Context {
  std::int32_t pid;  // 0: a free place
  std::int32_t width;
};
using Contexts = std::array<Context, kMostContexts>;

struct Mapped {
  int fd = -1;
  Contexts* contexts = nullptr;
  std::mutex mutex;

  Mapped() {
    const std::filesystem::path folder = state_folder();
    fd = folder.empty() ? ::memfd_create("simulated-npu", MFD_CLOEXEC)
                        : ::open((folder / "xdna.npu").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, sizeof(Contexts)) != 0) std::abort();
    void* data = ::mmap(nullptr, sizeof(Contexts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED) std::abort();
    contexts = static_cast<Contexts*>(data);
  }
};

Mapped& mapped() {
  static auto& npu = *new Mapped;
  return npu;
}

class Locked {
 public:
  Locked() : lock_(mapped().mutex) {
    ::flock(mapped().fd, LOCK_EX);
    for (Context& context : *mapped().contexts)
      if (context.pid != 0 && ::kill(context.pid, 0) != 0 && errno == ESRCH) context = {};
  }
  ~Locked() { ::flock(mapped().fd, LOCK_UN); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
  Contexts& contexts() const { return *mapped().contexts; }

 private:
  std::lock_guard<std::mutex> lock_;
};

}  // namespace

Faults& faults() {
  static auto& all = *new Faults({
      "no-device",  // XRT sees no NPU: no plugin, or the driver has not taken it
      "firmware",   // the firmware is newer than the driver, which gives up
      "memlock",    // RLIMIT_MEMLOCK is too small for the heap
      "context",    // the NPU has no context left
      "slow",       // every run takes ms longer
      "timeout",    // a command does not end: the driver stops it after ms
      "fail",       // a command is aborted
      "wedge",      // the management channel is gone: every call fails
      "crash",      // a run crashes the library
      "hang",       // a run never returns
      "wrong",      // a run gives a wrong result
      "stale",      // a run leaves the result of the one before
  });
  return all;
}

int take_columns(int width) {
  if (width < 1 || width > kColumns) return -EINVAL;
  const Locked npu;
  int wide = 0, narrow = 0;
  int place = -1;
  for (int i = 0; i < kMostContexts; ++i) {
    const Context& context = npu.contexts()[static_cast<std::size_t>(i)];
    if (context.pid == 0 && place < 0) place = i;
    if (context.pid != 0 && context.width != width) wide += context.width;
    if (context.pid != 0 && context.width == width) narrow = width;
  }
  if (place < 0) return -ENOSPC;
  if (narrow == 0 && wide + width > kColumns) return -ENODEV;
  npu.contexts()[static_cast<std::size_t>(place)] = {::getpid(), width};
  return place;
}

void give_columns(int number) {
  const Locked npu;
  npu.contexts()[static_cast<std::size_t>(number)] = {};
}

}  // namespace anynpu::sim::xrt_device

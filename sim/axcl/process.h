// SPDX-License-Identifier: Apache-2.0
// What one process has of the simulated card: contexts, memory, models.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "sim/axcl/artifact.h"
#include "sim/axcl/card.h"
#include "sim/common/network.h"

namespace anynpu::sim::axcl {

using Status = std::int32_t;

/// 0x80300000 | sub << 8 | id: an error of the runtime on the host.
constexpr Status host_error(unsigned sub, unsigned id) {
  return static_cast<Status>(0x80300000U | sub << 8U | id);
}
/// An error of the card's software, passed through.
constexpr Status card_native(unsigned module, unsigned id) {
  return static_cast<Status>(0x80000000U | module << 16U | 1U << 8U | id);
}

inline constexpr unsigned kDevice = 1, kContext = 2, kMemory = 5, kEngine = 7, kSysctrl = 9;
inline constexpr unsigned kFailed = 1, kNull = 2, kIllegal = 3, kUnsupported = 4, kTimeout = 5,
                          kBusy = 6, kNoMemory = 7, kDecode = 9, kUnexpected = 0xa, kOpen = 0xb,
                          kExecute = 0xc;

/// Memory of the card. Its addresses are reserved on the host and must not be touched there: a host
/// that follows such a pointer crashes, as with a real one.
class DeviceMemory {
 public:
  void* allocate(std::size_t bytes);
  bool release(void* address);
  /// The bytes behind an address range; nullptr when it is not all of one allocation.
  std::byte* at(const void* address, std::size_t bytes);
  void clear();

 private:
  struct Block {
    std::size_t reserved;
    std::vector<std::byte> bytes;
  };
  std::map<std::uintptr_t, Block> blocks_;
};

struct Tensor {
  std::string name;
  engine::DType type = engine::DType::kFloat32;
  std::vector<engine::Shape> shapes;  // by group
};

/// A model on the card.
struct Model {
  AxmodelFacts facts;
  std::vector<std::byte> file;
  std::unique_ptr<Network> network;
  std::vector<Tensor> inputs, outputs;
  std::set<std::uint64_t> contexts;
  std::uint64_t id = 0;
};

struct Process {
  std::mutex mutex;
  int inits = 0;
  std::int32_t device = -1;  // set by SetDevice
  std::set<void*> contexts;  // of the device
  std::deque<char> handles;  // a context is the address of one, and none is given twice
  std::set<std::shared_ptr<void>> buffers;  // what CreateIO made: on the host, so it stays
  void* default_context = nullptr;
  DeviceMemory memory;
  bool engine = false;
  std::map<std::uint64_t, std::unique_ptr<Model>> models;
  std::uint64_t next_id = 1;

  /// All that a device holds for this process is gone: what ResetDevice does.
  void reset();
};

Process& process();

/// The context of the calling thread, when it is one that is still there.
void*& thread_context();

/// 0, or why a call that needs a context and a living card must fail. With the process's mutex
/// held.
Status ready();

/// Bytes of one tensor of a group.
std::size_t bytes_of(const Tensor& tensor, std::size_t group);

}  // namespace anynpu::sim::axcl

// SPDX-License-Identifier: Apache-2.0
// The control messages between the server and a worker, over a SOCK_SEQPACKET socket pair.
//
// A message is a type, a list of numbers, a text, and perhaps one file descriptor. Tensors never
// travel here: they lie in shared memory, and messages carry their offsets. Both ends check what
// they receive, because a vendor library may have written over the memory of the worker that sends
// it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace anynpu::runtime {

enum class MessageType : std::uint32_t {
  kLoad = 1,  // text: JSON {engine, variant, artifact, decoder, threads, device_node,
              // device_index, core_mask}
  kLoaded,    // text: JSON of the session
  kMemory,    // fd: the memory that tensors lie in from now on; numbers: its size
  kRun,   // numbers: confined to a processor (0 or 1), output offset, input count, then per input:
          // offset, bytes, rank, dimensions
  kRan,   // numbers: nanoseconds, worn (0 or 1), processor, output count, then per output as kRun's
          // inputs; text: why the outputs are suspect, or nothing
  kGrow,  // numbers: nanoseconds, the output bytes that did not fit; answered by kMemory and kFetch
  kFetch,   // numbers: output offset; asks for the outputs of the last run again
  kFailed,  // numbers: Code, errno; text: message, '\n', hint
  kQuit,
};

struct Message {
  MessageType type = MessageType::kQuit;
  std::vector<std::int64_t> numbers = {};
  std::string text = {};
  Fd fd = {};
};

inline constexpr std::size_t kMostMessageBytes = 128 * 1024;

/// Where the next tensor may begin in shared memory: both ends lay them out alike.
constexpr std::size_t aligned(std::size_t offset) {
  constexpr std::size_t kAlignment = 64;
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

/// Set by whoever wants a start to be broken off.
using StopFlag = std::shared_ptr<const std::atomic<bool>>;

/// One end of the socket pair.
class Channel {
 public:
  explicit Channel(Fd fd) : fd_(std::move(fd)) {}
  static Result<std::pair<Channel, Fd>> make_pair();

  /// Never waits: a peer that does not read is an error.
  Result<> send(const Message& message);
  /// Waits until `deadline`, or for ever without one. Code::kCrashed when the other end is gone,
  /// Code::kTimeout when the time is over, Code::kCancelled soon after `stop` was set.
  Result<Message> receive(std::optional<TimePoint> deadline, const StopFlag& stop = nullptr);
  /// The other end is closed.
  bool is_gone() const;
  int fd() const { return fd_.get(); }

 private:
  Result<> wait_until_readable(Duration wait);

  Fd fd_;
  bool ticks_ = false;  // a call that waits comes back now and then
  std::vector<std::byte> buffer_;
};

/// Reads the numbers of a message in order. After the end every number is 0 and ok() is false.
class Numbers {
 public:
  explicit Numbers(const std::vector<std::int64_t>& numbers) : numbers_(numbers) {}
  std::int64_t next() {
    if (at_ < numbers_.size()) return numbers_[at_++];
    ok_ = false;
    return 0;
  }
  bool ok() const { return ok_; }

 private:
  const std::vector<std::int64_t>& numbers_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// A tensor's place in shared memory.
struct Slot {
  std::size_t offset = 0;
  std::size_t bytes = 0;
  std::vector<std::int64_t> shape = {};
};

void append(std::vector<std::int64_t>& numbers, const Slot& slot);
/// Checks that the slot lies within `memory_bytes` and has at most 16 dimensions, none of them
/// negative.
Result<Slot> read_slot(Numbers& numbers, std::size_t memory_bytes);

Message failure_message(const Error& error);
Error error_of(const Message& failure);

}  // namespace anynpu::runtime

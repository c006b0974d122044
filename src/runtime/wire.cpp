// SPDX-License-Identifier: Apache-2.0
// The control messages between the server and a worker.
#include "runtime/wire.h"

#include <array>
#include <cstring>

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

namespace anynpu::runtime {
namespace {

struct Header {
  std::uint32_t type;
  std::uint32_t numbers;
  std::uint32_t text_bytes;
};

constexpr std::uint32_t kLastType = static_cast<std::uint32_t>(MessageType::kQuit);
constexpr std::int64_t kMostDimensions = 16;
constexpr Duration kReceiveTick =
    milliseconds(50);  // after which the server's end looks at its watch

Error gone() {
  return Error{Code::kCrashed, "the other end of the control socket is gone"};
}
Error garbled() {
  return Error{Code::kCrashed, "a garbled message came over the control socket"};
}

}  // namespace

Result<std::pair<Channel, Fd>> Channel::make_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return system_error("socketpair");
  timeval tick{};
  tick.tv_usec = std::chrono::duration_cast<std::chrono::microseconds>(kReceiveTick).count();
  if (::setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &tick, sizeof tick) != 0)
    return system_error("control socket");
  Channel channel{Fd(ends[0])};
  channel.ticks_ = true;
  return std::pair<Channel, Fd>(std::move(channel), Fd(ends[1]));
}

Result<> Channel::send(const Message& message) {
  Header header{static_cast<std::uint32_t>(message.type),
                static_cast<std::uint32_t>(message.numbers.size()),
                static_cast<std::uint32_t>(message.text.size())};
  std::array<iovec, 3> parts{iovec{&header, sizeof header},
                             iovec{const_cast<std::int64_t*>(message.numbers.data()),
                                   message.numbers.size() * sizeof(std::int64_t)},
                             iovec{const_cast<char*>(message.text.data()), message.text.size()}};
  std::size_t size = parts[0].iov_len + parts[1].iov_len + parts[2].iov_len;
  if (size > kMostMessageBytes)
    return Error{Code::kTooLarge,
                 fmt::format("a control message of {} bytes is over the limit of {}", size,
                             kMostMessageBytes)};
  msghdr packet{};
  packet.msg_iov = parts.data();
  packet.msg_iovlen = parts.size();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (message.fd) {
    packet.msg_control = control.data();
    packet.msg_controllen = control.size();
    cmsghdr* attached = CMSG_FIRSTHDR(&packet);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof(int));
    int fd = message.fd.get();
    std::memcpy(CMSG_DATA(attached), &fd, sizeof fd);
  }
  while (::sendmsg(fd_.get(), &packet, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    if (errno == EINTR) continue;
    if (errno == EPIPE || errno == ECONNRESET) return gone();
    return system_error("control socket");
  }
  return {};
}

bool Channel::is_gone() const {
  pollfd end{fd_.get(), 0, 0};  // POLLHUP is always reported
  return ::poll(&end, 1, 0) > 0;
}

Result<> Channel::wait_until_readable(Duration wait) {
  pollfd ready{fd_.get(), POLLIN, 0};
  const auto whole = std::chrono::duration_cast<seconds>(wait);
  timespec left{};
  left.tv_sec = whole.count();
  left.tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(wait - whole).count();
  if (::ppoll(&ready, 1, &left, nullptr) < 0 && errno != EINTR)
    return system_error("control socket");
  return {};
}

Result<Message> Channel::receive(std::optional<TimePoint> deadline, const StopFlag& stop) {
  buffer_.resize(kMostMessageBytes);
  iovec part{buffer_.data(), buffer_.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr packet{};
  packet.msg_iov = &part;
  packet.msg_iovlen = 1;
  ssize_t got = -1;
  while (got < 0) {
    if (deadline && stop && *stop)
      return Error{Code::kCancelled, "was broken off, because the server stops"};
    // Most answers come soon: then one call of the kernel is enough, which ends after a tick.
    const Duration left = deadline ? *deadline - Clock::now() : Duration::max();
    const bool exact = deadline && (!ticks_ || left < 2 * kReceiveTick);
    if (exact) ANYNPU_CHECK(wait_until_readable(std::max(Duration::zero(), left)));
    packet.msg_control = control.data();
    packet.msg_controllen = control.size();
    got = ::recvmsg(fd_.get(), &packet, MSG_CMSG_CLOEXEC | (exact ? MSG_DONTWAIT : 0));
    if (got >= 0 || errno == EINTR) continue;
    if (errno != EAGAIN && errno != ECONNRESET) return system_error("control socket");
    if (errno == ECONNRESET) return gone();
    if (deadline && Clock::now() >= *deadline)
      return Error{Code::kTimeout, "no answer over the control socket in time"};
  }
  if (got == 0) return gone();

  Message message;
  for (cmsghdr* attached = CMSG_FIRSTHDR(&packet); attached != nullptr;
       attached = CMSG_NXTHDR(&packet, attached)) {
    if (attached->cmsg_level != SOL_SOCKET || attached->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(attached), sizeof fd);
    message.fd = Fd(fd);
  }
  Header header{};
  auto size = static_cast<std::size_t>(got);
  if (size < sizeof header) return garbled();
  std::memcpy(&header, buffer_.data(), sizeof header);
  std::size_t number_bytes = header.numbers * sizeof(std::int64_t);
  if (header.type == 0 || header.type > kLastType ||
      size != sizeof header + number_bytes + header.text_bytes)
    return garbled();
  message.type = static_cast<MessageType>(header.type);
  message.numbers.resize(header.numbers);
  if (number_bytes > 0)
    std::memcpy(message.numbers.data(), buffer_.data() + sizeof header, number_bytes);
  message.text.assign(reinterpret_cast<const char*>(buffer_.data()) + sizeof header + number_bytes,
                      header.text_bytes);
  return message;
}

void append(std::vector<std::int64_t>& numbers, const Slot& slot) {
  numbers.push_back(static_cast<std::int64_t>(slot.offset));
  numbers.push_back(static_cast<std::int64_t>(slot.bytes));
  numbers.push_back(static_cast<std::int64_t>(slot.shape.size()));
  numbers.insert(numbers.end(), slot.shape.begin(), slot.shape.end());
}

Result<Slot> read_slot(Numbers& numbers, std::size_t memory_bytes) {
  std::int64_t offset = numbers.next(), bytes = numbers.next(), rank = numbers.next();
  auto size = static_cast<std::int64_t>(memory_bytes);
  if (!numbers.ok() || offset < 0 || bytes < 0 || rank < 0 || rank > kMostDimensions ||
      offset > size || bytes > size - offset)
    return garbled();
  Slot slot{static_cast<std::size_t>(offset), static_cast<std::size_t>(bytes)};
  for (std::int64_t i = 0; i < rank; ++i) {
    slot.shape.push_back(numbers.next());
    if (slot.shape.back() < 0) return garbled();
  }
  if (!numbers.ok()) return garbled();
  return slot;
}

Message failure_message(const Error& error) {
  constexpr std::size_t kMostText = 16 * 1024;
  return Message{MessageType::kFailed,
                 {static_cast<std::int64_t>(error.code), error.system_errno},
                 error.message.substr(0, kMostText) + '\n' + error.hint.substr(0, kMostText)};
}

Error error_of(const Message& failure) {
  Numbers numbers(failure.numbers);
  std::int64_t code = numbers.next(), number = numbers.next();
  if (code < 0 || code > static_cast<std::int64_t>(Code::kInternal))
    code = static_cast<std::int64_t>(Code::kInternal);
  std::size_t end = std::min(failure.text.find_last_of('\n'), failure.text.size());
  Error error{static_cast<Code>(code), failure.text.substr(0, end), static_cast<int>(number), ""};
  if (end < failure.text.size()) error.hint = failure.text.substr(end + 1);
  return error;
}

}  // namespace anynpu::runtime

// SPDX-License-Identifier: Apache-2.0
// libzmq, opened at run time: who does not use Frigate needs no such library. Constants and
// signatures are those of zmq.h of the stable C API (4.x, soname libzmq.so.5).
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace anynpu::server::frigate {

/// The functions that are used.
struct ZmqLibrary {
  struct alignas(void*) Message {
    unsigned char bytes[64];
  };
  void* (*ctx_new)() = nullptr;
  int (*ctx_term)(void*) = nullptr;
  void* (*socket)(void*, int type) = nullptr;
  int (*close)(void*) = nullptr;
  int (*setsockopt)(void*, int option, const void*, std::size_t) = nullptr;
  int (*getsockopt)(void*, int option, void*, std::size_t*) = nullptr;
  int (*bind)(void*, const char*) = nullptr;
  int (*connect)(void*, const char*) = nullptr;
  int (*msg_init)(Message*) = nullptr;
  int (*msg_recv)(Message*, void*, int flags) = nullptr;
  std::size_t (*msg_size)(const Message*) = nullptr;
  void* (*msg_data)(Message*) = nullptr;
  int (*msg_close)(Message*) = nullptr;
  int (*send)(void*, const void*, std::size_t, int flags) = nullptr;
  int (*last_errno)() = nullptr;
  const char* (*strerror)(int) = nullptr;

  /// Code::kNotFound: it is not installed; the hint says how to.
  /// `name`: of the library's file.
  static Result<ZmqLibrary> open(const std::string& name = "libzmq.so.5");
};

enum class ZmqType { kRequest = 3, kReply = 4 };

using ZmqFrames = std::vector<std::string>;

/// One socket with a context of its own. Used by one thread at a time.
class ZmqSocket {
 public:
  /// Messages over `most_bytes` (of one frame) end their sender's connection.
  static Result<ZmqSocket> open(const ZmqLibrary& library, ZmqType type, std::size_t most_bytes);
  ~ZmqSocket();
  ZmqSocket(ZmqSocket&& other) noexcept;
  ZmqSocket& operator=(ZmqSocket&&) = delete;

  Result<> bind(const std::string& endpoint);
  Result<> connect(const std::string& endpoint);
  /// As it is known to others: "tcp://127.0.0.1:40123" where port * was asked for.
  std::string endpoint() const;

  /// All frames of the next message. Code::kTimeout when none comes in `patience`; Code::kTooLarge
  /// when it has more than `most_frames`.
  Result<ZmqFrames> receive(Duration patience, std::size_t most_frames);
  Result<> send(const ZmqFrames& frames);

 private:
  ZmqSocket(const ZmqLibrary& library, void* context, void* socket)
      : library_(library), context_(context), socket_(socket) {}
  Error last_error(std::string_view what) const;

  ZmqLibrary library_;
  void* context_;
  void* socket_;
};

}  // namespace anynpu::server::frigate

// SPDX-License-Identifier: Apache-2.0
// libzmq's functions by name, and messages as vectors of frames.
#include "server/frigate/zmq_library.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <fmt/format.h>

#include "engine/library.h"

namespace anynpu::server::frigate {
namespace {

// zmq.h
constexpr int kReceiveMore = 13;
constexpr int kLinger = 17;
constexpr int kMostMessageBytes = 22;
constexpr int kReceiveTimeout = 27;
constexpr int kSendTimeout = 28;
constexpr int kLastEndpoint = 32;
constexpr int kSendMore = 2;
constexpr int kSendPatienceMs = 1000;

Result<engine::SharedLibrary> open_library(const std::string& name) {
  Result<engine::SharedLibrary> opened = Error{Code::kNotFound, name + " is not on this machine"};
  for (const std::filesystem::path& folder : engine::library_places().chosen) {
    if (std::error_code unknown; !std::filesystem::exists(folder / name, unknown)) continue;
    opened = engine::SharedLibrary::open(folder / name);
    return opened;
  }
  Result<engine::SharedLibrary> system = engine::SharedLibrary::open(name);
  if (system || system.error().code != Code::kNotFound) return system;
  return opened;
}

}  // namespace

Result<ZmqLibrary> ZmqLibrary::open(const std::string& name) {
  Result<engine::SharedLibrary> opened = open_library(name);
  if (!opened) {
    Error error = std::move(opened).error();
    if (error.hint.empty()) error.hint = "install it: apt install libzmq5";
    return std::move(error).within("Frigate's ZMQ detector needs libzmq");
  }
  ZmqLibrary found;
  std::string missing;
  auto take = [&](const char* symbol, auto*& function) {
    if (!engine::resolve(*opened, symbol, function)) missing = symbol;
  };
  take("zmq_ctx_new", found.ctx_new);
  take("zmq_ctx_term", found.ctx_term);
  take("zmq_socket", found.socket);
  take("zmq_close", found.close);
  take("zmq_setsockopt", found.setsockopt);
  take("zmq_getsockopt", found.getsockopt);
  take("zmq_bind", found.bind);
  take("zmq_connect", found.connect);
  take("zmq_msg_init", found.msg_init);
  take("zmq_msg_recv", found.msg_recv);
  take("zmq_msg_size", found.msg_size);
  take("zmq_msg_data", found.msg_data);
  take("zmq_msg_close", found.msg_close);
  take("zmq_send", found.send);
  take("zmq_errno", found.last_errno);
  take("zmq_strerror", found.strerror);
  if (!missing.empty())
    return Error{Code::kUnsupported, fmt::format("{} has no {}", opened->path().string(), missing)}
        .with_hint("version 4 of libzmq is needed: apt install libzmq5");
  return found;
}

Result<ZmqSocket> ZmqSocket::open(const ZmqLibrary& library, ZmqType type, std::size_t most_bytes) {
  void* context = library.ctx_new();
  if (context == nullptr) return Error{Code::kIo, "libzmq made no context"};
  void* socket = library.socket(context, static_cast<int>(type));
  if (socket == nullptr) {
    Error error{Code::kIo, fmt::format("libzmq: {}", library.strerror(library.last_errno()))};
    library.ctx_term(context);
    return error;
  }
  const int linger = 0;
  const auto most = static_cast<std::int64_t>(most_bytes);
  library.setsockopt(socket, kLinger, &linger, sizeof linger);
  library.setsockopt(socket, kSendTimeout, &kSendPatienceMs, sizeof kSendPatienceMs);
  library.setsockopt(socket, kMostMessageBytes, &most, sizeof most);
  return ZmqSocket(library, context, socket);
}

ZmqSocket::ZmqSocket(ZmqSocket&& other) noexcept
    : library_(other.library_),
      context_(std::exchange(other.context_, nullptr)),
      socket_(std::exchange(other.socket_, nullptr)) {}

ZmqSocket::~ZmqSocket() {
  if (socket_ != nullptr) library_.close(socket_);
  if (context_ != nullptr) library_.ctx_term(context_);
}

Error ZmqSocket::last_error(std::string_view what) const {
  int number = library_.last_errno();
  return Error{number == EADDRINUSE ? Code::kBusy : Code::kIo,
               fmt::format("{}: {}", what, library_.strerror(number))};
}

Result<> ZmqSocket::bind(const std::string& endpoint) {
  if (library_.bind(socket_, endpoint.c_str()) == 0) return {};
  Error error = last_error(fmt::format("cannot listen on {}", endpoint));
  if (error.code == Code::kBusy)
    return std::move(error).with_hint("another program is there already");
  return std::move(error).with_hint("the folder of an ipc:// address must be there and writable");
}

Result<> ZmqSocket::connect(const std::string& endpoint) {
  if (library_.connect(socket_, endpoint.c_str()) == 0) return {};
  return last_error(fmt::format("cannot connect to {}", endpoint));
}

std::string ZmqSocket::endpoint() const {
  char text[256] = {};
  std::size_t size = sizeof text;
  if (library_.getsockopt(socket_, kLastEndpoint, text, &size) != 0 || size == 0) return {};
  return std::string(text, size - 1);
}

Result<ZmqFrames> ZmqSocket::receive(Duration patience, std::size_t most_frames) {
  const int wait = static_cast<int>(std::chrono::duration_cast<milliseconds>(patience).count());
  library_.setsockopt(socket_, kReceiveTimeout, &wait, sizeof wait);
  ZmqFrames frames;
  bool too_many = false;
  int more = 1;
  while (more != 0) {
    ZmqLibrary::Message message;
    library_.msg_init(&message);
    if (library_.msg_recv(&message, socket_, 0) < 0) {
      int number = library_.last_errno();
      library_.msg_close(&message);
      if (number == EAGAIN || number == EINTR) return Error{Code::kTimeout, "nothing has come"};
      return last_error("libzmq could not receive");
    }
    too_many = too_many || frames.size() >= most_frames;
    if (!too_many)
      frames.emplace_back(static_cast<const char*>(library_.msg_data(&message)),
                          library_.msg_size(&message));
    library_.msg_close(&message);
    std::size_t size = sizeof more;
    if (library_.getsockopt(socket_, kReceiveMore, &more, &size) != 0) more = 0;
  }
  if (too_many)
    return Error{Code::kTooLarge, fmt::format("a message of more than {} frames", most_frames)};
  return frames;
}

Result<> ZmqSocket::send(const ZmqFrames& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    int flags = i + 1 < frames.size() ? kSendMore : 0;
    if (library_.send(socket_, frames[i].data(), frames[i].size(), flags) < 0)
      return last_error("libzmq could not send");
  }
  return {};
}

}  // namespace anynpu::server::frigate

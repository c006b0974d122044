// SPDX-License-Identifier: Apache-2.0
// A client for tests that says exactly the bytes it is told to, over a real socket.
#pragma once

#include <charconv>
#include <map>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/text.h"

namespace anynpu::server {

struct TestResponse {
  int status = 0;                              // 0: the connection was closed before an answer
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  int chunks = -1;  // of a body in chunks

  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
};

class TestClient {
 public:
  /// A small window makes a client that does not read a slow one at once.
  explicit TestClient(int port, int receive_window = 0)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_window > 0)
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_window, sizeof receive_window);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ =
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }

  bool connected() const { return connected_; }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  /// Reads one response; waits long, so that slow machines pass. `head_only`: of a HEAD request.
  TestResponse read(bool head_only = false) {
    TestResponse response;
    std::size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!receive()) return response;
    std::vector<std::string> lines = split(buffer_.substr(0, end), '\n');
    buffer_.erase(0, end + 4);
    std::from_chars(lines[0].data() + 9, lines[0].data() + lines[0].size(), response.status);
    for (std::size_t i = 1; i < lines.size(); ++i) {
      std::size_t colon = lines[i].find(':');
      response.headers[to_lower(lines[i].substr(0, colon))] = trim(lines[i].substr(colon + 1));
    }
    if (!head_only && response.headers["transfer-encoding"] == "chunked") {
      response.chunks = 0;
      while (true) {
        std::string piece;
        if (!read_chunk(piece)) return {};
        if (piece.empty()) return response;
        response.body += piece;
        ++response.chunks;
      }
    }
    std::size_t length = 0;
    if (!head_only && response.headers.count("content-length") > 0)
      length = std::stoul(response.headers["content-length"]);
    while (buffer_.size() < length)
      if (!receive()) return {};
    response.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    return response;
  }

  /// One request with a Host header and, where there is one, a body of that length.
  TestResponse ask(std::string_view method, std::string_view target, std::string_view headers = "",
                   std::string_view body = "") {
    send(request(method, target, headers, body));
    return read(method == "HEAD");
  }

  static std::string request(std::string_view method, std::string_view target,
                             std::string_view headers = "", std::string_view body = "") {
    std::string text =
        std::string(method) + " " + std::string(target) + " HTTP/1.1\r\nHost: test\r\n";
    text += headers;
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    return text + "\r\n" + std::string(body);
  }

  /// Whether the server closes (or resets) the connection; what it still sends is thrown away.
  bool closed_by_server() {
    while (receive()) buffer_.clear();
    return ended_;
  }

  /// What comes until the server closes.
  std::string rest() {
    while (receive()) {
    }
    return std::move(buffer_);
  }

  void half_close() { ::shutdown(socket_.get(), SHUT_WR); }
  void close() { socket_.reset(); }
  /// Closes with a reset instead of a goodbye.
  void reset() {
    linger now = {1, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    socket_.reset();
  }

  /// The next chunk of an answer in chunks, without its frame; empty: the last one.
  bool read_chunk(std::string& into) {
    std::size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n")) == std::string::npos)
      if (!receive()) return false;
    const std::size_t size = std::stoul(buffer_.substr(0, end), nullptr, 16);
    while (buffer_.size() < end + 2 + size + 2)
      if (!receive()) return false;
    into = buffer_.substr(end + 2, size);
    buffer_.erase(0, end + 2 + size + 2);
    return true;
  }

 private:
  bool receive() {
    constexpr int kPatienceMs = 60'000;
    pollfd wait = {socket_.get(), POLLIN, 0};
    if (::poll(&wait, 1, kPatienceMs) != 1) return false;
    char bytes[16384];
    ssize_t got = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    ended_ = got <= 0;
    if (got > 0) buffer_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
  }

  Fd socket_;
  bool connected_ = false;
  bool ended_ = false;
  std::string buffer_;
};

}  // namespace anynpu::server

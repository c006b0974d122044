// SPDX-License-Identifier: Apache-2.0
// A small blocking HTTP/1.1 client for tests: one kept-alive connection to 127.0.0.1.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"

namespace anynpu::test {

struct HttpReply {
  int status = 0;
  std::string head;
  std::string body;
};

class HttpClient {
 public:
  explicit HttpClient(int port) : port_(port) {}

  /// Nothing when the connection could not be made or broke.
  std::optional<HttpReply> request(const std::string& method, const std::string& target,
                                   const std::string& body = "",
                                   const std::string& content_type = "application/octet-stream") {
    if (!fd_ && !connect()) return std::nullopt;
    std::string text = method + " " + target + " HTTP/1.1\r\nHost: localhost\r\n";
    if (!body.empty())
      text += "Content-Type: " + content_type +
              "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    text += "\r\n" + body;
    if (!send_all(text)) return std::nullopt;
    return receive(method == "HEAD");
  }
  std::optional<HttpReply> get(const std::string& target) { return request("GET", target); }

  bool send_all(const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
      ssize_t wrote = ::send(fd_.get(), text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
      if (wrote <= 0) return drop();
      sent += static_cast<std::size_t>(wrote);
    }
    return true;
  }

  bool connect() {
    fd_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    timeval limit{60, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    int on = 1;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port_));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return drop();
    buffer_.clear();
    return true;
  }

  std::optional<HttpReply> receive(bool head_only = false) {
    std::size_t end = std::string::npos;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!read_more()) return std::nullopt;
    HttpReply reply;
    reply.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    if (reply.head.size() > 12) reply.status = std::atoi(reply.head.c_str() + 9);
    std::size_t at = reply.head.find("Content-Length: ");
    std::size_t length = at == std::string::npos || head_only
                             ? 0
                             : std::strtoull(reply.head.c_str() + at + 16, nullptr, 10);
    while (buffer_.size() < length)
      if (!read_more()) return std::nullopt;
    reply.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    if (reply.head.find("Connection: close") != std::string::npos) fd_.reset();
    return reply;
  }

 private:
  bool drop() {
    fd_.reset();
    return false;
  }
  bool read_more() {
    char block[65536];
    ssize_t got = ::recv(fd_.get(), block, sizeof block, 0);
    if (got <= 0) return drop();
    buffer_.append(block, static_cast<std::size_t>(got));
    return true;
  }

  int port_;
  Fd fd_;
  std::string buffer_;
};

}  // namespace anynpu::test

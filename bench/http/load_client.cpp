// SPDX-License-Identifier: Apache-2.0
// A closed-loop HTTP load on a server of this machine: each of C connections sends its next request
// when the answer to the last one has come. Prints one line of JSON.
//
//   load_client --port 8080 --connections 100 --warm-up 2 --seconds 10 --path /infer
//               --type image/jpeg --body cat.jpg
//
// Answers of the warm-up are not counted: all connections ask at once then, which no load does
// later.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/file.h"

namespace {

using namespace anynpu;

struct Options {
  int port = 8080;
  int connections = 1;
  double warm_up = 0;  // seconds
  double seconds = 5;
  std::string path = "/infer";
  std::string type = "image/jpeg";
  std::string body;
};

struct Connection {
  Fd fd;
  std::size_t sent = 0;
  std::string received;
  TimePoint start;
};

class Load {
 public:
  explicit Load(const Options& options) : options_(options), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    request_ =
        "POST " + options.path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: " + options.type +
        "\r\nContent-Length: " + std::to_string(options.body.size()) + "\r\n\r\n" + options.body;
  }

  int run() {
    connections_.resize(static_cast<std::size_t>(options_.connections));
    for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
    auto seconds_of = [](double value) {
      return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
    };
    begin_ = Clock::now() + seconds_of(options_.warm_up);
    end_ = begin_ + seconds_of(options_.seconds);
    // Answers that come after the end are waited for, so that none is lost, and are not counted.
    TimePoint patience = end_ + seconds(30);
    while (waiting_ > 0 && Clock::now() < patience) {
      epoll_event events[256];
      int count = ::epoll_wait(poll_.get(), events, 256, 1000);
      for (int i = 0; i < count; ++i) step(events[i].data.u64, events[i].events);
    }
    print(options_.seconds);
    return errors_ == 0 ? 0 : 1;
  }

 private:
  void open(std::size_t index) {
    Connection& connection = connections_[index];
    connection.fd = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(connection.fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) {
      std::perror("connect");
      std::exit(1);
    }
    int on = 1;
    ::setsockopt(connection.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    ::fcntl(connection.fd.get(), F_SETFL, O_NONBLOCK);
    epoll_event event{EPOLLIN | EPOLLOUT | EPOLLET, {}};
    event.data.u64 = index;
    ::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, connection.fd.get(), &event);
    ++waiting_;
    begin(connection);
  }

  void begin(Connection& connection) {
    connection.sent = 0;
    connection.received.clear();
    connection.start = Clock::now();
    send(connection);
  }

  void send(Connection& connection) {
    while (connection.sent < request_.size()) {
      ssize_t wrote = ::send(connection.fd.get(), request_.data() + connection.sent,
                             request_.size() - connection.sent, MSG_NOSIGNAL);
      if (wrote <= 0) return;
      connection.sent += static_cast<std::size_t>(wrote);
    }
  }

  void step(std::size_t index, std::uint32_t events) {
    Connection& connection = connections_[index];
    if (!connection.fd) return;
    if ((events & EPOLLOUT) != 0) send(connection);
    char block[16384];
    bool ended = false;
    while (true) {
      ssize_t got = ::recv(connection.fd.get(), block, sizeof block, 0);
      if (got > 0) {
        connection.received.append(block, static_cast<std::size_t>(got));
        continue;
      }
      ended = got == 0;
      if (ended && !complete(connection.received))
        return close(index, connection.received.empty() ? "closed" : "cut short");
      break;
    }
    if (!complete(connection.received)) return;
    if (connection.received.compare(0, 12, "HTTP/1.1 200") != 0 &&
        connection.received.compare(0, 12, "HTTP/1.0 200") != 0) {
      ++errors_;
      if (errors_ <= 3) std::fprintf(stderr, "%s\n", connection.received.substr(0, 300).c_str());
    }
    TimePoint now = Clock::now();
    if (now >= begin_ && now <= end_) times_.push_back(to_ms(now - connection.start));
    bool closes = ended || connection.received.find("Connection: close") != std::string::npos ||
                  connection.received.compare(0, 8, "HTTP/1.0") == 0;
    if (now > end_) {
      --waiting_;
      connection.fd.reset();
    } else if (closes) {
      --waiting_;
      open(index);
    } else {
      begin(connection);
    }
  }

  void close(std::size_t index, const char* why) {
    --waiting_;
    connections_[index].fd.reset();
    if (Clock::now() > end_) return;
    ++errors_;
    std::fprintf(stderr, "a connection was %s\n", why);
    open(index);
  }

  static bool complete(const std::string& text) {
    std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const char* found = ::strcasestr(text.c_str(), "\r\nContent-Length:");
    if (found == nullptr) return false;
    return text.size() >= head + 4 + std::strtoull(found + 17, nullptr, 10);
  }

  void print(double measured_seconds) {
    std::sort(times_.begin(), times_.end());
    auto at = [&](double share) {
      return times_.empty()
                 ? 0
                 : times_[std::min(
                       times_.size() - 1,
                       static_cast<std::size_t>(share * static_cast<double>(times_.size())))];
    };
    std::printf(
        "{\"connections\": %d, \"requests\": %zu, \"errors\": %ld, \"per_second\": %.1f, "
        "\"p50_ms\": %.3f, "
        "\"p90_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
        options_.connections, times_.size(), errors_,
        static_cast<double>(times_.size()) / measured_seconds, at(0.5), at(0.9), at(0.99), at(1));
  }

  Options options_;
  std::string request_;
  Fd poll_;
  std::vector<Connection> connections_;
  int waiting_ = 0;
  TimePoint begin_, end_;
  std::vector<double> times_;
  long errors_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i], value = argv[i + 1];
    if (name == "--port") options.port = std::atoi(value.c_str());
    if (name == "--connections") options.connections = std::atoi(value.c_str());
    if (name == "--warm-up") options.warm_up = std::atof(value.c_str());
    if (name == "--seconds") options.seconds = std::atof(value.c_str());
    if (name == "--path") options.path = value;
    if (name == "--type") options.type = value;
    if (name == "--body") {
      auto body = read_text(value, std::size_t{64} << 20);
      if (!body) {
        std::fprintf(stderr, "%s\n", body.error().message.c_str());
        return 1;
      }
      options.body = *body;
    }
  }
  return Load(options).run();
}

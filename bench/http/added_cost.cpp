// SPDX-License-Identifier: Apache-2.0
// What HTTP and isolation add for one client: POST /infer over a kept connection against the same
// picture done by this process alone, in turn (bench/in_turn.h).
//
//   added_cost PORT MODEL PLACEMENT PICTURE ROUNDS
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "../in_turn.h"
#include "../same_memory.h"
#include "base/fd.h"
#include "direct.h"

namespace {

using namespace anynpu;

class Client {
 public:
  static Result<Client> connect(int port, std::span<const std::byte> picture) {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      return system_error("cannot connect");
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return Client(std::move(fd), picture);
  }

  /// The milliseconds that the engine itself took, from the answer.
  Result<double> operator()() {
    for (std::string_view rest = request_; !rest.empty();) {
      const ssize_t wrote = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (wrote <= 0) return system_error("cannot send");
      rest.remove_prefix(static_cast<std::size_t>(wrote));
    }
    answer_.clear();
    while (!complete()) {
      char block[16384];
      const ssize_t got = ::recv(fd_.get(), block, sizeof block, 0);
      if (got <= 0) return system_error("cannot receive");
      answer_.append(block, static_cast<std::size_t>(got));
    }
    if (!answer_.starts_with("HTTP/1.1 200")) return Error{Code::kInternal, answer_.substr(0, 200)};
    return number_after("\"inference_time_ms\":");
  }

 private:
  Client(Fd fd, std::span<const std::byte> picture) : fd_(std::move(fd)) {
    request_ = fmt::format(
        "POST /infer HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
        "Content-Length: {}\r\n\r\n",
        picture.size());
    request_.append(reinterpret_cast<const char*>(picture.data()), picture.size());
  }

  double number_after(const char* what) const {
    const std::size_t at = answer_.find(what);
    return at == std::string::npos ? 0 : std::atof(answer_.c_str() + at + std::strlen(what));
  }

  bool complete() const {
    const std::size_t head = answer_.find("\r\n\r\n");
    return head != std::string::npos &&
           answer_.size() >= head + 4 + static_cast<std::size_t>(number_after("Content-Length: "));
  }

  Fd fd_;
  std::string request_, answer_;
};

Result<> measure(char** argv) {
  ANYNPU_TRY(picture, read_bytes(argv[4], std::size_t{64} << 20));
  ANYNPU_TRY(direct, bench::DirectCall::make(argv[2], argv[3]));
  ANYNPU_TRY(client, Client::connect(std::atoi(argv[1]), picture));
  std::vector<bench::Way> ways;
  ways.push_back({"alone", [&] { return direct(picture); }});
  ways.push_back({"over HTTP", [&] { return client(); }});
  ANYNPU_CHECK(bench::take_turns(ways, std::max(bench::kLeastRounds, std::atoi(argv[5]))));
  const bench::Estimate all = bench::difference(ways[1].whole, ways[0].whole);
  const bench::Estimate outside = bench::difference(ways[1].outside, ways[0].outside);
  fmt::print(
      "{{\"alone_ms\": {:.3f}, \"http_ms\": {:.3f}, \"added_ms\": {:.3f}, \"low_ms\": {:.3f}, "
      "\"high_ms\": {:.3f}, \"added_outside_ms\": {:.3f}, \"low_outside_ms\": {:.3f}, "
      "\"high_outside_ms\": {:.3f}}}\n",
      bench::median(ways[0].whole), bench::median(ways[1].whole), all.median, all.low, all.high,
      outside.median, outside.low, outside.high);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: added_cost PORT MODEL PLACEMENT PICTURE ROUNDS\n");
    return 2;
  }
  bench::take_same_memory(argv);
  if (auto measured = measure(argv); !measured) {
    fmt::print(stderr, "{}\n", measured.error().message);
    return 1;
  }
  return 0;
}

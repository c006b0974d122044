// SPDX-License-Identifier: Apache-2.0
// `anynpu serve` as a child process for end-to-end tests.
#pragma once

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http_client.h"

extern char** environ;

namespace anynpu::test {

/// What a process holds, read from /proc.
struct Holdings {
  long resident_kb = 0;
  long descriptors = 0;
  long threads = 0;
  long children = 0;
  long shared_maps = 0;  // mappings of tensors
};

/// The workers of a server; the doctor, which it asks from time to time, is none.
inline std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream list(task.path() / "children");
    for (pid_t child; list >> child;) {
      std::ifstream words("/proc/" + std::to_string(child) + "/cmdline");
      std::string line((std::istreambuf_iterator<char>(words)), std::istreambuf_iterator<char>());
      if (line.find("doctor") == std::string::npos) children.push_back(child);
    }
  }
  return children;
}

inline Holdings holdings_of(pid_t pid) {
  const std::string proc = "/proc/" + std::to_string(pid);
  Holdings held;
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("VmRSS:", 0) == 0) held.resident_kb = std::atol(line.c_str() + 6);
    if (line.rfind("Threads:", 0) == 0) held.threads = std::atol(line.c_str() + 8);
  }
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(proc + "/fd"))
    ++held.descriptors;
  held.children = static_cast<long>(children_of(pid).size());
  std::ifstream maps(proc + "/maps");
  for (std::string line; std::getline(maps, line);)
    if (line.find("anynpu-tensors") != std::string::npos) ++held.shared_maps;
  return held;
}

class ServerProcess {
 public:
  /// What the server writes to standard error goes to `log`, or to the test's own.
  ServerProcess(const std::string& binary, int port, const std::vector<std::string>& options,
                const std::string& log = "")
      : port_(port) {
    std::vector<std::string> words{binary, "serve", "--port", std::to_string(port)};
    words.insert(words.end(), options.begin(), options.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    if (!log.empty())
      ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(),
                                         O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (::posix_spawn(&pid_, binary.c_str(), &actions, nullptr, argv.data(), environ) != 0)
      pid_ = 0;
    ::posix_spawn_file_actions_destroy(&actions);
  }
  ~ServerProcess() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  bool wait_until_ready() {
    for (int i = 0; i < 600; ++i) {
      HttpClient client(port_);
      auto reply = client.get("/health");
      if (reply && reply->status == 200) return true;
      if (::waitpid(pid_, nullptr, WNOHANG) == pid_) return (pid_ = 0) != 0;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }

  /// SIGTERM, and the exit code.
  int stop() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  pid_t pid() const { return pid_; }
  int port() const { return port_; }

  /// A port that nobody listens on now.
  static int free_port() {
    Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return 0;
    socklen_t size = sizeof address;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
    return ntohs(address.sin_port);
  }

 private:
  int port_;
  pid_t pid_ = 0;
};

}  // namespace anynpu::test

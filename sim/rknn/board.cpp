// SPDX-License-Identifier: Apache-2.0
// The simulated board's settings and faults.
#include "sim/rknn/board.h"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <sys/prctl.h>
#include <unistd.h>

#include "base/text.h"

namespace anynpu::sim {
namespace {

constexpr const char* kVariable = "ANYNPU_SIM_RKNN";
constexpr int kExitMisused = 70;

[[noreturn]] void misspelt(const std::string& word) {
  std::fprintf(stderr, "simulated device: %s: what is '%s'?\n", kVariable, word.c_str());
  ::_exit(kExitMisused);
}

void apply(const std::string& word, RknnBoard& board) {
  const std::size_t equals = word.find('=');
  const std::string key = word.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
  if (key == "soc") {
    for (const char* known : {"rk3588", "rk3576", "rk3566", "rk3568", "rk3562"})
      if (value == known) {
        board.soc = value;
        return;
      }
  } else if (key == "driver" && !value.empty()) {
    board.driver = value;
    return;
  } else if (key == "sram") {
    const char* const end = value.data() + value.size();
    const auto [last, error] = std::from_chars(value.data(), end, board.sram);
    if (error == std::errc{} && last == end) return;
  }
  misspelt(word);
}

}  // namespace

int RknnBoard::cores() const {
  if (soc == "rk3588") return 3;
  return soc == "rk3576" ? 2 : 1;
}

RknnBoard rknn_board() {
  RknnBoard board;
  const char* text = std::getenv(kVariable);
  if (text == nullptr) return board;
  for (const std::string& word : split(text, ','))
    if (!word.empty()) apply(word, board);
  return board;
}

Faults& rknn_faults() {
  static auto& all =
      *new Faults({"no-device", "old-driver", "unknown-soc", "no-memory", "retry", "init-swallowed",
                   "no-descriptors", "init-crash", "init-hang", "fail", "timeout", "crash", "hang",
                   "stuck", "wrong", "stale", "swallowed", "slow", "vanish"});
  return all;
}

// Who has called vfork() waits in the kernel, in state D, until its child starts a program or ends.
// This child does neither, until its parent is killed.
void hang_in_driver() {
  ::signal(SIGTERM, SIG_IGN);     // for the other threads, which do not wait in the kernel
  const pid_t child = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (true) ::pause();
  }
  hang();  // only where there was no child to wait for
}

}  // namespace anynpu::sim

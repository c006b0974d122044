// SPDX-License-Identifier: Apache-2.0
// Ctrl-C, asked for at safe places.
#include "command/interrupt.h"

#include <csignal>

namespace anynpu::command {
namespace {

volatile std::sig_atomic_t flag = 0;

void set_flag(int) {
  flag = 1;
}

}  // namespace

void watch_for_interrupt() {
  struct sigaction action {};
  action.sa_handler = set_flag;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  ::sigaction(SIGINT, &action, nullptr);
}

bool interrupted() {
  return flag != 0;
}

}  // namespace anynpu::command

// SPDX-License-Identifier: Apache-2.0
// The test program is its own worker: `runtime_test worker --control-fd N`.
#include <cstdlib>
#include <cstring>

#include <gmock/gmock.h>

#include "runtime/worker_main.h"

int main(int argc, char** argv) {
  if (argc > 3 && std::strcmp(argv[1], "worker") == 0)
    return anynpu::runtime::worker_main(std::atoi(argv[3]));
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

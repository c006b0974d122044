// SPDX-License-Identifier: Apache-2.0
// The test program is also the process that asks a card for its facts: `sim_test card-facts ...`.
#include <cstdlib>
#include <cstring>

#include <gmock/gmock.h>

#include "engine/axmodel_facts.h"

int main(int argc, char** argv) {
  if (argc == 4 && std::strcmp(argv[1], anynpu::engine::axcl::kCardFactsWord) == 0)
    return anynpu::engine::axcl::card_facts_main(argv[2], std::atoi(argv[3]));
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}

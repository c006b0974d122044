// SPDX-License-Identifier: Apache-2.0
#include "mel/npy.h"

#include <cstring>

#include <gtest/gtest.h>

#include "base/file.h"
#include "temporary_folder.h"

namespace anynpu::mel {
namespace {

TEST(Npy, IsFormatOnePointZero) {
  const TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3, 4, 5, 6.5};
  ASSERT_TRUE(write_npy(folder / "a.npy", values, {2, 3}));
  const std::string file = *read_text(folder / "a.npy");
  EXPECT_EQ(file.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  const std::size_t length =
      static_cast<unsigned char>(file[8]) + 256U * static_cast<unsigned char>(file[9]);
  EXPECT_EQ((length + 10) % 64, 0U);
  const std::string header = file.substr(10, length);
  EXPECT_EQ(header.substr(0, 61), "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  ");
  EXPECT_EQ(header.back(), '\n');
  ASSERT_EQ(file.size(), 10 + length + 24);
  float last = 0;
  std::memcpy(&last, file.data() + file.size() - 4, 4);
  EXPECT_EQ(last, 6.5F);
  EXPECT_EQ(write_npy(folder / "b.npy", values, {2, 2}).error().code, Code::kInternal);
}

}  // namespace
}  // namespace anynpu::mel

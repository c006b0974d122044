// SPDX-License-Identifier: Apache-2.0
// The header of a .npy file is a Python dictionary, padded so that the numbers are aligned.
#include "mel/npy.h"

#include <bit>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/file.h"

namespace anynpu::mel {

static_assert(std::endian::native == std::endian::little);

Result<> write_npy(const std::filesystem::path& path, std::span<const float> values,
                   const std::vector<std::size_t>& shape) {
  std::size_t count = 1;
  for (std::size_t side : shape) count *= side;
  if (count != values.size())
    return Error{Code::kInternal, fmt::format("{} values are not of the shape ({})", values.size(),
                                              fmt::join(shape, ", "))};
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}{}), }}",
                                   fmt::join(shape, ", "), shape.size() == 1 ? "," : "");
  constexpr std::size_t kBefore = 10;  // magic, version, length of the header
  header.append(63 - (kBefore + header.size()) % 64, ' ');
  header += '\n';
  std::string file("\x93NUMPY\x01\x00", 8);
  file += static_cast<char>(header.size() & 0xff);
  file += static_cast<char>(header.size() >> 8);
  file += header;
  file.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return write_file(path, file);
}

}  // namespace anynpu::mel

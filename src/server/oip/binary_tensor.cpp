// SPDX-License-Identifier: Apache-2.0
// Every length is checked before it is followed.
#include "server/oip/binary_tensor.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include <fmt/format.h>

#include "server/oip/datatypes.h"

namespace anynpu::server::oip {

using engine::DType;

Result<std::string_view> take_bytes_element(std::span<const std::byte>& rest,
                                            const std::string& what) {
  std::uint32_t length = 0;
  if (rest.size() < sizeof length)
    return Error{
        Code::kInvalid,
        fmt::format("{}: {} bytes where the length of an element is expected", what, rest.size())};
  std::memcpy(&length, rest.data(), sizeof length);
  rest = rest.subspan(sizeof length);
  if (length > rest.size())
    return Error{Code::kInvalid, fmt::format("{}: an element claims {} bytes, and {} are left",
                                             what, length, rest.size())};
  const std::string_view element(reinterpret_cast<const char*>(rest.data()), length);
  rest = rest.subspan(length);
  return element;
}

void append_bytes_element(std::vector<std::byte>& bytes, std::string_view element) {
  const auto length = static_cast<std::uint32_t>(element.size());
  const std::size_t start = bytes.size();
  bytes.resize(start + sizeof length + element.size());
  std::memcpy(bytes.data() + start, &length, sizeof length);
  if (!element.empty())
    std::memcpy(bytes.data() + start + sizeof length, element.data(), element.size());
}

Result<> check_tensor_bytes(std::span<const std::byte> bytes, DType type,
                            const engine::Shape& shape, const std::string& what) {
  const auto count = static_cast<std::uint64_t>(engine::element_count(shape));
  if (type == DType::kString) {
    std::uint64_t found = 0;
    for (std::span<const std::byte> rest = bytes; !rest.empty(); ++found) {
      auto element = take_bytes_element(rest, what);
      if (!element) return std::move(element).error();
    }
    if (found == count) return {};
    return Error{Code::kInvalid,
                 fmt::format("{}: its shape {} asks for {} elements, and its data has {}", what,
                             engine::to_string(shape), count, found)};
  }
  const std::uint64_t size = element_size(type);
  std::uint64_t wanted = 0;
  if (__builtin_mul_overflow(count, size, &wanted) || wanted != bytes.size())
    return Error{Code::kInvalid,
                 fmt::format("{}: {} of shape {} are {} bytes, and its data has {}", what,
                             datatype_of(type), engine::to_string(shape), wanted, bytes.size())};
  if (type != DType::kBool) return {};
  const auto bad =
      std::find_if(bytes.begin(), bytes.end(), [](std::byte b) { return b > std::byte{1}; });
  if (bad == bytes.end()) return {};
  return Error{Code::kInvalid,
               fmt::format("{}, element {}: {} is neither 0 nor 1, which BOOL takes", what,
                           bad - bytes.begin(), std::to_integer<int>(*bad))};
}

}  // namespace anynpu::server::oip

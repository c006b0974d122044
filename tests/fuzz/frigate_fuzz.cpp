// SPDX-License-Identifier: Apache-2.0
// Messages of Frigate from untrusted bytes: the first line is the head, the rest the tensor.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "server/frigate/messages.h"

using namespace anynpu::server::frigate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  std::size_t line = std::min(text.find('\n'), text.size());
  std::string tensor = text.substr(std::min(text.size(), line + 1));
  auto request = parse_request({text.substr(0, line), tensor});
  if (!request || request->kind != Request::Kind::kTensor) return 0;
  auto image = image_of(*request, tensor);
  if (image && image->rgb.size() != static_cast<std::size_t>(image->width) *
                                        static_cast<std::size_t>(image->height) * 3)
    std::abort();
  return 0;
}

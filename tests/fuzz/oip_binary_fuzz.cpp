// SPDX-License-Identifier: Apache-2.0
// Requests of the Open Inference Protocol with binary tensors. The first two bytes say where the
// JSON ends, as the header Inference-Header-Content-Length does.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "server/oip/binary_tensor.h"
#include "server/oip/classification.h"
#include "server/oip/request.h"

using namespace anynpu::server::oip;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint64_t json_length = data[0] + 256U * data[1];
  const std::string_view body(reinterpret_cast<const char*>(data + 2), size - 2);
  auto request = parse_infer_request(body, json_length);
  if (!request) return 0;
  for (const InferInput& input : request->inputs) {
    const auto bytes = input.bytes();
    if (!check_tensor_bytes(bytes, input.type, input.shape, "x")) std::abort();
    anynpu::engine::Tensor tensor{{input.name, input.type, input.shape},
                                  {bytes.begin(), bytes.end()}};
    auto classes =
        classify_output(tensor, 3, [](std::size_t) { return std::string_view("label"); });
    if (classes &&
        !check_tensor_bytes(classes->bytes, classes->info.type, classes->info.shape, "y"))
      std::abort();
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Requests of the Open Inference Protocol in JSON, and replies made of what was read.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "server/oip/json_reader.h"
#include "server/oip/request.h"
#include "server/oip/response.h"

namespace {

using namespace anynpu::server::oip;

// What the grammar takes another parser of JSON must take. Numbers that a double cannot hold, which
// that one refuses, are left out: those with an exponent and those of more than 300 digits.
void compare_with_another_parser(std::string_view text) {
  if (text.find_first_of("eE") != std::string_view::npos || text.size() > 300) return;
  if (text.starts_with("\xEF\xBB\xBF")) return;  // a byte order mark, which is no JSON
  JsonReader reader(text);
  reader.skip();
  if (reader.finish() && !nlohmann::json::accept(text)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  compare_with_another_parser(text);
  RequestLimits limits;
  limits.tensor_bytes = std::size_t{1} << 20;
  auto request = parse_infer_request(text, std::nullopt, limits);
  if (!request) return 0;
  InferResponse response;
  response.id = request->id;
  response.parameters = request->parameters;
  for (const InferInput& input : request->inputs) {
    const auto bytes = input.bytes();
    response.outputs.push_back(
        {{{input.name, input.type, input.shape}, {bytes.begin(), bytes.end()}}, false});
  }
  auto encoded = encode_response(response);
  if (!encoded || !nlohmann::json::accept(encoded->body)) std::abort();
  return 0;
}

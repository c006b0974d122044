// SPDX-License-Identifier: Apache-2.0
// Written by hand, member by member: a tensor never becomes a tree of nodes.
#include "server/oip/response.h"

#include <fmt/format.h>

#include "base/text.h"
#include "server/oip/datatypes.h"
#include "server/oip/json_tensor.h"

namespace anynpu::server::oip {
namespace {

void append_member(std::string& out, std::string_view name, std::string_view text) {
  append_json_string(out, name);
  out += ':';
  append_json_string(out, text);
}

Result<> append_output(std::string& out, const ResponseOutput& output) {
  const engine::TensorInfo& info = output.tensor.info;
  const std::string what = fmt::format("output '{}'", printable(info.name, 100));
  const std::string_view datatype = datatype_of(info.type);
  if (datatype.empty())
    return Error{Code::kUnsupported, fmt::format("{}: the protocol has no datatype for {}", what,
                                                 engine::to_string(info.type))}
        .with_hint("ask for other outputs by their names");
  out += '{';
  append_member(out, "name", info.name);
  out += ',';
  append_member(out, "datatype", datatype);
  out += ",\"shape\":[";
  for (std::size_t i = 0; i < info.shape.size(); ++i)
    out.append(i == 0 ? "" : ",").append(std::to_string(info.shape[i]));
  out += ']';
  if (output.binary) {
    out += fmt::format(R"(,"parameters":{{"binary_data_size":{}}})", output.tensor.bytes.size());
  } else {
    out += ",\"data\":";
    ANYNPU_CHECK(append_json_data(out, info.type, output.tensor.bytes, what));
  }
  out += '}';
  return {};
}

}  // namespace

Result<EncodedResponse> encode_response(const InferResponse& response) {
  EncodedResponse encoded;
  std::string& out = encoded.body;
  out += '{';
  append_member(out, "model_name", response.model_name);
  out += ',';
  append_member(out, "model_version", response.model_version);
  if (!response.id.empty()) {
    out += ',';
    append_member(out, "id", response.id);
  }
  if (!response.parameters.empty()) {
    out += ",\"parameters\":";
    append_parameters(out, response.parameters);
  }
  out += ",\"outputs\":[";
  std::size_t binary_bytes = 0;
  bool has_binary = false;
  for (const ResponseOutput& output : response.outputs) {
    if (&output != &response.outputs.front()) out += ',';
    ANYNPU_CHECK(append_output(out, output));
    if (!output.binary) continue;
    has_binary = true;
    binary_bytes += output.tensor.bytes.size();
  }
  out += "]}";
  if (!has_binary) return encoded;
  encoded.json_length = out.size();
  out.reserve(out.size() + binary_bytes);
  for (const ResponseOutput& output : response.outputs)
    if (output.binary)
      out.append(reinterpret_cast<const char*>(output.tensor.bytes.data()),
                 output.tensor.bytes.size());
  return encoded;
}

}  // namespace anynpu::server::oip

// SPDX-License-Identifier: Apache-2.0
// Reads the JSON from left to right; each input's data is stepped over and read when the input's
// datatype and shape are known, whatever their order.
#include "server/oip/request.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/text.h"
#include "server/oip/binary_tensor.h"
#include "server/oip/datatypes.h"
#include "server/oip/json_tensor.h"

namespace anynpu::server::oip {
namespace {

constexpr std::int64_t kMostTimeoutUs = 3'600'000'000;

Error too_many(std::string_view what, std::size_t most) {
  return Error{Code::kTooLarge, fmt::format("the request has more than {} {}", most, what)};
}

/// Notes that a member of an object was met, which may happen once.
Result<> meet_once(bool& seen, std::string_view key, const std::string& what) {
  if (seen) return Error{Code::kInvalid, fmt::format("{}: \"{}\" is given twice", what, key)};
  seen = true;
  return {};
}

class RequestParser {
 public:
  RequestParser(std::string_view json, std::span<const std::byte> binary, bool has_binary,
                const RequestLimits& limits)
      : reader_(json), binary_(binary), has_binary_(has_binary), limits_(limits) {}

  Result<InferRequest> parse() {
    ANYNPU_CHECK(read_request());
    if (!reader_.finish()) return reader_.error();
    ANYNPU_CHECK(apply_request_parameters());
    if (request_.inputs.empty())
      return Error{Code::kInvalid, "the request has no inputs"}.with_hint(
          R"(send {"inputs": [{"name", "shape", "datatype", "data"}]})");
    for (std::size_t i = 0; i < request_.inputs.size(); ++i) ANYNPU_CHECK(fill_input(i));
    if (!binary_.empty())
      return Error{Code::kInvalid,
                   fmt::format("{} bytes follow the last binary tensor", binary_.size())}
          .with_hint("the parameters binary_data_size must add up to what follows the JSON");
    return std::move(request_);
  }

 private:
  /// An input as the JSON has it, before its elements are read.
  struct Draft {
    std::string_view data;  // empty: none
    std::string what;       // "input 'x'"
  };

  Result<> read_request() {
    const std::string what = "the request";
    bool id = false, parameters = false, inputs = false, outputs = false;
    std::string key;
    if (reader_.next_kind() != JsonReader::Kind::kObject && !reader_.failed())
      return Error{Code::kInvalid, "the request is not a JSON object"};
    reader_.begin_object();
    while (reader_.next_key(key)) {
      if (key == "id") {
        ANYNPU_CHECK(meet_once(id, key, what));
        if (reader_.next_kind() != JsonReader::Kind::kString)
          return Error{Code::kInvalid, "the request's id is not a string"};
        reader_.read_string(request_.id);
        if (request_.id.size() > limits_.name_bytes)
          return Error{Code::kTooLarge,
                       fmt::format("the request's id is longer than {} bytes", limits_.name_bytes)};
      } else if (key == "parameters") {
        ANYNPU_CHECK(meet_once(parameters, key, what));
        ANYNPU_TRY(read, read_parameters(reader_, what));
        request_.parameters = std::move(read);
      } else if (key == "inputs") {
        ANYNPU_CHECK(meet_once(inputs, key, what));
        ANYNPU_CHECK(read_inputs());
      } else if (key == "outputs") {
        ANYNPU_CHECK(meet_once(outputs, key, what));
        ANYNPU_CHECK(read_outputs());
      } else {
        reader_.skip();
      }
    }
    if (reader_.failed()) return reader_.error();
    return {};
  }

  Result<> read_inputs() {
    reader_.begin_array();
    while (reader_.next_element()) {
      if (request_.inputs.size() == limits_.inputs) return too_many("inputs", limits_.inputs);
      ANYNPU_CHECK(read_input());
    }
    if (reader_.failed()) return reader_.error();
    return {};
  }

  Result<> read_outputs() {
    reader_.begin_array();
    while (reader_.next_element()) {
      if (request_.outputs.size() == limits_.outputs) return too_many("outputs", limits_.outputs);
      ANYNPU_CHECK(read_output());
    }
    if (reader_.failed()) return reader_.error();
    return {};
  }

  Result<> read_name(std::string& name, const std::string& what) {
    if (reader_.next_kind() != JsonReader::Kind::kString)
      return Error{Code::kInvalid, fmt::format("{}: its name is not a string", what)};
    if (!reader_.read_string(name)) return reader_.error();
    if (name.size() > limits_.name_bytes)
      return Error{Code::kTooLarge,
                   fmt::format("{}: its name is longer than {} bytes", what, limits_.name_bytes)};
    return {};
  }

  Result<> read_input() {
    InferInput input;
    Draft draft;
    draft.what = fmt::format("inputs[{}]", request_.inputs.size());
    bool name = false, datatype = false, shape = false, parameters = false, data = false;
    std::string key;
    reader_.begin_object();
    while (reader_.next_key(key)) {
      if (key == "name") {
        ANYNPU_CHECK(meet_once(name, key, draft.what));
        ANYNPU_CHECK(read_name(input.name, draft.what));
        draft.what = fmt::format("input '{}'", printable(input.name, 100));
      } else if (key == "datatype") {
        ANYNPU_CHECK(meet_once(datatype, key, draft.what));
        ANYNPU_CHECK(read_datatype(input, draft.what));
      } else if (key == "shape") {
        ANYNPU_CHECK(meet_once(shape, key, draft.what));
        ANYNPU_CHECK(read_shape(input, draft.what));
      } else if (key == "parameters") {
        ANYNPU_CHECK(meet_once(parameters, key, draft.what));
        ANYNPU_TRY(read, read_parameters(reader_, draft.what));
        input.parameters = std::move(read);
      } else if (key == "data") {
        ANYNPU_CHECK(meet_once(data, key, draft.what));
        reader_.skip(draft.data);
      } else {
        reader_.skip();
      }
    }
    if (reader_.failed()) return Error(reader_.error()).within(draft.what);
    for (const auto& [is_there, member] :
         {std::pair(name, "name"), std::pair(datatype, "datatype"), std::pair(shape, "shape")})
      if (!is_there)
        return Error{Code::kInvalid, fmt::format("{} has no \"{}\"", draft.what, member)};
    for (const InferInput& other : request_.inputs)
      if (other.name == input.name)
        return Error{Code::kInvalid, fmt::format("{} is given twice", draft.what)};
    request_.inputs.push_back(std::move(input));
    drafts_.push_back(std::move(draft));
    return {};
  }

  Result<> read_datatype(InferInput& input, const std::string& what) {
    std::string word;
    if (reader_.next_kind() != JsonReader::Kind::kString)
      return Error{Code::kInvalid, fmt::format("{}: its datatype is not a string", what)};
    if (!reader_.read_string(word)) return reader_.error();
    input.type = dtype_of(word);
    if (input.type != engine::DType::kUnknown) return {};
    return Error{Code::kInvalid,
                 fmt::format("{}: there is no datatype '{}'", what, printable(word, 40))}
        .with_hint("there is " + all_datatypes());
  }

  Result<> read_shape(InferInput& input, const std::string& what) {
    if (reader_.next_kind() != JsonReader::Kind::kArray)
      return Error{Code::kInvalid, fmt::format("{}: its shape is not an array", what)};
    reader_.begin_array();
    while (reader_.next_element()) {
      if (input.shape.size() == limits_.rank)
        return Error{Code::kTooLarge,
                     fmt::format("{}: its shape has more than {} dimensions", what, limits_.rank)};
      std::string_view token;
      std::int64_t dimension = -1;
      if (!reader_.skip(token)) break;
      const char* end = token.data() + token.size();
      const auto read = std::from_chars(token.data(), end, dimension);
      if (read.ec != std::errc() || read.ptr != end || dimension < 0)
        return Error{Code::kInvalid,
                     fmt::format("{}: {} in its shape is not a whole number, 0 or more", what,
                                 printable(token, 40))};
      input.shape.push_back(dimension);
    }
    if (reader_.failed()) return Error(reader_.error()).within(what);
    if (engine::element_count(input.shape) < 0)
      return Error{Code::kTooLarge,
                   fmt::format("{}: its shape {} has more elements than can be counted", what,
                               engine::to_string(input.shape))};
    return {};
  }

  Result<> read_output() {
    InferOutput output;
    Parameters parameters;
    std::string what = fmt::format("outputs[{}]", request_.outputs.size());
    bool name = false, has_parameters = false;
    std::string key;
    reader_.begin_object();
    while (reader_.next_key(key)) {
      if (key == "name") {
        ANYNPU_CHECK(meet_once(name, key, what));
        ANYNPU_CHECK(read_name(output.name, what));
        what = fmt::format("output '{}'", printable(output.name, 100));
      } else if (key == "parameters") {
        ANYNPU_CHECK(meet_once(has_parameters, key, what));
        ANYNPU_TRY(read, read_parameters(reader_, what));
        parameters = std::move(read);
      } else {
        reader_.skip();
      }
    }
    if (reader_.failed()) return Error(reader_.error()).within(what);
    if (!name) return Error{Code::kInvalid, fmt::format("{} has no \"name\"", what)};
    for (const InferOutput& other : request_.outputs)
      if (other.name == output.name)
        return Error{Code::kInvalid, fmt::format("{} is asked for twice", what)};
    ANYNPU_CHECK(refuse_shared_memory(parameters, what));
    ANYNPU_TRY(binary, bool_parameter(parameters, "binary_data", what));
    ANYNPU_TRY(classes, integer_parameter(parameters, "classification", 0, what));
    output.binary = binary;
    output.classification =
        static_cast<std::uint32_t>(std::min<std::int64_t>(classes.value_or(0), UINT32_MAX));
    request_.outputs.push_back(std::move(output));
    return {};
  }

  static Result<> refuse_shared_memory(const Parameters& parameters, const std::string& what) {
    if (find_parameter(parameters, "shared_memory_region") == nullptr) return {};
    return Error{Code::kUnsupported, fmt::format("{}: shared memory regions are not offered", what)}
        .with_hint("send tensors as binary data");
  }

  Result<> apply_request_parameters() {
    const std::string what = "the request";
    ANYNPU_TRY(binary, bool_parameter(request_.parameters, "binary_data_output", what));
    ANYNPU_TRY(timeout, integer_parameter(request_.parameters, "timeout", 0, what));
    request_.binary_output = binary.value_or(false);
    if (timeout && *timeout > 0)
      request_.timeout = microseconds(std::min(*timeout, kMostTimeoutUs));
    const ParameterValue* sequence = find_parameter(request_.parameters, "sequence_id");
    if (sequence == nullptr || *sequence == ParameterValue(std::int64_t{0})) return {};
    return Error{Code::kUnsupported,
                 "the request is part of a sequence; models keep no state between requests"};
  }

  Result<> fill_input(std::size_t index) {
    InferInput& input = request_.inputs[index];
    const Draft& draft = drafts_[index];
    ANYNPU_CHECK(refuse_shared_memory(input.parameters, draft.what));
    ANYNPU_TRY(size, integer_parameter(input.parameters, "binary_data_size", 0, draft.what));
    if (!draft.data.empty()) {
      if (size)
        return Error{Code::kInvalid,
                     fmt::format("{} has both \"data\" and binary_data_size", draft.what)};
      auto bytes = tensor_from_json(draft.data, input.type, input.shape, draft.what,
                                    limits_.tensor_bytes - tensor_bytes_);
      if (!bytes) return std::move(bytes).error();
      input.owned = std::move(*bytes);
      tensor_bytes_ += input.owned.size();
      return {};
    }
    const bool takes_the_rest = !size && has_binary_ && request_.inputs.size() == 1;
    if (!size && !takes_the_rest)
      return Error{
          Code::kInvalid,
          fmt::format("{} has neither \"data\" nor the parameter binary_data_size", draft.what)};
    if (!has_binary_)
      return Error{
          Code::kInvalid,
          fmt::format("{} is binary, and the request does not say where binary data starts",
                      draft.what)}
          .with_hint("send the length of the JSON in the header Inference-Header-Content-Length");
    const std::size_t taken = size ? static_cast<std::size_t>(*size) : binary_.size();
    if (taken > binary_.size())
      return Error{Code::kInvalid,
                   fmt::format("{}: its binary_data_size is {}, and {} bytes are left", draft.what,
                               taken, binary_.size())};
    input.in_body = binary_.first(taken);
    binary_ = binary_.subspan(taken);
    return check_tensor_bytes(input.in_body, input.type, input.shape, draft.what);
  }

  JsonReader reader_;
  std::span<const std::byte> binary_;
  bool has_binary_;
  const RequestLimits& limits_;
  InferRequest request_;
  std::vector<Draft> drafts_;  // one per input
  std::size_t tensor_bytes_ = 0;
};

}  // namespace

Result<InferRequest> parse_infer_request(std::string_view body,
                                         std::optional<std::uint64_t> json_length,
                                         const RequestLimits& limits) {
  const std::span<const std::byte> bytes = std::as_bytes(std::span(body.data(), body.size()));
  if (!json_length) return RequestParser(body, {}, false, limits).parse();
  if (*json_length > body.size())
    return Error{Code::kInvalid,
                 fmt::format("Inference-Header-Content-Length is {}, and the body has {} bytes",
                             *json_length, body.size())};
  if (*json_length == 0) {
    InferRequest request;
    request.raw = bytes;
    request.binary_output = true;
    return request;
  }
  const auto length = static_cast<std::size_t>(*json_length);
  return RequestParser(body.substr(0, length), bytes.subspan(length), true, limits).parse();
}

Result<std::optional<std::uint64_t>> parse_json_length(std::string_view header) {
  if (header.empty()) return std::optional<std::uint64_t>();
  std::uint64_t length = 0;
  const char* end = header.data() + header.size();
  const auto read = std::from_chars(header.data(), end, length);
  if (read.ec == std::errc() && read.ptr == end) return std::optional<std::uint64_t>(length);
  return Error{Code::kInvalid,
               fmt::format("Inference-Header-Content-Length is '{}', not a number of bytes",
                           printable(header, 40))};
}

}  // namespace anynpu::server::oip

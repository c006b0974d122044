// SPDX-License-Identifier: Apache-2.0
// The multipart parser: a boundary may be cut anywhere between two reads, so what could still
// become one is held back.
#include "server/multipart.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "server/http_message.h"

namespace anynpu::server {
namespace {

constexpr std::size_t kMostBoundary = 70;  // RFC 2046, 5.1.1
constexpr std::size_t kMostPadding = 64;   // white space after a boundary

bool is_boundary_char(char c) {
  constexpr std::string_view kOthers = "'()+_,-./:=? ";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kOthers.find(c) != std::string_view::npos;
}

// A parameter of a header such as `form-data; name="x"; filename="y"`. Quotes inside of a quoted
// value are escaped with a backslash by some clients; other backslashes stand for themselves.
std::optional<std::string> parameter(std::string_view header, std::string_view wanted) {
  std::size_t at = header.find(';');
  while (at < header.size()) {
    std::string_view rest = header.substr(at + 1);
    std::size_t equals = rest.find_first_of("=;");
    if (equals == std::string_view::npos) return std::nullopt;
    std::string_view name = trim(rest.substr(0, equals));
    at += equals + 1;
    if (rest[equals] == ';') continue;
    ++at;
    while (at < header.size() && (header[at] == ' ' || header[at] == '\t')) ++at;
    std::string value;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        if (header[at] == '\\' && at + 1 < header.size() && header[at + 1] == '"') ++at;
        value += header[at];
      }
      if (at >= header.size()) return std::nullopt;
      at = header.find(';', at);
    } else {
      std::size_t end = header.find(';', at);
      value = trim(header.substr(at, end == std::string_view::npos ? end : end - at));
      at = end;
    }
    if (equal_ignoring_case(name, wanted)) return value;
  }
  return std::nullopt;
}

Error malformed(std::string_view what) {
  return Error{Code::kInvalid, fmt::format("the multipart body is malformed: {}", what)}.with_hint(
      "send the picture with: curl -F image=@picture.jpg");
}

Result<MultipartPart> parse_part_headers(std::string_view block) {
  MultipartPart part;
  bool named = false;
  while (!block.empty()) {
    std::string_view line = block.substr(0, block.find("\r\n"));
    block.remove_prefix(std::min(block.size(), line.size() + 2));
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0)
      return malformed("a header of a part has no name");
    std::string_view value = trim(line.substr(colon + 1));
    std::string_view name = line.substr(0, colon);
    if (equal_ignoring_case(name, "Content-Disposition")) {
      if (!equal_ignoring_case(trim(value.substr(0, value.find(';'))), "form-data"))
        return malformed("a part is not form-data");
      std::optional<std::string> field = parameter(value, "name");
      if (!field) return malformed("a part has no name");
      part.name = std::move(*field);
      part.filename = parameter(value, "filename").value_or("");
      named = true;
    } else if (equal_ignoring_case(name, "Content-Type")) {
      part.content_type = to_lower(trim(value.substr(0, value.find(';'))));
    } else if (equal_ignoring_case(name, "Content-Transfer-Encoding") &&
               !equal_ignoring_case(value, "binary") && !equal_ignoring_case(value, "8bit") &&
               !equal_ignoring_case(value, "7bit")) {
      return Error{Code::kUnsupported,
                   fmt::format("a part has the transfer encoding '{}'", printable(value, 40))}
          .with_hint("send the bytes as they are");
    }
  }
  if (!named) return malformed("a part has no Content-Disposition");
  return part;
}

}  // namespace

Result<std::string> multipart_boundary(std::string_view content_type) {
  std::optional<std::string> boundary = parameter(content_type, "boundary");
  if (!boundary) return malformed("its Content-Type has no boundary");
  bool good = !boundary->empty() && boundary->size() <= kMostBoundary && boundary->back() != ' ' &&
              std::all_of(boundary->begin(), boundary->end(), is_boundary_char);
  if (!good) return malformed("its boundary is not 1 to 70 of the characters that are allowed");
  return std::move(*boundary);
}

MultipartParser::MultipartParser(std::string_view boundary, MultipartSink& sink,
                                 MultipartLimits limits)
    : delimiter_("\r\n--" + std::string(boundary)), sink_(sink), limits_(limits) {}

Result<> MultipartParser::feed(std::string_view bytes) {
  if (state_ == State::kEpilogue) return {};
  pending_.append(bytes);
  std::string_view rest = pending_;
  bool going = true;
  while (going) {
    Result<bool> step = false;
    switch (state_) {
      case State::kPreamble:
        step = skip_preamble(rest);
        break;
      case State::kDelimiter:
        step = read_delimiter(rest);
        break;
      case State::kHeaders:
        step = read_headers(rest);
        break;
      case State::kData:
        step = read_data(rest);
        break;
      case State::kEpilogue:
        rest = {};
        break;
    }
    if (!step) return std::move(step).error();
    going = *step;
  }
  pending_.erase(0, pending_.size() - rest.size());
  return {};
}

Result<> MultipartParser::finish() {
  if (state_ != State::kEpilogue) return malformed("it ends before its closing boundary");
  return {};
}

Result<bool> MultipartParser::skip_preamble(std::string_view& rest) {
  std::size_t at = rest.find(delimiter_);
  bool found = at != std::string_view::npos;
  std::size_t keep = delimiter_.size() - 1;
  std::size_t skipped = found ? at : rest.size() > keep ? rest.size() - keep : 0;
  preamble_ += skipped;
  if (preamble_ > limits_.preamble_bytes) return malformed("its boundary does not come");
  rest.remove_prefix(found ? at + delimiter_.size() : skipped);
  if (found) state_ = State::kDelimiter;
  return found;
}

// What follows a boundary: "--" ends the body, otherwise white space and the end of the line.
Result<bool> MultipartParser::read_delimiter(std::string_view& rest) {
  if (rest.size() < 2) return false;
  if (rest.starts_with("--")) {
    state_ = State::kEpilogue;
    return true;
  }
  std::size_t end = rest.find_first_not_of(" \t");
  if (end == std::string_view::npos ? rest.size() > kMostPadding : end > kMostPadding)
    return malformed("white space after a boundary goes on and on");
  if (end == std::string_view::npos || rest.size() < end + 2) return false;
  if (rest.substr(end, 2) != "\r\n") return malformed("a boundary is followed by something else");
  if (++parts_ > limits_.parts)
    return Error{Code::kTooLarge, fmt::format("the form has more than {} parts", limits_.parts)};
  rest.remove_prefix(end);  // the headers' block starts with the end of this line
  state_ = State::kHeaders;
  return true;
}

Result<bool> MultipartParser::read_headers(std::string_view& rest) {
  std::size_t end = rest.find("\r\n\r\n");
  if (end == std::string_view::npos ? rest.size() > limits_.header_bytes
                                    : end > limits_.header_bytes)
    return Error{Code::kTooLarge,
                 fmt::format("the headers of a part are over {} bytes", limits_.header_bytes)};
  if (end == std::string_view::npos) return false;
  std::string_view block = end >= 2 ? rest.substr(2, end - 2) : std::string_view();
  ANYNPU_TRY(part, parse_part_headers(block));
  ANYNPU_CHECK(sink_.begin_part(part));
  rest.remove_prefix(end + 4);
  state_ = State::kData;
  return true;
}

Result<bool> MultipartParser::read_data(std::string_view& rest) {
  std::size_t at = rest.find(delimiter_);
  bool found = at != std::string_view::npos;
  std::size_t keep = delimiter_.size() - 1;
  std::string_view data = rest.substr(0, found ? at : rest.size() > keep ? rest.size() - keep : 0);
  if (!data.empty()) ANYNPU_CHECK(sink_.part_data(data));
  rest.remove_prefix(data.size());
  if (!found) return false;
  ANYNPU_CHECK(sink_.end_part());
  rest.remove_prefix(delimiter_.size());
  state_ = State::kDelimiter;
  return true;
}

}  // namespace anynpu::server

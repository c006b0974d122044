// SPDX-License-Identifier: Apache-2.0
// multipart/form-data (RFC 7578, RFC 2046) from untrusted bytes, as they arrive: memory stays flat
// however large a part is.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace anynpu::server {

/// The boundary of "multipart/form-data; boundary=X". Code::kInvalid when it has none or a bad one.
Result<std::string> multipart_boundary(std::string_view content_type);

struct MultipartPart {
  std::string name;          // of the form's field
  std::string filename;      // as the client says; never a path to be opened
  std::string content_type;  // lower case, without parameters; empty when not said
};

class MultipartSink {
 public:
  virtual ~MultipartSink() = default;
  virtual Result<> begin_part(const MultipartPart& part) = 0;
  virtual Result<> part_data(std::string_view bytes) = 0;
  virtual Result<> end_part() = 0;
};

struct MultipartLimits {
  std::size_t parts = 64;
  std::size_t header_bytes = 8192;     // of one part
  std::size_t preamble_bytes = 16384;  // before the first boundary
};

class MultipartParser {
 public:
  /// `sink` is borrowed for the parser's life. Its errors end the parsing and are passed on.
  MultipartParser(std::string_view boundary, MultipartSink& sink, MultipartLimits limits = {});

  Result<> feed(std::string_view bytes);
  /// The body has ended. Code::kInvalid when the closing boundary has not come.
  Result<> finish();

 private:
  enum class State { kPreamble, kDelimiter, kHeaders, kData, kEpilogue };

  // Each takes what it can from `rest` and says whether it got on.
  Result<bool> skip_preamble(std::string_view& rest);
  Result<bool> read_delimiter(std::string_view& rest);
  Result<bool> read_headers(std::string_view& rest);
  Result<bool> read_data(std::string_view& rest);

  std::string delimiter_;  // CR LF "--" boundary
  MultipartSink& sink_;
  MultipartLimits limits_;
  State state_ = State::kPreamble;
  std::string pending_ = "\r\n";  // so that a boundary at the very start has its CR LF
  std::size_t parts_ = 0;
  std::size_t preamble_ = 0;
};

}  // namespace anynpu::server

// SPDX-License-Identifier: Apache-2.0
// The table of statuses.
#include "server/oip/errors.h"

#include "server/oip/json_reader.h"

namespace anynpu::server::oip {

int status_of(Code code) {
  switch (code) {
    case Code::kInvalid:
    case Code::kPermission:
    case Code::kTooLarge:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kUnsupported:
      return 501;
    case Code::kBusy:       // a queue is full,
    case Code::kTimeout:    // a request waited too long,
    case Code::kCancelled:  // or the server is ending: UNAVAILABLE
      return 503;
    case Code::kCrashed:
    case Code::kDevice:
    case Code::kIo:
    case Code::kInternal:
      return 500;
  }
  return 500;
}

std::string error_body(const Error& error) {
  std::string text = error.message;
  if (!error.hint.empty()) text += "; " + error.hint;
  std::string body = "{\"error\":";
  append_json_string(body, text);
  body += '}';
  return body;
}

}  // namespace anynpu::server::oip

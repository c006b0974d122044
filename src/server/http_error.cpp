// SPDX-License-Identifier: Apache-2.0
// The table of statuses.
#include "server/http_error.h"

namespace anynpu::server {

int status_of(Code code) {
  switch (code) {
    case Code::kInvalid:
      return 400;
    case Code::kNotFound:
      return 404;
    case Code::kPermission:
      return 403;
    case Code::kUnsupported:
      return 415;
    case Code::kTooLarge:
      return 413;
    case Code::kBusy:
      return 503;
    case Code::kTimeout:
      return 504;
    case Code::kCancelled:
      return 503;
    case Code::kCrashed:
    case Code::kDevice:
    case Code::kIo:
    case Code::kInternal:
      return 500;
  }
  return 500;
}

Json error_json(const Error& error) {
  return {{"success", false},
          {"error",
           {{"code", to_string(error.code)},
            {"message", error.message},
            {"hint", error.hint.empty() ? Json(nullptr) : Json(error.hint)}}}};
}

Response error_response(const Error& error, int status) {
  if (status == 0) status = status_of(error.code);
  Response response = json_response(error_json(error), status);
  if (status == 429 || status == 503) response.headers.push_back({"Retry-After", "1"});
  response.error = error;
  return response;
}

}  // namespace anynpu::server

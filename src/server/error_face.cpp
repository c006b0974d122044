// SPDX-License-Identifier: Apache-2.0
// Paths to shapes, and the shapes.
#include "server/error_face.h"

#include <fmt/format.h>

#include "server/oip/errors.h"

namespace anynpu::server {
namespace {

std::string with_hint(const Error& error) {
  return error.hint.empty() ? error.message : error.message + "; " + error.hint;
}

const char* openai_type(int status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

Json openai_error(const Error& error, int status, const std::string& parameter) {
  const bool no_model = error.code == Code::kNotFound && parameter == "model";
  return {{"error",
           {{"message", with_hint(error)},
            {"type", openai_type(status)},
            {"param", parameter.empty() ? Json(nullptr) : Json(parameter)},
            {"code", no_model ? Json("model_not_found") : Json(to_string(error.code))}}}};
}

}  // namespace

ErrorFace error_face(std::string_view path) {
  if (path == "/v2" || path.starts_with("/v2/")) return ErrorFace::kOip;
  if (path.starts_with("/v1/audio/") || path == "/v1/models" || path.starts_with("/v1/models/"))
    return ErrorFace::kOpenAi;
  if (path.starts_with("/v1/vision/")) return ErrorFace::kDeepStack;
  return ErrorFace::kOwn;
}

Response error_response(ErrorFace face, const Error& error, int status,
                        const std::string& parameter) {
  Response response = error_response(error, status);
  switch (face) {
    case ErrorFace::kOwn:
      break;
    case ErrorFace::kOip:
      response.body = oip::error_body(error);
      break;
    case ErrorFace::kOpenAi:
      response.body = json_response(openai_error(error, response.status, parameter)).body;
      break;
    case ErrorFace::kDeepStack:
      response.body =
          json_response(
              {{"success", false}, {"error", with_hint(error)}, {"code", response.status}})
              .body;
      break;
  }
  return response;
}

}  // namespace anynpu::server

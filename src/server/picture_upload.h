// SPDX-License-Identifier: Apache-2.0
// The picture of a request, however it was sent: a form's field or the bare body.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "server/request_context.h"

namespace anynpu::server {

struct PictureUpload {
  std::string bytes;                          // encoded: JPEG, PNG, ...
  std::map<std::string, std::string> fields;  // the other, short fields of the form
};

/// Takes multipart/form-data with the field `image` (or `file`), a body of image/* or
/// application/octet-stream, or one without a type. Over `most_bytes`: Code::kTooLarge.
asio::awaitable<Result<PictureUpload>> read_picture(RequestContext& context,
                                                    std::size_t most_bytes);

}  // namespace anynpu::server

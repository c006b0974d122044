// SPDX-License-Identifier: Apache-2.0
// The pictures of a request, however they were sent: fields of a form or the bare body.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/request_context.h"

namespace anynpu::server {

inline constexpr std::size_t kMostPictures = 64;  // of one request

struct PictureUpload {
  std::vector<std::string> pictures;          // encoded: JPEG, PNG, ...; one at least
  std::map<std::string, std::string> fields;  // the other, short fields of the form
};

/// Takes multipart/form-data with fields `image` (or `images`, or `file`), a body of image/* or
/// application/octet-stream, or one without a type. Over `most_bytes` of one picture, or more than
/// `most_pictures`: Code::kTooLarge.
asio::awaitable<Result<PictureUpload>> read_picture(RequestContext& context, std::size_t most_bytes,
                                                    std::size_t most_pictures = kMostPictures);

}  // namespace anynpu::server

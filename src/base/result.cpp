// SPDX-License-Identifier: Apache-2.0
// The words of error codes, and the code for an errno.
#include "base/result.h"

#include <system_error>

namespace anynpu {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not_found";
    case Code::kPermission:
      return "permission";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kTooLarge:
      return "too_large";
    case Code::kBusy:
      return "busy";
    case Code::kTimeout:
      return "timeout";
    case Code::kCancelled:
      return "cancelled";
    case Code::kCrashed:
      return "crashed";
    case Code::kDevice:
      return "device";
    case Code::kIo:
      return "io";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

Error system_error(std::string_view message, int number) {
  Code code = Code::kIo;
  if (number == ENOENT || number == ENODEV || number == ENXIO || number == ENOTDIR)
    code = Code::kNotFound;
  if (number == EACCES || number == EPERM || number == EROFS) code = Code::kPermission;
  if (number == ETIMEDOUT) code = Code::kTimeout;
  std::string hint;
  if (number == ENOSPC) hint = "free some space on that disk";
  if (number == EDQUOT) hint = "free some of what you may use on that disk (your quota)";
  if (number == EFBIG) hint = "raise the limit on the size of a file: ulimit -f unlimited";
  return Error{code, std::string(message) + ": " + std::system_category().message(number), number,
               std::move(hint)};
}

}  // namespace anynpu

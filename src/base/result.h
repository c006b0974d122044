// SPDX-License-Identifier: Apache-2.0
// Result<T>: the one way in which anynpu reports that something did not work.
//
// Recoverable means returned: no exception crosses a folder's border, and only main() exits. An
// Error says what is wrong and names the thing; its hint says what the user can do next.
//
//   Result<Image> decode(std::span<const std::byte> bytes);
//   ...
//   ANYNPU_TRY(image, decode(bytes));          // returns the error to the caller
//   return Error{Code::kInvalid, "labels.txt: line 3 is empty"}.with_hint("remove the line");
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace anynpu {

enum class Code {
  kInvalid,      // the input is wrong; doing it again does not help
  kNotFound,     // a file, a model, a device, a symbol that is not there
  kPermission,   // it is there, but not for this process
  kUnsupported,  // understood, and not possible here
  kTooLarge,     // over a stated limit
  kBusy,         // a queue is full; try again later
  kTimeout,      // a deadline passed
  kCancelled,    // the caller went away
  kCrashed,      // a worker ended
  kDevice,       // a device or its library reported a failure
  kIo,           // the operating system reported a failure
  kInternal,     // a bug of ours
};

/// The word for a code in JSON and in logs, such as "not_found".
std::string_view to_string(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;    // one line, names the thing that is wrong
  int system_errno = 0;   // 0 when the operating system had no part in it
  std::string hint = {};  // what the user can do next; empty when nothing can be said

  Error with_hint(std::string text) && {
    hint = std::move(text);
    return std::move(*this);
  }
  /// Puts "WHAT: " before the message, on the way up.
  Error within(std::string_view what) && {
    message = std::string(what) + ": " + message;
    return std::move(*this);
  }
};

/// An error of a failed system call: "MESSAGE: <text of errno>", with a code chosen by errno.
Error system_error(std::string_view message, int number = errno);

// Converts from Error and from T, so that `return Error{...}` and `return value` both work.
template <typename T = void>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(Error error)  // NOLINT(google-explicit-constructor)
      : Base(tl::unexpect, std::move(error)) {}
};

#define ANYNPU_CONCAT_(a, b) a##b
#define ANYNPU_CONCAT(a, b) ANYNPU_CONCAT_(a, b)

/// Declares `name` with the value of a Result, or returns its error.
#define ANYNPU_TRY(name, expression)                                         \
  auto ANYNPU_CONCAT(name, _result) = (expression);                          \
  if (!ANYNPU_CONCAT(name, _result))                                         \
    return ::anynpu::Error(std::move(ANYNPU_CONCAT(name, _result)).error()); \
  auto& name = *ANYNPU_CONCAT(name, _result)

/// Returns the error of a Result whose value is of no interest.
#define ANYNPU_CHECK(expression)                                                              \
  do {                                                                                        \
    auto anynpu_check_result = (expression);                                                  \
    if (!anynpu_check_result) return ::anynpu::Error(std::move(anynpu_check_result).error()); \
  } while (false)

}  // namespace anynpu

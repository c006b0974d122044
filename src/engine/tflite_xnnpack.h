// SPDX-License-Identifier: Apache-2.0
// The XNNPACK delegate of TFLite: its options over all versions, and what it took over of a graph.
//
// TfLiteXNNPackDelegateOptions grew from version to version, and the function that makes the
// default ones returns it by value. On amd64 (System V) and arm64 (AAPCS64) a structure of up to 16
// bytes comes back in registers, a larger one through memory that the caller provides; a wrong
// guess writes over the caller's stack or leaves the options unset. So:
//   2.3 to 2.17   {int32 num_threads; uint32 flags; ...}, 4 to 40 bytes. The function is not
//   called.
//                 The delegate reads our own structure, which is zero after the flags: zero means
//                 "off" for every later field.
//   newer         LiteRT 1 and 2 and TFLite from 2.18 on: over 16 bytes for certain, and with
//   another
//                 field before the flags. They export ...GetOptions, by which LiteRT 2.3 is told
//                 from TFLite 2.3. The function is called with room to spare, only num_threads
//                 (always first) is set, and the library's own flags, which there include the
//                 quantised types, stay.
//   all others    no options at all: the library's own, one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "engine/tflite_abi.h"

namespace anynpu::engine::tflite {

/// Larger than any version's structure, so that whatever a library writes or reads stays inside.
struct XnnpackOptions {
  std::int32_t num_threads;
  std::uint32_t flags;
  std::byte later[504];
};

/// Signed 8-bit: about 8 times faster for int8 models. Float models are taken over without a flag.
inline constexpr std::uint32_t kXnnpackQs8 = 1;
/// Unsigned 8-bit. TFLite 2.9 knows the flag but then fails on every convolution, so from 2.10 on
/// only.
inline constexpr std::uint32_t kXnnpackQu8 = 2;

enum class XnnpackLayout { kThreadsAndFlags, kDefaultsThroughMemory, kNoOptions };
XnnpackLayout xnnpack_layout(const std::string& version, bool has_get_options);
/// The flags for a version with kThreadsAndFlags.
std::uint32_t xnnpack_flags(const std::string& version);

/// What a delegate left of a graph.
struct Coverage {
  int operators = 0;  // of the graph
  int taken = 0;      // now run by the delegate
  int parts = 0;      // in so many pieces
};

class XnnpackDelegate {
 public:
  static Result<std::unique_ptr<XnnpackDelegate>> create(const Api& api, int threads);
  ~XnnpackDelegate();
  XnnpackDelegate(const XnnpackDelegate&) = delete;
  XnnpackDelegate& operator=(const XnnpackDelegate&) = delete;

  /// Hands the graph over; the delegate must live longer than the interpreter.
  Status take_over(Interpreter* interpreter);
  const Coverage& coverage() const { return coverage_; }
  /// "XNNPACK QS8 of TFLite 2.9.0: 31 of 31 operators"
  std::string note() const;

 private:
  XnnpackDelegate(const Api& api, Delegate* delegate, std::string title)
      : api_(api), delegate_(delegate), title_(std::move(title)) {}
  static Status counting_prepare(Context* context, Delegate* delegate);

  const Api& api_;
  Delegate* delegate_;
  std::string title_;
  Coverage coverage_;
  Status (*prepare_)(Context*, Delegate*) = nullptr;  // the delegate's own
};

}  // namespace anynpu::engine::tflite

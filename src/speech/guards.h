// SPDX-License-Identifier: Apache-2.0
// Guards against text that was never said.
#pragma once

#include <string>
#include <string_view>

#include "speech/listener.h"
#include "speech/transcriber.h"

namespace anynpu::speech {

/// Bytes of the text over bytes of the same compressed by zlib: above 2.4 it mostly repeats itself.
double compression_ratio(std::string_view text);

/// As Whisper counts it: with the end token.
double average_logprob(const Heard& heard);

/// Why a text should be decoded again at a higher temperature, and whether it is silence.
struct Verdict {
  bool again = false;
  bool silence = false;
};
Verdict judge(const Heard& heard, std::string_view text, const TranscribeOptions& options);

/// Whether a text is so unlikely that a wider search may well find a better one. Of read speech a
/// quarter is, with more than half of all errors in it.
bool is_doubtful(const Heard& heard);

/// A text that was heard, and how.
struct Attempt {
  Heard heard;
  std::string text;
  float temperature = 0;
};
/// Whether `a` is better than `b` when the guards are content with neither: text that does not
/// repeat itself, and of two such the likelier one.
bool is_better(const Attempt& a, const Attempt& b, const TranscribeOptions& options);

}  // namespace anynpu::speech

// SPDX-License-Identifier: Apache-2.0
// The times of words.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "speech/tokenizer.h"
#include "speech/transcript.h"
#include "speech/windows.h"

namespace anynpu::speech {

/// The words of a text, as they stand between spaces.
std::vector<std::string> words_of(std::string_view text);

/// How words_by_loudness() found its times, for people.
inline constexpr const char* kByLoudness =
    "estimated: words share the speech of their segment by their length";

/// Spreads the words of a text over the speech between `start` and `end`: each gets a share of the
/// time in which somebody speaks that goes with its length. An estimate, for models that do not
/// tell where they listen.
std::vector<Word> words_by_loudness(std::string_view text, double probability, const Window& window,
                                    double start, double end);

/// Groups tokens into words. `begins` are the frames at which each token begins, and after the last
/// one where it ends; a frame is `frame_seconds` long, and the first one is at `start`. A word goes
/// from space to space, or in languages without spaces is as short as whole characters allow.
std::vector<Word> words_from_tokens(const Tokenizer& tokenizer, std::span<const int> tokens,
                                    std::span<const float> logprobs, std::span<const double> begins,
                                    double frame_seconds, double start, bool spaces);

}  // namespace anynpu::speech

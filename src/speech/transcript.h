// SPDX-License-Identifier: Apache-2.0
// Transcript: what was said, when, and what said so. The fields of a segment are those of OpenAI's
// verbose_json.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace anynpu::speech {

/// Times are seconds from the start of the audio.
struct Word {
  std::string word;  // as it stands in the text, without spaces around it
  double start = 0;
  double end = 0;
  /// The mean probability of its tokens, 0 to 1.
  double probability = 0;
};

struct Segment {
  int id = 0;       // counted from 0
  double seek = 0;  // where the window that it was heard in begins
  double start = 0;
  double end = 0;
  std::string text;         // as the model wrote it; most models begin it with a space
  std::vector<int> tokens;  // without the model's marks of time
  double temperature = 0;
  double avg_logprob = 0;
  double compression_ratio = 0;
  double no_speech_prob = 0;
  std::vector<Word> words;  // when they were asked for, or cost nothing
};

/// Milliseconds of one transcription, or of a part of it.
struct Timings {
  double vad = 0;       // finding speech
  double features = 0;  // from samples to what the model takes
  double queue = 0;     // waiting for the model
  double infer = 0;     // in the model
  double total = 0;     // from the first sample asked for to the end, with waiting for samples
};

struct Transcript {
  std::string text;      // of all segments, without spaces around it
  std::string language;  // "en"
  /// 0 to 1; absent when the language was given or the model knows one only.
  std::optional<double> language_probability;
  double duration = 0;  // seconds of audio
  std::vector<Segment> segments;

  std::string model;  // the package's name
  int version = 0;
  std::string device;                   // "cpu"
  std::string engine;                   // "onnxruntime+cpu"
  std::string artifact;                 // "encoder.int8.onnx"
  std::optional<std::string> fallback;  // why another placement than the first answered
  Timings timings;
  int windows = 0;  // stretches of audio that the model was given
  int batches = 0;  // runs that they were put into
  int retries = 0;  // times that a window was decoded again
  /// How the times of words were found, for people; empty without words.
  std::string word_times;
  /// What the caller should know: that the audio is not in the model's language, for example.
  std::vector<std::string> notes;
};

}  // namespace anynpu::speech

// SPDX-License-Identifier: Apache-2.0
// Ffmpeg: what libsndfile does not read (M4A, MP4, WebM, ...), decoded by an ffmpeg process.
//
// The file is a stranger's and ffmpeg's parsers are many, so the process is kept small: only
// containers that refer to no other file, no protocol but the file itself, one thread, limits on
// memory and processor time, no files written, and its process group is killed when its reader
// goes, or when this process does.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/result.h"

namespace anynpu::audio {

struct FfmpegLimits {
  std::uint64_t memory_bytes = 2ULL << 30;  // address space
  Duration processor_time = seconds(1800);
  Duration silence = seconds(30);  // without a sample; over it: Code::kTimeout
  std::string program = "ffmpeg";  // looked up in PATH
};

class Ffmpeg {
 public:
  /// Decodes `file` (a regular file, from its start) to one channel at `sample_rate`.
  /// Code::kUnsupported, with the package that is missing, where there is no ffmpeg.
  static Result<std::unique_ptr<Ffmpeg>> start(int file, int sample_rate,
                                               const FfmpegLimits& limits = {});
  ~Ffmpeg();
  Ffmpeg(const Ffmpeg&) = delete;
  Ffmpeg& operator=(const Ffmpeg&) = delete;

  /// Appends some samples; false at the end. Code::kInvalid when ffmpeg reads nothing of it,
  /// Code::kCancelled after `stop`.
  Result<bool> read(std::vector<float>& out, const std::stop_token& stop = {});
  /// What the header says, as soon as ffmpeg has told it.
  std::optional<double> seconds() const;
  /// After the end: ffmpeg stopped with an error on the way.
  bool cut_short() const { return cut_short_; }

 private:
  Ffmpeg(pid_t pid, Fd samples, Fd words, const FfmpegLimits& limits)
      : pid_(pid), samples_(std::move(samples)), words_(std::move(words)), limits_(limits) {}
  void listen();
  Result<bool> finish();
  int reap(bool kill);

  pid_t pid_;
  Fd samples_, words_;
  FfmpegLimits limits_;
  std::string said_;     // the start and the end of its standard error
  std::string partial_;  // bytes of a sample whose rest has not come
  bool any_ = false;
  bool ended_ = false;
  bool cut_short_ = false;
};

}  // namespace anynpu::audio

// SPDX-License-Identifier: Apache-2.0
// The files of `anynpu transcribe`: which there are, where their results go, and the work on
// several at one time.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "speech/formats.h"
#include "speech/transcriber.h"

namespace anynpu::command {

struct AudioFile {
  std::filesystem::path path;
  std::filesystem::path name;    // below the folder that was named: "monday/interview.m4a"
  std::filesystem::path result;  // where its transcript goes; empty: standard output
  std::optional<Error> error;    // why there is nothing to read
};

/// Files as they are named; of folders and the folders in them every file that ends as audio or
/// video, sorted by path.
std::vector<AudioFile> find_audio(const std::vector<std::string>& arguments);

/// Sets `result`: beside the files of folders, or below `output`, which is a file's name when there
/// is one file and it is no folder; `output` "-" is standard output, as nothing is. Two files with
/// one result are an error.
Result<> place_results(std::vector<AudioFile>& files, const std::string& output,
                       speech::Format format, bool beside);

struct TranscribePlan {
  std::vector<AudioFile> files;
  speech::Format format = speech::Format::kText;
  speech::FormatOptions writing;
  speech::TranscribeOptions options;
  int parallel = 1;
  bool again = false;          // also those whose result is there
  std::function<bool()> stop;  // asked about ten times a second
};

struct AudioResult {
  const AudioFile* file = nullptr;
  bool skipped = false;  // its result is there already
  std::optional<Error> error;
  speech::Transcript transcript;
};

/// Calls `done` for each file, in the order of the files, never two at a time. Files after a stop
/// are left out.
void transcribe_files(const TranscribePlan& plan, speech::Transcriber& transcriber,
                      const std::function<void(const AudioResult&)>& done);

}  // namespace anynpu::command

// SPDX-License-Identifier: Apache-2.0
// Model package: a folder with model.toml, numbered versions, and in each version one or more
// artifacts of the same network. docs/models.md describes the format for users.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace anynpu::model {

enum class Task { kRaw, kClassify, kDetect, kTranscribe, kVad };
std::string_view to_string(Task task);

/// One file that an engine can load.
struct Artifact {
  std::string file;            // relative to the version's folder: "model.uint8.tflite"
  std::filesystem::path path;  // absolute
  // The second half of a network that is kept in two files, as encoder and decoder; empty: none.
  std::string decoder_file = {};
  std::filesystem::path decoder = {};
  std::string engine;  // "tflite"; from the file's ending unless model.toml says otherwise
  std::vector<std::string> families;  // where it may run: {"cpu", "rocket"}
  bool reference = false;             // its CPU result is what the others are checked against
  int max_batch = 1;                  // more than 1 only where the network allows it
  double min_cosine = 0.9;  // agreement with the reference on the canary that is asked for
};

enum class Resize { kStretch, kLetterbox, kCrop };
enum class Colour { kRgb, kBgr, kGrey };

/// From an image to the input tensor. For float inputs: (value - mean) / std. A quantised input
/// takes the same real values through its own scale and zero point.
struct Preprocess {
  Resize resize = Resize::kStretch;
  Colour colour = Colour::kRgb;
  std::array<float, 3> mean = {127.5F, 127.5F, 127.5F};
  std::array<float, 3> std = {127.5F, 127.5F, 127.5F};
};

/// Which output holds what, by index. `softmax`: the scores are logits.
struct Postprocess {
  bool softmax = false;
  int top = 5;
  float threshold = 0.5F;  // detections under it are left out
  float iou = 0.6F;        // boxes of one class that overlap more are suppressed
  int label_offset = 0;    // added to a class index before the label is looked up
  int boxes_output = 0, classes_output = 1, scores_output = 2, count_output = 3;
};

/// Of the task "transcribe".
struct Speech {
  enum class Kind { kWhisper, kMoonshine };
  Kind kind = Kind::kWhisper;
  std::string tokenizer_file;       // relative to the package's folder
  std::filesystem::path tokenizer;  // a tokenizer.json
  /// Layers and heads of the decoder whose attention follows the sound, in pairs; for the times of
  /// words. Empty: not known.
  std::vector<int> alignment_heads;
};

struct Version {
  int number = 1;
  std::filesystem::path folder;
  std::vector<Artifact> artifacts;
};

struct Package {
  std::string name;  // [a-z0-9][a-z0-9_.-]*
  std::string title;
  std::string license;
  std::string source;  // where it comes from, for people
  Task task = Task::kRaw;
  std::filesystem::path folder;
  std::vector<std::string> labels;  // line n is class n
  std::filesystem::path canary;     // an image; empty: a synthetic one
  Preprocess preprocess;
  Postprocess postprocess;
  Speech speech;
  std::vector<Version> versions;  // ascending by number

  const Version& latest() const { return versions.back(); }
  const Version* find(int number) const;
};

/// Reads FOLDER/model.toml and checks that every file that it names is there. Errors name the line.
Result<Package> read_package(const std::filesystem::path& folder);

/// A package of its own for a lone artifact: `anynpu run some.tflite`. Its task is guessed from its
/// tensors and said to be a guess in `title`.
Result<Package> package_of_file(const std::filesystem::path& artifact);

}  // namespace anynpu::model

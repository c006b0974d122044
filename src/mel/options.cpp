// SPDX-License-Identifier: Apache-2.0
// The named variants, and what can be computed at all.
#include "mel/options.h"

#include <cmath>

#include <fmt/format.h>

#include "base/text.h"

namespace anynpu::mel {
namespace {

constexpr int kMostTransform = 1 << 16;
constexpr int kMostBins = 4096;

Error wrong(const MelOptions& options, const std::string& what) {
  return Error{Code::kInvalid, fmt::format("mel options {}: {}", options.name, what)};
}

}  // namespace

MelOptions plain() {
  return {.name = "plain"};
}

MelOptions whisper(int bins) {
  MelOptions options = {.name = bins == 80 ? "whisper" : fmt::format("whisper-{}", bins)};
  options.bins = bins;
  options.padding = Padding::kReflect;
  options.pad_left = 200;
  options.drop_last_frame = true;
  options.whisper_normalised = true;
  return options;
}

MelOptions librosa(int sample_rate, int transform, int hop, int bins, Scale scale, bool magnitude) {
  MelOptions options = {.name = scale == Scale::kSlaney ? "librosa" : "librosa-htk"};
  options.sample_rate = sample_rate;
  options.transform = options.window_length = transform;
  options.hop = hop;
  options.bins = bins;
  options.high_hz = sample_rate / 2.0;
  options.padding = Padding::kZeros;
  options.pad_left = transform / 2;
  options.magnitude = magnitude;
  options.scale = scale;
  options.logarithm = Logarithm::kNone;
  return options;
}

MelOptions kaldi(int bins, int sample_rate, bool snip_edges) {
  MelOptions options = {.name = "kaldi"};
  options.sample_rate = sample_rate;
  options.window_length = sample_rate / 40;
  options.hop = sample_rate / 100;
  options.transform = 1;
  while (options.transform < options.window_length) options.transform *= 2;
  options.bins = bins;
  options.low_hz = 20;
  options.high_hz = sample_rate / 2.0;
  options.window = Window::kPovey;
  options.window_in_middle = false;
  options.scale = Scale::kHtk;
  options.slaney_norm = false;
  options.triangles_in_mel = true;
  options.remove_dc = true;
  options.preemphasis = 0.97;
  options.sample_scale = 32768;
  options.logarithm = Logarithm::kNatural;
  options.floor = 1.1920928955078125e-07;  // FLT_EPSILON
  if (!snip_edges) {
    options.padding = Padding::kMirror;
    options.pad_left = (options.window_length - options.hop) / 2;
  }
  return options;
}

MelOptions openwakeword() {
  MelOptions options = {.name = "openwakeword"};
  options.transform = 512;
  options.bins = 32;
  options.low_hz = 60;
  options.high_hz = 3800;
  options.sample_scale = 32768;
  options.logarithm = Logarithm::kDecibel;
  options.top_db = 80;
  return options;
}

std::vector<std::string> variant_names() {
  return {"plain", "whisper", "whisper-128", "librosa", "librosa-htk", "kaldi", "openwakeword"};
}

Result<MelOptions> variant(std::string_view name) {
  if (name == "plain") return plain();
  if (name == "whisper" || name == "whisper-80") return whisper(80);
  if (name == "whisper-128") return whisper(128);
  if (name == "librosa") return librosa(16000, 2048, 512, 128);
  if (name == "librosa-htk") return librosa(16000, 2048, 512, 128, Scale::kHtk);
  if (name == "kaldi") return kaldi();
  if (name == "openwakeword") return openwakeword();
  return Error{Code::kInvalid, fmt::format("no mel variant is called '{}'", printable(name, 40)), 0,
               "the variants are: " + join(variant_names(), ", ")};
}

Result<> check(const MelOptions& o) {
  if (o.sample_rate < 1) return wrong(o, "the sample rate is not positive");
  if (o.transform < 2 || o.transform > kMostTransform)
    return wrong(
        o, fmt::format("a transform of {} is not between 2 and {}", o.transform, kMostTransform));
  if (o.window_length < 1 || o.window_length > o.transform)
    return wrong(o, fmt::format("a window of {} is not between 1 and the transform of {}",
                                o.window_length, o.transform));
  if (o.hop < 1 || o.hop > 1 << 20) return wrong(o, fmt::format("a hop of {}", o.hop));
  if (o.bins < 1 || o.bins > kMostBins)
    return wrong(o, fmt::format("{} bins are not between 1 and {}", o.bins, kMostBins));
  if (!(o.low_hz >= 0 && o.low_hz < o.high_hz && o.high_hz <= o.sample_rate / 2.0))
    return wrong(o, fmt::format("{:g} to {:g} Hz is not a part of 0 to {:g} Hz", o.low_hz,
                                o.high_hz, o.sample_rate / 2.0));
  if (o.pad_left < 0 || o.pad_left > o.transform)
    return wrong(o, fmt::format("a padding of {}", o.pad_left));
  if (o.logarithm != Logarithm::kNone && !(o.floor >= 1e-37 && std::isfinite(o.floor)))
    return wrong(o, fmt::format("a floor of {:g} has no logarithm", o.floor));
  return {};
}

}  // namespace anynpu::mel

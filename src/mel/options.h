// SPDX-License-Identifier: Apache-2.0
// MelOptions: which mel spectrogram is wanted; and the named variants, each after its reference.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace anynpu::mel {

enum class Window {
  kHann,           // periodic: torch, librosa, Whisper
  kHannSymmetric,  // Kaldi's "hanning"
  kPovey,          // Kaldi: the symmetric Hann window to the power of 0.85
  kHamming,        // Kaldi: symmetric
  kOnes,
};

/// What lies before the first and after the last sample of a centred spectrogram.
enum class Padding {
  kNone,     // nothing: only whole frames
  kReflect,  // s[1], s[2], ... without the edge: torch, Whisper
  kMirror,   // s[0], s[1], ... with the edge: Kaldi's snip_edges = false
  kZeros,    // librosa's default
};

enum class Scale { kSlaney, kHtk };

enum class Logarithm { kNone, kNatural, kBase10, kDecibel };

struct MelOptions {
  std::string name;  // of the variant, for messages
  int sample_rate = 16000;
  int transform = 400;      // n_fft
  int window_length = 400;  // at most `transform`
  int hop = 160;
  int bins = 80;
  double low_hz = 0;
  double high_hz = 8000;
  Window window = Window::kHann;
  /// Where a short window lies in the transform: in its middle (torch, librosa) or at its start.
  bool window_in_middle = true;
  Padding padding = Padding::kNone;
  /// Padding before the first sample; after the last, as many as make the frames whole.
  int pad_left = 0;
  bool magnitude = false;  // |X| and not |X|^2
  Scale scale = Scale::kSlaney;
  bool slaney_norm = true;        // each filter has the area 2 / (its width in Hz)
  bool triangles_in_mel = false;  // filters are triangles over mel (Kaldi) and not over Hz
  bool remove_dc = false;         // subtract the mean of each frame
  double preemphasis = 0;         // s[t] - preemphasis * s[t - 1] within each frame
  double sample_scale = 1;        // what a full-scale sample, 1.0 or 32768, is taken for
  Logarithm logarithm = Logarithm::kBase10;
  double floor = 1e-10;  // mel energies below are raised to it
  /// Decibels: nothing is further below the item's largest value; 0 is no limit.
  double top_db = 0;
  bool drop_last_frame = false;     // Whisper: torch's last frame is not used
  bool whisper_normalised = false;  // (max(x, largest of the item - 8) + 4) / 4
};

/// 400-sample window, hop 160, 80 bins, no padding, base-10 logarithm: 5 s give 498 frames.
MelOptions plain();
/// openai/whisper's log_mel_spectrogram with 80 bins, or 128 for large-v3. An item is what one call
/// is given: 30 s of samples give 3000 frames.
MelOptions whisper(int bins = 80);
/// librosa.feature.melspectrogram: no logarithm, centred between zeros.
MelOptions librosa(int sample_rate, int transform, int hop, int bins, Scale scale = Scale::kSlaney,
                   bool magnitude = false);
/// Kaldi's fbank with its defaults (povey window, pre-emphasis 0.97, low 20 Hz) and dither 0.
/// Without snip_edges a frame is centred in each hop, and the ends are mirrored.
MelOptions kaldi(int bins = 80, int sample_rate = 16000, bool snip_edges = true);
/// The input of openWakeWord's embedding network before its x / 10 + 2: decibels of 32 bins, at
/// most 80 below the largest of the call.
MelOptions openwakeword();

/// What `variant` understands, for help texts.
std::vector<std::string> variant_names();
Result<MelOptions> variant(std::string_view name);

/// kInvalid with what is wrong, unless the options can be computed.
Result<> check(const MelOptions& options);

}  // namespace anynpu::mel

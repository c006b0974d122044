// SPDX-License-Identifier: Apache-2.0
// The C functions of anynpu_mel.h over FrontEnd and Stream.
#include <algorithm>
#include <cstring>
#include <new>

#include "mel/anynpu_mel.h"
#include "mel/front_end.h"
#include "mel/stream.h"

struct anynpu_mel {
  explicit anynpu_mel(anynpu::mel::FrontEnd made) : front_end(std::move(made)), stream(front_end) {}

  anynpu::mel::FrontEnd front_end;
  anynpu::mel::Stream stream;
  std::vector<float> ready;  // frames, the first of them taken already
  std::size_t taken = 0;     // floats of those

  std::size_t ready_frames() const { return (ready.size() - taken) / front_end.bins(); }
};

namespace {

using anynpu::Result;
using anynpu::mel::FrontEnd;
using anynpu::mel::Layout;
using anynpu::mel::MelOptions;

anynpu_mel* create(const Result<MelOptions>& options, char* why, std::size_t why_size) {
  auto explain = [&](const std::string& text) -> anynpu_mel* {
    if (why != nullptr && why_size > 0) {
      const std::size_t count = std::min(text.size(), why_size - 1);
      std::memcpy(why, text.data(), count);
      why[count] = '\0';
    }
    return nullptr;
  };
  if (!options) return explain(options.error().message);
  auto front_end = FrontEnd::create(*options);
  if (!front_end) return explain(front_end.error().message);
  return new (std::nothrow) anynpu_mel(std::move(*front_end));
}

Layout layout_of(anynpu_mel_layout layout) {
  return layout == ANYNPU_MEL_FRAMES_FIRST ? Layout::kFramesFirst : Layout::kBinsFirst;
}

}  // namespace

extern "C" {

anynpu_mel* anynpu_mel_create(const char* variant, char* why, size_t why_size) {
  return create(anynpu::mel::variant(variant == nullptr ? "" : variant), why, why_size);
}

anynpu_mel* anynpu_mel_create_librosa(int sample_rate, int n_fft, int hop, int bins, int htk,
                                      int magnitude, char* why, size_t why_size) {
  const auto scale = htk != 0 ? anynpu::mel::Scale::kHtk : anynpu::mel::Scale::kSlaney;
  return create(anynpu::mel::librosa(sample_rate, n_fft, hop, bins, scale, magnitude != 0), why,
                why_size);
}

void anynpu_mel_free(anynpu_mel* mel) {
  delete mel;
}

int anynpu_mel_sample_rate(const anynpu_mel* mel) {
  return mel->front_end.options().sample_rate;
}
size_t anynpu_mel_bins(const anynpu_mel* mel) {
  return mel->front_end.bins();
}
size_t anynpu_mel_frames(const anynpu_mel* mel, size_t samples) {
  return mel->front_end.frames(samples);
}
const char* anynpu_mel_kernel(const anynpu_mel* mel) {
  return mel->front_end.kernel().name;
}

void anynpu_mel_compute_i16(anynpu_mel* mel, const int16_t* samples, size_t count,
                            anynpu_mel_layout layout, int threads, float* out) {
  mel->front_end.compute(std::span(samples, count), out, layout_of(layout), threads);
}
void anynpu_mel_compute_f32(anynpu_mel* mel, const float* samples, size_t count,
                            anynpu_mel_layout layout, int threads, float* out) {
  mel->front_end.compute(std::span(samples, count), out, layout_of(layout), threads);
}

size_t anynpu_mel_push_i16(anynpu_mel* mel, const int16_t* samples, size_t count) {
  mel->stream.push(std::span(samples, count), mel->ready);
  return mel->ready_frames();
}
size_t anynpu_mel_push_f32(anynpu_mel* mel, const float* samples, size_t count) {
  mel->stream.push(std::span(samples, count), mel->ready);
  return mel->ready_frames();
}
size_t anynpu_mel_finish(anynpu_mel* mel) {
  mel->stream.finish(mel->ready);
  return mel->ready_frames();
}
size_t anynpu_mel_take(anynpu_mel* mel, float* out, size_t most_frames) {
  const std::size_t frames = std::min(most_frames, mel->ready_frames());
  const std::size_t count = frames * mel->front_end.bins();
  std::copy_n(mel->ready.begin() + static_cast<std::ptrdiff_t>(mel->taken), count, out);
  mel->taken += count;
  // Half at a time, so that frame by frame costs no more than all at once.
  if (mel->taken * 2 >= mel->ready.size()) {
    mel->ready.erase(mel->ready.begin(),
                     mel->ready.begin() + static_cast<std::ptrdiff_t>(mel->taken));
    mel->taken = 0;
  }
  return frames;
}

}  // extern "C"

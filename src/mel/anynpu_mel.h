/* SPDX-License-Identifier: Apache-2.0
 *
 * anynpu_mel.h: mel spectrograms for programs in C, and in every language that calls C.
 * Link with libanynpu_mel.so. docs/mel.md has the variants, their references and error bounds.
 *
 *   char why[200];
 *   anynpu_mel* mel = anynpu_mel_create("whisper", why, sizeof why);
 *   size_t frames = anynpu_mel_frames(mel, count);
 *   float* out = malloc(frames * anynpu_mel_bins(mel) * sizeof(float));
 *   anynpu_mel_compute_i16(mel, samples, count, ANYNPU_MEL_BINS_FIRST, 1, out);
 *   anynpu_mel_free(mel);
 *
 * An object is used by one thread at a time. No function keeps a pointer that it was given.
 */
#ifndef ANYNPU_MEL_H
#define ANYNPU_MEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN: C, with C's names */
typedef struct anynpu_mel anynpu_mel;

typedef enum {
  ANYNPU_MEL_BINS_FIRST = 0,  /* out[bin * frames + frame] */
  ANYNPU_MEL_FRAMES_FIRST = 1 /* out[frame * bins + bin] */
} anynpu_mel_layout;

/* "plain", "whisper", "whisper-128", "librosa", "librosa-htk", "kaldi" or "openwakeword". NULL when
 * there is no such variant; `why`, when not NULL, then has a text of at most why_size - 1 bytes. */
anynpu_mel* anynpu_mel_create(const char* variant, char* why, size_t why_size);
/* librosa.feature.melspectrogram; htk and magnitude are 0 or 1. */
anynpu_mel* anynpu_mel_create_librosa(int sample_rate, int n_fft, int hop, int bins, int htk,
                                      int magnitude, char* why, size_t why_size);
void anynpu_mel_free(anynpu_mel* mel); /* NULL is allowed */

int anynpu_mel_sample_rate(const anynpu_mel* mel);
size_t anynpu_mel_bins(const anynpu_mel* mel);
/* How many frames an item of so many samples has. */
size_t anynpu_mel_frames(const anynpu_mel* mel, size_t samples);
/* The instructions that it uses: "AVX3", "AVX2", "NEON", ... */
const char* anynpu_mel_kernel(const anynpu_mel* mel);

/* A whole item. Samples are int16, or float in [-1, 1]; `out` has room for frames x bins. At most
 * `threads` threads. */
void anynpu_mel_compute_i16(anynpu_mel* mel, const int16_t* samples, size_t count,
                            anynpu_mel_layout layout, int threads, float* out);
void anynpu_mel_compute_f32(anynpu_mel* mel, const float* samples, size_t count,
                            anynpu_mel_layout layout, int threads, float* out);

/* A stream: samples in pieces of any size, then the end. Both return how many frames can be taken
 * with anynpu_mel_take(), which gives them frame by frame and returns how many it gave. The frames
 * are those of the whole, bit for bit; those of Whisper and openWakeWord before their clamp and
 * scale by the largest value of the item. */
size_t anynpu_mel_push_i16(anynpu_mel* mel, const int16_t* samples, size_t count);
size_t anynpu_mel_push_f32(anynpu_mel* mel, const float* samples, size_t count);
size_t anynpu_mel_finish(anynpu_mel* mel);
size_t anynpu_mel_take(anynpu_mel* mel, float* out, size_t most_frames);
/* NOLINTEND */

#ifdef __cplusplus
}
#endif
#endif /* ANYNPU_MEL_H */

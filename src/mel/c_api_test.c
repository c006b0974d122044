/* SPDX-License-Identifier: Apache-2.0
 * anynpu_mel.h as C reads it, against the shared library. */
#include "mel/anynpu_mel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 32000

#define CHECK(condition)                                                \
  do {                                                                  \
    if (!(condition)) {                                                 \
      printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
      return 1;                                                         \
    }                                                                   \
  } while (0)

int main(void) {
  static int16_t samples[SAMPLES];
  static float floats[SAMPLES];
  char why[24];
  size_t i, frames, taken = 0;
  float *whole, *again;
  anynpu_mel* mel;

  for (i = 0; i < SAMPLES; ++i) {
    samples[i] = (int16_t)(8000 * sin((double)i * i * 1e-5));
    floats[i] = samples[i] / 32768.0F;
  }
  CHECK(anynpu_mel_create("no such variant at all", why, sizeof why) == NULL);
  CHECK(strlen(why) == sizeof why - 1 && strncmp(why, "no mel variant", 14) == 0);
  CHECK(anynpu_mel_create_librosa(16000, 0, 160, 80, 0, 0, NULL, 0) == NULL);
  anynpu_mel_free(NULL);

  mel = anynpu_mel_create("kaldi", why, sizeof why);
  CHECK(mel != NULL);
  CHECK(anynpu_mel_bins(mel) == 80 && anynpu_mel_sample_rate(mel) == 16000);
  CHECK(strlen(anynpu_mel_kernel(mel)) > 0);
  frames = anynpu_mel_frames(mel, SAMPLES);
  CHECK(frames == 198);
  whole = malloc(frames * 80 * sizeof *whole);
  again = malloc(frames * 80 * sizeof *again);
  CHECK(whole != NULL && again != NULL);
  anynpu_mel_compute_i16(mel, samples, SAMPLES, ANYNPU_MEL_FRAMES_FIRST, 2, whole);
  anynpu_mel_compute_f32(mel, floats, SAMPLES, ANYNPU_MEL_BINS_FIRST, 1, again);
  CHECK(whole[17 * 80 + 5] == again[5 * frames + 17]);
  for (i = 0; i < SAMPLES; i += 1000) {
    anynpu_mel_push_i16(mel, samples + i, 1000);
    taken += anynpu_mel_take(mel, again + taken * 80, frames - taken);
  }
  CHECK(anynpu_mel_finish(mel) == 0);
  CHECK(taken == frames);
  CHECK(memcmp(whole, again, frames * 80 * sizeof *whole) == 0);
  anynpu_mel_free(mel);

  /* Frame by frame after much was pushed. */
  mel = anynpu_mel_create("kaldi", why, sizeof why);
  frames = anynpu_mel_push_i16(mel, samples, SAMPLES);
  for (i = 0; i < 60; ++i) frames = anynpu_mel_push_i16(mel, samples, SAMPLES);
  for (taken = 0; anynpu_mel_take(mel, again, 1) == 1; ++taken) {
    for (i = 0; taken < 198 && i < 80; ++i) CHECK(whole[taken * 80 + i] == again[i]);
  }
  CHECK(taken == frames);
  anynpu_mel_free(mel);

  mel = anynpu_mel_create_librosa(22050, 1024, 256, 40, 1, 1, why, sizeof why);
  CHECK(mel != NULL && anynpu_mel_bins(mel) == 40 && anynpu_mel_frames(mel, 2560) == 11);
  anynpu_mel_free(mel);
  free(whole);
  free(again);
  puts("ok");
  return 0;
}

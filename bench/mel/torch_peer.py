# SPDX-License-Identifier: Apache-2.0
"""torchaudio as a peer of bench/mel/compare.py, on one thread: its MelSpectrogram with a logarithm, and its
Kaldi filter bank. Speaks as bench/mel/peers.cpp does.

  python3 torch_peer.py SAMPLES
"""
import sys
import time

import numpy
import torch
import torchaudio
import torchaudio.compliance.kaldi

torch.set_num_threads(1)
CHUNK = 5 * 16000
samples = torch.from_numpy(numpy.fromfile(sys.argv[1], dtype=numpy.int16).astype(numpy.float32) / 32768)
mel = torchaudio.transforms.MelSpectrogram(
    16000, n_fft=400, hop_length=160, n_mels=80, norm="slaney", mel_scale="slaney", center=False)


def mel_spectrogram():
    frames = 0
    for chunk in samples.split(CHUNK):
        frames += torch.log10(mel(chunk).clamp(min=1e-10)).shape[1]
    return frames


def kaldi_fbank():  # slow, so of one minute
    frames = 0
    for chunk in samples[: 12 * CHUNK].split(CHUNK):
        frames += torchaudio.compliance.kaldi.fbank(chunk[None] * 32768, num_mel_bins=80, dither=0.0).shape[0]
    return frames


version = torchaudio.__version__.split("+")[0]
ways = {f"torchaudio {version} MelSpectrogram": mel_spectrogram, f"torchaudio {version} kaldi.fbank": kaldi_fbank}
with torch.no_grad():
    for name in ways:
        print("way", name)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter_ns()
        frames = ways[line.rstrip("\n")]()
        print((time.perf_counter_ns() - start) / frames, flush=True)

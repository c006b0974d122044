#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a WAV file: tone.py FILE [SECONDS]; 1 kHz, one channel, 16 kHz, 16 bit."""
import math
import struct
import sys
import wave

seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
with wave.open(sys.argv[1], "wb") as file:
    file.setparams((1, 2, 16000, 0, "NONE", ""))
    file.writeframes(b"".join(struct.pack("<h", round(16000 * math.sin(2 * math.pi * i / 16)))
                              for i in range(round(16000 * seconds))))

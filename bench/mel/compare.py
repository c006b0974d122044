#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The mel front end beside those of others: ten minutes of audio, one thread each, taking turns in one run.

  bench/mel/compare.py [--build build/release] [--peers .cache/mel-peers] [--rounds 15] [--cpu 1]

Everything is loaded before the first turn. A turn of what is fast is as many passes as fit into 60 ms, of what
is slow one pass; of a round's turns each way has the mean, and every second round goes backwards. Ratios are
taken within a round. All run pinned to one processor, and at real-time priority where that is permitted.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

GOALS_NS = {"anynpu AVX3": 100, "anynpu AVX2": 160, "anynpu FMA128": 300}
GOALS_RATIO = {"whisper.cpp": 100, "kaldi-native-fbank": 50, "torchaudio MelSpectrogram": 20}
TURN_SECONDS = 0.06


class Peer:
    """A program that offers ways; see bench/mel/peers.cpp."""

    def __init__(self, command, cpu, environment=None):
        def prepare():
            os.sched_setaffinity(0, {cpu})
            try:
                os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))
            except PermissionError:
                print("no real-time priority: not permitted", file=sys.stderr)

        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        preexec_fn=prepare, env={**os.environ, **(environment or {})})
        self.ways = []
        for line in self.process.stdout:
            if line == "ready\n":
                return
            self.ways.append(line.removeprefix("way ").rstrip("\n"))
        sys.exit(f"{command[0]} ended before it was ready")

    def turn(self, way):
        """Nanoseconds per frame."""
        results, end = [], time.monotonic() + TURN_SECONDS
        while not results or time.monotonic() < end:
            self.process.stdin.write(way + "\n")
            self.process.stdin.flush()
            results.append(float(self.process.stdout.readline()))
        return statistics.mean(results)


def torch_environment(folder):
    root = os.path.join(folder, "debian", "usr", "lib")
    machine = os.path.join(root, os.uname().machine + "-linux-gnu")
    libraries = [os.path.join(machine, "lapack"), os.path.join(machine, "blas"), machine, root,
                 os.path.join(folder, "debian", "lib", os.uname().machine + "-linux-gnu")]
    return {"LD_LIBRARY_PATH": ":".join(libraries), "PYTHONPATH": os.path.join(root, "python3", "dist-packages")}


def figure(values, form="{:.0f}"):
    return f"{form.format(statistics.median(values))} ({form.format(min(values))} to {form.format(max(values))})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--peers", default=".cache/mel-peers")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cpu", type=int, default=max(os.sched_getaffinity(0)))
    options = parser.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))

    with tempfile.NamedTemporaryFile(suffix=".s16") as samples:
        peers = [Peer([f"{options.build}/bin/mel_peers", samples.name, options.peers], options.cpu),
                 Peer(["/usr/bin/python3", f"{here}/torch_peer.py", samples.name], options.cpu,
                      torch_environment(options.peers))]
    turns = [(peer, way) for peer in peers for way in peer.ways]
    taken = {way: [] for _, way in turns}
    for peer, way in turns:
        peer.turn(way)  # the first one warms up
    for number in range(options.rounds):
        for peer, way in turns if number % 2 == 0 else reversed(turns):
            taken[way].append(peer.turn(way))

    ours = max((way for way in taken if way in GOALS_NS), key=lambda way: -statistics.median(taken[way]))
    print(f"ten minutes of audio, one thread, {options.rounds} rounds; load {os.getloadavg()[0]:.1f}")
    print(f"\n| front end | ns/frame: best | median (least to most) | times {ours}, within a round |\n|---|---|---|---|")
    ratios = {way: [a / b for a, b in zip(values, taken[ours])] for way, values in taken.items()}
    for way, values in sorted(taken.items(), key=lambda item: statistics.median(item[1])):
        print(f"| {way} | {min(values):.0f} | {figure(values)} | {figure(ratios[way], '{:.1f}')} |")
    print("\n| goal | | best | median |\n|---|---|---|---|")
    for way, goal in GOALS_NS.items():
        if way in taken:
            best, middle = min(taken[way]), statistics.median(taken[way])
            print(f"| {way} | at most {goal} ns | {best:.0f} | {middle:.0f}: {'met' if middle <= goal else 'not met'} |")
    for words, goal in GOALS_RATIO.items():
        for way in taken:
            if all(word in way for word in words.split()):
                middle = statistics.median(ratios[way])
                best = min(taken[way]) / min(taken[ours])
                print(f"| over {way} | at least {goal} times | {best:.0f} | {middle:.0f}: "
                      f"{'met' if middle >= goal else 'not met'} |")
    for peer in peers:
        peer.process.stdin.close()
        peer.process.wait()


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Side by side in one run: engine and decode alone, anynpu serve, and Python servers on the same library.

  make bench-http            # builds what is needed and runs this
  compare.py --build build/release --seconds 4 --rounds 4

All servers run from the beginning to the end; one that nobody asks anything costs nothing. In every round each
gets the same picture over 1 and over 100 connections, for some seconds after a warm-up; every second round goes
backwards. Ratios are taken within a round, so that a machine whose speed drifts does not decide them, and their
medians over the rounds are printed. What HTTP adds for one client is measured request by request (added_cost), with
servers of its own: how fast an engine is, and what is cold after its runs, differs from process to process with the
memory that it was given, by more than HTTP costs.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

arguments = argparse.ArgumentParser()
arguments.add_argument("--build", default="build/release")
arguments.add_argument("--seconds", type=float, default=4)
arguments.add_argument("--warm-up", type=float, default=1)
arguments.add_argument("--rounds", type=int, default=4)
arguments.add_argument("--model", default="mobilenet_v1")
arguments.add_argument("--artifact", default="model.float32.tflite")
arguments.add_argument("--picture", help="a JPEG; by default the package's canary")
arguments.add_argument("--json", action="store_true")
options = arguments.parse_args()

here = os.path.dirname(os.path.abspath(__file__))
binaries = os.path.join(os.path.abspath(options.build), "bin")
anynpu = os.path.join(binaries, "anynpu")
CROWD = 100
ADDED_SERVERS = 2  # in a round


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


folder = output_of(anynpu, "models", "path", options.model).strip()
picture = options.picture or os.path.join(folder, "canary.jpg")
engines = json.loads(output_of(anynpu, "engines", "--json"))["engines"]
library = next(engine["library"] for engine in engines if engine["name"] == "tflite")
placement = f"xnnpack/{options.artifact}"
cores = os.cpu_count()


class Server:
    def __init__(self, name, command, tuned=None):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.name = name
        environment = dict(os.environ)
        if tuned is not None:
            environment.update(TFLITE=library, MODEL=os.path.join(folder, "1", options.artifact), PORT=str(self.port),
                               LABELS=os.path.join(folder, "labels.txt"), TUNED="1" if tuned else "0")
            environment.pop("WEB_CONCURRENCY", None)
        self.process = subprocess.Popen([word.format(port=self.port) for word in command], cwd=here, env=environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)

    def wait_until_it_answers(self):
        body = open(picture, "rb").read()
        for _ in range(300):
            try:
                request = urllib.request.Request(f"http://127.0.0.1:{self.port}/infer", data=body,
                                                 headers={"Content-Type": "image/jpeg"})
                if urllib.request.urlopen(request, timeout=10).status == 200:
                    return
            except OSError:
                if self.process.poll() is not None:
                    break
            time.sleep(0.1)
        sys.exit(f"{self.name} did not start")

    def stop(self):
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
                self.process.wait(timeout=10)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass

    def load(self, connections):
        text = subprocess.run([os.path.join(binaries, "load_client"), "--port", str(self.port),
                               "--connections", str(connections), "--warm-up", str(options.warm_up),
                               "--seconds", str(options.seconds), "--body", picture],
                              stdout=subprocess.PIPE, text=True).stdout
        return json.loads(text or "{}")


def alone(threads):
    return json.loads(output_of(os.path.join(binaries, "baseline"), options.model, placement, picture, str(threads),
                                str(options.warm_up), str(options.seconds)))


def added():
    figures = []
    for _ in range(ADDED_SERVERS):
        server = Server(*ANYNPU)
        try:
            server.wait_until_it_answers()
            figures.append(json.loads(output_of(os.path.join(binaries, "added_cost"), str(server.port), options.model,
                                                placement, picture, "20")))
        finally:
            server.stop()
    return figures


ANYNPU = ("anynpu serve", [anynpu, "serve", "--port", "{port}", "--model", options.model, "--placement", placement])
FLASK = ["/usr/bin/python3", "peer.py"]  # Debian's, as its Flask is
THREADS = ["gunicorn", "-w", "1", "--threads", "8", "-b", "127.0.0.1:{port}", "peer:app"]
SYNC = ["gunicorn", "-w", str(cores), "-b", "127.0.0.1:{port}", "peer:app"]
servers = [Server(*ANYNPU)]
if shutil.which("gunicorn"):
    servers += [Server(f"gunicorn, {cores} sync workers", SYNC, False),
                Server("gunicorn, 1 worker, 8 threads", THREADS, False),
                Server("Flask's own server", FLASK, False),
                Server(f"gunicorn, {cores} sync workers, tuned", SYNC, True),
                Server("Flask's own server, tuned", FLASK, True)]
else:
    print("python3-flask and gunicorn are not installed: the peers are left out", file=sys.stderr)

# What is compared most closely stands side by side.
turns = [(f"alone, {cores} threads", lambda: alone(cores)), (f"anynpu serve, {CROWD}", lambda: servers[0].load(CROWD))]
for server in servers[1:]:
    turns.append((f"{server.name}, {CROWD}", lambda server=server: server.load(CROWD)))
turns += [("added", added), ("alone, 1 thread", lambda: alone(1))]
for server in servers:
    turns.append((f"{server.name}, 1", lambda server=server: server.load(1)))

rounds = []
try:
    for server in servers:
        server.wait_until_it_answers()
    for number in range(options.rounds):
        figures = {}
        for name, turn in turns if number % 2 == 0 else reversed(turns):
            figures[name] = turn()
        rounds.append(figures)
finally:
    for server in servers:
        server.stop()


def median(name, key):
    return statistics.median(figures[name].get(key, 0) for figures in rounds)


def ratio(name, other, key="per_second"):
    ratios = [figures[name][key] / figures[other][key] for figures in rounds]
    return statistics.median(ratios), f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"


if options.json:
    print(json.dumps(rounds, indent=2))
    sys.exit()
print(f"{'connections or threads':44} {'per second':>10} {'p50 ms':>9} {'p99 ms':>9} {'errors':>7}")
for name, _ in turns:
    if name != "added":
        print(f"{name:44} {median(name, 'per_second'):10.1f} {median(name, 'p50_ms'):9.2f} "
              f"{median(name, 'p99_ms'):9.2f} {median(name, 'errors'):7.0f}")


def judge(what, value, text, goal, holds):
    print(f"{what:56} {text:28} goal {goal:10} {'met' if holds(value) else 'not met'}")


crowd = f"anynpu serve, {CROWD}"
print(f"\nmedian of {options.rounds} rounds (least to most); of {options.rounds * ADDED_SERVERS} servers what is added")
for key, what in (("added_ms", "added by HTTP and isolation, 1 client, ms"),
                  ("added_outside_ms", "  of which outside of the engine's own time, ms")):
    values = [one[key] for figures in rounds for one in figures["added"]]
    judge(what, statistics.median(values), f"{statistics.median(values):.3f} ({min(values):.3f} to {max(values):.3f})",
          "<= 0.5", lambda value: value <= 0.5)
share, text = ratio(crowd, f"alone, {cores} threads")
judge(f"throughput of {CROWD} clients over engine + decode alone", share, text, ">= 0.95", lambda value: value >= 0.95)
tails = [figures[crowd]["p99_ms"] / figures[crowd]["p50_ms"] for figures in rounds]
judge(f"p99 / p50 of {CROWD} clients", statistics.median(tails),
      f"{statistics.median(tails):.3f} ({min(tails):.3f} to {max(tails):.3f})", "<= 1.2", lambda value: value <= 1.2)
errors = sum(figures[name].get("errors", 0) for figures in rounds for name in figures if name.startswith("anynpu"))
judge("errors", errors, str(errors), "0", lambda value: value == 0)
for server in servers[1:]:
    share, text = ratio(crowd, f"{server.name}, {CROWD}")
    if server.name.endswith("tuned"):
        print(f"over {server.name:51} {text}")
    else:
        least = 2.2 if server.name.startswith("Flask") else 1.5
        judge(f"over {server.name}", share, text, f">= {least}", lambda value, least=least: value >= least)

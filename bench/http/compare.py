#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Side by side in one run: engine and decode alone, anynpu serve, and Python servers on the same library.

  make bench-http            # builds what is needed and runs this
  compare.py --build build/release --seconds 8 --rounds 3

Every server in turn gets the same picture over 1 and over 100 connections, round after round, so that a
change of the machine's speed meets all of them. Medians over the rounds are printed.
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
arguments.add_argument("--seconds", type=float, default=8)
arguments.add_argument("--rounds", type=int, default=3)
arguments.add_argument("--model", default="mobilenet_v1")
arguments.add_argument("--artifact", default="model.float32.tflite")
arguments.add_argument("--picture", help="a JPEG; by default the package's canary")
arguments.add_argument("--json", action="store_true")
options = arguments.parse_args()

here = os.path.dirname(os.path.abspath(__file__))
binaries = os.path.join(os.path.abspath(options.build), "bin")
anynpu = os.path.join(binaries, "anynpu")


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


folder = output_of(anynpu, "models", "path", options.model).strip()
picture = options.picture or os.path.join(folder, "canary.jpg")
engines = json.loads(output_of(anynpu, "engines", "--json"))["engines"]
library = next(engine["library"] for engine in engines if engine["name"] == "tflite")
peer_environment = dict(os.environ, TFLITE=library, MODEL=os.path.join(folder, "1", options.artifact),
                        LABELS=os.path.join(folder, "labels.txt"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(command, port, environment=None):
    process = subprocess.Popen([word.format(port=port) for word in command], cwd=here, env=environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    for _ in range(300):
        try:
            body = open(picture, "rb").read()
            request = urllib.request.Request(f"http://127.0.0.1:{port}/infer", data=body,
                                             headers={"Content-Type": "image/jpeg"})
            if urllib.request.urlopen(request, timeout=5).status == 200:
                return process
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.1)
    stop(process)
    sys.exit(f"{command[0]} did not start")


def stop(process):
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            pass


def load(port, connections):
    text = subprocess.run([os.path.join(binaries, "load_client"), "--port", str(port), "--connections", str(connections), "--warm-up", "2",
                           "--seconds", str(options.seconds), "--body", picture], stdout=subprocess.PIPE, text=True).stdout
    return json.loads(text or "{}")


cores = os.cpu_count()
placement = f"xnnpack/{options.artifact}"
servers = {
    "anynpu serve": ([anynpu, "serve", "--port", "{port}", "--model", options.model, "--placement", placement,
                      "--instances", str(cores)], None),
}
if shutil.which("gunicorn"):
    servers["Flask's own server"] = (["/usr/bin/python3", "peer.py"], "PORT")  # Debian's, as its Flask is
    servers["gunicorn, 1 worker, 8 threads"] = (["gunicorn", "-w", "1", "--threads", "8", "-b", "127.0.0.1:{port}", "peer:app"], "")
    servers["gunicorn, 2 sync workers"] = (["gunicorn", "-w", "2", "-b", "127.0.0.1:{port}", "peer:app"], "")
else:
    print("python3-flask and gunicorn are not installed: the peers are left out", file=sys.stderr)

figures = {}


def record(name, result):
    for key, value in result.items():
        figures.setdefault(name, {}).setdefault(key, []).append(value)


for _ in range(options.rounds):
    for threads in (1, cores):
        text = output_of(os.path.join(binaries, "baseline"), options.model, placement, picture, str(threads), str(options.seconds))
        record(f"engine + decode alone, {threads} thread(s)", json.loads(text))
    for name, (command, port_variable) in servers.items():
        port = free_port()
        environment = None
        if port_variable is not None:
            environment = dict(peer_environment, **({port_variable: str(port)} if port_variable else {}))
        process = start(command, port, environment)
        for connections in (1, 100):
            record(f"{name}, {connections} connection(s)", load(port, connections))
        stop(process)

medians = {name: {key: statistics.median(values) for key, values in keys.items()} for name, keys in figures.items()}
if options.json:
    print(json.dumps(medians, indent=2))
    sys.exit()
print(f"{'':48} {'per second':>10} {'p50 ms':>9} {'p99 ms':>9} {'errors':>7}")
for name, row in medians.items():
    print(f"{name:48} {row['per_second']:10.1f} {row['p50_ms']:9.2f} {row['p99_ms']:9.2f} {row.get('errors', 0):7.0f}")
alone = {threads: medians[f"engine + decode alone, {threads} thread(s)"] for threads in (1, cores)}
one, hundred = medians["anynpu serve, 1 connection(s)"], medians["anynpu serve, 100 connection(s)"]
print(f"\nadded by HTTP and isolation, 1 connection: {one['p50_ms'] - alone[1]['p50_ms']:.2f} ms at the median")
print(f"throughput of 100 connections over engine + decode alone: {hundred['per_second'] / alone[cores]['per_second']:.1%}")
print(f"p99 / p50 of 100 connections: {hundred['p99_ms'] / hundred['p50_ms']:.2f}")
for name in servers:
    if name != "anynpu serve":
        print(f"over {name}: {hundred['per_second'] / medians[name + ', 100 connection(s)']['per_second']:.2f}x")

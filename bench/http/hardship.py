#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Hardship for a running server: slow and idle clients, and full load while models are replaced.

  make soak MINUTES=30
  hardship.py --build build/release slow              # 1,000 slow and 5,000 idle clients, /health's p99
  hardship.py --build build/release soak --minutes 30 # full load, models replaced, memory

Starts its own server on a free port of this machine. The exit code is 1 when something that must hold
does not: an error, /health over its limit, memory or descriptors that grow.
"""
import argparse
import http.client
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

parser = argparse.ArgumentParser()
parser.add_argument("--build", default="build/release")
parser.add_argument("--model", default="mobilenet_v1")
parser.add_argument("--artifact", default="model.float32.tflite")
parser.add_argument("what", choices=["slow", "soak"])
parser.add_argument("--minutes", type=float, default=30)
parser.add_argument("--seconds", type=float, default=30, help="of each part of `slow`")
parser.add_argument("--slow-clients", type=int, default=1000)
parser.add_argument("--idle-clients", type=int, default=5000)
parser.add_argument("--connections", type=int, default=100)
options = parser.parse_args()

binaries = os.path.join(os.path.abspath(options.build), "bin")
anynpu = os.path.join(binaries, "anynpu")
failures = []


def must(holds, what):
    print(("ok      " if holds else "FAILED  ") + what, flush=True)
    if not holds:
        failures.append(what)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, folder, *more):
        self.port, self.health_port = free_port(), free_port()
        self.log = open(os.path.join(folder, "log"), "w", encoding="utf-8")
        environment = dict(os.environ, ANYNPU_MODELS=folder)
        self.process = subprocess.Popen(
            [anynpu, "serve", "--port", str(self.port), "--health-port", str(self.health_port), "--model", options.model,
             "--placement", f"xnnpack/{options.artifact}", "--instances", str(os.cpu_count()), *more],
            env=environment, stderr=self.log, start_new_session=True)
        for _ in range(600):
            try:
                if self.ask("GET", "/health")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        sys.exit("the server did not start: " + open(self.log.name, encoding="utf-8").read())

    def ask(self, method, path, body=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        connection.request(method, path, body)
        response = connection.getresponse()
        text = response.read()
        connection.close()
        return response.status, text

    def held(self):
        pid = self.process.pid
        status = dict(line.split(":", 1) for line in open(f"/proc/{pid}/status", encoding="utf-8") if ":" in line)
        return {"rss_mb": int(status["VmRSS"].split()[0]) / 1000, "fds": len(os.listdir(f"/proc/{pid}/fd")),
                "threads": int(status["Threads"])}

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            code = -9
        must(code == 0, f"the server ended with {code} after SIGTERM")


def health_times(server, seconds, port):
    """Times of /health on one kept connection, in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        start = time.perf_counter()
        connection.request("GET", "/health")
        response = connection.getresponse()
        response.read()
        times.append((time.perf_counter() - start) * 1000)
        must_be = response.status
        if must_be != 200:
            must(False, f"/health answered {must_be}")
        time.sleep(0.005)
    times.sort()
    return {"count": len(times), "p50": times[len(times) // 2], "p99": times[int(len(times) * 0.99)], "max": times[-1]}


class Crowd(threading.Thread):
    """Connections that are idle, or send one byte a second of a request that never ends."""

    def __init__(self, port, slow, idle):
        super().__init__(daemon=True)
        self.port, self.slow, self.idle = port, slow, idle
        self.ending, self.made, self.lost = False, threading.Event(), 0
        self.head = b"POST /infer HTTP/1.1\r\nHost: a\r\nContent-Type: image/jpeg\r\nContent-Length: 1000000\r\n\r\n"

    def open(self):
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.setblocking(False)
        return connection

    def run(self):
        idle = [self.open() for _ in range(self.idle)]
        # Half of them are slow in their headers, half in their bodies.
        slow = [[self.open(), 0, i % 2 == 0] for i in range(self.slow)]
        for entry in slow:
            if not entry[2]:
                entry[0].send(self.head)
        self.made.set()
        while not self.ending:
            start = time.monotonic()
            for entry in slow:
                try:
                    entry[0].send(self.head[entry[1]:entry[1] + 1] if entry[2] else b"x")
                    entry[1] = (entry[1] + 1) % (len(self.head) - 4)
                    if entry[0].recv(4096) == b"":
                        raise ConnectionResetError
                except BlockingIOError:
                    pass
                except OSError:  # sent away, as it should be: it comes again
                    self.lost += 1
                    entry[0].close()
                    entry[0], entry[1] = self.open(), 0
                    if not entry[2]:
                        entry[0].send(self.head)
            time.sleep(max(0.0, 1 - (time.monotonic() - start)))
        for connection in idle + [entry[0] for entry in slow]:
            connection.close()


def load(server, seconds, connections=None):
    text = subprocess.run([os.path.join(binaries, "load_client"), "--port", str(server.port), "--connections",
                           str(connections or options.connections), "--seconds", str(seconds), "--body", picture],
                          stdout=subprocess.PIPE, text=True, check=False).stdout
    return json.loads(text)


def slow(folder):
    server = Server(folder)
    quiet = health_times(server, 5, server.port)
    print(f"/health without a crowd:   {quiet}")
    before = server.held()
    alone = load(server, options.seconds / 3, 4)
    crowd = Crowd(server.port, options.slow_clients, options.idle_clients)
    crowd.start()
    must(crowd.made.wait(120), f"{options.slow_clients} slow and {options.idle_clients} idle clients are connected")
    everybody = options.slow_clients + options.idle_clients
    for _ in range(600):  # the last ones may wait in the kernel's queue
        now = server.held()
        if now["fds"] >= everybody:
            break
        time.sleep(0.1)
    print(f"the server holds {now}, before {before}")
    must(now["fds"] >= everybody, "the server has accepted all of them")
    must(now["threads"] == before["threads"], "a client that waits costs no thread")
    crowded = health_times(server, options.seconds, server.port)
    print(f"/health in the crowd:      {crowded}")
    must(crowded["p99"] < 20, f"/health p99 {crowded['p99']:.2f} ms < 20 ms")
    with_crowd = load(server, options.seconds / 3, 4)
    print(f"4 good clients, alone: {alone}\n4 good clients, in the crowd: {with_crowd}")
    must(alone["errors"] == 0 and with_crowd["errors"] == 0, "good clients see no error")
    print(f"good clients in the crowd: {with_crowd['per_second'] / alone['per_second']:.1%} of their throughput alone")
    must(crowd.lost > 0 or options.seconds < 12, f"{crowd.lost} slow clients were sent away")
    crowd.ending = True
    crowd.join()
    server.stop()


def touch(folder):
    """The same artifact with another time: a new deployment of the version."""
    artifact = os.path.join(folder, options.model, "1", options.artifact)
    shutil.copyfile(artifact, artifact + ".new")
    os.replace(artifact + ".new", artifact)


def soak(folder):
    server = Server(folder)
    load(server, 10)  # caches and pools are filled
    total = {"requests": 0, "errors": 0}
    held, replaced, end = [], 0, time.monotonic() + options.minutes * 60
    done = threading.Event()

    def replace():
        nonlocal replaced
        while not done.wait(10):
            touch(folder)
            status, text = server.ask("POST", f"/v2/repository/models/{options.model}/load", b"{}")
            if status != 200:
                must(False, f"load answered {status}: {text}")
            replaced += 1

    worker = threading.Thread(target=replace, daemon=True)
    worker.start()
    while time.monotonic() < end:
        result = load(server, min(30, max(1, end - time.monotonic())))
        for key in total:
            total[key] += result[key]
        held.append(server.held())
        print(f"{(options.minutes * 60 - (end - time.monotonic())) / 60:6.1f} min  {total['requests']} answered, "
              f"{total['errors']} errors, {replaced} times replaced, p50 {result['p50_ms']:.1f} ms, "
              f"p99 {result['p99_ms']:.1f} ms, {held[-1]}", flush=True)
    done.set()
    worker.join()
    must(total["errors"] == 0, f"{total['requests']} requests, {total['errors']} errors, {replaced} replacements")
    must(replaced >= 2, "models were replaced")
    third = max(1, len(held) // 3)
    early = statistics.median(each["rss_mb"] for each in held[:third])
    late = statistics.median(each["rss_mb"] for each in held[-third:])
    must(late < early * 1.1 + 5, f"memory is flat: {early:.1f} MB in the first third, {late:.1f} MB in the last")
    early, late = held[0]["fds"], held[-1]["fds"]
    must(late <= early + 8, f"descriptors are flat: {early}, {late}")
    server.stop()


def main():
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = options.slow_clients + options.idle_clients + 1000
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(limit[1], max(limit[0], wanted)), limit[1]))
    source = subprocess.run([anynpu, "models", "path", options.model], check=True, stdout=subprocess.PIPE,
                            text=True).stdout.strip()
    global picture
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(source, os.path.join(folder, options.model))
        picture = os.path.join(folder, options.model, "canary.jpg")
        {"slow": slow, "soak": soak}[options.what](folder)
    sys.exit(1 if failures else 0)


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Mesa's real Teflon delegate on the simulated RK3588 NPU, against tests/rocket/expected.toml.

    run.py --suite forky --compare rocket_compare --preload libanynpu-sim-rocket.so

The delegate is Debian's arm64 build (tools/mesa-arm64), unchanged, run under qemu-aarch64; the models are
Mesa's own (tools/mesa-models) and, when ANYNPU_MIRROR names folders that have them, a few larger ones.
Prints what differs and one line of figures per kind; fails when anything differs.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys
import time
import tomllib

TOP = pathlib.Path(__file__).resolve().parents[2]
SINGLE = re.compile(r"(mb|mobiledet|yolox)-\d\d\d$")
WRONG = 13  # the least difference of a wrong model; right ones have at most 1
LINE = re.compile(r"(?:difference (\d+) exact (\d+) of (\d+) ms \S+ (\S+)|crash (\d+))$")
SETTINGS = "strict=yes;threads=1"


def fail(*lines):
    for line in lines:
        print(f"rocket: {line}", file=sys.stderr)
    sys.exit(1)


def arguments(description, program):
    """Of this program and of those beside it; `program` is the option that names its own for arm64."""
    data = os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--suite", required=True, help="of Debian, as unpacked by tools/mesa-arm64")
    parser.add_argument(f"--{program}", required=True, help=f"the program rocket_{program}, for arm64")
    parser.add_argument("--preload", required=True, help="the simulated NPU, for arm64")
    parser.add_argument("--tflite", default=f"{data}/anynpu/lib/arm64/libtensorflowlite_c.so")
    parser.add_argument("--qemu", default="qemu-aarch64")
    return parser.parse_args()


def whole_models(names):
    """Files of the named models: Mesa's, then those of the folders of ANYNPU_MIRROR."""
    found = {}
    folders = [TOP / ".cache/mesa-models"]
    folders += [pathlib.Path(name) for name in os.environ.get("ANYNPU_MIRROR", "").split(":") if name]
    for folder in folders:
        for file in sorted(folder.rglob("*.tflite")):
            if file.stem in names:
                found.setdefault(file.stem, file)
    return found


def compare(options, files, settings, fault):
    """Runs rocket_compare; the lines it printed, by model, and how it ended."""
    sysroot = TOP / ".cache/mesa-arm64" / options.suite
    command = [options.qemu, "-L", sysroot, "-E", f"LD_PRELOAD={options.preload}", options.compare,
               options.tflite, sysroot / "usr/lib/teflon/libteflon.so", *files]
    environment = dict(os.environ, ANYNPU_SIM_ROCKET=settings, ANYNPU_SIM_FAULT=fault)
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace")
    return dict(line.partition(" ")[::2] for line in done.stdout.splitlines()), done


def run(options, files):
    """{model: ("crash", signal) or (difference, equal, all, milliseconds)}"""
    verdicts, done = compare(options, files, SETTINGS, "")
    results = {}
    for name, verdict in verdicts.items():
        match = LINE.match(verdict)
        if match is None:
            fail(f"{name}: {verdict}", *done.stderr.splitlines()[-5:])
        if match[5]:
            results[name] = ("crash", int(match[5]))
        else:
            results[name] = (int(match[1]), int(match[2]), int(match[3]), float(match[4]))
    if done.returncode != 0 or len(results) != len(files):
        fail(f"{len(results)} of {len(files)} models run, exit status {done.returncode}",
             *done.stderr.splitlines()[-5:])
    return results


def check_faults(options, faults, model):
    problems = []
    for fault, due in faults.items():
        driver = fault.startswith("driver=")
        verdicts, done = compare(options, [model], f"{SETTINGS};{fault}" if driver else SETTINGS,
                                 "" if driver else fault)
        verdict = verdicts.get(model.stem, "")
        match = LINE.match(verdict)
        outcome = verdict.removeprefix("error ")
        if match:
            outcome = "crash" if match[5] else "right" if int(match[1]) <= 1 else "wrong"
        print(f"  {fault}: {outcome}" + (f", {match[4]} ms" if match and match[4] else ""))
        if outcome != due:
            problems.append(f"{fault}: {outcome or done.stderr[-300:]}, expected {due}")
    return problems


def check_single(results, expected, wrong):
    crash, wrong = set(expected["single"]["crash"].split()), set(wrong.split())
    problems = []
    counts = {"crash": 0, "wrong": 0, "one": 0, "exact": 0}
    for name, result in results.items():
        if result[0] == "crash":
            verdict = "crash" if result[1] == 11 else f"signal {result[1]}"
        else:
            verdict = {0: "exact", 1: "one"}.get(result[0], "wrong" if result[0] >= WRONG else f"off by {result[0]}")
        counts[verdict] = counts.get(verdict, 0) + 1
        due = "crash" if name in crash else "wrong" if name in wrong else "right"
        if verdict != due and not (due == "right" and verdict in ("exact", "one")):
            problems.append(f"{name}: {verdict}, expected {due}")
    return counts, problems


def check_whole(results, due):
    problems = []
    for name, result in results.items():
        if result[0] == "crash":
            figures = "crash" if result[1] == 11 else f"signal {result[1]}"
            same = figures == due[name]
        else:
            figures = [result[0], round(100 * result[1] / result[2], 2)]
            same = figures == due[name]
        print(f"  {name}: {figures}" + (f", {result[3]:.0f} ms" if result[0] != "crash" else ""))
        if not same:
            problems.append(f"{name}: {figures}, expected {due[name]}")
    return problems


def main():
    options = arguments(__doc__, "compare")
    start = time.monotonic()
    expected = tomllib.loads((TOP / "tests/rocket/expected.toml").read_text())
    version_file = TOP / ".cache/mesa-arm64" / options.suite / "mesa-version"
    single = sorted(f for f in (TOP / ".cache/mesa-models").glob("*.tflite") if SINGLE.match(f.stem))
    for needed, command in ((version_file, f"tools/mesa-arm64 {options.suite}"),
                            (TOP / ".cache/mesa-models/.stamp", "tools/mesa-models"),
                            (pathlib.Path(options.tflite), "anynpu engines pull --arch arm64")):
        if not needed.exists():
            fail(f"there is no {needed}", f"run: {command}")
    version = version_file.read_text().strip()
    due = expected["mesa"].get(version)
    if due is None:
        fail(f"no figures for Mesa {version} in tests/rocket/expected.toml")

    whole = whole_models(due["whole"])
    whole_results = run(options, list(whole.values()))
    print(f"rocket: Mesa {version}, whole models: [greatest difference, % equal], NPU time")
    problems = check_whole(whole_results, due["whole"])
    left_out = sorted(set(due["whole"]) - set(whole))
    if left_out:
        print(f"  NOT RUN, because no source that is reached has them: {', '.join(left_out)}")
    if "mobilenet_v1_1.0_224_quant" not in whole:
        problems.append("mobilenet_v1_1.0_224_quant is missing")

    print(f"rocket: Mesa {version}, faults of the device: what becomes of the answer, and when")
    problems += check_faults(options, expected["faults"], TOP / ".cache/mesa-models/mb-003.tflite")

    counts, differing = check_single(run(options, single), expected, expected["single"]["wrong"] + due["wrong"])
    problems += differing
    print(f"rocket: Mesa {version}, {len(single)} single operations: {counts}, "
          f"{time.monotonic() - start:.0f} s in all")
    if len(single) != 283:
        problems.append(f"{len(single)} single operations, expected 283")
    for kind in ("exact", "one"):
        if counts[kind] != due[kind]:
            problems.append(f"{counts[kind]} models are {kind}, expected {due[kind]}")
    if problems:
        fail(*problems)


if __name__ == "__main__":
    main()

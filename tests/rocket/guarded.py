#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""anynpu's engine for `rocket` on the simulated RK3588 NPU: what the guard makes of Mesa's real delegate.

    guarded.py --suite forky --guarded rocket_guarded --preload libanynpu-sim-rocket.so

The same models as run.py's, through the engine instead of the bare delegate: none may end the process, and each
must agree with TFLite's CPU kernels, by being right or by being left to the CPU. Prints a line of figures per kind.
"""

import os
import re
import subprocess
import sys
import tomllib

import run

LINE = re.compile(r"(?:difference (\d+) exact (\d+) of (\d+): (.*)|cpu (.*))$")
MOST_SINGLE = 1  # levels that a single operation may differ


def run_all(options, sysroot, version, files):
    """{model: (difference, % equal, note)}, a difference of None for those that the CPU runs."""
    command = [options.qemu, "-L", sysroot, "-E", f"LD_PRELOAD={options.preload}", options.guarded, options.tflite,
               sysroot / "usr/lib/teflon/libteflon.so", version, *files]
    done = subprocess.run(command, env=dict(os.environ, ANYNPU_SIM_ROCKET="strict=yes", ANYNPU_SIM_FAULT=""),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
    results, problems = {}, []
    for line in done.stdout.splitlines():
        name, _, verdict = line.partition(" ")
        match = LINE.match(verdict)
        if match is None:
            problems.append(f"{name}: {verdict}")
        elif match[5] is not None:
            results[name] = (None, 100.0, match[5])
        else:
            results[name] = (int(match[1]), round(100 * int(match[2]) / max(1, int(match[3])), 2), match[4])
    if len(results) + len(problems) != len(files):
        problems.append(f"{len(results)} of {len(files)} models ran: {done.stderr[-300:]}")
    return results, problems


def main():
    options = run.arguments(__doc__, "guarded")
    sysroot = run.TOP / ".cache/mesa-arm64" / options.suite
    version = (sysroot / "mesa-version").read_text().strip()
    due = tomllib.loads((run.TOP / "tests/rocket/expected.toml").read_text())["guarded"][version.partition("-")[0]]

    whole = run.whole_models(due)
    results, problems = run_all(options, sysroot, version, list(whole.values()))
    print(f"rocket: Mesa {version} behind the guard, whole models: greatest difference, % equal")
    for name, (difference, equal, note) in results.items():
        most = due[name]
        where = "the CPU runs it" if difference is None else f"{difference}, {equal}"
        print(f"  {name}: {where}; {note}")
        if difference is not None and difference > most:
            problems.append(f"{name}: differs by {difference}, at most {most} is expected")
    if "mobilenet_v1_1.0_224_quant" not in results:
        problems.append("mobilenet_v1_1.0_224_quant is missing")

    single = sorted(f for f in (run.TOP / ".cache/mesa-models").glob("*.tflite") if run.SINGLE.match(f.stem))
    results, more = run_all(options, sysroot, version, single)
    problems += more
    on_npu = [name for name, result in results.items() if result[0] is not None]
    problems += [f"{name}: differs by {results[name][0]}" for name in on_npu if results[name][0] > MOST_SINGLE]
    print(f"rocket: Mesa {version} behind the guard, {len(single)} single operations: {len(on_npu)} on the NPU, "
          f"{len(results) - len(on_npu)} left to the CPU, greatest difference "
          f"{max((results[name][0] for name in on_npu), default=0)}")
    if len(single) != 283:
        problems.append(f"{len(single)} single operations, expected 283")
    if not on_npu:
        problems.append("the NPU ran nothing")
    for problem in problems:
        print(f"rocket: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()

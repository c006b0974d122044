#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Serving on Mesa's real Teflon delegate over the simulated RK3588 NPU while that fails at random.

    faults.py --suite forky --faults rocket_faults --preload libanynpu-sim-rocket.so

One submit in fifty fails, its wait fails, or it hangs for 500 ms and leaves a stale output with no error, as the
real kernel does. ANYNPU_FAULT_REQUESTS (default 300): how many requests; every answer must be there and right.
"""

import os
import subprocess
import sys
import tempfile

import run

FAULTS = "submit:one-in=150:seed=3+prepare:one-in=150:seed=4+timeout:one-in=150:seed=5"


def main():
    options = run.arguments(__doc__, "faults")
    sysroot = run.TOP / ".cache/mesa-arm64" / options.suite
    requests = os.environ.get("ANYNPU_FAULT_REQUESTS", "300")
    emulator = [options.qemu, "-L", str(sysroot), "-E", f"LD_PRELOAD={options.preload}"]
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, "kmsg")
        open(log, "w").close()
        environment = dict(os.environ, ANYNPU_TFLITE=options.tflite,
                           ANYNPU_TEFLON=str(sysroot / "usr/lib/teflon/libteflon.so"),
                           ANYNPU_WORKER_LAUNCHER=" ".join(emulator), ANYNPU_SIM_STATE=folder,
                           ANYNPU_SIM_KERNEL_LOG=log, ANYNPU_SIM_ROCKET=f"kernel_log={log}",
                           ANYNPU_SIM_FAULT=FAULTS)
        done = subprocess.run(emulator + [options.faults, requests], env=environment)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()

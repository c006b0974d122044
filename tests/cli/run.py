#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the command line tests: text files of blocks, each a command and what is expected of it.

    tests/cli/run.py --binary build/release/bin/anynpu [--filter TEXT] [FILE.test ...]

A block is a run of lines without an empty one; lines that start with '#' are comments.

    NAME    what is shown; unique within its file
    RUN     a bash command, in a new empty folder; `anynpu` is the binary under test
    SETUP   a bash command before it (any number), which must succeed
    ENV     VARIABLE=value for both
    EXIT    the exit code of RUN (0 when not given)
    EXPECT  a piece of standard output           EXPECT_REGEX  a regular expression found in it
    EXPECT_NOT  must not be in it                EXPECT_EMPTY  nothing was printed there
    STDERR  a piece of standard error            STDERR_REGEX  a regular expression found in it
    STDERR_NOT                                   STDERR_EMPTY
    JSON    PATH OPERATOR VALUE, of standard output as JSON. PATH: results.0.predictions.0.label; `#` as
            the last part is a length. OPERATOR: == != < <= > >= (VALUE is JSON), ~ (VALUE is a regular
            expression), is (VALUE is string, number, boolean, array, object or null)
    TIMEOUT seconds (300): for what hangs, not for what is slow on a busy machine

The machine has no NPU, also where this one has: ANYNPU_MACHINE names sim/machines/no-npu-amd64.machine,
unless RUN or ENV name another.

In the commands $MODELS is the user's folder of model packages, $SOURCE the repository's folder, $SIM the
folder of simulated vendor libraries, and $CANARY the picture of the first package.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
MACHINE = SOURCE / "sim" / "machines" / "no-npu-amd64.machine"
SINGLE = {"NAME", "RUN", "EXIT", "TIMEOUT"}
CHECKS = {"EXPECT", "EXPECT_REGEX", "EXPECT_NOT", "EXPECT_EMPTY", "STDERR", "STDERR_REGEX", "STDERR_NOT",
          "STDERR_EMPTY", "JSON"}
KNOWN = SINGLE | CHECKS | {"SETUP", "ENV"}
FIRST_PACKAGE = "mobilenet_v1"
TYPES = {"string": str, "number": (int, float), "boolean": bool, "array": list, "object": dict,
         "null": type(None)}


class Failure(Exception):
    pass


def parse(path):
    """The blocks of a file, each as {keyword: [values]} with its line number."""
    blocks, block = [], {}
    for number, line in enumerate(path.read_text().splitlines() + [""], 1):
        if line.startswith("#"):
            continue
        if not line.strip():
            if block:
                blocks.append(block)
            block = {}
            continue
        keyword, _, value = line.partition(" ")
        where = f"{path.name}:{number}"
        if keyword not in KNOWN:
            raise SystemExit(f"{where}: unknown keyword {keyword}")
        if keyword in SINGLE and keyword in block:
            raise SystemExit(f"{where}: {keyword} is given twice")
        block.setdefault("where", where)
        block.setdefault(keyword, []).append(value.strip())
    for block in blocks:
        if "NAME" not in block or "RUN" not in block:
            raise SystemExit(f"{block['where']}: a block needs NAME and RUN")
        if not CHECKS & block.keys() and "EXIT" not in block:
            raise SystemExit(f"{block['where']}: {block['NAME'][0]}: checks nothing")
    return blocks


def at_path(document, path):
    value = document
    for part in path.split("."):
        try:
            if part == "#":
                value = len(value)
            elif isinstance(value, list):
                value = value[int(part)]
            else:
                value = value[part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise Failure(f"JSON has no {path} (at '{part}')") from None
    return value


def check_json(document, text):
    match = re.match(r"(\S+)\s+(==|!=|<=|>=|<|>|~|is)\s+(.*)$", text)
    if not match:
        raise Failure(f"JSON check '{text}' is not PATH OPERATOR VALUE")
    path, operator, wanted = match.groups()
    actual = at_path(document, path)
    if operator == "~":
        good = isinstance(actual, str) and re.search(wanted, actual)
    elif operator == "is":
        good = isinstance(actual, TYPES[wanted]) and (wanted == "boolean" or not isinstance(actual, bool))
    else:
        wanted = json.loads(wanted)
        good = {"==": lambda: actual == wanted, "!=": lambda: actual != wanted, "<": lambda: actual < wanted,
                "<=": lambda: actual <= wanted, ">": lambda: actual > wanted, ">=": lambda: actual >= wanted}[operator]()
    if not good:
        raise Failure(f"JSON {text}: it is {json.dumps(actual)[:300]}")


def check_text(block, prefix, name, text):
    for piece in block.get(prefix, []):
        if piece not in text:
            raise Failure(f"{name} lacks: {piece}")
    for pattern in block.get(prefix + "_REGEX", []):
        if not re.search(pattern, text, re.MULTILINE):
            raise Failure(f"{name} has no match for: {pattern}")
    for piece in block.get(prefix + "_NOT", []):
        if piece in text:
            raise Failure(f"{name} must not have: {piece}")
    if prefix + "_EMPTY" in block and text:
        raise Failure(f"{name} must be empty")


def run_block(block, environment, folder):
    environment = dict(environment)
    for pair in block.get("ENV", []):
        variable, _, value = pair.partition("=")
        environment[variable] = value
    timeout = float(block.get("TIMEOUT", ["300"])[0])

    def bash(command):
        return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=timeout)

    for command in block.get("SETUP", []):
        done = bash("set -e; " + command)
        if done.returncode != 0:
            raise Failure(f"SETUP {command} ended with {done.returncode}: {done.stderr.decode(errors='replace')}")
    try:
        done = bash(block["RUN"][0])
    except subprocess.TimeoutExpired:
        raise Failure(f"no end within {timeout:g} s") from None
    output, errors = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    try:
        wanted = int(block.get("EXIT", ["0"])[0])
        if done.returncode != wanted:
            raise Failure(f"exit code {done.returncode}, expected {wanted}")
        check_text(block, "EXPECT", "standard output", output)
        check_text(block, "STDERR", "standard error", errors)
        if "JSON" in block:
            try:
                document = json.loads(output)
            except json.JSONDecodeError as error:
                raise Failure(f"standard output is not JSON: {error}") from None
            for text in block["JSON"]:
                check_json(document, text)
    except Failure as failure:
        raise Failure(f"{failure}\n--- standard output\n{output[-3000:]}--- standard error\n{errors[-3000:]}") from None


def environment_for(binary, tools):
    (tools / "anynpu").symlink_to(binary)
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    models = pathlib.Path(data) / "anynpu" / "models"
    canary = next(iter(sorted((models / FIRST_PACKAGE).glob("canary.*"))), None)
    if canary is None:
        raise SystemExit(f"{models / FIRST_PACKAGE} has no canary picture: run `make test`, which gets the models")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANYNPU_")}
    environment.update(PATH=f"{tools}:{environment['PATH']}", LC_ALL="C.UTF-8", MODELS=str(models),
                       CANARY=str(canary), SOURCE=str(SOURCE), ANYNPU_MACHINE=str(MACHINE),
                       SIM=str(binary.parent.parent / "lib" / "anynpu" / "sim"))
    return environment


def main():
    arguments = argparse.ArgumentParser(description="Runs the command line tests.")
    arguments.add_argument("--binary", required=True, type=pathlib.Path)
    arguments.add_argument("--filter", default="", help="only blocks whose name contains this")
    arguments.add_argument("files", nargs="*", type=pathlib.Path)
    options = arguments.parse_args()
    files = options.files or sorted(HERE.glob("*.test"))
    blocks = [(path, block) for path in files for block in parse(path)]
    names = set()
    for path, block in blocks:
        if (path, block["NAME"][0]) in names:
            raise SystemExit(f"{block['where']}: a second block named '{block['NAME'][0]}'")
        names.add((path, block["NAME"][0]))

    count, failed = 0, []
    with tempfile.TemporaryDirectory(prefix="anynpu-cli-") as base:
        base = pathlib.Path(base)
        tools = base / "bin"
        tools.mkdir()
        environment = environment_for(options.binary.resolve(strict=True), tools)
        for path, block in blocks:
            name = block["NAME"][0]
            if options.filter not in name:
                continue
            count += 1
            folder = base / f"block-{count}"
            folder.mkdir()
            start = time.monotonic()
            try:
                run_block(block, environment, folder)
                print(f"ok      {path.stem}: {name} ({time.monotonic() - start:.2f} s)", flush=True)
            except Failure as failure:
                failed.append(name)
                print(f"FAILED  {path.stem}: {name} ({block['where']})\n        {block['RUN'][0]}\n{failure}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    print(f"{count - len(failed)} of {count} passed" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())

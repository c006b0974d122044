#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the documentation to the program and to the tree of files, so that neither goes stale alone.

    tests/docs/check.py --binary build/release/bin/anynpu [FILE.md ...]

In every .md file, in the examples of every --help, and the first of them also in scripts and units:
  - every `anynpu COMMAND` is a command, its --flags and operands are those of its --help, and a machine of `sim` is there;
  - links within the repository lead to files that are there, and anchors to headings;
  - `make build` makes every file of build/release/lib/anynpu that is named;
  - every `make TARGET`, `tools/PROGRAM`, `build/release/bin/PROGRAM` and file that is named is there;
  - every variable ANYNPU_... is read somewhere, every --gtest_filter selects a test, every finding is known.
And every command has an example in its --help.

Before it believes itself it checks a text in which each of these is wrong.
"""
import argparse
import fnmatch
import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
# Flags of other programs that are named without them.
FOREIGN_FLAGS = {"--device", "--ulimit", "--group-add", "--stop-timeout", "--target_hardware"}
SOURCES = ("src", "sim", "plugins", "tests", "bench", "tools", "cmake", "Makefile", "CMakeLists.txt", ".ci")
# What a text may name in the tree: from the top, or below src/ as the design writes it.
NAMED_FILE = re.compile(r"^(?:[\w.@-]+/)+[\w.@-]+\.(?:cpp|h|py|md|toml|service|sh|json|yml|test|c|mjs)$")
# Files that a text makes, or that are on other machines.
NOT_HERE = re.compile(r"^(?:etc|usr|var|run)/|NAME|FAMILY")


class Program:
    """The tree of commands, from --help."""

    def __init__(self, binary):
        self.binary = binary

    @functools.lru_cache(maxsize=None)
    def help(self, command):
        """The help of a command such as ("models", "pull"); None when there is none."""
        text = subprocess.run([self.binary, *command, "--help"], capture_output=True, text=True,
                              timeout=120).stdout
        return text if f"Usage: {' '.join(['anynpu', *command])} " in text else None

    def below(self, command):
        text = self.help(command) or ""
        section = re.search(r"^Commands:\n((?:  .*\n)*)", text, re.M)
        return re.findall(r"^  ([\w-]+)  ", section[1], re.M) if section else []

    def takes_operands(self, command):
        return re.search(r"^Usage: [\w -]+\[OPTIONS\] \S", self.help(command), re.M) is not None

    @functools.lru_cache(maxsize=None)
    def parts(self):
        """The files below lib/anynpu that `make build` makes."""
        target = re.search(r"^build:.*\n(?:\t.*\n)*?\t@\$\(program\)(.*)", (TOP / "Makefile").read_text(), re.M)
        build = pathlib.Path(self.binary).resolve().parents[1]
        made = subprocess.run(["ninja", "-C", build, "-t", "commands", "anynpu", *target[1].split()],
                              capture_output=True, text=True, check=True).stdout
        return re.findall(r" -o lib/anynpu/(\S+)", made)

    @functools.lru_cache(maxsize=None)
    def variables(self):
        """Those of the server's options."""
        text = subprocess.run([self.binary, "config", "reference"], capture_output=True, text=True, check=True).stdout
        return frozenset(re.findall(r"`(ANYNPU_\w+)`", text))

    @functools.lru_cache(maxsize=None)
    def flags(self, command):
        return frozenset(re.findall(r"(?<![\w-])--?[a-z][\w-]*", self.help(command) or ""))

    def all(self, command=()):
        yield command
        for name in self.below(command):
            yield from self.all(command + (name,))


def words(line):
    """A shell line's words up to a comment or the end of the command."""
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>()")
        lexer.whitespace_split = True
        found = list(lexer)
    except ValueError:
        found = line.split()
    for i, word in enumerate(found):
        if re.fullmatch(r"[|;&<>()]+", word):
            return found[:i]
    return found


def is_placeholder(word):
    return word in ("...", "…", "$@") or word.startswith("...") or re.fullmatch(r"[A-Z_.\[\]|-]+", word) is not None


def wrong_command(program, arguments):
    """What is wrong with `anynpu ARGUMENTS`; empty when nothing is."""
    command = ()
    i = 0
    while i < len(arguments):
        word = arguments[i]
        if word == "--" and command == ("sim",):
            rest = arguments[i + 1:]
            below = program.below(())
            return wrong_command(program, rest) if rest and rest[0] in below else ""
        if word.startswith("-") and len(word) > 1:
            flag = word.split("=")[0]
            if not is_placeholder(word) and flag not in program.flags(command):
                return f"anynpu {' '.join(command)} has no option {flag}"
        elif program.below(command) or not command:
            if is_placeholder(word):
                return ""
            if program.help(command + (word,)) is None:
                # An operand: only engines has both commands and a use of its own.
                return f"there is no command 'anynpu {' '.join(command + (word,))}'"
            command += (word,)
        elif command == ("sim",) and not is_placeholder(word) and arguments[i - 1] == "sim":
            if not (TOP / "sim/machines" / f"{word.split(',')[0]}.machine").is_file():
                return f"there is no machine {word} in sim/machines"
        elif not (is_placeholder(word) or program.takes_operands(command) or arguments[i - 1].startswith("-")):
            return f"anynpu {' '.join(command)} takes no '{word}'"
        i += 1
    return ""


def anynpu_calls(line):
    """The arguments of each call of anynpu in a line of the shell."""
    before = r"(?:^|[;|&(])\s*(?:\$ |sudo |exec |source |nice (?:-n \d+ )?|chrt -\w \d+ |\w+=\S+ )*<?\(?"
    for found in re.finditer(before + r"(?:[\w./]*/)?anynpu (?=[\w.-])([^`]*)", line):
        yield words(re.split(r"\s#|  +(?=[a-z])", found[1], maxsplit=1)[0])


@functools.lru_cache(maxsize=None)
def source_text():
    files = []
    for name in SOURCES:
        path = TOP / name
        files += [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return "\n".join(p.read_text(errors="ignore") for p in files
                     if p.suffix in {".cpp", ".h", ".c", ".py", ".mjs", ".cmake", ".txt", ".sh", "", ".test"})


@functools.lru_cache(maxsize=None)
def tests_of_the_sources():
    """Suite.Name, and as parameterised tests are called."""
    text = source_text()
    names = {f"{suite}.{name}" for suite, name in
             re.findall(r"^(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", text, re.M)}
    for prefix, suite in re.findall(r"INSTANTIATE_TEST_SUITE_P\(\s*(\w*),\s*(\w+)", text):
        names |= {f"{prefix}/{n}/0" for n in list(names) if n.startswith(suite + ".")}
    return names


@functools.lru_cache(maxsize=None)
def make_targets():
    return frozenset(re.findall(r"^([a-z][\w-]*):", (TOP / "Makefile").read_text(), re.M))


@functools.lru_cache(maxsize=None)
def findings():
    return frozenset(re.findall(r"^### (\S+)$", (TOP / "docs/findings.md").read_text(), re.M))


def program_is_built(name):
    if name == "anynpu" or re.search(rf"add_executable\(\s*{re.escape(name)}\b", source_text()):
        return True
    folder = name.removesuffix("_test")
    return name.endswith(("_test", "_bench")) and (
        (TOP / "src" / folder).is_dir() or any(TOP.glob(f"bench/**/{name}.cpp")))


def slug(heading):
    """GitHub's anchor of a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", text.replace("`", "")).replace(" ", "-")


def anchors(path):
    found, fence = {}, False
    for line in path.read_text().splitlines():
        fence ^= line.lstrip().startswith("```")
        if not fence and (heading := re.match(r"#+ (.*)", line)):
            name = slug(heading[1])
            found[name] = found.get(name, -1) + 1
    return {n if k == 0 else f"{n}-{k}" for n, last in found.items() for k in range(last + 1)}


def pieces(text):
    """(line number, prose without code, pieces of code) for each line of Markdown."""
    fence = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fence = not fence
        elif fence:
            yield number, "", [line.removeprefix("$ ")]
        else:
            yield number, re.sub(r"`[^`]*`", "``", line), re.findall(r"`([^`]+)`", line)


def wrong_link(path, target):
    if re.match(r"[a-z]+:", target):
        return ""
    name, _, anchor = target.partition("#")
    file = (path.parent / name).resolve() if name else path
    if not file.exists():
        return f"the link {target} leads to nothing"
    if anchor and file.suffix == ".md" and anchor not in anchors(file):
        return f"the link {target} leads to a heading that is not there"
    return ""


def wrong_code(program, code):
    for arguments in anynpu_calls(code):
        yield wrong_command(program, arguments)
    lone = re.fullmatch(r"(--[a-z][\w-]*)(?:[ =].*)?", code)
    if lone and lone[1] not in FOREIGN_FLAGS and not any(
            lone[1] in program.flags(c) for c in program.all()):
        yield f"no command has the option {lone[1]}"
    for target in re.findall(r"(?:^|[\s;&(])make ([a-z][\w-]*)", code.split(" #")[0]):
        yield "" if target in make_targets() else f"there is no 'make {target}'"
    for name in re.findall(r"build/\w+/bin/([\w-]+)", code):
        yield "" if program_is_built(name) else f"nothing builds {name}"
    for name in re.findall(r"build/release/lib/anynpu/([\w./-]*\w)", code):
        made = any(part == name or part.startswith(name + "/") for part in program.parts())
        yield "" if made else f"'make build' makes no lib/anynpu/{name}"
    for name in re.findall(r"(?<![\w/.-])((?:tools|\.ci|bench|deploy|sim/machines)/[\w@./-]*[\w])", code):
        if "NAME" not in name and not (TOP / name).exists():
            yield f"there is no {name}"
    for word in code.split():
        word = word.strip("'\"():,;")
        if NAMED_FILE.match(word) and not NOT_HERE.search(word) and not any(
                (TOP / part / word).exists() for part in ("", "src", "deploy/container", "docs")):
            if (TOP / word.split("/")[0]).is_dir() or (TOP / "src" / word.split("/")[0]).is_dir():
                yield f"there is no file {word}"
    for name in re.findall(r"\bANYNPU_[A-Z0-9_]*[A-Z0-9]\b", code):
        yield "" if name in program.variables() or name in source_text() else f"nothing reads {name}"
    for quoted in re.findall(r"--gtest_filter=['\"]?([^'\"\s`]+)", code):
        for pattern in quoted.split(":"):
            if not any(fnmatch.fnmatchcase(test, pattern) for test in tests_of_the_sources()):
                yield f"--gtest_filter={pattern} selects no test"
    for name in re.findall(r"\b(?:RK|ROCKET|AX|XD)-[A-Z0-9][A-Z0-9-]+[A-Z0-9]\b", code):
        yield "" if name in findings() else f"there is no finding {name}"


def check_script(program, path):
    """A script's, a Makefile's or a unit's calls of anynpu; also those in comments, which are indented there."""
    for number, line in enumerate(path.read_text().splitlines(), 1):
        line = re.sub(r"^(?:#  +|Exec\w+=-?|\t@)", "", line)
        line = re.sub(r'"\$anynpu"|\$\(anynpu\)', "anynpu", line)
        for arguments in anynpu_calls("" if line.startswith("#") else line):
            if problem := wrong_command(program, arguments):
                yield f"{os.path.relpath(path, TOP)}:{number}: {problem}"


def check_file(program, path):
    if path.suffix != ".md":
        yield from check_script(program, path)
        return
    for number, prose, codes in pieces(path.read_text()):
        problems = [wrong_link(path, target) for target in re.findall(r"\]\(([^)\s]+)\)", prose)]
        for mention in re.findall(r"(?<![\w/(])docs/[\w-]+\.md", prose):
            problems.append("" if (TOP / mention).is_file() else f"there is no {mention}")
        # A history may name what is gone.
        if path.name != "CHANGELOG.md":
            for code in codes:
                problems += wrong_code(program, code)
        for problem in filter(None, problems):
            yield f"{os.path.relpath(path, TOP)}:{number}: {problem}"


def check_helps(program):
    for command in program.all():
        text = program.help(command)
        name = " ".join(["anynpu", *command])
        if "Examples:" not in text and "Example:" not in text and "Start here:" not in text:
            yield f"{name} --help has no example"
        if command and "Start here:" in text:
            yield f"{name} --help has the examples of anynpu itself"
        for line in re.findall(r"^  (.*anynpu .*)$", text, re.M):
            for arguments in anynpu_calls(line):
                if problem := wrong_command(program, arguments):
                    yield f"{name} --help: {problem}"


WRONG = {
    "[a](missing.md)": "leads to nothing",
    "[a](#no-such-heading)": "not there",
    "`anynpu runn cat.jpg`": "no command 'anynpu runn'",
    "`anynpu models fetch`": "no command 'anynpu models fetch'",
    "`anynpu serve --port 80 mobilenet_v1`": "anynpu serve takes no 'mobilenet_v1'",
    "`anynpu run m p --fast`": "anynpu run has no option --fast",
    "`anynpu sim no-such-board -- doctor`": "no machine no-such-board",
    "`anynpu sim rk3588-vendor -- doctor --quickly`": "anynpu doctor has no option --quickly",
    "`--no-such-flag`": "no command has the option --no-such-flag",
    "`make everything`": "no 'make everything'",
    "`tools/no-such-tool`": "no tools/no-such-tool",
    "`build/release/bin/nothing_test`": "nothing builds nothing_test",
    "`build/release/lib/anynpu/sim/none.so`": "'make build' makes no lib/anynpu/sim/none.so",
    "`server/no_such.cpp`": "no file server/no_such.cpp",
    "`ANYNPU_NO_" + "SUCH_VARIABLE`": "nothing reads",
    "`ANYNPU_SERVE_NO_" + "SUCH_OPTION=1`": "nothing reads",
    "`x --gtest_filter='NoSuch" + "Suite*'`": "selects no test",
    "`RK-NO-SUCH-FINDING`": "no finding RK-NO-SUCH-FINDING",
    "see docs/no-such.md": "no docs/no-such.md",
}
WRONG_SCRIPTS = {
    '  "$anynpu" serve --port "$port" "$model" >log 2>&1 &': "anynpu serve takes no '$model'",
    "ExecStart=/usr/bin/anynpu serf": "no command 'anynpu serf'",
    "#   sudo anynpu models fetch": "no command 'anynpu models fetch'",
    "\t@$(anynpu) doctor --quickly": "anynpu doctor has no option --quickly",
}


def prove_that_it_fails(program):
    with tempfile.TemporaryDirectory() as folder:
        for text, expected in [*WRONG.items(), *WRONG_SCRIPTS.items()]:
            path = pathlib.Path(folder) / ("wrong.md" if text in WRONG else "wrong")
            path.write_text(f"# Heading\n\n{text}\n")
            found = list(check_file(program, path))
            if len(found) != 1 or expected not in found[0]:
                yield f"{text}: expected one problem with {expected!r}, found {found}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    options = parser.parse_args()
    program = Program(options.binary)
    files = [f.resolve() for f in options.files] or sorted(
        [*TOP.glob("*.md"), *TOP.glob("docs/**/*.md"), *TOP.glob("deploy/**/*.md"), *TOP.glob("deploy/**/*.s[eh]*"),
         *TOP.glob("tools/*"), TOP / "Makefile"])
    problems = list(prove_that_it_fails(program))
    problems += list(check_helps(program))
    for file in files:
        problems += check_file(program, file)
    print("\n".join(problems + [f"{len(files)} files, {len(list(program.all()))} commands: "
                                f"{len(problems) or 'no'} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own, does things to it, and tells what became of both.

    terminal.py COLUMNSxROWS STEP... -- COMMAND...

A STEP is `see=REGEX` (waits until the screen shows it, and prints the screen), `key=TEXT` (\\x03 is Ctrl-C),
`size=COLUMNSxROWS`, `signal=NAME` or `stopped` (waits until a signal has stopped it, and the terminal must be given
back then). At the end: the exit code, the widest line that was ever drawn within the last size, and whether the
terminal is as it was before.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

LIMIT = 60  # seconds, for what hangs


def set_size(fd, text):
    columns, rows = (int(part) for part in text.split("x"))
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    return columns, rows


class Screen:
    """As much of a terminal as the command may use: anything else in the stream is an error."""

    def __init__(self):
        self.lines, self.row, self.column = [""], 0, 0
        self.second, self.cursor, self.widest = False, True, 0
        self.rest = ""

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        while text:
            if text[0] == "\x1b":
                found = re.match(r"\x1b\[(\??[0-9;]*)([A-Za-z])", text)
                if not found:
                    if len(text) < 16:
                        self.rest = text
                        return
                    raise SystemExit(f"an unknown sequence: {text[:16]!r}")
                self.control(found[1], found[2])
                text = text[found.end():]
                continue
            if text[0] == "\r":
                self.column = 0
            elif text[0] == "\n":
                self.row += 1
                while len(self.lines) <= self.row:
                    self.lines.append("")
            else:
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[:self.column] + text[0] + line[self.column + 1:]
                self.column += 1
                self.widest = max(self.widest, self.column)
            text = text[1:]

    def control(self, argument, what):
        if what == "H" and not argument:
            self.row, self.column = 0, 0
        elif what == "K" and not argument:
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif what == "J":
            if argument == "2":
                self.lines = [""] * len(self.lines)
            self.lines[self.row] = self.lines[self.row][:self.column]
            del self.lines[self.row + 1:]
        elif argument == "?1049" and what in "hl":
            self.second = what == "h"
            self.lines, self.row, self.column = [""], 0, 0
        elif argument == "?25" and what in "hl":
            self.cursor = what == "h"
        else:
            raise SystemExit(f"an unknown sequence: {argument}{what}")

    def text(self):
        return "\n".join(line.rstrip() for line in self.lines)


def main():
    end = sys.argv.index("--")
    size, steps, command = sys.argv[1], sys.argv[2:end], sys.argv[end + 1:]
    master, slave = pty.openpty()
    set_size(slave, size)
    before = termios.tcgetattr(slave)
    child = os.fork()
    if child == 0:
        os.close(master)
        os.login_tty(slave) if hasattr(os, "login_tty") else login(slave)
        os.environ["TERM"] = "xterm"
        os.execvp(command[0], command)
    screen = Screen()
    limit = time.monotonic() + LIMIT

    def pump(seconds):
        if not select.select([master], [], [], seconds)[0]:
            return True
        try:
            data = os.read(master, 65536)
        except OSError:
            return False
        screen.feed(data.decode(errors="replace"))
        return bool(data)

    def drain():
        while select.select([master], [], [], 0)[0] and pump(0):
            pass

    for step in steps:
        verb, _, value = step.partition("=")
        if verb == "see":
            while not re.search(value, screen.text()):
                if time.monotonic() > limit or not pump(0.05):
                    raise SystemExit(f"never seen: {value}\n{screen.text()}")
            print(screen.text())
        elif verb == "key":
            os.write(master, value.encode().decode("unicode_escape").encode())
        elif verb == "size":
            screen.lines, screen.row, screen.column, screen.widest = [""], 0, 0, 0
            set_size(slave, value)
            os.kill(child, signal.SIGWINCH)  # as the kernel does for the foreground
        elif verb == "signal":
            os.kill(child, getattr(signal, "SIG" + value))
        elif verb == "stopped":  # a shell, too, has a process go on only after it has stopped
            while os.waitid(os.P_PID, child, os.WSTOPPED | os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                pump(0.02)
                if time.monotonic() > limit:
                    os.kill(child, signal.SIGKILL)
                    raise SystemExit("it does not stop")
            drain()
            if screen.second or not screen.cursor:
                raise SystemExit("it has stopped and kept the terminal")
        else:
            raise SystemExit(f"no such step: {step}")
    while True:
        pump(0.02)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > limit:
            os.kill(child, signal.SIGKILL)
            raise SystemExit("it does not end")
    drain()
    how = os.waitstatus_to_exitcode(status)
    print(f"ended with {how}")
    print(f"widest line {screen.widest}")
    same = termios.tcgetattr(slave) == before
    print("the terminal is as before" if same and screen.cursor and not screen.second else
          f"the terminal is changed: settings {same}, cursor {screen.cursor}, first screen {not screen.second}")


def login(slave):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(slave, fd)
    if slave > 2:
        os.close(slave)


main()

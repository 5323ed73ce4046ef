# SPDX-License-Identifier: Apache-2.0
"""A collector as tests run it: started on free ports, watched, ended in order, and its account."""
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import conftest


def free_port(kind=socket.SOCK_DGRAM, family=socket.AF_INET):
    """A port that nobody has at the moment."""
    with socket.socket(family, kind) as s:
        s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
        return s.getsockname()[1]


def flows_there(earlgrey, count, place="data"):
    """Waits until the dataset has so many flows."""
    until = time.monotonic() + 60
    while True:
        done = earlgrey.run("sql", "-q", "-d", place, "select count(*) as n from flows", "--json")
        if done.returncode == 0 and int(json.loads(done.stdout)[0]["n"]) >= count:
            return
        assert time.monotonic() < until, done.stdout + done.stderr
        time.sleep(0.05)


def allowed(seconds):
    """What is promised in seconds is promised of a machine that has nothing else to do: where more runs
    than there are cores, it takes longer by as much."""
    return seconds * max(1, os.getloadavg()[0] / (os.cpu_count() or 1))


class Collector:
    """`earlgrey ingest` on something live; use it in a with statement. `namespace`: the network it is in."""

    def __init__(self, earlgrey, *words, env=None, namespace=None):
        inside = ["ip", "netns", "exec", namespace] if namespace else []  # it becomes the command
        self.words = [*inside, str(conftest.EARLGREY), "ingest", *map(str, words), "--json"]
        self.home = earlgrey.home
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8",
                    "TZ": "UTC", "ASAN_OPTIONS": "detect_leaks=0", **(env or {})}
        self.lines = []
        self.child = None
        self.account = None
        self.watcher = None

    def __enter__(self):
        self.child = subprocess.Popen(self.words, cwd=self.home, env=self.env, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.watcher = threading.Thread(target=self._watch, daemon=True)
        self.watcher.start()
        self.wait_for(r"listening on|capturing on|watching")
        return self

    def _watch(self):
        for line in self.child.stderr:
            self.lines.append(line)

    def wait_for(self, pattern, seconds=60):
        """Waits until a line of standard error says so."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if any(re.search(pattern, line) for line in list(self.lines)):
                return
            if self.child.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no line like {pattern!r}: {''.join(self.lines)}")

    def signal(self, number):
        """Sends a signal."""
        self.child.send_signal(number)

    def end(self, code=0, seconds=60):
        """Asks it to end in order; its account."""
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGTERM)
        out = self.child.stdout.read()
        assert self.child.wait(seconds) == code, f"exit {self.child.returncode}: {''.join(self.lines)}"
        self.account = json.loads(out)
        return self.account

    def __exit__(self, kind, value, trace):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait(20)
        self.watcher.join(5)
        self.child.stdout.close()
        self.child.stderr.close()


def installed(name):
    """The path of a program of the system; None where it is missing."""
    for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        if pathlib.Path(folder, name).exists():
            return f"{folder}/{name}"
    return None

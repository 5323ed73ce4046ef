# SPDX-License-Identifier: Apache-2.0
"""A wire of the test's own: two network namespaces' worth of nothing, joined by a veth pair, so that
every packet on it is one that the test sent, and the kernel's own counters can be held against ours."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
from conftest import ROOT, PRESET

LIVE_RUN = ROOT / "build" / PRESET / "tests" / "system" / "live_run"


def output_of(*words):
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout


def command_of(pid):
    """What a process runs; "" where it is gone."""
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


class Log:
    """What a program says while it runs: to be given to it as its standard error."""

    def __init__(self):
        self.file = tempfile.TemporaryFile()

    def fileno(self):
        return self.file.fileno()

    def text(self):
        """All so far."""
        return os.pread(self.fileno(), os.fstat(self.fileno()).st_size, 0).decode()


class Wire:
    """The interfaces eg0 (where packets are sent) and eg1 (where they are captured)."""

    def __init__(self, name):
        self.name = name

    def run(self, *words, check=True, **more):
        """A command inside, to its end."""
        return subprocess.run(["ip", "netns", "exec", self.name, *map(str, words)], capture_output=True, text=True,
                              check=check, timeout=60, **more)

    def start(self, *words, **more):
        """A command inside, running. It is this process's child: `ip` becomes the command."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, words)], text=True,
                                **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more})

    def received(self, interface="eg1"):
        """Packets that arrived, by the interface's own counter."""
        for line in self.run("cat", "/proc/net/dev").stdout.splitlines():
            if line.strip().startswith(interface + ":"):
                return int(line.split()[2])
        raise KeyError(interface)

    def listening(self):
        """Whether anything in here has opened an interface or a UDP port."""
        tables = self.run("cat", "/proc/net/packet", "/proc/net/udp").stdout.splitlines()
        return len(tables) > 2  # a heading each

    def pids(self, command):
        """The processes in here that run this command."""
        found = output_of("ip", "netns", "pids", self.name).split()
        return [int(pid) for pid in found if command_of(pid) == command]

    def replay(self, capture, *options):
        """Sends a capture's packets, each once unless told otherwise."""
        self.run("tcpreplay", "-q", "-i", "eg0", *options, capture)


def refused(reason):
    """Skips; where tests must run, fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def wire():
    """A wire; gone afterwards, with everything that still runs on it."""
    for program in ("ip", "tcpreplay"):
        if not shutil.which(program):
            refused(f"{program} is not installed (tools/install-packages test)")
    name = f"eg-test-{os.getpid()}-{time.monotonic_ns() % 1000000}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode:
        refused(f"no network namespace may be made here: {made.stderr.strip()}")
    try:
        subprocess.run(["ip", "-n", name, "link", "add", "eg0", "type", "veth", "peer", "name", "eg1"], check=True)
        for interface in ("lo", "eg0", "eg1"):
            path = f"/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"
            subprocess.run(["ip", "netns", "exec", name, "sh", "-c", f"[ ! -e {path} ] || echo 1 >{path}"], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", interface, "up"], check=True)
        yield Wire(name)
    finally:
        for pid in output_of("ip", "netns", "pids", name).split():
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        subprocess.run(["ip", "netns", "del", name], check=False)


def wait_for(truth, seconds=60.0):
    """Waits until truth() holds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if truth():
            return
        time.sleep(0.05)
    raise AssertionError("waited in vain")


def captures_in(directory):
    """Finished capture files below the directory, oldest name first."""
    return sorted(p for p in pathlib.Path(directory).rglob("*.pcap*") if not p.name.startswith("."))


def packets_in(paths):
    """How many packets the files hold, by capinfos, which must find nothing wrong with them."""
    total = 0
    for path in paths:
        text = subprocess.run(["capinfos", "-M", "-r", "-T", "-c", str(path)], capture_output=True, text=True, check=True).stdout
        total += int(text.split()[-1])
    return total

# SPDX-License-Identifier: Apache-2.0
"""The spool and the listener against kill -9 and a full disk, with numbered datagrams over loopback.
EG_KILLS says how often to kill (default 40)."""
import array
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import PRESET, ROOT
from live import allowed
from small_disk import mounted

DRIVER = ROOT / "build" / PRESET / "tests" / "system" / "spool_driver"
KILLS = int(os.environ.get("EG_KILLS", "40"))
DATAGRAM = b"x" * 1200


class Sender(threading.Thread):
    """Sends numbered datagrams, some twenty thousand a second, until told to stop."""

    def __init__(self, port, first, pause=0.001):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = ("127.0.0.1", port)
        self.next, self.pause, self.over = first, pause, threading.Event()

    def run(self):
        while not self.over.is_set():
            for _ in range(20):
                self.socket.sendto(self.next.to_bytes(8, "little") + DATAGRAM, self.address)
                self.next += 1
            time.sleep(self.pause)

    def stop(self):
        """The number after the last one sent."""
        self.over.set()
        self.join()
        self.socket.close()
        return self.next


def start(*words, env=None):
    return subprocess.Popen([str(DRIVER), *map(str, words)], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, env=env)


def line(process):
    text = process.stdout.readline()
    assert text, f"the driver ended: {process.wait()}"
    return json.loads(text)


def numbers(blob):
    out = array.array("Q")
    out.frombytes(blob)
    return out.tolist()


def dump(directory):
    return numbers(subprocess.run([str(DRIVER), "dump", str(directory)], check=True,
                                  capture_output=True).stdout)


def test_what_was_acknowledged_survives_kills(tmp_path):
    """Every datagram that was in the spool when a sync began that ended is there, once, in order."""
    chance, first, durable_min = random.Random(1), 0, 0
    for _ in range(KILLS):
        process = start("receive", tmp_path / "spool", 8 << 20)
        said = line(process)
        sender = Sender(said["port"], first)
        sender.start()
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        for text in process.communicate()[0].splitlines():
            if text.endswith("}"):
                durable_min = max(durable_min, json.loads(text)["durable"])
        first = sender.stop()
    stored = dump(tmp_path / "spool")
    assert len(stored) == len(set(stored))
    assert stored == sorted(stored)
    assert len(stored) >= durable_min > 0


def test_a_sink_has_everything_once_after_kills(tmp_path):
    """A reader that keeps rows and positions as a sink does, killed at any moment: in the end it has
    exactly what the spool has."""
    chance, first, damaged = random.Random(2), 0, 0
    for _ in range(KILLS):
        process = start("keep", tmp_path / "spool", tmp_path / "out")
        sender = Sender(line(process)["port"], first)
        sender.start()
        time.sleep(chance.uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        first = sender.stop()
    process = start("keep", tmp_path / "spool", tmp_path / "out")
    sender = Sender(line(process)["port"], first)
    sender.start()
    time.sleep(0.3)
    sender.stop()
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    damaged = json.loads(text.splitlines()[-1])["damaged"]
    kept, stored = numbers((tmp_path / "out").read_bytes()), dump(tmp_path / "spool")
    assert kept == stored
    assert len(kept) == len(set(kept)) > 1000
    assert damaged <= KILLS  # a torn tail each at most


@pytest.mark.skipif(PRESET in ("asan", "tsan"), reason="a sanitizer's runtime must be loaded first")
def test_killed_at_every_call(tmp_path):
    """As above, killed after each call that changes a file: of the spool, of its id, of what is kept."""
    library = tmp_path / "kill_at.so"
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", library,
                    ROOT / "tests" / "system" / "kill_at.c", "-ldl"], check=True)
    work = tmp_path / "work"
    work.mkdir()
    first, killed = 0, 0
    for at in range(1, 60):
        env = dict(os.environ, LD_PRELOAD=str(library), EG_KILL_ROOT=str(work), EG_KILL_AT=str(at))
        process = start("keep", work / "spool", work / "out", env=env)
        text = process.stdout.readline()
        if text:
            sender = Sender(json.loads(text)["port"], first)
            sender.start()
        process.wait(60)
        killed += process.returncode == -signal.SIGKILL
        process.communicate()
        if text:
            first = sender.stop()
    assert killed == 59
    process = start("keep", work / "spool", work / "out")
    process.communicate(timeout=60)
    assert process.returncode == 0
    kept, stored = numbers((work / "out").read_bytes()), dump(work / "spool")
    assert kept == stored
    assert len(kept) == len(set(kept)) > 1000


def test_a_second_process_is_told(tmp_path):
    first = start("receive", tmp_path / "spool", 8 << 20)
    line(first)
    second = subprocess.run([str(DRIVER), "receive", str(tmp_path / "spool"), "0"],
                            capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    assert second.returncode == 1
    assert f"in use by another earlgrey (process {first.pid})" in second.stderr
    first.communicate()
    assert first.returncode == 0


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path):
    with mounted(tmp_path / "disk", "16m") as disk:
        yield disk


def wait_for(process, what, seconds):
    """The first line for which `what` holds, and how long it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        said = line(process)
        if what(said):
            return said, time.monotonic() - began
    raise AssertionError(f"not within {seconds} s: {said}")


@pytest.mark.parametrize("seed", range(3))
def test_a_full_disk_is_counted_and_left_behind(small_disk, seed):
    chance = random.Random(seed)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(chance.randrange(6 << 20, 12 << 20)))
    process = start("receive", small_disk / "spool", 1 << 20)
    sender = Sender(line(process)["port"], 0)
    sender.start()
    wait_for(process, lambda c: c["stuck"] and c["spool_dropped"] > 0, 60)
    time.sleep(chance.uniform(0, 1))
    filler.unlink()
    before = line(process)
    said, took = wait_for(process, lambda c: not c["stuck"] and c["sequence"] > before["sequence"], 60)
    assert took < allowed(5), said
    sent = sender.stop()
    text = process.communicate(timeout=60)[0]
    end = json.loads(text.splitlines()[-1])
    assert end["received"] + end["kernel"] == sent
    assert end["sequence"] + end["spool_dropped"] + end["queue_dropped"] == end["received"]
    stored = dump(small_disk / "spool")
    assert len(stored) == end["sequence"] and stored == sorted(set(stored))

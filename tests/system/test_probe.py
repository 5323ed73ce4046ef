# SPDX-License-Identifier: Apache-2.0
"""The probe: packets of an interface as a capture on standard output, each at once, into tshark; a bound on
their number; lines in their place; an orderly end. And packets sent out of an interface, counted by the
interface itself. On a wire of the test's own."""
import json
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import time

import pytest
from conftest import EARLGREY
from lone_wire import refused, wait_for, wire  # noqa: F401


def frames_in(data):
    """The frames of a little-endian pcap, in order."""
    assert data[:4] == b"\x4d\x3c\xb2\xa1" or data[:4] == b"\xd4\xc3\xb2\xa1"
    found, at = [], 24
    while at < len(data):
        [size] = struct.unpack_from("<I", data, at + 8)
        found.append(data[at + 16:at + 16 + size])
        at += 16 + size
    return found


class Probe:
    """`earlgrey ingest iface:… --to pcap:-`, its standard output in our hands."""

    def __init__(self, wire, *words, source="iface:eg1", sink="pcap:-", folder):  # noqa: F811
        self.log = open(folder / "probe.log", "w+", encoding="utf-8")
        self.child = subprocess.Popen(["ip", "netns", "exec", wire.name, EARLGREY, "ingest", source, "--to", sink,
                                       *words], cwd=folder, stdout=subprocess.PIPE, stderr=self.log)
        wait_for(lambda: "capturing on" in self.logged())

    def logged(self):
        """What it said so far."""
        self.log.seek(0)
        return self.log.read()

    def read(self, size, seconds=60):
        """So many bytes, as they come."""
        got = b""
        until = time.monotonic() + seconds
        while len(got) < size and time.monotonic() < until:
            if select.select([self.child.stdout], [], [], 0.2)[0]:
                got += os.read(self.child.stdout.fileno(), size - len(got))
        return got

    def end(self, number=signal.SIGINT):
        """An orderly end: the rest of its output."""
        self.child.send_signal(number)
        rest = self.child.stdout.read()
        assert self.child.wait(60) == 0, self.logged()
        return rest


def test_each_packet_at_once_and_an_orderly_end(wire, packets, tmp_path):  # noqa: F811
    want = frames_in(packets[0].read_bytes())
    probe = Probe(wire, folder=tmp_path)
    for number in range(3):
        single = tmp_path / "single.pcap"
        single.write_bytes(packets[0].read_bytes()[:24] + b"\0" * 8 + struct.pack("<II", *[len(want[number])] * 2)
                           + want[number])
        wire.run(EARLGREY, "replay", single, "iface:eg0")
        got = probe.read((24 if number == 0 else 0) + 16 + len(want[number]))
        assert got.endswith(want[number]) and len(got) == (24 if number == 0 else 0) + 16 + len(want[number])
    wire.run(EARLGREY, "replay", "--pps", "20000", "--count", "500", packets[0], "iface:eg0")
    rest = probe.read(sum(16 + len(frame) for frame in want[:500])) + probe.end()
    assert frames_in(got[:0] + packets[0].read_bytes()[:24] + rest) == want[:500]
    assert re.search(r"read +503 packets", probe.logged())


def test_so_many_packets_into_tshark(wire, packets, tmp_path):  # noqa: F811
    want, said = frames_in(packets[0].read_bytes()), tmp_path / "said"
    command = f"{EARLGREY} ingest 'iface:eg1?max-packets=700' --to pcap:- 2>said | tshark -n -r - -T fields -e frame.len"
    child = wire.start("sh", "-c", command, cwd=tmp_path)
    wait_for(lambda: "capturing on" in (said.read_text() if said.exists() else ""))
    wire.run(EARLGREY, "replay", "--pps", "20000", "--count", "1000", packets[0], "iface:eg0")
    out, _ = child.communicate(timeout=60)
    assert [int(line) for line in out.split()] == [len(frame) for frame in want[:700]]
    assert re.search(r"read +700 packets", said.read_text())


def test_a_snapshot_length_and_a_filter(wire, packets, tmp_path):  # noqa: F811
    probe = Probe(wire, source="iface:eg1?snaplen=64&bpf=tcp&max-packets=100", folder=tmp_path)
    wire.run(EARLGREY, "replay", "--pps", "20000", "--count", "1000", packets[0], "iface:eg0")
    data = probe.child.stdout.read()
    assert probe.child.wait(60) == 0
    frames = frames_in(data)
    assert len(frames) == 100 and max(map(len, frames)) == 64 and all(frame[23] == 6 for frame in frames)


def test_lines_in_place_of_a_capture(wire, packets, tmp_path):  # noqa: F811
    probe = Probe(wire, source="iface:eg1?max-packets=1000", sink="pcap:-?pretty-print=250", folder=tmp_path)
    wire.run(EARLGREY, "replay", "--pps", "20000", "--count", "1000", packets[0], "iface:eg0")
    lines = probe.child.stdout.read().decode().splitlines()
    assert probe.child.wait(60) == 0
    want = frames_in(packets[0].read_bytes())
    assert len(lines) == 4
    for line, number in zip(lines, (250, 500, 750, 1000)):
        assert re.fullmatch(rf"Packet received\[{number}\]: date=\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{{6}} "
                            rf"len={len(want[number - 1])}", line), line


def test_frames_by_the_interfaces_own_counters(wire, packets, earlgrey):  # noqa: F811
    """A sequence file as well as a capture, several times, at each rate."""
    earlgrey.ok("ingest", packets[0], "--to", "seqfile:out?run=r")
    [seqfile] = [path for path in (earlgrey.home / "out").iterdir() if not path.name.startswith(".")]
    total = packets[1]["packets"]
    for source, options, count in ((seqfile, ["--pps", "50000", "--loop", "3"], 3 * total),
                                   (packets[0], ["--mbps", "100", "--count", "5000"], 5000),
                                   (seqfile, ["--speed", "max"], total)):
        before = wire.received()
        account = json.loads(wire.run(EARLGREY, "replay", *options, "--json", source, "iface:eg0").stdout)
        assert account["frames"] == count == wire.received() - before
        assert not any(account["skipped"].values())
        if "--pps" in options:
            assert account["seconds"] >= (count - 1) / 50000
        if "--mbps" in options:
            assert account["bytes"] * 8 / account["seconds"] <= 101e6


@pytest.mark.parametrize("words, told", [
    (["ingest", "iface:eg1", "--to", "pcap:-"], "no permission to capture on eg1: "),
    (["replay", "CAPTURE", "iface:eg0"], "no permission to send frames through eg0: ")])
def test_without_the_right(wire, packets, tmp_path, words, told):  # noqa: F811
    if not shutil.which("setpriv"):
        refused("setpriv is not installed")
    program = tmp_path / "earlgrey"  # where others may look
    shutil.copy(EARLGREY, program)
    folder = program.parent
    while folder != folder.parent and folder.stat().st_uid == os.geteuid() and str(folder) != "/tmp":
        folder.chmod(folder.stat().st_mode | 0o055)
        folder = folder.parent
    packets[0].chmod(0o644)
    words = [packets[0] if word == "CAPTURE" else word for word in words]
    done = wire.run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", program, *words,
                    check=False, cwd="/")
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and told in done.stderr, done.stderr
    assert f"run as root, or give the program the right, once: setcap cap_net_raw+ep {program}" in done.stderr

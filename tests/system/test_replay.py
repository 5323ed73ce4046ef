# SPDX-License-Identifier: Apache-2.0
"""`earlgrey replay`: what arrives is what was captured, when it should, from whom it should; frames on
a wire of the test's own; and what was recorded can be replayed and ingested."""
import collections
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest
from conftest import EARLGREY, ROOT
from lone_wire import captures_in, packets_in, wait_for, wire  # noqa: F401


class Collector:
    """Listens on a port of 127.0.0.1 and keeps what comes: (seconds, payload, sender)."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.3)
        self.target = f"udp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.got = []
        self.over = False
        self.thread = threading.Thread(target=self.listen)
        self.thread.start()

    def listen(self):
        """Until stopped and quiet."""
        while True:
            try:
                payload, sender = self.socket.recvfrom(65536)
                self.got.append((time.monotonic(), payload, sender))
            except TimeoutError:
                if self.over:
                    return

    def stop(self):
        """All that came."""
        self.over = True
        self.thread.join()
        self.socket.close()
        return self.got


@pytest.fixture
def collector():
    made = Collector()
    yield made
    if made.thread.is_alive():
        made.stop()


def payloads_of(capture):
    """The UDP payloads of a capture with their senders, by tshark."""
    text = subprocess.run(["tshark", "-n", "-r", capture, "-T", "fields", "-e", "ip.src", "-e", "udp.payload",
                           "--disable-protocol", "cflow"], capture_output=True, text=True, check=True).stdout
    return [tuple(line.split("\t")) for line in text.splitlines()]


PACED = ["--pps", "20000"]


def test_what_arrives_is_what_was_captured(earlgrey, collector, exports):
    account = json.loads(earlgrey.ok("replay", *PACED, "--json", exports[0], collector.target))
    got = collector.stop()
    want = payloads_of(exports[0])
    assert [payload.hex() for _, payload, _ in got] == [payload for _, payload in want]
    assert account["datagrams"] == len(want) == exports[1]["datagrams"]
    assert account["bytes"] == sum(len(payload) for _, payload, _ in got)
    assert account["exporters"] == len({source for source, _ in want}) == 5
    # one source port for each exporter
    senders = collections.defaultdict(set)
    for (source, _), (_, _, sender) in zip(want, got):
        senders[source].add(sender)
    assert all(len(ports) == 1 for ports in senders.values())
    assert len(set.union(*senders.values())) == 5


def test_exporters_keep_apart(earlgrey, collector, exports):
    earlgrey.ok("replay", *PACED, "--bind-exporters", exports[0], collector.target)
    senders = {sender[0] for _, _, sender in collector.stop()}
    assert senders == {f"127.0.1.{i}" for i in range(1, 6)}


def test_exporters_stay_who_they_were(earlgrey, collector, exports):
    done = earlgrey.run("replay", *PACED, "--spoof", exports[0], collector.target)
    if "no permission to send with other addresses" in done.stderr:
        pytest.skip("raw sockets are not permitted here")
    assert done.returncode == 0, done.stderr
    got = collector.stop()
    assert collections.Counter(sender[0] for _, _, sender in got) == \
        collections.Counter(source for source, _ in payloads_of(exports[0]))


@pytest.fixture(name="short")
def _short(tmp_path, exports):
    """Eleven datagrams, 0.2 s apart."""
    lines = subprocess.run(["editcap", "-F", "pcap", "-r", exports[0], tmp_path / "first.pcap", "1-11"], check=True,
                           capture_output=True)
    assert lines.returncode == 0
    data = bytearray((tmp_path / "first.pcap").read_bytes())
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    order = {"<": "little", ">": "big"}[order]
    nanoseconds = data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
    at = 24
    for i in range(11):
        size = int.from_bytes(data[at + 8:at + 12], order)
        tenths = 10 * 1767225600 + 2 * i
        data[at:at + 4] = (tenths // 10).to_bytes(4, order)
        data[at + 4:at + 8] = (tenths % 10 * (100_000_000 if nanoseconds else 100_000)).to_bytes(4, order)
        at += 16 + size
    path = tmp_path / "short.pcap"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("options, seconds", [([], 2.0), (["--speed", "2x"], 1.0), (["--speed", "0.5"], 4.0),
                                              (["--speed", "max"], 0.0), (["--pps", "20"], 0.5), (["--loop", "2"], 4.0)])
def test_when_it_arrives(earlgrey, collector, short, options, seconds):
    earlgrey.ok("replay", *options, short, collector.target)
    got = collector.stop()
    assert len(got) == (22 if "--loop" in options else 11)
    # never early; late by what a busy machine may take
    assert seconds - 0.1 < got[-1][0] - got[0][0] < seconds + 0.7
    if not options:
        for i, (when, _, _) in enumerate(got):
            assert i * 0.2 - 0.1 < when - got[0][0] < i * 0.2 + 0.7


def test_count_and_loop(earlgrey, collector, exports):
    account = json.loads(earlgrey.ok("replay", *PACED, "--count", "2500", "--loop", "9", "--json", exports[0],
                                     collector.target))
    assert account["datagrams"] == 2500
    assert 2499 / 20000 <= account["seconds"] < 2
    assert len(collector.stop()) == 2500


def test_only_exports_unless_a_port_is_asked_for(earlgrey, collector, packets):
    done = earlgrey.run("replay", "--speed", "max", "--json", packets[0], collector.target)
    assert done.returncode == 1  # nothing was sent
    account = json.loads(done.stdout)
    assert account["datagrams"] == 0
    assert account["skipped"]["other"] == packets[1]["packets"]
    text = subprocess.run(["tshark", "-n", "-r", packets[0], "-Y", "udp", "-T", "fields", "-e", "udp.dstport"],
                          capture_output=True, text=True, check=True).stdout.split()
    port, count = collections.Counter(text).most_common(1)[0]
    account = json.loads(earlgrey.ok("replay", *PACED, "--json", "--port", port, packets[0], collector.target))
    assert account["datagrams"] + account["skipped"]["cut"] == count
    assert len(collector.stop()) == account["datagrams"]


def test_a_cut_capture_and_nobody_listening(earlgrey, exports, tmp_path):
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(exports[0].read_bytes()[:-10])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        target = f"udp://127.0.0.1:{free.getsockname()[1]}"
    done = earlgrey.run("replay", *PACED, cut, target)
    assert done.returncode == 3
    assert "cut.pcap" in done.stderr
    assert f"replay: {exports[1]['datagrams'] - 1} datagrams" in done.stderr
    assert "nobody listened" in done.stderr
    assert earlgrey.run("replay", *PACED, exports[0], target).returncode == 3
    assert "0 is no port" in earlgrey.run("replay", exports[0], "udp://127.0.0.1:0").stderr


@pytest.mark.parametrize("words, message", [
    (["x.pcap"], "name captures to send"),
    (["x.pcap", "y.pcap"], "'y.pcap' is no target"),
    (["x.pcap", "udp://127.0.0.1"], "is no target: HOST:PORT"),
    (["--speed", "fast", "x.pcap", "udp://127.0.0.1:9"], "'fast' is no speed"),
    (["--speed", "2x", "--pps", "5", "x.pcap", "udp://127.0.0.1:9"], "not several"),
    (["--mbps", "-1", "x.pcap", "iface:lo"], "'-1' is no rate"),
    (["--spoof", "--bind-exporters", "x.pcap", "udp://127.0.0.1:9"], "not both"),
    (["--port", "2055", "x.pcap", "iface:lo"], "frames go out of an interface as they are"),
    (["--bind-exporters", "x.pcap", "udp://192.0.2.1:9"], "only towards 127.0.0.0/8"),
])
def test_mistakes_are_told(earlgrey, words, message):
    done = earlgrey.run("replay", *words)
    assert done.returncode == 2
    assert message in done.stderr


def test_files_that_are_not_there(earlgrey):
    done = earlgrey.run("replay", "no-such.pcap", "udp://127.0.0.1:9")
    assert done.returncode == 1
    assert "no-such.pcap" in done.stderr
    done = earlgrey.run("replay", "no-such.pcap", "iface:no-such0")
    assert done.returncode == 1
    assert "no-such0" in done.stderr


def test_frames_on_a_wire(wire, packets, tmp_path):
    before = wire.received()
    done = wire.run(EARLGREY, "replay", "--pps", "40000", "--json", packets[0], "iface:eg0")
    account = json.loads(done.stdout)
    assert account["frames"] == packets[1]["packets"] == wire.received() - before
    assert (packets[1]["packets"] - 1) / 40000 <= account["seconds"] < 3
    done = wire.run(EARLGREY, "replay", "--mbps", "20", "--count", "1000", "--json", packets[0], "iface:eg0")
    account = json.loads(done.stdout)
    assert 5e6 < account["bytes"] * 8 / account["seconds"] < 21e6


def test_frames_that_do_not_fit(wire, tmp_path):
    """Those larger than the interface takes are counted and named; all others are sent."""
    path = tmp_path / "mixed.pcap"
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number in range(100):
            size = 3000 if number % 10 == 6 else 1514 if number % 10 == 7 else 60
            out.write(struct.pack("<IIII", 1767225600, 0, size, size) +
                      bytes.fromhex("02000000000202000000000188b5").ljust(size, b"x"))
    before = wire.received()
    done = wire.run(EARLGREY, "replay", "--mbps", "100", path, "iface:eg0", check=False)
    assert done.returncode == 3 and wire.received() - before == 90
    assert done.stderr.startswith("earlgrey: replay: 10 frames of more than 1514 bytes were not sent: eg0 takes none that large "
                                  "(MTU 1500)\n")
    assert f"10 frames larger than the interface takes; the first is packet 7 of {path} (3000 bytes)" in done.stderr
    done = wire.run(EARLGREY, "replay", "--mbps", "100", "--json", path, "iface:eg0", check=False)
    account = json.loads(done.stdout)
    assert account["frames"] == 90 and account["skipped"]["unsendable"] == 10
    assert account["too_large"] == {"frames": 10, "first": {"file": str(path), "packet": 7, "bytes": 3000}}
    assert account["not_ethernet"] == {"frames": 0}


def test_recorded_replayed_recorded(earlgrey, exports, tmp_path):
    """A capture's exports, received, recorded, and read again: the same flows."""
    port = free_port()
    out, data = tmp_path / "recorded", tmp_path / "data"
    run = subprocess.Popen([EARLGREY, "ingest", f"udp://127.0.0.1:{port}", "-d", data, "--to", f"pcap:{out}",
                            "--interval", "500ms"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(1)
        earlgrey.ok("replay", "--pps", "5000", "--bind-exporters", exports[0], f"udp://127.0.0.1:{port}")
        time.sleep(1)
    finally:
        run.terminate()
        _, log = run.communicate(timeout=60)
    assert run.returncode == 0, log
    files = captures_in(out)
    assert packets_in(files) == exports[1]["datagrams"]
    earlgrey.ok("ingest", *files, "-d", tmp_path / "again")
    sums = "select count(*) as flows, sum(bytes) as bytes, count(distinct exporter) as exporters from flows"
    want = [{"flows": exports[1]["records"], "bytes": exports[1]["bytes"], "exporters": 5}]
    for dataset in (data, tmp_path / "again"):
        got = earlgrey.rows("sql", "-d", dataset, sums)
        assert [{name: int(value) for name, value in row.items()} for row in got] == want


def free_port():
    """A UDP port that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", 0))
        return own.getsockname()[1]


def test_the_page_runs(wire, packets, exports, tmp_path):
    """The commands of docs/live-capture.md, one after the other, on a wire of their own."""
    text = (ROOT / "docs" / "live-capture.md").read_text(encoding="utf-8")
    blocks = [part.split("```")[0] for part in text.split("```sh\n")[1:]]
    commands = [line for block in blocks for line in block.splitlines() if line.strip() and not line.startswith("#")]
    assert len(commands) >= 10
    (tmp_path / "traffic.pcap").write_bytes(packets[0].read_bytes())
    (tmp_path / "exports.pcap").write_bytes(exports[0].read_bytes())
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "earlgrey").symlink_to(EARLGREY)
    (tmp_path / "on-closed").write_text("#!/bin/sh\necho \"$1\" >>closed\n", encoding="utf-8")
    (tmp_path / "on-closed").chmod(0o755)
    for command in commands:
        command = command.replace("eth0", "eg1").replace("eth1", "eg0")
        live = "ingest" in command and ("iface:" in command or "udp://" in command)
        started = wire.start("env", f"PATH={tmp_path}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "sh", "-c", command, cwd=tmp_path)
        if live:  # left running until traffic has passed
            wait_for(wire.listening)
            wire.run("tcpreplay", "-q", "-i", "eg0", "--pps=10000", "--limit=2000", tmp_path / "traffic.pcap", check=False)
            time.sleep(0.5)
            for pid in wire.pids("earlgrey"):
                os.kill(pid, signal.SIGTERM)
        out, log = started.communicate(timeout=60)
        nobody = started.returncode == 3 and "nobody listened" in log  # and nobody does, here
        assert nobody or started.returncode == 0, f"{command}\n{out}{log}"
    assert captures_in(tmp_path / "captures")
    assert (tmp_path / "closed").read_text(encoding="utf-8").count(".pcap")

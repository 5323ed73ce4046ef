# SPDX-License-Identifier: Apache-2.0
"""Live capture and recording on a wire of the test's own: what was on it is what was seen and what
was dropped; files rotate, are kept by the rules, survive a kill, and other programs read them."""
import json
import os
import signal
import subprocess
import time

import packet_reader
import pytest
from conftest import EARLGREY
from lone_wire import LIVE_RUN, Log, captures_in, packets_in, refused, wait_for, wire  # noqa: F401
from small_disk import mounted, resize

CAPTURED = 20000  # packets of the generated capture


class Recording:
    """live_run on eg1, into a directory."""

    def __init__(self, wire, directory, source="iface:eg1", sink="", interval_ms=500):
        self.wire = wire
        self.directory = directory
        self.log = Log()
        self.run = wire.start(LIVE_RUN, source, f"pcap:{directory}?name=%{{interface}}-%H%M%S.pcap{sink}", interval_ms,
                              stderr=self.log)
        wait_for(lambda: "capturing on" in self.logged())

    def logged(self):
        """What it has said so far."""
        text = self.log.text()
        assert self.run.poll() is None or self.run.returncode == 0, text
        return text

    def stop(self):
        """SIGTERM, as an operator would: the account, and the log."""
        self.run.send_signal(signal.SIGTERM)
        out, _ = self.run.communicate(timeout=60)
        log = self.logged()
        assert self.run.returncode == 0, log
        return json.loads(out), log


def test_all_that_was_on_the_wire(wire, tmp_path, packets):
    before = wire.received()
    recording = Recording(wire, tmp_path)
    wire.replay(packets[0], "--pps=50000")
    account, _ = recording.stop()
    on_wire = wire.received() - before
    assert on_wire == CAPTURED
    assert account["seen"] + account.get("capture_drop", 0) == on_wire
    assert account["recorded"] == account["seen"]
    assert packets_in(captures_in(tmp_path)) == account["seen"]


def test_what_is_dropped_is_counted(wire, tmp_path, packets):
    """The smallest ring, a process that is stopped meanwhile: most is dropped, nothing is missing."""
    before = wire.received()
    recording = Recording(wire, tmp_path, "iface:eg1?buffer=1Mi")
    recording.run.send_signal(signal.SIGSTOP)
    wire.replay(packets[0], "--pps=50000")
    recording.run.send_signal(signal.SIGCONT)
    account, _ = recording.stop()
    assert account["capture_drop"] > 1000
    assert account["seen"] + account["capture_drop"] == wire.received() - before == CAPTURED


def test_a_filter_sees_what_matches(wire, tmp_path, packets):
    want = int(subprocess.run(["tcpdump", "-r", packets[0], "--count", "udp"], capture_output=True, text=True,
                              check=True).stdout.split()[0])
    recording = Recording(wire, tmp_path, "iface:eg1?bpf=udp")
    wire.replay(packets[0], "--pps=50000")
    account, _ = recording.stop()
    assert account["seen"] == want
    assert packets_in(captures_in(tmp_path)) == want


def test_both_ends_at_once_and_all_interfaces(wire, tmp_path, packets):
    for source, times in (("iface:eg0,eg1", 2), ("iface:any", 2)):
        directory = tmp_path / source.split(":")[1]
        recording = Recording(wire, directory, source)
        wire.replay(packets[0], "--pps=20000")
        account, _ = recording.stop()
        assert account["seen"] + account.get("capture_drop", 0) == times * CAPTURED
        names = {path.name.split("-")[0] for path in captures_in(directory)}
        assert names == {"eg0", "eg1"}  # of `any` too: each packet says where it came through


def test_files_rotate_by_size_and_time_and_a_ring_keeps_the_last(wire, tmp_path, packets):
    recording = Recording(wire, tmp_path, sink="&size=200k&files=5")
    wire.replay(packets[0], "--pps=50000")
    _, _ = recording.stop()
    files = captures_in(tmp_path)
    assert len(files) == 5
    assert all(path.stat().st_size <= 200_000 for path in files)
    by_time = tmp_path / "by-time"
    recording = Recording(wire, by_time, sink="&rotate=1s")
    wire.replay(packets[0], "--pps=6000")
    account, _ = recording.stop()
    files = captures_in(by_time)
    assert 3 <= len(files) <= 12
    assert packets_in(files) == account["seen"] == CAPTURED


@pytest.mark.parametrize("form", ("pcap", "pcapng"))
def test_nanoseconds_are_kept(wire, earlgrey, packets, tmp_path, form):
    """Where the kernel offers times in nanoseconds, the recorded file and the rows have them, the same."""
    log, out = Log(), tmp_path / "out"
    beside = Log()
    other = wire.start("tcpdump", "-Z", "root", "-c", "500", "-n", "-i", "eg1", "--time-stamp-precision=nano", "-w",
                       tmp_path / "beside.pcap", stderr=beside)
    wait_for(lambda: "listening on" in beside.text() or other.poll() is not None)
    run = wire.start(EARLGREY, "ingest", "iface:eg1", "-d", "data", "--record", f"{out}?format={form}", "--json",
                     stderr=log, cwd=tmp_path)
    wait_for(lambda: "capturing on" in log.text())
    before = time.time_ns()
    wire.replay(packets[0], "--pps=20000", "--limit=500")
    after = time.time_ns()
    other.communicate(timeout=60)
    run.send_signal(signal.SIGTERM)
    account = json.loads(run.communicate(timeout=60)[0])
    assert run.returncode == 0, log.text()
    assert account["read"]["packets"] == 500
    if other.returncode or all(p.time_ns % 1000 == 0 for p in packet_reader.read(tmp_path / "beside.pcap")):
        refused(f"the kernel offers no nanoseconds on a veth: {beside.text()}")
    [path] = captures_in(out)
    raw = path.read_bytes()
    if form == "pcap":
        assert raw[:4] == bytes.fromhex("4d3cb2a1")  # a pcap of nanoseconds
    times = [packet.time_ns for packet in packet_reader.read(path)]
    assert len(times) == 500 and before <= min(times) <= max(times) <= after
    assert sum(time_ns % 1000 != 0 for time_ns in times) > 250  # of 1000 that end at random, one ends in 000
    rows = earlgrey.rows("sql", "-d", "data", "select epoch_us(time) us, time_ns from packets")
    assert sorted(int(row["us"]) * 1000 + row["time_ns"] for row in rows) == sorted(times)


def test_a_quiet_file_is_published_when_its_time_is_over(wire, tmp_path, packets):
    recording = Recording(wire, tmp_path, sink="&rotate=1s", interval_ms=200)
    wire.replay(packets[0], "--pps=20000", "--limit=100")
    wait_for(lambda: captures_in(tmp_path))
    time.sleep(0.2)
    assert packets_in(captures_in(tmp_path)) > 0
    recording.stop()
    assert packets_in(captures_in(tmp_path)) == 100


def test_a_hook_gets_each_finished_file(wire, tmp_path, packets):
    hook = tmp_path / "hook"
    hook.write_text(f"#!/bin/sh\ntest -f \"$1\" && echo \"$1\" >>{tmp_path}/closed\n")
    hook.chmod(0o755)
    out = tmp_path / "out"
    recording = Recording(wire, out, sink=f"&size=500k&exec={hook}")
    wire.replay(packets[0], "--pps=50000")
    recording.stop()
    closed = (tmp_path / "closed").read_text().split()
    assert sorted(closed) == [str(path) for path in captures_in(out)]
    assert len(closed) > 3


def test_kill_and_recovery(wire, tmp_path, packets):
    """Killed in the middle: what was synced is there after the next start, cut to whole packets."""
    recording = Recording(wire, tmp_path, interval_ms=200)
    wire.replay(packets[0], "--pps=50000")
    whole = packets[0].stat().st_size  # the same head, the same records
    wait_for(lambda: [p.stat().st_size for p in tmp_path.glob(".eg1-*.tmp")] == [whole])
    recording.run.kill()
    recording.run.communicate()
    assert not captures_in(tmp_path)
    left = next(tmp_path.glob(".eg1-*.tmp"))
    with open(left, "ab") as file:
        file.write(b"\x01\x02\x03\x04 half a record")
    recording = Recording(wire, tmp_path)
    wire.replay(packets[0], "--pps=50000", "--limit=10")
    account, log = recording.stop()
    assert account["recovered"] == 1
    assert "was left by a run that was killed" in log
    files = captures_in(tmp_path)
    assert len(files) == 2
    counts = sorted(packets_in([path]) for path in files)
    assert counts[0] == 10 and counts[1] == account["recording_recovered"] == CAPTURED
    assert not list(tmp_path.glob(".*.tmp"))


def test_an_interface_that_goes_away(wire, tmp_path, packets):
    recording = Recording(wire, tmp_path)
    wire.replay(packets[0], "--pps=50000", "--limit=100")
    time.sleep(0.5)
    subprocess.run(["ip", "-n", wire.name, "link", "del", "eg1"], check=True)
    out, _ = recording.run.communicate(timeout=60)
    account = json.loads(out)
    assert account["interface_gone"] == 1
    assert "eg1 went away" in account["trouble"]
    assert account["seen"] == 100
    assert packets_in(captures_in(tmp_path)) == 100


def test_it_goes_on_as_another_user(wire, tmp_path, packets):
    if os.geteuid() != 0:
        refused("only root can become another user")
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    out = tmp_path / "out"
    out.mkdir()
    os.chown(out, 65534, 65534)
    recording = Recording(wire, out, "iface:eg1?user=nobody")
    status = open(f"/proc/{recording.run.pid}/status", encoding="utf-8").read()
    assert "Uid:\t65534\t65534\t65534\t65534" in status
    assert "CapEff:\t0000000000000000" in status
    wire.replay(packets[0], "--pps=50000", "--limit=500")
    account, log = recording.stop()
    assert "from here on this is the user nobody" in log
    assert account["seen"] == 500
    assert {path.stat().st_uid for path in captures_in(out)} == {65534}


def test_a_full_disk_and_space_again(wire, tmp_path, packets):
    with mounted(tmp_path / "small", "1m") as small:
        recording = Recording(wire, small / "out", interval_ms=200)
        wire.replay(packets[0], "--pps=20000")
        wait_for(lambda: "the disk is full" in recording.logged())
        time.sleep(1)
        resize(small, "64m")  # there is nothing to remove but what was recorded
        more = 0
        while "there is space again" not in recording.logged() and more < 100:
            wire.replay(packets[0], "--pps=20000", "--limit=100")
            more += 1
            time.sleep(0.2)
        account, log = recording.stop()
        assert log.count("the disk is full") == 1
        assert log.count("there is space again;") == 1
        assert account["recording_full"] > 0
        assert account["recorded"] + account["recording_full"] == account["seen"] == CAPTURED + 100 * more
        assert packets_in(captures_in(small)) == account["recorded"]


@pytest.mark.parametrize("source, words", [
    ("iface:eg9", "there is no interface 'eg9' (did you mean 'eg"),
    ("iface:eg1?bpf=tcp prot 80", "syntax error"),
    ("iface:", "names no interface"),
])
def test_mistakes_are_told(wire, tmp_path, source, words):
    run = wire.start(LIVE_RUN, source, f"pcap:{tmp_path}/out", 100)
    _, log = run.communicate(timeout=60)
    assert run.returncode != 0
    assert words in log
    assert not (tmp_path / "out").exists()


def test_two_recorders_in_one_directory(wire, tmp_path, packets):
    recordings = [Recording(wire, tmp_path, f"iface:{name}") for name in ("eg0", "eg1")]
    wire.replay(packets[0], "--pps=50000", "--limit=1000")
    for recording in recordings:
        assert recording.stop()[0]["recorded"] == 1000
    files = captures_in(tmp_path)
    assert sorted(path.name[:3] for path in files) == ["eg0", "eg1"]
    assert packets_in(files) == 2000


def test_ingest_fills_a_dataset_and_records(wire, earlgrey, packets, tmp_path):
    """The program itself: rows and files in one pass, two sources that record into one directory, and a
    killed run's file in the account."""
    out, data = tmp_path / "out", tmp_path / "data"
    for again in range(2):
        log = Log()
        run = wire.start(EARLGREY, "ingest", "iface:eg0", "iface:eg1", "-d", data, "--record", f"{out}?rotate=1h", "--json",
                         "--interval", "500ms", stderr=log)
        wait_for(lambda: log.text().count("capturing on") == 2)
        wire.replay(packets[0], "--pps=20000", "--limit=5000")
        if again == 0:
            wait_for(lambda: sum(p.stat().st_size for p in out.rglob(".*.tmp")) > 1_000_000)
            time.sleep(1)  # a flush, and another
            run.kill()
            run.communicate()
            continue
        time.sleep(1)
        run.send_signal(signal.SIGTERM)
        account = json.loads(run.communicate(timeout=60)[0])
        assert run.returncode == 0, log.text()
        assert account["read"]["packets"] == account["kept"]["packets"] == 10000
        assert account["read"]["bytes"] > 10000 * 60
        assert account["noted"]["recording_recovered"]["packets"] == 10000
        assert set(account["lost"]) == {"metering_ended"}  # the open flows of the killed run
        [[metered]] = [row.values() for row in earlgrey.rows("sql", "-d", data, "select sum(packets)::bigint n from flows")]
        assert metered + account["lost"]["metering_ended"]["packets"] == 20000
    files = captures_in(out)
    assert len(files) == 4
    assert packets_in(files) == 20000
    rows = earlgrey.rows("sql", "-d", data, "select interface, count(*) as n from packets group by all order by all")
    assert [(row["interface"], int(row["n"])) for row in rows] == [("eg0", 10000), ("eg1", 10000)]


def test_idle_flows_come_out(wire, earlgrey, packets, tmp_path):
    """Packets become flows while capturing goes on, also when no further packet comes that would tell
    the time; and the sums are those of the packets."""
    data = tmp_path / "data"
    log = Log()
    run = wire.start(EARLGREY, "ingest", "iface:eg1", "-d", data, "--json", "--interval", "300ms", "--idle", "500ms",
                     stderr=log)

    def metered():
        done = earlgrey.run("sql", "-q", "-d", data, "select coalesce(sum(packets), 0) as n from flows", "--json")
        return int(json.loads(done.stdout)[0]["n"]) if done.returncode == 0 else 0
    wait_for(lambda: "capturing on" in log.text())
    wire.replay(packets[0], "--pps=20000", "--limit=5000")
    wait_for(lambda: metered() == 5000)
    assert run.poll() is None, log.text()
    wire.replay(packets[0], "--pps=20000", "--limit=1000")
    time.sleep(0.5)
    run.send_signal(signal.SIGTERM)  # what is open comes out at the end
    account = json.loads(run.communicate(timeout=60)[0])
    assert run.returncode == 0, log.text()
    assert account["kept"]["packets"] == 6000 == metered()
    assert account["flows"]["packet"] == account["kept"]["flows"] > 0

# SPDX-License-Identifier: Apache-2.0
"""A collector whose disk is full: it says so once, loses nothing that memory can hold, counts what it
cannot, and goes on within five seconds of space coming back. The dataset stays readable throughout."""
import json
import signal
import socket
import threading
import time

import pytest

import live
from conftest import EARLGREY
from lone_wire import Log, wait_for, wire  # noqa: F401
from small_disk import mounted
from test_kill_collector import datagram
from test_kill_waiting import Exporter


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path):
    with mounted(tmp_path / "disk", "64m") as disk:
        yield disk


def send(sender, port, first, count):
    """`count` datagrams of three records from number `first` on."""
    for i in range(count):
        sender.sendto(datagram(first + 3 * i), ("127.0.0.1", port))
        if i % 50 == 49:
            time.sleep(0.01)
    return first + 3 * count


def rows_in(earlgrey, place):
    """How many flows there are, each counted once."""
    return earlgrey.rows("sql", "-d", place, "select count(distinct src_ip) n, count(*) m from flows")[0]


def until_there(earlgrey, place, count, seconds=60):
    """Waits for so many flows; the seconds it took."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if rows_in(earlgrey, place)["n"] >= count:
            return time.monotonic() - began
        time.sleep(0.2)
    raise AssertionError(f"{rows_in(earlgrey, place)} of {count} flows after {seconds} s")


def fill_up(disk, name="filler"):
    """A file that takes all the space there is."""
    filler = disk / name
    with open(filler, "wb", buffering=0) as out:
        try:
            while True:
                out.write(bytes(65536))
        except OSError:
            pass
    return filler


def test_full_disk(earlgrey, small_disk):
    port, data = live.free_port(), small_disk / "data"
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}?sync-interval=100ms", "-d", data,
                        "--interval", "300ms") as collector:
        number = send(sender, port, 0, 1000)
        until_there(earlgrey, data, number)
        for fill in range(3):
            filler = fill_up(small_disk)
            number = send(sender, port, number, 2000)
            time.sleep(2)
            assert rows_in(earlgrey, data)["m"] <= number  # still readable, nothing doubled
            filler.unlink()
            assert until_there(earlgrey, data, number) < live.allowed(6), fill  # five, and one to look
        account = collector.end()
    sender.close()
    told = [line for line in collector.lines if "nearly full" in line or "No space left" in line]
    assert 1 <= len(told) <= 12, collector.lines
    assert rows_in(earlgrey, data) == {"n": number, "m": number}
    assert account["lost"] == {}
    assert not list(data.rglob("*.tmp"))


@pytest.mark.parametrize("spooled", [True, False])
def test_the_interval_does_not_delay_the_recovery(earlgrey, small_disk, spooled):
    """What came while the disk was full is seen soon after it has room, also where rows are else seen every ten
    seconds, whether the disk was full for longer than that or not."""
    port, data = live.free_port(), small_disk / "data"
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    words = () if spooled else ("--spool", "off")
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", data, *words) as collector:
        number = send(sender, port, 0, 100)
        wait_for(data.exists)
        until_there(earlgrey, data, number)
        for seconds in (13, 2) if spooled else (13,):
            filler = fill_up(small_disk)
            for _ in range(2 * seconds):
                number = send(sender, port, number, 200)
                time.sleep(0.5)
            filler.unlink()
            assert until_there(earlgrey, data, number) < live.allowed(6), seconds
        assert collector.end()["lost"] == {}
    sender.close()
    assert rows_in(earlgrey, data) == {"n": number, "m": number}


class Full:
    """A disk that stays full, whatever is given back."""

    def __init__(self, disk):
        self.disk, self.over, self.fillers = disk, False, []
        self.thread = threading.Thread(target=self._fill, daemon=True)

    def _fill(self):
        while not self.over:
            self.fillers.append(fill_up(self.disk, f"filler{len(self.fillers)}"))
            time.sleep(0.01)

    def __enter__(self):
        self.thread.start()
        time.sleep(0.3)

    def __exit__(self, kind, value, trace):
        self.over = True
        self.thread.join()
        for filler in self.fillers:
            filler.unlink()


def test_what_waits_for_its_template_comes_once(earlgrey, small_disk):
    """What is read again when the disk has room again does not wait twice, and is not forgotten."""
    port, data = live.free_port(), small_disk / "data"
    exporter = Exporter(port)
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}?sync-interval=100ms", "-d", data,
                        "--interval", "2s") as collector:
        exporter.define(9)
        list(exporter.records(20))
        time.sleep(3)  # these wait, and are durable
        list(exporter.records(20))
        exporter.domain = 9
        list(exporter.records(20))
        exporter.define(0)  # all of it is decoded in a round that fails
        exporter.domain = 1
        list(exporter.records(20))
        time.sleep(0.4)
        with Full(small_disk):
            collector.wait_for("trying again every second")
            time.sleep(2)
        exporter.define(1)
        until_there(earlgrey, data, exporter.next)
        assert collector.end()["lost"] == {}
    assert rows_in(earlgrey, data) == {"n": exporter.next, "m": exporter.next}


@pytest.mark.parametrize("signals", [1, 2])
def test_it_ends_while_the_disk_is_full(earlgrey, small_disk, signals):
    """What could be spooled is stored by the next run, what could not is in the account: no more, no less."""
    port, data = live.free_port(), small_disk / "data"
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    where = f"udp://127.0.0.1:{port}?sync-interval=100ms"
    with live.Collector(earlgrey, where, "-d", data, "--interval", "300ms") as collector:
        number = send(sender, port, 0, 1000)
        until_there(earlgrey, data, number)
        with Full(small_disk):
            number = send(sender, port, number, 12000)  # several blocks of the queue
            time.sleep(1)
            began = time.monotonic()
            for _ in range(signals):
                collector.signal(signal.SIGTERM)
                time.sleep(0.3)
            collector.child.wait(120)
            took = time.monotonic() - began
        account = collector.end(3 if signals == 1 else 130)
    assert took < live.allowed(30 if signals == 1 else 12)
    lost = account["lost"]["spool_full"]["packets"]
    assert set(account["lost"]) == {"spool_full"}
    assert lost > 1000 and account["lost"]["spool_full"]["bytes"] == lost * len(datagram(0))
    assert any(f"but for {lost} datagrams that it had no room for" in line for line in collector.lines)
    with live.Collector(earlgrey, where, "-d", data, "--interval", "300ms") as collector:
        until_there(earlgrey, data, number - 3 * lost)
        assert collector.end()["lost"] == {}
    sender.close()
    assert rows_in(earlgrey, data) == {"n": number - 3 * lost, "m": number - 3 * lost}


def test_an_interface_is_opened_again(wire, earlgrey, small_disk, packets):  # noqa: F811
    """Frames that could not be kept are not there to be tried again, so the run is repeated; but an interface does
    not wait: what passed and is in no row is in `losses`."""
    data, log = small_disk / "data", Log()
    before = wire.received()
    run = wire.start(EARLGREY, "ingest", "iface:eg1", "-d", data, "--json", "--interval", "300ms", "--tables", "packets",
                     "--keep", "copy", stderr=log)

    def seen():
        return earlgrey.rows("sql", "select count(*) n from packets", "-d", data)[0]["n"]
    wait_for(lambda: "capturing on" in log.text())
    wire.replay(packets[0], "--pps=20000", "--limit=3000")
    wait_for(lambda: data.exists() and seen() == 3000)
    filler = fill_up(small_disk)
    wire.replay(packets[0], "--pps=5000", "--limit=10000")
    wait_for(lambda: "trying again every second" in log.text())
    wire.replay(packets[0], "--pps=5000", "--limit=5000")
    filler.unlink()
    wait_for(lambda: log.text().count("capturing on") > 1)
    time.sleep(2)
    wire.replay(packets[0], "--pps=20000", "--limit=2000")
    time.sleep(1)
    run.send_signal(signal.SIGTERM)
    account = json.loads(run.communicate(timeout=60)[0])
    assert run.returncode == 0, log.text()
    lost = earlgrey.rows("sql", "select cause, sum(packets)::bigint p from losses group by all", "-d", data)
    assert [row["cause"] for row in lost] == ["interface_reopened"]
    assert lost[0]["p"] > 10000 and account["lost"]["interface_reopened"]["packets"] == lost[0]["p"]
    # packets that come between the moment of opening and that of asking the counters may count twice, each time
    assert abs(seen() + lost[0]["p"] - (wire.received() - before)) <= 20


@pytest.mark.parametrize("end_full", [False, True])
def test_without_a_spool(earlgrey, small_disk, end_full):
    """What could not be stored is kept in memory and stored later; what cannot be at the end is counted."""
    port, data = live.free_port(), small_disk / "data"
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", data, "--interval", "300ms", "--spool",
                        "off") as collector:
        number = kept = send(sender, port, 0, 1000)
        wait_for(data.exists)
        until_there(earlgrey, data, number)
        filler = fill_up(small_disk)
        number = send(sender, port, number, 2000)
        collector.wait_for("trying again every second")
        if not end_full:
            time.sleep(2)
            filler.unlink()
            assert until_there(earlgrey, data, number) < live.allowed(6)
            number = kept = send(sender, port, number, 100)
        account = collector.end(3 if end_full else 0)
    sender.close()
    assert rows_in(earlgrey, data) == {"n": kept, "m": kept}
    lost = account["lost"].get("batch_lost", {"records": 0, "packets": 0, "bytes": 0})
    assert set(account["lost"]) <= {"batch_lost", "queue_full"}
    if not end_full:
        assert account["lost"] == {}
    else:
        queued = account["lost"].get("queue_full", {"packets": 0})  # datagrams of three records
        assert lost["records"] > 0 and kept + lost["records"] + 3 * queued["packets"] == number


def test_other_sinks_do_not_end_the_waiting(earlgrey, small_disk):
    """What was read stays in memory while neither rows nor what waits for its template can be stored, also where
    another sink has it already."""
    port, data = live.free_port(), small_disk / "data"
    exporter = Exporter(port)
    exporter.domain = 1
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", data, "--to", "null:", "--interval", "500ms",
                        "--spool", "off") as collector:
        exporter.define(1)
        list(exporter.records(20))
        wait_for(data.exists)
        until_there(earlgrey, data, exporter.next)
        with Full(small_disk):
            list(exporter.records(20))
            exporter.domain = 9
            list(exporter.records(20))  # these wait
            collector.wait_for("trying again every second")
            time.sleep(2)
        exporter.define(9)
        until_there(earlgrey, data, exporter.next)
        account = collector.end()
    assert rows_in(earlgrey, data) == {"n": exporter.next, "m": exporter.next}
    assert account["lost"] == {}


@pytest.mark.parametrize("what", ["full", "away"])
def test_an_interface_waits_in_its_ring(wire, earlgrey, small_disk, packets, what):  # noqa: F811
    """While nothing can be stored, what was read is kept and what comes waits in the ring: no packet is lost, and
    the sums over flows are those over packets, however many batches failed."""
    data, log = small_disk / "data", Log()
    before = wire.received()
    run = wire.start(EARLGREY, "ingest", "iface:eg1", "-d", data, "--json", "--interval", "300ms", stderr=log)

    def said(text):
        return log.text().count(text)

    def sums(table, count):
        return earlgrey.rows("sql", f"select {count}::bigint n from {table}", "-d", data)[0]["n"]
    wait_for(lambda: said("capturing on"))
    wire.replay(packets[0], "--pps=20000", "--limit=3000")
    wait_for(lambda: data.exists() and sums("packets", "count(*)") == 3000)
    filler = fill_up(small_disk) if what == "full" else data.rename(small_disk / "elsewhere")
    wire.replay(packets[0], "--pps=5000", "--limit=10000")
    wait_for(lambda: said("trying again every second"))
    wire.replay(packets[0], "--pps=5000", "--limit=5000")
    time.sleep(1)
    if what == "full":
        filler.unlink()
    else:
        assert not data.exists()
        filler.rename(data)
    wire.replay(packets[0], "--pps=20000", "--limit=2000")
    wait_for(lambda: sums("packets", "count(*)") == wire.received() - before)
    run.send_signal(signal.SIGTERM)
    account = json.loads(run.communicate(timeout=60)[0])
    assert run.returncode == 0 and said("capturing on") == 1 and account["lost"] == {}
    assert sums("packets", "count(*)") == wire.received() - before >= 20000
    assert sums("flows", "sum(packets)") == sums("packets", "count(*)")


def test_what_a_recording_loses_at_its_end_is_a_row(earlgrey, tmp_path, small_disk):
    """The disk of the recording is full when it is closed: the dataset, elsewhere, says what is missing."""
    port, data = live.free_port(), tmp_path / "data"
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", data, "--record", small_disk / "out",
                        "--interval", "60s") as collector:
        number = send(sender, port, 0, 2000)
        time.sleep(1)
        with Full(small_disk):
            account = collector.end(code=3)
    sender.close()
    lost = account["lost"]["recording_full"]["packets"]
    assert 0 < lost <= 2000 and set(account["lost"]) == {"recording_full"}
    rows = earlgrey.rows("sql", "-d", data, "select cause, sum(packets) n from losses group by cause")
    assert rows == [{"cause": "recording_full", "n": lost}]
    assert rows_in(earlgrey, data)["n"] == number  # what is in the dataset is whole

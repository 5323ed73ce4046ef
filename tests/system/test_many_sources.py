# SPDX-License-Identifier: Apache-2.0
"""Sockets, an interface and a directory in one process: one account, an end in order, nothing left
behind; started and stopped again and again under load; and memory that does not grow."""
import os
import pathlib
import random
import signal
import struct
import threading
import time

import pytest

import live
import v5_capture
from export_model import KINDS, Exporter, send_all, socket_of
from test_accounting import decoded, fleet, told
from test_hostile_exporters import rss_kib

SOAK = float(os.environ.get("EG_SOAK", "0"))  # seconds; 0: as long as every run of the tests can wait
ROUNDS = int(os.environ.get("EG_ROUNDS", "30"))


def leftovers(place):
    """Files below it that nobody should find after an end in order."""
    return [str(path) for path in pathlib.Path(place).rglob("*")
            if path.is_file() and (path.name.endswith((".tmp", ".part", ".journal")) or path.name.startswith("."))]


@pytest.fixture
def may_capture():
    """Capturing needs root; in CI it must be there."""
    if os.geteuid() != 0:
        if os.environ.get("CI") == "true":
            pytest.fail("capturing needs root")
        pytest.skip("capturing needs root")


def test_one_account_of_several_sources(earlgrey, may_capture):
    """UDP on two ports, the loopback interface and a directory that is followed."""
    truths, journeys = fleet(random.Random(11), 80)
    one, two, other = live.free_port(), live.free_port(), socket_of()
    folder = earlgrey.home / "incoming"
    folder.mkdir()
    (folder / "first.pcap").write_bytes(v5_capture.capture(first_host=1, per_hour=10))
    with live.Collector(earlgrey, f"udp://127.0.0.1:{one}", f"udp://127.0.0.1:{two}", 
                        f"iface:lo?bpf=udp port {other.getsockname()[1]}", folder, "--follow", "-d", "data", "--interval", "300ms") as collector:
        collector.wait_for("listening on .*" + str(two))
        collector.wait_for("capturing on|watching")
        time.sleep(0.5)
        sent = send_all(journeys[::2], one) + send_all(journeys[1::2], two)
        for _ in range(5):
            other.sendto(b"to itself", other.getsockname())
        (folder / "second.pcap").write_bytes(v5_capture.capture(first_host=2001, per_hour=10, exporter=(192, 0, 2, 2)))
        until = time.monotonic() + 60
        while ("netflow5", "192.0.2.2", 0) not in decoded(earlgrey):
            assert time.monotonic() < until, decoded(earlgrey)
            time.sleep(0.2)
        collector.signal(signal.SIGUSR1)
        collector.wait_for(r"datagrams or packets read")
        collector.signal(signal.SIGHUP)
        time.sleep(0.3)
        began = time.monotonic()
        account = collector.end()
        assert time.monotonic() - began < live.allowed(10)
    assert account["errors"] == []
    rows = decoded(earlgrey)
    assert rows.pop(("netflow5", "192.0.2.1", 0))[0] == rows.pop(("netflow5", "192.0.2.2", 0))[0] == 30
    for key, truth in truths.items():
        assert rows[key][0] == truth.records
        assert told(earlgrey, "sequence_gap").get(key, (0, 0))[0] == truth.gap
    assert account["flows"] == {"exports": 60 + sum(truth.records for truth in truths.values()), "packet": 1}
    assert account["kept"]["flows"] == sum(account["flows"].values())
    assert account["kept"]["packets"] == 5
    assert account["read"]["packets"] == sent + 6 + 5
    assert leftovers(earlgrey.home / "data") == []


def test_one_that_fails_ends_all(earlgrey, may_capture):
    """An interface that cannot be captured is told at once, not when somebody ends the rest."""
    port = live.free_port()
    done = earlgrey.run("ingest", f"udp://127.0.0.1:{port}", "iface:none0", "-d", "data", timeout=60)
    assert done.returncode not in (0, 124)
    assert "none0" in done.stderr


def test_started_and_stopped_under_load(earlgrey):
    """What was received is there, once, whatever the moment of the end; no file is left over."""
    port, exporter, over = live.free_port(), Exporter("netflow5", first=0), threading.Event()
    sent = 0

    def load():
        nonlocal sent
        with socket_of("127.11.0.1") as s:
            while not over.is_set():
                for _ in range(20):
                    try:
                        s.sendto(exporter.datagram(3)[0], ("127.0.0.1", port))
                        sent += 1
                    except ConnectionRefusedError:
                        pass
                time.sleep(0.004)

    sender = threading.Thread(target=load)
    sender.start()
    read = kept = 0
    try:
        for i in range(ROUNDS):
            with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "200ms") as collector:
                time.sleep((i % 7) * 0.03)
                if i % 3 == 0:
                    collector.signal(signal.SIGHUP)
                began = time.monotonic()
                account = collector.end()
                assert time.monotonic() - began < live.allowed(10)
            assert account["lost"].keys() <= {"sequence_gap", "socket_drop"}, account
            read, kept = read + account["read"]["packets"], kept + account["kept"]["flows"]
    finally:
        over.set()
        sender.join()
    assert kept == 3 * read > 0
    there = earlgrey.rows("sql", "-d", "data", "select count(*) n, count(distinct (sequence, src_ip)) different from flows")
    assert there == [{"n": kept, "different": kept}]
    assert leftovers(earlgrey.home / "data") == []


def test_memory_stays_flat(earlgrey):
    """A moderate rate from many exporters of all kinds: after it has warmed up, nothing grows."""
    seconds, port = SOAK or 24, live.free_port()
    senders = []
    for i in range(64):
        senders.append((socket_of(f"127.12.0.{i + 1}"), Exporter(KINDS[i % 4], i % 3, first=i * 1000, name=i)))
    sizes, sent = [], 0
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "500ms") as collector:
        began = sampled = time.monotonic()
        while time.monotonic() - began < seconds:
            for s, exporter in senders:
                s.sendto(exporter.datagram(10, template=sent % 4096 < 64)[0], ("127.0.0.1", port))
                sent += 1
            time.sleep(0.03)
            if time.monotonic() - sampled >= 0.5:
                sampled = time.monotonic()
                sizes.append(rss_kib(collector.child.pid))
        descriptors = len(os.listdir(f"/proc/{collector.child.pid}/fd"))
        account = collector.end()
    assert account["lost"] == {} and account["read"]["packets"] == sent
    third = len(sizes) // 3
    middle, last = sorted(sizes[third:2 * third]), sorted(sizes[2 * third:])
    print(f"{sent / seconds:.0f} datagrams/s; KiB at first {sizes[:3]}, middle {middle[len(middle) // 2]}, last {last[len(last) // 2]}, most {max(sizes)}")
    assert last[len(last) // 2] - middle[len(middle) // 2] < 8 * 1024
    assert descriptors < 100

# SPDX-License-Identifier: Apache-2.0
"""A collector killed again and again while numbered records come whose templates come later, often after
the kill: what was durable waits on, and is there once when its template has come."""
import os
import random
import signal
import socket
import struct
import time

import live
from test_kill_collector import SYNC_S

KILLS = int(os.environ.get("EG_KILLS", "150")) // 4
EACH = 3


def message(domain, number, sets):
    """An IPFIX message."""
    return struct.pack(">HHIII", 10, 16 + len(sets), int(time.time()), number, domain) + sets


def template(domain, number):
    """Of source address and octets."""
    return message(domain, number, struct.pack(">HHHHHHHH", 2, 16, 300, 2, 8, 4, 1, 8))


def numbered(domain, number, first, count=EACH):
    """Records whose source addresses carry their numbers, `first` and on."""
    data = b"".join(struct.pack(">IQ", 0x0A000000 + first + i, 1000) for i in range(count))
    return message(domain, number, struct.pack(">HH", 300, 4 + len(data)) + data)


def numbers_in(earlgrey, place):
    """The numbers that are there; none twice."""
    rows = earlgrey.rows("sql", "-d", place, "select src_ip, count(*) n from flows group by 1")
    assert [row for row in rows if row["n"] != 1] == []
    return {struct.unpack(">I", socket.inet_aton(row["src_ip"]))[0] - 0x0A000000 for row in rows}


class Exporter:
    """Sends records of ever new domains; the template of a domain comes when it is told to."""

    def __init__(self, port):
        self.sender, self.port = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), port
        self.next = self.domain = 0
        self.sent = {}  # records of a domain

    def send(self, bytes_):
        try:
            self.sender.sendto(bytes_, ("127.0.0.1", self.port))
        except ConnectionRefusedError:
            pass

    def records(self, count):
        """Datagrams of the present domain, with their time and first number."""
        for _ in range(count):
            before = self.sent.get(self.domain, 0)
            self.send(numbered(self.domain, before, self.next))
            self.sent[self.domain] = before + EACH
            yield time.monotonic(), self.next
            self.next += EACH

    def define(self, domain):
        """Its template, now."""
        self.send(template(domain, self.sent.get(domain, 0)))


def test_killed_while_data_waits(earlgrey):
    chance, must, port = random.Random(20261121), [], live.free_port()
    exporter, undefined = Exporter(port), []
    words = (f"udp://127.0.0.1:{port}?sync-interval=100ms", "-d", "data", "--interval", "300ms")
    for _ in range(min(KILLS, 40)):
        with live.Collector(earlgrey, *words) as collector:
            until, sent = time.monotonic() + chance.uniform(0.1, 1.2), []
            while time.monotonic() < until:
                if chance.random() < 0.6:  # fewer than an exporter may have templates, in all
                    exporter.domain += 1
                    undefined.append(exporter.domain)
                sent += exporter.records(chance.randrange(1, 20))
                if undefined and chance.random() < 0.4:
                    late = undefined.pop(chance.randrange(len(undefined)))
                    for _ in range(3):  # what was sent into a kill is sent again
                        exporter.define(late)
                    undefined += [late] if chance.random() < 0.3 else []
                time.sleep(0.05)
            collector.signal(signal.SIGKILL)
            killed = time.monotonic()
            collector.child.wait(60)
        must += [first for when, first in sent if when < killed - SYNC_S - 0.25]
    with live.Collector(earlgrey, *words) as collector:
        for domain in range(1, exporter.domain + 1):
            exporter.define(domain)
            if domain % 50 == 0:
                time.sleep(0.01)
        time.sleep(1)
        account = collector.end()
    assert "template_missing" not in account["lost"]
    there = numbers_in(earlgrey, "data")
    assert [first for first in must if not {first, first + 1, first + 2} <= there] == []
    assert exporter.domain < 512 and len(must) > 10 * min(KILLS, 40)  # something was proven
    assert earlgrey.rows("sql", "-d", "data", "select 1 from losses where cause = 'template_missing'") == []


def test_a_gap_of_a_slow_exporter_is_counted_soon(earlgrey):
    """After some seconds, not after so many datagrams; a kill after that does not take it back."""
    port = live.free_port()
    exporter = Exporter(port)
    words = (f"udp://127.0.0.1:{port}?sync-interval=100ms", "-d", "data", "--interval", "300ms")

    def gaps():
        return earlgrey.rows("sql", "-d", "data", "select sum(records)::bigint n from losses where cause = 'sequence_gap'")[0]["n"]
    with live.Collector(earlgrey, *words) as collector:
        exporter.define(0)
        list(exporter.records(3))
        time.sleep(0.5)
        exporter.sent[0] += 70  # so many never come
        list(exporter.records(3))
        time.sleep(1)
        assert gaps() is None  # they may be late
        until = time.monotonic() + 60
        while gaps() is None and time.monotonic() < until:
            time.sleep(0.3)
        assert gaps() == 70
        before = sum(1 for _ in (earlgrey.home / "data").rglob("*"))
        time.sleep(3)
        assert sum(1 for _ in (earlgrey.home / "data").rglob("*")) == before  # no trace of nothing
        collector.signal(signal.SIGKILL)
        collector.child.wait(60)
    with live.Collector(earlgrey, *words) as collector:
        list(exporter.records(3))
        time.sleep(1)
        assert collector.end()["lost"] == {}
    assert gaps() == 70

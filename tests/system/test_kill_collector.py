# SPDX-License-Identifier: Apache-2.0
"""A collector killed again and again while numbered records come in: what was durable is there once,
what was not is missing at most, nothing is there twice, and a start takes no more than ten seconds."""
import os
import random
import signal
import socket
import struct
import time

import live

SYNC_S = 0.1
KILLS = int(os.environ.get("EG_KILLS", "150"))


def datagram(number, count=3):
    """A NetFlow v5 datagram of `count` records; their source addresses carry their numbers."""
    now = int(time.time())
    head = struct.pack(">HHIIIIHH", 5, count, 40_000_000, now, 0, number, 0, 0)
    return head + b"".join(
        struct.pack(">I4s4sHHIIIIHHBBBBHHBBH", 0x0A000000 + number + i, bytes([10, 9, 9, 9]), bytes(4), 1, 2, 3,
                    1000, 39_998_000, 39_999_000, 1024, 443, 0, 0x1B, 17, 0, 0, 0, 24, 24, 0)
        for i in range(count))


def send_for(sender, port, number, seconds):
    """Sends until the time is over; the next number, and (time, first number) of each datagram."""
    sent, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        for _ in range(20):
            sent.append((time.monotonic(), number))
            try:
                sender.sendto(datagram(number), ("127.0.0.1", port))
            except ConnectionRefusedError:
                pass
            number += 3
        time.sleep(0.005)
    return number, sent


def test_killed_again_and_again(earlgrey):
    chance, number, must = random.Random(20261121), 0, []
    port = live.free_port()
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    words = (f"udp://127.0.0.1:{port}?sync-interval=100ms", "-d", "data", "--interval", "300ms")
    for _ in range(KILLS):
        began = time.monotonic()
        with live.Collector(earlgrey, *words) as collector:
            assert time.monotonic() - began < live.allowed(10)
            number, sent = send_for(sender, port, number, chance.uniform(0.05, 0.9))
            collector.signal(signal.SIGKILL)
            killed = time.monotonic()
            collector.child.wait(60)
        # what was received is synced every 100 ms; a busy machine gets a little more
        must += [first for when, first in sent if when < killed - SYNC_S - 0.25]
    with live.Collector(earlgrey, *words) as collector:
        number, sent = send_for(sender, port, number, 0.3)
        must += [first for _, first in sent]
        time.sleep(0.5)
        account = collector.end()
    sender.close()
    assert "spool_damaged" not in account["lost"] or account["lost"]["spool_damaged"]["packets"] == 0
    rows = earlgrey.rows("sql", "-d", "data", "select src_ip, count(*) n from flows group by 1")
    there = {struct.unpack(">I", socket.inet_aton(row["src_ip"]))[0] - 0x0A000000 for row in rows}
    assert [row for row in rows if row["n"] != 1] == []  # nothing twice
    missing = [first for first in must if not {first, first + 1, first + 2} <= there]
    assert missing == []
    assert len(must) > KILLS  # something was proven

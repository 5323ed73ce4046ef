# SPDX-License-Identifier: Apache-2.0
"""Exporters that are not what they seem: several behind one address, forged templates, floods of new
senders and templates, one that sends rubbish at full rate. Others lose nothing by it, memory stays
bounded, and the log short."""
import os
import random
import re
import struct
import subprocess
import sys
import time

import conftest
import live
from export_model import Exporter, journey, send_all, socket_of, template_set
from test_accounting import collect, decoded, told

# another layout under the same number: the first two fields change places with the next two
FORGED = ((1, 4), (2, 4), (8, 4), (12, 4), (4, 1), (7, 2), (11, 2), (22, 4), (21, 4))


def sums(earlgrey, source, exporter):
    """Rows, octets and destinations of an exporter's flows."""
    return earlgrey.rows("sql", "-d", "data", "select count(*) n, cast(sum(bytes) as bigint) bytes, cast(count(distinct dst_ip) as int) "
                         f"receivers from flows where source = '{source}' and exporter = '{exporter}'")[0]


def test_two_behind_one_address(earlgrey):
    """Same address, same template number, other fields: apart by domain, and by protocol."""
    swapped = Exporter("netflow9", 2, first=7, name=1)
    layout = struct.pack(">HH", 0, 8 + 4 * len(FORGED)) + struct.pack(">HH", 300, len(FORGED)) + \
        b"".join(struct.pack(">HH", *field) for field in FORGED)
    first, ipfix = Exporter("netflow9", 1, first=50, name=0), Exporter("ipfix", 1, first=9, name=2)
    one, two, three = [], [], []
    for i in range(60):
        one.append(first.datagram(4, template=i % 10 == 0)[0])
        three.append(ipfix.datagram(4, template=i % 10 == 0)[0])
        head, records = swapped.datagram(4)[0][:20], b""
        for k in range(4):
            records += struct.pack(">II4s4sBHHII", 1000, 3, bytes([10, 1, i, k]), bytes([10, 9, 9, 8]), 17, 1024, 443, 1000, 2000)
        records += bytes(-len(records) % 4)
        two.append(head + (layout if i % 10 == 0 else b"") + struct.pack(">HH", 300, 4 + len(records)) + records)
    account = collect(earlgrey, [(socket_of("127.7.0.1"), one), (socket_of("127.7.0.1"), two), (socket_of("127.7.0.1"), three)])
    assert account["lost"] == {}
    assert "template_changed" not in account["noted"]
    rows = earlgrey.rows("sql", "-d", "data", "select source, domain, dst_ip, count(*) n, cast(sum(bytes) as bigint) bytes "
                         "from flows group by all order by all")
    assert [(r["source"], r["domain"], r["dst_ip"], r["n"], r["bytes"]) for r in rows] == [
        ("ipfix", 1, "10.9.9.0", 240, 240_000), ("netflow9", 1, "10.9.9.0", 240, 240_000),
        ("netflow9", 2, "10.9.9.8", 240, 240_000)]


def message_at(number, starts, source=b"\x0a\x01"):
    """An IPFIX message with its template, and records that start at those seconds."""
    layout = ((8, 4), (12, 4), (1, 4), (2, 4), (152, 8), (153, 8))
    fields = b"".join(struct.pack(">HH", *field) for field in layout)
    records = b"".join(struct.pack(">2sH4sIIQQ", source, k, bytes([10, 9, 9, 9]), 1000, 3, s * 1000, s * 1000 + 5)
                       for k, s in enumerate(starts))
    body = struct.pack(">HHHH", 2, 8 + len(fields), 300, len(layout)) + fields + struct.pack(">HH", 300, 4 + len(records)) + records
    return struct.pack(">HHIII", 10, 16 + len(body), int(time.time()), number, 7) + body


def test_flows_of_the_future_make_no_hours(earlgrey, tmp_path):
    """Absolute times years ahead: hours that would never be old enough to expire. They stand aside, counted."""
    now, day = int(time.time()), 86400
    sent = [message_at(0, [now - 60, now - 2 * day]), message_at(2, [now + year * 365 * day for year in range(1, 41)])]
    account = collect(earlgrey, [(socket_of("127.7.3.1"), sent)])
    assert account["kept"]["flows"] == 2 and account["quarantined"]["flows"] == 40, account
    assert account["lost"]["quarantined"]["records"] == 40
    assert earlgrey.rows("sql", "-d", "data", "select count(*) n from flows") == [{"n": 2}]
    assert len(list((tmp_path / "data" / "flows").glob("date=*"))) == 2
    done = earlgrey.run("top", "-d", "data")
    assert account["to"] < time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now + day))
    assert "40 flows, 120 packets (quarantined)" in done.stderr, done.stderr


def test_a_flood_of_past_hours_delays_nobody(earlgrey, tmp_path):
    """Records of 2,000 hours of decades, beside a good exporter and one whose clock is wrong: their rows are there soon,
    few hours are made, the rest is counted, and the end comes in seconds."""
    chance, now, port = random.Random(4), int(time.time()), live.free_port()
    hours = chance.sample(range(now // 3600 - 30 * 365 * 24, now // 3600 - 48), 2000)
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "300ms") as collector, \
            socket_of("127.7.4.1") as good, socket_of("127.7.4.2") as forger, socket_of("127.7.4.3") as wrong:
        wrong.sendto(message_at(0, [now - 20 * 365 * 86400] * 10), ("127.0.0.1", port))
        live.flows_there(earlgrey, 10)
        for i in range(50):
            forger.sendto(message_at(40 * i, [h * 3600 for h in hours[40 * i:40 * i + 40]], b"\x0a\x02"), ("127.0.0.1", port))
            good.sendto(message_at(20 * i, [now - i] * 20), ("127.0.0.1", port))
            wrong.sendto(message_at(10 + 5 * i, [now - 20 * 365 * 86400] * 5), ("127.0.0.1", port))
        live.flows_there(earlgrey, 10 + 50 * 20 + 50 * 5 + 100)
        began = time.monotonic()
        account = collector.end()
        assert time.monotonic() - began < live.allowed(10)
    rows = {r["exporter"]: r["n"] for r in earlgrey.rows("sql", "-d", "data", "select exporter, count(*) n from flows group by all")}
    assert rows["127.7.4.1"] == 1000 and rows["127.7.4.3"] == 260, rows
    assert 100 < rows["127.7.4.2"] < 200 and rows["127.7.4.2"] + account["quarantined"]["flows"] == 2000, (rows, account)
    assert account["lost"]["quarantined"]["records"] == account["quarantined"]["flows"]
    assert len(list((tmp_path / "data" / "flows").glob("date=*/hour=*"))) < 200


def test_a_forged_template_is_told(earlgrey):
    """Who sends from an exporter's address can change how it is read, but not unseen, and not for longer
    than until its next template."""
    port, real = live.free_port(), Exporter("netflow9", 1, first=50)
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "200ms") as collector, \
            socket_of("127.7.1.1") as sender, socket_of("127.7.1.1") as forger:
        for i in range(20):
            sender.sendto(real.datagram(5, template=i == 0)[0], ("127.0.0.1", port))
        forged = struct.pack(">HHIIII", 9, 1, 40_000_000, int(time.time()), 70, 1) + template_set("netflow9", fields=FORGED)
        forger.sendto(forged, ("127.0.0.1", port))
        for i in range(20):
            sender.sendto(real.datagram(5, template=i == 0)[0], ("127.0.0.1", port))
        collector.wait_for(r"2 known templates were defined anew.*template_changed")
        account = collector.end()
    assert account["noted"]["template_changed"]["records"] == 2  # there, and back
    assert told(earlgrey, "template_changed") == {("netflow9", "127.7.1.1", 1): (2, None)}
    assert sums(earlgrey, "netflow9", "127.7.1.1") == {"n": 200, "bytes": 200_000, "receivers": 1}
    assert "template_changed" in {row["cause"] for row in earlgrey.rows("losses", "-d", "data")}


def flood(path, sources, templates, friend):
    """A capture of `sources` senders, each defining `templates` templates of its own in one datagram, and
    a known exporter between them; how many flows that one sent."""
    flows = 0
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))

        def put(address, payload):
            packet = struct.pack(">BBHHHBBH4s4sHHHH", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0, address,
                                 bytes([192, 0, 2, 1]), 4000, 2055, 8 + len(payload), 0) + payload
            out.write(struct.pack("<IIII", now, 0, len(packet), len(packet)) + packet)

        now = int(time.time())
        for i in range(sources):
            if friend and i % 20 == 0:
                put(bytes([192, 0, 2, 7]), friend.datagram(5, template=i == 0)[0])
                flows += 5
            sets = b"".join(struct.pack(">HHHHHH", 256 + k, 2, 8, 4, 100 + k, 1 + i % 250) for k in range(templates))
            put(struct.pack(">I", 0x0B000000 + i), struct.pack(">HHIIIIHH", 9, templates, 1000, now, 1, 0, 0,
                                                               4 + len(sets)) + sets)
    return flows


def peak_kib(words, home):
    """The largest resident size a program had, and its standard output."""
    code = ("import resource,subprocess,sys;p=subprocess.run(sys.argv[1:],stdout=2);"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,p.returncode)")
    done = subprocess.run([sys.executable, "-c", code, *map(str, words)], cwd=home, capture_output=True, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": str(home)}, check=True)
    size, status = map(int, done.stdout.split())
    assert status == 0, done.stderr
    return size


def test_a_million_templates_from_a_hundred_thousand_sources(earlgrey, tmp_path):
    friend = Exporter("netflow9", 1, first=5)
    flows = flood(tmp_path / "flood.pcap", 100_000, 10, friend)
    flood(tmp_path / "calm.pcap", 100_000, 0, Exporter("netflow9", 1, first=5))
    base = peak_kib([conftest.EARLGREY, "ingest", tmp_path / "calm.pcap", "-d", "calm", "--tables", "flows"], earlgrey.home)
    size = peak_kib([conftest.EARLGREY, "ingest", tmp_path / "flood.pcap", "-d", "data", "--tables", "flows"], earlgrey.home)
    print(f"calm {base} KiB, flood {size} KiB")
    assert size - base < 120 * 1024
    assert decoded(earlgrey)["netflow9", "192.0.2.7", 1][:1] == (flows,)
    assert told(earlgrey, "sequence_gap") == {}
    assert sum(records for records, _ in told(earlgrey, "template_refused").values()) > 500_000


def rss_kib(pid):
    """The resident size of a process now."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1])


def test_a_flood_of_live_senders(earlgrey):
    """The same with 2,000 addresses that send live, templates and data, while known exporters go on."""
    chance, friends, truths = random.Random(5), [], {}
    for i, kind in enumerate(("netflow5", "netflow9", "ipfix", "sflow")):
        arrived, truths[kind, "127.8.0.1", 1] = journey(Exporter(kind, 1, first=77, name=i), chance, 150)
        friends.append((socket_of("127.8.0.1"), arrived))
    port = live.free_port()
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "300ms") as collector:
        half = [(s, arrived[:75]) for s, arrived in friends]
        sent = send_all(half, port)
        time.sleep(1)
        before = rss_kib(collector.child.pid)
        for i in range(2000):
            with socket_of(f"127.9.{i // 250}.{1 + i % 250}") as s:
                sets = b"".join(struct.pack(">HHHHHH", 256 + k, 2, 8, 4, 100 + k, 1 + i % 250) for k in range(20))
                s.sendto(struct.pack(">HHIIIIHH", 9, 20, 1000, int(time.time()), 1, 0, 0, 4 + len(sets)) + sets +
                         struct.pack(">HH", 300, 40) + bytes(36), ("127.0.0.1", port))
            sent += 1
        sent += send_all([(s, arrived[75:]) for s, arrived in friends], port)
        time.sleep(0.5)
        after = rss_kib(collector.child.pid)
        account = collector.end()
    assert account["read"]["packets"] == sent
    assert after - before < 64 * 1024
    gaps, rows = told(earlgrey, "sequence_gap"), decoded(earlgrey)
    for key, truth in truths.items():
        assert rows[key][0] == truth.records
        assert gaps.get(key, (0, 0))[0] == truth.gap
    assert account["lost"]["template_missing"]["records"] == 2000


def test_one_bad_exporter_at_full_rate(earlgrey):
    """Rubbish as fast as it goes for some seconds: a few lines in the log, one row of `losses` an interval,
    and another exporter is read as ever."""
    port, good = live.free_port(), Exporter("netflow5", first=0)
    v9 = Exporter("netflow9", 3, first=1).datagram(2)[0]
    bad = [v9[:22] + struct.pack(">H", 2) + v9[24:], v9[:10], struct.pack(">H", 99) + v9[2:],
           v9[:20] + struct.pack(">HHHHHH", 0, 12, 301, 1, 8, 0)]
    seconds = float(os.environ.get("EG_SOAK", "0")) or 5
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "1s") as collector, \
            socket_of("127.10.0.1") as rogue, socket_of("127.10.0.2") as friend:
        until, sent, flows = time.monotonic() + seconds, 0, 0
        while time.monotonic() < until:
            for i in range(400):
                rogue.sendto(bad[i % 4], ("127.0.0.1", port))
            friend.sendto(good.datagram(3)[0], ("127.0.0.1", port))
            sent, flows = sent + 401, flows + 3
        account = collector.end()
    lines = collector.lines
    dropped = account["lost"].get("socket_drop", {"packets": 0})["packets"]
    print(f"{sent / seconds:.0f} datagrams/s, {dropped} dropped, {len(lines)} lines")
    assert account["read"]["packets"] + dropped == sent
    assert len(lines) <= 10 + 5, lines
    gap = told(earlgrey, "sequence_gap").get(("netflow5", "127.10.0.2", 1), (0, 0))[0]
    assert decoded(earlgrey)["netflow5", "127.10.0.2", 1][1] + gap + 3 * dropped >= flows
    rows = earlgrey.rows("sql", "-d", "data", "select cause, count(*) n from losses where exporter = '127.10.0.1' group by 1")
    assert {row["cause"] for row in rows} >= {"set_length_bad", "short_header", "version_unknown", "template_bad"}
    assert all(row["n"] <= 3 * (seconds + 3) for row in rows), rows

# SPDX-License-Identifier: Apache-2.0
"""What a collector says it missed, against what is known to be missing: exported = decoded + gap for each
exporter, domain and protocol, in the account, in the table `losses` and under every report."""
import collections
import gzip
import json
import pathlib
import random
import re
import signal
import struct
import subprocess
import threading
import time

import pytest

import conftest
import live
from export_model import KINDS, Exporter, journey, send_all, socket_of

NUMBERED_BY_RECORD = ("netflow5", "ipfix")


def collect(earlgrey, journeys, *words, query=""):
    """Sends the journeys to a collector; its account."""
    port = live.free_port()
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}{query}", "-d", "data", "--interval", "500ms",
                        *words) as collector:
        sent = send_all(journeys, port)
        account = collector.end()
    assert account["read"]["packets"] == sent
    return account


def told(earlgrey, cause):
    """{(source, exporter, domain): (records, packets)} of a cause in the table `losses`."""
    rows = earlgrey.rows("sql", "-d", "data", "select source, exporter, domain, cast(sum(records) as bigint) records, "
                         f"cast(sum(packets) as bigint) packets from losses where cause = '{cause}' group by all")
    return {(row["source"], row["exporter"], row["domain"]): (row["records"], row["packets"]) for row in rows}


def decoded(earlgrey):
    """{(source, exporter, domain): (rows, different flows, different datagrams)}"""
    rows = earlgrey.rows("sql", "-d", "data", "select source, exporter, domain, count(*) n, count(distinct src_ip) different, "
                         "count(distinct (sequence, dst_ip)) datagrams from flows group by all")
    return {(row["source"], row["exporter"], row["domain"]): (row["n"], row["different"], row["datagrams"])
            for row in rows}


def fleet(chance, count, **more):
    """Exporters of all kinds: alone, two domains behind one address, several protocols behind one; those of
    the second half of the numbers wrap. {key: truth} and the journeys."""
    truths, journeys = {}, []
    for i in range(16):
        kind, domain = KINDS[i % 4], 1 + i // 4 % 2
        address = f"127.1.{i // 8}.{1 if i < 8 else 1 + i % 4}"
        exporter = Exporter(kind, domain, first=0 if i < 4 else 2**32 - 3 if i < 8 else chance.randrange(2**32), name=i)
        arrived, truth = journey(exporter, chance, count, **more)
        truths[kind, address, domain] = truth
        journeys.append((socket_of(address), arrived))
    return truths, journeys


def check_sums(earlgrey, truths, account):
    """Exported = decoded + gap, for each, exactly."""
    gaps, rows = told(earlgrey, "sequence_gap"), decoded(earlgrey)
    assert rows.keys() == truths.keys()
    for key, truth in truths.items():
        n, different, datagrams = rows[key]
        gap = gaps.get(key, (0, 0))[0]
        unique = different if key[0] in NUMBERED_BY_RECORD else datagrams
        assert (gap, n, unique) == (truth.gap, truth.records, truth.delivered), key
        assert unique + gap == truth.exported, key
    assert gaps.keys() <= truths.keys()
    total = sum(truth.gap for truth in truths.values())
    assert account["lost"].get("sequence_gap", {"records": 0})["records"] == total
    assert account["kept"]["flows"] == sum(truth.records for truth in truths.values())
    return total


def test_gaps_are_exact(earlgrey):
    truths, journeys = fleet(random.Random(1), 200)
    account = collect(earlgrey, journeys)
    total = check_sums(earlgrey, truths, account)
    assert total > 1000
    assert account["lost"].keys() == {"sequence_gap"}
    repeated = sum(truth.repeated for truth in truths.values())
    assert account["noted"]["sequence_repeated"]["packets"] == repeated > 50
    again = told(earlgrey, "sequence_repeated")
    assert {key: packets for key, (_, packets) in again.items()} == \
        {key: truth.repeated for key, truth in truths.items() if truth.repeated}
    for key, (n, different, _) in decoded(earlgrey).items():  # what came twice is told in records too
        if key[0] in NUMBERED_BY_RECORD:
            assert n - different == again.get(key, (0, 0))[0]
    assert "sequence_reset" not in account["noted"]
    for words in (("top", "-s", "src_ip"), ("flows", "proto udp"), ("trend", "--by", "10s")):
        done = earlgrey.run(*words, "-d", "data")
        assert done.returncode == 0, done.stderr
        assert f"not in the answer: {total} records (sequence_gap)" in done.stderr, (words, done.stderr)
    for words in (("watch", "top", "--trigger", "once"), ("watch", "select count(*) n from flows", "--trigger", "once"), ("sql", "select 1")):
        done = earlgrey.run(*words, "-d", "data")
        where = "dataset" if "select" in words[1] else "answer"
        assert done.returncode == 0 and f"not in the {where}: {total} records (sequence_gap)" in done.stderr, (words, done.stderr)
    assert "sequence_gap" not in earlgrey.run("packets", "-d", "data").stderr + earlgrey.run("sql", "-q", "-d", "data", "select 1").stderr
    losses = earlgrey.rows("losses", "-d", "data")
    assert sum(row["records"] for row in losses if row["cause"] == "sequence_gap") == total
    assert {row["cause"] for row in losses} == {"sequence_gap", "sequence_repeated"}


def test_nothing_lost_is_no_gap(earlgrey):
    truths, journeys = fleet(random.Random(2), 120, faults=False)
    account = collect(earlgrey, journeys)
    assert check_sums(earlgrey, truths, account) == 0
    assert account["lost"] == {}
    assert not any(cause.startswith("sequence") for cause in account["noted"])
    done = earlgrey.run("top", "-s", "src_ip", "-d", "data")
    assert "not in the answer" not in done.stderr


def test_restarts_are_no_gaps(earlgrey):
    # IPFIX tells no time of its start: numbers inside the window of 64 messages are taken for repeated ones
    truths, journeys = fleet(random.Random(3), 180, restarts=2, records=(1, 8))
    account = collect(earlgrey, journeys)
    check_sums(earlgrey, truths, account)
    assert account["noted"]["sequence_reset"]["packets"] == sum(truth.restarts for truth in truths.values())


@pytest.mark.parametrize("workers", (1, 4, 16))
def test_overload_is_counted(earlgrey, workers):
    """More than a tiny receive buffer holds: what was sent is what was read and what the kernel dropped."""
    port, count = live.free_port(), 40_000
    senders = [(socket_of(f"127.2.0.{i + 1}"), Exporter("netflow5", first=0, name=i)) for i in range(32)]
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}?receive-buffer=4096&workers={workers}", "-d", "data",
                        "--interval", "500ms") as collector:
        for i in range(count):
            s, exporter = senders[i % len(senders)]
            s.sendto(exporter.datagram(1)[0], ("127.0.0.1", port))
        account = collector.end()
    lost = account["lost"]["socket_drop"]["packets"]
    assert lost > 0
    assert account["read"]["packets"] + lost == count
    assert account["kept"]["flows"] == account["read"]["packets"]
    assert told(earlgrey, "socket_drop") == {("udp", None, None): (lost, lost)}
    # what the kernel dropped is missing in the numbers too, but for what came last of each
    gap = account["lost"]["sequence_gap"]["records"]
    assert 0 < gap <= lost


def hostile():
    """(cause, datagram): one kind of malformed input each."""
    v5, _ = Exporter("netflow5", first=1000).datagram(2)
    v9, _ = Exporter("netflow9", 9, first=1).datagram(2)
    ipfix, _ = Exporter("ipfix", 10, first=1).datagram(2)
    sflow, _ = Exporter("sflow", 6, first=1).datagram(2)
    return [
        ("short_header", v5[:12]), ("short_header", v9[:3]),
        ("version_unknown", struct.pack(">H", 77) + v5[2:]),
        ("count_mismatch", v5[:2] + struct.pack(">H", 30) + v5[4:]),
        ("set_length_bad", v9[:22] + struct.pack(">H", 2) + v9[24:]),
        ("set_length_bad", v9[:22] + struct.pack(">H", 60000) + v9[24:]),
        ("message_length_bad", ipfix[:2] + struct.pack(">H", len(ipfix) + 8) + ipfix[4:]),
        ("template_bad", v9[:20] + struct.pack(">HHHHHH", 0, 12, 301, 1, 8, 0)),
        ("template_missing", v9[:20] + struct.pack(">HHI", 999, 8, 0)),
        ("set_length_bad", sflow[:32] + struct.pack(">I", 2**31) + sflow[36:]),
        ("version_unsupported", struct.pack(">I", 4) + sflow[4:]),
    ]


def test_malformed_input_by_cause(earlgrey):
    """Each kind is counted under its cause for its sender, and the next good datagrams are decoded."""
    port, expected = live.free_port(), collections.Counter()
    good = [(socket_of("127.3.1.1"), Exporter(kind, 1, first=5, name=i)) for i, kind in enumerate(KINDS)]
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "300ms") as collector:
        for i, (cause, payload) in enumerate(hostile()):
            with socket_of(f"127.3.0.{i + 1}") as s:
                s.sendto(payload, ("127.0.0.1", port))
            expected[cause, f"127.3.0.{i + 1}"] += 1
            for s, exporter in good:
                s.sendto(exporter.datagram(5)[0], ("127.0.0.1", port))
        account = collector.end()
    rows = earlgrey.rows("losses", "-d", "data")
    assert {(row["cause"], row["exporter"]) for row in rows} == expected.keys()
    assert all(row["records"] or row["packets"] for row in rows)
    assert account["lost"].keys() == {cause for cause, _ in expected}
    sound = [row for row in decoded(earlgrey).items() if row[0][1] == "127.3.1.1"]
    assert len(sound) == len(KINDS) and all(n == 5 * len(hostile()) for _, (n, _, _) in sound)


def test_told_while_it_runs(earlgrey):
    """What is lost stands in the dataset an interval later, and is told to whoever asks with SIGUSR1; a
    kill takes nothing of it away."""
    port, exporter = live.free_port(), Exporter("netflow5", first=0)
    made = [exporter.datagram(10)[0] for _ in range(400)]
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}?allow=127.4.0.0/16", "-d", "data", "--interval",
                        "300ms") as collector, socket_of("127.4.0.1") as friend, socket_of("127.5.0.1") as stranger:
        for payload in [*made[:100], *made[150:300]]:
            friend.sendto(payload, ("127.0.0.1", port))
        for _ in range(7):
            stranger.sendto(made[0], ("127.0.0.1", port))
        until = time.monotonic() + 60
        while told(earlgrey, "sequence_gap") != {("netflow5", "127.4.0.1", 0x1): (500, None)}:
            assert time.monotonic() < until, told(earlgrey, "sequence_gap")
            time.sleep(0.1)
        for payload in [*made[300:310], *made[320:]]:
            friend.sendto(payload, ("127.0.0.1", port))
        while told(earlgrey, "sequence_gap")["netflow5", "127.4.0.1", 1] != (600, None):
            assert time.monotonic() < until
            time.sleep(0.1)
        rows = earlgrey.rows("sql", "-d", "data", "select records, cast(start_time as text) began from losses "
                             "where cause = 'sequence_gap' order by start_time")
        assert [row["records"] for row in rows] == [500, 100]  # a row for each interval, of its own time
        assert rows[0]["began"] < rows[1]["began"]
        assert told(earlgrey, "source_refused") == {("udp", None, None): (7, 7)}
        collector.signal(signal.SIGUSR1)
        collector.wait_for(r"600 records +sequence_gap")
        collector.wait_for(r"7 records +source_refused")
        collector.wait_for(r"340 datagrams or packets read, 340 exports, 3400 flows")
        collector.wait_for(rf"udp://127.0.0.1:{port}: 347 datagrams, .* 0 dropped by the kernel, 7 refused")
        collector.signal(signal.SIGKILL)
        collector.child.wait(60)
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data") as collector:
        collector.end()
    assert told(earlgrey, "sequence_gap") == {("netflow5", "127.4.0.1", 1): (600, None)}
    assert decoded(earlgrey)["netflow5", "127.4.0.1", 1][:2] == (3400, 3400)


@pytest.mark.parametrize("where", ("off", "spool"))
def test_too_slow_to_store(earlgrey, where):
    """Nobody reads the records on standard output: what the spool and the queue have no room for is
    counted, and with what is read afterwards it is all that was sent."""
    port, count = live.free_port(), 3000
    words = [str(conftest.EARLGREY), "ingest", f"udp://127.0.0.1:{port}?queue=524288&spool-max=2097152&spool-segment=524288",
             "--spool", where, "--to", "-"]
    exporter, lines = Exporter("netflow5", first=0), []
    child = subprocess.Popen(words, cwd=earlgrey.home, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while "listening on" not in (line := child.stderr.readline()):
            assert line
        with socket_of("127.6.0.1") as s:
            for i in range(count):
                s.sendto(exporter.datagram(30)[0], ("127.0.0.1", port))
                if i % 20 == 19:
                    time.sleep(0.002)
        time.sleep(0.5)
        child.send_signal(signal.SIGTERM)
        began = time.monotonic()
        reader = threading.Thread(target=lambda: lines.extend(child.stdout), daemon=True)
        reader.start()
        account = child.stderr.read()
        assert child.wait(60) == 0
        assert time.monotonic() - began < live.allowed(8)  # the usual interval would be ten
        reader.join(30)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()
    cause = "queue_full" if where == "off" else "spool_full"
    lost = sum(int(n.replace(",", "")) for n in re.findall(r"([\d,]+) datagrams +(?:queue_full|spool_full|socket_drop)", account))
    assert cause in account, account
    assert len(lines) + lost * 30 == count * 30, account


def account_of(earlgrey, *words):
    """The account of an ingest."""
    return json.loads(earlgrey.ok(*words, "--json", "-q"))


def test_what_went_on_as_it_came_is_no_flow(earlgrey, packets):
    """Sinks of packets are given packets: the account tells of each what it got, and of tables what is in them."""
    count = packets[1]["packets"]
    for sink in ("seqfile:sq", "pcap:files"):
        account = account_of(earlgrey, "ingest", packets[0], "--to", sink)
        assert account["kept"] == {"flows": 0, "packets": 0, "counters": 0}
        assert account["flows"] == {"exports": 0, "packet": 0}
        assert account["given_on"] == [{"sink": sink, "packets": count}]
        done = earlgrey.run("ingest", packets[0], "--to", sink)
        assert f"{count:,} packets, as they came, to {sink}" in done.stderr
        assert "kept" not in done.stderr and "metered" not in done.stderr
    account = account_of(earlgrey, "ingest", packets[0], "-d", "data", "--to", "seqfile:more")
    assert account["kept"]["packets"] == count and account["kept"]["flows"] > 0
    assert account["given_on"] == [{"sink": "seqfile:more", "packets": count}]
    # frames are no datagrams: nothing of them was passed on
    done = earlgrey.run("ingest", packets[0], "--to", "udp://127.0.0.1:9", "--json", "-q")
    account = json.loads(done.stdout)
    assert account["given_on"] == [{"sink": "udp://127.0.0.1:9", "packets": 0}]
    assert account["lost"]["not_passed_on"]["packets"] == count and done.returncode == 3


@pytest.mark.parametrize("second, code", ((86400, 3), (4102444800, 3), (1767225600, 0)))
def test_all_in_quarantine_is_no_success(earlgrey, tmp_path, second, code):
    """Where nothing was kept since no time can be, the account names the limits, and the exit code is that of what is
    partly done."""
    frame = bytes.fromhex("020000000001020000000002080045000021000100004011000a0a0000010a000002") + b"\0\x01\0\x02\0\x0d\0\0hello"
    (tmp_path / "odd.pcap").write_bytes(struct.pack("<IHHIIIIIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1, second, 0, len(frame), len(frame)) + frame)
    done = earlgrey.run("ingest", "odd.pcap", "-d", "data")
    assert done.returncode == code, done.stderr
    assert ("before 1990 or from 2100 on" in done.stderr) == (code == 3), done.stderr


def test_an_ingest_of_nothing_makes_the_dataset(earlgrey, tmp_path):
    """Whatever the format: a capture with no packet was read well, and a report of it is an empty one."""
    head = struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    section = struct.pack("<IIIHHqI", 0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0, -1, 28)
    files = {"a.pcap": head, "b.pcap.gz": gzip.compress(head), "c.pcapng": section + struct.pack("<IIHHII", 1, 20, 1, 0, 65535, 20)}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        earlgrey.ok("ingest", name, "-d", name + ".d")
        earlgrey.ok("ingest", name, "-d", name + ".d")
        assert earlgrey.rows("top", "-d", name + ".d") == [] and "catalog is fresh" in earlgrey.ok("doctor", "-d", name + ".d")


def test_impossible_times_are_unknown_and_count_when_they_came(earlgrey, tmp_path):
    """Rows in quarantine have no time in `losses`; they are found by the time of their ingest, also once compacted, and
    the account tells no impossible times."""
    frame = bytes.fromhex("020000000001020000000002080045000021000100004011000a0a0000010a000002") + b"\0\x01\0\x02\0\x0d\0\0hello"
    with open(tmp_path / "odd.pcap", "wb") as out:
        out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for second in (1767225600, 0, 5, 4294967000, 1767225601):
            out.write(struct.pack("<IIII", second, 0, len(frame), len(frame)) + frame)
    account = account_of(earlgrey, "ingest", "odd.pcap", "-d", "data")
    assert (account["from"], account["to"]) == ("2026-01-01T00:00:00.000000Z", "2026-01-01T00:00:01.000000Z")
    assert account["kept"]["packets"] == 2 and account["lost"]["quarantined"]["packets"] == 3
    for _ in range(2):
        for words, count in (([], 1), (["-t", "now-1h"], 1), (["-t", "now-2h,now-1h"], 0), (["-t", "2026-01-01,2026-01-02"], 0)):
            rows = earlgrey.rows("losses", "-d", "data", *words)
            assert [(row["cause"], row["packets"], row["start_time"], row["end_time"]) for row in rows] == \
                [("quarantined", 3, None, None)] * count, words
        assert "2 flows, 3 packets (quarantined)" in earlgrey.run("top", "-d", "data", "-t", "now-1h").stderr
        assert "quarantined" not in earlgrey.run("top", "-d", "data", "-t", "2026-01-01,2026-01-02").stderr
        earlgrey.ok("compact", "-d", "data")


def test_flows_of_packets_are_counted_once_in_any_number_of_rounds(earlgrey, packets, tmp_path):
    """What the account says of the flows metered from packets is what is kept, with one flush as with many."""
    bytes_ = bytearray(pathlib.Path(packets[0]).read_bytes())
    at = 24
    while at < len(bytes_):  # the same a day later
        seconds, _, size = struct.unpack_from("<III", bytes_, at)
        struct.pack_into("<I", bytes_, at, seconds + 86400)
        at += 16 + size
    (tmp_path / "later.pcap").write_bytes(bytes_)
    for name, more in (("one", []), ("many", ["--round-bytes", "1"])):
        account = account_of(earlgrey, "ingest", packets[0], "later.pcap", "-d", name, "--idle", "1s", *more)
        kept = earlgrey.rows("sql", "-d", name, "select count(*) as n from flows where source = 'packet'")[0]["n"]
        assert kept > 100
        assert account["kept"]["flows"] == kept
        assert account["flows"] == {"exports": 0, "packet": kept}, name

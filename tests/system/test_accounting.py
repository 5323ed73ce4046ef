# SPDX-License-Identifier: Apache-2.0
"""What a collector says it missed, against what is known to be missing: exported = decoded + gap for each
exporter, domain and protocol, in the account, in the table `losses` and under every report."""
import collections
import random
import struct

import pytest

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
    assert "sequence_reset" not in account["noted"]
    for words in (("top", "-s", "src_ip"), ("flows", "proto udp"), ("trend", "--by", "10s")):
        done = earlgrey.run(*words, "-d", "data")
        assert done.returncode == 0, done.stderr
        assert f"not in the answer: {total} records (sequence_gap)" in done.stderr, (words, done.stderr)
    losses = earlgrey.rows("losses", "-d", "data")
    assert sum(row["records"] for row in losses) == total
    assert {row["cause"] for row in losses} == {"sequence_gap"}


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

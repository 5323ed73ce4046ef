# SPDX-License-Identifier: Apache-2.0
"""`top --packets` and `trend --packets`: any field of packets, per interval too, held against tshark's
io,stat and its fields; and what is refused."""
import collections
import re
import shutil
import subprocess

import pytest

# field here -> fields there, the first that has something; how it reads
FIELDS = {
    "ttl": (["ip.ttl", "ipv6.hlim"], int), "tos": (["ip.dsfield", "ipv6.tclass"], lambda t: int(t, 0)),
    "tcp_flags": (["tcp.flags"], lambda t: int(t, 16)), "ip_version": (["ip.version", "ipv6.version"], int),
    "length": (["frame.len"], int), "vlan": (["vlan.id"], int), "link_type": (["frame.encap_type"], int),
    "src_mac": (["eth.src"], str), "icmp_type": (["icmp.type", "icmpv6.type"], int),
    "interface": (["frame.interface_name"], str),
}
CAPTURES = {
    "packets/pcapplusplus/example.pcap": ["ttl", "tos", "tcp_flags", "ip_version", "length", "link_type", "src_mac"],
    "packets/ndpi/1kxun.pcap": ["ttl", "tos", "ip_version", "length", "icmp_type", "src_mac"],
    "packets/pcapplusplus/VlanPackets.pcap": ["vlan", "length"],
    "packets/ndpi/http_ipv6.pcap": ["ttl", "tcp_flags", "ip_version"],
    "packets/ndpi/badpackets.pcap": ["length"],  # some are cut short: what was on the wire counts
    "packets/pcapplusplus/many_interfaces-1.pcapng": ["interface"],
}

def tshark(path, *words):
    """A row a packet: its fields as texts, and when it came and how long it is as numbers."""
    if not shutil.which("tshark"):
        pytest.skip("no tshark")
    fields = [word for word in words if "." in word]
    names, more = ["frame.time_epoch", "frame.len", *fields], words[len(fields):]
    text = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f", "-o", "ip.defragment:FALSE",
                           "-o", "tcp.desegment_tcp_streams:FALSE", *sum((["-e", f] for f in names), []), *more],
                          check=True, capture_output=True, text=True).stdout
    rows = []
    for line in text.splitlines():
        row = dict(zip(names, line.split("\t")))
        whole, rest = row["frame.time_epoch"].split(".")
        row["us"] = (int(whole) * 10**9 + int(rest[:9].ljust(9, "0"))) // 1000
        row["length"] = int(row["frame.len"])
        rows.append(row)
    return rows


def value_of(row, field):
    names, read = FIELDS[field]
    text = next((row[name] for name in names if row[name]), "")
    return read(text) if text else None


@pytest.mark.parametrize("name", CAPTURES)
def test_top_by_any_field(earlgrey, shared, name):
    path, fields = shared / name, CAPTURES[name]
    rows = tshark(path, *sum((FIELDS[f][0] for f in fields), []))
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    for field in fields:
        truth = collections.defaultdict(lambda: [0, 0])
        for row in rows:
            have = truth[value_of(row, field)]
            have[0] += 1
            have[1] += row["length"]
        for origin in (["-r", path], ["-d", "data"])[:2 if field == fields[0] else 1]:
            got = earlgrey.rows("top", "-q", *origin, "--packets", "-s", field, "-m", "packets", "-n", "0")
            assert {r[field]: [r["packets"], r["bytes"]] for r in got} == truth, (field, origin)
            assert [r["packets"] for r in got] == sorted((n for n, _ in truth.values()), reverse=True)
            assert set(got[0]) == {field, "packets", "bytes"}


def test_rates_of_each_second_by_a_field(earlgrey, shared):
    """What each second had of each TTL, and what makes of it a rate."""
    path = shared / "packets/pcapplusplus/example.pcap"
    truth = collections.defaultdict(lambda: [0, 0])
    for row in tshark(path, "ip.ttl"):
        have = truth[row["us"] // 10**6, int(row["ip.ttl"])]
        have[0] += 1
        have[1] += row["length"]
    got = earlgrey.rows("top", "-q", "-r", path, "--packets", "-s", "ttl", "--window", "1s", "--rates", "-n", "0", "--epoch")
    assert {(r["time"] // 10**6, r["ttl"]): [r["packets"], r["bytes"]] for r in got} == truth
    assert all(r["packets_per_s"] == r["packets"] and r["bits_per_s"] == 8 * r["bytes"] for r in got)
    first = earlgrey.rows("top", "-q", "-r", path, "--packets", "-s", "ttl", "--window", "1s", "-n", "1", "--epoch")
    assert [r["bytes"] for r in first] == [
        max(size for (second, _), (_, size) in truth.items() if second == r["time"] // 10**6) for r in first]
    (half,) = earlgrey.rows("trend", "-q", "-r", path, "--packets", "--by", "500ms", "--rates", "-t", "2013-05-02T20:20:39.5Z,2013-05-02T20:20:39.9Z")
    assert half["packets"] and (half["packets_per_s"], half["bits_per_s"]) == (2 * half["packets"], 16 * half["bytes"])


def io_stat(path, width):
    """tshark's table of frames and bytes per interval, counted from the first packet."""
    text = subprocess.run(["tshark", "-n", "-q", "-r", path, "-z", f"io,stat,{width}"], check=True, capture_output=True, text=True).stdout
    lines = re.findall(r"^\|\s*[\d.]+ <> *(?:[\d.]+|Dur) *\|\s*(\d+) \|\s*(\d+) \|$", text, re.M)
    return [(int(frames), int(size)) for frames, size in lines]


def test_trend_is_the_io_stat_of_tshark(earlgrey, shared):
    """Of a capture whose first packet is moved to a whole minute, so that both count intervals from there."""
    path, moved = shared / "packets/pcapplusplus/example.pcap", earlgrey.home / "moved.pcap"
    first = tshark(path, "-c", "1")[0]["us"] % (60 * 10**6)
    subprocess.run(["editcap", "-t", f"-{first // 10**6}.{first % 10**6:06}", path, moved], check=True, capture_output=True)
    for width, by in [("0.001", "1ms"), ("5", "5s")]:
        truth = io_stat(moved, width)
        assert len(truth) > 3 and sum(frames for frames, _ in truth) == 4631
        got = earlgrey.rows("trend", "-q", "-r", moved, "--packets", "--by", by)
        assert [(r["packets"], r["bytes"]) for r in got] == truth
        assert set(got[0]) == {"time", "packets", "bytes"}


def test_trend_per_value(earlgrey, shared):
    """A row for each interval and value, idle ones zero; in and out of a host; the largest only."""
    path = shared / "packets/pcapplusplus/example.pcap"
    rows = tshark(path, "ip.proto", "ip.src", "ip.dst")
    truth = collections.defaultdict(lambda: [0, 0])
    sides = collections.defaultdict(lambda: [0, 0])
    for row in rows:
        key = row["us"] // 10**6, int(row["ip.proto"])
        truth[key][0] += 1
        truth[key][1] += row["length"]
        sides[key][0] += row["ip.dst"] == "10.0.0.6"
        sides[key][1] += row["ip.src"] == "10.0.0.6"
    seconds = sorted(second for second, _ in truth)
    grid = [(second, proto) for second in range(seconds[0], seconds[-1] + 1) for proto in (6, 17)]
    assert any(key not in truth for key in grid)
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    for origin in (["-r", path], ["-d", "data"]):
        got = earlgrey.rows("trend", "-q", *origin, "--packets", "--by", "1s", "--per", "proto", "--epoch")
        assert [(r["time"] // 10**6, r["proto"]) for r in got] == grid
        assert [[r["packets"], r["bytes"]] for r in got] == [truth[key] for key in grid]
        got = earlgrey.rows("trend", "-q", *origin, "--packets", "--by", "1s", "--per", "proto", "--host", "10.0.0.6", "-n", "1", "--epoch")
        assert {r["proto"] for r in got} == {6}
        assert {r["time"] // 10**6: [r["in_packets"], r["out_packets"]] for r in got} == {
            second: sides[second, 6] for second, proto in grid if proto == 6}
    flows = earlgrey.rows("trend", "-q", "-d", "data", "--by", "1s", "--per", "protocol", "--epoch")
    assert sum(r["packets"] for r in flows) == len(rows) and {r["protocol"] for r in flows} == {"tcp", "udp"}


def test_what_packets_cannot_tell(earlgrey, shared):
    path = shared / "packets/pcapplusplus/one_tcp_stream.pcap"
    for words, told in [
            (["top", "-s", "ttl"], "flows have no field 'ttl', packets have it (--packets of top, trend and flows)"),
            (["top", "ttl < 5"], "flows have no field 'ttl', packets have it"),
            (["top", "--packets", "-s", "rtt_us"], "packets have no field 'rtt_us', flows have it"),
            (["top", "--packets", "-s", "tl"], "did you mean 'ttl'?"),
            (["top", "--packets", "-s", "as"], "packets have no field 'src_as'"),
            (["top", "--packets", "-s", "time", "--window", "1s"], "group by something else"),
            (["top", "--packets", "-m", "flows"], "packets are no flows"),
            (["top", "--packets", "-m", "retransmissions"], "-m retransmissions without --packets"),
            (["top", "--packets", "--idle", "3s"], "--idle (or another option of metering) is about flows"),
            (["top", "--packets", "--source", "ipfix"], "--source is about flows"),
            (["top", "--packets", "--dedup", "path"], "--dedup is about flows"),
            (["top", "--packets", "--match", "end"], "--match is about flows"),
            (["top", "--rates", "--window", "1s"], "--rates goes with --packets and --window"),
            (["top", "--rates", "--packets"], "--rates goes with --packets and --window"),
            (["trend", "--per", "ttl"], "flows have no field 'ttl', packets have it (--packets of top, trend and flows)"),
            (["trend", "--packets", "--per", "time"], "--per takes another field"),
            (["trend", "--packets", "--attribute", "end"], "--attribute is about flows"),
            (["trend", "-n", "3"], "--number goes with --per"),
            (["trend", "--packets", "--by", "1ms", "--per", "offset", "-t", "2000-01-01,2030-01-01"], "are too many rows"),
    ]:
        done = earlgrey.run(*words, "-q", "-r", path)
        assert done.returncode == 2 and told in done.stderr and not done.stdout, (words, done.stderr)
    assert earlgrey.run("top", "-r", path, "--packets", "--exit-status", "ttl > 254").returncode == 4
    assert "sql:    SELECT" in earlgrey.ok("top", "-r", path, "--packets", "--explain", "ttl > 254")


def test_what_is_missing_is_told(earlgrey, shared):
    """A capture that is cut, a dataset without packets, and one that lost some."""
    whole = (shared / "packets/pcapplusplus/one_tcp_stream.pcap").read_bytes()
    (earlgrey.home / "cut.pcap").write_bytes(whole[:-7])
    for verb in ("top", "trend"):
        done = earlgrey.run(verb, "-r", "cut.pcap", "--packets")
        assert done.returncode == 3 and "cut.pcap" in done.stderr and done.stdout
    assert earlgrey.run("ingest", "-q", "cut.pcap", "-d", "data").returncode == 3
    done = earlgrey.run("top", "-d", "data", "--packets", "-s", "ip_version")
    assert done.returncode == 0 and re.search(r"not in the answer: 1 packets \(capture_cut\)", done.stderr)
    earlgrey.ok("ingest", "-q", shared / "packets/pcapplusplus/one_tcp_stream.pcap", "-d", "flows", "--tables", "flows")
    done = earlgrey.run("top", "-d", "flows", "--packets")
    assert done.returncode == 0 and "no packets are kept in it" in done.stderr
    assert "no packets are kept in it" in earlgrey.run("packets", "-d", "flows", "-n", "1").stderr
    # a pipe is read as a capture is
    piped = earlgrey.run("trend", "-r", "-", "--packets", "--by", "1d", stdin=whole, text=False)
    assert piped.returncode == 0 and piped.stdout == earlgrey.run(
        "trend", "-r", shared / "packets/pcapplusplus/one_tcp_stream.pcap", "--packets", "--by", "1d", text=False).stdout


def test_a_time_is_that_of_packets(earlgrey, shared):
    """Flows that go on before and after the time asked for count with their packets in it."""
    path = shared / "packets/pcapplusplus/example.pcap"
    first, last = 1367526040, 1367526041
    inside = [p for p in tshark(path) if first * 10**6 <= p["us"] <= last * 10**6]
    assert 40 < len(inside) < 60
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    for place in (["-r", path], ["-d", "data"]):
        words = [*place, "-t", f"{first},{last}"]
        top = earlgrey.rows("top", "-q", *words, "-n", "0")
        assert sum(row["packets"] for row in top) == len(inside)
        assert sum(row["bytes"] for row in top) == sum(p["length"] for p in inside)
        assert sum(row["packets"] for row in earlgrey.rows("trend", "-q", *words, "--by", "1s")) == len(inside)
        [row] = earlgrey.rows("sql", "-q", *words, "select (select count(*) from packets) p, (select count(*) from flows) f")
        assert row["p"] == len(inside) and 0 < row["f"] < 271
        [row] = earlgrey.rows("sql", "-q", *place, "--source", "netflow5", "select count(*) n from flows, packets")
        assert row["n"] == 0


def test_fields_of_records_in_top(earlgrey, shared):
    """A flow's id leads to its packets, wherever it was shown; what only metering finds out is metered."""
    path = shared / "packets/pcapplusplus/example.pcap"
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    ids = {row["flow_id"]: row["packets"] for row in earlgrey.rows("flows", "-q", "-d", "data", "--fields", "flow_id,packets", "-n", "0")}
    for words in (["-d", "data"], ["-d", "data", "--source", "packet"], ["-r", path], ["-r", path, "--idle", "30s"]):
        top = earlgrey.rows("top", "-q", *words, "-s", "flow_id", "-m", "packets", "-n", "5")
        assert all(ids[row["flow_id"]] == row["packets"] for row in top)
    ends = {row["end_reason"] for row in earlgrey.rows("top", "-q", "-r", path, "-s", "end_reason")}
    assert ends == {row["end_reason"] for row in earlgrey.rows("top", "-q", "-d", "data", "-s", "end_reason")} and None not in ends

# SPDX-License-Identifier: Apache-2.0
"""Questions about packets as SQL and as reports, held against tshark and capinfos."""
import collections
import json
import struct
import shutil
import statistics
import subprocess

import pytest

import v5_capture

CAPTURES = ["packets/pcapplusplus/example.pcap", "packets/pcapplusplus/one_tcp_stream.pcap"]


@pytest.fixture(name="seen", params=CAPTURES)
def _seen(request, shared):
    """(path, rows) of a capture without tunnels, as tshark sees it: times in ns, lengths, addresses."""
    if not shutil.which("tshark"):
        pytest.skip("no tshark")
    path = shared / request.param
    fields = ["frame.time_epoch", "frame.len", "ip.version", "ip.proto", "ip.src", "ip.dst", "ip.ttl",
              "ip.flags.df", "tcp.srcport", "udp.srcport", "tcp.len", "udp.length", "tcp.seq_raw", "tcp.flags"]
    text = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f", "-o", "ip.defragment:FALSE",
                           "-o", "tcp.desegment_tcp_streams:FALSE", *sum((["-e", f] for f in fields), [])],
                          check=True, capture_output=True, text=True).stdout
    rows = []
    for line in text.splitlines():
        row = dict(zip(fields, line.split("\t")))
        whole, rest = row["frame.time_epoch"].split(".")
        row["us"] = (int(whole) * 10**9 + int(rest[:9].ljust(9, "0"))) // 1000
        row["length"] = int(row["frame.len"])
        rows.append(row)
    return path, rows


def ask(earlgrey, path, sql):
    return json.loads(earlgrey.ok("sql", "-q", "-r", path, sql, "--json", "--epoch"))


def test_the_four_published_queries(earlgrey, seen):
    path, rows = seen
    assert ask(earlgrey, path, "select count(*) as n from packets") == [{"n": len(rows)}]
    told = subprocess.run(["capinfos", "-M", "-c", "-T", "-r", path], check=True, capture_output=True, text=True).stdout
    assert int(told.split()[-1]) == len(rows)

    (latest,) = ask(earlgrey, path, "select max(time) as latest, count(*) as packets from packets")
    assert latest == {"latest": max(r["us"] for r in rows), "packets": len(rows)}

    expected = {}
    for row in rows:
        if row["ip.proto"]:
            expected.setdefault(int(row["ip.proto"]), []).append(row["length"])
    got = ask(earlgrey, path, "select proto, count(*) as packets, max(length) as longest, avg(length) as mean "
                              "from packets where ip_version = 4 group by proto")
    assert {r["proto"]: (r["packets"], r["longest"], pytest.approx(r["mean"])) for r in got} == {
        proto: (len(v), max(v), statistics.fmean(v)) for proto, v in expected.items()}

    expected = collections.defaultdict(list)
    for row in rows:
        expected[row["us"] // 1000].append(row["length"])
    got = ask(earlgrey, path, """
        select distinct epoch_ms(time) as ms, hour(utc) as h, minute(utc) as m, second(utc) as s,
               count(*) over per_ms as packets, avg(length) over per_ms as mean
        from (select *, make_timestamp(epoch_us(time)) as utc from packets)
        window per_ms as (partition by epoch_ms(time))""")
    assert {r["ms"]: (r["packets"], pytest.approx(r["mean"])) for r in got} == {
        ms: (len(v), statistics.fmean(v)) for ms, v in expected.items()}
    for row in got:
        assert (row["h"], row["m"], row["s"]) == (row["ms"] // 3600000 % 24, row["ms"] // 60000 % 60, row["ms"] // 1000 % 60)


def test_the_row_of_pcapstream(earlgrey, seen):
    path, rows = seen
    got = ask(earlgrey, path, 'select * from packets_pcapstream')
    assert len(got) == len(rows)
    assert list(got[0]) == ["timestamp", "year", "month", "day", "hour", "minute", "src", "srcPort", "dst", "dstPort",
                            "protocol", "ttl", "ipVersion", "length", "tcpSeq", "tcpAck", "udpSum", "udpLength",
                            "reassembledTcpFragments", "reassembledUdpFragments", "ipFlags", "tcpFlags",
                            "frameLength", "wireLength"]
    compared = 0
    for row, truth in zip(got, rows):
        assert (row["timestamp"], row["wireLength"]) == (truth["us"] // 1000, truth["length"])
        if truth["ip.proto"] not in ("6", "17"):
            continue
        compared += 1
        assert (row["src"], row["dst"], row["ttl"], row["ipVersion"]) == (
            truth["ip.src"], truth["ip.dst"], int(truth["ip.ttl"]), 4)
        assert row["ipFlags"]["ipFlagsDf"] == (truth["ip.flags.df"] == "1")
        if truth["ip.proto"] == "6" and truth["tcp.len"]:
            flags = int(truth["tcp.flags"], 16)
            assert (row["srcPort"], row["length"], row["tcpSeq"], row["udpLength"]) == (
                int(truth["tcp.srcport"]), int(truth["tcp.len"]), int(truth["tcp.seq_raw"]), 0)
            names = ["Fin", "Syn", "Rst", "Psh", "Ack", "Urg", "Ece", "Cwr", "Ns"]
            assert row["tcpFlags"] == {f"tcpFlag{n}": bool(flags >> bit & 1) for bit, n in enumerate(names)}
        if truth["ip.proto"] == "17" and truth["udp.length"]:
            assert (row["srcPort"], row["length"], row["udpLength"], row["tcpSeq"]) == (
                int(truth["udp.srcport"]), int(truth["udp.length"]) - 8, int(truth["udp.length"]), 0)
    assert compared > 30


@pytest.mark.parametrize("width, us", [("1ms", 1000), ("7ms", 7000), ("1s", 10**6), ("1m", 6 * 10**7),
                                       ("1h", 36 * 10**8), ("1d", 864 * 10**8)])
def test_trend_of_packets(earlgrey, seen, width, us):
    path, rows = seen
    expected = collections.defaultdict(lambda: [0, 0])
    for row in rows:
        expected[row["us"] // us][0] += 1
        expected[row["us"] // us][1] += row["length"]
    if (max(expected) - min(expected)) > 10**6:
        pytest.skip("more intervals than an answer may have")
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    for origin in (["-r", path], ["-d", "data"], ["-d", "data", "--source", "packet"]):
        got = earlgrey.rows("trend", "-q", *origin, "--by", width, "--epoch")
        assert [r["time"] // us for r in got] == list(range(min(expected), max(expected) + 1))
        assert {r["time"] // us: [r["packets"], r["bytes"]] for r in got if r["packets"]} == expected


def test_top_of_packets(earlgrey, seen):
    path, rows = seen
    packets, size = collections.Counter(), collections.Counter()
    for row in rows:
        if row["ip.src"]:
            packets[row["ip.src"]] += 1
            size[row["ip.src"]] += row["length"]
    for metric, truth in (("packets", packets), ("bytes", size)):
        got = earlgrey.rows("top", "-q", "-r", path, "-s", "src_ip", "-m", metric, "-n", "0", "ipv4")
        assert {r["src_ip"]: r[metric] for r in got} == truth
        assert [r[metric] for r in got] == sorted(truth.values(), reverse=True)
    # what each second had most of, by any field
    by_second = collections.defaultdict(collections.Counter)
    for row in rows:
        if row["ip.proto"]:
            by_second[row["us"] // 10**6][int(row["ip.proto"])] += 1
    got = earlgrey.rows("top", "-q", "-r", path, "-s", "proto", "-m", "packets", "--window", "1s", "-n", "0", "--epoch", "ipv4")
    assert {(r["time"] // 10**6, r["proto"]): r["packets"] for r in got} == {
        (second, proto): n for second, counts in by_second.items() for proto, n in counts.items()}
    resent = earlgrey.rows("top", "-q", "-r", path, "-s", "src_ip", "-m", "retransmissions", "-n", "0")
    flows = earlgrey.rows("flows", "-q", "-r", path, "--fields", "src_ip,retransmissions")
    expected = collections.Counter()
    for row in flows:
        expected[row["src_ip"]] += row["retransmissions"] or 0
    assert {r["src_ip"]: r["retransmissions"] or 0 for r in resent} == dict(expected)


def test_sums_of_flows_are_sums_of_packets(earlgrey, seen):
    path, rows = seen
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    whole = {"packets": len(rows), "bytes": sum(r["length"] for r in rows)}
    for origin in (["-r", path], ["-d", "data"]):
        for options in ([], ["--one-way"], ["--idle", "100ms", "--active", "1s"]):
            if options and "-d" in origin:
                continue
            got = earlgrey.rows("flows", "-q", *origin, *options, "--fields", "packets,bytes,source")
            assert {name: sum(r[name] for r in got) for name in whole} == whole
            assert {r["source"] for r in got} == {"packet"}


def test_nothing_is_added_up_unasked(earlgrey, packets):
    """A dataset, and captures, that hold exports and packets: the exports answer, the rest is told."""
    path, truth = packets
    (earlgrey.home / "exports.pcap").write_bytes(v5_capture.capture(hours=1))
    exported = {"flows": 20, "packets": 60, "bytes": sum(1000 + host for host in range(1, 21))}
    metered = {"packets": truth["packets"], "bytes": truth["bytes"]}

    def total(*words):
        rows = earlgrey.rows("top", *words, "-s", "source", "-n", "0")
        return {row["source"]: {name: row[name] for name in ("flows", "packets", "bytes")} for row in rows}

    account = json.loads(earlgrey.ok("ingest", "exports.pcap", path, "-d", "data", "--json"))
    assert account["flows"]["exports"] == 20 and account["flows"]["packet"] > truth["flows"]
    assert total("-d", "data") == {"netflow5": exported}
    told = earlgrey.run("top", "-d", "data").stderr
    assert f"answered from flow exports (netflow5); the {account['flows']['packet']} flows metered from packets" in told
    rows = earlgrey.rows("flows", "-q", "-d", "data", "--fields", "source")
    assert [r["source"] for r in rows] == ["netflow5"] * 20
    chosen = total("-d", "data", "--source", "packet")
    assert {name: chosen["packet"][name] for name in metered} == metered
    rows = earlgrey.rows("flows", "-q", "-d", "data", "--source", "packet", "--fields", "packets,bytes")
    assert len(rows) == account["flows"]["packet"] and sum(r["bytes"] for r in rows) == truth["bytes"]
    assert sum(r["packets"] for r in earlgrey.rows("trend", "-q", "-d", "data", "--by", "1d")) == 60
    assert sum(r["packets"] for r in earlgrey.rows("trend", "-q", "-d", "data", "--by", "1d", "--source", "packet")) == truth["packets"]
    # where no export lies, the packets answer
    early = ["-t", "2026-01-01,2026-01-01T23:00:00Z"]
    assert sum(r["packets"] for r in earlgrey.rows("trend", "-d", "data", "--by", "1d", *early)) == truth["packets"]
    assert "answered from its packets" in earlgrey.run("trend", "-d", "data", "--by", "1d", *early).stderr
    assert "answered from flows metered from packets" in earlgrey.run("flows", "-d", "data", "-n", "1", *early).stderr

    # straight from captures: of each its exports, else its packets
    both = total("-r", "exports.pcap", path)
    assert both["netflow5"] == exported and {name: both["packet"][name] for name in metered} == metered
    assert "1 of 2 captures hold no flow exports" in earlgrey.run("top", "-r", "exports.pcap", path).stderr
    assert total("-r", "exports.pcap", path, "--source", "netflow5") == {"netflow5": exported}
    assert total("-r", path)["packet"]["packets"] == truth["packets"]
    assert set(total("-r", "exports.pcap", "--source", "packet")) == {"packet"}

    # SQL sees all rows, and says whose they are
    rows = json.loads(earlgrey.ok("sql", "-q", "-d", "data", "select source, count(*) as n from flows group by 1 order by 1", "--json"))
    assert rows == [{"source": "netflow5", "n": 20}, {"source": "packet", "n": account["flows"]["packet"]}]
    rows = json.loads(earlgrey.ok("sql", "-q", "-r", path, "select sum(packets) as n from flows", "--json"))
    assert rows == [{"n": truth["packets"]}]


@pytest.mark.parametrize("tables, flows, packets_kept", [
    ("auto", {"exports": True, "packet": True}, "rest"), ("exports", {"exports": True, "packet": False}, "none"),
    ("flows", {"exports": True, "packet": True}, "none"), ("packets", {"exports": False, "packet": False}, "all"),
    ("all", {"exports": True, "packet": True}, "all")])
def test_which_tables(earlgrey, packets, tables, flows, packets_kept):
    (earlgrey.home / "exports.pcap").write_bytes(v5_capture.capture(hours=3))
    account = json.loads(earlgrey.ok("ingest", "exports.pcap", packets[0], "-d", "data", "--tables", tables, "--json"))
    count = packets[1]["packets"]
    assert {name: bool(n) for name, n in account["flows"].items()} == flows
    assert account["kept"]["packets"] == {"none": 0, "rest": count, "all": count + 3}[packets_kept]
    rows = json.loads(earlgrey.ok("sql", "-q", "-d", "data", "select sum(packets) filter (source = 'packet') as n from flows", "--json"))
    assert rows == [{"n": {"auto": count, "flows": count, "all": count + 3}.get(tables)}]


def test_options_of_metering(earlgrey, packets):
    path, truth = packets
    whole = len(earlgrey.rows("flows", "-q", "-r", path, "--fields", "packets"))
    short = len(earlgrey.rows("flows", "-q", "-r", path, "--idle", "20ms", "--fields", "packets"))
    assert short > whole
    (earlgrey.home / ".config/earlgrey").mkdir(parents=True)
    (earlgrey.home / ".config/earlgrey/earlgrey.yaml").write_text("ingest:\n  idle: 20ms\n  tables: flows\n", encoding="utf-8")
    account = json.loads(earlgrey.ok("ingest", path, "-d", "data", "--json"))
    assert account["flows"] == {"exports": 0, "packet": short} and account["kept"]["packets"] == 0
    rows = earlgrey.rows("flows", "-q", "-r", path, "proto udp", "--payload", "4", "--fields", "extra,packets")
    assert any("payload" in (r["extra"] or "") for r in rows)
    small = json.loads(earlgrey.ok("ingest", path, "-d", "small", "--flow-memory", "1Mi", "--idle", "1h", "--active", "1h", "--json"))
    rows = json.loads(earlgrey.ok("sql", "-q", "-d", "small", "select sum(packets) as n from flows", "--json"))
    assert rows == [{"n": truth["packets"]}] and small["flows"]["packet"] >= whole
    done = earlgrey.run("ingest", path, "-d", "no", "--flow-key", "vlan,port")
    assert done.returncode == 2 and "--flow-key takes vlan and tunnel, not 'port'" in done.stderr
    assert not (earlgrey.home / "no").exists()


def test_top_meters_where_it_is_asked_to(earlgrey, packets):
    """As many flows, and as much traffic, as `flows` has with the same options."""
    path = packets[0]
    plain = earlgrey.rows("top", "-r", path, "-s", "proto", "-n", "0", "-m", "flows")
    for options in (["--idle", "30s"], ["--idle", "5ms"], ["--active", "10ms"], ["--one-way"], ["--flow-memory", "1Mi", "--idle", "1ms"]):
        text = earlgrey.ok("flows", "-r", path, *options, "--fields", "proto,packets,bytes", "-o", "csv").splitlines()[1:]
        want = {}
        for line in text:
            proto, *counts = map(int, line.split(","))
            have = want.setdefault(proto, [0, 0, 0])
            for i, count in enumerate((1, *counts)):
                have[i] += count
        rows = earlgrey.rows("top", "-r", path, "-s", "proto", "-n", "0", "-m", "flows", *options)
        assert {row["proto"]: [row["flows"], row["packets"], row["bytes"]] for row in rows} == want, options
        assert sum(row["packets"] for row in rows) == packets[1]["packets"]
    assert {row["proto"]: row["packets"] for row in plain} == {row["proto"]: row["packets"] for row in rows}
    assert sum(row["flows"] for row in rows) > sum(row["flows"] for row in plain)
    earlgrey.ok("ingest", path, "-d", "data")
    assert "options of metering are of captures" in earlgrey.run("top", "-d", "data", "--idle", "1s").stderr
    assert "options of metering are of captures" in earlgrey.run("flows", "-d", "data", "--one-way").stderr
    assert "options of metering" not in earlgrey.run("flows", "-d", "data").stderr


def test_flows_that_end_early_are_told(earlgrey):
    """Also where there is no dataset to count them in; their packets are all there."""
    count = 30000
    data = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    data += b"".join(struct.pack("<IIII", 1767355200, i, 60, 60) + struct.pack(">6xHI", 0x0200, i).ljust(12, b"\0") +
                     b"\x88\xb5" + bytes(46) for i in range(count))
    (earlgrey.home / "many.pcap").write_bytes(data)
    account = json.loads(earlgrey.ok("ingest", "many.pcap", "-d", "data", "--tables", "flows", "--flow-memory", "1Mi", "--json"))
    early = account["noted"]["flow_emergency"]["records"]
    done = earlgrey.run("flows", "-r", "many.pcap", "--flow-memory", "1Mi", "--fields", "packets", "-n", "0", "--json")
    assert done.returncode == 0 and sum(row["packets"] for row in json.loads(done.stdout)) == count
    assert early > 0 and f"{early} flows were given out early, since the flow cache was full" in done.stderr
    assert "given out early" not in earlgrey.run("flows", "-r", "many.pcap", "-n", "0").stderr


def test_community_ids(earlgrey, shared):
    """The column, of packets and of the flows made of them, is what the reference implementation gives."""
    folder = shared / "packets" / "community-id"
    want = {(case["proto"], case["saddr"], case["daddr"], case["communityid"])
            for case in json.loads((folder / "baseline_deflt.json").read_text(encoding="utf-8"))}
    found = set()
    for name in ("tcp", "udp", "sctp", "icmp", "icmp6"):
        path = folder / f"{name}.pcap"
        ids = earlgrey.rows("sql", "-r", path, "select distinct proto, src_ip saddr, dst_ip daddr, community_id id from packets")
        found |= {(row["proto"], row["saddr"], row["daddr"], row["id"]) for row in ids}
        flows = earlgrey.rows("sql", "-r", path, "select distinct community_id id, mean_length, bytes, packets from flows")
        assert {row["id"] for row in flows} <= {row["id"] for row in ids} and flows
        assert all(row["mean_length"] == row["bytes"] / row["packets"] for row in flows)
        shown = earlgrey.rows("flows", "-r", path, "--fields", "community_id,mean_length,min_length")
        assert {row["community_id"] for row in shown} == {row["id"] for row in flows}
    # of a capture that is not among these
    assert found == {case for case in want if case[0] != 46 and "2001:470:e5bf:dead:4957:2174:e82c:4887" not in case}

# SPDX-License-Identifier: Apache-2.0
"""Every NetFlow v5 sample against what others made of it: the tests of the projects it comes from,
tshark, nfdump's goldens, and nfcapd run on it here and now.

Nothing is skipped silently: where a result is not ours, DIFFERENCES says why, and the test holds
that it is really so.
"""
import glob
import gzip
import ipaddress
import json
import os
import re
import struct
import subprocess

import pytest

import captures
from flow_elements import micros

PORT = 2055
TCP, PORTED = 6, {6, 17, 33, 132, 136}
NFDUMP = os.path.join(os.path.dirname(captures.SHARED), "tools", "nfdump-1.7.8")

# Cases: datagrams that are kept one a file are put into a capture here; captures are read as found.
DATAGRAMS = {
    "logstash/00-netflow-5-valid-01": "logstash/netflow5.dat",
    "logstash/01-netflow-5-invalid-01": "logstash/netflow5_test_invalid01.dat",
    "logstash/13-netflow5-mikrotik": "logstash/netflow5_test_microtik.dat",
    "logstash/14-netflow5-juniper-mx80": "logstash/netflow5_test_juniper_mx80.dat",
    "telegraf/netflow_v5_example": "telegraf/netflow_v5_example/netflow_v5.bin",
}
CAPTURES = {
    "graylog/netgraph-netflow5.pcap": "graylog/netgraph-netflow5.pcap",
    "graylog/pmacctd-netflow5.pcap": "graylog/pmacctd-netflow5.pcap",
    "akvorado/netflow-TestDecodeNFv5": "akvorado/netflow/nfv5.pcap",
}
CASES = sorted(DATAGRAMS | CAPTURES)

# What is counted beside the rows; nothing where a case is not named.
COUNTED = {
    "logstash/00-netflow-5-valid-01": {"count_mismatch"},
    "logstash/01-netflow-5-invalid-01": {"count_mismatch", "time_order", "record_empty"},
}

DIFFERENCES = {
    # (who, case, field): why theirs is not ours
    ("logstash", "logstash/00-netflow-5-valid-01", "first_switched"):
        "takes 4294967295 ms, which is before the wrap of sysUptime, for 49.7 days after it",
    ("logstash", "logstash/00-netflow-5-valid-01", "last_switched"):
        "does not borrow from the seconds where the milliseconds go below zero: 1 s late",
    ("logstash", "logstash/14-netflow5-juniper-mx80", "first_switched"): "the same",
    ("logstash", "logstash/14-netflow5-juniper-mx80", "last_switched"): "the same",
    ("nfdump", "logstash/00-netflow-5-valid-01", "records"):
        "reads on behind the header's count of 2; the file is several datagrams in a row, and a "
        "datagram's records are min(count, bytes / 48)",
    ("nfcapd", "logstash/00-netflow-5-valid-01", "records"): "as nfdump",
    ("akvorado", "akvorado/netflow-TestDecodeNFv5", "SamplingRate"):
        "writes 1 where the interval is 0, which means that it is not known",
    ("akvorado", "akvorado/netflow-TestDecodeNFv5", "from_first_switched"):
        "takes the 15000 ms since the flow began for seconds",
    ("akvorado", "akvorado/netflow-TestDecodeNFv5", "ExporterAddress"):
        "its test sets the address; ours is the capture's",
}


def differs(who, case, field):
    return (who, case, field) in DIFFERENCES


def shared(name):
    return captures.path(os.path.join("flow-export", name))


def wrap(datagram, seconds):
    udp = struct.pack(">HHHH", 40000, PORT, 8 + len(datagram), 0) + datagram
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                     bytes([192, 0, 2, 9]), bytes([192, 0, 2, 1]))
    record = struct.pack("<IIII", seconds, 0, len(ip) + len(udp), len(ip) + len(udp))
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101) + record + ip + udp


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    captures.need()
    made = tmp_path_factory.mktemp("netflow5")
    found = {name: shared(file) for name, file in CAPTURES.items()}
    for name, file in DATAGRAMS.items():
        datagram = open(shared(file), "rb").read()
        path = made / (name.replace("/", "-") + ".pcap")
        path.write_bytes(wrap(datagram, struct.unpack(">I", datagram[8:12])[0]))
        found[name] = str(path)
    return found


def ours(files, case, **environment):
    rows, tally = captures.rows("flows", files[case],
                                environment={"EG_NETFLOW_PORT": str(PORT)} | environment)
    return rows, tally


def lines(pattern):
    for path in glob.glob(captures.path(pattern) + "*"):
        opener = gzip.open if path.endswith(".gz") else open
        with opener(path, "rt", encoding="utf-8") as text:
            return [json.loads(line, object_pairs_hook=list) if "cflow" in line
                    else json.loads(line) for line in text]
    pytest.fail(f"no golden {pattern}")


def signed(difference):
    """Of sysUptime: up to a day after the header is ahead of it, more is from before the wrap."""
    day = 86_400_000
    return (difference + day) % 2**32 - day


# ---- the samples themselves ----

@pytest.mark.parametrize("case", CASES)
def test_counts_and_capacities(files, case):
    rows, tally = ours(files, case)
    assert {entry[0] for entry in tally} <= COUNTED.get(case, set()), tally
    assert bool(tally) == (case in COUNTED)
    for capacity in ("1", "7"):
        assert ours(files, case, EG_BATCH_ROWS=capacity) == (rows, tally)


@pytest.mark.parametrize("case", sorted(CAPTURES) + ["logstash/13-netflow5-mikrotik",
                                                     "logstash/14-netflow5-juniper-mx80",
                                                     "telegraf/netflow_v5_example"])
def test_found_without_being_told_the_port(files, case):
    assert captures.rows("flows", files[case]) == ours(files, case)


# ---- tshark ----

def tshark_records(case):
    kind = "golden-tools/tshark-cflow/flow-export/"
    project, name = case.split("/", 1)
    folder = "" if name.endswith(".pcap") else "cases/"
    for packet in lines(f"{kind}{project}/{folder}{name}.ndjson"):
        cflow = dict(dict(packet)["cflow"])
        clock = dict(cflow["cflow.timestamp_tree"])
        for key, value in cflow.items():
            if key.startswith("pdu"):
                yield cflow, clock, dict(value)


def expected_of_tshark(cflow, clock, pdu):
    milliseconds = {name: int(text.replace(".", "")[:-6]) for name, text in
                    list(dict(pdu["cflow.timedelta_tree"]).items())
                    + [("uptime", cflow["cflow.sysuptime"])]}
    now = int(clock["cflow.unix_secs"]) * 1000000 + int(clock["cflow.unix_nsecs"]) // 1000
    start, end = (now - 1000 * signed(milliseconds["uptime"] - milliseconds[name])
                  for name in ("cflow.timestart", "cflow.timeend"))
    proto = int(pdu["cflow.protocol"])
    hop, rate = pdu["cflow.nexthop"], cflow["cflow.samplerate"]
    ported = proto in PORTED
    return {
        "start_time": start, "end_time": max(start, end),
        "time_flag": 2 if end < start else "",
        "src_ip": pdu["cflow.srcaddr"], "dst_ip": pdu["cflow.dstaddr"],
        "next_hop": "" if hop == "0.0.0.0" else hop,
        "in_if": pdu["cflow.inputint"], "out_if": pdu["cflow.outputint"],
        "packets": pdu["cflow.packets"], "bytes": pdu["cflow.octets"],
        "src_port": pdu["cflow.srcport"] if ported else "",
        "dst_port": pdu["cflow.dstport"] if ported else "",
        "icmp_type": int(pdu["cflow.dstport"]) // 256 if proto == 1 else "",
        "icmp_code": int(pdu["cflow.dstport"]) % 256 if proto == 1 else "",
        "tcp_flags": int(pdu["cflow.tcpflags"], 16) if proto == TCP else "",
        "proto": proto, "tos": int(pdu["cflow.tos"], 16),
        "src_as": pdu["cflow.srcas"], "dst_as": pdu["cflow.dstas"],
        "src_mask": pdu["cflow.srcmask"], "dst_mask": pdu["cflow.dstmask"],
        "sampling_rate": "" if rate == "0" else rate,
        "domain": int(cflow["cflow.engine_type"]) * 256 + int(cflow["cflow.engine_id"]),
        "sequence": cflow["cflow.sequence"],
        "source": "netflow5",
    }


@pytest.mark.parametrize("case", CASES)
def test_as_tshark_reads_it(files, case):
    rows, _ = ours(files, case)
    expected = [{name: str(value) for name, value in expected_of_tshark(*record).items()}
                for record in tshark_records(case)]
    assert len(rows) == len(expected) > 0
    for row, wanted in zip(rows, expected):
        assert {name: row[name] for name in wanted} == wanted


# ---- nfdump, its goldens and as it is ----

FLAGS = "CEUAPRSF"


def nfdump_flags(text):
    bits = re.sub("[^.CEUAPRSF]", "", text)
    return sum(1 << FLAGS[::-1].index(letter) for letter in bits if letter != ".")


def nfdump_record(record, with_times):
    """A record of nfdump in our words; what it leaves out is 0."""
    row = {name: record.get(theirs, 0) for name, theirs in
           {"src_port": "src_port", "dst_port": "dst_port", "proto": "proto", "tos": "src_tos",
            "packets": "in_packets", "bytes": "in_bytes", "in_if": "input_snmp",
            "out_if": "output_snmp", "src_as": "src_as", "dst_as": "dst_as"}.items()}
    row |= {"src_ip": record["src4_addr"], "dst_ip": record["dst4_addr"],
            "next_hop": record.get("ip4_next_hop", ""),
            "tcp_flags": nfdump_flags(record["tcp_flags"]) if record["proto"] == TCP else 0}
    if with_times:
        row |= {"start": micros(record["first"]) // 1000, "end": micros(record["last"]) // 1000}
    return row


def our_record(row, with_times, scaled):
    factor = int(row["sampling_rate"] or 1) if scaled else 1
    names = ("src_port", "dst_port", "proto", "tos", "in_if", "out_if", "src_as", "dst_as",
             "tcp_flags")
    record = {name: int(row[name] or 0) for name in names}
    record |= {name: int(row[name]) * factor for name in ("packets", "bytes")}
    record |= {name: row[name] for name in ("src_ip", "dst_ip", "next_hop")}
    if with_times: # nfdump keeps milliseconds
        record |= {"start": int(row["start_time"]) // 1000, "end": int(row["end_time"]) // 1000}
    return record


def compare_with_nfdump(who, case, rows, records, with_times):
    if differs(who, case, "records"):
        assert len(records) > len(rows)
        records = records[:len(rows)]
    assert len(rows) == len(records) > 0
    for row, record in zip(rows, records):
        # nfdump multiplies the counters by the sampling rate, and says so; we do not
        assert our_record(row, with_times, record["sampled"]) == nfdump_record(record, with_times)


@pytest.mark.parametrize("case", [case for case in CASES if "invalid" not in case])
def test_as_the_goldens_of_nfdump(files, case):
    project, name = case.split("/", 1)
    folder = "" if name.endswith(".pcap") else "cases/"
    records = lines(f"golden-tools/nfdump/flow-export/{project}/{folder}{name}.ndjson")
    compare_with_nfdump("nfdump", case, ours(files, case)[0], records, with_times=False)


@pytest.mark.parametrize("case", [case for case in CASES if "invalid" not in case])
def test_as_nfcapd_reads_it_now(files, case, tmp_path):
    if not os.path.exists(os.path.join(NFDUMP, "nfcapd")):
        pytest.skip(f"no nfcapd at {NFDUMP}")
    environment = os.environ | {"TZ": "UTC"}
    subprocess.run([os.path.join(NFDUMP, "nfcapd"), "-f", files[case], "-w", str(tmp_path),
                    "-t", "3600"], check=True, capture_output=True, timeout=60, env=environment)
    done = subprocess.run([os.path.join(NFDUMP, "nfdump"), "-R", str(tmp_path), "-o", "json"],
                          check=True, capture_output=True, timeout=60, env=environment)
    text = done.stdout.decode()
    records = json.loads(text[text.index("["):text.rindex("]") + 1])
    compare_with_nfdump("nfcapd", case, ours(files, case)[0], records, with_times=True)


# ---- the projects' own tests ----

LOGSTASH = {"ipv4_src_addr": "src_ip", "ipv4_dst_addr": "dst_ip", "ipv4_next_hop": "next_hop",
            "input_snmp": "in_if", "output_snmp": "out_if", "in_pkts": "packets",
            "in_bytes": "bytes", "l4_src_port": "src_port", "l4_dst_port": "dst_port",
            "tcp_flags": "tcp_flags", "protocol": "proto", "src_tos": "tos", "src_as": "src_as",
            "dst_as": "dst_as", "src_mask": "src_mask", "dst_mask": "dst_mask",
            "flow_seq_num": "sequence", "sampling_interval": "sampling_rate",
            "first_switched": "start_time", "last_switched": "end_time",
            "version": None, "engine_type": None, "engine_id": None, "sampling_algorithm": None,
            "flow_records": None}


def as_logstash(row, field):
    value = row[LOGSTASH[field]]
    if field == "ipv4_next_hop":
        return value or "0.0.0.0"
    if field in ("ipv4_src_addr", "ipv4_dst_addr"):
        return value
    return int(value or 0)


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("logstash/")])
def test_as_logstash_asserts(files, case):
    golden = json.load(open(shared(f"logstash/expected/{case.split('/')[1]}.json"),
                            encoding="utf-8"))
    rows, _ = ours(files, case)
    if golden["expected_record_count"] is not None:
        assert len(rows) == golden["expected_record_count"]
    asserted = [(a["record"], a["field"], a["equals"]) for a in golden["field_assertions"]]
    for record in golden["full_records"]:
        asserted += [(record["record"], field, value)
                     for field, value in record["event"]["netflow"].items()]
    for number, field, value in asserted:
        if LOGSTASH[field] is None:
            continue
        if field.endswith("_switched"):
            value = micros(value)
        mine = as_logstash(rows[number], field)
        assert (mine != value) == differs("logstash", case, field), (number, field, mine, value)
        if field == "version":
            assert rows[number]["source"] == "netflow5"


def test_as_telegraf_asserts(files):
    rows, _ = ours(files, "telegraf/netflow_v5_example")
    golden = open(shared("telegraf/netflow_v5_example/expected.out"), encoding="utf-8")
    expected = [dict(re.findall(r'(\w+)=("[^"]*"|[^, ]+)', line.rstrip().split(" ", 1)[1]))
                for line in golden if line.startswith("netflow")]
    assert len(rows) == len(expected) == 8
    same = {"src": "src_ip", "dst": "dst_ip", "src_port": "src_port", "dst_port": "dst_port",
            "in_bytes": "bytes", "in_packets": "packets", "bgp_src_as": "src_as",
            "bgp_dst_as": "dst_as", "src_mask": "src_mask", "dst_mask": "dst_mask",
            "in_snmp": "in_if", "out_snmp": "out_if", "seq_number": "sequence"}
    for row, wanted in zip(rows, expected):
        for theirs, mine in same.items():
            assert wanted[theirs].strip('"').removesuffix("u") == row[mine], theirs
        assert wanted["protocol"] == '"tcp"' and row["proto"] == "6"
        assert nfdump_flags(wanted["tcp_flags"]) == int(row["tcp_flags"])
        kind, number = (wanted[name].strip('"') for name in ("engine_type", "engine_id"))
        assert int(kind) * 256 + int(number, 16) == int(row["domain"])
        assert wanted["next_hop"] == '"0.0.0.0"' and row["next_hop"] == ""
        assert wanted["sampling_interval"] == "0u" and row["sampling_rate"] == ""
        uptime, exported = int(wanted["sys_uptime"][:-1]), 1666354081000
        for theirs, mine in (("first_switched", "start_time"), ("last_switched", "end_time")):
            assert exported - uptime + int(wanted[theirs][:-1]) == int(row[mine]) // 1000


@pytest.mark.parametrize("case", [case for case in CASES if case.startswith("graylog/")])
def test_as_graylog_asserts(files, case):
    golden = json.load(open(shared("graylog/expected.json"), encoding="utf-8"))
    rows, _ = ours(files, case)
    assert len(rows) == golden[case.split("/")[1]]["messages"]
    assert {row["source"] for row in rows} == {"netflow5"}


def test_as_akvorado_asserts(files):
    case = "akvorado/netflow-TestDecodeNFv5"
    golden = json.load(open(shared("akvorado/expected.json"), encoding="utf-8"))
    wanted = golden["netflow:TestDecodeNFv5"]["expected_flows"][0][0]
    row = ours(files, case)[0][0]
    same = {"InIf": "in_if", "OutIf": "out_if", "SrcAS": "src_as", "DstAS": "dst_as",
            "SrcNetMask": "src_mask", "DstNetMask": "dst_mask", "Bytes": "bytes",
            "Packets": "packets", "Proto": "proto", "SrcPort": "src_port", "DstPort": "dst_port",
            "TCPFlags": "tcp_flags", "SamplingRate": "sampling_rate"}
    for theirs, mine in same.items():
        assert (str(wanted[theirs]) != row[mine]) == differs("akvorado", case, theirs), theirs
    for theirs, mine in {"SrcAddr": "src_ip", "DstAddr": "dst_ip", "NextHop": "next_hop",
                         "ExporterAddress": "exporter"}.items():
        address = str(ipaddress.ip_address(wanted[theirs]).ipv4_mapped)
        assert (address != row[mine]) == differs("akvorado", case, theirs), theirs
    started = wanted["TimeReceived"]["from_first_switched"] * 1000000
    assert (started != int(row["start_time"])) == differs("akvorado", case, "from_first_switched")
    exported = wanted["TimeReceived"]["from_packet_header"] * 1000000
    assert exported - int(row["start_time"]) == 15000000

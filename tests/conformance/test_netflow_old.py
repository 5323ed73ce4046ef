# SPDX-License-Identifier: Apache-2.0
"""NetFlow versions 1 and 7, of which nobody has samples: datagrams made here, as tshark and nfdump
read them now."""
import json
import os
import shutil
import struct
import subprocess

import pytest

import captures
import flow_samples as samples
from test_netflow5 import NFDUMP, micros, nfdump_record, our_record

NOW, UPTIME, RECORDS = 1700000000, 3600000, 5


def record(version, number):
    proto = (6, 17, 1)[number % 3]
    start = struct.pack(">4s4s4sHHIIII", bytes([10, 0, 0, 1 + number]), bytes([10, 0, 1, 1]),
                        bytes([10, 0, 0, 254]), 3 + number, 9, 5 + number, 1000 + number,
                        UPTIME - 5000 - number, UPTIME - 1000)
    ports = struct.pack(">HH", 1024 + number, 0x0304 if proto == 1 else 443)
    if version == 1:
        return start + ports + struct.pack(">HBBB", 0, proto, 0x20, 0x1B) + bytes(7)
    return start + ports + struct.pack(">BBBBHHBBH4s", 0, 0x1B, proto, 0x20, 64512, 64513, 24, 16,
                                       0, bytes([192, 0, 2, 7]))


def capture(version, folder):
    head = struct.pack(">HHIII", version, RECORDS, UPTIME, NOW, 500000000)
    head += struct.pack(">II", 77, 0) if version == 7 else b""
    path = folder / f"v{version}.pcap"
    path.write_bytes(samples.wrap([head + b"".join(record(version, number)
                                                   for number in range(RECORDS))]))
    return str(path)


@pytest.mark.parametrize("version", [1, 7])
def test_as_tshark_reads_it(version, tmp_path):
    if not shutil.which("tshark"):
        pytest.skip("no tshark here")
    path = capture(version, tmp_path)
    done = subprocess.run(["tshark", "-n", "-r", path, "-d", "udp.port==2055,cflow", "-T", "json",
                           "--no-duplicate-keys"], check=True, capture_output=True, timeout=60)
    cflow = json.loads(done.stdout)[0]["_source"]["layers"]["cflow"]
    pdus = [value for key, value in cflow.items() if key.startswith("pdu ")]
    rows, tally = captures.rows("flows", path)
    assert len(rows) == len(pdus) == RECORDS and not tally
    for row, pdu in zip(rows, pdus):
        same = {"src_ip": "srcaddr", "dst_ip": "dstaddr", "next_hop": "nexthop",
                "in_if": "inputint", "out_if": "outputint", "packets": "packets",
                "bytes": "octets", "proto": "protocol"}
        if version == 7:
            same |= {"src_as": "srcas", "dst_as": "dstas", "src_mask": "srcmask",
                     "dst_mask": "dstmask"}
        assert {mine: row[mine] for mine in same} == {mine: pdu["cflow." + theirs]
                                                      for mine, theirs in same.items()}
        assert int(pdu["cflow.tos"], 16) == int(row["tos"]) == 0x20
        if row["proto"] != "1":
            assert (row["src_port"], row["dst_port"]) == (pdu["cflow.srcport"],
                                                          pdu["cflow.dstport"])
        if row["proto"] == "6":
            assert int(pdu["cflow.tcpflags"], 16) == int(row["tcp_flags"]) == 0x1B
        times = pdu["cflow.timedelta_tree"]
        for mine, theirs in (("start_time", "timestart"), ("end_time", "timeend")):
            ago = UPTIME * 1000 - samples_micros(times["cflow." + theirs])
            assert int(row[mine]) == NOW * 1000000 + 500000 - ago
    if version == 7:
        assert rows[0]["sequence"] == cflow["cflow.sequence"] == "77"
        assert json.loads(rows[0]["extra"])["router"] == "192.0.2.7"


def samples_micros(text):
    whole, _, fraction = text.partition(".")
    return int(whole) * 1000000 + int(fraction[:6])


@pytest.mark.parametrize("version", [1, 7])
def test_as_nfcapd_reads_it(version, tmp_path):
    if not os.path.exists(os.path.join(NFDUMP, "nfcapd")):
        pytest.skip(f"no nfcapd at {NFDUMP}")
    path = capture(version, tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    environment = os.environ | {"TZ": "UTC"}
    subprocess.run([os.path.join(NFDUMP, "nfcapd"), "-f", path, "-w", str(kept), "-t", "3600"],
                   check=True, capture_output=True, timeout=60, env=environment)
    done = subprocess.run([os.path.join(NFDUMP, "nfdump"), "-R", str(kept), "-o", "json"],
                          check=True, capture_output=True, timeout=60, env=environment)
    text = done.stdout.decode()
    records = json.loads(text[text.index("["):text.rindex("]") + 1])
    rows, _tally = captures.rows("flows", path)
    assert len(rows) == len(records) == RECORDS
    for row, theirs in zip(rows, records):
        assert our_record(row, True, False) == nfdump_record(theirs, True)
        assert micros(theirs["first"]) // 1000 == int(row["start_time"]) // 1000

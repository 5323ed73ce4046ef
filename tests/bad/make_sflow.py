#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures Bnn-sflow-*.pcap of bad sFlow, and expected_sflow.json: what comes of them.

Each case names the row of the reliability list it stands for. Expected rows and counters are written
down here by hand, beside the input. A good datagram stands before and behind each bad one and must
give its two rows, whatever came between.

    make_sflow.py [DIRECTORY]     writes all of them (default: where this file is)
"""
import json
import os
import struct
import sys

from make_netflow import NOW, counted, frame

PORT = 6343
CASES = {}
GOOD_ROWS = 2


def words(*numbers):
    return b"".join(struct.pack(">I", number & 0xFFFFFFFF) for number in numbers)


def block(kind, body, length=None):
    """A sample or a record; `length` is what it claims."""
    return words(kind, len(body) if length is None else length) + body


PACKET = bytes.fromhex("020000000002020000000001" "0800") + bytes.fromhex(
    "45000064000100004006000" "00a0000010a000002") + bytes.fromhex("040001bb" + "00000001" * 2 +
                                                                  "5018100000000000")


def header(data=PACKET, protocol=1, frame_length=118, claimed=None, tail=b"", length=None):
    body = words(protocol, frame_length, 4, len(data) if claimed is None else claimed) + data
    return block(1, body + bytes(-len(body) % 4) + tail, length)


def switch(vlan=100, tail=b"", length=None):
    return block(1001, words(vlan, 0, vlan, 0) + tail, length)


def gateway(segments, communities=words(0), local_pref=words(100)):
    return block(1003, words(1, 0x0A0000FD, 64500, 64501, 64502) + segments + communities +
                 local_pref)


PATH = words(1, 2, 2, 64503, 64504)


def flow(*records, count=None, length=None, tail=b""):
    body = words(1, 3, 1000, 5000, 0, 3, 4, len(records) if count is None else count)
    return block(1, body + b"".join(records) + tail, length)


def generic(tail=b"", length=None):
    return block(1, words(3, 6, 0, 1000000000, 1, 3, *[0, 1, 2, 3, 4, 5, 6, 7] * 2) + tail, length)


def counter(*records, count=None, length=None):
    return block(2, words(1, 3, len(records) if count is None else count) + b"".join(records),
                 length)


def datagram(sequence, *samples, count=None, version=5, kind=1, tail=b""):
    return words(version, kind, 0x0A000001, 0, sequence, 1000,
                 len(samples) if count is None else count) + b"".join(samples) + tail


def good(sequence):
    return datagram(sequence, flow(header()), flow(header(), switch()), counter(generic()))


def case(name, bad, rows=0, counters=None, fields=None, counter_rows=0, gap=0):
    """`bad` are datagrams, numbered from 11; `rows`, `counters`, `fields`: what they give."""
    frames = [frame(data, port=PORT) for data in [good(10), *bad, good(11 + len(bad))]]
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    for number, data in enumerate(frames):
        out += struct.pack("<IIII", NOW + number, 0, len(data), len(data)) + data
    counters = counters or {}
    if gap:
        counters |= {"sequence_gap": counted(gap)}
    CASES["-".join((name[:3], "sflow", name[4:]))] = (
        out, {"port": PORT, "rows": 2 * GOOD_ROWS + rows, "counters": counters,
              "counter_rows": 2 + counter_rows, "fields": fields or []})


LIES = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC)


def datagrams():
    case("B01-header-short", [datagram(11)[:27], b"\0\0\0\5", words(5, 1, 0x0A000001)], gap=3,
         counters={"short_header": counted(3, 3, 27 + 4 + 12)})
    case("B01-version-4-and-2", [datagram(11, version=4), datagram(12, version=2)], gap=2,
         counters={"version_unsupported": counted(2, 2, 56)})
    case("B01-agent-of-no-family", [datagram(11, kind=3)], gap=1,
         counters={"version_unknown": counted(1, 1, 28)})
    case("B25-sample-too-large",
         [datagram(11 + i, flow(header()), flow(header(), length=lie)) for i, lie in enumerate(LIES)],
         rows=4, counters={"set_length_bad": counted(4, 4)})
    case("B25-sample-too-small",
         [datagram(11, flow(header()), block(1, words(1, 2, 3)), flow(header()),
                   block(2, b""), block(3, words(1)), block(4, words(1, 2)))],
         rows=2, counters={"set_length_bad": counted(4, 4)})
    case("B25-record-too-large",
         [datagram(11 + i, flow(header(), switch(length=lie)), counter(generic(), generic(length=lie)))
          for i, lie in enumerate(LIES)], rows=4, counter_rows=4,
         counters={"record_cut": counted(8, 8)})
    case("B25-record-too-small",
         [datagram(11, flow(header(), block(1001, words(7))), flow(block(1, words(1, 2))),
                   flow(header(), block(1003, words(1))), counter(block(1, words(1, 2))))],
         rows=2, counters={"record_cut": counted(4, 4)})
    case("B27-samples-2-to-the-31",
         [datagram(11, flow(header()), count=0x80000000),
          datagram(12, flow(header()), count=0xFFFFFFFF), datagram(13, count=0x80000000)], rows=2,
         counters={"count_mismatch": counted(0, 3)})
    case("B27-samples-more-and-less",
         [datagram(11, flow(header()), count=3), datagram(12, flow(header()), count=0)], rows=1,
         counters={"count_mismatch": counted(2, 1),
                   "trailing_bytes": counted(0, 1, len(flow(header())))})
    case("B27-records-2-to-the-31",
         [datagram(11, flow(header(), count=0x80000000), counter(generic(), count=0xFFFFFFFF))],
         rows=1, counter_rows=1, counters={"count_mismatch": counted(0, 2)})
    case("B27-samples-of-nothing", [datagram(11, *[block(99, b"")] * 100)],
         counters={"sample_unknown": counted(100, 100)})


def lists():
    fields = {"src_as": "64501", "dst_as": "64500"}
    case("B26-path-numbers",
         [datagram(11 + i, flow(header(), gateway(words(1, 2, lie, 64503))))
          for i, lie in enumerate((0x40000001, *LIES))], rows=5,
         counters={"record_cut": counted(5, 5)}, fields=[{}, {}] + [fields] * 5)
    case("B26-path-segments",
         [datagram(11 + i, flow(header(), gateway(words(lie, 2, 1, 64503))))
          for i, lie in enumerate(LIES)], rows=4,
         counters={"record_cut": counted(4, 4)}, fields=[{}, {}] + [fields | {"dst_as": "64503"}] * 4)
    case("B26-communities",
         [datagram(11 + i, flow(header(), gateway(PATH, words(lie, 1, 2))))
          for i, lie in enumerate((0x40000001, *LIES))], rows=5,
         counters={"record_cut": counted(5, 5)},
         fields=[{}, {}] + [fields | {"dst_as": "64504"}] * 5)
    case("B26-label-stack",
         [datagram(11 + i, flow(header(), block(1006, words(1, 0x0A0000FC, lie, 100 << 12))))
          for i, lie in enumerate((0x40000001, *LIES))], rows=5,
         fields=[{}, {}] + [{"mpls_labels": "100"}] * 5)
    case("B26-user-and-url",
         [datagram(11 + i, flow(header(), block(1004, words(0, lie, 0, 0)),
                                block(1005, words(1, lie, 0x68690000)))) for i, lie in enumerate(LIES)],
         rows=4, fields=[{}, {}] + [{"extra": '{"agent":"10.0.0.1"}'}] * 4)
    case("B28-nothing-left-of-the-sample-before",
         [datagram(11, flow(header(), switch(), gateway(PATH)), flow(header()))], rows=2,
         fields=[{}, {}, {"dst_as": "64504", "vlan": "100", "next_hop": "10.0.0.253"},
                 {"dst_as": "", "src_as": "", "vlan": "", "next_hop": "",
                  "extra": '{"agent":"10.0.0.1"}'}])


def tails_and_headers():
    case("B29-tails",
         [datagram(11, flow(header(tail=bytes(4)), switch(tail=bytes(4))),
                   flow(header(), tail=bytes(8)), counter(generic(tail=bytes(4))), tail=bytes(3))],
         rows=2, counter_rows=1, counters={"trailing_bytes": counted(0, 5, 4 + 4 + 8 + 4 + 3)})
    case("B29-header-protocols",
         [datagram(11, flow(header(protocol=2)), flow(header(protocol=0xFFFFFFFF)))], rows=2,
         counters={"link_type_unsupported": counted(0, 2, 236)},
         fields=[{}, {}] + [{"src_ip": "", "bytes": "", "packets": "1"}] * 2)
    case("B29-padding-not-there",
         [datagram(11, flow(header()), block(0x00FFF001, b"abc"))], rows=1,
         counters={"sample_unknown": counted(1, 1)})
    case("B29-enterprise-records",
         [datagram(11, flow(block(0x01234001, bytes(12)), header(), block(4095, bytes(4))),
                   counter(block(0x01234001, bytes(12)), generic()), block(0x01234003, bytes(40)))],
         rows=1, counter_rows=1, counters={"sample_unknown": counted(4, 4)})
    tcp = {"tcp_flags": "24", "src_port": "1024", "dst_port": "443", "bytes": "100"}
    cuts = {18: {"src_ip": "", "tos": "0"}, 30: {"src_ip": "10.0.0.1", "dst_ip": "", "proto": "6"},
            36: {"dst_ip": "10.0.0.2", "src_port": ""},
            46: {"src_port": "1024", "dst_port": "443", "tcp_flags": "", "bytes": "100"}}
    case("B30-header-cut-in-ip-or-tcp",
         [datagram(11, *[flow(header(PACKET[:size])) for size in cuts])], rows=len(cuts),
         counters={"frame_cut": counted(0, len(cuts), 118 * len(cuts))},
         fields=[{}, {}, *cuts.values()])
    case("B30-header-claims-more",
         [datagram(11 + i, flow(header(claimed=lie))) for i, lie in enumerate(LIES)], rows=4,
         counters={"record_cut": counted(4, 4)}, fields=[{}, {}] + [tcp] * 4)
    case("B30-header-empty", [datagram(11, flow(header(b"")))], rows=1,
         counters={"frame_cut": counted(0, 1, 118)},
         fields=[{}, {}, {"src_ip": "", "bytes": "100"}])
    case("B23-rate-0", [datagram(11, block(1, words(1, 3, 0, 0, 0, 0, 0, 1) + header()))], rows=1,
         fields=[{}, {}, {"sampling_rate": "", "in_if": "", "out_if": ""}])


def main():
    to = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for make in (datagrams, lists, tails_and_headers):
        make()
    for name, (data, _) in CASES.items():
        with open(os.path.join(to, name + ".pcap"), "wb") as file:
            file.write(data)
    with open(os.path.join(to, "expected_sflow.json"), "w", encoding="utf-8") as file:
        json.dump({name: expected for name, (_, expected) in CASES.items()}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()

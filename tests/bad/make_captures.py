#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures Bnn-*.pcap and Bnn-*.pcapng whose record layer is bad, and what must come of
them (expected_captures.json): rows, counters, and where reading stopped (-1: it did not).

Expected values are written down here by hand, beside the input, not computed by the program under
test.

    make_captures.py [DIRECTORY]     writes all of them (default: where this file is)
"""
import json
import os
import struct
import sys
import zlib

from make_packets import MACS, ip4, udp

FRAME = MACS + b"\x08\x00" + ip4(udp())  # 43 bytes
SIZE = len(FRAME)
CASES = {}


def case(name, capture, rows, counters=None, stopped=-1):
    """`rows`: (µs, length, offset) of each packet; `counters`: cause -> (records, packets, bytes)."""
    CASES[name] = capture, {
        "rows": [{"time": str(time) if time is not None else "", "length": str(length),
                  "captured": str(SIZE), "offset": str(offset)} for time, length, offset in rows],
        "counters": counters or {}, "stopped": stopped}


# ---- pcap ----

def head(snaplen=65535):
    return struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, snaplen, 1)


def record(seconds, captured=SIZE, length=SIZE, fraction=7, frame=FRAME):
    return struct.pack("<IIII", seconds, fraction, captured, length) + frame


EACH = 16 + SIZE
THREE = record(1) + record(2) + record(3)
THREE_ROWS = [(n * 1000000 + 7, SIZE, 24 + (n - 1) * EACH) for n in (1, 2, 3)]
for snaplen in (0, 10, 2**32 - 16, 2**32 - 1):
    case(f"B31-snaplen-{snaplen}.pcap", head(snaplen) + THREE, THREE_ROWS)
for captured in (262145, 2**31, 2**32 - 1):
    case(f"B31-record-of-{captured}.pcap",
         head() + record(1) + record(2, captured=captured) + record(3), THREE_ROWS[:1],
         {"capture_damaged": (1, 0, 2 * EACH)}, 24 + EACH)
case("B34-captured-more-than-there-was.pcap",
     head() + record(1, length=20) + record(2, length=0) + record(3), THREE_ROWS,
     {"capture_length_clamped": (2, 2, 2 * SIZE)})
case("B36-cut-in-the-packet.pcap", head() + THREE[:-1], THREE_ROWS[:2],
     {"capture_cut": (1, 1, EACH - 1)}, 24 + 2 * EACH)
case("B36-cut-in-the-record-header.pcap", head() + THREE[:2 * EACH + 15], THREE_ROWS[:2],
     {"capture_cut": (1, 1, 15)}, 24 + 2 * EACH)
case("B36-cut-behind-a-packet.pcap", head() + THREE[:2 * EACH], THREE_ROWS[:2])
STORED = head() + THREE
GZIP = (b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01" + struct.pack("<HH", len(STORED), len(STORED) ^ 0xffff)
        + STORED + struct.pack("<II", zlib.crc32(STORED), len(STORED)))
case("B36-cut-in-gzip.pcap", GZIP[:-8 - 10], THREE_ROWS[:2],
     {"capture_cut": (1, 1, EACH - 10)}, 24 + 2 * EACH)
case("B36-cut-in-the-gzip-trailer.pcap", GZIP[:-3], THREE_ROWS, {"capture_cut": (1, 1, 0)},
     24 + 3 * EACH)
case("B51-time-with-a-long-fraction.pcap", head() + record(1, fraction=1000000) + record(2),
     [(None, SIZE, 24), THREE_ROWS[1]], {"time_impossible": (1, 1, SIZE)})


# ---- pcapng ----

def block(order, kind, body, framed=None, trailer=None):
    body += b"\0" * (-len(body) % 4)
    framed = len(body) + 12 if framed is None else framed
    trailer = framed if trailer is None else trailer
    return struct.pack(order + "II", kind, framed) + body + struct.pack(order + "I", trailer)


def section(order="<"):
    return block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))


def option(order, code, value, size=None):
    return (struct.pack(order + "HH", code, len(value) if size is None else size) + value
            + b"\0" * (-len(value) % 4))


def interface(order="<", snaplen=65535, options=b""):
    return block(order, 1, struct.pack(order + "HHI", 1, 0, snaplen) + options)


def packet(stamp, order="<", index=0, captured=SIZE, length=SIZE, **framing):
    return block(order, 6, struct.pack(order + "IIIII", index, stamp >> 32, stamp & 0xffffffff,
                                       captured, length) + FRAME, **framing)


NG = section() + interface()
AT = len(NG)
BLOCK = 32 + SIZE + 1


def ng_rows(*stamps, at=AT):
    return [(stamp, SIZE, at + place * BLOCK) for place, stamp in enumerate(stamps)]


for name, framing in (("below-12", {"framed": 8}), ("0", {"framed": 0}),
                      ("no-multiple-of-4", {"framed": BLOCK - 1}),
                      ("of-a-packet-over-512-KiB", {"framed": 2**31})):
    case(f"B32-block-length-{name}.pcapng", NG + packet(1) + packet(2, **framing) + packet(3),
         ng_rows(1), {"capture_damaged": (1, 0, 2 * BLOCK)}, AT + BLOCK)
case("B32-block-lengths-differ.pcapng", NG + packet(1) + packet(2, trailer=BLOCK + 4) + packet(3),
     ng_rows(1), {"capture_damaged": (1, 0, 2 * BLOCK)}, AT + BLOCK)
case("B32-block-beyond-the-file.pcapng", NG + packet(1) + packet(2, framed=4 * BLOCK) + packet(3),
     ng_rows(1), {"capture_cut": (1, 1, 2 * BLOCK)}, AT + BLOCK)
case("B33-captured-4-GiB.pcapng", NG + packet(1, captured=2**32 - 1) + packet(2),
     ng_rows(2, at=AT + BLOCK), {"capture_damaged": (1, 1, BLOCK)})
case("B34-captured-more-than-there-was.pcapng", NG + packet(1, length=5) + packet(2), ng_rows(1, 2),
     {"capture_length_clamped": (1, 1, SIZE)})
PROBE = section() + interface(snaplen=2**32 - 1)
case("B35-snaplen-4294967295.pcapng", PROBE + packet(1) + packet(2), ng_rows(1, 2))
case("B36-cut-in-a-block.pcapng", NG + packet(1) + packet(2)[:-1], ng_rows(1),
     {"capture_cut": (1, 1, BLOCK - 1)}, AT + BLOCK)
case("B37-interface-unknown.pcapng", NG + packet(1, index=1) + packet(2),
     ng_rows(2, at=AT + BLOCK), {"capture_interface_unknown": (1, 1, BLOCK)})
CLOCKS = b"".join(interface(options=option("<", *what)) for what in (
    (9, b"\x8a"), (9, b"\x0c"), (14, struct.pack("<q", -3))))
AT_CLOCKS = len(section() + CLOCKS)
case("B37-clocks.pcapng",
     section() + CLOCKS + packet(1536, index=0) + packet(10**12 + 10**6, index=1)
     + packet(5000001, index=2) + packet(1, index=2),
     ng_rows(1500000, 1000001, 2000001, -2999999, at=AT_CLOCKS))
for name, bad in (("past-the-block", option("<", 9, b"\x09", size=500)),
                  ("of-length-0", option("<", 9, b"")), ("too-fine", option("<", 9, b"\x7f"))):
    START = section() + interface(options=bad)
    sizes = {"past-the-block": 500, "of-length-0": 0, "too-fine": 1}
    case(f"B37-option-{name}.pcapng", START + packet(1) + packet(2), ng_rows(1, 2, at=len(START)),
         {"capture_option_bad": (1, 0, sizes[name])})
FIRST = section(">") + interface(">")
SECOND = section("<") + interface("<", options=option("<", 9, b"\x09"))
case("B38-sections-of-both-orders.pcapng",
     FIRST + packet(1, ">") + SECOND + packet(2000, "<") + FIRST + packet(3, ">"),
     [(1, SIZE, AT), (2, SIZE, AT + BLOCK + len(SECOND)),
      (3, SIZE, AT + 2 * BLOCK + len(SECOND) + len(FIRST))])


def main():
    where = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for name, (capture, _) in CASES.items():
        with open(os.path.join(where, name), "wb") as out:
            out.write(capture)
    with open(os.path.join(where, "expected_captures.json"), "w", encoding="utf-8") as out:
        json.dump({name: expected for name, (_, expected) in CASES.items()}, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures Bnn-*.pcap, .pcapng and .seq whose record layer is bad, and what must come of
them (expected_captures.json): rows, counters, and the place that is told:
where reading stopped, or where the first thing was that had to be passed over (-1: none).

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
     ng_rows(2, at=AT + BLOCK), {"capture_damaged": (1, 1, BLOCK)}, AT)
case("B34-captured-more-than-there-was.pcapng", NG + packet(1, length=5) + packet(2), ng_rows(1, 2),
     {"capture_length_clamped": (1, 1, SIZE)})
PROBE = section() + interface(snaplen=2**32 - 1)
case("B35-snaplen-4294967295.pcapng", PROBE + packet(1) + packet(2), ng_rows(1, 2))
case("B36-cut-in-a-block.pcapng", NG + packet(1) + packet(2)[:-1], ng_rows(1),
     {"capture_cut": (1, 1, BLOCK - 1)}, AT + BLOCK)
case("B37-interface-unknown.pcapng", NG + packet(1, index=1) + packet(2),
     ng_rows(2, at=AT + BLOCK), {"capture_interface_unknown": (1, 1, BLOCK)}, AT)
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


# ---- sequence files ----

MARK = b"sixteen bytes..."
ESCAPE = b"\xff\xff\xff\xff" + MARK


def number(value):
    """A number of variable length, as Hadoop writes it."""
    if -112 <= value <= 127:
        return struct.pack("b", value)
    size = (value.bit_length() + 7) // 8
    return struct.pack("b", -112 - size) + value.to_bytes(size, "big")


def word(text):
    return number(len(text)) + text.encode()


def seqfile(codec=None, blocks=False):
    hadoop = "org.apache.hadoop.io."
    return (b"SEQ\6" + word(hadoop + "LongWritable") + word(hadoop + "BytesWritable")
            + bytes([codec is not None, blocks])
            + (word(hadoop + "compress." + codec) if codec else b"") + bytes(4) + MARK)


def nanoseconds(seconds):
    return struct.pack(">q", seconds * 10**9 + 7000)


def value(seconds, pcap=None, size=None):
    pcap = head() + record(seconds) if pcap is None else pcap
    return struct.pack(">I", len(pcap) if size is None else size) + pcap


def entry(seconds, stored=None, length=None, key=8):
    stored = value(seconds) if stored is None else stored
    return (struct.pack(">II", 8 + len(stored) if length is None else length, key)
            + nanoseconds(seconds) + stored)


def block_of(*seconds, count=None, sizes=None, pieces=(), padding=b""):
    """`pieces`: stored in place of those of that number, with the length they claim."""
    values = [value(second) for second in seconds]
    plain = [number(8) * len(seconds), b"".join(map(nanoseconds, seconds)),
             b"".join(number(len(v)) for v in values) if sizes is None else sizes,
             b"".join(values)]
    stored = [zlib.compress(piece) for piece in plain]
    told = [number(len(piece)) for piece in stored]
    for place, (length, piece) in dict(pieces).items():
        told[place], stored[place] = length, stored[place] if piece is None else piece
    return (ESCAPE + number(len(seconds) if count is None else count)
            + b"".join(a + b for a, b in zip(told, stored)) + padding)


SEQ = seqfile()
AT_SEQ = len(SEQ)
ENTRY = len(entry(1))
GOOD = [(n * 1000000 + 7, SIZE, AT_SEQ + (n - 1) * ENTRY) for n in (1, 2, 3)]
THREE_ENTRIES = entry(1) + entry(2) + entry(3)
BEHIND = AT_SEQ + 3 * ENTRY  # of a mark that follows the three
GO_ON = ESCAPE + entry(4)
FOURTH = (4000007, SIZE, BEHIND + 20)

for name, bad in (("0", 0), ("7", 7), ("below-0", 2**32 - 2), ("2147483647", 2**31 - 1),
                  ("beyond-its-value", ENTRY), ("short-of-its-value", ENTRY - 12)):
    case(f"B61-record-length-{name}.seq",
         SEQ + entry(1) + entry(2, length=bad) + entry(3) + GO_ON, [GOOD[0], FOURTH],
         {"capture_damaged": (1, 0, 2 * ENTRY)}, AT_SEQ + ENTRY)
for bad in (0, 4, 9, 2**31, 2**32 - 1):
    case(f"B61-key-length-{bad}.seq", SEQ + entry(1) + entry(2, key=bad) + entry(3) + GO_ON,
         [GOOD[0], FOURTH], {"capture_damaged": (1, 0, 2 * ENTRY)}, AT_SEQ + ENTRY)
for bad in (0, 2**31, 2**32 - 1):
    case(f"B61-value-length-{bad}.seq",
         SEQ + entry(1) + entry(2, value(2, size=bad)) + entry(3) + GO_ON, [GOOD[0], FOURTH],
         {"capture_damaged": (1, 0, 2 * ENTRY)}, AT_SEQ + ENTRY)
case("B61-damaged-without-a-mark.seq", SEQ + entry(1) + entry(2, length=5) + entry(3), GOOD[:1],
     {"capture_damaged": (1, 0, 2 * ENTRY)}, AT_SEQ + ENTRY)
case("B61-cut-in-a-record.seq", SEQ + THREE_ENTRIES[:-1], GOOD[:2],
     {"capture_cut": (1, 1, ENTRY - 1)}, AT_SEQ + 2 * ENTRY)
case("B61-cut-in-a-mark.seq", SEQ + THREE_ENTRIES + ESCAPE[:-1], GOOD,
     {"capture_cut": (1, 1, 19)}, BEHIND)
case("B61-cut-behind-a-record.seq", SEQ + THREE_ENTRIES, GOOD)
case("B61-mark-of-another-file.seq", SEQ + THREE_ENTRIES + b"\xff" * 4 + MARK[::-1] + entry(9) + GO_ON,
     GOOD + [(4000007, SIZE, BEHIND + 20 + ENTRY + 20)], {"capture_damaged": (1, 0, 20 + ENTRY)}, BEHIND)
case("B61-marks-and-nothing-else.seq", SEQ + 5 * ESCAPE, [])
QUOTE = MACS + b"\x88\xb5" + ESCAPE + entry(9)
CASES["B61-marks-inside-a-packet.seq"] = (
    SEQ + entry(1, value(1, head() + record(1, len(QUOTE), len(QUOTE), frame=QUOTE))),
    {"rows": [{"time": "1000007", "length": str(len(QUOTE)), "captured": str(len(QUOTE)),
               "offset": str(AT_SEQ)}], "counters": {}, "stopped": -1})
for name, pcap in (("empty", b""), ("header-cut", head()[:-1]), ("packet-cut", head() + record(2)[:-1]),
                   ("version", b"\xd4\xc3\xb2\xa1\7" + head()[5:] + record(2)),
                   ("two-packets", head() + record(2) + record(2)),
                   ("captured-4-GiB", head() + record(2, captured=2**32 - 1))):
    case(f"B61-value-{name}.seq", SEQ + entry(1) + entry(2, value(2, pcap)) + entry(3),
         [GOOD[0], (3000007, SIZE, AT_SEQ + ENTRY + 20 + len(pcap))],
         {"capture_damaged": (1, 1, len(pcap))}, AT_SEQ + ENTRY)
case("B61-key-is-another-time.seq",
     SEQ + entry(1) + struct.pack(">IIq", 8 + len(value(2)), 8, 2000007) + value(2) + entry(3), GOOD,
     {"key_differs": (1, 1, SIZE)})

RECORDS = seqfile("DefaultCodec")
PACKED = [entry(n, zlib.compress(value(n))) for n in (1, 2, 3)]


def packed_case(name, second, rows, counters):
    first, third = PACKED[0], PACKED[2]
    at = len(RECORDS)
    places = [at, None, at + len(first) + len(second)]
    behind = at + len(first) + len(second) + len(third) + 20
    where = {1: places[0], 3: places[2], 4: behind}
    case(f"B62-{name}.seq", RECORDS + first + second + third + ESCAPE + entry(4, zlib.compress(value(4))),
         [(n * 1000000 + 7, SIZE, where[n]) for n in rows], counters, at + len(first))


JUNK = b"\x78\x9c" + b"\xee" * 50
BOMB = zlib.compress(struct.pack(">I", 2**26) + bytes(2**20))
packed_case("value-that-is-no-zlib", entry(2, JUNK), (1, 3, 4), {"capture_damaged": (1, 1, len(JUNK))})
packed_case("value-that-expands-to-too-much", entry(2, BOMB), (1, 3, 4),
            {"capture_damaged": (1, 1, len(BOMB))})
packed_case("value-that-ends-early", entry(2, zlib.compress(value(2)[:-5])), (1, 3, 4),
            {"capture_damaged": (1, 1, len(value(2)) - 5)})
packed_case("record-longer-than-it-is", entry(2, zlib.compress(value(2)), length=8 + 200), (1, 4),
            {"capture_damaged": (1, 0, len(PACKED[1]) + len(PACKED[2]))})
packed_case("record-longer-than-the-file", entry(2, zlib.compress(value(2)), length=250000), (1, 4),
            {"capture_damaged": (1, 0, len(PACKED[1]) + len(PACKED[2]))})

BLOCKS = seqfile("DefaultCodec", True)
LEAD = block_of(1, 2)
AT_BLOCKS = len(BLOCKS)


def block_case(name, bad, counted, rows=2, more=()):
    """Two good records, a bad block, a good record behind it."""
    at = AT_BLOCKS + len(LEAD)
    case(f"B63-{name}.seq", BLOCKS + LEAD + bad + block_of(9),
         [(1000007, SIZE, AT_BLOCKS), (2000007, SIZE, AT_BLOCKS + 1)]
         + [(n * 1000000 + 7, SIZE, at + place) for place, n in enumerate(more)]
         + [(9000007, SIZE, at + len(bad))],
         {"capture_damaged": (1, counted, len(bad) - len(more))}, at + len(more))


for bad in (-1, 2**20 + 1, 2**31 - 1, 2**40):
    block_case(f"count-{bad}", block_of(3, 4, count=bad), 0)
block_case("count-too-large", block_of(3, 4, count=3), 0)
block_case("count-too-small", block_of(3, 4, count=1), 0)
for piece in range(4):
    block_case(f"piece-{piece}-of-2-GiB", block_of(3, 4, pieces={piece: (number(2**31), None)}), 0 if piece < 3 else 2)
    block_case(f"piece-{piece}-that-is-no-zlib", block_of(3, 4, pieces={piece: (number(len(JUNK)), JUNK)}),
               0 if piece < 3 else 2)
block_case("piece-2-too-long", block_of(3, 4, pieces={2: (number(100), None)}), 0)
for bad in (3, 2**19, 2**31 - 1, -5):
    block_case(f"value-size-{bad}", block_of(3, 4, sizes=number(len(value(3))) + number(bad)), 1, more=(3,))
case("B63-cut-in-a-block.seq", BLOCKS + LEAD + block_of(3, 4)[:60],
     [(1000007, SIZE, AT_BLOCKS), (2000007, SIZE, AT_BLOCKS + 1)],
     {"capture_cut": (1, 1, 60)}, AT_BLOCKS + len(LEAD))
case("B63-block-without-a-mark.seq", BLOCKS + LEAD + block_of(3)[20:] + block_of(9),
     [(1000007, SIZE, AT_BLOCKS), (2000007, SIZE, AT_BLOCKS + 1),
      (9000007, SIZE, AT_BLOCKS + len(LEAD) + len(block_of(3)) - 20)],
     {"capture_damaged": (1, 0, len(block_of(3)) - 20)}, AT_BLOCKS + len(LEAD))


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

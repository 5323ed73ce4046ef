#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures Bnn-*.pcap of bad NetFlow v5, and expected_netflow.json: what comes of them.

Each case names the row of the reliability list it stands for. Expected rows and counters are
written down here by hand, beside the input, not computed by the program under test. Nearly every
case ends with a good datagram, which must decode whatever came before it.

    make_netflow.py [DIRECTORY]     writes all of them (default: where this file is)
"""
import json
import os
import struct
import sys

PORT = 2055
NOW = 1700000000             # seconds; what clocks say unless a case is about clocks
EXPORTER = "192.0.2.1"
CASES = {}


def address(text):
    return bytes(int(part) for part in text.split("."))


def record(number=0, first=0, last=0, packets=1):
    return struct.pack(">4s4s4sHHIIIIHHBBBBHHBBH", address("10.0.0.1"), address("10.0.0.2"),
                       address("10.0.0.9"), 1, 2, packets, 100 + number, first, last,
                       1024, 443, 0, 0x1B, 6, 0, 0, 0, 24, 24, 0)


def v5(sequence, records=2, count=None, uptime=3600000, seconds=NOW, nanoseconds=0, engine=0,
       sampling=0, first=None, last=None, packets=1):
    first = (uptime - 5000) % 2**32 if first is None else first
    last = (uptime - 1000) % 2**32 if last is None else last
    head = struct.pack(">HHIIIIHH", 5, records if count is None else count, uptime, seconds,
                       nanoseconds, sequence, engine, sampling)
    return head + b"".join(record(i, first, last, packets) for i in range(records))


def ip(payload, source=EXPORTER, identification=1, offset=0, more=False):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), identification,
                       offset // 8 | (0x2000 if more else 0), 64, 17, 0, address(source),
                       address("198.51.100.1")) + payload


def udp(payload, port=PORT, source_port=4000):
    return struct.pack(">HHHH", source_port, port, 8 + len(payload), 0) + payload


def frame(payload, source=EXPORTER, port=PORT):
    return ip(udp(payload, port), source)


def fragments(payload, identification, sizes, source=EXPORTER):
    """The datagram in pieces of these sizes (multiples of 8), and a last one of the rest."""
    whole, pieces, at = udp(payload), [], 0
    for size in sizes + [len(whole) - sum(sizes)]:
        pieces.append(ip(whole[at:at + size], source, identification, at, at + size < len(whole)))
        at += size
    return pieces


def case(name, frames, rows, counters=None, fields=None, times=None, port=PORT, captured=None):
    """`frames` in order; `times` in seconds (default: NOW for all); `fields`: what each row has."""
    times = times or [NOW] * len(frames)
    assert len(times) == len(frames), name
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    for number, (time, data) in enumerate(zip(times, frames)):
        kept = data[:(captured or {}).get(number, len(data))]
        micros = round(time * 1000000)
        out += struct.pack("<IIII", micros // 1000000, micros % 1000000, len(kept), len(data))
        out += kept
    CASES[name] = (out, {"port": port, "rows": rows, "counters": counters or {},
                         "fields": fields or []})


def counted(records=0, packets=0, size=0):
    return {"records": records, "packets": packets, "bytes": size}


def headers_and_counts():
    case("B01-v5-header-short",
         [frame(v5(10)), frame(b""), frame(b"\0\5"), frame(v5(12)[:23]), frame(v5(12))], 4,
         {"short_header": counted(3, 3, 0 + 2 + 23)})
    case("B01-version-unknown", [frame(b"\0\x4d" + bytes(58)), frame(v5(12))], 2,
         {"version_unknown": counted(1, 1, 60)})
    case("B01-not-on-an-export-port",
         [frame(b"\0\x4d" + bytes(58), port=53), frame(b"\0\5\0\1", port=53),
          frame(v5(12), port=53)], 2)
    case("B02-count-0", [frame(v5(10)), frame(v5(12, count=0)), frame(v5(12))], 4,
         {"count_mismatch": counted(0, 1)})
    case("B02-count-65535", [frame(v5(10)), frame(v5(12, count=65535)), frame(v5(14))], 6,
         {"count_mismatch": counted(0, 1)})
    case("B02-count-too-large",
         [frame(v5(10)), frame(v5(12, records=5, count=7)), frame(v5(19))], 9,
         {"count_mismatch": counted(2, 1)})
    case("B02-count-too-small",
         [frame(v5(10)), frame(v5(12, records=5, count=3)), frame(v5(15))], 7,
         {"count_mismatch": counted(0, 1)})
    case("B02-trailing-bytes", [frame(v5(10)), frame(v5(12) + bytes(7)), frame(v5(14))], 6,
         {"trailing_bytes": counted(0, 1, 7)})
    case("B02-more-than-30", [frame(v5(10)), frame(v5(12, records=31)), frame(v5(43))], 35)
    case("B02-suspect-before-its-exporter-is-known",
         [frame(v5(8, count=3), port=6000), frame(v5(10), port=6000),
          frame(v5(12, count=3), port=6000), frame(v5(15), port=6000)], 6,
         {"count_mismatch": counted(1, 1)}, port=0)
    whole = v5(12, records=3)
    case("B22-records-end-one-byte-early", [frame(v5(10)), frame(whole[:-1]), frame(v5(15))], 6,
         {"count_mismatch": counted(1, 1)})
    case("B22-records-end-exactly", [frame(v5(10)), frame(whole), frame(v5(15))], 7)
    case("B22-records-end-one-byte-late", [frame(v5(10)), frame(whole + b"\0"), frame(v5(15))], 7,
         {"trailing_bytes": counted(0, 1, 1)})
    for cut, rows in (("header", 0), ("record", 1), ("boundary", 2)):
        kept = {"header": 28 + 20, "record": 28 + 24 + 48 + 47, "boundary": 28 + 24 + 96}[cut]
        lost = {"header": counted(1, 1, len(whole)), "record": counted(2, 1),
                "boundary": counted(1, 1)}
        gap = {"sequence_gap": counted(3)} if cut == "header" else {}
        case(f"B22-captured-up-to-{cut}", [frame(v5(10)), frame(whole), frame(v5(15))], 4 + rows,
             {"datagram_cut": lost[cut]} | gap, captured={1: kept})
    case("B23-sampling",
         [frame(v5(10, records=1, sampling=0)), frame(v5(11, records=1, sampling=1)),
          frame(v5(12, records=1, sampling=0x3FFF)), frame(v5(13, records=1, sampling=0x4000)),
          frame(v5(14, records=1, sampling=0x8064))], 5,
         fields=[{"sampling_rate": "", "extra": ""}, {"sampling_rate": "1", "extra": ""},
                 {"sampling_rate": "16383", "extra": ""},
                 {"sampling_rate": "", "extra": '{"sampling_mode":1}'},
                 {"sampling_rate": "100", "extra": '{"sampling_mode":2}'}])
    case("B23-record-without-packets", [frame(v5(10, packets=0)), frame(v5(12))], 4,
         {"record_empty": counted(2)})


def times(start, end, flag=""):
    return {"start_time": str(start), "end_time": str(end), "time_flag": str(flag)}


def clocks():
    us = NOW * 1000000
    usual = times(us - 5000000, us - 1000000)
    case("B46-uptime-wrapped",
         [frame(v5(10, uptime=2000, first=2**32 - 3000, last=1000)), frame(v5(12))], 4,
         fields=[times(us - 5000000, us - 1000000)] * 2 + [usual] * 2)
    case("B47-last-after-the-header",
         [frame(v5(10, uptime=3600000, first=3599000, last=3600250)),
          frame(v5(12, uptime=2**32 - 1, first=2**32 - 1001, last=249)), frame(v5(14))], 6,
         fields=[times(us - 1000000, us + 250000)] * 4 + [usual] * 2)
    case("B47-ends-before-it-starts",
         [frame(v5(10, first=3599000, last=3590000)), frame(v5(12))], 4,
         {"time_order": counted(2)},
         fields=[times(us - 1000000, us - 1000000, 2)] * 2 + [usual] * 2)
    case("B48-clock-is-uptime", [frame(v5(10, seconds=3600)), frame(v5(12))], 4,
         {"time_corrected": counted(2, 1)},
         fields=[times(us - 5000000, us - 1000000, 1)] * 2 + [usual] * 2)
    case("B48-clock-in-milliseconds", [frame(v5(10, seconds=NOW * 1000 % 2**32)), frame(v5(12))], 4,
         {"time_corrected": counted(2, 1)},
         fields=[times(us - 5000000, us - 1000000, 1)] * 2 + [usual] * 2)
    case("B48-clock-tomorrow", [frame(v5(10, seconds=NOW + 2 * 86400)),
                                frame(v5(12, seconds=NOW + 86400))], 4,
         {"time_corrected": counted(2, 1)},
         fields=[times(us - 5000000, us - 1000000, 1)] * 2 +
                [times(us + 86395000000, us + 86399000000)] * 2)
    case("B49-dated-1970",
         [frame(v5(10, seconds=3600)), frame(v5(12, seconds=3601, uptime=3601000))],
         4, times=[3600, 3601], fields=[times(3595000000, 3599000000, 4)] * 2
         + [times(3596000000, 3600000000, 4)] * 2)
    case("B49-dated-2106", [frame(v5(10, seconds=2**32 - 1))], 2, times=[4294967295],
         fields=[times(4294967290000000, 4294967294000000, 4)] * 2)
    old = 1262304000 # 2010-01-01
    case("B51-capture-of-2010", [frame(v5(10, seconds=old)), frame(v5(12, seconds=old + 60))], 4,
         times=[old, old + 60], fields=[times((old - 5) * 1000000, (old - 1) * 1000000)] * 2)
    case("B51-replayed-export-of-2010", [frame(v5(10, seconds=old))], 2,
         fields=[times((old - 5) * 1000000, (old - 1) * 1000000)] * 2)
    case("B51-packets-out-of-order-and-clock-back",
         [frame(v5(10)), frame(v5(12)), frame(v5(14)), frame(v5(16))], 8,
         times=[NOW, NOW + 7200, NOW - 7200, NOW + 1], fields=[usual] * 8)


def sequences():
    case("B50-gap", [frame(v5(10)), frame(v5(42)), frame(v5(44))], 6, {"sequence_gap": counted(30)})
    case("B50-wrap", [frame(v5(2**32 - 4)), frame(v5(2**32 - 2)), frame(v5(0)), frame(v5(2))], 8)
    case("B50-gap-over-the-wrap", [frame(v5(2**32 - 4)), frame(v5(6))], 4,
         {"sequence_gap": counted(8)})
    case("B50-several-engines",
         [frame(v5(10, engine=1)), frame(v5(5000, engine=2)), frame(v5(77, engine=0x0100)),
          frame(v5(12, engine=1)), frame(v5(5002, engine=2)), frame(v5(79, engine=0x0100))], 12,
         fields=[{"domain": "1", "sequence": "10"}] * 2 + [{"domain": "2"}] * 2 +
                [{"domain": "256"}] * 2)
    case("B50-several-exporters", [frame(v5(10)), frame(v5(900), "192.0.2.2"), frame(v5(12)),
                                   frame(v5(905), "192.0.2.2")], 8,
         {"sequence_gap": counted(3)})
    case("B50-always-0", [frame(v5(0))] * 20, 40)
    case("B50-reordered", [frame(v5(number)) for number in (10, 14, 12, 16, 22, 20, 18, 24)], 16,
         {"sequence_late": counted(6, 3)})
    case("B50-reordered-and-lost", [frame(v5(number)) for number in (10, 18, 14, 20)], 8,
         {"sequence_gap": counted(4), "sequence_late": counted(2, 1)})
    case("B50-repeated", [frame(v5(number)) for number in (10, 10, 12, 14, 12, 14, 16)], 14,
         {"sequence_repeated": counted(6, 3)})
    case("B50-restart", [frame(v5(90000)), frame(v5(90002)), frame(v5(0, uptime=5000)),
                         frame(v5(2, uptime=5000)), frame(v5(8, uptime=5000))], 10,
         {"sequence_reset": counted(0, 1), "sequence_gap": counted(4)})
    case("B50-restart-without-a-clock",
         [frame(v5(90000)), frame(v5(90002)), frame(v5(0)), frame(v5(2)), frame(v5(8))], 10,
         {"sequence_reset": counted(0, 1), "sequence_gap": counted(4)})


def reassembly():
    whole, next_one = v5(10, records=30), frame(v5(40))
    parts = fragments(whole, 7, [600, 600])
    lost = {"sequence_gap": counted(30)}
    before = frame(v5(8))
    case("B45-fragments-in-order", [before, *parts, next_one], 34)
    case("B45-fragments-reversed", [before, *parts[::-1], next_one], 34)
    case("B45-fragments-repeated", [before, parts[0], parts[0], parts[2], parts[2], parts[1],
                                    next_one], 34)
    case("B45-fragment-missing", [before, parts[0], parts[2], next_one], 4,
         {"fragment_incomplete": counted(1, 2, 600 + len(whole) + 8 - 1200)} | lost)
    overlapping = ip(udp(whole)[592:1200], identification=7, offset=592, more=True)
    case("B45-fragments-overlap", [before, parts[0], overlapping, parts[2], next_one], 4,
         {"fragment_overlap": counted(1, 1, 600)} | lost)
    other = fragments(v5(500, records=30), 7, [600, 600], "192.0.2.2")
    case("B45-fragments-interleaved",
         [before, parts[0], other[2], parts[2], other[0], other[1], parts[1], next_one], 64)
    case("B45-fragments-too-late", [before, parts[0], parts[1], parts[2], next_one], 4,
         {"fragment_incomplete": counted(1, 2, 1200)} | lost,
         times=[NOW, NOW, NOW, NOW + 31, NOW + 31])
    crowd = [fragments(v5(10000 + i, records=30), 100 + i, [40])[0] for i in range(257)]
    case("B45-too-many-at-once", [before, *crowd, frame(v5(10))], 4,
         {"fragment_overflow": counted(1, 1, 40),
          "fragment_incomplete": counted(256, 256, 256 * 40)})
    foreign = fragments(bytes(1400), 9, [600, 600], "203.0.113.7")
    case("B45-fragments-of-other-traffic", [foreign[0], foreign[2], frame(v5(10), port=6000)], 2,
         port=0)


def main():
    to = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for make in (headers_and_counts, clocks, sequences, reassembly):
        make()
    for name, (data, _) in CASES.items():
        with open(os.path.join(to, name + ".pcap"), "wb") as file:
            file.write(data)
    with open(os.path.join(to, "expected_netflow.json"), "w", encoding="utf-8") as file:
        json.dump({name: expected for name, (_, expected) in CASES.items()}, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures Bnn-*.pcap of bad NetFlow v9 and IPFIX, and expected_templates.json: what comes
of them. As make_netflow.py, whose frames these are in: expected rows and counters are written down
by hand, and nearly every case ends with a good datagram, which must decode whatever came before.

    make_templates.py [DIRECTORY]     writes all of them (default: where this file is)
"""
import json
import os
import struct
import sys

import make_netflow
from make_netflow import NOW, case, counted, frame

UPTIME = 3600000
V = 65535                                                   # a field of variable length
FLOW = ((8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (2, 4), (1, 4))
SIZE = 21                                                   # of its records


def set_(number, data):
    return struct.pack(">HH", number, 4 + len(data)) + data


def fields(*pairs):
    """(id, length) or (id, length, enterprise)."""
    out = b""
    for pair in pairs:
        out += struct.pack(">HH", pair[0] | (0x8000 if len(pair) == 3 else 0), pair[1])
        if len(pair) == 3:
            out += struct.pack(">I", pair[2])
    return out


def template(number, *pairs):
    return struct.pack(">HH", number, len(pairs)) + fields(*pairs)


def options9(number, scope, *pairs):
    return struct.pack(">HHH", number, 4 * len(scope), 4 * len(pairs)) + fields(*scope, *pairs)


def options10(number, scope, *pairs):
    return struct.pack(">HHH", number, len(scope) + len(pairs), len(scope)) + fields(*scope, *pairs)


def record(number=0, port=443):
    return struct.pack(">IIHHBII", 0x0A000001, 0x0A000002, 1024, port, 6, 1, 100 + number)


def records(count, first=0):
    return b"".join(record(first + i) for i in range(count))


def v9(sequence, *sets, count=1, uptime=UPTIME, seconds=NOW, domain=5):
    return struct.pack(">HHIIII", 9, count, uptime, seconds, sequence, domain) + b"".join(sets)


def ipfix(sequence, *sets, length=None, seconds=NOW, domain=5):
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body) if length is None else length, seconds,
                       sequence, domain) + body


T9, T10 = set_(0, template(256, *FLOW)), set_(2, template(256, *FLOW))


def good9(sequence, count=2):
    return frame(v9(sequence, T9, set_(256, records(count))))


def good10(sequence, count=2):
    return frame(ipfix(sequence, T10, set_(256, records(count))))


def rows(*numbers):
    return [{"bytes": str(100 + number)} for number in numbers]


def headers():
    case("B01-v9-header-short", [good9(1), frame(v9(2)[:19]), frame(b"\0\x09"), good9(2)], 4,
         {"short_header": counted(2, 2, 21)})
    case("B01-ipfix-header-short", [good10(0), frame(ipfix(2)[:15]), frame(b"\0\x0a"), good10(2)], 4,
         {"short_header": counted(2, 2, 17)})
    case("B02-v9-count-is-advisory",
         [frame(v9(i, T9, set_(256, records(2)), count=count))
          for i, count in enumerate((0, 1, 3, 65535))], 8)
    whole = ipfix(2, set_(256, records(2)))
    case("B20-message-shorter-than-its-header", [good10(0), frame(ipfix(2, set_(256, records(2)),
                                                                      length=15)), good10(4)], 6,
         {"message_length_bad": counted(1, 1)})
    case("B20-message-longer-than-its-datagram",
         [good10(0), frame(ipfix(2, set_(256, records(2)), length=len(whole) + 9)), good10(4)], 6,
         {"message_length_bad": counted(1, 1)})
    case("B20-message-shorter-than-its-datagram",
         [good10(0), frame(ipfix(2, set_(256, records(2)), length=len(whole)) + bytes(7)),
          good10(4)], 6, {"message_length_bad": counted(1, 1, 7)})


def sets():
    for length in (0, 1, 3):
        name = "B03-set-length-0" if length == 0 else f"B04-set-length-{length}"
        bad = struct.pack(">HH", 256, length) + records(1)
        case(f"{name}-v9", [good9(1), frame(v9(2, set_(256, records(1)), bad)), good9(3)], 5,
             {"set_length_bad": counted(1, 1, 4 + SIZE)})
        case(f"{name}-ipfix", [good10(0), frame(ipfix(2, set_(256, records(1)), bad)), good10(3)], 5,
             {"set_length_bad": counted(1, 1, 4 + SIZE)})
    bad = struct.pack(">HH", 256, 4 + SIZE + 1) + records(1)
    case("B05-set-beyond-the-datagram",
         [good9(1), frame(v9(2, set_(256, records(1)), bad)), good9(3)], 5,
         {"set_length_bad": counted(1, 1, 4 + SIZE)})
    case("B05-set-beyond-the-message",
         [good10(0), frame(ipfix(2, set_(256, records(1)), bad) + bytes(9)), good10(3)], 5,
         {"set_length_bad": counted(1, 1, 4 + SIZE), "message_length_bad": counted(1, 1, 9)})
    for size in (0, 1, 3, 4, 7, SIZE - 1):
        case(f"B13-padding-{size}",
             [good10(0), frame(ipfix(2, set_(256, records(2) + b"\xee" * size))), good10(4)], 6)
    case("B13-padding-template-49", [frame(ipfix(0, set_(2, template(256, *FLOW) + bytes(49)),
                                                 set_(256, records(2)))), good10(2)], 4)
    case("B13-zeros-to-1408", [good9(1), frame((v9(2, set_(256, records(1))) + bytes(1408))[:1408]),
                               good9(3)], 5,
         {"trailing_bytes": counted(0, 1, 1408 - 20 - 4 - SIZE)})
    case("B13-padding-of-the-datagram", [good9(1), frame(v9(2, set_(256, records(1))) + b"\1\2\3"),
                                         good9(3)], 5, {"trailing_bytes": counted(0, 1, 3)})
    for size, name, found in ((-1, "one-byte-early", 1), (0, "exactly", 2), (1, "one-byte-late", 2)):
        data = (records(2) + bytes(1))[:2 * SIZE + size]
        case(f"B22-set-ends-{name}", [good9(1), frame(v9(2, set_(256, data))), good9(3)], 4 + found)
    case("B04-set-of-no-meaning", [good10(0), frame(ipfix(2, set_(99, bytes(8)),
                                                          set_(256, records(1)))), good10(3)], 5,
         {"set_unknown": counted(1, 0, 12)})


def variable():
    named = ((8, 4), (96, V), (1, 4))
    define = set_(2, template(256, *named))

    def one(name, number):
        return struct.pack(">I", 0x0A000001) + name + struct.pack(">I", 100 + number)

    case("B16-variable-length",
         [frame(ipfix(0, define, set_(256, one(b"\3dns", 0) + one(b"\xff\0\2v2", 1) +
                                      one(b"\0", 2)))), good10(3)], 5,
         {"template_changed": counted(1)},
         fields=[{"bytes": "100", "application": "dns"}, {"bytes": "101", "application": "v2"},
                 {"bytes": "102", "application": ""}])
    case("B16-escape-past-the-set",
         [frame(ipfix(0, define, set_(256, one(b"\3dns", 0) + one(b"\xff\7\xd0v2", 1)))),
          good10(1)], 3, {"record_cut": counted(1, 0, 13), "template_changed": counted(1)}, fields=rows(0))
    case("B16-cut-behind-the-escape",
         [frame(ipfix(0, define, set_(256, one(b"\3dns", 0) + bytes(4) + b"\xff" + bytes(4)))),
          good10(1)], 3, {"record_cut": counted(1, 0, 9), "template_changed": counted(1)})
    case("B06-record-beyond-its-set",
         [frame(ipfix(0, define, set_(256, one(b"\3dns", 0) + one(b"\xc8x", 1) + bytes(20)))),
          good10(1)], 3, {"record_cut": counted(1, 0, 30), "template_changed": counted(1)})
    case("B17-variable-length-in-v9",
         [frame(v9(1, set_(0, template(300, (8, 4), (1, V))))), frame(v9(2, set_(300, bytes(20)))),
          good9(3)], 2, {"template_bad": counted(1), "template_missing": counted(1, 0, 20 + 24)})


def definitions():
    def bad(name, set10, missing=300, more=None):
        case(name, [frame(ipfix(0, set10)), frame(ipfix(0, set_(missing, bytes(40)))), good10(1)], 2,
             {"template_bad": counted(1), "template_missing": counted(1, 0, 16 + 44)} | (more or {}))

    def bad9(name, set9):
        case(name, [frame(v9(1, set9)), frame(v9(2, set_(300, bytes(40)))), good9(3)], 2,
             {"template_bad": counted(1), "template_missing": counted(1, 0, 20 + 44)})

    bad9("B07-scope-of-2-bytes", set_(1, struct.pack(">HHH", 300, 2, 8) + fields((1, 4), (34, 4))))
    bad9("B07-options-past-the-set",
         set_(1, struct.pack(">HHH", 300, 4, 400) + fields((1, 4), (34, 4))))
    bad("B07-no-scope", set_(3, struct.pack(">HHH", 300, 1, 0) + fields((34, 4))))
    bad("B07-more-scopes-than-fields", set_(3, struct.pack(">HHH", 300, 1, 2) + fields((34, 4))))
    bad("B08-lengths-over-65535", set_(2, template(300, (96, 65534), (95, 65534), (8, 4))))
    bad("B09-record-of-nothing", set_(2, template(300, (8, 0), (12, 0))))
    case("B09-member-of-nothing",
         [frame(v9(1, set_(0, template(300, (8, 0), (1, 4))), set_(300, struct.pack(">I", 100)))),
          good9(2)], 3, fields=[{"bytes": "100", "src_ip": ""}])
    bad("B18-enterprise-cut-off", set_(2, struct.pack(">HHHH", 300, 1, 0x8001, 4)))
    case("B10-lengths-no-type-has",
         [frame(ipfix(0, set_(2, template(300, (8, 50), (1, 9), (2, 3), (10, 5), (14, 0))),
                      set_(300, bytes(50) + bytes(8) + b"\1" + b"\0\1\0" + b"\0\0\0\0\7"))),
          good10(1)], 3, {"field_opaque": counted(2)},
         fields=[{"src_ip": "", "bytes": "", "packets": "256", "in_if": "7", "out_if": ""}])
    as_options = set_(3, options10(256, ((144, 4),), (34, 4)))
    case("B11-redefined-as-options-and-back",
         [good10(0), frame(ipfix(2, as_options, set_(256, struct.pack(">II", 0, 10)))), good10(3),
          good10(5)], 6, {"template_changed": counted(2), "options_record": counted(1)})
    case("B11-redefined-inside-a-datagram",
         [frame(ipfix(0, T10, set_(256, records(1)), set_(2, template(256, (1, 4))),
                      set_(256, struct.pack(">II", 107, 108)), T10, set_(256, records(1, 1))))], 4,
         {"template_changed": counted(2)}, fields=rows(0, 7, 8, 1))
    case("B12-invalid-redefinition",
         [good10(0), frame(ipfix(2, set_(2, template(256, (8, 0))))),
          frame(ipfix(2, set_(256, records(1, 5)))), good10(3)], 5,
         {"template_bad": counted(1), "template_awaited": counted(1, 0, 16 + 4 + SIZE)})
    case("B15-withdrawal-over-udp",
         [good10(0), frame(ipfix(2, set_(2, struct.pack(">HH", 256, 0)),
                                 set_(2, struct.pack(">HH", 2, 0)), set_(3, struct.pack(">HH", 3, 0)),
                                 set_(256, records(1)))), good10(3)], 5,
         {"withdrawal_ignored": counted(3)})


def waiting():
    case("B14-data-before-its-template",
         [frame(v9(1, set_(256, records(2)))), good9(2)], 4,
         {"template_awaited": counted(1, 0, 20 + 4 + 2 * SIZE)})
    case("B14-data-first-in-the-datagram",
         [frame(v9(1, set_(256, records(1)), T9, set_(256, records(1, 1)))), good9(2)], 4,
         {"template_awaited": counted(1, 0, 20 + 4 + SIZE)})
    case("B14-template-options-and-data",
         [frame(ipfix(0, T10, set_(3, options10(257, ((144, 4),), (34, 4))),
                      set_(257, struct.pack(">II", 0, 64)), set_(256, records(2)))), good10(3)], 4,
         {"options_record": counted(1)}, fields=[{"sampling_rate": "64"}] * 4)
    case("B14-template-lost",
         [frame(ipfix(0, set_(300, records(2)), T10, set_(256, records(1)))), good10(3)], 3,
         {"template_missing": counted(1, 0, 16 + 4 + 2 * SIZE)}, fields=rows(0))
    other = "192.0.2.2"
    small = set_(2, template(256, (1, 4)))
    case("B52-same-ids-of-two-exporters",
         [good10(0), frame(ipfix(0, small, set_(256, struct.pack(">I", 107))), other), good10(2),
          frame(ipfix(1, set_(256, struct.pack(">I", 108))), other)], 6,
         fields=rows(0, 1, 7, 0, 1, 8))
    case("B52-same-ids-of-two-domains",
         [good10(0), frame(ipfix(0, small, set_(256, struct.pack(">I", 107)), domain=6)),
          frame(ipfix(2, set_(256, records(1))))], 4, fields=rows(0, 1, 7, 0))
    many = [frame(ipfix(0, *[set_(2, template(256 + 100 * i + k, (1 + i, 4))) for k in range(100)]))
            for i in range(6)]
    case("B54-more-templates-than-the-quota",
         [good10(0), *many[:3], frame(ipfix(2, set_(256, struct.pack(">I", 107)))), *many[3:],
          frame(ipfix(3, set_(257, struct.pack(">I", 7))))], 3,
         {"template_changed": counted(1), "template_refused": counted(88),
          "template_missing": counted(1, 0, 24)})


def from_port(payload, port):
    """As frame, but sent from another port than the others' 4000."""
    return make_netflow.ip(make_netflow.udp(payload, source_port=port))


def doubtful():
    """Who sends is told by an address alone, which anybody can write into a datagram."""
    case("B52-source-port-that-changes",
         [good10(0), from_port(ipfix(2, set_(256, records(2, 2))), 4001),
          from_port(ipfix(4, T10, set_(256, records(1, 4))), 4002),
          frame(ipfix(5, set_(256, records(1, 5))))], 6, fields=rows(0, 1, 2, 3, 4, 5))
    # two exporters that nothing but their ports tells apart are taken for one, and not silently
    case("B52-same-ids-of-two-ports",
         [good10(10), from_port(ipfix(3, set_(2, template(256, (1, 4))),
                                      set_(256, struct.pack(">I", 107))), 4001), good10(12)], 5,
         {"template_changed": counted(2), "sequence_repeated": counted(1, 1)},
         fields=rows(0, 1, 7, 0, 1))
    swapped = template(256, (12, 4), (8, 4), (11, 2), (7, 2), (4, 1), (1, 4), (2, 4))
    right = [{"src_ip": "10.0.0.1", "src_port": "1024", "packets": "1", "bytes": str(100 + i)}
             for i in range(2)]
    wrong = [{"src_ip": "10.0.0.2", "src_port": "443", "packets": str(100 + i), "bytes": "1"}
             for i in range(2)]
    case("B53-forged-template",
         [good10(0), frame(ipfix(2, set_(2, swapped))), frame(ipfix(2, set_(256, records(2)))),
          good10(4)], 6, {"template_changed": counted(2)}, fields=right + wrong + right)
    case("B53-forged-template-of-another-domain",
         [good10(0), frame(ipfix(2, set_(2, swapped), domain=6)),
          frame(ipfix(2, set_(256, records(2)))), good10(4)], 6, fields=right * 3)
    case("B53-forged-template-of-another-version",
         [good10(0), frame(v9(2, set_(0, swapped))), frame(ipfix(2, set_(256, records(2)))),
          good10(4)], 6, fields=right * 3)
    rates = set_(3, options10(257, ((144, 4),), (34, 4)))
    case("B53-forged-rate",
         [frame(ipfix(0, T10, rates, set_(257, struct.pack(">II", 0, 64)), set_(256, records(1)))),
          frame(ipfix(2, set_(257, struct.pack(">II", 0, 1000000)))),
          frame(ipfix(3, set_(256, records(1)))),
          frame(ipfix(4, set_(257, struct.pack(">II", 0, 64)), set_(256, records(1))))], 3,
         {"options_record": counted(3)},
         fields=[{"sampling_rate": rate} for rate in ("64", "1000000", "64")])
    # forged numbers: a gap that never was, less what comes of the real ones after all
    case("B53-forged-data-far-ahead",
         [good9(1), good9(2), frame(v9(70000, set_(256, records(1, 66)))), good9(3), good9(4)], 9,
         {"sequence_gap": counted(70000 - 3 - 2), "sequence_late": counted(2, 2)},
         fields=rows(0, 1, 0, 1, 66, 0, 1, 0, 1))
    case("B53-forged-restart",
         [good9(90001), good9(90002), frame(v9(0, set_(256, records(1, 66)), uptime=5000)),
          good9(90003)], 7,
         {"sequence_reset": counted(0, 1), "sequence_gap": counted(90003 - 1)},
         fields=rows(0, 1, 0, 1, 66, 0, 1))


def floods():
    """Many bad datagrams: whoever sends good ones between them loses nothing."""
    strangers = []
    for i in range(300):
        sets = set_(2, template(256, (1, 4), (2, 1 + i % 8))) + set_(300, struct.pack(">I", i))
        strangers.append(frame(ipfix(0, sets, domain=i), f"192.0.{3 + i // 100}.{1 + i % 100}"))
    between = [good10(2 * i) for i in range(6)]
    case("B54-many-sources", [one for i in range(6) for one in
                              [between[i], *strangers[50 * i:50 * i + 50]]] + [good10(12)], 14,
         {"template_missing": counted(300, 0, 300 * (16 + 8))}, fields=rows(0, 1) * 7)
    again = [one for i in range(6) for one in
             [frame(ipfix(2 * i, set_(256, records(2)), seconds=NOW), "192.0.2.77"),
              *strangers[50 * i:50 * i + 50]]]
    case("B54-template-behind-many-sources",
         again + [frame(ipfix(12, T10, set_(256, records(1, 9))), "192.0.2.77")], 13,
         {"template_missing": counted(300, 0, 300 * (16 + 8)),
          "template_awaited": counted(6, 0, 6 * (16 + 4 + 2 * SIZE))})
    # Their bytes are not kept beside the counters: whoever wants them has `--record`, and this capture
    # is what it would have kept. Lines in the log: tests/system/test_hostile_exporters.py.
    bad = []
    for i in range(50):
        kinds = (v9(2 * i, struct.pack(">HH", 256, 2) + records(1)), v9(0)[:10],
                 b"\0\x63" + bytes(30), v9(2 * i + 1, set_(0, template(301, (8, 0)))))
        bad += [frame(kind, "192.0.2.66") for kind in kinds] + [good9(1 + i)]
    case("B55-one-bad-exporter", bad, 100,
         {"set_length_bad": counted(50, 50, 50 * (4 + SIZE)),
          "short_header": counted(50, 50, 50 * 10), "version_unknown": counted(50, 50, 50 * 32),
          "template_bad": counted(50)}, fields=rows(0, 1) * 50)


def contents():
    lists = set_(2, template(256, (1, 4), (293, V)))

    def multi(data):
        return set_(256, struct.pack(">IB", 100, len(data)) + data)

    for size in (0, 3):
        case(f"B19-list-entry-of-{size}",
             [frame(ipfix(0, lists, multi(struct.pack(">BHH", 255, 256, size)))), good10(1)], 3,
             {"list_bad": counted(1), "template_changed": counted(1)}, fields=rows(0))
    case("B19-list-of-no-template",
         [frame(ipfix(0, lists, multi(struct.pack(">BHHI", 255, 999, 8, 0)))), good10(1)], 3,
         {"list_bad": counted(1), "template_changed": counted(1)},
         fields=[{"extra": '{"subTemplateMultiList":[]}'}])
    nested = b"\xff"
    for _ in range(9):
        nested = struct.pack(">BHHIB", 255, 256, 4 + 5 + len(nested), 100, len(nested)) + nested
    case("B19-list-in-itself", [frame(ipfix(0, lists, multi(nested))), good10(1)], 3,
         {"list_bad": counted(1), "template_changed": counted(1)}, fields=rows(0))
    one_list = set_(2, template(256, (1, 4), (292, V)) + template(301, (7, 2)))

    def single(name, data, listed, bad=1):
        extra = '{"subTemplateList":' + listed + "}" if listed else ""
        case(f"B19-one-list-{name}", [frame(ipfix(0, one_list, multi(data))), good10(1)], 3,
             ({"list_bad": counted(bad)} if bad else {}) | {"template_changed": counted(1)},
             fields=[{"bytes": "100", "extra": extra}])

    single("whole", struct.pack(">BHHH", 3, 301, 1, 2),
           '[{"sourceTransportPort":1},{"sourceTransportPort":2}]', bad=0)
    single("of-nothing", b"", "", bad=0)
    single("without-a-template", struct.pack(">BH", 3, 301)[:2], '"0301"')
    single("of-no-template", struct.pack(">BHI", 3, 999, 7), "[]")
    single("of-half-a-record", struct.pack(">BHHB", 3, 301, 1, 2), '[{"sourceTransportPort":1}]')
    nested = b""
    for _ in range(9):
        nested = struct.pack(">BHIB", 3, 256, 100, len(nested)) + nested
    case("B19-one-list-in-itself", [frame(ipfix(0, one_list, multi(nested))), good10(1)], 3,
         {"list_bad": counted(1), "template_changed": counted(1)}, fields=rows(0))
    rates = set_(3, options10(257, ((144, 4),), (34, 4)))

    def rate(value):
        return set_(257, struct.pack(">II", 0, value))

    case("B23-rates-that-change",
         [frame(ipfix(0, T10, rates, set_(256, records(1)))),
          frame(ipfix(1, rate(100), set_(256, records(1)))),
          frame(ipfix(3, rate(0), set_(256, records(1)))),
          frame(ipfix(5, rate(2**32 - 1), set_(256, records(1)), rate(7), set_(256, records(1))))],
         5, {"options_record": counted(4)},
         fields=[{"sampling_rate": rate} for rate in ("", "100", "", "4294967295", "7")])
    case("B23-probabilities",
         [frame(ipfix(i, set_(2, template(256, (1, 4), (311, 8))),
                      set_(256, struct.pack(">Id", 100, value))))
          for i, value in enumerate((0.01, 0.0, -1.0, float("nan"), 1e-300))], 5,
         fields=[{"sampling_rate": rate} for rate in ("100", "", "", "", "")])
    many = set_(257, b"".join(struct.pack(">II", i, 10) for i in range(175)))
    case("B21-many-options",
         [frame(ipfix(0, T10, set_(3, options10(257, ((10, 4),), (34, 4)))))] +
         [frame(ipfix(175 * i, many)) for i in range(100)] + [good10(17500)], 2,
         {"options_record": counted(17500)})
    case("B24-interfaces-of-2-and-4-bytes",
         [frame(ipfix(0, set_(2, template(300, (10, 2), (1, 4)) + template(301, (10, 4), (1, 4))),
                      set_(300, struct.pack(">HI", 65535, 100)),
                      set_(301, struct.pack(">II", 4000000000, 101))))], 2,
         fields=[{"in_if": "65535", "out_if": ""}, {"in_if": "4000000000", "out_if": ""}])
    us = NOW * 1000000
    case("B24-seconds-and-milliseconds",
         [frame(ipfix(0, set_(2, template(300, (150, 4), (151, 4)) + template(301, (152, 8), (153, 8))),
                      set_(300, struct.pack(">II", NOW - 5, NOW - 1)),
                      set_(301, struct.pack(">QQ", NOW * 1000 - 5, NOW * 1000 - 1))))], 2,
         fields=[make_netflow.times(us - 5000000, us - 1000000),
                 make_netflow.times(us - 5000, us - 1000)])
    timed = set_(0, template(256, (22, 4), (21, 4)))

    def flow9(sequence, first, last, uptime=UPTIME, seconds=NOW):
        return frame(v9(sequence, timed, set_(256, struct.pack(">II", first, last)), uptime=uptime,
                        seconds=seconds))

    case("B46-v9-uptime-wrapped", [flow9(1, 2**32 - 3000, 1000, uptime=2000)], 1,
         fields=[make_netflow.times(us - 5000000, us - 1000000)])
    case("B47-v9-last-after-the-header", [flow9(1, UPTIME - 1000, UPTIME + 250)], 1,
         fields=[make_netflow.times(us - 1000000, us + 250000)])
    case("B48-v9-clock-is-uptime", [flow9(1, UPTIME - 5000, UPTIME - 1000, seconds=3600)], 1,
         {"time_corrected": counted(1, 1)},
         fields=[make_netflow.times(us - 5000000, us - 1000000, 1)])


def main():
    to = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    make_netflow.CASES.clear()
    for make in (headers, sets, variable, definitions, waiting, doubtful, floods, contents):
        make()
    for name, (data, _) in make_netflow.CASES.items():
        with open(os.path.join(to, name + ".pcap"), "wb") as file:
            file.write(data)
    with open(os.path.join(to, "expected_templates.json"), "w", encoding="utf-8") as file:
        json.dump({name: expected for name, (_, expected) in make_netflow.CASES.items()}, file,
                  indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()

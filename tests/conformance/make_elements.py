#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a capture with an export for each information element of src/wire/elements_*.def, and what
must come of it, so that every element is seen to decode by its type and to go where its role says.

    make_elements.py DIRECTORY      writes elements.pcap and elements.json

An element travels alone, but for what its role needs beside it and a flowId, which is the number of
the case: IPFIX, or NetFlow v9 for numbers that only that has. Strings, octets and lists are sent at
fixed and at variable length, other values at their length and, integers, at every shorter one.

elements.json is a list of cases: "flow" (the flowId), "domain" and "sequence" (of the message),
"element" ("pen:id"), "name", "source", "rows" (each "columns", as conformance-rows prints them, and
"extra"), "free" (columns that the case says nothing about). Columns named by none of these are null.
In extra, null stands for any value.
"""
import json
import os
import re
import struct
import sys

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
WIRE = os.path.join(ROOT, "src", "wire")
NOW, PORT = 1700000000, 4739   # when everything is exported and captured, and where it goes
NTOP, NTOP_V9 = 35632, 57472
TEMPLATES = 200                # of one exporter: less than what one may have
FLOW_ID, PROTO, VARIABLE = (0, 148), (0, 4), 65535
INTEGERS = {"unsigned8": 1, "unsigned16": 2, "unsigned32": 4, "unsigned64": 8,
            "signed8": 1, "signed16": 2, "signed32": 4, "signed64": 8}
TIMES = {"dateTimeSeconds", "dateTimeMilliseconds", "dateTimeMicroseconds", "dateTimeNanoseconds"}
LISTS = {"basicList", "subTemplateList", "subTemplateMultiList"}


def elements():
    """(pen, id, name, type, role) of each, in the order of the table."""
    for part in ("elements_iana.def", "elements_makers.def"):
        with open(os.path.join(WIRE, part), encoding="utf-8") as text:
            for found in re.finditer(r"^EG_ELEMENT\((\d+), (\d+), (\S+), (\w+), (\w+)\)$", text.read(), re.M):
                yield int(found[1]), int(found[2]), *found.groups()[2:]


# ---- values ----

def number(value, size):
    return (value % 256**size).to_bytes(size, "big")


def time_bytes(kind, time_us):
    """As RFC 7011 section 6.1.7 to 6.1.10 encodes it."""
    seconds, micros = divmod(time_us, 1000000)
    if kind == "dateTimeSeconds":
        return struct.pack(">I", seconds)
    if kind == "dateTimeMilliseconds":
        return struct.pack(">Q", time_us // 1000)
    return struct.pack(">II", seconds + 2208988800, micros * 2**32 // 1000000)


def time_text(time_us):
    """RFC 3339 with six digits; all times here are within a minute."""
    assert NOW - 20 <= time_us // 1000000 < NOW
    return f"2023-11-14T22:13:{time_us // 1000000 - NOW + 20:02}.{time_us % 1000000:06}Z"


def moment(kind):
    """A time shortly before the export that the type can say."""
    part = {"dateTimeSeconds": 0, "dateTimeMilliseconds": 250000}.get(kind, 250001)
    return (NOW - 10) * 1000000 + part


def plain(kind, name):
    """Known bytes of a type, and what they are as JSON."""
    if kind in INTEGERS:
        size = INTEGERS[kind]
        value = -3 if kind.startswith("signed") else int.from_bytes(bytes(range(0xF1, 0xF1 + size)), "big")
        return number(value, size), value
    if kind in TIMES:
        return time_bytes(kind, moment(kind)), time_text(moment(kind))
    if kind in LISTS: # of two protocols; the others empty, since their templates would be elements' too
        return {"basicList": (b"\xff\x00\x04\x00\x01\x06\x11", {"protocolIdentifier": [6, 17]}),
                "subTemplateList": (b"\xff\x01\x00", []), "subTemplateMultiList": (b"\xff", None)}[kind]
    return {
        "float32": (struct.pack(">f", -2.5), -2.5),
        "float64": (struct.pack(">d", 0.1), 0.1),
        "boolean": (b"\x02", False),
        "macAddress": (bytes.fromhex("0200deadbeef"), "02:00:de:ad:be:ef"),
        "string": (f"of {name} ü".encode(), f"of {name} ü"),
        "octetArray": (bytes.fromhex("00ff10ab"), "00ff10ab"),
        "ipv4Address": (bytes([198, 51, 100, 7]), "198.51.100.7"),
        "ipv6Address": (bytes.fromhex("20010db8000000000000000000000007"), "2001:db8::7"),
        "unsigned256": (number(2**40 + 5, 32), 2**40 + 5),
    }[kind]


# ---- roles: the value sent, what is sent with it, the rows ----

FRAME = bytes.fromhex("020000000002" "020000000001" "0800"
                      "4500001c00010000" "4011" "0000" "0a000001" "0a000002" "0400003500080000")
SEEN = {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": "1024", "dst_port": "53", "proto": "17"}
TCP, UDP = ((PROTO, b"\x06"), {"proto": "6"}), ((PROTO, b"\x11"), {"proto": "17"})
ICMP, ICMP6 = ((PROTO, b"\x01"), {"proto": "1"}), ((PROTO, b"\x3a"), {"proto": "58"})
START = ((0, 152), time_bytes("dateTimeMilliseconds", (NOW - 10) * 1000000))
BOOT = ((0, 160), struct.pack(">Q", (NOW - 1000) * 1000))
TIME_COLUMNS = ["start_time", "end_time", "time_flag"]
UNTIMED = {"start_time": str(NOW * 1000000), "end_time": str(NOW * 1000000), "time_flag": "8"} # the export's

# role: (number, column); the number is sent in the length of the type
NUMBERS = {
    "bytes": (1500, "bytes"), "bytes_total": (1501, "bytes"), "bytes_out": (1502, "bytes"),
    "packets": (3, "packets"), "packets_total": (4, "packets"), "packets_out": (5, "packets"),
    "min_length": (40, "min_length"), "max_length": (1400, "max_length"), "proto": (89, "proto"),
    "sampling_interval": (100, "sampling_rate"), "tos": (184, "tos"), "min_ttl": (3, "min_ttl"),
    "max_ttl": (250, "max_ttl"), "vlan": (100, "vlan"), "vlan_out": (101, "vlan"),
    "src_as": (64512, "src_as"), "dst_as": (64513, "dst_as"), "in_if": (11, "in_if"), "out_if": (12, "out_if"),
    "direction": (1, "direction"), "vrf_in": (7, "vrf"), "vrf_out": (8, "vrf"), "end_reason": (3, "end_reason"),
    "event": (2, "event"), "domain": (4711, "domain"), "biflow_direction": (1, "initiator"),
}
ADDRESSES = {"src_ip", "dst_ip", "next_hop", "next_hop_bgp", "nat_src_ip", "nat_dst_ip", "exporter"}
MACS = {"src_mac": "src_mac", "src_mac_out": "src_mac", "dst_mac": "dst_mac", "dst_mac_out": "dst_mac"}
TEXTS = {"vrf_name": "vrf", "application_name": "application"}
# those that only stand in extra of flows
SHOWN = {"extra", "reverse_delay", "ip_version", "selector", "interface_name", "interface_text", "frame_size",
         "frame_type", "typing_id", "typing_pen", "typing_type", "typing_name"}


def one(value, columns, beside=(), free=()):
    """The usual case: the element, what is beside it, one row."""
    return value, list(beside), [{"columns": columns, "extra": {}}], list(free)


def times(role, kind):
    """Roles of times: absolute ones by their type, the others against boot, start or export."""
    us, ms = NOW * 1000000, 1000
    if role in ("start", "end", "observed", "received"):
        names = {"observed": ["start_time", "end_time"], "received": ["received_time"]}.get(role, [role + "_time"])
        return one(time_bytes(kind, moment(kind)), {name: str(moment(kind)) for name in names},
                   free=[name for name in TIME_COLUMNS if name not in names])
    if role == "boot":
        boot = (NOW - 900) * 1000000
        return one(time_bytes(kind, boot), {"start_time": str(boot + 890 * 1000 * ms)},
                   [((0, 22), number(890 * ms, 4))], TIME_COLUMNS[1:])
    if role in ("start_uptime", "end_uptime"):
        name = role.replace("uptime", "time")
        return one(number(990 * ms, 4), {name: str(us - 10 * 1000000)}, [BOOT],
                   [other for other in TIME_COLUMNS if other != name])
    if role in ("start_delta", "end_delta"):
        name = role.replace("delta", "time")
        return one(number(5000001, 4), {name: str(us - 5000001)}, (), [other for other in TIME_COLUMNS if other != name])
    value, scale = (2500, 1000) if role == "duration_ms" else (2500001, 1)
    start = us - 10 * 1000000
    return one(number(value, 4), {"start_time": str(start), "end_time": str(start + value * scale)}, [START])


def sampling(role):
    """Rates from two elements: each with its partner."""
    if role == "sampling_probability":
        return one(struct.pack(">d", 0.01), {"sampling_rate": "100"})
    value, partner, other, rate = {
        "sampling_taken": (2, 306, 8, 5), "sampling_space": (9, 305, 1, 10),
        "sampling_size": (2, 310, 100, 50), "sampling_population": (1000, 309, 1, 1000)}[role]
    return one(number(value, 4), {"sampling_rate": str(rate)}, [((0, partner), number(other, 4))])


def conversation(role):
    """Counters of both directions: the responder's make a second row."""
    kind = "bytes" if role.endswith("bytes") else "packets"
    mine = {"initiator_bytes": 231, "responder_bytes": 232, "initiator_packets": 298, "responder_packets": 299}
    other = role.replace("responder", "initiator")
    if role == other:
        return one(number(77, 8), {kind: "77"}, (), ["initiator"])
    rows = [{"columns": {kind: text}, "extra": {}} for text in ("55", "77")]
    rows[1]["second"] = True
    return number(77, 8), [((0, mine[other]), number(55, 8))], rows, ["initiator"]


def ported(role, pen, element, kind):
    """What only some protocols have: the protocol is sent too."""
    size = INTEGERS[kind]
    with_proto, shown = (UDP if element in (180, 181) else ICMP6 if element in (139, 178, 179) else
                         ICMP if role.startswith("icmp") else TCP)
    columns = {"icmp_type": {"icmp_type": "3"}, "icmp_code": {"icmp_code": "3"},
               "icmp_type_code": {"icmp_type": "3", "icmp_code": "1"}}.get(role, {role.removesuffix("_part"): "18"})
    value = 0x301 if role == "icmp_type_code" else 3 if role.startswith("icmp") else 18
    made = one(number(value, size), shown | columns, [with_proto], [] if role.startswith("icmp") else [])
    if role == "tcp_flags_part":
        made[2][0]["extra"]["*"] = 18
    return made


def of_role(pen, element, name, kind, role):
    """What is sent for an element, and what comes of it."""
    if role in SHOWN:
        value, shown = plain(kind, name)
        return value, [], [{"columns": {}, "extra": {"*": shown}}], []
    if role == "nothing":
        return one(b"\0\0\0", {})
    if role in NUMBERS:
        value, column = NUMBERS[role]
        return one(number(value, INTEGERS[kind]), {column: str(value)})
    if role in ADDRESSES:
        value, text = plain(kind, name)
        return one(value, {role.removesuffix("_bgp"): text})
    if role in MACS:
        value, text = plain(kind, name)
        return one(value, {MACS[role]: text})
    if role in TEXTS:
        value, text = plain(kind, name)
        return one(value, {TEXTS[role]: text})
    if role in ("src_mask", "dst_mask"):
        address = {9: 8, 29: 27, 13: 12, 30: 28}[element]
        sent, text = plain("ipv4Address" if address in (8, 12) else "ipv6Address", name)
        return one(b"\x18", {role: "24", role.replace("mask", "ip"): text}, [((0, address), sent)])
    if role in ("start", "end", "observed", "received", "boot") or role.split("_")[0] in ("start", "end", "duration") \
            and role != "end_reason":
        return times(role, kind)
    if role.startswith("sampling"):
        return sampling(role)
    if role.startswith(("initiator", "responder")):
        return conversation(role)
    if role.startswith(("icmp", "src_port", "dst_port", "tcp_flags")):
        return ported(role, pen, element, kind)
    return {
        "ttl": lambda: one(b"\x40", {"min_ttl": "64", "max_ttl": "64"}),
        "mpls_label": lambda: one(number((1000 + element) << 4 | 1, 3), {"mpls_labels": str(1000 + element)}),
        "application_id": lambda: one(b"\x03\x00\x00\x50", {"application": "3:80"}),
        "nat_src_port": lambda: one(number(4000, 2), {"nat_src_port": "4000"} | TCP[1], [TCP[0]]),
        "nat_dst_port": lambda: one(number(4001, 2), {"nat_dst_port": "4001"} | TCP[1], [TCP[0]]),
        "segment": lambda: one(number(1 << 56 | 4660, 8), {"tunnel": "vxlan", "tunnel_id": "4660"}),
        "frame_section": lambda: one(FRAME, SEEN, (), ["*"]),
        "ip_section": lambda: one(FRAME[14:], SEEN, (), ["*"]),
    }[role]()


# ---- messages ----

class Exporter:
    """Numbers its messages by domain, as exporters do."""

    def __init__(self):
        self.sequences = {}

    def _next(self, domain):
        number_of = self.sequences.get(domain, 0)
        self.sequences[domain] = number_of + 1
        return number_of

    def ipfix(self, domain, template, fields):
        """A message with a template of the fields and the one record; lengths of None are variable."""
        definition, record = b"", b""
        for (pen, element), value, variable in fields:
            size = VARIABLE if variable else len(value)
            definition += struct.pack(">HH", element | (0x8000 if pen else 0), size)
            definition += struct.pack(">I", pen) if pen else b""
            record += (bytes([len(value)]) if variable else b"") + value
        definition = struct.pack(">HH", template, len(fields)) + definition
        body = struct.pack(">HH", 2, 4 + len(definition)) + definition
        body += struct.pack(">HH", template, 4 + len(record)) + record
        return struct.pack(">HHIII", 10, 16 + len(body), NOW, self._next(domain), domain) + body

    def netflow9(self, domain, template, fields):
        """The same as NetFlow v9 says it; no enterprises, no variable lengths, sets padded."""
        definition = struct.pack(">HH", template, len(fields))
        definition += b"".join(struct.pack(">HH", element, len(value)) for (_, element), value, _ in fields)
        record = b"".join(value for _, value, _ in fields)
        record += bytes(-len(record) % 4)
        body = struct.pack(">HH", 0, 4 + len(definition)) + definition
        body += struct.pack(">HH", template, 4 + len(record)) + record
        return struct.pack(">HHIIII", 9, 2, 3600000, NOW, self._next(domain), domain) + body


def packet(payload, flow, domain):
    """The datagram as raw IPv4, and its record in the capture. A domain is an exporter of its own, so
    that nobody has more templates than exporters may have."""
    udp = struct.pack(">HHHH", 40000, PORT, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), flow % 65536, 0, 64, 17, 0,
                     bytes([192, 0, 2, 9 + domain]), bytes([192, 0, 2, 1])) + udp
    return struct.pack("<IIII", NOW, 0, len(ip), len(ip)) + ip


def variants(kind, value):
    """The value as it may be sent: (bytes, variable length)."""
    yield value, False
    if kind in ("string", "octetArray") or kind in LISTS:
        yield value, True
    elif kind in INTEGERS: # shorter, as long as the number stays the same
        signed = kind.startswith("signed")
        whole = int.from_bytes(value, "big", signed=signed)
        for size in range(len(value) - 1, 0, -1):
            if int.from_bytes(value[-size:], "big", signed=signed) == whole:
                yield value[-size:], False


def cases():
    """Each case and its message."""
    exporter, flow = Exporter(), 0
    domains = {}
    for pen, element, name, kind, role in elements():
        value, beside, rows, free = of_role(pen, element, name, kind, role)
        key = f"{pen}:{element}"
        for sent, variable in variants(kind, value):
            in_v9 = [True] if pen == 0 and element >= 32768 else [False, True] if pen == NTOP and not variable else [False]
            for v9 in in_v9:
                flow += 1
                fields = [(FLOW_ID, number(flow, 8), False)] if (pen, element) != FLOW_ID else []
                fields += [(what, other, False) for what, other in beside]
                where = (0, element + NTOP_V9) if v9 and pen == NTOP else (pen, element)
                fields.append((where, sent if fields else number(flow, 8), variable))
                domain = domains.setdefault((pen, v9, flow // TEMPLATES), len(domains) + 1)
                template = 256 + exporter.sequences.get(domain, 0)
                message = (exporter.netflow9 if v9 else exporter.ipfix)(domain, template, fields)
                timed = any(name in row["columns"] or name in free for row in rows for name in TIME_COLUMNS)
                shown = [{"columns": row["columns"] | ({} if timed else UNTIMED), "extra":
                          ({} if "second" in row else {"flowId": flow}) |
                          {name: v for v in row["extra"].values() if (pen, element) != FLOW_ID}}
                         for row in rows]
                yield {"flow": flow, "domain": domain, "sequence": template - 256, "element": key, "name": name, "source": "netflow9" if v9 else "ipfix",
                       "rows": shown, "free": free}, message


def main():
    """Writes both files."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    made = list(cases())
    with open(os.path.join(sys.argv[1], "elements.pcap"), "wb") as capture:
        capture.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for case, message in made:
            capture.write(packet(message, case["flow"], case["domain"]))
    with open(os.path.join(sys.argv[1], "elements.json"), "w", encoding="utf-8") as text:
        json.dump([case for case, _ in made], text, ensure_ascii=False, indent=1)
    print(f"{len({case['element'] for case, _ in made})} elements, {len(made)} messages")


if __name__ == "__main__":
    main()

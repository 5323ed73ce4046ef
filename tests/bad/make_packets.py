#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures Bnn-*.pcap of bad frames and what must come of them (expected_packets.json).

Each case names the row of the reliability list it stands for. Expected fields and counters are
written down here by hand, beside the input, not computed by the program under test. Every case ends
with a good frame, which must come out whole whatever came before it.

    make_packets.py [DIRECTORY]     writes all of them (default: where this file is)
"""
import json
import os
import struct
import sys

CASES = {}
ETHERNET, RAW = 1, 101
MACS = bytes.fromhex("0a0b0c0d0e0f010203040506")
SRC6 = bytes.fromhex("20010db8000000000000000000000001")
DST6 = bytes.fromhex("20010db8000000000000000000000002")


def ip4(payload, proto=17, total=None, first=0x45, fragment=0x4000, options=b""):
    total = 20 + len(options) + len(payload) if total is None else total
    return struct.pack(">BBHHHBBH4s4s", first, 0, total, 0x1234, fragment, 64, proto, 0,
                       bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))) + options + payload


def ip6(payload, following=17, length=None):
    length = len(payload) if length is None else length
    return struct.pack(">IHBB", 6 << 28, length, following, 64) + SRC6 + DST6 + payload


def udp(payload=b"x", length=None):
    return struct.pack(">HHHH", 8080, 53, 8 + len(payload) if length is None else length,
                       0) + payload


def tcp(payload=b"", offset=5):
    return struct.pack(">HHIIBBHHH", 8080, 80, 1, 2, offset << 4, 0x12, 1024, 0, 0) + payload


def ethernet(payload, kind=0x0800):
    return MACS + struct.pack(">H", kind) + payload


def tags(*kinds_and_ids, payload=b"", kind=0x0800):
    """802.1Q tags around a packet, the outermost first."""
    kinds = [k for k, _ in kinds_and_ids] + [kind]
    out = b"".join(struct.pack(">HH", number, after)
                   for (_, number), after in zip(kinds_and_ids, kinds[1:]))
    return ethernet(out + payload, kinds[0])


def labels(count, payload):
    stack = b"".join(struct.pack(">I", (16 + i) << 12 | (0x100 if i == count - 1 else 0) | 64)
                     for i in range(count))
    return ethernet(stack + payload, 0x8847)


def extension(following, size=8):
    return bytes((following, size // 8 - 1, 5, 2)) + bytes(size - 4)


def case(name, frames, counters=None, link=RAW):
    """`frames`: (bytes, fields[, captured[, wire]]); a field of None is null."""
    good = ethernet(ip4(udp())) if link == ETHERNET else ip4(udp())
    frames = frames + [(good, {"src_ip": "10.0.0.1", "dst_ip": "10.0.0.2", "src_port": 8080,
                               "dst_port": 53, "proto": 17, "payload_length": 1, "vlan": None,
                               "mpls_labels": None, "tcp_flags": None, "ip_version": 4})]
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)
    fields = []
    for number, (data, wanted, *lengths) in enumerate(frames):
        captured = lengths[0] if lengths and lengths[0] is not None else len(data)
        wire = lengths[1] if len(lengths) > 1 else len(data)
        out += struct.pack("<IIII", 1700000000, number, captured, wire) + data[:captured]
        fields.append({key: "" if value is None else str(value) for key, value in wanted.items()}
                      | {"length": str(wire), "captured": str(captured), "time_ns": "0",
                         "time": str(1700000000000000 + number)})
    CASES[name] = (out, {"rows": len(frames), "counters": counters or {}, "fields": fields})


def counted(packets, size):
    return {"records": 0, "packets": packets, "bytes": size}


NO_IP = {"src_ip": None, "dst_ip": None, "proto": None, "src_port": None, "ip_version": None}
NO_TRANSPORT = {"src_port": None, "dst_port": None, "payload_length": None, "tcp_flags": None}

# ---- B39: IPv4 lengths ----
case("B39-total-length-0", [(ip4(tcp(b"abc"), 6, total=0), {"payload_length": 3, "proto": 6}),
                            (ip4(tcp(b"abc"), 6, total=0), {"payload_length": 8960}, None, 9000)])
case("B39-total-length-19", [(ip4(tcp(), 6, total=19), {"src_ip": None, "proto": None,
                                                       "ip_version": 4, **NO_TRANSPORT})],
     {"header_bad": counted(1, 40)})
case("B39-total-length-20", [(ip4(tcp(), 6, total=20), {"src_ip": "10.0.0.1", "proto": 6,
                                                       **NO_TRANSPORT})],
     {"header_bad": counted(1, 40)})
case("B39-total-length-beyond-the-frame",
     [(ip4(tcp(b"abc"), 6, total=65535), {"payload_length": 3}),
      (ip4(tcp(b"abc"), 6, total=1500), {"payload_length": 1460, "tcp_flags": 18}, 43, 1500),
      (ip4(tcp(b"abc"), 6, total=44), {"payload_length": 3})])
case("B39-header-length", [(ip4(tcp(), 6, first=0x44), NO_IP), (ip4(tcp(), 6, first=0x40), NO_IP),
                           (ip4(tcp(), 6, first=0x4F), {"src_ip": None, **NO_TRANSPORT}),
                           (ip4(udp(), first=0x46, total=32, options=bytes(4)),
                            {"dst_port": 53, "payload_length": 0})],
     {"header_bad": counted(3, 120)})
case("B39-version", [(ip4(tcp(), 6, first=0x55), NO_IP), (b"", NO_IP, None, 0),
                     (b"\x00", NO_IP)],
     {"header_bad": counted(3, 41)})
case("B39-padding", [(ethernet(ip4(tcp(), 6)) + bytes(6), {"payload_length": 0, "tcp_seq": 1})],
     link=ETHERNET)

# ---- B40: tags and labels ----
case("B40-tag-cut", [(tags((0x8100, 100), payload=ip4(udp())), {"vlan": 100, **NO_IP}, 17),
                     (tags((0x8100, 100), payload=ip4(udp())), {"vlan": None, **NO_IP}, 15),
                     (tags((0x88A8, 200), (0x8100, 100), payload=ip4(udp())),
                      {"vlan": 200, **NO_IP}, 21)],
     {"frame_cut": counted(3, 47 + 47 + 51)}, ETHERNET)
case("B40-tags-8-and-9",
     [(tags(*[(0x8100, 7)] * 8, payload=ip4(udp())), {"vlan": 7, "dst_port": 53}),
      (tags(*[(0x8100, 7)] * 9, payload=ip4(udp())), {"vlan": 7, **NO_IP}),
      (tags(*[(0x88A8, 7)] * 300, payload=ip4(udp())), {"vlan": 7, **NO_IP})],
     {"depth_exceeded": counted(2, 79 + 1243)}, ETHERNET)
case("B40-labels-12-16-17",
     [(labels(12, ip4(udp())),
       {"mpls_labels": ",".join(str(16 + i) for i in range(12)), "dst_port": 53}),
      (labels(16, ip4(udp())),
       {"mpls_labels": ",".join(str(16 + i) for i in range(16)), "dst_port": 53}),
      (labels(17, ip4(udp())),
       {"mpls_labels": ",".join(str(16 + i) for i in range(16)), **NO_IP}),
      (labels(2, ip4(udp())), {"mpls_labels": "16", **NO_IP}, 20)],
     {"depth_exceeded": counted(1, 111), "frame_cut": counted(1, 51)}, ETHERNET)

# ---- B41: IPv6 extension headers ----
case("B41-authentication-and-fragment-lengths",
     [(ip6(bytes((17, 4, 0, 0)) + bytes(20) + udp(), 51), {"proto": 17, "dst_port": 53}),
      (ip6(bytes((17, 255, 0, 0, 0, 0, 0, 9)) + udp(), 44),
       {"proto": 17, "dst_port": 53, "ip_id": 9, "fragment_offset": 0, "more_fragments": 0}),
      (ip6(bytes((6, 0, 5, 0xA8, 0, 0, 0, 9)) + bytes(40), 44),
       {"proto": 6, "fragment_offset": 1448, "more_fragments": 0, **NO_TRANSPORT})])
case("B41-headers-16-and-17",
     [(ip6(extension(60) * 15 + extension(17) + udp(), 60), {"proto": 17, "dst_port": 53}),
      (ip6(extension(60) * 16 + extension(17) + udp(), 60),
       {"src_ip": "2001:db8::1", "proto": None, **NO_TRANSPORT}),
      (ip6(extension(60) * 900, 60), {"proto": None, **NO_TRANSPORT})],
     {"depth_exceeded": counted(2, 185 + 7240)})
case("B41-header-cut-or-too-long",
     [(ip6(extension(17, 16) + udp(), 60), {"proto": None, **NO_TRANSPORT}, 50),
      (ip6(extension(17, 16) + udp(), 60), {"proto": None, **NO_TRANSPORT}, 41),
      (ip6(bytes((17, 255)) + bytes(6) + udp(), 60), {"proto": None, **NO_TRANSPORT}),
      (ip6(extension(17) + udp(), 60, length=4), {"proto": None, **NO_TRANSPORT}),
      (ip6(extension(17) + udp(), 60, length=8), {"proto": 17, **NO_TRANSPORT})],
     {"frame_cut": counted(2, 65 + 65), "header_bad": counted(3, 57 * 3)})
case("B41-payload-length-0",
     [(ip6(b"", 59), {"proto": 59, **NO_TRANSPORT}),
      (ip6(extension(17) + udp(), 0, length=0), {"proto": None, **NO_TRANSPORT}),
      (ip6(tcp(b"abc"), 6, length=0), {"proto": 6, "payload_length": 3})],
     {"header_bad": counted(1, 57)})

# ---- B42: tunnels in tunnels: four are entered, and the fifth packet stands for the rest ----


def around(kind, number, payload):
    """`payload` in one more tunnel; the addresses say which."""
    if kind == "gre":
        header, proto = struct.pack(">HH", 0, 0x0800), 47
    elif kind == "ipip":
        header, proto = b"", 4
    elif kind == "vxlan":
        header, proto = struct.pack(">II", 0x08000000, number << 8) + MACS + b"\x08\x00", 17
        header = struct.pack(">HHHH", 49152, 4789, 0, 0) + header
    else:
        header, proto = struct.pack(">HHI", 0x0000, 0x0800, number << 8), 17
        header = struct.pack(">HHHH", 49152, 6081, 0, 0) + header
    total = 20 + len(header) + len(payload)
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, total if total < 65536 else 0, 0x1234, 0x4000, 64,
                       proto, 0, bytes((11, 0, 0, number)), bytes((12, 0, 0, number))
                       ) + header + payload


def nested(kind, depth):
    packet = ip4(udp())
    for number in range(depth, 0, -1):
        packet = around(kind, number, packet)
    return packet


FROM, TO = {"outer_src_ip": "11.0.0.1", "outer_dst_ip": "12.0.0.1"}, {"src_ip": "11.0.0.5"}
for kind, columns in {"gre": {"proto": 47, "src_port": None}, "ipip": {"proto": 4},
                      "vxlan": {"proto": 17, "dst_port": 4789, "tunnel_id": 4},
                      "geneve": {"proto": 17, "dst_port": 6081, "tunnel_id": 4}}.items():
    deep = [nested(kind, depth) for depth in (1, 4, 5, 200)]
    inside = {"src_ip": "10.0.0.1", "dst_port": 53, "payload_length": 1, "tunnel": kind}
    case(f"B42-200-of-{kind}",
         [(deep[0], FROM | inside), (deep[1], FROM | inside),
          (deep[2], FROM | TO | columns | {"tunnel": kind}),
          (deep[3], FROM | TO | columns | {"tunnel": kind})],
         {"depth_exceeded": counted(2, len(deep[2]) + len(deep[3]))})
two = around("gre", 1, around("vxlan", 2, ip4(udp())))
one = around("vxlan", 2, ip4(udp()))
zeros = around("vxlan", 2, bytes(40))
empty = around("ipip", 1, b"")
case("B42-of-every-kind",
     [(around("gre", 1, around("vxlan", 2, around("ipip", 3, around("geneve", 4, ip4(udp()))))),
       FROM | {"src_ip": "10.0.0.1", "dst_port": 53, "tunnel": "geneve", "tunnel_id": 4}),
      (two, FROM | {"src_ip": "11.0.0.2", "tunnel": "gre", "dst_port": 4789}, 52),
      (two, {"src_ip": "11.0.0.1", "dst_ip": "12.0.0.1", "proto": 47, "tunnel": "gre",
             "outer_src_ip": None, "src_port": None}, 43),
      (one, {"src_ip": "11.0.0.2", "tunnel": None, "dst_port": 4789}, 30),
      (zeros, {"src_ip": "11.0.0.2", "tunnel": "vxlan", "outer_src_ip": None}),
      (empty, {"src_ip": "11.0.0.1", "tunnel": "ipip", "outer_src_ip": None})],
     {"frame_cut": counted(3, 2 * len(two) + len(one)),
      "header_bad": counted(2, len(zeros) + len(empty))})
case("B42-nothing-left-of-the-packet-outside",
     [(around("vxlan", 7, ip4(bytes(8), 1)),
       {"src_port": None, "dst_port": None, "icmp_type": 0, "proto": 1, "tunnel_id": 7}),
      (ip4(tcp(), 6), {"tunnel": None, "tunnel_id": None, "outer_src_ip": None,
                       "outer_dst_ip": None, "src_mac": None, "proto": 6})])

# ---- B43: large frames ----
case("B43-64-kib-and-more",
     [(ip4(tcp(b"abc"), 6, total=0), {"payload_length": 65600 - 40}, None, 65600),
      (ip6(bytes((17, 0, 0xC2, 4)) + struct.pack(">I", 70000) + udp(length=0), 0, length=0),
       {"payload_length": 70000 - 16, "dst_port": 53}, None, 80000),
      (ip4(udp(length=0), total=65535), {"payload_length": 65507}, None, 65535)])

# ---- B44: what a decoder of names or options could follow for ever ----


def dns(*parts, counts=(1, 1, 0, 0)):
    return struct.pack(">HHHHHH", 1, 0x8180, *counts) + b"".join(parts)


ASKED, A = b"\3www\4test\0" + struct.pack(">HH", 1, 1), struct.pack(">HHIH", 1, 1, 60, 4)
SERVER = bytes((192, 0, 2, 77))
ANSWER = b"\xc0\x0c" + A + SERVER
NAMES = [
    dns(ASKED, ANSWER),
    dns(b"\xc0\x0c" + struct.pack(">HH", 1, 1), ANSWER),             # a pointer to itself
    dns(ASKED, ANSWER, b"\xc0\x31", A + SERVER, b"\xc0\x21", A + SERVER,
        counts=(1, 3, 0, 0)),                                        # two that point at each other
    dns(ASKED, ANSWER, b"\xff\xff", A + SERVER, counts=(1, 2, 0, 0)), # beyond the message
    dns(ASKED, ANSWER, b"\1a" * 200, counts=(1, 2, 0, 0)),           # a name without an end
    dns(ASKED, ANSWER, b"\0" * 200, counts=(1, 65535, 65535, 65535)),
    dns(ASKED, ANSWER, b"\0" + struct.pack(">HHIH", 41, 1232, 0, 200) + b"\0\x08\0\0" * 50,
        counts=(1, 1, 0, 1)),                                        # options of length 0
    dns(ASKED, ANSWER, b"\x80" * 60, counts=(1, 2, 0, 0)),           # labels of no kind
]
case("B44-names-that-never-end",
     [(ip4(udp(name)), {"dst_port": 53, "payload_length": len(name)}) for name in NAMES])
NO_LENGTHS = bytes((17, 0, 1, 0, 1, 0, 5, 0)) # hop-by-hop options of length 0


def gtp(extensions):
    inner = bytes(3) + b"\x85" + extensions + ip4(udp())
    message = struct.pack(">BBHI", 0x34, 255, len(inner), 7) + inner
    return struct.pack(">HHHH", 49152, 2152, 8 + len(message), 0) + message


ROUTES = struct.pack(">HHHH", 0x4000, 0x0800, 0, 0)
endless = ip4(ROUTES + struct.pack(">HBBI", 0x0800, 0, 4, 0) * 40, 47)
case("B44-fields-of-length-0",
     [(ip6(NO_LENGTHS + udp(), 0), {"proto": 17, "dst_port": 53}),
      (ip6(NO_LENGTHS + udp(), 0, length=0), {"proto": None, **NO_TRANSPORT}),
      (ip4(udp(), first=0x46, options=b"\x07\0\0\0"), {"proto": 17, "dst_port": 53}),
      (ip4(udp(), first=0x46, options=b"\x83\1\1\1"), {"proto": 17, "dst_port": 53}),
      (ip4(tcp(b"\2\0\0\0", 6), 6), {"dst_port": 80, "payload_length": 0}),
      (ip4(gtp(b"\1\0\0\0")), {"tunnel": "gtp", "tunnel_id": 7, "dst_port": 53}),
      (ip4(gtp(b"\0\0\0\x85")), {"tunnel": None, "dst_port": 2152}),
      (ip4(gtp(b"\1\0\0\x85" * 40)), {"tunnel": None, "dst_port": 2152}),
      (ip4(ROUTES + bytes(4) + ip4(udp()), 47), {"tunnel": "gre", "dst_port": 53}),
      (endless, {"tunnel": None, "proto": 47, **NO_TRANSPORT})],
     {"header_bad": counted(1, 57), "depth_exceeded": counted(1, len(endless))})

# ---- B22: one byte less, exactly, one byte more ----
case("B22-ethernet-at-the-boundary",
     [(ethernet(ip4(udp())), {"src_mac": None, "dst_mac": "0a:0b:0c:0d:0e:0f"}, 11),
      (ethernet(ip4(udp())), {"src_mac": "01:02:03:04:05:06", "ip_version": None}, 12),
      (ethernet(ip4(udp())), {"ip_version": None}, 13),
      (ethernet(ip4(udp())), {"ip_version": None}, 14),
      (ethernet(ip4(udp())), {"ip_version": 4, "tos": None}, 15)],
     {"frame_cut": counted(5, 5 * 43)}, ETHERNET)
case("B22-ipv4-at-the-boundary",
     [(ip4(tcp(), 6), {"src_ip": "10.0.0.1", "dst_ip": None, "proto": 6}, 19),
      (ip4(tcp(), 6), {"dst_ip": "10.0.0.2", **NO_TRANSPORT}, 20),
      (ip4(tcp(), 6), {"dst_ip": "10.0.0.2", **NO_TRANSPORT}, 21),
      (ip4(tcp(), 6), {"src_port": 8080, "dst_port": 80, "tcp_seq": None}, 27),
      (ip4(tcp(), 6), {"tcp_seq": 1, "tcp_ack": None}, 28),
      (ip4(tcp(), 6), {"tcp_flags": 18, "tcp_window": 1024, "payload_length": 0}, 39)],
     {"frame_cut": counted(6, 6 * 40)})
case("B22-ipv6-at-the-boundary",
     [(ip6(udp()), {"src_ip": "2001:db8::1", "dst_ip": None, "proto": None}, 39),
      (ip6(udp()), {"dst_ip": "2001:db8::2", "proto": 17, **NO_TRANSPORT}, 40),
      (ip6(udp()), {"src_port": None}, 43), (ip6(udp()), {"src_port": 8080}, 44),
      (ip6(udp()), {"payload_length": 1}, 47), ],
     {"frame_cut": counted(5, 5 * 49)})
case("B22-udp-lengths",
     [(ip4(udp(b"", length=7)), {"dst_port": 53, "payload_length": None}),
      (ip4(udp(b"", length=8)), {"dst_port": 53, "payload_length": 0}),
      (ip4(udp(b"", length=9)), {"dst_port": 53, "payload_length": 0})],
     {"header_bad": counted(1, 28)})
case("B22-tcp-header-lengths",
     [(ip4(tcp(b"abcd", 4), 6), {"dst_port": 80, "payload_length": None}),
      (ip4(tcp(b"abcd", 6), 6), {"payload_length": 0}),
      (ip4(tcp(b"abcd", 7), 6), {"dst_port": 80, "payload_length": None})],
     {"header_bad": counted(2, 88)})

# ---- B28: nothing of a frame shows in the next one ----
case("B28-nothing-left-of-the-frame-before",
     [(tags((0x8100, 100), payload=ip4(tcp(), 6)), {"vlan": 100, "tcp_flags": 18}),
      (ethernet(ip4(bytes(8), 1)), {"vlan": None, "tcp_flags": None, "tcp_seq": None,
                                    "src_port": None, "icmp_type": 0}),
      (labels(1, ip6(udp())), {"mpls_labels": "16", "icmp_type": None, "ip_id": None,
                               "dont_fragment": None}),
      (ethernet(bytes(28), 0x0806), {**NO_IP, "mpls_labels": None, "ttl": None, "tos": None})],
     link=ETHERNET)


def main():
    to = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    for name, (data, _) in CASES.items():
        with open(os.path.join(to, name + ".pcap"), "wb") as out:
            out.write(data)
    with open(os.path.join(to, "expected_packets.json"), "w", encoding="utf-8") as out:
        json.dump({name: expected for name, (_, expected) in CASES.items()}, out, indent=1)
        out.write("\n")


if __name__ == "__main__":
    main()

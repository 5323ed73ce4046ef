# SPDX-License-Identifier: Apache-2.0
"""An independent reader of small captures (pcap, pcapng with enhanced packets), for the tests."""
import collections
import pathlib
import struct
import subprocess

Packet = collections.namedtuple("Packet", "time_ns link length data")


def pcap(raw):
    """The packets of a pcap file."""
    order = "<" if raw[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    tick = 1 if raw[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1000
    assert struct.unpack(order + "I", raw[:4])[0] in (0xa1b2c3d4, 0xa1b23c4d), raw[:4]
    link = struct.unpack(order + "I", raw[20:24])[0] & 0xffff
    at, found = 24, []
    while at < len(raw):
        seconds, fraction, captured, length = struct.unpack(order + "IIII", raw[at:at + 16])
        data = raw[at + 16:at + 16 + captured]
        assert len(data) == captured
        found.append(Packet(seconds * 10**9 + fraction * tick, link, length, data))
        at += 16 + captured
    return found


def pcapng(raw):
    """The packets of a little-endian pcapng file whose interfaces count nanoseconds."""
    at, links, found = 0, [], []
    while at < len(raw):
        kind, size = struct.unpack("<II", raw[at:at + 8])
        body = raw[at + 8:at + size - 4]
        assert struct.unpack("<I", raw[at + size - 4:at + size])[0] == size
        if kind == 1:
            links.append(struct.unpack("<H", body[:2])[0])
            assert b"\x09\x00\x01\x00\x09" in body
        elif kind == 6:
            interface, high, low, captured, length = struct.unpack("<IIIII", body[:20])
            found.append(Packet(high << 32 | low, links[interface], length, body[20:20 + captured]))
        at += size
    return found


def read(path):
    """The packets of a file that earlgrey or tcpdump wrote."""
    raw = pathlib.Path(path).read_bytes() if not isinstance(path, bytes) else path
    return pcapng(raw) if raw[:4] == b"\x0a\x0d\x0d\x0a" else pcap(raw)


def tcpdump(path, *expression):
    """What tcpdump selects; None where it cannot (the file, or the expression for its link type)."""
    done = subprocess.run(["tcpdump", "--nano", "-r", str(path), "-w", "-", *expression], capture_output=True, check=False)
    return pcap(done.stdout) if done.returncode == 0 and len(done.stdout) >= 24 else None

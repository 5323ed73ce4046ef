# SPDX-License-Identifier: Apache-2.0
"""Captures of a few packets, whole and damaged in known places, with names and texts as nobody should
give them."""
import struct

# UDP from 10.0.0.N to 10.9.9.9, 4 bytes
SIZE = 46


def frame(host):
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 32, host, 0, 64, 17, 0, bytes((10, 0, 0, host)), bytes((10, 9, 9, 9)))
    return bytes(12) + b"\x08\x00" + ip + struct.pack(">HHHH", 1000 + host, 53, 12, 0) + b"data"


def pcap(*hosts, damaged=None):
    """A µs pcap; the record of the host `damaged` claims 2 GiB."""
    out = struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    for host in hosts:
        captured = 2**31 if host == damaged else SIZE
        out += struct.pack("<IIII", 1767225600 + host, 0, captured, SIZE) + frame(host)
    return out


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def head(name=b"eth0", *options):
    return (block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
            + block(1, struct.pack("<HHI", 1, 0, 65535) + option(2, name) + b"".join(options) + option(0, b"")))


def packet(host, captured=SIZE, interface=0):
    stamp = (1767225600 + host) * 1000000
    return block(6, struct.pack("<IIIII", interface, stamp >> 32, stamp & 0xffffffff, captured, SIZE) + frame(host))


MARK = b"sixteen bytes..."


def word(text):
    return bytes([len(text)]) + text.encode()


def entry(host, value=None):
    if value is None:
        value = pcap(host)
    return (struct.pack(">IIq", 12 + len(value), 8, (1767225600 + host) * 10**9) + struct.pack(">I", len(value))
            + value)


def sequence(*entries):
    """A sequence file, with a mark in front of each record but the first."""
    hadoop = "org.apache.hadoop.io."
    return (b"SEQ\6" + word(hadoop + "LongWritable") + word(hadoop + "BytesWritable") + bytes(6) + MARK
            + (b"\xff\xff\xff\xff" + MARK).join(entries))

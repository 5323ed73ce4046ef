# SPDX-License-Identifier: Apache-2.0
"""Small captures of NetFlow v5 exports whose flows begin in several hours, and what must come of them."""
import struct

START = 1767355200  # 2026-01-02T12:00:00Z
UPTIME_MS = 40_000_000


def _ip(payload, exporter):
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, 17, 0,
                       bytes(exporter), bytes([198, 51, 100, 1])) + payload


def datagram(seconds, sequence, hosts, interfaces=(1, 2), octets=1000):
    """One export of a record for each host, whose header says `seconds`."""
    head = struct.pack(">HHIIIIHH", 5, len(hosts), UPTIME_MS, seconds, 0, sequence, 0, 0)
    return head + b"".join(
        struct.pack(">4s4s4sHHIIIIHHBBBBHHBBH", bytes([10, 0, host >> 8, host & 255]),
                    bytes([10, 9, 9, 9]), bytes(4), *interfaces, 3, octets + host, UPTIME_MS - 2000,
                    UPTIME_MS - 1000, 1024, 443, 0, 0x1B, 6, 0, 0, 0, 24, 24, 0)
        for host in hosts)


def capture(hours=3, per_hour=20, first_host=1, exporter=(192, 0, 2, 1), start=START, interfaces=(1, 2),
            octets=1000):
    """The bytes of a pcap: one datagram an hour. Source addresses count on from `first_host`."""
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for hour in range(hours):
        seconds = start + hour * 3600 + 1800
        hosts = range(first_host + hour * per_hour, first_host + (hour + 1) * per_hour)
        payload = datagram(seconds, hour * per_hour, hosts, interfaces, octets)
        udp = struct.pack(">HHHH", 4000, 2055, 8 + len(payload), 0) + payload
        packet = _ip(udp, exporter)
        out.append(struct.pack("<IIII", seconds, 0, len(packet), len(packet)) + packet)
    return b"".join(out)


def hosts(hours=3, per_hour=20, first_host=1):
    """The source addresses in it, sorted."""
    return sorted(f"10.0.{h >> 8}.{h & 255}" for h in range(first_host, first_host + hours * per_hour))

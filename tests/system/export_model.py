# SPDX-License-Identifier: Apache-2.0
"""Exporters as tests model them: NetFlow v5 and v9, IPFIX and sFlow, with numbers that wrap, templates,
restarts, and a line on which datagrams are lost, repeated and overtaken. What was done to them is known,
and so what a collector must say of it."""
import collections
import socket
import struct
import time

KINDS = ("netflow5", "netflow9", "ipfix", "sflow")
TEMPLATE = 300
# octets, packets, protocol, ports, addresses; then the two times of each protocol
FIELDS = ((8, 4), (12, 4), (1, 4), (2, 4), (4, 1), (7, 2), (11, 2))
TIMES = {"netflow9": ((22, 4), (21, 4)), "ipfix": ((152, 8), (153, 8))}


def template_set(kind, number=TEMPLATE, fields=None):
    """A set that defines the template."""
    fields = fields or FIELDS + TIMES[kind]
    body = struct.pack(">HH", number, len(fields)) + b"".join(struct.pack(">HH", *f) for f in fields)
    return struct.pack(">HH", 0 if kind == "netflow9" else 2, 4 + len(body)) + body


class Exporter:
    """One numbering: a protocol, a domain and where its numbers begin. Its flows go to 10.9.9.N, where N is
    how often it was restarted."""

    def __init__(self, kind, domain=1, first=0, name=0, uptime_ms=40_000_000):
        self.kind, self.domain, self.number, self.name = kind, domain, first % 2**32, name
        self.uptime_ms = uptime_ms
        self.flow = 0  # numbers its flows, in their source addresses
        self.told, self.life = False, 0

    def restart(self):
        """It begins anew: its numbers, its templates, its clock."""
        self.number, self.told, self.life = 0, False, self.life + 1
        self.uptime_ms = 20_000 if self.uptime_ms > 1_000_000 else self.uptime_ms + 60_000

    def _flows(self, count):
        first, self.flow = self.flow, self.flow + count
        return [struct.pack(">BBH", 10 + self.name // 256, self.name % 256, (first + i) % 65536) for i in range(count)]

    def datagram(self, count, template=False):
        """The next datagram of `count` records, and by how much it moves the number."""
        made = getattr(self, "_" + self.kind)(self._flows(count), template or not self.told)
        self.told = True
        moved = count if self.kind in ("netflow5", "ipfix") else 1
        self.number = (self.number + moved) % 2**32
        return made, moved

    def _netflow5(self, sources, _):
        head = struct.pack(">HHIIIIBBH", 5, len(sources), self.uptime_ms, int(time.time()), 0, self.number,
                           self.domain // 256, self.domain % 256, 0)
        return head + b"".join(
            struct.pack(">4s4s4sHHIIIIHHBBBBHHBBH", source, bytes([10, 9, 9, self.life]), bytes(4), 1, 2, 3, 1000,
                        self.uptime_ms - 2000, self.uptime_ms - 1000, 1024, 443, 0, 0x1B, 17, 0, 0, 0, 24, 24, 0)
            for source in sources)

    def _netflow9(self, sources, template):
        records = b"".join(source + struct.pack(">4sIIBHHII", bytes([10, 9, 9, self.life]), 1000, 3, 17, 1024, 443,
                                                self.uptime_ms - 2000, self.uptime_ms - 1000) for source in sources)
        records += bytes(-len(records) % 4)
        sets = (template_set("netflow9") if template else b"") + struct.pack(">HH", TEMPLATE, 4 + len(records)) + records
        return struct.pack(">HHIIII", 9, len(sources) + template, self.uptime_ms, int(time.time()), self.number,
                           self.domain) + sets

    def _ipfix(self, sources, template):
        now = int(time.time() * 1000)
        records = b"".join(source + struct.pack(">4sIIBHHQQ", bytes([10, 9, 9, self.life]), 1000, 3, 17, 1024, 443, now - 2000,
                                                now - 1000) for source in sources)
        sets = (template_set("ipfix") if template else b"") + struct.pack(">HH", TEMPLATE, 4 + len(records)) + records
        return struct.pack(">HHIII", 10, 16 + len(sets), now // 1000, self.number, self.domain) + sets

    def _sflow(self, sources, _):
        samples = b""
        for source in sources:
            frame = bytes(12) + b"\x08\x00" + struct.pack(">BBHHHBBH4s4sHHHH", 0x45, 0, 100, 1, 0, 64, 17, 0, source,
                                                           bytes([10, 9, 9, self.life]), 1024, 443, 80, 0) + bytes(22)
            record = struct.pack(">IIIIII", 1, 16 + len(frame), 1, 118, 4, len(frame)) + frame
            samples += struct.pack(">IIIIIIIIII", 1, 32 + len(record), self.flow, 1, 1, self.flow, 0, 1, 2, 1) + record
        return struct.pack(">II4sIIII", 5, 1, bytes([192, 0, 2, 1]), self.domain, self.number, self.uptime_ms,
                           len(sources)) + samples


class Truth:
    """What became of one exporter's datagrams."""

    def __init__(self):
        self.exported = self.delivered = self.gap = 0  # in what the protocol numbers
        self.records = 0  # that arrived, twice where they did
        self.repeated = self.late = self.restarts = 0  # datagrams


def journey(exporter, chance, count, faults=True, restarts=0, records=(1, 20)):
    """The datagrams in the order of their arrival, and the truth about them. The first and the last of
    each numbering arrive, and arrive first and last: what is before and behind nobody can know."""
    truth, arrived = Truth(), []
    for life in range(restarts + 1):
        if life:
            exporter.restart()
            truth.restarts += 1
        made = []
        for i in range(count):
            size = chance.randint(*records)
            made.append((*exporter.datagram(size, template=i % 16 == 0), size))
        line = collections.deque()
        for i, (payload, moved, size) in enumerate(made):
            truth.exported += moved
            edge = i < 3 or i >= count - 3
            what = 1.0 if edge or not faults else chance.random()
            if what < 0.1 and not (exporter.kind in ("netflow9", "ipfix") and i % 16 == 0):
                truth.gap += moved
                continue
            truth.delivered += moved
            truth.records += size
            line.append((i, payload))
            if 0.1 <= what < 0.15:
                truth.records += size
                truth.repeated += 1
                line.append((i + chance.randint(0, 10), payload))
            elif 0.15 <= what < 0.25:
                line[-1] = (min(i + chance.randint(1, 25), count - 4), payload)
        arrived += [payload for _, payload in sorted(line, key=lambda item: min(item[0], count - 4) if item[0] < count - 3 else item[0])]
    return arrived, truth


def socket_of(address="127.0.0.1"):
    """A socket that sends from that address."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, 0))
    return s


def send_all(journeys, port, pause=0.002, burst=40):
    """Sends what [(socket, datagrams)] have in turns, so slowly that nobody drops any; how many."""
    sent, queues = 0, [(s, collections.deque(datagrams)) for s, datagrams in journeys]
    while any(queue for _, queue in queues):
        for s, queue in queues:
            if not queue:
                continue
            s.sendto(queue.popleft(), ("127.0.0.1", port))
            sent += 1
            if sent % burst == 0:
                time.sleep(pause)
    return sent

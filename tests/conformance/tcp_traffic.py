# SPDX-License-Identifier: Apache-2.0
"""Captures of TCP conversations in which anything may happen: segments lost before the capture,
sent again, overtaken, acknowledged twice, windows that close, keep-alives, resets, numbers that wrap.
The same seed makes the same capture."""
import random
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
LINK_RAW = 101


class Conversation:
    """One of them; `packets` collects (time in µs, bytes) of all."""

    def __init__(self, dice, number, packets):
        self.dice, self.number, self.packets = dice, number, packets
        self.now = 1000000 * dice.randrange(1, 50) + dice.randrange(1000000)
        self.base = [dice.choice([dice.randrange(2**32), 2**32 - dice.randrange(3000)]),
                     dice.randrange(2**32)]
        self.next = [self.base[0] + 1, self.base[1] + 1]
        self.acknowledged = list(self.next)
        self.window = [1000, 1000]
        self.trip = dice.choice([200, 2000, 30000, 150000])

    def say(self, down, flags, seq, ack, size=0):
        """Puts a segment into the capture."""
        ends = [bytes([10, 0, self.number >> 8, self.number & 255]), bytes([10, 1, 0, 1])]
        ports = [1000 + self.number, 80]
        if down:
            ends.reverse()
            ports.reverse()
        window = 0 if flags & RST and not flags & ACK else self.window[down]
        self.packets.append((self.now, struct.pack(
            ">BBHHHBBH4s4sHHIIBBHHH", 0x45, 0, 40 + size, 1, 0, 64, 6, 0, *ends, *ports,
            seq % 2**32, ack % 2**32, 0x50, flags, window, 0, 0) + b"x" * size))

    def wait(self, *choices):
        """Lets time go by, in µs."""
        self.now += self.dice.choice(choices)

    def begin(self):
        """A handshake, or most of one."""
        if self.dice.random() < 0.2:
            return
        self.say(0, SYN, self.base[0], 0)
        if self.dice.random() < 0.1:
            self.wait(1000000)
            self.say(0, SYN, self.base[0], 0)
        self.wait(self.trip // 2)
        self.say(1, SYN | ACK, self.base[1], self.next[0])
        self.wait(self.trip // 2)
        if self.dice.random() < 0.1:
            self.wait(100000)
            self.say(1, SYN | ACK, self.base[1], self.next[0])
        if self.dice.random() < 0.9:
            self.say(0, ACK, *self.next)

    def repeat(self, way, ack, size):
        """The same acknowledgement several times, and perhaps what it asks for."""
        for _ in range(self.dice.randrange(1, 5)):
            self.wait(5, 1000, 9000)
            self.say(way, ACK, self.next[way], ack)
        if self.dice.random() < 0.7:
            self.wait(10, 10000, 25000)
            self.say(1 - way, ACK, ack, self.next[way], size)

    def go_on(self):
        """One thing of many."""
        trip, way = self.trip, self.dice.randrange(2)
        self.wait(1, 10, 500, 2500, 4000, trip // 3, trip, 2 * trip, 21000, 300000)
        size, ack, chance = self.dice.choice([1, 2, 100, 1400]), self.acknowledged[1 - way], \
            self.dice.random()
        if chance < 0.35:
            self.say(way, self.dice.choice([ACK, PSH | ACK]), self.next[way], ack, size)
            self.next[way] += size
        elif chance < 0.45:
            self.next[way] += size  # lost before the capture
        elif chance < 0.55:
            self.say(way, ACK, self.next[way] - self.dice.choice([1, 2, 100, 1400, 1500, 2800]),
                     ack, size)
        elif chance < 0.75:
            self.acknowledged[1 - way] = self.dice.choice(
                [self.next[1 - way], self.next[1 - way], ack, self.next[1 - way] - 100])
            self.say(way, ACK, self.next[way], self.acknowledged[1 - way])
        elif chance < 0.85:
            self.repeat(way, ack, size)
        elif chance < 0.89:
            self.window[way] = self.dice.choice([0, 0, 500, 1000])
            self.say(way, ACK, self.next[way], ack)
        elif chance < 0.93:
            self.say(way, ACK, self.next[way] - 1, ack, self.dice.choice([0, 1]))  # keep-alive
        elif chance < 0.95:
            self.say(way, FIN | ACK, self.next[way], ack)
            self.next[way] += 1
        elif chance < 0.97:
            self.say(way, self.dice.choice([RST, RST | ACK]), self.next[way], ack)
        elif chance < 0.98:
            self.say(way, ACK, self.next[way], self.next[1 - way] + 5000)  # of what nobody saw


def write(path, seed, conversations):
    """Makes the capture."""
    dice, packets = random.Random(seed), []
    for number in range(conversations):
        conversation = Conversation(dice, number, packets)
        conversation.begin()
        for _ in range(dice.randrange(1, 60)):
            conversation.go_on()
    packets.sort(key=lambda packet: packet[0])
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, LINK_RAW))
        for when, packet in packets:
            out.write(struct.pack("<IIII", 1700000000 + when // 1000000, when % 1000000,
                                  len(packet), len(packet)) + packet)

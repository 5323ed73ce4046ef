# SPDX-License-Identifier: Apache-2.0
"""A directory of captures whose templates stand in another file than the data is ingested, killed, and
ingested again: every record is there once. Which templates were in force where a file began decides what
of it waited, so a run that takes a file up in the middle has to begin with the same."""
import random
import struct

import duckdb
import pytest

from killed import Killer

START = 1767355200  # 2026-01-02T12:00:00Z
FIELDS = ((8, 4), (1, 8), (150, 4), (210, 64))  # source, octets, start, padding
EACH = 16
TEMPLATE = struct.pack(">HHHH", 2, 8 + 4 * len(FIELDS), 300, len(FIELDS)) + b"".join(struct.pack(">HH", *f) for f in FIELDS)


def record(number):
    return struct.pack(">IQI64x", 0x0A000000 + number, number, START + number % 3600)


class Exporter:
    """Numbers its records from 1 on."""

    def __init__(self):
        self.number = self.datagrams = 0

    def frame(self, template=False, records=EACH):
        """A record of a capture (LINKTYPE_RAW): one datagram."""
        data = b"".join(record(self.number + i + 1) for i in range(records))
        sets = (TEMPLATE if template else b"") + (struct.pack(">HH", 300, 4 + len(data)) + data if data else b"")
        message = struct.pack(">HHIII", 10, 16 + len(sets), START, self.number, 7) + sets
        self.number += records
        self.datagrams += 1
        udp = struct.pack(">HHHH", 4000, 4739, 8 + len(message), 0) + message
        packet = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), self.datagrams & 0xffff, 0, 64, 17, 0,
                             bytes((192, 0, 2, 1)), bytes((198, 51, 100, 1))) + udp
        return struct.pack("<IIII", START, 0, len(packet), len(packet)) + packet

    def capture(self, path, datagrams, templates=()):
        """A capture with a template in these of its datagrams."""
        head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)
        path.write_bytes(head + b"".join(self.frame(i in templates) for i in range(datagrams)))


def numbers(dataset):
    """How many records there are, and how many different ones."""
    return duckdb.sql(f"select count(*), count(distinct bytes) from read_parquet('{dataset}/flows/*/*/*.parquet')").fetchone()


@pytest.fixture(name="killer")
def _killer(tmp_path):
    return Killer(tmp_path)


# more than one unit of reading in the file that is killed, so that there are commits inside it
@pytest.mark.parametrize("later", [(), (5000,)], ids=["earlier", "earlier and later"])
def test_killed_inside_a_file_that_another_has_the_templates_of(killer, later):
    folder, exporter = killer.work / "in", Exporter()
    folder.mkdir()
    exporter.capture(folder / "a.pcap", 20, templates=(0,))
    exporter.capture(folder / "b.pcap", 9000, templates=later)
    exporter.capture(folder / "c.pcap", 20)
    words = ("ingest", "in", "--tables", "exports", "--round-bytes", "1")
    calls = killer.calls(killer.work / "whole", *words)
    assert numbers(killer.work / "whole") == (exporter.number, exporter.number)
    points = [i for i, call in enumerate(calls, 1) if "/_earlgrey/" in call and "/locks/" not in call
              and call.split(" ")[0] in ("rename", "renameat2", "link", "fsync")]
    assert len(points) > 12
    dice = random.Random(20261121)

    def after(dataset, where, _turn):
        assert numbers(dataset) == (exporter.number, exporter.number), where
    killed, _ = killer.each(sorted(dice.sample(points, 12)), words, after=after, often=3, stride=(5, 60))
    assert killed > 8


def test_a_file_that_grew_behind_another_with_its_templates(killer):
    """Not killed at all: the second run reads the grown file from its beginning, without the first file."""
    folder, exporter = killer.work / "in", Exporter()
    folder.mkdir()
    exporter.capture(folder / "a.pcap", 20, templates=(0,))
    exporter.capture(folder / "b.pcap", 30)
    words = ("ingest", "in", "--tables", "exports")
    assert killer.run(killer.work / "d", *words).returncode == 0
    with open(folder / "b.pcap", "ab") as grown:
        for i in range(30):
            grown.write(exporter.frame(i == 10))
    assert killer.run(killer.work / "d", *words).returncode == 0
    assert numbers(killer.work / "d") == (exporter.number, exporter.number)


@pytest.mark.parametrize("first, then, found", [
    (["in"], ["in/b.pcap"], True),
    (["in"], ["./in/../in/"], True),
    (["in"], ["in/b.pcap", "other.pcap"], True),
    (["in/a.pcap", "in/b.pcap"], ["in"], True),
    (["in/a.pcap", "in/b.pcap"], ["in/b.pcap"], True),
    (["in/a.pcap", "in/b.pcap"], ["in/b.pcap", "in/c.pcap"], True),
    (["in/a.pcap"], ["in/b.pcap"], False),  # a file beside it is another's
])
def test_another_command_goes_on_with_a_file(killer, first, then, found):
    """A file that one command began and another one takes up is read with what was learned then."""
    folder, exporter = killer.work / "in", Exporter()
    folder.mkdir()
    exporter.capture(folder / "a.pcap", 20, templates=(0,))
    exporter.capture(folder / "b.pcap", 30)
    exporter.capture(killer.work / "other.pcap", 5)
    assert killer.run(killer.work / "d", "ingest", *first, "--tables", "exports").returncode == 0
    before = numbers(killer.work / "d")[0]
    assert before == (20 if first == ["in/a.pcap"] else 50) * EACH
    with open(folder / "b.pcap", "ab") as grown:
        for _ in range(30):
            grown.write(exporter.frame())
    exporter.capture(folder / "c.pcap", 0)
    assert killer.run(killer.work / "d", "ingest", *then, "--tables", "exports").returncode in (0, 1, 3)
    count, different = numbers(killer.work / "d")
    assert count == different
    if found:
        assert count == before + (30 + 5 * ("other.pcap" in then)) * EACH
    else:
        assert count == before

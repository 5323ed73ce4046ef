# SPDX-License-Identifier: Apache-2.0
"""An ingest that meters packets is killed while flows are open, again and again at other places and
with other numbers of threads: in the end the tables are those of a run that nobody killed.

The capture holds packets of some hundred flows that are open at once and live over the whole of it, and
exports between them. Calls that change a file of the dataset are counted by a preloaded library
(kill_at.c), with a commit every few thousand packets.
"""
import random
import shutil
import struct

import duckdb
import pytest

import conftest
import v5_capture
from killed import Killer

INGEST = ("ingest", "a.pcap", "--round-bytes", "1500k", "--idle", "1s")


def records(data):
    at = 24
    while at < len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at:at + 16], data[at + 16:at + 16 + size]
        at += 16 + size


def mixed(packets, exports):
    """The packets, with a frame that carries an export between every few thousand of them."""
    out, waiting = [packets[:24]], list(records(exports))
    for number, (head, frame) in enumerate(records(packets)):
        out.append(head + frame)
        if number % 5000 == 4999 and waiting:
            _, export = waiting.pop(0)
            frame = bytes(12) + b"\x08\x00" + export
            out.append(head[:8] + struct.pack("<II", len(frame), len(frame)) + frame)
    assert not waiting
    return b"".join(out)


@pytest.fixture(name="packets", scope="module")
def _packets(tmp_path_factory):
    return conftest.generated(tmp_path_factory, "gen_packets", "--packets", "200000", "--flows", "4000",
                              "--live", "500")[0]


@pytest.fixture(name="killer")
def _killer(tmp_path, packets):
    (tmp_path / "a.pcap").write_bytes(mixed(packets.read_bytes(), v5_capture.capture(hours=20)))
    return Killer(tmp_path, timeout=120)


def tables(dataset, but="date, hour"):
    """Of every table how many rows there are, and a sum that tells whether they are the same."""
    return {table: duckdb.sql(
        f"select count(*), sum(hash(t)::hugeint) from (select * exclude ({but}) "
        f"from read_parquet('{dataset}/{table}/*/*/*.parquet')) t").fetchone()
            for table in ("flows", "packets", "losses")
            if (dataset / table).exists() and (table == "packets" or "file" not in but)}


@pytest.mark.parametrize("wanted", ["auto", "flows", "all"])
def test_killed_while_flows_are_open(killer, wanted):
    whole, words = killer.work / "whole", [*INGEST, "--tables", wanted]
    if wanted == "flows":
        words += ["--round-bytes", "1"]
    calls = len(killer.calls(whole, *words))
    expected = tables(whole)
    count = duckdb.sql(f"select count(*) filter (source = 'packet'), count(*) filter (source = 'netflow5') "
                       f"from read_parquet('{whole}/flows/*/*/*.parquet')").fetchone()
    assert count[0] > 4000 and count[1] == 400
    commits = len(list((whole / "_earlgrey/commits").glob("*.done")))
    assert commits >= 3, "several commits while flows are open"
    dice, killed = random.Random(20261121), 0
    for turn in range(12):
        dataset = killer.work / f"d{turn}"
        for _ in range(dice.choice((1, 2, 4))):
            killed += killer.dies(dataset, *words, "--threads", dice.choice("124"), at=dice.randrange(1, calls))
        done = killer.run(dataset, *words, "--threads", dice.choice("124"))
        assert done.returncode == 0, done.stderr
        assert tables(dataset) == expected, turn
        again = killer.run(dataset, *words)
        assert "already ingested" in again.stderr
        assert tables(dataset) == expected
        shutil.rmtree(dataset)
    assert killed >= 12


def test_a_table_that_was_not_asked_for_before(killer):
    """Packets first, then all: flows come, and no packet a second time."""
    whole, dataset = killer.work / "whole", killer.work / "d"
    assert killer.run(whole, *INGEST).returncode == 0
    assert killer.run(dataset, *INGEST, "--tables", "exports").returncode == 0
    assert killer.dies(dataset, *INGEST, at=60)
    assert killer.run(dataset, *INGEST).returncode == 0
    assert tables(dataset) == tables(whole)


def test_a_capture_that_begins_alike(killer):
    """What a killed run gave out of one capture says nothing of another that begins like it."""
    whole, dataset = killer.work / "whole", killer.work / "d"
    original = (killer.work / "a.pcap").read_bytes()
    calls = len(killer.calls(dataset, *INGEST))
    shutil.rmtree(dataset)
    assert killer.dies(dataset, *INGEST, at=calls * 2 // 3)
    before = dataset.rename(killer.work / "before")
    shutil.copytree(before, dataset, symlinks=True)
    changed = bytearray(original)
    changed[len(changed) // 10] ^= 1  # inside what had been read
    (killer.work / "a.pcap").write_bytes(changed)
    assert killer.run(whole, *INGEST).returncode == 0
    assert killer.run(dataset, *INGEST).returncode == 0
    for name, but in (("flows", "date, hour"), ("packets", "date, hour, file")):  # the file is another, and is told so
        kept, other, now = (tables(where, but)[name] for where in (before, whole, dataset))
        assert kept[0] and tuple(map(sum, zip(kept, other))) == now, name

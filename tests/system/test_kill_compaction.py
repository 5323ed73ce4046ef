# SPDX-License-Identifier: Apache-2.0
"""Compaction and expiry are killed after every system call that changes a file of the dataset, while
DuckDB and pyarrow read it: what they read has no row twice, and the next run completes the first or
takes it back, with every row where it was (or gone with its hour), and nothing left over.

Two captures of two hours each. After every fourth kill the recovery is killed too, each time at
another of its calls. A file that a reader had listed may be gone when it opens it; it must meet no
other error.
"""
import shutil
import time

import duckdb
import pytest

import v5_capture
from killed import Killer, leftovers, points_of, reading

HOSTS = sorted(v5_capture.hosts(hours=2) + v5_capture.hosts(hours=2, first_host=100))
COMPACT = ("compact", "--grace", "0s", "--threads", "1")


def rows(dataset):
    if not list(dataset.glob("flows/*/*/*.parquet")):
        return []
    sql = f"select src_ip from read_parquet('{dataset}/flows/*/*/*.parquet') order by 1"
    return [row[0] for row in duckdb.sql(sql).fetchall()]


@pytest.fixture(name="killer")
def _killer(tmp_path):
    killer = Killer(tmp_path)
    for name, first in (("a", 1), ("b", 100)):
        (tmp_path / f"{name}.pcap").write_bytes(
            v5_capture.capture(hours=2, first_host=first, exporter=(192, 0, 2, first)))
        assert killer.run(tmp_path / "base", "ingest", f"{name}.pcap").returncode == 0
    return killer


@pytest.fixture(name="readers")
def _readers(killer):
    with reading(killer, "gone") as (current, told):
        yield current
    for one in told:
        gone, looks, seen = map(int, one.split()[-5::2])
        assert looks > 50 and seen > 20 and gone < looks / 4, one


def every_call(killer, readers, words, rows_after, files_after=None):
    """Kills `words` at each of its calls; the next whole run leaves these rows, in so many files."""
    base = killer.work / "base"
    shutil.copytree(base, killer.work / "whole")
    points = points_of(killer.calls(killer.work / "whole", *words))

    def make(dataset):
        shutil.copytree(base, dataset)
        readers.write_text(str(dataset), encoding="utf-8")

    def as_it_should(dataset, where):
        assert rows(dataset) == rows_after, where
        assert files_after in (None, len(list(dataset.glob("flows/*/*/*.parquet")))), where

    def after(dataset, where, turn):
        assert leftovers(dataset) == [], where
        as_it_should(dataset, where)
        if turn % 10 == 0:
            told = killer.run(dataset, "ingest", "a.pcap", "b.pcap").stderr
            assert told.count("already ingested") == 2, f"{where}: {told}"
            as_it_should(dataset, f"{where}, ingested again")
    killed, recoveries = killer.each(points, words, make=make, after=after, stride=(5, 70), stays=10)
    print(f"{words[0]}: {killed} of {len(points)} killed, {recoveries} recoveries")
    assert killed >= len(points) - 10 and recoveries > 5
    return len(points)


def test_compaction_killed_after_every_call(killer, readers):
    assert every_call(killer, readers, COMPACT, HOSTS, 2) > 80


def test_expiry_killed_after_every_call(killer, readers):
    hours = int((time.time() - (v5_capture.START + 3600)) // 3600)
    left = sorted(v5_capture.hosts(hours=1, first_host=21) + v5_capture.hosts(hours=1, first_host=120))
    assert every_call(killer, readers, ("expire", "--grace", "0s", "--older", f"{hours}h"), left) > 30

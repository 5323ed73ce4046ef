# SPDX-License-Identifier: Apache-2.0
"""The program is killed after every system call of an ingest that changes a file of the dataset, while
DuckDB and pyarrow read the directory: no reader meets an error, and a second ingest completes the
first, with nothing lost and nothing doubled.

Two captures of three hours each, a commit for each of them. Calls are counted over all threads by a
preloaded library (kill_at.c). Every call is a point but for the encoder's writes into a file that is
not finished yet, which all leave the same thing behind: of those every tenth. After every fourth
kill, the recovery is killed too, each time at another of its calls, before it may complete.
"""
import time

import duckdb
import pytest

import v5_capture
from killed import Killer, leftovers, points_of, reading

HOSTS = sorted(v5_capture.hosts() + v5_capture.hosts(first_host=100))
# --round-bytes 1: a commit as often as there can be one
INGEST = ("ingest", "a.pcap", "b.pcap", "--round-bytes", "1")


def rows(dataset):
    sql = f"select src_ip from read_parquet('{dataset}/flows/*/*/*.parquet') order by 1"
    return [row[0] for row in duckdb.sql(sql).fetchall()]


@pytest.fixture(name="killer")
def _killer(tmp_path):
    (tmp_path / "a.pcap").write_bytes(v5_capture.capture())
    (tmp_path / "b.pcap").write_bytes(v5_capture.capture(first_host=100, exporter=(192, 0, 2, 2)))
    return Killer(tmp_path)


@pytest.fixture(name="readers")
def _readers(killer):
    with reading(killer) as (current, told):
        yield current
    for one in told:
        looks, seen = one.split()[-3::2]
        assert int(looks) > 100 and int(seen) > 20, one


def test_killed_after_every_call(killer, readers):
    points = points_of(killer.calls(killer.work / "whole", *INGEST))
    assert rows(killer.work / "whole") == HOSTS
    assert len(points) > 150, "the calls of two commits of three files"
    started = time.monotonic()

    def look(dataset):
        readers.write_text(str(dataset), encoding="utf-8")

    def after(dataset, where, turn):
        assert rows(dataset) == HOSTS, where
        assert leftovers(dataset) == [], where
        if turn % 10 == 0:
            third = killer.run(dataset, *INGEST)
            assert third.stderr.count("already ingested") == 2, third.stderr
            assert rows(dataset) == HOSTS
    killed, recoveries = killer.each(points, INGEST, look=look, after=after, stays=20)
    print(f"{killed} of {len(points)} killed, {recoveries} recoveries, {time.monotonic() - started:.0f} s")
    # threads share the count, so the last few numbers may not come in every run
    assert killed >= len(points) - 10
    assert recoveries > 20

# SPDX-License-Identifier: Apache-2.0
"""A directory that is followed: files that are there, that come, that grow, that are not meant; once
each, over restarts and kills, and what is done with them afterwards."""
import collections
import itertools
import os
import random
import signal
import time

import pytest

import live
import v5_capture


def put(folder, name, first_host, hours=1, text=None):
    """A capture of 20 flows an hour, moved into place as a careful writer does."""
    whole = v5_capture.capture(hours=hours, first_host=first_host) if text is None else text
    (folder / f".{name}.tmp").write_bytes(whole)
    (folder / f".{name}.tmp").rename(folder / name)
    return whole


def hosts(earlgrey):
    """The source addresses in the dataset, with repetitions."""
    return sorted(row["src_ip"] for row in earlgrey.rows("sql", "-d", "data", "select src_ip from flows"))


def until(earlgrey, count, seconds=15):
    """Waits for so many flows."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if earlgrey.run("inspect", "data", "--json").returncode == 0 and len(hosts(earlgrey)) >= count:
            return
        time.sleep(0.1)
    raise AssertionError(f"{len(hosts(earlgrey))} flows of {count}")


def test_without_follow_it_reads_what_is_there(earlgrey, tmp_path):
    place = tmp_path / "in"
    (place / "deep").mkdir(parents=True)
    put(place, "a.pcap", 1)
    put(place / "deep", "b.pcap", 21)
    (place / ".hidden.pcap").write_bytes(v5_capture.capture(hours=1, first_host=900))
    (place / "c.pcap.part").write_bytes(v5_capture.capture(hours=1, first_host=900))
    earlgrey.ok("ingest", "in", "-d", "data")
    assert hosts(earlgrey) == sorted(v5_capture.hosts(hours=2))
    done = earlgrey.run("ingest", "in", "-d", "data")
    assert done.returncode == 0 and "already there" in done.stderr
    assert len(hosts(earlgrey)) == 40
    earlgrey.ok("ingest", "in", "-d", "other", "--flat", "--pattern", "*.pcap")
    assert len(earlgrey.rows("flows", "-d", "other", "-n", "100")) == 20


def test_follow(earlgrey, tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    put(place, "a.pcap", 1)
    with live.Collector(earlgrey, "in", "-d", "data", "--follow") as collector:
        until(earlgrey, 20)
        put(place, "b.pcap", 21)
        until(earlgrey, 40)
        whole = v5_capture.capture(hours=2, first_host=41)
        cut = len(whole) // 2 + 100  # in the middle of the second record
        (place / "growing.pcap").write_bytes(whole[:cut])
        until(earlgrey, 60)
        with open(place / "growing.pcap", "ab") as out:
            out.write(whole[cut:])
        until(earlgrey, 80)
        (place / "copy-of-b.pcap").write_bytes((place / "b.pcap").read_bytes())
        (place / "nonsense.pcap").write_bytes(b"this is no capture at all")
        time.sleep(1)
        account = collector.end(code=3)
    assert account["kept"]["flows"] == 80
    assert [e["input"] for e in account["errors"]] == ["in/nonsense.pcap"]
    assert hosts(earlgrey) == sorted(v5_capture.hosts(hours=4))
    put(place, "late.pcap", 81)
    with live.Collector(earlgrey, "in", "-d", "data", "--follow") as collector:
        until(earlgrey, 100)
        assert collector.end(code=3)["kept"]["flows"] == 20
    assert hosts(earlgrey) == sorted(v5_capture.hosts(hours=5))


def two_folders(place):
    """Captures in one that begin like those of the other: 12 pairs, of 20 and 40 flows."""
    for name in ("m1", "m2"):
        (place / name).mkdir()
    for i in range(12):
        whole = put(place / "m2", f"{i:02}.pcap", 1 + 40 * i, hours=2)
        begins = v5_capture.capture(hours=1, first_host=1 + 40 * i)
        assert whole.startswith(begins) and len(whole) > len(begins)
        put(place / "m1", f"{i:02}.pcap", 0, text=begins)


def test_folders_whose_captures_begin_alike(earlgrey, tmp_path):
    """Each flow comes once, with the same rows as when the files are named."""
    two_folders(tmp_path)
    earlgrey.ok("ingest", "m1", "m2", "-d", "data")
    assert len(hosts(earlgrey)) == 12 * 40
    names = [f"m{k}/{i:02}.pcap" for k in (1, 2) for i in range(12)]
    earlgrey.ok("ingest", *names, "-d", "named")
    rows = [earlgrey.rows("sql", "-d", d, "select * from flows order by start_time, src_ip") for d in ("data", "named")]
    assert rows[0] == rows[1]


def test_followed_folders_of_the_same_captures(earlgrey, tmp_path):
    for name in ("m1", "m2"):
        (tmp_path / name).mkdir()
        for i in range(12):
            put(tmp_path / name, f"{i:02}.pcap", 1 + 20 * i)
    with live.Collector(earlgrey, "m1", "m2", "-d", "data", "--follow", "--max-files-per-trigger", "2") as collector:
        until(earlgrey, 12 * 20)
        assert collector.end()["kept"]["flows"] == 12 * 20
    assert len(hosts(earlgrey)) == 12 * 20


def of_ages(place, count):
    """Captures of 20 flows each, moved into place all at once; the first changed first."""
    waiting = place.parent / "waiting"
    waiting.mkdir()
    for i in range(count):  # their names do not tell the order
        name = waiting / f"{(i * 7) % count:02}.pcap"
        name.write_bytes(v5_capture.capture(hours=1, first_host=1 + 20 * i))
        os.utime(name, (v5_capture.START + i, v5_capture.START + i))
    waiting.rename(place)


def files_read(earlgrey):
    """Which of these captures are in the dataset, each whole."""
    counts = collections.Counter((int(a) * 256 + int(b) - 1) // 20
                                 for a, b in (host.split(".")[2:] for host in hosts(earlgrey)))
    assert set(counts.values()) <= {20}
    return sorted(counts)


@pytest.mark.parametrize("latest", (False, True))
def test_so_many_at_a_time_in_order(earlgrey, tmp_path, latest):
    """Two files in each reading, the oldest or the latest first, one reading in so much time: while it runs
    the dataset holds the first pairs, and each came at its time."""
    of_ages(tmp_path / "in", 6)
    order = [5, 4, 3, 2, 1, 0] if latest else [0, 1, 2, 3, 4, 5]
    seen, came = [], {}
    with live.Collector(earlgrey, "in", "-d", "data", "--follow", "--every", "1s", "--max-files-per-trigger", "2",
                        *["--latest-first"] * latest) as collector:
        end = time.monotonic() + 30
        while len(seen) < 6:
            assert time.monotonic() < end, seen
            if earlgrey.run("inspect", "data", "--json").returncode == 0:
                seen = files_read(earlgrey)
            assert seen == sorted(order[:len(seen)]) and len(seen) % 2 == 0
        assert collector.end()["kept"]["flows"] == 120
    for path in (tmp_path / "data" / "flows").rglob("*.parquet"):
        text = earlgrey.rows("sql", f"select distinct src_ip from '{path}'")
        came[min(row["src_ip"] for row in text)] = path.stat().st_mtime
    assert len(came) == 3
    pauses = [b - a for a, b in itertools.pairwise(sorted(came.values()))]
    assert all(pause > 0.9 for pause in pauses), pauses


def test_the_next_reading_waits_but_the_end_does_not(earlgrey, tmp_path):
    """With an hour between two readings the first is all, until it is told to end: then it reads the rest."""
    of_ages(tmp_path / "in", 6)
    with live.Collector(earlgrey, "in", "-d", "data", "--follow", "--every", "1h", "--max-files-per-trigger",
                        "1") as collector:
        until(earlgrey, 20)
        put(tmp_path / "in", "later.pcap", 121)
        assert files_read(earlgrey) == [0]
        collector.signal(signal.SIGTERM)
        collector.child.wait(60)
        assert collector.end()["kept"]["flows"] == 140
    assert files_read(earlgrey) == [0, 1, 2, 3, 4, 5, 6]


def test_afterwards(earlgrey, tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    put(place, "a.pcap", 1)
    whole = put(place, "cut.pcap", 21, text=v5_capture.capture(hours=1, first_host=21)[:-7])
    earlgrey.run("ingest", "in", "-d", "data", "--after", "move:done")
    assert not (place / "a.pcap").exists() and (tmp_path / "done" / "a.pcap").exists()
    assert (place / "cut.pcap").read_bytes() == whole  # it is not whole: it stays
    put(place, "b.pcap", 41)
    earlgrey.run("ingest", "in", "-d", "data", "--after", "delete")
    assert not (place / "b.pcap").exists()
    bad = earlgrey.run("ingest", "in", "-d", "data", "--after", "burn")
    assert bad.returncode == 2 and "keep, move:DIRECTORY or delete" in bad.stderr


def test_what_is_cut_stays_also_after_a_restart(earlgrey, tmp_path):
    """Known from before, with nothing new in it: that does not make it whole."""
    place = tmp_path / "in"
    place.mkdir()
    whole = v5_capture.capture(hours=2, first_host=1)
    cut = len(whole) // 2 + 100
    (place / "cut.pcap").write_bytes(whole[:cut])
    put(place, "a.pcap", 41)
    words = ("ingest", "in", "-d", "data", "--after", "move:done")
    assert earlgrey.run(*words).returncode == 3
    assert sorted(p.name for p in (tmp_path / "done").iterdir()) == ["a.pcap"]
    for _ in range(2):
        earlgrey.run(*words)
        assert (place / "cut.pcap").exists()
    with open(place / "cut.pcap", "ab") as out:
        out.write(whole[cut:])
    earlgrey.ok(*words)
    assert sorted(p.name for p in (tmp_path / "done").iterdir()) == ["a.pcap", "cut.pcap"]
    assert hosts(earlgrey) == sorted(v5_capture.hosts(hours=3))


def test_killed_while_following(earlgrey, tmp_path):
    chance, place, number = random.Random(11), tmp_path / "in", 0
    place.mkdir()
    for _ in range(12):
        with live.Collector(earlgrey, "in", "-d", "data", "--follow", "--max-files-per-trigger", "2") as collector:
            for _ in range(chance.randint(1, 4)):
                put(place, f"{number}.pcap", 1 + 20 * number)
                number += 1
                time.sleep(chance.uniform(0, 0.1))
            time.sleep(chance.uniform(0, 0.3))
            collector.signal(signal.SIGKILL)
            collector.child.wait(60)
    earlgrey.ok("ingest", "in", "-d", "data")
    assert hosts(earlgrey) == sorted(v5_capture.hosts(hours=number))

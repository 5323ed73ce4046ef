# SPDX-License-Identifier: Apache-2.0
"""Compaction and expiry are killed after every system call that changes a file of the dataset, while
DuckDB and pyarrow read it: what they read has no row twice, and the next run completes the first or
takes it back, with every row where it was (or gone with its hour), and nothing left over.

Two captures of two hours each. After every fourth kill the recovery is killed too, each time at
another of its calls. A file that a reader had listed may be gone when it opens it; it must meet no
other error.
"""
import os
import shutil
import signal
import subprocess
import sys
import time

import duckdb
import pytest
import test_kill_everywhere as everywhere

import v5_capture

HOSTS = sorted(v5_capture.hosts(hours=2) + v5_capture.hosts(hours=2, first_host=100))
COMPACT = ("compact", "--grace", "0s", "--threads", "1")


def earlgrey(work, dataset, *words, library=None, at=None, log=None):
    env = dict(os.environ)
    if library:
        env |= {"LD_PRELOAD": str(library), "EG_KILL_ROOT": str(dataset)}
        env |= {"EG_KILL_AT": str(at)} if at else {}
        env |= {"EG_KILL_LOG": str(log)} if log else {}
    return subprocess.run([str(everywhere.EARLGREY), *words, "-d", str(dataset)], cwd=work, env=env,
                          capture_output=True, text=True, timeout=60, check=False)


def rows(dataset):
    if not list(dataset.glob("flows/*/*/*.parquet")):
        return []
    sql = f"select src_ip from read_parquet('{dataset}/flows/*/*/*.parquet') order by 1"
    return [row[0] for row in duckdb.sql(sql).fetchall()]


def leftovers(dataset):
    return everywhere.leftovers(dataset) + [str(path) for path in dataset.rglob("*")
                                            if path.suffix in (".swap", ".hour", ".spill")]


@pytest.fixture(name="work")
def _work(tmp_path):
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    if os.environ.get("EG_PRESET", "release") in ("asan", "tsan"):
        pytest.skip("a sanitizer's runtime must be loaded first")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", tmp_path / "kill_at.so",
                    everywhere.HERE / "kill_at.c", "-ldl"], check=True)
    for name, first in (("a", 1), ("b", 100)):
        (tmp_path / f"{name}.pcap").write_bytes(
            v5_capture.capture(hours=2, first_host=first, exporter=(192, 0, 2, first)))
        assert earlgrey(tmp_path, tmp_path / "base", "ingest", f"{name}.pcap").returncode == 0
    return tmp_path


@pytest.fixture(name="readers")
def _readers(work):
    current, stop = work / "current", work / "stop"
    running = [subprocess.Popen([sys.executable, everywhere.HERE / "poll_dataset.py", reader, current, stop, "gone"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for reader in ("duckdb", "pyarrow")]
    yield current
    stop.touch()
    for reader in running:
        told, _ = reader.communicate(timeout=60)
        assert "ERROR" not in told, told
        gone, looks, seen = map(int, told.split()[-5::2])
        assert looks > 50 and seen > 20 and gone < looks / 4, told


def every_call(work, readers, words, after):
    """Kills `words` at each of its calls; `after` checks what the next whole run left."""
    library, log = work / "kill_at.so", work / "log"
    shutil.copytree(work / "base", work / "whole")
    assert earlgrey(work, work / "whole", *words, library=library, log=log).returncode == 0
    points = everywhere.points_of(log)
    killed = recoveries = 0
    for turn, point in enumerate(points):
        dataset = work / f"d{point}"
        shutil.copytree(work / "base", dataset)
        readers.write_text(str(dataset), encoding="utf-8")
        first = earlgrey(work, dataset, *words, library=library, at=point)
        killed += first.returncode == -signal.SIGKILL
        if turn % 4 == 0:  # … and the recovery too, somewhere
            again = earlgrey(work, dataset, *words, library=library, at=1 + turn // 4 * 5 % 70)
            recoveries += again.returncode == -signal.SIGKILL
        second = earlgrey(work, dataset, *words)
        assert second.returncode == 0, f"point {point}: {second.stderr}"
        assert leftovers(dataset) == [], f"point {point}"
        after(dataset, f"point {point} of {words[0]}")
        if turn % 10 == 0:
            told = earlgrey(work, dataset, "ingest", "a.pcap", "b.pcap").stderr
            assert told.count("already ingested") == 2, f"point {point}: {told}"
            after(dataset, f"point {point} of {words[0]}, ingested again")
        if turn > 10:
            shutil.rmtree(work / f"d{points[turn - 10]}")  # no reader looks at it any more
    print(f"{words[0]}: {killed} of {len(points)} killed, {recoveries} recoveries")
    assert killed >= len(points) - 10 and recoveries > 5
    return len(points)


def test_compaction_killed_after_every_call(work, readers):
    def after(dataset, where):
        assert rows(dataset) == HOSTS, where
        assert len(list(dataset.glob("flows/*/*/*.parquet"))) == 2, where
    assert every_call(work, readers, COMPACT, after) > 80


def test_expiry_killed_after_every_call(work, readers):
    hours = int((time.time() - (v5_capture.START + 3600)) // 3600)

    def after(dataset, where):
        assert rows(dataset) == sorted(v5_capture.hosts(hours=1, first_host=21) + v5_capture.hosts(hours=1, first_host=120)), where
    assert every_call(work, readers, ("expire", "--grace", "0s", "--older", f"{hours}h"), after) > 30

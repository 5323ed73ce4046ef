# SPDX-License-Identifier: Apache-2.0
"""The program is killed after every system call of an ingest that changes a file of the dataset, while
DuckDB and pyarrow read the directory: no reader meets an error, and a second ingest completes the
first, with nothing lost and nothing doubled.

Two captures of three hours each, a commit for each of them. Calls are counted over all threads by a
preloaded library (kill_at.c). Every call is a point but for the encoder's writes into a file that is
not finished yet, which all leave the same thing behind: of those every tenth. After every fourth
kill, the recovery is killed too, each time at another of its calls, before it may complete.
"""
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import duckdb
import pytest

import v5_capture

ROOT = pathlib.Path(__file__).resolve().parents[2]
EARLGREY = ROOT / "build" / os.environ.get("EG_PRESET", "release") / "earlgrey"
HERE = pathlib.Path(__file__).resolve().parent
HOSTS = sorted(v5_capture.hosts() + v5_capture.hosts(first_host=100))


def ingest(work, dataset, library=None, at=None, log=None):
    env = dict(os.environ)
    if library:
        env |= {"LD_PRELOAD": str(library), "EG_KILL_ROOT": str(dataset)}
        env |= {"EG_KILL_AT": str(at)} if at else {}
        env |= {"EG_KILL_LOG": str(log)} if log else {}
    # --round-bytes 1: a commit as often as there can be one
    return subprocess.run([str(EARLGREY), "ingest", "a.pcap", "b.pcap", "-d", str(dataset),
                           "--round-bytes", "1"], cwd=work, env=env, capture_output=True, text=True,
                          timeout=60, check=False)


def rows(dataset):
    sql = f"select src_ip from read_parquet('{dataset}/flows/*/*/*.parquet') order by 1"
    return [row[0] for row in duckdb.sql(sql).fetchall()]


def leftovers(dataset):
    return [str(path.relative_to(dataset)) for path in dataset.rglob("*")
            if path.name.endswith((".tmp", ".intent", "-journal")) or path.name.startswith(("writer-", "source-"))]


@pytest.fixture(name="work")
def _work(tmp_path):
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    if os.environ.get("EG_PRESET", "release") in ("asan", "tsan"):
        pytest.skip("a sanitizer's runtime must be loaded first")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", tmp_path / "kill_at.so",
                    HERE / "kill_at.c", "-ldl"], check=True)
    (tmp_path / "a.pcap").write_bytes(v5_capture.capture())
    (tmp_path / "b.pcap").write_bytes(v5_capture.capture(first_host=100, exporter=(192, 0, 2, 2)))
    return tmp_path


@pytest.fixture(name="readers")
def _readers(work):
    current, stop = work / "current", work / "stop"
    running = [subprocess.Popen([sys.executable, HERE / "poll_dataset.py", reader, current, stop],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for reader in ("duckdb", "pyarrow")]
    yield current
    stop.touch()
    for reader in running:
        told, _ = reader.communicate(timeout=60)
        assert "ERROR" not in told, told
        looks, seen = told.split()[-3::2]
        assert int(looks) > 100 and int(seen) > 20, told


def points_of(log):
    """Which calls to kill after: all, but of the encoder's plain writes every tenth."""
    points, plain = [], 0
    for number, line in enumerate(log.read_text(encoding="utf-8").splitlines(), 1):
        call, path = line.split(" ", 1)
        if call in ("write", "pwrite", "pwrite64") and path.endswith(".parquet.tmp"):
            plain += 1
            if plain % 10:
                continue
        points.append(number)
    return points


def test_killed_after_every_call(work, readers):
    library, log = work / "kill_at.so", work / "log"
    assert ingest(work, work / "whole", library, log=log).returncode == 0
    assert rows(work / "whole") == HOSTS
    points = points_of(log)
    assert len(points) > 150, "the calls of two commits of three files"
    killed = recoveries = 0
    started = time.monotonic()
    for turn, point in enumerate(points):
        dataset = work / f"d{point}"
        readers.write_text(str(dataset), encoding="utf-8")
        first = ingest(work, dataset, library, at=point)
        killed += first.returncode == -signal.SIGKILL
        if turn % 4 == 0:  # … and the recovery too, somewhere
            again = ingest(work, dataset, library, at=1 + turn // 4 * 3 % 80)
            recoveries += again.returncode == -signal.SIGKILL
        second = ingest(work, dataset)
        assert second.returncode == 0, f"point {point}: {second.stderr}"
        assert rows(dataset) == HOSTS, f"point {point}"
        assert leftovers(dataset) == [], f"point {point}"
        if turn % 10 == 0:
            third = ingest(work, dataset)
            assert third.stderr.count("already ingested") == 2, third.stderr
            assert rows(dataset) == HOSTS
        if turn > 20:
            shutil.rmtree(work / f"d{points[turn - 20]}")  # no reader looks at it any more
    print(f"{killed} of {len(points)} killed, {recoveries} recoveries, {time.monotonic() - started:.0f} s")
    # threads share the count, so the last few numbers may not come in every run
    assert killed >= len(points) - 10
    assert recoveries > 20

# SPDX-License-Identifier: Apache-2.0
"""An ingest that meters packets is killed while flows are open, again and again at other places and
with other numbers of threads: in the end the tables are those of a run that nobody killed.

The capture holds packets of some hundred flows that are open at once and live over the whole of it, and
exports between them. Calls that change a file of the dataset are counted by a preloaded library
(kill_at.c), with a commit every few thousand packets.
"""
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess

import duckdb
import pytest

import conftest
import v5_capture

ROOT = pathlib.Path(__file__).resolve().parents[2]
EARLGREY = ROOT / "build" / os.environ.get("EG_PRESET", "release") / "earlgrey"
HERE = pathlib.Path(__file__).resolve().parent


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


@pytest.fixture(name="work")
def _work(tmp_path, packets):
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    if os.environ.get("EG_PRESET", "release") in ("asan", "tsan"):
        pytest.skip("a sanitizer's runtime must be loaded first")
    subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", tmp_path / "kill_at.so",
                    HERE / "kill_at.c", "-ldl"], check=True)
    (tmp_path / "a.pcap").write_bytes(mixed(packets.read_bytes(), v5_capture.capture(hours=20)))
    return tmp_path


def ingest(work, dataset, *options, at=None, log=None):
    env = dict(os.environ)
    if at or log:
        env |= {"LD_PRELOAD": str(work / "kill_at.so"), "EG_KILL_ROOT": str(dataset)}
        env |= {"EG_KILL_AT": str(at)} if at else {}
        env |= {"EG_KILL_LOG": str(log)} if log else {}
    return subprocess.run([str(EARLGREY), "ingest", "a.pcap", "-d", str(dataset), "--round-bytes", "1500k",
                           "--idle", "1s", *options], cwd=work, env=env, capture_output=True, text=True,
                          timeout=120, check=False)


def tables(dataset, but="date, hour"):
    """Of every table how many rows there are, and a sum that tells whether they are the same."""
    return {table: duckdb.sql(
        f"select count(*), sum(hash(t)::hugeint) from (select * exclude ({but}) "
        f"from read_parquet('{dataset}/{table}/*/*/*.parquet')) t").fetchone()
            for table in ("flows", "packets", "losses")
            if (dataset / table).exists() and (table == "packets" or "file" not in but)}


@pytest.mark.parametrize("wanted", ["auto", "flows", "all"])
def test_killed_while_flows_are_open(work, wanted):
    whole, options = work / "whole", ["--tables", wanted]
    if wanted == "flows":
        options += ["--round-bytes", "1"]
    assert ingest(work, whole, *options, log=work / "log").returncode == 0
    expected = tables(whole)
    calls = len((work / "log").read_text(encoding="utf-8").splitlines())
    count = duckdb.sql(f"select count(*) filter (source = 'packet'), count(*) filter (source = 'netflow5') "
                       f"from read_parquet('{whole}/flows/*/*/*.parquet')").fetchone()
    assert count[0] > 4000 and count[1] == 400
    commits = len(list((whole / "_earlgrey/commits").glob("*.done")))
    assert commits >= 3, "several commits while flows are open"
    dice, killed = random.Random(20261121), 0
    for turn in range(12):
        dataset = work / f"d{turn}"
        for _ in range(dice.choice((1, 2, 4))):
            done = ingest(work, dataset, *options, "--threads", dice.choice("124"),
                          at=dice.randrange(1, calls))
            killed += done.returncode == -signal.SIGKILL
        done = ingest(work, dataset, *options, "--threads", dice.choice("124"))
        assert done.returncode == 0, done.stderr
        assert tables(dataset) == expected, turn
        again = ingest(work, dataset, *options)
        assert "already ingested" in again.stderr
        assert tables(dataset) == expected
        shutil.rmtree(dataset)
    assert killed >= 12


def test_a_table_that_was_not_asked_for_before(work):
    """Packets first, then all: flows come, and no packet a second time."""
    whole, dataset = work / "whole", work / "d"
    assert ingest(work, whole).returncode == 0
    assert ingest(work, dataset, "--tables", "exports").returncode == 0
    assert ingest(work, dataset, at=60).returncode == -signal.SIGKILL
    assert ingest(work, dataset).returncode == 0
    assert tables(dataset) == tables(whole)


def test_a_capture_that_begins_alike(work):
    """What a killed run gave out of one capture says nothing of another that begins like it."""
    whole, dataset = work / "whole", work / "d"
    original = (work / "a.pcap").read_bytes()
    assert ingest(work, dataset, log=work / "log").returncode == 0
    calls = len((work / "log").read_text(encoding="utf-8").splitlines())
    shutil.rmtree(dataset)
    assert ingest(work, dataset, at=calls * 2 // 3).returncode == -signal.SIGKILL
    before = dataset.rename(work / "before")
    shutil.copytree(before, dataset, symlinks=True)
    changed = bytearray(original)
    changed[len(changed) // 10] ^= 1  # inside what had been read
    (work / "a.pcap").write_bytes(changed)
    assert ingest(work, whole).returncode == 0
    assert ingest(work, dataset).returncode == 0
    for name, but in (("flows", "date, hour"), ("packets", "date, hour, file")):  # the file is another, and is told so
        kept, other, now = (tables(where, but)[name] for where in (before, whole, dataset))
        assert kept[0] and tuple(map(sum, zip(kept, other))) == now, name

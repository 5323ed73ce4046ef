# SPDX-License-Identifier: Apache-2.0
"""A disk that cannot read one place of a capture, once or for good, while another capture is ingested
with it: what stands before that place is kept, the other capture is, and the next ingest adds the
rest, every row once."""
import json
import os
import pathlib
import subprocess

import duckdb
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / os.environ.get("EG_PRESET", "release")
EARLGREY = BUILD / "earlgrey"
RECORDS = 300_000


@pytest.fixture(name="work", scope="module")
def _work(tmp_path_factory):
    home = tmp_path_factory.mktemp("reads")
    for name, seed in (("a", 1), ("b", 2)):
        made = subprocess.run([BUILD / "bench" / "bench-gen_netflow", "--out", home / f"{name}.pcap",
                               "--records", str(RECORDS), "--seed", str(seed), "--hours", "2"],
                              check=True, capture_output=True, text=True)
        assert json.loads(made.stdout)["records"] == RECORDS
    library = home / "fail_read.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library,
                    ROOT / "tests" / "system" / "fail_read.c", "-ldl"], check=True)
    return home


def ingest(work, dataset, at=None, times=0):
    env = dict(os.environ)
    if at is not None:
        env |= {"LD_PRELOAD": str(work / "fail_read.so"), "EG_FAIL_NAME": "/a.pcap",
                "EG_FAIL_AT": str(at), "EG_FAIL_TIMES": str(times)}
    return subprocess.run([EARLGREY, "ingest", "a.pcap", "b.pcap", "-d", dataset, "--threads", "4",
                           "--round-bytes", "8000000"], cwd=work, env=env, capture_output=True,
                          text=True, timeout=120, check=False)


def total(dataset):
    return duckdb.sql("select count(*), bit_xor(hash(f)) from "
                      f"read_parquet('{dataset}/flows/*/*/*.parquet', hive_partitioning=false) f").fetchone()


@pytest.mark.skipif("asan" in BUILD.name or "tsan" in BUILD.name, reason="a sanitizer wants to be loaded first")
def test_failed_reads(work, tmp_path):
    assert ingest(work, tmp_path / "whole").returncode == 0
    truth = total(tmp_path / "whole")
    assert truth[0] == 2 * RECORDS
    size = (work / "a.pcap").stat().st_size
    refused = 0
    for number, (part, times) in enumerate([(0.3, 1), (0.3, 2), (0.3, 10**9), (0.6, 1),
                                            (0.9, 10**9), (0.999, 1)]):
        dataset = tmp_path / str(number)
        first = ingest(work, dataset, int(size * part), times)
        assert first.returncode in (1, 3), first.stderr
        refused += first.returncode == 1
        assert "a.pcap" in first.stderr and "rror" in first.stderr
        if first.returncode == 3:
            assert RECORDS <= total(dataset)[0] < 2 * RECORDS
        second = ingest(work, dataset)
        assert second.returncode == 0, second.stderr
        assert total(dataset) == truth
    assert refused < 6

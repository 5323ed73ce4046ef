# SPDX-License-Identifier: Apache-2.0
"""Interface counters of sFlow, from a capture into a dataset and out again: partitions, SQL, inspect,
exactly once, JSON lines."""
import json
import os
import pathlib
import struct
import subprocess
import sys

import duckdb
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
EARLGREY = ROOT / "build" / os.environ.get("EG_PRESET", "release") / "earlgrey"
sys.path.insert(0, str(ROOT / "tests" / "bad"))
from make_netflow import frame  # noqa: E402
from make_sflow import counter, datagram, flow, generic, header  # noqa: E402

HOURS, EACH = 3, 20


@pytest.fixture
def home(tmp_path):
    """A directory with a capture: in each of three hours 20 datagrams of a flow and two counter
    samples."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    for number in range(HOURS * EACH):
        data = frame(datagram(number, flow(header()), counter(generic()), counter(generic())),
                     port=6343)
        time = 1700000000 + number // EACH * 3600 + number % EACH
        out += struct.pack("<IIII", time, 0, len(data), len(data)) + data
    (tmp_path / "counters.pcap").write_bytes(out)
    return tmp_path


def run(home, *words):
    done = subprocess.run([str(EARLGREY), *words], cwd=home, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_into_a_dataset_once(home):
    for _ in range(2):
        run(home, "ingest", "counters.pcap", "-d", "data")
        parts = sorted(path.parent.name for path in (home / "data/counters").glob("*/*/*.parquet"))
        assert parts == ["hour=00", "hour=22", "hour=23"]
        assert (home / "data/counters/date=2023-11-14/hour=22").is_dir()
        found = duckdb.sql(
            "select count(*), count(distinct time), min(interface), max(speed), sum(in_errors)::int "
            f"from read_parquet('{home}/data/counters/*/*/*.parquet')").fetchone()
        assert found == (2 * HOURS * EACH, HOURS * EACH, 3, 1000000000, 6 * 2 * HOURS * EACH)
    assert len(list((home / "data/flows").glob("*/*/*.parquet"))) == HOURS


def test_questions(home):
    run(home, "ingest", "counters.pcap", "-d", "data")
    answer = json.loads(run(home, "sql", "-d", "data", "--json",
                            "select exporter, interface, count(*) as n, max(in_packets) as p "
                            "from counters group by all"))
    rows = answer if isinstance(answer, list) else answer["rows"]
    assert rows == [{"exporter": "192.0.2.1", "interface": 3, "n": 2 * HOURS * EACH, "p": 2}]
    told = dict(line.split(None, 1) for line in run(home, "inspect", "data").splitlines()
                if " " in line)
    assert told["counters_rows"].strip() == str(2 * HOURS * EACH)


def test_as_json_lines(home):
    lines = [json.loads(line) for line in run(home, "ingest", "counters.pcap", "--tables", "flows",
                                              "--to", "-").splitlines()]
    kept = [line for line in lines if "in_broadcast" in line]
    assert len(kept) == 2 * HOURS * EACH
    assert kept[0]["extra"]["ifDirection"] == 1
    assert len(lines) == 3 * HOURS * EACH

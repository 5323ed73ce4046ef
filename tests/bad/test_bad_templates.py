# SPDX-License-Identifier: Apache-2.0
"""Replays the captures of bad NetFlow v9 and IPFIX: rows and counters are exactly those written down."""
import filecmp
import json
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "conformance"))
import captures  # noqa: E402

with open(os.path.join(HERE, "expected_templates.json"), encoding="utf-8") as text:
    EXPECTED = json.load(text)


def replay(name, capacity):
    expected = EXPECTED[name]
    environment = {"EG_BATCH_ROWS": capacity}
    if expected["port"]:
        environment["EG_NETFLOW_PORT"] = str(expected["port"])
    rows, tally = captures.rows("flows", os.path.join(HERE, name + ".pcap"),
                                environment=environment)
    counters = {}
    for cause, _exporter, _domain, *numbers in tally:
        sums = counters.setdefault(cause, {"records": 0, "packets": 0, "bytes": 0})
        for kind, number in zip(("records", "packets", "bytes"), numbers):
            sums[kind] += int(number)
    return rows, counters


@pytest.mark.parametrize("capacity", ["1", "7", "4096"])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_bad_templates(name, capacity):
    expected = EXPECTED[name]
    rows, counters = replay(name, capacity)
    assert counters == expected["counters"]
    assert len(rows) == expected["rows"]
    for row, fields in zip(rows, expected["fields"]):
        assert {field: row[field] for field in fields} == fields
    assert {row["source"] for row in rows} <= {"netflow9", "ipfix"}


def test_committed_captures_are_what_the_maker_makes(tmp_path):
    maker = os.path.join(HERE, "make_templates.py")
    subprocess.run([sys.executable, maker, str(tmp_path)], check=True)
    made = sorted(os.listdir(tmp_path))
    assert made == sorted([name + ".pcap" for name in EXPECTED] + ["expected_templates.json"])
    _, different, missing = filecmp.cmpfiles(tmp_path, HERE, made, shallow=False)
    assert not different and not missing

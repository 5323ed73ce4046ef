# SPDX-License-Identifier: Apache-2.0
"""Replays captures whose record layer is bad: rows, counters and the place where reading stopped are
exactly those written down."""
import filecmp
import json
import os
import re
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "conformance"))
import captures  # noqa: E402

with open(os.path.join(HERE, "expected_captures.json"), encoding="utf-8") as text:
    EXPECTED = json.load(text)


@pytest.mark.parametrize("capacity", ["1", "7", "4096"])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_bad_captures(name, capacity):
    expected = EXPECTED[name]
    path = os.path.join(HERE, name)
    rows, tally = captures.rows("packets", path, environment={"EG_BATCH_ROWS": capacity})
    fields = ("time", "length", "captured", "offset")
    assert [{field: row[field] for field in fields} for row in rows] == expected["rows"]
    counters = {entry[0]: [int(number) for number in entry[-3:]] for entry in tally}
    assert counters == expected["counters"]


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_the_place_is_told(name):
    path = os.path.join(HERE, name)
    done = subprocess.run([captures.ROWS, "packets", path], capture_output=True, timeout=60)
    told = done.stderr.decode()
    stopped = EXPECTED[name]["stopped"]
    if stopped < 0:
        assert told == ""
    else:
        assert told.startswith("EG_E_CUT: ") and told.count("\n") == 1 and path in told
        assert re.search(rf"byte {stopped}[;: ]", told), told


def test_committed_captures_are_what_the_maker_makes(tmp_path):
    subprocess.run([sys.executable, os.path.join(HERE, "make_captures.py"), str(tmp_path)],
                   check=True)
    made = sorted(os.listdir(tmp_path))
    assert made == sorted(list(EXPECTED) + ["expected_captures.json"])
    _, different, missing = filecmp.cmpfiles(tmp_path, HERE, made, shallow=False)
    assert not different and not missing

# SPDX-License-Identifier: Apache-2.0
"""Replays the captures of bad frames: rows and counters are exactly those written down."""
import filecmp
import json
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "conformance"))
import captures  # noqa: E402

with open(os.path.join(HERE, "expected_packets.json"), encoding="utf-8") as text:
    EXPECTED = json.load(text)


@pytest.mark.parametrize("capacity", ["1", "7", "4096"])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_bad_packets(name, capacity):
    expected = EXPECTED[name]
    rows, tally = captures.rows("packets", os.path.join(HERE, name + ".pcap"),
                                environment={"EG_BATCH_ROWS": capacity})
    counters = {}
    for cause, _exporter, _domain, *numbers in tally:
        sums = counters.setdefault(cause, {"records": 0, "packets": 0, "bytes": 0})
        for kind, number in zip(("records", "packets", "bytes"), numbers):
            sums[kind] += int(number)
    assert len(rows) == expected["rows"]
    for number, (row, fields) in enumerate(zip(rows, expected["fields"])):
        assert {field: row[field] for field in fields} == fields, f"frame {number}"
    assert counters == expected["counters"]
    assert {row["source"] for row in rows} == {"packet"}


def addresses_in_answers(path):
    """How often the address that answers give stands in a capture's bytes."""
    with open(path, "rb") as data:
        return data.read().count(bytes((192, 0, 2, 77)))


@pytest.mark.parametrize("name", sorted(name for name in EXPECTED if name.startswith("B44")))
def test_what_follows_names_comes_to_an_end(name, tmp_path):
    """Names are not followed for rows, but for addresses in them, when those are anonymized."""
    before, after = os.path.join(HERE, name + ".pcap"), str(tmp_path / "after.pcap")
    program = os.path.join(os.path.dirname(captures.ROWS), "..", "..", "earlgrey")
    done = subprocess.run([program, "anonymize", "--random-key", "--keep-payload", before, after],
                          capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    rows, _tally = captures.rows("packets", after)
    assert [row["payload_length"] for row in rows] == [
        row["payload_length"] for row in captures.rows("packets", before)[0]]
    if "names" in name:
        assert os.path.getsize(after) == os.path.getsize(before)
        assert addresses_in_answers(before) == 11 # those behind a name that goes in circles, too
    assert addresses_in_answers(after) == 0


def test_committed_captures_are_what_the_maker_makes(tmp_path):
    subprocess.run([sys.executable, os.path.join(HERE, "make_packets.py"), str(tmp_path)], check=True)
    made = sorted(os.listdir(tmp_path))
    assert made == sorted([name + ".pcap" for name in EXPECTED] + ["expected_packets.json"])
    _, different, missing = filecmp.cmpfiles(tmp_path, HERE, made, shallow=False)
    assert not different and not missing

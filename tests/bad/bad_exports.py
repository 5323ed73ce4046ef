# SPDX-License-Identifier: Apache-2.0
"""Replays captures of bad exports, and holds rows and counters against what is written down."""
import filecmp
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "conformance"))
import captures  # noqa: E402

CAPACITIES = ["1", "7", "4096"]  # rows of a batch


def expected_of(kind):
    """What is expected of the captures of a kind ("netflow"), by name."""
    with open(os.path.join(HERE, f"expected_{kind}.json"), encoding="utf-8") as text:
        return json.load(text)


def replay(table, name, capacity, port):
    """Rows of a table, and sums by cause."""
    environment = {"EG_BATCH_ROWS": capacity}
    if port:
        environment["EG_NETFLOW_PORT"] = str(port)
    rows, tally = captures.rows(table, os.path.join(HERE, name + ".pcap"), environment=environment)
    counters = {}
    for cause, _exporter, _domain, *numbers in tally:
        sums = counters.setdefault(cause, {"records": 0, "packets": 0, "bytes": 0})
        for kind, number in zip(("records", "packets", "bytes"), numbers):
            sums[kind] += int(number)
    return rows, counters


def check_flows(name, capacity, expected, sources):
    """The flows of a capture, and its counters; `sources`: what may have decoded them."""
    rows, counters = replay("flows", name, capacity, expected["port"])
    assert counters == expected["counters"]
    assert len(rows) == expected["rows"]
    for row, fields in zip(rows, expected["fields"]):
        assert {field: row[field] for field in fields} == fields
    assert {row["source"] for row in rows} <= sources


def check_made(kind, names, place):
    """The committed captures of a kind are what its maker makes."""
    subprocess.run([sys.executable, os.path.join(HERE, f"make_{kind}.py"), str(place)], check=True)
    made = sorted(os.listdir(place))
    assert made == sorted([name + ".pcap" for name in names] + [f"expected_{kind}.json"])
    _, different, missing = filecmp.cmpfiles(place, HERE, made, shallow=False)
    assert not different and not missing

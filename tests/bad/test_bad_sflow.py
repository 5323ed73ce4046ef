# SPDX-License-Identifier: Apache-2.0
"""Replays the captures of bad sFlow: rows of both tables and counters are exactly those written
down."""
import pytest

import bad_exports

EXPECTED = bad_exports.expected_of("sflow")


@pytest.mark.parametrize("capacity", bad_exports.CAPACITIES)
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_bad_sflow(name, capacity):
    bad_exports.check_flows(name, capacity, EXPECTED[name], {"sflow"})
    rows, counters = bad_exports.replay("counters", name, capacity, EXPECTED[name]["port"])
    assert counters == EXPECTED[name]["counters"]
    assert len(rows) == EXPECTED[name]["counter_rows"]


def test_committed_captures_are_what_the_maker_makes(tmp_path):
    bad_exports.check_made("sflow", EXPECTED, tmp_path)

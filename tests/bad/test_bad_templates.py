# SPDX-License-Identifier: Apache-2.0
"""Replays the captures of bad NetFlow v9 and IPFIX: rows and counters are exactly those written down."""
import pytest

import bad_exports

EXPECTED = bad_exports.expected_of("templates")


@pytest.mark.parametrize("capacity", bad_exports.CAPACITIES)
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_bad_templates(name, capacity):
    bad_exports.check_flows(name, capacity, EXPECTED[name], {"netflow9", "ipfix"})


def test_committed_captures_are_what_the_maker_makes(tmp_path):
    bad_exports.check_made("templates", EXPECTED, tmp_path)

# SPDX-License-Identifier: Apache-2.0
"""Every capture against capinfos: how many packets, how many bytes, first and last time."""
import csv
import os

import pytest

import captures

OVER_LENGTH = "the record holds more bytes than its length says: the length was raised"
NO_TIMES = "capinfos has no first and last time where one of the packets has no time"
BAD_FRACTION = "a fraction of a second or more is no time; capinfos carries it over"

# capture -> (what differs, why); exact
DIFFERENCES = {
    "packets/brimcap/bad-caplen.pcap": ({"bytes"}, OVER_LENGTH),
    "packets/libpcap-filter/slip-compressed_sl_print-oobr.pcap": ({"bytes"}, OVER_LENGTH),
    "packets/libpcap-filter/slip-sliplink_print-oobr.pcap": ({"bytes"}, OVER_LENGTH),
    "packets/ndpi/fuzz-2021-06-07-c6c72a0a56.pcap": ({"first", "last"}, BAD_FRACTION),
    "packets/tcpdump/timestamp_invalid_micro.pcap": ({"last"}, BAD_FRACTION),
    "packets/tcpdump/timestamp_invalid_nano.pcap": ({"last"}, BAD_FRACTION),
} | {
    f"packets/pcapng-test-generator/{order}/test{number}.pcapng": ({"first", "last"}, NO_TIMES)
    for order in ("be", "le") for number in ("011", "012", "016", "018")
}


def golden():
    path = os.path.join(captures.SHARED, "golden-tools", "capinfos.tsv")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as lines:
        return {row["File name"]: row for row in csv.DictReader(lines, delimiter="\t")
                if row["Number of packets"]}


def nanoseconds(text):
    if text in ("n/a", ""):
        return None
    seconds, fraction = text.split(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0")) * (-1 if text[0] == "-" else 1)


def differences(name, want):
    rows, _ = captures.rows("packets", captures.path(name))
    times = [int(row["time"]) * 1000 + int(row["time_ns"]) for row in rows if row["time"]]
    got = {"packets": len(rows), "bytes": sum(int(row["length"]) for row in rows),
           "first": min(times, default=None), "last": max(times, default=None)}
    expected = {"packets": int(want["Number of packets"]), "bytes": int(want["Data size (bytes)"]),
                "first": nanoseconds(want["Start time"]), "last": nanoseconds(want["End time"])}
    return {key: (got[key], expected[key]) for key in got if got[key] != expected[key]}


@pytest.mark.parametrize("name", sorted(golden()))
def test_capture_is_what_capinfos_says(name):
    found = differences(name, golden()[name])
    assert set(found) == set(DIFFERENCES.get(name, ((), ""))[0]), found


def test_captures_are_there():
    captures.need()
    assert len(golden()) > 350

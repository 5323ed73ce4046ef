# SPDX-License-Identifier: Apache-2.0
"""An export for every information element of the table."""
import json
import os
import struct
import subprocess
import sys

import pytest

import captures
import make_elements

MAKER = make_elements.__file__
# Of every row: who sent it, and when.
ALWAYS = {"received_time", "exporter", "domain", "sequence", "source", "extra"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The capture's path and the cases."""
    place = tmp_path_factory.mktemp("elements")
    subprocess.run([sys.executable, MAKER, str(place)], check=True, capture_output=True)
    with open(place / "elements.json", encoding="utf-8") as text:
        return place / "elements.pcap", json.load(text)


def sets_of(message):
    """(set id, contents) of the sets; they tile the message."""
    version, length = struct.unpack(">HH", message[:4])
    assert version == 9 or length == len(message)
    at = 16 if version == 10 else 20
    while at < len(message):
        number, size = struct.unpack(">HH", message[at:at + 4])
        assert size >= 4 and at + size <= len(message)
        yield number, message[at + 4:at + size]
        at += size


def test_each_element_has_an_export(made):
    """Nobody is forgotten, and templates say what the sets hold: read here by other code."""
    capture, cases = made
    table = {f"{pen}:{element}" for pen, element, *_ in make_elements.elements()}
    assert {case["element"] for case in cases} == table and len(table) > 1300
    assert [case["flow"] for case in cases] == list(range(1, len(cases) + 1))
    content, at = capture.read_bytes(), 24
    for case in cases:
        size = struct.unpack("<I", content[at + 8:at + 12])[0]
        message = content[at + 16 + 28:at + 16 + size]
        at += 16 + size
        (_, template), (_, record) = sets_of(message)
        count, read, used, sent = struct.unpack(">H", template[2:4])[0], 4, 0, set()
        for _ in range(count):
            number, length = struct.unpack(">HH", template[read:read + 4])
            read, pen = read + 4, 0
            if message[1] == 10 and number & 0x8000:
                number, pen, read = number & 0x7FFF, struct.unpack(">I", template[read:read + 4])[0], read + 4
            if message[1] == 9 and number >= make_elements.NTOP_V9:
                number, pen = number - make_elements.NTOP_V9, make_elements.NTOP
            used += length if length != make_elements.VARIABLE else 1 + record[used]
            sent.add(f"{pen}:{number}")
        assert read == len(template) and used <= len(record) < used + 4, case
        assert case["element"] in sent, case
    assert at == len(content)


@pytest.fixture(scope="module")
def decoded(made):
    """The rows by flowId, and the counters."""
    with open(os.path.join(captures.ROOT, "src", "registry.def"), encoding="utf-8") as registry:
        if "(decoder, ipfix," not in registry.read():
            pytest.skip("this build has no IPFIX decoder")
    rows, tally = captures.rows("flows", str(made[0]),
                                environment={"EG_NETFLOW_PORT": str(make_elements.PORT)})
    by_flow = {}
    sent = {(case["domain"], case["sequence"]): case["flow"] for case in made[1]}
    for row in rows: # the row of the other direction has no flowId
        row["extra"] = json.loads(row["extra"]) if row["extra"] else {}
        flow = row["extra"].get("flowId") or sent[int(row["domain"]), int(row["sequence"])]
        by_flow.setdefault(flow, []).append(row)
    return by_flow, tally


def complaint(case, row, expected):
    """What is not as it should be, as text; "" is nothing."""
    wrong = {name: (row[name], text) for name, text in expected["columns"].items() if row[name] != text}
    others = set() if "*" in case["free"] else \
        set(row) - ALWAYS - set(case["free"]) - set(expected["columns"])
    wrong |= {name: (row[name], "") for name in others if row[name] != ""}
    if row["source"] != case["source"]:
        wrong["source"] = (row["source"], case["source"])
    extra = {name: value for name, value in row["extra"].items() if expected["extra"].get(name, value) is not None}
    wanted = {name: value for name, value in expected["extra"].items() if value is not None}
    if extra != wanted or set(row["extra"]) != set(expected["extra"]):
        wrong["extra"] = (row["extra"], expected["extra"])
    return f"{case['element']} {case['name']} (flow {case['flow']}): {wrong}" if wrong else ""


def test_each_element_decodes_by_its_type(made, decoded):
    """Every value stands where its role says, and nothing stands anywhere else."""
    by_flow, _ = decoded
    complaints = []
    for case in made[1]:
        rows = by_flow.get(case["flow"], [])
        if len(rows) != len(case["rows"]):
            complaints.append(f"{case['element']} {case['name']} (flow {case['flow']}): {len(rows)} rows")
            continue
        complaints += [complaint(case, *pair) for pair in zip(rows, case["rows"])]
    complaints = [text for text in complaints if text]
    assert not complaints, "\n".join([f"{len(complaints)} of {len(made[1])}"] + complaints[:40])


def test_nothing_is_lost(made, decoded):
    """As many flows as messages, and nothing is counted."""
    by_flow, tally = decoded
    assert set(by_flow) == {case["flow"] for case in made[1]}
    assert tally == []

# SPDX-License-Identifier: Apache-2.0
"""An export for every information element of the table."""
import json
import struct
import subprocess
import sys

import pytest

import make_elements

MAKER = make_elements.__file__


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

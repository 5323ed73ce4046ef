# SPDX-License-Identifier: Apache-2.0
"""A flood of 10,027,008 flows of one packet each, in a cache of 64 MiB: every packet is counted, flows that
ended early are told, and memory stays within the cache and what the reader takes with two threads, also where the
flows that live at the end are kept. Takes about twelve seconds of processor time, and 704 MB of disk for as long as
it runs."""
import json
import os
import re
import struct
import subprocess
import sys

import pytest
from conftest import EARLGREY

BLOCK, BLOCKS = 1 << 16, 153
CACHE_MB = 64
BESIDE_MB = {"flows": 128, "top": 128, "ingest": 160}  # docs/packets.md tells them


@pytest.fixture(scope="module", name="flood")
def _flood(tmp_path_factory):
    """UDP from as many ports of as many senders; a block is written at once, and the next one is it, changed."""
    path = tmp_path_factory.mktemp("flood") / "flood.pcap"
    ip = struct.pack(">BBHHHBBH4s4sHHHH", 0x45, 0, 28, 0, 0, 64, 17, 0, bytes([10, 0, 0, 0]), bytes([10, 9, 9, 9]), 0, 53, 8, 0)
    record = struct.pack("<IIII", 0, 0, 42, 60) + struct.pack(">6xHIH", 0x0200, 1, 0x0800) + ip
    block, size = bytearray(record * BLOCK), len(record)
    block[50::size] = bytes(i >> 8 for i in range(BLOCK))
    block[51::size] = bytes(i & 255 for i in range(BLOCK))
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for i in range(BLOCKS):
            for at, value in enumerate(struct.pack("<II", 1767355200 + i // 50, i % 50 * 20000)):
                block[at::size] = bytes([value]) * BLOCK
            block[45::size] = bytes([i]) * BLOCK
            out.write(block)
    yield path
    path.unlink()


# A child's peak begins with that of the process that forks it; a little one between has none to pass on.
BETWEEN = ("import resource,subprocess,sys;code=subprocess.run(sys.argv[2:]).returncode;"
           "open(sys.argv[1],'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss));sys.exit(code)")


def peak_of(tmp_path, command):
    """What it printed, and its peak in MiB."""
    done = subprocess.run([sys.executable, "-c", BETWEEN, tmp_path / "peak", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done, int((tmp_path / "peak").read_text()) // 1024


@pytest.mark.parametrize("verb", ["flows", "top"])
def test_a_flood_of_flows_stays_in_bounds(flood, tmp_path, verb):
    """What is above the cache does not grow with the flows: without a bound they would take 1.3 GB."""
    command = [EARLGREY, verb, "-r", flood, "--flow-memory", f"{CACHE_MB}Mi", "--threads", "2", "--json",
               *(["--by", "dst_ip"] if verb == "top" else ["-n", "3"])]
    done, peak = peak_of(tmp_path, command)
    rows, told = json.loads(done.stdout), done.stderr
    early = int(re.search(r"(\d+) flows were given out early", told)[1])
    assert BLOCK * BLOCKS - CACHE_MB * (1 << 20) // 128 <= early < BLOCK * BLOCKS
    if verb == "top":
        assert [(row["flows"], row["packets"], row["bytes"]) for row in rows] == [(BLOCK * BLOCKS, BLOCK * BLOCKS, 60 * BLOCK * BLOCKS)]
    else:
        assert [row["packets"] for row in rows] == [1, 1, 1]
    assert peak < CACHE_MB + BESIDE_MB[verb]


def test_an_ingest_of_a_flood_stays_in_bounds(flood, tmp_path):
    """The flows that live at the end, here most of them, come in one round: its rows do not come on top of the cache."""
    data, part, blocks, cache_mb = tmp_path / "d", tmp_path / "part.pcap", 32, 192
    with open(flood, "rb") as whole, open(part, "wb") as out:
        os.sendfile(out.fileno(), whole.fileno(), 0, 24 + (flood.stat().st_size - 24) // BLOCKS * blocks)
    _, peak = peak_of(tmp_path, [EARLGREY, "ingest", part, "--tables", "flows", "-d", data, "--flow-memory", f"{cache_mb}Mi", "--threads", "2"])
    part.unlink()
    asked = "select count(*) flows, sum(packets) packets, sum(bytes) / 60 bytes from flows"
    counted = subprocess.run([EARLGREY, "sql", "-d", data, "--json", asked], capture_output=True, text=True, check=True)
    assert set(json.loads(counted.stdout)[0].values()) == {BLOCK * blocks}
    assert peak < cache_mb + BESIDE_MB["ingest"]

# SPDX-License-Identifier: Apache-2.0
"""Two ingests write rows of the same hours, over and over, while these are compacted as often as can
be and three kinds of readers ask: at the end every row is there once. Our own questions never fail and
never see a row twice; DuckDB and pyarrow may find a file gone that they had listed, and meet no other
error. Bounded to some 25 seconds."""
import json
import os
import subprocess
import sys
import threading
import time

import pytest

import conftest
import v5_capture
from killed import HERE, leftovers
from test_kill_everywhere import rows

SECONDS = 20
EARLGREY = str(conftest.EARLGREY)


class Place:
    """The dataset, and what went wrong around it."""

    def __init__(self, home):
        self.home, self.data = home, home / "data"
        self.until = time.monotonic() + SECONDS
        self.trouble = []
        self.expected = []
        self.counts = {}

    def run(self, *words):
        done = subprocess.run([EARLGREY, *map(str, words)], cwd=self.home, capture_output=True, text=True,
                              timeout=120, check=False)
        if done.returncode:
            self.trouble.append(f"{words}: {done.returncode} {done.stderr}")
        return done.stdout

    def count(self, what):
        self.counts[what] = self.counts.get(what, 0) + 1

    def write(self, writer):
        number = 0
        while time.monotonic() < self.until and number < 300:
            first = 1 + writer * 30000 + number * 80
            name = f"w{writer}-{number}.pcap"
            (self.home / name).write_bytes(v5_capture.capture(
                hours=4, first_host=first, exporter=(192, 0, 2 + writer, number % 250 + 1)))
            self.run("ingest", name, "-d", "data", "-q")
            self.expected += v5_capture.hosts(hours=4, first_host=first)
            number += 1
            self.count("ingests")

    def compact(self):
        while time.monotonic() < self.until:
            told = json.loads(self.run("compact", "-d", "data", "--grace", "200ms", "--json") or "{}")
            self.counts["compacted"] = self.counts.get("compacted", 0) + told.get("hours", 0)
            if told.get("failed"):
                self.trouble.append(told)

    def ask(self):
        """Whole answers only grow, and hold no row twice."""
        before = 0
        while time.monotonic() < self.until:
            told = self.run("sql", "-d", "data", "--json", "select count(*) as n, count(distinct src_ip) as d from flows")
            if not told:
                continue
            answer = json.loads(told)[0]
            if answer["n"] != answer["d"] or answer["n"] < before:
                self.trouble.append(f"{answer} after {before}")
            before = answer["n"]
            self.run("flows", "-d", "data", "-q", "host", "10.0.0.7")
            self.run("trend", "-d", "data", "-q", "--by", "1h")
            self.count("questions")


def test_stress(tmp_path):
    if os.environ.get("EG_PRESET", "release") in ("asan", "tsan"):
        pytest.skip("too slow to get in each other's way")
    place = Place(tmp_path)
    (tmp_path / "first.pcap").write_bytes(v5_capture.capture(hours=4, first_host=60001))
    place.run("ingest", "first.pcap", "-d", "data", "-q")
    place.expected += v5_capture.hosts(hours=4, first_host=60001)
    current, stop = tmp_path / "current", tmp_path / "stop"
    current.write_text(str(place.data), encoding="utf-8")
    readers = [subprocess.Popen([sys.executable, HERE / "poll_dataset.py", reader, current, stop, "gone"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for reader in ("duckdb", "pyarrow")]
    threads = [threading.Thread(target=work, args=args) for work, args in
               ((place.write, (0,)), (place.write, (1,)), (place.compact, ()), (place.ask, ()))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.touch()
    told = [reader.communicate(timeout=60)[0] for reader in readers]
    print(place.counts, *told)
    assert place.trouble == []
    assert not any("ERROR" in text for text in told), told
    assert place.counts["ingests"] > 5 and place.counts["compacted"] > 5 and place.counts["questions"] > 3
    place.run("compact", "-d", "data", "--grace", "0s")
    assert rows(place.data) == sorted(place.expected)
    assert leftovers(place.data) == [] and not list(place.data.glob("_earlgrey/aside/*"))
    assert "broken" not in place.run("doctor", "-d", "data")
    assert place.trouble == []

# SPDX-License-Identifier: Apache-2.0
"""Compaction and expiry as a user meets them: the same rows in fewer files, positions kept, nothing
changed by a dry run, late files kept, the oldest hours removed by each rule."""
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import time

import duckdb
import pyarrow.parquet
import pytest

import v5_capture
from conftest import EARLGREY, ROOT
from place import Place
from small_disk import mounted


class Compacted(Place):
    """What is compacted and expired there."""

    def add(self, name, **capture):
        (self.home / name).write_bytes(v5_capture.capture(**capture))
        return self.ingest(name)

    def compact(self, *words, code=0):
        return self.run("compact", "-d", "data", "--grace", "0s", *words, code=code)

    def expire(self, *words, code=0):
        return self.run("expire", "-d", "data", "--grace", "0s", *words, code=code)

    def rows(self):
        return self.select("src_ip, bytes, start_time, exporter")

    def digest(self):
        """All that is there, but for the locks' own text."""
        return {str(p.relative_to(self.data)): (p.stat().st_mtime_ns, hashlib.sha256(p.read_bytes()).hexdigest())
                for p in sorted(self.data.rglob("*")) if p.is_file()}


@pytest.fixture(name="place")
def _place(tmp_path):
    place = Compacted(tmp_path)
    for number in range(3):
        place.add(f"c{number}.pcap", first_host=100 * number + 1, exporter=(192, 0, 2, number + 1))
    return place


def test_hours_become_one_sorted_file(place):
    before = place.rows()
    assert len(place.files()) == 9 and len(before) == 180
    told = place.compact()
    assert "compacted 3 hours, 9 files to 3, 180 rows" in told
    assert [file.rsplit("-", 3)[0] for file in place.files()] == [
        f"flows/date=2026-01-02/hour={hour}/sorted" for hour in (12, 13, 14)]
    assert place.rows() == before
    for file in place.files():
        table = pyarrow.parquet.read_table(place.data / file, columns=["src_ip", "dst_ip", "start_time"])
        rows = list(zip(*(column.to_pylist() for column in table.columns)))
        assert rows == sorted(rows)
    assert not list(place.data.glob("_earlgrey/aside/*")) and not list(place.data.rglob("*.swap"))
    assert "compacted nothing" in place.compact()


def test_what_was_ingested_stays_known(place):
    place.compact()
    for number in range(3):
        assert "already ingested" in place.run("ingest", f"c{number}.pcap", "-d", "data")
    # … from the files alone, too
    before = place.rows()
    shutil.rmtree(place.data / "_earlgrey" / "commits")
    (place.data / "_earlgrey" / "catalog.sqlite").unlink()
    assert "3 files that no commit names were read" in place.run("doctor", "-d", "data", "--rebuild")
    for number in range(3):
        assert "already ingested" in place.run("ingest", f"c{number}.pcap", "-d", "data")
    assert place.rows() == before


def test_the_whole_house_is_in_order_after_it(place):
    place.compact()
    told = place.run("doctor", "-d", "data")
    assert "note" not in told.split("dataset")[1] and "broken" not in told
    assert "180 rows in 3 files" in told
    facts = json.loads(place.run("inspect", "data", "--json"))
    assert facts["flows_files"] == 3 and facts["flows_rows"] == 180 and facts["flows_small_files"] == 0


@pytest.mark.parametrize("words", [["compact"], ["compact", "--all", "--json"], ["expire", "--older", "1h"],
                                   ["expire", "--max-bytes", "1", "--json"], ["expire", "--min-free", "99.9%"]])
def test_a_dry_run_changes_nothing(place, words):
    before = place.digest()
    told = place.run(*words, "-d", "data", "--dry-run")
    if "--json" in words:
        answer = json.loads(told)
        assert answer["dry_run"] and answer["hours"] == 3 and answer["files_before"] == 9 and answer["rows"] == 180
        assert answer["from"] == "2026-01-02T12:00:00.000000Z" and answer["to"] == "2026-01-02T15:00:00.000000Z"
    else:
        assert "would" in told and "3 hours, 9 files" in told
    assert place.digest() == before


def test_open_hours_are_left_alone(place):
    now = int(time.time())
    for host in (900, 940):
        place.add(f"now{host}.pcap", hours=1, first_host=host, start=now - 1800, exporter=(192, 0, 2, host % 200))
    told = place.compact()
    assert "compacted 3 hours" in told
    fresh = [file for file in place.files() if "2026-01-02" not in file]
    assert len(fresh) == 2 and all("/part-" in file for file in fresh)
    assert "2 files to 1" in place.compact("--all")
    assert len(place.rows()) == 220


def test_late_files_join_the_next_time(place):
    place.compact()
    place.add("late.pcap", hours=1, first_host=500, exporter=(192, 0, 2, 9))
    assert len(place.files()) == 4
    told = place.compact()
    assert "compacted 1 hour, 2 files to 1, 80 rows" in told
    assert len(place.files()) == 3 and len(place.rows()) == 200
    assert "already ingested" in place.run("ingest", "late.pcap", "-d", "data")


def test_a_file_that_cannot_be_merged_keeps_its_hour_as_it_is(place):
    hour = place.data / "flows" / "date=2026-01-02" / "hour=13"
    (hour / "broken.parquet").write_bytes(b"PAR1 but not really PAR1")
    before = sorted(file.name for file in hour.iterdir())
    told = place.compact(code=3)
    assert "compacted 2 hours" in told and "was left as it is" in told
    assert sorted(file.name for file in hour.iterdir()) == before
    assert not list(place.data.glob("_earlgrey/aside/*"))


def test_a_column_of_somebody_else_is_not_lost(place):
    hour = place.data / "flows" / "date=2026-01-02" / "hour=13"
    duckdb.sql(f"copy (select *, 1 as mine from read_parquet('{hour}/*.parquet', hive_partitioning=false) limit 1) to '{hour}/own.parquet'")
    told = place.compact(code=3)
    assert "'mine'" in told and (hour / "own.parquet").exists()


def test_one_at_a_time(place):
    with open(place.data / "_earlgrey" / "locks" / "compact.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()} compact\n")
        lock.flush()
        for words in (["compact"], ["expire", "--older", "1d"]):
            told = place.run(*words, "-d", "data", code=1)
            assert f"process {os.getpid()} is at it already" in told
    assert len(place.files()) == 9


def test_bad_words(place):
    assert "no table 'flow'" in place.compact("--table", "flow", code=2)
    assert "what is to go" in place.expire(code=2)
    for part in ("0", "100%", "half", "-3%", "10%%"):
        assert "--min-free" in place.expire("--min-free", part, code=2)
    assert "no dataset" in place.run("compact", "-d", "nowhere", code=1)
    assert not (place.home / "nowhere").exists()


def test_beside_an_ingest(place):
    """What stands there is compacted and expired while an ingest waits at a pipe."""
    os.mkfifo(place.home / "pipe")
    ingest = subprocess.Popen([str(EARLGREY), "ingest", "pipe", "-d", "data", "--compact", "--expire-older",
                               f"{age_hours(12)}h", "--upkeep-every", "100ms"], cwd=place.home,
                              stderr=subprocess.PIPE, text=True)
    try:
        with open(place.home / "pipe", "wb") as pipe:
            deadline = time.monotonic() + 30
            while len(place.files()) != 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            pipe.write(v5_capture.capture(first_host=900, start=int(time.time()) - 3 * 3600))
    finally:
        told = ingest.communicate(timeout=60)[1]
    assert ingest.returncode == 0, told
    assert "compacted 2 hours meanwhile, 120 rows in 6 files" in told and "removed 1 hour meanwhile, 60 rows" in told
    assert len(place.rows()) == 180


def test_upkeep_needs_a_dataset(place):
    assert "none is written" in place.run("ingest", "c0.pcap", "--to", "null:", "--compact", code=2)


# ---- expiry -------------------------------------------------------------------------------------------

def age_hours(hour):
    """How long ago that hour of the second of January ended, for --older."""
    return int((time.time() - (v5_capture.START + (hour - 12 + 1) * 3600)) // 3600)


def test_by_age(place):
    told = place.expire("--older", f"{age_hours(13)}h")
    assert "removed 2 hours, 6 files, 120 rows" in told and "from 2026-01-02T12:00 to 2026-01-02T14:00" in told
    assert {file.split("/")[2] for file in place.files()} == {"hour=14"}
    assert len(place.rows()) == 60
    for number in range(3):
        assert "already ingested" in place.run("ingest", f"c{number}.pcap", "-d", "data")
    assert len(place.rows()) == 60
    told = place.run("doctor", "-d", "data")
    assert "removed by hand" not in told
    # the positions outlive a lost journal, though they stood in the files that went
    shutil.rmtree(place.data / "_earlgrey" / "commits")
    place.run("doctor", "-d", "data", "--rebuild")
    assert "already ingested" in place.run("ingest", "c0.pcap", "-d", "data")
    assert len(place.rows()) == 60


def test_all_of_it(place):
    place.expire("--older", "1h")
    assert place.files() == [] and not list((place.data / "flows").iterdir())
    assert "removed nothing" in place.expire("--older", "1h")
    assert "already ingested" in place.run("ingest", "c0.pcap", "-d", "data")
    place.add("new.pcap", first_host=700)
    assert len(place.rows()) == 60


def test_by_size(place):
    sizes = {hour: sum(p.stat().st_size for p in place.data.glob(f"flows/*/hour={hour}/*")) for hour in (12, 13, 14)}
    told = place.expire("--max-bytes", str(sizes[13] + sizes[14]))
    assert "removed 1 hour" in told
    told = place.expire("--max-bytes", str(sizes[13] + sizes[14] - 1))
    assert "removed 1 hour" in told
    assert {file.split("/")[2] for file in place.files()} == {"hour=14"}


def test_only_the_tables_named(place):
    assert "removed nothing" in place.expire("--older", "1h", "--table", "packets")
    assert "removed 3 hours" in place.expire("--older", "1h", "--table", "flows", "--table", "packets")


def test_the_last_hour_stays(place):
    place.add("now.pcap", hours=1, first_host=900, start=int(time.time()) - 1800)
    told = place.expire("--max-bytes", "1")
    assert "the rules ask for more" in told
    assert len(place.rows()) == 20


def test_something_else_in_an_hour_keeps_it(place):
    hour = place.data / "flows" / "date=2026-01-02" / "hour=13"
    (hour / "notes.txt").write_text("mine", encoding="utf-8")
    told = place.expire("--older", "1h", code=3)
    assert "notes.txt is nothing of ours" in told
    assert (hour / "notes.txt").exists() and len(place.rows()) == 60


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path):
    with mounted(tmp_path / "data", "800k") as disk:
        yield disk


def free_part(disk):
    room = os.statvfs(disk)
    return room.f_bavail / (room.f_blocks - room.f_bfree + room.f_bavail)


def test_to_make_room(tmp_path, small_disk):
    place = Compacted(tmp_path)
    for number in range(6):
        place.add(f"c{number}.pcap", hours=4, first_host=200 * number + 1, exporter=(192, 0, 2, number + 1))
    before = free_part(small_disk)
    assert before < 0.9
    told = place.expire("--min-free", f"{int(before * 100) + 8}%")
    assert "removed" in told and free_part(small_disk) >= (int(before * 100) + 8) / 100
    hours = {file.split("/")[2] for file in place.files()}
    assert hours and "hour=15" in hours and "hour=12" not in hours
    assert "removed nothing" in place.expire("--min-free", "5%")


def test_a_full_disk(tmp_path, small_disk):
    """Nothing can be compacted, all is as before; expiry needs no room to make some."""
    place = Compacted(tmp_path)
    for number in range(3):
        place.add(f"c{number}.pcap", first_host=200 * number + 1, exporter=(192, 0, 2, number + 1))
    before, files = place.rows(), place.files()
    with open(small_disk / "filler", "wb", buffering=0) as filler:
        try:
            while True:
                filler.write(bytes(4096))
        except OSError:
            pass
    assert "space" in place.compact(code=1)
    assert place.files() == files and place.rows() == before
    told = place.expire("--older", f"{age_hours(12)}h")
    assert "removed 1 hour, 3 files, 60 rows" in told
    assert len(place.rows()) == 120
    (small_disk / "filler").unlink()
    assert "compacted 2 hours" in place.compact()
    assert len(place.rows()) == 120
    assert "broken" not in place.run("doctor", "-d", "data")


# ---- the page -----------------------------------------------------------------------------------------

def test_what_the_page_shows(place):
    """Every command of docs/retention.md, in its order."""
    (place.home / "a.pcap").write_bytes(v5_capture.capture(first_host=601))
    (place.home / "b.pcap").write_bytes(v5_capture.capture(first_host=701, exporter=(192, 0, 2, 8)))
    page = (ROOT / "docs" / "retention.md").read_text(encoding="utf-8").split("<!-- tour -->")[1].split("<!-- /tour -->")[0]
    commands = [line for block in re.findall(r"```sh\n(.*?)```", page, re.S) for line in block.splitlines()]
    assert len(commands) >= 10
    for command in commands:
        done = subprocess.run(["bash", "-c", command], cwd=place.home, capture_output=True, text=True, check=False,
                              timeout=120, env={"PATH": f"{EARLGREY.parent}:/usr/bin:/bin", "HOME": str(place.home), "LC_ALL": "C.UTF-8"})
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert done.stdout or done.stderr or " -q" in command, command
    assert place.files() == []  # all of it is older than 90 days

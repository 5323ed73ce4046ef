# SPDX-License-Identifier: Apache-2.0
"""A dataset as others see it: the same rows for every reader, and a source that comes again (whole,
copied, compressed, grown, changed) adds what is new and nothing else."""
import gzip
import os
import subprocess
import time

import duckdb
import fastparquet
import pyarrow.dataset
import pyarrow.parquet
import pytest

import v5_capture
from conftest import EARLGREY
from place import Place
from small_disk import mounted, resize


@pytest.fixture(name="place")
def _place(tmp_path):
    (tmp_path / "a.pcap").write_bytes(v5_capture.capture())
    return Place(tmp_path)


def test_layout(place):
    place.ingest("a.pcap")
    assert [file.rsplit("/", 1)[0] for file in place.files()] == [
        f"flows/date=2026-01-02/hour={hour}" for hour in (12, 13, 14)]
    notes = []
    for file in place.files():
        assert pyarrow.parquet.ParquetFile(place.data / file).metadata.num_rows == 20
        notes.append(pyarrow.parquet.read_metadata(place.data / file).metadata[b"earlgrey"])
    # every file names its commit; one of them carries the positions
    assert all(b'"commit":' in note for note in notes)
    assert sum(b'"positions":[{"key":' in note and b"a.pcap" in note for note in notes) == 1


def test_the_same_again_adds_nothing(place):
    place.ingest("a.pcap")
    files = place.files()
    (place.home / "copy.pcap").write_bytes((place.home / "a.pcap").read_bytes())
    with gzip.open(place.home / "packed.pcap.gz", "wb") as packed:
        packed.write((place.home / "a.pcap").read_bytes())
    for again in ("a.pcap", "copy.pcap", "packed.pcap.gz"):
        told = place.ingest(again)
        assert f"{again}: already ingested" in told
        assert place.files() == files
    assert place.hosts() == v5_capture.hosts()


def test_twice_in_one_run(place):
    place.ingest("a.pcap", "a.pcap")
    assert place.hosts() == v5_capture.hosts()


def test_a_grown_file_adds_what_is_new(place):
    whole = v5_capture.capture(hours=5)
    at = len(v5_capture.capture(hours=3))
    for size in (at, at + 7, len(whole)):  # the second adds no whole record
        (place.home / "a.pcap").write_bytes(whole[:size])
        place.ingest("a.pcap")
    assert place.hosts() == v5_capture.hosts(hours=5)
    files = place.files()
    assert "already ingested" in place.ingest("a.pcap")
    assert place.files() == files


def test_what_was_cut_is_taken_back(place):
    """A file that grows while it is ingested again and again ends in a record that is no loss."""
    whole = v5_capture.capture(hours=5)
    sizes = [len(v5_capture.capture(hours=hours)) for hours in (2, 3, 4, 5)]
    for size, cut in ((sizes[0] + 30, 30), (sizes[1] + 1, 1), (sizes[1] + 9, 1), (sizes[2] + 77, 77), (sizes[3], None)):
        (place.home / "a.pcap").write_bytes(whole[:size])
        told = place.ingest("a.pcap", code=0 if cut is None or size == sizes[1] + 9 else 3)
        lost = duckdb.sql("select sum(records), sum(packets), sum(bytes) from read_parquet("
                          f"'{place.data}/losses/*/*/*.parquet') where cause = 'capture_cut'").fetchone()
        assert lost == ((1, 1, cut) if cut else (0, 0, 0))
    assert "found" in told and "1 records counted before as capture_cut" in told
    shown = subprocess.run([str(EARLGREY), "losses", "-d", "data", "-o", "csv"], cwd=place.home, text=True,
                           capture_output=True, check=True).stdout
    assert "capture_cut" not in shown
    assert place.hosts() == v5_capture.hosts(hours=5)


def test_a_changed_file_is_read_as_new_and_told(place):
    place.ingest("a.pcap")
    old = (place.home / "a.pcap").read_bytes()
    changed = old[:-500] + v5_capture.capture(first_host=500)[-500:]
    (place.home / "a.pcap").write_bytes(changed)
    told = place.ingest("a.pcap")
    assert "a.pcap" in told and "differ" in told
    assert len(place.hosts()) == 120
    files = place.files()
    (place.home / "old.pcap").write_bytes(old)
    for again in ("a.pcap", "old.pcap"):  # both are known now
        assert "already ingested" in place.ingest(again)
    assert place.files() == files


def microseconds(times):
    """Readers differ in unit and in how they say UTC; the moments must be the same."""
    naive = times.dt.tz_convert("UTC").dt.tz_localize(None) if times.dt.tz is not None else times
    return naive.astype("datetime64[us]").astype("int64")


def test_every_reader_sees_the_same(place):
    place.ingest("a.pcap")
    columns = ["start_time", "src_ip", "dst_port", "bytes", "exporter", "domain", "tcp_flags", "source"]
    wanted = duckdb.sql(f"select {', '.join(columns)} from read_parquet("
                        f"'{place.data}/flows/**/*.parquet', hive_partitioning=true, union_by_name=true) "
                        "order by src_ip").df()
    assert len(wanted) == 60
    arrow = pyarrow.dataset.dataset(place.data / "flows", format="parquet", partitioning="hive")
    assert {"date", "hour"} <= set(arrow.schema.names)
    of_arrow = arrow.to_table(columns=columns).to_pandas().sort_values("src_ip", ignore_index=True)
    files = [str(path) for path in (place.data / "flows").rglob("*.parquet")]
    of_fast = fastparquet.ParquetFile(files).to_pandas(columns=columns).sort_values("src_ip", ignore_index=True)
    for other in (of_arrow, of_fast):
        for column in columns:
            left, right = wanted[column], other[column]
            if column == "start_time":
                left, right = microseconds(left), microseconds(right)
            assert list(left) == list(right), column


def test_types_are_ones_every_engine_has(place):
    place.ingest("a.pcap")
    schema = pyarrow.parquet.read_schema(place.data / place.files()[0])
    kinds = {str(field.type) for field in schema}
    assert kinds <= {"int16", "int32", "int64", "double", "bool", "string", "binary", "timestamp[us, tz=UTC]"}
    assert str(schema.field("start_time").type) == "timestamp[us, tz=UTC]"


def test_two_at_once_with_sources_of_their_own(place):
    for number in range(1, 5):
        (place.home / f"c{number}.pcap").write_bytes(
            v5_capture.capture(first_host=1000 * number, exporter=(192, 0, 2, number)))
    running = [subprocess.Popen([str(EARLGREY), "ingest", f"c{number}.pcap", "-d", "data", "-q"],
                                cwd=place.home, stderr=subprocess.PIPE, text=True) for number in range(1, 5)]
    for process in running:
        _, told = process.communicate(timeout=120)
        assert process.returncode == 0, told
    assert place.hosts() == sorted(host for number in range(1, 5) for host in v5_capture.hosts(first_host=1000 * number))


def test_a_source_that_is_being_ingested(place):
    """The first stops at a pipe behind its first file, and holds the lock of that file meanwhile."""
    os.mkfifo(place.home / "pipe")
    first = subprocess.Popen([str(EARLGREY), "ingest", "a.pcap", "pipe", "-d", "data"], cwd=place.home,
                             stderr=subprocess.PIPE, text=True)
    try:
        with open(place.home / "pipe", "wb"):  # waits until the first has come that far
            deadline = time.monotonic() + 60
            while not list(place.data.glob("_earlgrey/locks/sources/source-*")) and time.monotonic() < deadline:
                time.sleep(0.01)
            before = place.files()
            told = place.ingest("a.pcap", code=1)
            assert f"a.pcap is being ingested into {place.data} by process {first.pid}" in told
            assert place.files() == before
    finally:
        first.communicate(timeout=60)
    assert place.hosts() == v5_capture.hosts()


def test_others_finish_meanwhile(place):
    """While the first stands at a pipe, others ingest captures that it comes to later: one that only
    begins like its next one, one that is its next but one, and the beginning of its last."""
    def make(name, first_host, hours=6):
        data = v5_capture.capture(hours=hours, per_hour=29, first_host=first_host)
        (place.home / name).write_bytes(data)
        return data
    make("a.pcap", 1000), make("like.pcap", 2000), make("next.pcap", 3000), make("copy.pcap", 4000)
    whole = make("grown.pcap", 5000)
    short = make("short.pcap", 5000, hours=3)
    assert whole.startswith(short) and len(short) > 4096
    os.mkfifo(place.home / "pipe")
    words = ["a.pcap", "pipe", "next.pcap", "copy.pcap", "grown.pcap"]
    first = subprocess.Popen([str(EARLGREY), "ingest", *words, "-d", "data"], cwd=place.home,
                             stderr=subprocess.PIPE, text=True)
    try:
        with open(place.home / "pipe", "wb"):  # waits until the first has come that far
            place.ingest("like.pcap", "copy.pcap")
            place.ingest("short.pcap")
    finally:
        _, told = first.communicate(timeout=60)
    assert first.returncode in (0, 3), told  # the pipe was empty
    assert "just ingested" not in told
    assert "copy.pcap: already ingested" in told
    assert place.hosts() == sorted(host for first in (1000, 2000, 3000, 4000, 5000)
                                   for host in v5_capture.hosts(6, 29, first))
    assert not list(place.data.glob("_earlgrey/locks/sources/*"))


def test_more_captures_than_files_may_be_open(place):
    names = []
    for number in range(200):
        names.append(f"m{number}.pcap")
        (place.home / names[-1]).write_bytes(
            v5_capture.capture(hours=1, per_hour=2, first_host=2 * number, start=v5_capture.START + number))
    done = subprocess.run(["sh", "-c", 'ulimit -n 60; exec "$@"', "sh", str(EARLGREY), "ingest", *names, "-d", "data"],
                          cwd=place.home, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert len(place.hosts()) == 400


def test_a_newer_dataset_is_refused(place):
    place.ingest("a.pcap")
    about = place.data / "_earlgrey" / "dataset.json"
    about.write_text('{"schema": 2, "program": "0.9.0"}', encoding="utf-8")
    for words in (["ingest", "a.pcap", "-d", "data"], ["top", "-d", "data"], ["doctor", "-d", "data"]):
        told = place.run(*words, code=1)
        assert "schema version 2" in told and "0.9.0" in told and "up to version 1" in told


@pytest.fixture(name="small_disk")
def _small_disk(tmp_path):
    with mounted(tmp_path / "data", "200k") as disk:
        yield disk


def test_a_full_disk(place, small_disk):
    place.ingest("a.pcap")
    before = place.files()
    many = [v5_capture.capture(hours=1, per_hour=29, first_host=30 * n, exporter=(192, 0, 2, 2))[24:] for n in range(900)]
    (place.home / "big.pcap").write_bytes(v5_capture.capture(hours=0) + b"".join(many))
    told = place.ingest("big.pcap", code=1)
    assert str(small_disk) in told and "free some space" in told
    assert place.files() == before
    assert not list(place.data.rglob("*.tmp"))
    resize(small_disk, "200m")
    place.ingest("big.pcap")
    assert len(place.hosts()) == 60 + 900 * 29

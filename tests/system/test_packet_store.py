# SPDX-License-Identifier: Apache-2.0
"""The packet store as a user meets it: what `ingest --keep` leaves behind, that every row finds its packet
there, what happens when a capture vanishes or changes, and a kill at any call."""
import gzip
import json
import lzma
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import time

import duckdb
import pytest
from conftest import EARLGREY
from killed import HERE, Killer
from lone_wire import wait_for, wire  # noqa: F401
from small_disk import mounted, resize


def capture_of(count, start=1767355200, length=60, link_type=1):
    """A pcap file; each payload says its number."""
    head = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link_type)
    return head + b"".join(struct.pack("<IIII", start + i // 100, i % 100 * 10000, length, length) +
                           (b"\x02" * 12 + b"\x88\xb5" + struct.pack(">I", i)).ljust(length, b"\0") for i in range(count))


def rows(dataset):
    sql = f"""select file, "offset", captured from read_parquet('{dataset}/packets/*/*/*.parquet') order by file, "offset" """
    return duckdb.sql(sql).fetchall()


def content(dataset, file):
    """The uncompressed bytes of what a row's `file` names."""
    path = pathlib.Path(file) if file.startswith("/") else pathlib.Path(dataset) / file
    if path.suffix == ".zst":
        return subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=True).stdout
    return path.read_bytes()


def captures(earlgrey, dataset):
    told = earlgrey.ok("inspect", dataset, "--captures", "--json")
    return [json.loads(line) for line in told.splitlines()]


def packers():
    zstd = ["zstd", "-cq"]
    yield "gz", gzip.compress
    yield "xz", lzma.compress
    if shutil.which("zstd"):
        yield "zst", lambda data: subprocess.run(zstd, input=data, capture_output=True, check=True).stdout
    if shutil.which("lz4"):
        yield "lz4", lambda data: subprocess.run(["lz4", "-cq"], input=data, capture_output=True, check=True).stdout


def test_what_is_kept(earlgrey, tmp_path):
    data = capture_of(2000)
    (tmp_path / "a.pcap").write_bytes(data)
    told = earlgrey.run("ingest", "a.pcap", "-d", "linked").stderr
    assert "captures             1 pointed to where they are" in told
    (kept,) = captures(earlgrey, "linked")
    assert kept["capture"] == kept["place"] == str(tmp_path / "a.pcap")
    assert kept["packets"] == 2000 and kept["bytes"] == len(data) and kept["state"] == "unchanged"
    assert not (tmp_path / "linked" / "captures").exists()
    for ending, pack in packers():
        (tmp_path / f"a.pcap.{ending}").write_bytes(pack(data))
        account = json.loads(earlgrey.ok("ingest", f"a.pcap.{ending}", "-d", ending, "--json"))
        (kept,) = captures(earlgrey, ending)
        assert account["captures"] == {"linked": 0, "copied": 1, "bytes": len(data),
                                       "stored": pathlib.Path(kept["place"]).stat().st_size}
        assert kept["form"] == "seekable zstd" and kept["capture"].endswith(".pcap.zst")
        assert content(tmp_path / ending, kept["capture"]) == data
    earlgrey.ok("ingest", "-", "-d", "piped", stdin=data, text=False)
    (kept,) = captures(earlgrey, "piped")
    assert kept["capture"].startswith("captures/2026-01-02/standard-input-")
    assert content(tmp_path / "piped", kept["capture"]) == data
    earlgrey.ok("ingest", "a.pcap", "--keep", "copy", "-d", "copied")
    (kept,) = captures(earlgrey, "copied")
    assert kept["form"] == "as it came" and content(tmp_path / "copied", kept["capture"]) == data
    earlgrey.ok("ingest", "a.pcap", "--keep", "none", "-d", "none")
    assert captures(earlgrey, "none") == [] and len(rows(tmp_path / "none")) == 2000
    earlgrey.ok("ingest", "a.pcap", "--tables", "flows", "-d", "flows")
    assert captures(earlgrey, "flows") == []


def test_a_moved_capture_is_found_again(earlgrey, tmp_path):
    (tmp_path / "a.pcap").write_bytes(capture_of(100))
    earlgrey.ok("ingest", "a.pcap", "-d", "data")
    before = rows(tmp_path / "data")
    (tmp_path / "a.pcap").rename(tmp_path / "b.pcap")
    assert "is gone" in earlgrey.run("packets", "-d", "data", "-w", "lost.pcap").stderr
    told = earlgrey.run("ingest", "b.pcap", "-d", "data").stderr
    assert "nothing in it is new; the packets of" in told and "are found here" in told
    assert "captures             1 pointed to where they are" in told
    earlgrey.ok("packets", "-d", "data", "-w", "found.pcap")
    assert (tmp_path / "found.pcap").read_bytes()[24:] == (tmp_path / "b.pcap").read_bytes()[24:]
    assert rows(tmp_path / "data") == before
    (kept,) = captures(earlgrey, "data")
    assert kept["capture"] == str(tmp_path / "a.pcap") and kept["place"] == str(tmp_path / "b.pcap")
    assert "found here" not in earlgrey.run("ingest", "b.pcap", "-d", "data").stderr
    folder = tmp_path / "in"
    folder.mkdir()
    (tmp_path / "b.pcap").rename(folder / "c.pcap")
    earlgrey.ok("ingest", "in", "-d", "data")
    assert captures(earlgrey, "data")[0]["place"] == str(folder / "c.pcap")
    (folder / "c.pcap").rename(tmp_path / "a.pcap")
    told = earlgrey.run("ingest", "a.pcap", "-d", "data").stderr
    assert "nothing in it is new; its packets are found here again" in told and "not there any more" not in told


@pytest.mark.parametrize("ingested", [False, True])
def test_a_place_that_another_capture_took(earlgrey, tmp_path, ingested):
    """What is said of the one that was moved is what mends it."""
    data, words = capture_of(100), ["-d", "data", "-t", "2026-01-02,2026-01-03"]
    (tmp_path / "a.pcap").write_bytes(data)
    earlgrey.ok("ingest", "a.pcap", "-d", "data")
    (tmp_path / "a.pcap").rename(tmp_path / "b.pcap")
    (tmp_path / "a.pcap").write_bytes(capture_of(100, start=1767528000, length=70))
    if ingested:
        earlgrey.ok("ingest", "a.pcap", "-d", "data")
    for done in (earlgrey.run("packets", *words, "-w", "lost.pcap"), earlgrey.run("doctor", "-d", "data")):
        assert done.returncode in (1, 3)
        assert f"{tmp_path}/a.pcap was changed since" in done.stderr + done.stdout
        assert "if it was moved, ingest it from where it is now" in done.stderr + done.stdout
    assert not (tmp_path / "lost.pcap").exists()
    earlgrey.ok("ingest", "b.pcap", "-d", "data")
    earlgrey.ok("packets", *words, "-w", "found.pcap")
    assert (tmp_path / "found.pcap").read_bytes()[24:] == data[24:]
    assert earlgrey.run("doctor", "-d", "data").returncode == 0


@pytest.mark.parametrize("how", [["--keep", "link"], ["--keep", "copy"], ["--keep", "none"]])
def test_what_expired_is_told_when_it_comes_again(earlgrey, tmp_path, how):
    (tmp_path / "a.pcap").write_bytes(capture_of(100, start=1577836800))
    (tmp_path / "b.pcap").write_bytes(capture_of(100))
    told = "a.pcap: already ingested, nothing in it is new"
    why = "its packets expired, on purpose: to have them again, ingest it into another dataset"
    earlgrey.ok("ingest", "a.pcap", "b.pcap", "-d", "data", *how)
    again = earlgrey.run("ingest", "a.pcap", "-d", "data", *how)
    assert told in again.stderr and "expired" not in again.stderr
    earlgrey.ok("expire", "-d", "data", "--older", f"{int((time.time() - 1600000000) / 3600)}h")
    for name, expired in (("a.pcap", True), ("b.pcap", False)):
        again = earlgrey.run("ingest", name, "-d", "data", *how)
        assert again.returncode == 0 and f"{name}: already ingested" in again.stderr
        assert (why in again.stderr) == expired, again.stderr
    # nothing is damaged by that, nor when all has gone
    assert earlgrey.run("doctor", "-d", "data").returncode == 0
    assert earlgrey.rows("packets", "-d", "data", "-n", "1")
    earlgrey.ok("expire", "-d", "data", "--max-bytes", "1")
    assert earlgrey.run("doctor", "-d", "data").returncode == 0
    done = earlgrey.run("packets", "-d", "data")
    assert done.returncode == 0 and "gone" not in done.stderr
    assert why in earlgrey.run("ingest", "b.pcap", "-d", "data", *how).stderr
    earlgrey.ok("ingest", "a.pcap", "-d", "other", *how)
    assert len(rows(tmp_path / "other")) == 100


def test_an_index_that_was_taken_away(earlgrey, tmp_path):
    (tmp_path / "a.pcap").write_bytes(capture_of(100))
    earlgrey.ok("ingest", "a.pcap", "-d", "data")
    shutil.rmtree(tmp_path / "data" / "packets")
    for words in (["-d", "data"], ["-d", "data", "-w", "out.pcap"], ["-d", "data", "-c", "1", "--pdml"], ["fixed", "-st", "0", "-d", "data"]):
        done = earlgrey.run("packets", *words)
        assert done.returncode == 1 and done.stdout == "", words
        assert "the index of data is gone (data/packets, 100 rows)" in done.stderr
    for verb in ("top", "trend"):
        done = earlgrey.run(verb, "-d", "data", "--packets")
        assert done.returncode == 1 and done.stdout == "" and "the index of data is gone" in done.stderr
    assert not list(tmp_path.glob("*out.pcap*"))
    done = earlgrey.run("doctor", "-d", "data")
    assert done.returncode == 1 and "data/packets is gone, and 100 rows with it" in done.stdout
    assert earlgrey.rows("flows", "-d", "data")  # of flows nothing is missing
    # on purpose: said once, then there is nothing more to say, and nothing comes back by itself
    told = earlgrey.ok("doctor", "-d", "data", "--accept-missing")
    assert re.search(r"^note +packets: 100 rows of files that are gone were forgotten", told, re.M) and "broken" not in told
    assert not re.search("^(broken|note +packets|lost)", earlgrey.ok("doctor", "-d", "data"), re.M)
    done = earlgrey.run("packets", "-d", "data")
    assert done.returncode == 0 and "gone" not in done.stderr
    assert json.loads(earlgrey.ok("ingest", "a.pcap", "-d", "data", "--json"))["inputs_known"] == 1
    shutil.rmtree(tmp_path / "data" / "flows")  # another accident is told again
    done = earlgrey.run("doctor", "-d", "data")
    assert done.returncode == 1 and re.search("^broken +.*data/flows is gone", done.stdout, re.M)


@pytest.mark.parametrize("how", [["--keep", "link"], ["--keep", "copy"], ["--keep", "none"], ["--tables", "flows"]])
def test_a_shorter_copy_is_known(earlgrey, tmp_path, how):
    data = capture_of(1000)
    (tmp_path / "a.pcap").write_bytes(data)
    earlgrey.ok("ingest", "a.pcap", "-d", "data", *how)
    sums = "select count(*) n, sum(packets) p, sum(bytes) b from flows"
    before = earlgrey.rows("sql", sums, "-d", "data")
    (tmp_path / "cut.pcap").write_bytes(data[:24 + 400 * 76 + 30])
    (tmp_path / "less.pcap.gz").write_bytes(gzip.compress(data[:24 + 7 * 76]))
    account = json.loads(earlgrey.ok("ingest", "cut.pcap", "less.pcap.gz", "-d", "data", "--json", *how))
    assert account["inputs_known"] == 2 and account["kept"]["flows"] == account["kept"]["packets"] == 0
    assert [told["message"] for told in account["remarks"]] == [
        f"{name}: already ingested, it is the beginning of a.pcap" for name in ("cut.pcap", "less.pcap.gz")]
    assert earlgrey.rows("sql", sums, "-d", "data") == before
    # another one that only begins alike is not
    (tmp_path / "other.pcap").write_bytes(data[:24 + 400 * 76] + data[24 + 500 * 76:24 + 600 * 76])
    account = json.loads(earlgrey.ok("ingest", "other.pcap", "-d", "data", "--json", *how))
    assert account["inputs_known"] == 0 and account["kept"]["flows"] > 0
    # in one run, the longer one first; and where nothing is left to compare with
    account = json.loads(earlgrey.ok("ingest", "a.pcap", "cut.pcap", "-d", "at-once", "--json", *how))
    assert account["inputs_known"] == 1
    (tmp_path / "a.pcap").unlink()
    (tmp_path / "other.pcap").unlink()
    (tmp_path / "short.pcap").write_bytes(data[:24 + 300 * 76])
    told = earlgrey.run("ingest", "short.pcap", "-d", "data", *how).stderr
    assert ("it is the beginning of" if "copy" in how else "may be there twice") in told


@pytest.fixture(name="changing", scope="module")
def _changing(tmp_path_factory):
    """Runs an ingest of big.pcap during which that file changes."""
    library = tmp_path_factory.mktemp("change") / "change_read.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, HERE / "change_read.c", "-ldl"], check=True)

    def run(home, after, *words, size=None, byte=None):
        env = dict(os.environ) | {"LD_PRELOAD": str(library), "EG_CHANGE_NAME": "/big.pcap", "EG_CHANGE_AFTER": str(after)}
        env |= {"EG_CHANGE_SIZE": str(size)} if size is not None else {"EG_CHANGE_BYTE": str(byte)}
        return subprocess.run([EARLGREY, "ingest", "big.pcap", *words, "--threads", "1"], cwd=home, env=env,
                              capture_output=True, text=True, timeout=120, check=False)
    return run


@pytest.mark.skipif("asan" in str(EARLGREY) or "tsan" in str(EARLGREY), reason="a sanitizer wants to be loaded first")
@pytest.mark.parametrize("keep", ["copy", "link", "none"])
def test_a_capture_that_changes_while_it_is_read(earlgrey, tmp_path, changing, keep):
    """Rows, copy and position are of what was read, whatever the file is by then; one that becomes shorter is
    cut there, and what was read of it is kept. When it is whole again, the rest comes."""
    data = capture_of(160000, length=60)  # three units
    words = ["-d", "data", "--keep", keep]
    (tmp_path / "big.pcap").write_bytes(data)
    done = changing(tmp_path, len(data) - 1, *words, byte=5000)
    assert done.returncode == 0, done.stderr
    assert len(rows(tmp_path / "data")) == 160000
    if keep == "copy":
        assert content(tmp_path / "data", captures(earlgrey, "data")[0]["capture"]) == data
    if keep == "link":
        assert captures(earlgrey, "data")[0]["state"] == "changed"
    shutil.rmtree(tmp_path / "data")
    for after, size, least in ((len(data) - 1, 100, 160000), (5_000_000, 3_000_000, 50000)):
        (tmp_path / "big.pcap").write_bytes(data)
        done = changing(tmp_path, after, *words, size=size)
        assert done.returncode == (0 if least == 160000 else 3), done.stderr
        there = rows(tmp_path / "data")
        assert least <= len(there) <= (160000 if least == 160000 else 120000)
        if least < 160000:
            assert "became shorter while it was read; the packets before byte" in done.stderr
        (tmp_path / "big.pcap").write_bytes(data)
        earlgrey.ok("ingest", "big.pcap", *words)
        assert len(rows(tmp_path / "data")) == 160000
        assert earlgrey.rows("sql", "select sum(packets) n from flows", "-d", "data") == [{"n": 160000}]
        if keep == "copy":
            assert content(tmp_path / "data", captures(earlgrey, "data")[0]["capture"]) == data
        shutil.rmtree(tmp_path / "data")


@pytest.mark.skipif("asan" in str(EARLGREY) or "tsan" in str(EARLGREY), reason="a sanitizer wants to be loaded first")
@pytest.mark.parametrize("form", ["pcapng", "gzip"])
def test_a_stream_that_becomes_shorter(earlgrey, tmp_path, changing, form):
    """What is read from its beginning to its end says so in one line, too, and keeps what was whole."""
    capture, data = tmp_path / "big.pcap", capture_of(160000, length=60)
    (tmp_path / "plain.pcap").write_bytes(data)
    if form == "pcapng":
        subprocess.run(["editcap", "-F", "pcapng", tmp_path / "plain.pcap", capture], check=True)
    else:
        capture.write_bytes(gzip.compress(data, 1))
    size = capture.stat().st_size
    half = size // 2
    if form == "pcapng":  # between two packets, so that nothing but the size tells that some are missing
        whole, at = capture.read_bytes(), 0
        while at < half:
            at += struct.unpack_from("<I", whole, at + 4)[0]
        half = at
    done = changing(tmp_path, 0, "-d", "data", "--keep", "none", size=half)
    assert done.returncode == 3, done.stderr
    (told,) = [line for line in done.stderr.splitlines() if "big.pcap" in line]
    assert "big.pcap became shorter while it was read; the packets before byte" in told
    kept = earlgrey.rows("sql", "select count(*) n from packets", "-d", "data")[0]["n"]
    assert 40000 < kept < 120000


def test_packets_with_impossible_times(earlgrey, tmp_path):
    """Their rows and their flows are left out alike: sums over flows are sums over packets, in the answers as in
    quarantine, and both are told, per table."""
    start = 1767355200
    times = [(start, 0), (start, 2_000_000), (start, 1), (0, 0), (start, 2_000_001), (start + 1, 0), (start + 2, 5), (4_200_000_000, 0)]
    data = bytearray(capture_of(0))
    for i, (seconds, micros) in enumerate(times * 40):
        frame = b"\x02" * 12 + b"\x88\xb5" + struct.pack(">I", i)
        length = 60 + i % 100
        data += struct.pack("<IIII", seconds, micros, len(frame), length) + frame
    (tmp_path / "a.pcap").write_bytes(data)
    account = json.loads(earlgrey.ok("ingest", "a.pcap", "-d", "data", "--json"))
    assert account["kept"]["packets"] == 160 and account["quarantined"]["packets"] == 160
    assert account["quarantined"]["flows"] > 0
    def sums(place, what):
        return duckdb.sql(f"select sum({what})::bigint, sum({'bytes' if what == 'packets' else 'length'})::bigint from "
                          f"read_parquet('{tmp_path}/data/{place}')").fetchone()

    flows, packets = sums("flows/*/*/*.parquet", "packets"), sums("packets/*/*/*.parquet", "1")
    flows_aside, packets_aside = sums("quarantine/flows/*.parquet", "packets"), sums("quarantine/packets/*.parquet", "1")
    assert flows == packets and packets[0] == 160
    assert flows_aside == packets_aside and packets_aside[0] == 160
    told = earlgrey.run("ingest", "a.pcap", "-d", "again").stderr
    aside = account["quarantined"]["flows"]
    assert f"{aside} flows, 160 packets  quarantined" in told
    assert f"not in the answer: {aside} flows, 160 packets (quarantined)" in earlgrey.run("flows", "-d", "data").stderr
    read = earlgrey.rows("flows", "-r", "a.pcap", "--fields", "packets,bytes,start_time", "-n", "0")
    assert sum(row["packets"] for row in read) == 320


def test_a_name_that_is_no_text(earlgrey, tmp_path):
    """A path is bytes: what is not UTF-8 of it is escaped where text is needed, and found again."""
    data, folder = capture_of(30), os.fsencode(tmp_path) + b"/f\xff"
    os.mkdir(folder)
    path = folder + b"/caf\xe9 100%.pcap"
    pathlib.Path(os.fsdecode(path)).write_bytes(data)
    earlgrey.ok("ingest", os.fsdecode(folder), "-d", "data")
    name = f"{tmp_path}/f%FF/caf%E9 100%25.pcap"
    assert {row[0] for row in rows(tmp_path / "data")} == {name}
    for rebuild in (False, True):
        if rebuild:
            shutil.rmtree(tmp_path / "data" / "_earlgrey" / "commits")
            earlgrey.ok("doctor", "--rebuild", "-d", "data")
        earlgrey.ok("packets", "-d", "data", "-w", "out.pcap", "--force")
        assert (tmp_path / "out.pcap").read_bytes()[24:] == data[24:]
    os.rename(path, folder + b"/\xfe")
    done = earlgrey.run("packets", "-d", "data", "-w", "lost.pcap", text=False)
    told = path.replace(b"\xff", b"\\xff").replace(b"\xe9", b"\\xe9")  # a terminal takes no other bytes
    assert done.returncode == 1 and told + b" is gone" in done.stderr
    earlgrey.ok("ingest", os.fsdecode(folder), "-d", "data")
    earlgrey.ok("packets", "-d", "data", "-w", "out.pcap", "--force")
    assert earlgrey.run("doctor", "-d", "data").returncode == 0


def test_a_packet_must_be_the_one_that_was_indexed(earlgrey, tmp_path):
    """To the nanosecond, also where neither size nor time of the file tell that it was changed."""
    capture = tmp_path / "ns.pcap"
    data = bytearray(capture_of(100))
    data[:4] = struct.pack("<I", 0xa1b23c4d)  # nanoseconds
    capture.write_bytes(data)
    earlgrey.ok("ingest", "ns.pcap", "-d", "data")
    assert len(earlgrey.ok("packets", "-d", "data", "-w", "-", text=False)) == len(data)
    stamp = capture.stat().st_mtime_ns
    data[24 + 76 * 50 + 4] += 1  # of packet 50
    capture.write_bytes(data)
    os.utime(capture, ns=(stamp, stamp))
    done = earlgrey.run("packets", "-d", "data", "-w", "out.pcap")
    assert done.returncode == 1
    assert f"the packet at byte {24 + 76 * 50} is not the one that was indexed" in done.stderr


def test_what_does_not_stay_is_copied(earlgrey, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    data = capture_of(50)
    (folder / "a.pcap").write_bytes(data)
    done = earlgrey.run("ingest", "in", "--after", "delete", "--keep", "link", "-d", "data")
    assert done.returncode == 2 and "--keep link points to files where they are" in done.stderr
    assert (folder / "a.pcap").exists() and not (tmp_path / "data").exists()
    earlgrey.ok("ingest", "in", "--after", "delete", "-d", "data")
    assert not (folder / "a.pcap").exists()
    (kept,) = captures(earlgrey, "data")
    assert content(tmp_path / "data", kept["capture"]) == data


def test_a_pipe_cannot_be_linked(earlgrey, tmp_path):
    done = earlgrey.run("ingest", "-", "--keep", "link", "-d", "data", stdin=capture_of(5), text=False)
    assert done.returncode == 2 and b"standard input cannot be pointed to" in done.stderr
    assert not (tmp_path / "data").exists()


def test_every_row_finds_its_packet(earlgrey, tmp_path, shared):
    """The corpus, plain and packed: where a row points, a record with as many bytes begins, and all
    records have a row."""
    taken = 0
    for path in sorted((shared / "packets").rglob("*.pcap")):
        data = path.read_bytes()
        if data[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") or len(data) > 1 << 20:
            continue
        taken += 1
        packed = tmp_path / f"{taken}.pcap.gz"
        packed.write_bytes(gzip.compress(data))
        earlgrey.run("ingest", path if taken % 2 else packed, "-d", "data", "--tables", "packets", "-q")
    assert taken > 150
    seen = {}
    for file, offset, captured in rows(tmp_path / "data"):
        data = seen.setdefault(file, (content(tmp_path / "data", file), []))
        assert struct.unpack_from("<I", data[0], offset + 8)[0] == captured, (file, offset)
        data[1].append(offset)
    for file, (data, offsets) in seen.items():
        at = 24
        for offset in offsets:
            assert offset == at, file
            at += 16 + struct.unpack_from("<I", data, offset + 8)[0]
    # quarantined ones are not in the partitions; all others agree with the store
    kept = {c["capture"]: c for c in captures(earlgrey, "data")}
    assert set(seen) <= set(kept)
    assert all(c["state"] == "unchanged" for c in kept.values())
    assert sum(c["form"] == "seekable zstd" for c in kept.values()) > 50


def test_vanished_and_changed(earlgrey, tmp_path):
    data = capture_of(100)
    for name in ("gone", "changed", "grown", "fine"):
        (tmp_path / f"{name}.pcap").write_bytes(data.replace(b"\x02" * 12, name.encode().ljust(12, b"\1")))
    earlgrey.ok("ingest", "gone.pcap", "changed.pcap", "grown.pcap", "fine.pcap", "-d", "data")
    (tmp_path / "gone.pcap").unlink()
    with open(tmp_path / "changed.pcap", "r+b") as file:
        file.seek(3000)
        file.write(b"!")
    with open(tmp_path / "grown.pcap", "ab") as file:
        file.write(b"more")
    states = {pathlib.Path(c["place"]).stem: c["state"] for c in captures(earlgrey, "data")}
    assert states == {"gone": "gone", "changed": "changed", "grown": "unchanged", "fine": "unchanged"}
    done = earlgrey.run("doctor", "-d", "data")
    told = done.stdout
    assert done.returncode == 3 and told.count("\nlost ") == 2 and "\nbroken" not in told
    found = [json.loads(line) for line in earlgrey.run("doctor", "-d", "data", "--json").stdout.splitlines()]
    assert [one["text"].split()[-1] for one in found if one["state"] == "lost"] and \
        sum(one["state"] == "lost" for one in found) == 2
    assert f"{tmp_path}/gone.pcap is gone, and its packets with it: put it back" in told
    assert f"{tmp_path}/changed.pcap was changed since its packets were ingested (its checksum is another)" in told
    assert "grown.pcap" not in told and "fine.pcap" not in told
    earlgrey.ok("ingest", "fine.pcap", "-d", "data")  # known
    # a copy is the dataset's own: damage to it is damage to the dataset
    earlgrey.ok("ingest", "fine.pcap", "--keep", "copy", "-d", "copies")
    (kept,) = captures(earlgrey, "copies")
    pathlib.Path(kept["place"]).unlink()
    done = earlgrey.run("doctor", "-d", "copies")
    assert done.returncode == 1 and "ingest the capture again from the original, or restore the dataset's captures/" in done.stdout
    for damaged in (False, True):  # what was done about it, and again
        told = earlgrey.run("ingest", "fine.pcap", "-d", "copies").stderr
        assert "are found here" in told
        (now,) = captures(earlgrey, "copies")
        assert now["capture"] == kept["capture"] and now["place"] == str(tmp_path / "fine.pcap")
        earlgrey.ok("packets", "-d", "copies", "-w", "again.pcap", "--force")
        assert earlgrey.run("doctor", "-d", "copies").returncode == 0
        shutil.rmtree(tmp_path / "copies")
        earlgrey.ok("ingest", "fine.pcap", "--keep", "copy", "-d", "copies")
        (kept,) = captures(earlgrey, "copies")
        pathlib.Path(kept["place"]).write_bytes(b"damaged")
        told = earlgrey.run("packets", "-d", "copies", "-w", "lost.pcap").stderr
        assert "a copy of the dataset's own, is damaged" in told and "ingest the capture again" in told


def test_followed_files_stay_one(earlgrey, tmp_path):
    """A file that grows is one capture with all of its packets, however it is kept."""
    folder = tmp_path / "in"
    folder.mkdir()
    data = capture_of(3000)
    for keep in ("link", "copy"):
        for size in (5, 100, 101, 3000):
            (folder / "a.pcap").write_bytes(data[:24 + 76 * size + (7 if size < 3000 else 0)])
            earlgrey.run("ingest", "in", "--keep", keep, "-d", keep)
            (kept,) = captures(earlgrey, keep)
            assert kept["packets"] == size and kept["bytes"] == 24 + 76 * size
        assert kept["state"] == "unchanged" and content(tmp_path / keep, kept["capture"]) == data
        assert [row[1] for row in rows(tmp_path / keep)] == [24 + 76 * i for i in range(3000)]
        assert len({row[0] for row in rows(tmp_path / keep)}) == 1


def test_rebuilt_from_the_parquet_files(earlgrey, tmp_path):
    (tmp_path / "a.pcap").write_bytes(capture_of(500))
    (tmp_path / "b.pcap.gz").write_bytes(gzip.compress(capture_of(700, start=1767441600)))
    earlgrey.ok("ingest", "a.pcap", "b.pcap.gz", "-d", "data")
    before = captures(earlgrey, "data")
    earlgrey.ok("compact", "-d", "data")
    shutil.rmtree(tmp_path / "data" / "_earlgrey" / "commits")
    earlgrey.ok("doctor", "-d", "data", "--rebuild")
    assert captures(earlgrey, "data") == before and len(before) == 2


# ---- interfaces ----

def expect_frames(dataset, sent):
    """Each row's packet stands at its place; together they are what was sent, in order."""
    held, frames = {}, []
    for file, offset, captured in duckdb.sql(
            f"""select file, "offset", captured from read_parquet('{dataset}/packets/*/*/*.parquet') """).fetchall():
        data = held.setdefault(file, (dataset / file).read_bytes())
        seconds, ns, length, _ = struct.unpack_from("<IIII", data, offset)
        assert length == captured
        frames.append(((seconds, ns), data[offset + 16:offset + 16 + length]))
    assert [frame for _, frame in sorted(frames)] == sent


def frames_of(capture):
    """The frames of a little-endian pcap file."""
    data, at, frames = capture.read_bytes(), 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frames.append(data[at + 16:at + 16 + length])
        at += 16 + length
    return frames


def test_an_interface(earlgrey, wire, tmp_path, packets):
    run = wire.start(EARLGREY, "ingest", "iface:eg1", "--keep", "copy", "--interval", "200ms", "-d", tmp_path / "data",
                     stderr=subprocess.PIPE)
    try:
        assert "capturing on" in run.stderr.readline()
        wire.replay(packets[0], "--pps=20000")
        run.send_signal(signal.SIGTERM)
        _, told = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 0 and " copied, " in told, told
    sent = frames_of(packets[0])
    expect_frames(tmp_path / "data", sent)
    kept = captures(earlgrey, "data")
    assert 1 <= len(kept) <= 2  # the hour may end meanwhile
    assert sum(c["packets"] for c in kept) == len(sent)
    assert all(c["state"] == "unchanged" and "/eg1-2" in c["capture"] for c in kept)
    assert earlgrey.run("doctor", "-d", "data").returncode == 0
    read = [subprocess.run(["tcpdump", "-r", c["place"], "--count"], capture_output=True, text=True, check=True).stdout for c in kept]
    assert sum(int(text.split()[0]) for text in read) == len(sent)


def test_an_interface_killed(earlgrey, wire, tmp_path, packets):
    dataset = tmp_path / "data"
    for turn in range(3):
        run = wire.start(EARLGREY, "ingest", "iface:eg1", "--keep", "copy", "--interval", "100ms", "-d", dataset,
                         stderr=subprocess.PIPE)
        try:
            assert "capturing on" in run.stderr.readline()
            wire.replay(packets[0], "--pps=20000", "--limit=8000")
            wait_for(lambda: len(list(dataset.glob("packets/*/*/*.parquet"))) > turn)
        finally:
            run.kill()
            run.communicate()
    sent = frames_of(packets[0])
    held = {}
    seen = rows(dataset)
    for file, offset, captured in seen:
        data = held.setdefault(file, (dataset / file).read_bytes())
        assert struct.unpack_from("<I", data, offset + 8)[0] == captured
        assert data[offset + 16:offset + 16 + captured] in sent
    assert len(seen) > 1000 and len(held) == len(captures(earlgrey, "data"))
    assert all(c["state"] == "unchanged" for c in captures(earlgrey, "data"))


# ---- kills ----

def expect_visible_is_whole(dataset):
    """Whatever a reader sees of a dataset whose writer was killed: each row's file is there, and what
    stands there is the packet."""
    held = {}
    files = list(dataset.glob("packets/*/*/*.parquet"))
    for file, offset, captured in rows(dataset) if files else ():
        if file not in held:
            path = dataset / file
            # of one that is being written the end may be missing: what rows point to is not
            done = subprocess.run(["zstd", "-dcq", str(path)], capture_output=True, check=False) if path.suffix == ".zst" else None
            held[file] = done.stdout if done else path.read_bytes()
        assert struct.unpack_from("<I", held[file], offset + 8)[0] == captured, (file, offset)


@pytest.mark.skipif(not shutil.which("zstd"), reason="needs zstd")
def test_killed_after_every_call(tmp_path):
    (tmp_path / "a.pcap").write_bytes(capture_of(3000))
    (tmp_path / "b.pcap.gz").write_bytes(gzip.compress(capture_of(3000, start=1767358800)))
    killer, words = Killer(tmp_path), ("ingest", "a.pcap", "b.pcap.gz", "--keep", "copy", "--round-bytes", "1")
    calls = killer.calls(tmp_path / "whole", *words)
    expected = [(row[1], row[2]) for row in rows(tmp_path / "whole")]
    captures_calls = [i for i, line in enumerate(calls, 1) if "/captures" in line]
    assert len(captures_calls) > 10
    points = sorted(set(captures_calls) | set(range(1, len(calls) + 1, 10)))

    def after(dataset, where, _turn):
        expect_visible_is_whole(dataset)
        assert [(row[1], row[2]) for row in rows(dataset)] == expected, where
        kept = sorted(str(path.relative_to(dataset)) for path in (dataset / "captures").rglob("*") if path.is_file())
        assert kept == sorted({row[0] for row in rows(dataset)}) and len(kept) == 2, f"{where}: {kept}"
    killed, _ = killer.each(points, words, look=expect_visible_is_whole, after=after, often=3, stride=(6, 60))
    assert killed >= len(points) * 2 // 3  # rounds, and with them calls, are not the same in every run


@pytest.fixture(name="disk")
def _disk(tmp_path):
    with mounted(tmp_path / "disk", "6m") as disk:
        yield disk


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("rounds", [[], ["--round-bytes", "3000000"]])
def test_a_full_disk_while_captures_are_copied(earlgrey, disk, tmp_path, packed, rounds):
    """What was committed stands, with its packets; nothing else is left behind; with room the same command goes on."""
    data = bytearray(capture_of(120000))
    for i in range(120000):  # what does not compress
        data[24 + i * 76 + 46:24 + i * 76 + 76] = os.urandom(30)
    data = bytes(data)
    (tmp_path / "small.pcap").write_bytes(capture_of(10, start=1767000000))
    (tmp_path / "big.pcap").write_bytes(gzip.compress(data, 1) if packed else data)
    store = disk / "data"
    if packed:
        resize(disk, "3m")
    earlgrey.ok("ingest", "small.pcap", "--keep", "copy", "-d", store)
    words = ["ingest", "big.pcap", "--keep", "copy", "-d", store, "--threads", "1", *rounds]
    done = earlgrey.run(*words)
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("earlgrey:")]
    assert f"the disk of the dataset {store} is full: nothing of this step was kept" in line and "free some space" in line
    there = rows(store)
    assert 10 <= len(there) < 120010 and (rounds or len(there) == 10)
    kept = captures(earlgrey, store)
    assert sum(one["packets"] for one in kept) == len(there) and all(one["state"] == "unchanged" for one in kept)
    assert not list(store.rglob("*.tmp")) and len(list((store / "captures").rglob("*.pcap*"))) == len(kept)
    earlgrey.ok("packets", "-d", store, "-w", "out.pcap")
    assert (tmp_path / "out.pcap").stat().st_size == 24 + 76 * len(there)
    assert earlgrey.run("doctor", "-d", store).returncode == 0
    resize(disk, "60m")
    earlgrey.ok(*words)
    assert len(rows(store)) == 120010
    assert earlgrey.rows("sql", "select sum(packets) n from flows", "-d", store) == [{"n": 120010}]
    (big,) = [one for one in captures(earlgrey, store) if "big" in one["capture"]]
    assert content(store, big["capture"]) == data

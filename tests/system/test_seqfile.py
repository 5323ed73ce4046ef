# SPDX-License-Identifier: Apache-2.0
"""Hadoop sequence files: Hadoop reads what we write, byte for byte what it writes itself; we read what it
writes in every layout and codec; what `inspect` prints is what tshark sees."""
import datetime
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import time

import pytest
from conftest import EARLGREY, generated
from hadoop_jars import Hadoop

FIELDS = "time, length, captured, link_type, src_ip, dst_ip, src_port, dst_port, proto, ttl, tcp_flags"
ROWS = f"select {FIELDS} from packets order by time, src_ip, dst_ip, src_port, dst_port, ip_id, tcp_seq"


@pytest.fixture(scope="session")
def hadoop():
    return Hadoop()


def packets_of(capture):
    """[(µs, header of the file, record)] of a little-endian pcap of µs."""
    data = capture.read_bytes()
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    found, at = [], 24
    while at < len(data):
        seconds, micros, captured, _ = struct.unpack_from("<IIII", data, at)
        found.append((seconds * 10**6 + micros, data[at:at + 16 + captured]))
        at += 16 + captured
    return found


@pytest.fixture(name="written", scope="session")
def _written(tmp_path_factory, packets):
    """The generated packets as one sequence file of ours."""
    folder = tmp_path_factory.mktemp("written")
    done = subprocess.run([EARLGREY, "ingest", packets[0], "--to", f"seqfile:{folder}/out?run=r"], cwd=folder, check=True,
                          capture_output=True, text=True)
    assert done.returncode == 0
    [path] = [path for path in (folder / "out").iterdir() if not path.name.startswith(".")]
    return path


def test_hadoop_reads_what_we_write(earlgrey, hadoop, packets):
    earlgrey.ok("ingest", packets[0], "--to", "seqfile:out?num-packets=6000&run=r-1&topic=a_b&partition=3")
    names = sorted(path.name for path in (earlgrey.home / "out").iterdir() if not path.name.startswith("."))
    want = packets_of(packets[0])
    assert names == [f"pcap_a_b_{want[n][0] * 1000}_3_r-1" for n in (0, 6000, 12000, 18000)]
    got = hadoop.read(*(earlgrey.home / "out" / name for name in names))
    assert [key for key, _ in got] == [micros * 1000 for micros, _ in want]
    head = struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)
    assert [value for _, value in got] == [head + record for _, record in want]


def test_byte_for_byte_what_hadoop_writes(hadoop, written, tmp_path):
    """But for the mark, which each file draws by lot."""
    hadoop.copy(written, tmp_path / "theirs", "none")
    ours, theirs = written.read_bytes(), (tmp_path / "theirs").read_bytes()
    marks = ours[79:95], theirs[79:95]
    assert marks[0] != marks[1]
    assert ours.count(b"\xff\xff\xff\xff" + marks[0]) > 20
    assert ours.replace(marks[0], b"\0" * 16) == theirs.replace(marks[1], b"\0" * 16)


CODECS = ["DefaultCodec", "GzipCodec", "SnappyCodec", "Lz4Codec"]


@pytest.mark.parametrize("layout, codec, block, numbered", [
    ("none", "DefaultCodec", None, False), ("none", "DefaultCodec", None, True),
    *(("record", codec, None, False) for codec in CODECS), *(("block", codec, None, False) for codec in CODECS),
    ("block", "DefaultCodec", 2000, False), ("block", "SnappyCodec", 50_000_000, False),
    ("record", "DefaultCodec", None, True), ("block", "DefaultCodec", None, True)])
def test_we_read_what_hadoop_writes(earlgrey, hadoop, written, packets, layout, codec, block, numbered):
    hadoop.copy(written, earlgrey.home / "theirs", layout, codec, block, numbered)
    account = earlgrey.ok("ingest", "theirs", "--tables", "packets", "-d", "data", "--json")
    assert f'"packets":{packets[1]["packets"]}' in account.replace(" ", "")
    assert earlgrey.rows("sql", "-d", "data", ROWS) == earlgrey.rows("sql", "-r", packets[0], ROWS)
    assert earlgrey.rows("sql", "-d", "data", "select count(*) n, count(distinct \"offset\") places from packets") == \
        [{"n": packets[1]["packets"], "places": packets[1]["packets"]}]
    assert earlgrey.rows("sql", "-d", "data", "select * from losses") == []
    again = earlgrey.run("ingest", "theirs", "--tables", "packets", "-d", "data")
    assert "already ingested" in again.stderr and again.returncode == 0
    assert earlgrey.rows("sql", "-d", "data", "select count(*) n from packets") == [{"n": packets[1]["packets"]}]


@pytest.mark.parametrize("layout", ["none", "record", "block"])
def test_packets_are_picked_out_of_them(earlgrey, hadoop, written, packets, layout):
    """By the index of a dataset: only the records, or the blocks, that are needed."""
    hadoop.copy(written, earlgrey.home / "theirs", layout, "DefaultCodec", 50000)
    earlgrey.ok("ingest", "theirs", "-d", "data")
    got = []
    for words in (["-d", "data"], ["-r", packets[0]]):
        earlgrey.ok("packets", *words, "port 443 or udp", "-w", "picked.pcap")
        fields = ["frame.time_epoch", "frame.len", "ip.src", "ip.dst", "ip.id", "tcp.seq_raw", "tcp.flags", "udp.srcport"]
        text = subprocess.run(["tshark", "-n", "-r", earlgrey.home / "picked.pcap", "-T", "fields",
                               *(word for field in fields for word in ("-e", field))],
                              capture_output=True, text=True, check=True).stdout
        got.append(sorted(text.splitlines()))
        (earlgrey.home / "picked.pcap").unlink()
    assert len(got[0]) > 1000 and got[0] == got[1]


def test_a_codec_we_lack_is_named(earlgrey, hadoop, written):
    hadoop.copy(written, earlgrey.home / "theirs", "block", "BZip2Codec")
    done = earlgrey.run("ingest", "theirs", "-d", "data")
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "theirs cannot be read: a sequence file compressed with org.apache.hadoop.io.compress.BZip2Codec" in done.stderr
    assert not (earlgrey.home / "data").exists()


def test_a_file_that_hadoop_is_still_writing(earlgrey, hadoop, written, packets):
    """Cut anywhere, with what it holds; then the rest, and nothing twice."""
    for layout in ("none", "record", "block"):
        whole = earlgrey.home / f"whole-{layout}"
        hadoop.copy(written, whole, layout, "DefaultCodec", 100000)
        data = whole.read_bytes()
        path = earlgrey.home / layout
        seen = 0
        for part in (0.3, 0.6001, 0.95, 1):
            path.write_bytes(data[:int(len(data) * part)])
            done = earlgrey.run("ingest", layout, "--tables", "packets", "-d", f"data-{layout}")
            assert done.returncode in ((0, 3) if part < 1 else (0,)), done.stderr
            [row] = earlgrey.rows("sql", "-d", f"data-{layout}", "select count(*) n from packets")
            assert row["n"] > seen
            seen = row["n"]
        assert seen == packets[1]["packets"]
        assert earlgrey.rows("sql", "-d", f"data-{layout}", ROWS) == earlgrey.rows("sql", "-r", packets[0], ROWS)
        # what was counted as cut was taken back
        assert earlgrey.rows("sql", "-d", f"data-{layout}", "select coalesce(sum(bytes), 0) b from losses") == [{"b": 0}]


def test_what_inspect_prints_is_what_tshark_sees(earlgrey, written, packets):
    lines = earlgrey.ok("inspect", written).splitlines()
    fields = ["frame.time_epoch", "ip.src", "tcp.srcport", "udp.srcport", "ip.dst", "tcp.dstport", "udp.dstport",
              "ip.proto"]
    text = subprocess.run(["tshark", "-n", "-r", packets[0], "-T", "fields", "-E", "occurrence=f",
                           *(word for field in fields for word in ("-e", field))],
                          capture_output=True, text=True, check=True).stdout
    want = []
    for line in text.splitlines():
        epoch, src, tcp_src, udp_src, dst, tcp_dst, udp_dst, proto = line.split("\t")
        when = datetime.datetime.fromtimestamp(int(epoch.split(".")[0]), datetime.timezone.utc)
        hour = when.hour % 12 or 12
        ports = ((tcp_src or udp_src), (tcp_dst or udp_dst))
        want.append(f"TS: {when:%B} {when.day}, {when.year} {hour}:{when:%M:%S %p} UTC,ip_src_addr: {src}"
                    + (f",ip_src_port: {ports[0]}" if ports[0] else "") + f",ip_dst_addr: {dst}"
                    + (f",ip_dst_port: {ports[1]}" if ports[1] else "") + f",protocol: {proto}")
    icmp = re.compile(r",ip_(src|dst)_port: \d+(?=.*protocol: 1$)")
    assert [icmp.sub("", line) for line in lines] == want
    assert earlgrey.ok("inspect", "-n", "7", written).splitlines() == lines[:7]
    facts = earlgrey.ok("inspect", "--json", written)
    assert '"layout":"plain"' in facts and '"topic":"pcap","partition":0,"run":"r"' in facts
    assert f'"packets":{packets[1]["packets"]},' in facts


def test_a_killed_writer_loses_nothing_that_was_flushed(earlgrey, tmp_path_factory):
    capture = generated(tmp_path_factory, "gen_packets", "--packets", "300000", "--flows", "800", "--live", "100")[0]
    words = [EARLGREY, "ingest", "-", "--to", "seqfile:out?num-packets=50000&run=r", "--round-bytes", "1M"]
    data = capture.read_bytes()
    with subprocess.Popen(words, cwd=earlgrey.home, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        child.stdin.write(data[:len(data) // 2])
        child.stdin.flush()
        until = time.monotonic() + 60
        out = earlgrey.home / "out"
        while time.monotonic() < until and not (out.exists() and len(
                [name for name in os.listdir(out) if name.startswith("pcap_")]) >= 2):
            time.sleep(0.05)
        time.sleep(0.3)
        child.send_signal(signal.SIGKILL)
        child.wait(60)
    temporary = [name for name in os.listdir(out) if name.endswith(".tmp")]
    assert len(temporary) == 1
    # it is named at the next start, whatever comes of that
    (earlgrey.home / "bad.pcap").write_bytes(b"this is no capture")
    for sink in ("seqfile", "pcap"):
        shutil.copytree(out, earlgrey.home / sink)
        done = earlgrey.run("ingest", "bad.pcap", "-d", "data", "--to", f"{sink}:{sink}")
        assert done.returncode == 1 and "was left by a run that was killed" in done.stderr
        assert (earlgrey.home / sink / temporary[0][1:-4]).exists() and not list((earlgrey.home / sink).glob(".*.tmp"))
    done = earlgrey.run("ingest", capture, "--to", "seqfile:out?num-packets=0&max-time=0&run=again")
    assert done.returncode == 0, done.stderr
    assert "was left by a run that was killed" in done.stderr
    names = sorted(name for name in os.listdir(out) if not name.startswith("."))
    assert temporary[0][1:-4] in names and not [name for name in os.listdir(out) if name.endswith(".tmp")]
    counts = [earlgrey.ok("inspect", "--json", out / name) for name in names]
    packets = [int(re.search(r'"packets":(\d+)', text).group(1)) for text in counts]
    by_name = dict(zip(names, packets))
    again = [name for name in names if name.endswith("_again")]
    assert [by_name[name] for name in again] == [300000]
    first = [by_name[name] for name in names if name.endswith("_r")]
    assert len(first) >= 3 and first[:-1] == [50000] * (len(first) - 1)
    for text in counts:
        assert "capture_" not in text


@pytest.mark.parametrize("options, told", [
    ("run=a_b", "run: 'a_b' is no last part of a name"), ("topic=a/b", "topic: 'a/b' is no part of a name"),
    ("num-packets=x", "num-packets")])
def test_bad_usage(earlgrey, packets, options, told):
    done = earlgrey.run("ingest", packets[0], "--to", f"seqfile:out?{options}")
    assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") <= 2
    assert not (earlgrey.home / "out").exists()


def test_damage_is_told_by_retrieval(earlgrey, packets):
    """What cannot be read in the middle of a file is missing from the answer, and said."""
    earlgrey.ok("ingest", packets[0], "--to", "seqfile:out?num-packets=7000&run=r")
    name = max((p for p in (earlgrey.home / "out").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    raw = bytearray(name.read_bytes())
    raw[200000:200400] = bytes(byte ^ 0x5A for byte in raw[200000:200400])
    (earlgrey.home / "damaged.seq").write_bytes(raw)
    done = earlgrey.run("packets", "-r", "damaged.seq", "-w", "left.pcap", "--receipt", "r.json")
    assert done.returncode == 3 and "damaged.seq is damaged at byte " in done.stderr
    assert "damaged" in json.loads((earlgrey.home / "r.json").read_text())["read"]["trouble"]
    assert (earlgrey.home / "left.pcap").stat().st_size > 100000

# SPDX-License-Identifier: Apache-2.0
"""`packets fixed` and `packets query` as Metron's scripts call them, and packets taken apart by tshark."""
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import time
import xml.etree.ElementTree

import pytest
from conftest import EARLGREY
from packet_reader import read, tcpdump


@pytest.fixture(name="asked")
def _asked(earlgrey, packets):
    """(program, capture) with the capture ingested into ./data."""
    path, _truth = packets
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    return earlgrey, path


def results(earlgrey, prefix):
    """The packets of the files with this prefix, in their order; the files are gone then."""
    files = sorted(earlgrey.home.glob(f"pcap-data-{prefix}+*.pcap"))
    assert [f.name for f in files] == [f"pcap-data-{prefix}+{i + 1:04}.pcap" for i in range(len(files))]
    found = [read(f) for f in files]
    for file in files:
        file.unlink()
    return found


def busiest(path):
    """(source, destination, source port, destination port) of the most frequent kind of TCP packet."""
    counts = {}
    for packet in tcpdump(path, "tcp"):
        d = packet.data
        key = (".".join(map(str, d[26:30])), ".".join(map(str, d[30:34])), int.from_bytes(d[34:36], "big"),
               int.from_bytes(d[36:38], "big"))
        counts[key] = counts.get(key, 0) + 1
    return max(counts, key=counts.get)


def test_fixed_selects_what_bpf_does(asked):
    earlgrey, path = asked
    sa, da, sp, dp = busiest(path)
    way = f"src host {sa} and dst host {da} and src port {sp} and dst port {dp}"
    back = f"src host {da} and dst host {sa} and src port {dp} and dst port {sp}"
    for words, bpf in (
            (["-sa", sa, "-da", da, "-sp", sp, "-dp", dp, "-p", "6"], f"tcp and {way}"),
            (["--ip_src_addr", sa, "-ip_dst_addr", da, "-ip_src_port", sp, "--ip_dst_port", dp, "-protocol", "TCP",
              "--include_reverse"], f"tcp and (({way}) or ({back}))"),
            (["-sa", sa, "-ir"], f"ip and host {sa}"),
            (["-dp", dp, "-p", "udp", "-sa", "", "-sp", ""], f"udp dst port {dp}"),
            (["-p", "icmp"], "icmp"),
            (["-ir"], "")):
        earlgrey.ok("packets", "fixed", "-st", "0", *words, "-bp", "data", "-pre", "t", "-rpf", "700")
        found = results(earlgrey, "t")
        assert all(len(part) == 700 for part in found[:-1])
        want = sorted(tcpdump(path, *([bpf] if bpf else [])))
        assert sorted(p for part in found for p in part) == want, words
        times = [p.time_ns for part in found for p in part]
        assert times == sorted(times)


def test_patterns_and_expressions(asked):
    earlgrey, path = asked
    everything = read(path)
    want = sorted(p for p in everything if b"\x02\x04\x05\xb4" in p.data)
    earlgrey.ok("packets", "fixed", "-st", "0", "-pf", "02 04 05 b4", "-bp", "data", "-pre", "t")
    assert sorted(p for part in results(earlgrey, "t") for p in part) == want
    # the 40 bytes before a packet are no part of it, unless that is asked for
    earlgrey.ok("packets", "fixed", "-st", "0", "-pf", "d4c3b2a1", "-bp", "data", "-pre", "t")
    assert not results(earlgrey, "t")
    earlgrey.ok("packets", "fixed", "-st", "0", "-pf", "d4c3b2a1", "-pfo", "stored", "-bp", "data", "-pre", "t")
    assert sum(map(len, results(earlgrey, "t"))) == len(everything)
    _sa, _da, _sp, dp = busiest(path)
    for expression, bpf in ((f"ip_dst_port == {dp} and protocol == 6", f"tcp dst port {dp}"),
                            (f"ip_dst_port in [{dp}, 80]", f"dst port {dp} or dst port 80"), ("", "")):
        earlgrey.ok("packets", "query", "-st", "0", "-q", expression, "-bp", "data", "-pre", "t")
        found = [p for part in results(earlgrey, "t") for p in part]
        assert sorted(found) == sorted(tcpdump(path, *([bpf] if bpf else []))), expression


def test_times(asked):
    earlgrey, path = asked
    everything = read(path)
    first = everything[0].time_ns // 10**6
    low, high = first + 100, first + 2000
    want = sorted(p for p in everything if low * 10**6 <= p.time_ns and p.time_ns // 1000 <= high * 1000)
    assert 0 < len(want) < len(everything)
    stamps = [time.strftime("%Y%m%d%H%M%S", time.gmtime(t // 1000)) + f"{t % 1000:03}" for t in (low, high)]
    rfc = [time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t // 1000)) + f".{t % 1000:03}Z" for t in (low, high)]
    for words in (["-st", low, "-et", high], ["-st", stamps[0], "-et", stamps[1], "-df", "yyyyMMddHHmmssSSS"],
                  ["-start_time", rfc[0], "-end_time", rfc[1]],
                  ["-st", rfc[0], "-et", rfc[1], "-df", "yyyy-MM-dd'T'HH:mm:ss.SSSX"]):
        earlgrey.ok("packets", "fixed", *words, "-bp", "data", "-pre", "t")
        assert sorted(p for part in results(earlgrey, "t") for p in part) == want, words
    # to the second, without a pattern: 14 digits are a date, as no packet is of the year that they would be as milliseconds
    seconds = time.strftime("%Y%m%d%H%M%S", time.gmtime(first // 1000))
    earlgrey.ok("packets", "fixed", "-st", seconds, "-bp", "data", "-pre", "t")
    assert sum(map(len, results(earlgrey, "t"))) == len(everything)
    # a capture that holds the beginning, and begins before it, is among them
    earlgrey.ok("packets", "fixed", "-st", low, "-et", low + 300, "-bp", path, "-pre", "t")
    assert results(earlgrey, "t")
    earlgrey.ok("packets", "fixed", "-st", low, "-bp", path, "-pre", "t") # up to now
    assert sum(map(len, results(earlgrey, "t"))) == sum(p.time_ns >= low * 10**6 for p in everything)


def test_results_that_exist(asked):
    """They are written over by --force alone; a prefix leads nowhere else."""
    earlgrey, _ = asked
    earlgrey.ok("packets", "fixed", "-st", "0", "-p", "udp", "-bp", "data", "-pre", "again")
    done = earlgrey.run("packets", "fixed", "-st", "0", "-p", "tcp", "-bp", "data", "-pre", "again")
    assert done.returncode in (1, 2) and "exists" in done.stderr
    earlgrey.ok("packets", "fixed", "-st", "0", "-p", "tcp", "-bp", "data", "-pre", "again", "-force")
    assert sum(map(len, results(earlgrey, "again"))) > 0
    (earlgrey.home / "pcap-data-x").mkdir(exist_ok=True)
    for prefix in ("x/y", "/tmp/y", "../y"):
        done = earlgrey.run("packets", "query", "-st", "0", "-q", "", "-bp", "data", "-pre", prefix)
        assert done.returncode == 2 and "must hold no slash" in done.stderr
    assert not list((earlgrey.home / "pcap-data-x").iterdir())


def test_local_times(asked):
    earlgrey, path = asked
    first = read(path)[0].time_ns // 10**9
    local = time.strftime("%Y-%m-%d %I:%M:%S %p", time.gmtime(first + 3600))
    zoned = time.strftime("%d %B %Y %H:%M:%S +0100", time.gmtime(first + 3600))
    for words, zone in ((["-st", local, "-df", "yyyy-MM-dd hh:mm:ss a"], "Etc/GMT-1"),
                        (["-st", zoned, "-df", "d MMMM yyyy H:m:s Z"], "Etc/GMT+5")):
        earlgrey.ok("packets", "fixed", *words, "-bp", "data", "-pre", "t", env={"TZ": zone})
        assert sum(map(len, results(earlgrey, "t"))) == len(read(path)), words


def test_directories_of_captures(earlgrey, packets):
    """Files of a directory, found in folders too, merged in the order of time."""
    path, _truth = packets
    everything = read(path)
    (earlgrey.home / "store" / "deep").mkdir(parents=True)
    half = path.read_bytes()
    cut = 24 + sum(16 + len(p.data) for p in everything[:3000])
    (earlgrey.home / "store" / "deep" / "a.pcap").write_bytes(half[:24] + half[cut:])
    (earlgrey.home / "store" / "b.pcap").write_bytes(half[:cut])
    (earlgrey.home / "store" / "c.pcap.tmp").write_text("being written")
    earlgrey.ok("packets", "fixed", "-st", "0", "-p", "17", "-bp", "store", "-pre", "t")
    found = [p for part in results(earlgrey, "t") for p in part]
    want = tcpdump(path, "udp")
    assert sorted(found) == sorted(want) and [p.time_ns for p in found] == sorted(p.time_ns for p in want)


def test_names_of_results(asked):
    earlgrey, _path = asked
    earlgrey.ok("packets", "fixed", "-st", "0", "-bp", "data", "-rpf", "1000000", "-bop", "x", "-nr", "3", "-ft", "2C", "-yq", "q", "-ps")
    files = list(earlgrey.home.glob("pcap-data-*"))
    assert len(files) == 1 and re.fullmatch(r"pcap-data-\d{12}-[0-9a-f]{32}\+0001\.pcap", files[0].name)
    done = earlgrey.run("packets", "fixed", "-st", "0", "-sa", "203.0.113.99", "-bp", "data", "-pre", "none")
    assert done.returncode == 0 and not list(earlgrey.home.glob("pcap-data-none*"))


def test_several_link_types(earlgrey):
    """A pcap file holds one link type: what is said then works, in these forms and for the packets of flows."""
    frame = bytes(12) + b"\x08\x00" + bytes.fromhex("4500001c000000004011000a0a0000010a000002") + bytes.fromhex("0035003500080000")
    head = "<IHHiIII"
    for name, link, data, second in (("ether", 1, frame, 5), ("raw", 101, frame[14:], 6), ("late", 1, frame, 7)):
        (earlgrey.home / f"{name}.pcap").write_bytes(
            struct.pack(head, 0xa1b2c3d4, 2, 4, 0, 0, 65535, link) +
            struct.pack("<IIII", 1600000000 + second, 0, len(data), len(data)) + data)
    captures = ["ether.pcap", "raw.pcap", "late.pcap"]
    earlgrey.ok("ingest", "-q", *captures, "-d", "data", "--tables", "all")
    for words in (["packets", "fixed", "-st", "0", "-p", "udp"], ["packets", "query", "-st", "0", "-q", "protocol == 17"]):
        done = earlgrey.run(*words, "-bp", "data", "-pre", "t")
        hint = re.search(r"(\S+ pcapng) holds both", done.stderr)
        assert done.returncode == 2 and "link types 1 and 101" in done.stderr and not list(earlgrey.home.glob("pcap-data*"))
        earlgrey.ok(*words, "-bp", "data", "-pre", "t", "-rpf", "2", *hint[1].split())
        files = sorted(earlgrey.home.glob("pcap-data-*"))
        assert [f.name for f in files] == ["pcap-data-t+0001.pcapng", "pcap-data-t+0002.pcapng"]
        assert [(p.link, p.time_ns // 10**9 - 1600000000) for f in files for p in read(f)] == [(1, 5), (101, 6), (1, 7)]
        for file in files:
            file.unlink()
    flows = ["flows", "-q", "-d", "data", "--packets", "-w", "-"]
    done = earlgrey.run(*flows)
    hint = re.search(r"(\S+ pcapng) holds both", done.stderr)
    wrote = subprocess.run([EARLGREY, *flows, *hint[1].split()], cwd=earlgrey.home, capture_output=True, check=True)
    (earlgrey.home / "all.pcapng").write_bytes(wrote.stdout)
    assert done.returncode == 2 and [p.link for p in read(earlgrey.home / "all.pcapng")] == [1, 101, 1]
    done = earlgrey.run("flows", "-d", "data", "--packets", "--format", "pcapng")
    assert done.returncode == 2 and "--format is of captures: name one with -w" in done.stderr


@pytest.mark.parametrize("words, told", [
    (["fixed"], "-st (--start_time) is required"),
    (["fixed", "-st", "soon"], "is not a time"),
    (["fixed", "-st", "2026", "-df", "yyyyMMdd"], "not as the date pattern"),
    (["fixed", "-st", "20260102x", "-df", "yyyyMMdd"], "goes on behind the date pattern"),
    (["fixed", "-st", "1", "-df", "QQ"], "has a letter Q"),
    (["fixed", "-st", "5", "-et", "4"], "before the start"),
    (["fixed", "-st", "0", "-sa", "999.1.2.3"], "999.1.2.3"),
    (["fixed", "-st", "0", "-sp", "70000"], "70000"),
    (["fixed", "-st", "0", "-sa", "10.0.0.1 or host 10.0.0.2"], "-sa takes one value, not '10.0.0.1 or host 10.0.0.2'"),
    (["fixed", "-st", "0", "-p", "6 or proto 17"], "-p takes one value"),
    (["fixed", "-st", "0", "-dp", "80)"], "-dp takes one value"),
    (["fixed", "-st", "0", "-p", "nonesuch"], "nonesuch"),
    (["fixed", "-st", "0", "-pf", "'x"], "the quote is not closed"),
    (["fixed", "-st", "0", "-of", "csv"], "output_format"),
    (["fixed", "-st", "0", "-rpf", "0"], "records_per_file"),
    (["fixed", "-st", "0", "-sx", "x"], "unknown option --sx"),
    (["fixed", "-st", "0", "stray"], "'stray' belongs to no option"),
    (["fixed", "-bp", "data", "-st"], "needs a value"),
    (["query", "-st", "0", "-q", "NONE()"], "there is no function NONE"),
    (["fixed", "-st", "0", "-bp", "/nowhere"], "there is nothing at /nowhere"),
])
def test_bad_usage(asked, words, told):
    earlgrey, _path = asked
    before = sorted(earlgrey.home.iterdir())
    done = earlgrey.run("packets", *words, *([] if "-bp" in words else ["-d", "data"]))
    assert done.returncode == 2 and told in done.stderr, done.stderr
    assert sorted(earlgrey.home.iterdir()) == before


def test_help_of_the_forms(earlgrey):
    assert "packets fixed -h" in earlgrey.ok("packets", "-h")
    assert "-rpf, --records_per_file N" in earlgrey.ok("packets", "fixed", "-h")
    assert earlgrey.ok("help", "packets", "query") == earlgrey.ok("packets", "query", "-h")
    assert earlgrey.run("help", "packets", "other").returncode == 2


# ---- taken apart ----

def test_pdml_is_what_tshark_prints(earlgrey, packets):
    path, _truth = packets
    mine = xml.etree.ElementTree.fromstring(earlgrey.ok("packets", "-q", "-r", path, "udp", "-c", "20", "--pdml"))
    raw = earlgrey.run("packets", "-q", "-r", path, "udp", "-c", "20", "-w", "-", text=False).stdout
    theirs = xml.etree.ElementTree.fromstring(
        subprocess.run(["tshark", "-n", "-r", "-", "-T", "pdml"], input=raw, capture_output=True, check=True).stdout)
    assert len(mine) == len(theirs) == 20
    for one, other in zip(mine, theirs):
        assert [p.get("name") for p in one] == [p.get("name") for p in other]
        assert [f.attrib for p in one if p.get("name") in ("ip", "udp") for f in p.iter("field")] == \
            [f.attrib for p in other if p.get("name") in ("ip", "udp") for f in p.iter("field")]


def tree(element):
    """An element of PDML as the JSON has it."""
    keys = ["name", "pos", "showname", "size", "hide"]
    if element.tag == "field":
        keys = ["name", "pos", "showname", "size", "value", "show", "unmaskedvalue", "hide"]
    found = {key: element.get(key) for key in keys}
    fields = [tree(e) for e in element if e.tag == "field"] if element.tag == "field" else [tree(e) for e in element]
    found["fields"] = fields or None
    if element.tag == "field":
        found["protos"] = [tree(e) for e in element if e.tag == "proto"] or None
    return found


def test_pdml_as_json(earlgrey, shared):
    """Every field of a page of packets of many kinds."""
    for name in ("pcapplusplus/example.pcap", "zeek/tunnels/gre-within-gre.pcap", "zeek/ftp/ipv4.pcap", "tcpdump/print-flags.pcap"):
        path = shared / "packets" / name
        told = json.loads(earlgrey.ok("packets", "-q", "-r", path, "-c", "30", "--pdml", "-o", "json"))
        root = xml.etree.ElementTree.fromstring(earlgrey.ok("packets", "-q", "-r", path, "-c", "30", "--pdml"))
        assert list(told) == ["version", "creator", "time", "captureFile", "packets"]
        assert told["version"] == root.get("version") and told["creator"] == root.get("creator")
        assert told["packets"] == [{"protos": [tree(p) for p in packet]} for packet in root], name
        assert told["packets"]


def test_pdml_into_a_file(earlgrey, packets):
    path, _truth = packets
    earlgrey.ok("packets", "-q", "-r", path, "-c", "5", "--pdml", "-w", "five.xml")
    assert len(xml.etree.ElementTree.parse(earlgrey.home / "five.xml").getroot()) == 5
    done = earlgrey.run("packets", "-q", "-r", path, "-c", "5", "--pdml", "-w", "five.xml")
    assert done.returncode == 2 and "exists" in done.stderr
    assert len(list(earlgrey.home.iterdir())) == 1


def test_without_tshark(earlgrey, packets):
    path, _truth = packets
    done = earlgrey.run("packets", "-r", path, "--pdml", "-w", "x.xml", env={"PATH": "/nowhere"})
    assert done.returncode == 1 and "tshark is not there" in done.stderr and "apt install tshark" in done.stderr
    assert not list(earlgrey.home.iterdir())


def test_a_tshark_that_fails(earlgrey, packets):
    """One that prints nonsense, one that ends with an error, one that hangs and is interrupted."""
    path, _truth = packets
    fake = earlgrey.home / "bin" / "tshark"
    fake.parent.mkdir()
    environment = {"PATH": f"{fake.parent}:{os.environ['PATH']}"}
    for script, told in (("cat >/dev/null; echo '<html></html>'", "is no PDML"),
                         ("cat >/dev/null; echo '<pdml version=\"0\">'", "ends early"),
                         ("echo 'tshark: it is broken' >&2; exit 3", "tshark failed: tshark: it is broken")):
        fake.write_text(f"#!/bin/sh\n{script}\n")
        fake.chmod(0o755)
        done = earlgrey.run("packets", "-r", path, "-c", "5", "--pdml", "-o", "json", "-w", "x.json", env=environment)
        assert done.returncode == 1 and told in done.stderr, (script, done.stderr)
        assert not list(earlgrey.home.glob("x*"))
    fake.write_text("#!/bin/sh\necho $$ >started; exec sleep 600\n")
    with subprocess.Popen([EARLGREY, "packets", "-r", path, "--pdml", "-w", "x.xml"], cwd=earlgrey.home,
                          stderr=subprocess.PIPE, env={**os.environ, **environment}) as child:
        deadline = time.monotonic() + 60
        while not (earlgrey.home / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        assert child.wait(60) in (1, 130), child.stderr.read()
    number = int((earlgrey.home / "started").read_text())
    assert not pathlib.Path(f"/proc/{number}/exe").exists()
    assert not list(earlgrey.home.glob("x*"))


def test_dissected_packets_into_a_device(earlgrey, packets):
    """It is written to and stays what it is."""
    earlgrey.ok("packets", "-r", packets[0], "--pdml", "-c", "2", "-w", "/dev/null", "--force")
    assert pathlib.Path("/dev/null").is_char_device() and not list(pathlib.Path("/dev").glob(".null*"))

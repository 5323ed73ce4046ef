# SPDX-License-Identifier: Apache-2.0
"""Retrieval: what is found, byte for byte, is what tcpdump or a look at every frame selects; receipts,
files, pipes, bad usage."""
import gzip
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import struct
import subprocess
import time

import pytest
from conftest import EARLGREY
from lone_wire import wire  # noqa: F401
from packet_reader import pcap, read, tcpdump

SEED = 20261121


@pytest.fixture(scope="module", name="corpus")
def _corpus(shared):
    """{path: packets} of the captures that tcpdump opens and that have what every packet needs: a time. Link
    types that libpcap maps, or times it takes as they are, would only tell of libpcap."""
    found, seen = {}, set()
    for path in sorted((shared / "packets").resolve().rglob("*")):
        if path.suffix not in (".pcap", ".pcapng", ".cap", ".trace", ".pcapnano") or path.stat().st_size > 1 << 20:
            continue
        digest = hashlib.sha256(path.read_bytes()).digest()
        packets = tcpdump(path) if digest not in seen else None # a dataset takes a copy for what it is
        seen.add(digest)
        if packets and all(p.time_ns > 0 and p.length >= len(p.data) for p in packets):
            found[path] = packets
    assert len(found) > 200
    return found


@pytest.fixture(scope="module", name="agreeing")
def _agreeing(corpus, tmp_path_factory):
    """Of those, the ones of which both readers take the same packets in full: the rest end in damage that
    libpcap answers with nothing, or hold records of which libpcap keeps less."""
    home = tmp_path_factory.mktemp("agreeing")
    found = {}
    for path, packets in corpus.items():
        out = home / "out.pcapng"
        done = subprocess.run([EARLGREY, "packets", "-q", "-r", path, "-w", out, "--force"], capture_output=True, text=True, check=False)
        if done.returncode in (0, 3) and bare(read(out)) == bare(ordered(packets)):
            found[path] = packets
    assert len(found) >= 0.95 * len(corpus), sorted(set(corpus) - set(found))
    return found


def ingested(home, captures):
    """{path: number of rows} of a dataset of these captures."""
    subprocess.run([EARLGREY, "ingest", "-q", "-d", home, *captures], check=True, capture_output=True)
    text = subprocess.run([EARLGREY, "sql", "-q", "-d", home, "-o", "tsv", "--no-header",
                           "select file, count(*) from packets group by 1"], check=True, capture_output=True, text=True).stdout
    return {pathlib.Path(line.split("\t")[0]): int(line.split("\t")[1]) for line in text.splitlines()}


@pytest.fixture(scope="module", name="kept")
def _kept(agreeing, tmp_path_factory):
    """(dataset, {path: packets}): those captures indexed; all but the ones that begin as another does, which is
    then taken for its earlier state, and those of a year that nothing was captured in."""
    home = tmp_path_factory.mktemp("kept")
    counts = ingested(home / "first", agreeing)
    whole = {path: packets for path, packets in agreeing.items() if counts.get(path) == len(packets)}
    assert len(whole) >= 0.9 * len(agreeing), sorted(set(agreeing) - set(whole))
    assert ingested(home / "data", whole) == {path: len(packets) for path, packets in whole.items()}
    return home / "data", whole


def written(earlgrey, *words):
    """The packets of a capture made with these words."""
    out = earlgrey.home / "found.pcapng"
    earlgrey.ok("packets", "-q", *words, "-w", out, "--force")
    return read(out)


def ordered(packets):
    """By time, those of one time as they stand."""
    return sorted(packets, key=lambda p: p.time_ns)


def in_time(packets):
    return sorted(packets, key=lambda p: (p.time_ns, p.length, p.data))


def bare(packets):
    """Without the link type, which libpcap renumbers for a few."""
    return [p._replace(link=0) for p in packets]


def expressions(rng, packets):
    """A BPF expression about something that is in these packets."""
    packet = rng.choice(packets).data
    some = packet[26:30] if len(packet) > 34 and packet[12:14] == b"\x08\0" else bytes([10, 0, 0, rng.randrange(256)])
    host = ".".join(map(str, some))
    port = int.from_bytes(packet[34:36], "big") if len(packet) > 36 else 53
    at = rng.randrange(max(1, len(packet)))
    return rng.choice([
        f"host {host}", f"src host {host}", f"dst net {host.rsplit('.', 2)[0]}", f"port {port}", f"udp port {port}",
        f"src host {host} and src port {port}", "tcp", "udp", "icmp or icmp6", "not ip", "ip proto 17 and not port 53",
        f"greater {rng.randrange(40, 200)}", f"less {rng.randrange(40, 200)}", f"link[{at}] = {packet[at] if packet else 0}",
        f"len & 3 = {rng.randrange(4)}", "ip6", f"ip[8] > {rng.randrange(30, 200)}", "tcp[tcpflags] & tcp-syn != 0",
    ])


def test_random_bpf_is_what_tcpdump_selects(earlgrey, kept):
    """100 questions of one capture each, read and indexed."""
    indexed, agreeing = kept
    rng = random.Random(SEED)
    asked = 0
    while asked < 100:
        path = rng.choice(list(agreeing))
        expression = expressions(rng, agreeing[path])
        want = tcpdump(path, expression)
        if want is None:
            continue
        asked += 1
        assert bare(written(earlgrey, "-r", path, "--bpf", expression)) == bare(ordered(want)), (path, expression)
        got = written(earlgrey, "-d", indexed, "--bpf", expression, f'file = "{path}"')
        assert in_time(bare(got)) == in_time(bare(want)), (path, expression)
        assert [p.time_ns for p in got] == sorted(p.time_ns for p in want)


def test_random_bytes_and_times_over_all_captures(earlgrey, kept):
    """100 questions of all captures at once, by time and by bytes: held against a look at every frame."""
    indexed, agreeing = kept
    rng = random.Random(SEED + 1)
    everything = [p for packets in agreeing.values() for p in packets]
    for _ in range(100):
        packet = rng.choice(everything)
        at = rng.randrange(max(1, len(packet.data)))
        piece = packet.data[at:at + rng.choice((1, 2, 3, 6, 12))]
        want = [p for p in everything if piece in p.data]
        words = ["--bytes", piece.hex()] if piece else []
        if rng.random() < 0.6:
            low = packet.time_ns // 1000 - rng.randrange(10**7)
            high = low + rng.randrange(10**8)
            words += ["-t", f"{stamp(low)},{stamp(high)}"]
            want = [p for p in want if low <= p.time_ns // 1000 <= high]
        got = written(earlgrey, "-d", indexed, *words)
        assert in_time(bare(got)) == in_time(bare(want)), words
        assert [p.time_ns for p in got] == sorted(p.time_ns for p in want)
        if len(words) > 2 or rng.random() < 0.1:
            assert in_time(bare(written(earlgrey, "-r", *agreeing, *words))) == in_time(bare(want)), words


def test_random_hosts_over_all_captures(earlgrey, kept):
    """Addresses and ports that are in the captures, inside tunnels too: looked up, and by reading every frame."""
    indexed, agreeing = kept
    rng = random.Random(SEED + 2)
    rows = json.loads(earlgrey.ok("sql", "-q", "-d", indexed, "--json", "select src_ip, dst_ip, src_port, dst_port, proto from "
                                  "packets where src_ip is not null group by all order by all"))
    for row in rng.sample(rows, 20):
        words = [rng.choice([f"host {row['src_ip']}", f"src ip {row['src_ip']}", f"host {row['src_ip']} and host {row['dst_ip']}",
                             f"src ip {row['src_ip']} and dst ip {row['dst_ip']}", f"not tcp and dst ip {row['dst_ip']}"])]
        if row["src_port"] is not None:
            words[0] += rng.choice(["", f" and src port {row['src_port']}", f" and port {row['dst_port']}",
                                    f" and src port {row['src_port']} and dst port {row['dst_port']} and proto {row['proto']}"])
        words += rng.choice([[], ["--both"], ["--bpf", "greater 80"]])
        want = written(earlgrey, "-r", *agreeing, *words)
        got = written(earlgrey, "-d", indexed, *words)
        assert in_time(bare(got)) == in_time(bare(want)), words
        assert [p.time_ns for p in got] == sorted(p.time_ns for p in want)


def stamp(time_us):
    whole, part = divmod(time_us, 10**6)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{part:06d}Z"


# Where Debian's libpcap 1.10.3 answers otherwise than the version that made apply.json.
OLDER_LIBPCAP = json.loads((pathlib.Path(__file__).parent / "older_libpcap.json").read_text(encoding="utf-8"))


def test_filters_of_libpcap(earlgrey, shared):
    """Its 116 filters with the answers of its developers' version."""
    folder = shared / "packets" / "libpcap-filter"
    cases = json.loads((folder / "apply.json").read_text(encoding="utf-8"))
    assert len(cases) == 116
    agreed = 0
    for case in cases:
        done = earlgrey.run("packets", "-q", "-r", folder / case["savefile"], "--bpf", case["expr"], "-o", "tsv",
                            "--fields", "offset", "--no-header")
        # 3: it cannot be asked of that link type, and no packet is an answer
        mine = None if done.returncode not in (0, 3) else [int(line) for line in done.stdout.split()]
        places = [int(line) for line in earlgrey.ok("packets", "-q", "-r", folder / case["savefile"], "--fields", "offset",
                                                     "--no-header", "-o", "tsv").split()]
        same = mine is not None and [place in mine for place in places] == case["match"]
        assert same != (case["name"] in OLDER_LIBPCAP), (case["name"], done.stderr)
        agreed += same
    assert agreed == 116 - len(OLDER_LIBPCAP) and agreed >= 74


def plain(packets):
    """No tunnels, no VLANs, IP or not: Ethernet frames of IPv4 and IPv6 whose payload is no IP packet."""
    return all(p.link == 1 and len(p.data) > 40 and p.data[12:14] in (b"\x08\0", b"\x86\xdd", b"\x08\x06") and
               (p.data[12:14] != b"\x08\0" or p.data[23] in (1, 6, 17)) and
               (p.data[12:14] != b"\x86\xdd" or p.data[20] in (6, 17, 58)) and
               not {3784, 4789, 4790, 6081, 2152, 3544, 1701, 6635, 5246, 5247} & ports(p.data) for p in packets)


def ports(data):
    at = 14 + (data[14] & 15) * 4 if data[12:14] == b"\x08\0" else 54
    return set(struct.unpack(">HH", data[at:at + 4])) if len(data) >= at + 4 else set()


def unfragmented(packet):
    data = packet.data
    return not (data[12:14] == b"\x08\0" and int.from_bytes(data[20:22], "big") & 0x3fff)


def test_flow_filter_and_bpf_select_the_same(earlgrey, agreeing):
    """The property, on captures without tunnels and VLANs, of packets in one piece."""
    rng = random.Random(SEED + 2)
    captures = [path for path, packets in agreeing.items() if plain(packets)]
    assert len(captures) >= 20
    asked = 0
    while asked < 60:
        path = rng.choice(captures)
        data = rng.choice(agreeing[path]).data
        v4 = data[12:14] == b"\x08\0"
        host = ".".join(map(str, data[26:30])) if v4 else "10.0.0.1"
        at = 14 + (data[14] & 15) * 4 if v4 else 54
        port = int.from_bytes(data[at:at + 2], "big") or 53
        expression = rng.choice([
            f"host {host}", f"src host {host}", f"tcp and port {port}", f"src port {port}", "udp", "icmp", "proto 6",
            f"host {host} and not port {port}", f"net {host}/24", f"tcp and (src port {port} or dst port {port})"])
        bpf = expression.replace("proto 6", "ip proto 6 or ip6 proto 6").replace("port", "port")
        if "port" in expression:
            bpf = f"(tcp or udp) and ({bpf})" if "not" not in expression else bpf
        if "net " in bpf:
            bpf = f"net {host.rsplit('.', 1)[0]}.0/24"
        if not v4 and "host" in expression or "net " in expression and not v4:
            continue
        asked += 1
        want = [p for p in tcpdump(path, bpf) if unfragmented(p)]
        if "host" in expression or "net " in expression: # BPF's hosts are ARP's, too
            want = [p for p in want if p.data[12:14] != b"\x08\x06"]
        got = [p for p in written(earlgrey, "-r", path, "--outermost", expression) if unfragmented(p)]
        assert bare(got) == bare(want), (path, expression, bpf)


def test_outermost_is_what_bpf_sees(earlgrey, agreeing):
    """Captures with tunnels: the outer host's packets, read and indexed, are those that BPF selects."""
    asked = 0
    for path, packets in sorted(agreeing.items()):
        outer = [p.data for p in packets if p.link == 1 and len(p.data) > 34 and p.data[12:14] == b"\x08\0" and
                 p.data[23] in (4, 41, 47, 17)]
        if not outer or any(p.link != 1 for p in packets) or asked == 12:
            continue
        if not earlgrey.ok("packets", "-q", "-r", path, "exists tunnel", "-c", "1", "--no-header", "-o", "tsv"):
            continue
        asked += 1
        host = ".".join(map(str, outer[0][26:30]))
        want = in_time(tcpdump(path, f"ip host {host}"))
        home = f"data{asked}"
        earlgrey.ok("ingest", "-q", path, "-d", home, "--tables", "packets")
        for place in (["-r", path], ["-d", home]):
            assert in_time(written(earlgrey, *place, f"host {host}", "--outermost")) == want, (path, host, place)
    assert asked >= 10


# ---- from flows ----

def test_packets_of_a_flow(earlgrey, packets):
    path, _truth = packets
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    flow = earlgrey.rows("flows", "-d", "data", "proto tcp", "-s", "-packets", "-n", "1", "--fields",
                         "flow_id,src_ip,dst_ip,src_port,dst_port,packets")[0]
    way = f"src host {flow['src_ip']} and dst host {flow['dst_ip']} and src port {flow['src_port']} and dst port {flow['dst_port']}"
    back = f"src host {flow['dst_ip']} and dst host {flow['src_ip']} and src port {flow['dst_port']} and dst port {flow['src_port']}"
    one, both = tcpdump(path, way), tcpdump(path, f"({way}) or ({back})")
    got = written(earlgrey, "-d", "data", "--flow", flow["flow_id"])
    assert in_time(got) == in_time(one)[:len(got)] and len(got) == flow["packets"]
    got = written(earlgrey, "-d", "data", "--flow", flow["flow_id"], "--both")
    assert set(in_time(one)[:flow["packets"]]) <= set(got) <= set(both)
    earlgrey.ok("flows", "-q", "-d", "data", "proto tcp", "-s", "-packets", "-n", "1", "--packets", "-w", "flow.pcap")
    assert read(earlgrey.home / "flow.pcap") == written(earlgrey, "-d", "data", "--flow", flow["flow_id"])
    earlgrey.ok("flows", "-q", "-d", "data", "proto udp", "--packets", "-w", "udp.pcap")
    assert in_time(read(earlgrey.home / "udp.pcap")) == in_time(tcpdump(path, "udp"))
    assert earlgrey.run("packets", "-d", "data", "--flow", "0" * 32).returncode == 1
    assert "there is no flow 0000" in earlgrey.run("packets", "-d", "data", "--flow", "0" * 32).stderr
    assert earlgrey.run("packets", "-d", "data", "--flow", "xyz").returncode == 2


def test_both_directions_of_a_conversation(earlgrey, shared):
    """Those of either flow's time, whichever of the two was asked for: all 14 packets, the SYN before the answer too."""
    path = shared / "packets" / "zeek" / "http" / "get.pcap"
    want = in_time(tcpdump(path, "tcp"))
    assert len(want) == 14
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    for place in (["-d", "data"], ["-r", path]):
        earlgrey.ok("flows", "-q", *place, "proto tcp", "-s", "-bytes", "-n", "1", "--packets", "--both", "-w", "l.pcap", "--force")
        assert in_time(read(earlgrey.home / "l.pcap")) == want, place
        flows = earlgrey.rows("flows", "-q", *place, "proto tcp", "--fields", "flow_id")
        assert len(flows) == 2
        for flow in flows:
            assert in_time(written(earlgrey, *place, "--flow", flow["flow_id"], "--both")) == want, place
    earlgrey.ok("ingest", "-q", shared / "packets" / "ipfixprobe" / "dns.pcap", "-d", "dns")
    for flow in earlgrey.rows("flows", "-q", "-d", "dns", "--fields", "flow_id"):
        assert len(written(earlgrey, "-d", "dns", "--flow", flow["flow_id"])) == 1
        assert len(written(earlgrey, "-d", "dns", "--flow", flow["flow_id"], "--both")) == 2


def test_flows_that_are_not_ip(earlgrey, shared):
    """Of their time the frames with their MAC addresses, not all that are not IP."""
    corpus = shared / "packets"
    for number, (path, want) in enumerate([(corpus / "community-id" / "arp.pcap", [1, 1, 1, 1, 2]),
                                           (corpus / "tcpdump" / "LLDP_and_CDP.pcap", [1, 1, 1, 1, 4, 4])]):
        earlgrey.ok("ingest", "-q", path, "-d", f"data{number}")
        flows = earlgrey.rows("flows", "-q", "-d", f"data{number}", "--fields", "flow_id,packets,src_mac,dst_mac")
        assert sorted(f["packets"] for f in flows) == want
        for flow in flows:
            ends = bytes.fromhex((flow["dst_mac"] + flow["src_mac"]).replace(":", ""))
            found = written(earlgrey, "-d", f"data{number}", "--flow", flow["flow_id"])
            assert [p.data[:12] for p in found] == [ends] * flow["packets"]
            both = written(earlgrey, "-d", f"data{number}", "--flow", flow["flow_id"], "--both")
            assert set(found) <= set(both) and {p.data[:12] for p in both} <= {ends, ends[6:] + ends[:6]}


# ---- what is written ----

def test_receipt(earlgrey, packets):
    path, truth = packets
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    earlgrey.ok("packets", "-q", "-d", "data", "udp", "-w", "out.pcap", "--receipt", "receipt.json")
    receipt = json.loads((earlgrey.home / "receipt.json").read_text())
    raw = (earlgrey.home / "out.pcap").read_bytes()
    assert receipt["asked"]["filter"] == "proto = 17" and receipt["asked"]["dataset"].endswith("/data")
    assert receipt["written"]["files"] == [{"file": "out.pcap", "packets": len(pcap(raw)), "bytes": len(raw),
                                            "sha256": hashlib.sha256(raw).hexdigest()}]
    assert receipt["read"]["rows"] == receipt["read"]["packets"] == receipt["written"]["packets"] == len(pcap(raw))
    assert receipt["read"]["captures"][0]["file"] == str(path)
    assert 0 < receipt["read"]["bytes"] <= 2 * path.stat().st_size
    assert receipt["began"] <= receipt["ended"]
    text = earlgrey.ok("packets", "-q", "-r", path, "-c", "3", "-w", "three.pcap", "--receipt", "-")
    assert json.loads(text)["written"]["packets"] == 3
    refused = earlgrey.run("packets", "-q", "-r", path, "-w", "four.pcap", "--receipt", "nowhere/r.json")
    assert refused.returncode == 1 and "nowhere/r.json" in refused.stderr
    assert not (earlgrey.home / "four.pcap").exists()
    assert truth["packets"] == len(read(path))


def test_receipts_of_packets_in_a_tunnel(earlgrey, shared):
    """VXLAN behind a VLAN tag: byte for byte what tshark selects, and the receipts are true of it."""
    capture = shared / "packets/ndpi/vxlan.pcap"
    subprocess.run(["tshark", "-n", "-r", capture, "-F", "pcap", "-w", "want.pcap", "-Y",
                    "ip.addr == 10.10.20.4 && ip.addr == 157.240.224.35 && tcp.port == 45228"], cwd=earlgrey.home, check=True, capture_output=True)
    want = read(earlgrey.home / "want.pcap")
    assert len(want) == 91
    earlgrey.ok("ingest", "-q", capture, "-d", "data")
    earlgrey.ok("flows", "-q", "-d", "data", 'tunnel = "vxlan"', "-s", "-packets", "-n", "1", "--packets", "--both", "-w", "flow.pcap", "--receipt", "flow.json")
    earlgrey.ok("packets", "fixed", "-q", "-st", "0", "-sa", "10.10.20.4", "-sp", "45228", "-da", "157.240.224.35", "-p", "tcp", "-ir",
                "-bp", "data", "-pre", "x", "-rpf", "40", "-rec", "fixed.json")
    for name, count in (("flow", 1), ("fixed", 3)):
        receipt = json.loads((earlgrey.home / f"{name}.json").read_text())
        files = [earlgrey.home / told["file"] for told in receipt["written"]["files"]]
        assert [p for file in files for p in read(file)] == want and len(files) == count
        for file, told in zip(files, receipt["written"]["files"]):
            raw = file.read_bytes()
            assert (told["packets"], told["bytes"], told["sha256"]) == (len(read(file)), len(raw), hashlib.sha256(raw).hexdigest())
        assert receipt["read"]["packets"] == receipt["written"]["packets"] == len(want)
        assert receipt["written"]["bytes"] == sum(file.stat().st_size for file in files)
        asked = receipt["asked"]
        assert asked["both"] is True
        if name == "fixed":
            assert asked["flows"] is None and "src_port = 45228" in asked["filter"]
        else:
            assert asked["flows"] == {"filter": "tunnel = 'vxlan'", "from": None, "to": None, "sort": "-packets", "number": 1, "found": 1}


def test_a_packed_capture_that_ends_early(earlgrey, packets):
    """What came before its end is found again, all of it."""
    packed = gzip.compress(packets[0].read_bytes())
    (earlgrey.home / "cut.pcap.gz").write_bytes(packed[:len(packed) * 2 // 3])
    done = earlgrey.run("ingest", "-q", "cut.pcap.gz", "-d", "data", "--keep", "link")
    assert done.returncode == 3
    earlgrey.ok("packets", "-q", "-d", "data", "-w", "kept.pcap")
    done = earlgrey.run("packets", "-q", "-r", "cut.pcap.gz", "-w", "read.pcap")
    assert done.returncode == 3
    kept, whole = read(earlgrey.home / "kept.pcap"), read(earlgrey.home / "read.pcap")
    assert kept == whole and len(kept) > 1000
    lost = earlgrey.rows("losses", "-d", "data")
    assert [row["cause"] for row in lost] == ["capture_cut"], lost
    for form in (["-w", "again.pcap"], ["-c", "5"]):
        assert "not in the answer: 1 packets (capture_cut)" in earlgrey.run("packets", "-d", "data", *form).stderr


def test_what_is_in_quarantine_is_told(earlgrey, packets):
    """A packet whose time cannot be is in no answer of a dataset; the answer says so."""
    raw = packets[0].read_bytes()[:24 + 3 * 400]
    first = 24 + 16 + struct.unpack_from("<I", raw, 32)[0]
    (earlgrey.home / "odd.pcap").write_bytes(raw[:24] + bytes(4) + raw[28:first] + raw[24:first])
    earlgrey.ok("ingest", "-q", "odd.pcap", "-d", "data")
    for form in (["-w", "out.pcap"], ["-c", "5"]):
        done = earlgrey.run("packets", "-d", "data", *form)
        assert done.returncode == 0 and "not in the answer: 1 packets (quarantined" in done.stderr
    assert len(read(earlgrey.home / "out.pcap")) == 1
    assert len(earlgrey.rows("packets", "-r", "odd.pcap")) == 2


def test_a_receipt_of_more_captures_than_stay_open(earlgrey, packets):
    """What was read of each is told once, however often captures are closed and opened again."""
    raw = packets[0].read_bytes()
    (earlgrey.home / "many").mkdir()
    at = 24
    for number in range(80):
        begin = at
        for _ in range(5):
            at += 16 + struct.unpack_from("<I", raw, at + 8)[0]
        (earlgrey.home / "many" / f"{number:02}.pcap").write_bytes(raw[:24] + raw[begin:at])
    earlgrey.ok("ingest", "-q", "many", "-d", "data", "--keep", "link")
    earlgrey.ok("packets", "-q", "-d", "data", "-w", "out.pcap", "--receipt", "r.json")
    read_of = json.loads((earlgrey.home / "r.json").read_text())["read"]
    assert len(read_of["captures"]) == 80
    assert read_of["bytes"] == sum(capture["bytes"] for capture in read_of["captures"])
    for capture in read_of["captures"]:
        assert 0 < capture["bytes"] <= 2 * pathlib.Path(capture["file"]).stat().st_size, capture


def test_bytes_that_are_read_are_few(earlgrey, packets):
    """One packet out of a capture costs a page or two, not the capture."""
    path, _truth = packets
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    earlgrey.ok("packets", "-q", "-d", "data", "-c", "1", "-w", "one.pcap", "--receipt", "r.json")
    assert json.loads((earlgrey.home / "r.json").read_text())["read"]["bytes"] <= 16384


def test_several_files_and_formats(earlgrey, packets):
    path, truth = packets
    whole = read(path)
    earlgrey.ok("packets", "-q", "-r", path, "--records-per-file", "7000", "-w", "part.pcap")
    parts = sorted(earlgrey.home.glob("part*"))
    assert [p.name for p in parts] == ["part+0001.pcap", "part+0002.pcap", "part+0003.pcap"]
    assert [p for part in parts for p in read(part)] == whole
    assert len(whole) == truth["packets"]
    earlgrey.ok("packets", "-q", "-r", path, "-w", "all.pcapng")
    assert read(earlgrey.home / "all.pcapng") == whole
    raw = earlgrey.run("packets", "-q", "-r", path, "-w", "-", text=False).stdout
    assert read(raw) == whole
    piped = subprocess.run(["tcpdump", "-n", "-r", "-"], input=raw, capture_output=True, check=True)
    assert len(piped.stdout.splitlines()) == len(whole)
    assert earlgrey.run("packets", "-q", "-r", "-", "udp", "-w", "-", stdin=path.read_bytes(), text=False).stdout[24:] \
        == earlgrey.run("packets", "-q", "-r", path, "udp", "-w", "-", text=False).stdout[24:]


def test_the_first_so_many(earlgrey, packets):
    """Of those that hold, whatever has to be looked at for it."""
    path, _truth = packets
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    want = [p.time_ns // 1000 for p in tcpdump(path, "udp and greater 100")][:7]
    for words in (["udp", "--bpf", "greater 100"], ["udp and length >= 100"], ["--bpf", "udp and greater 100"]):
        for place in (["-d", "data"], ["-r", path]):
            text = earlgrey.ok("packets", "-q", *place, *words, "-c", "7", "--epoch", "--fields", "time", "--no-header", "-o", "csv")
            assert [int(line) for line in text.split()] == want, (words, place)
            assert [p.time_ns // 1000 for p in written(earlgrey, *place, *words, "-c", "7")] == want, (words, place)


def test_looked_up_while_hours_are_exchanged(earlgrey, packets):
    """The same packets before, while and after a dataset is compacted, which takes the files away that are
    being looked into."""
    whole = read(packets[0])
    step = len(whole) // 6 + 1
    hosts = " or ".join("host " + ".".join(map(str, whole[i].data[26:30])) for i in (0, 100, 200))
    asked, want = 0, []
    for i in range(0, len(whole), step):
        part = earlgrey.home / f"part{i}.pcap"
        part.write_bytes(struct.pack("<IHHiIII", 0xa1b23c4d, 2, 4, 0, 0, 65535, 1) + b"".join(
            struct.pack("<IIII", p.time_ns // 10**9, p.time_ns % 10**9, len(p.data), p.length) + p.data for p in whole[i:i + step]))
        earlgrey.ok("ingest", "-q", part.name, "-d", "data", "--tables", "packets")
        want += tcpdump(part, hosts)
        with subprocess.Popen([EARLGREY, "compact", "-q", "-d", "data", "--all", "--grace", "0s"], cwd=earlgrey.home) as compacting:
            while compacting.poll() is None:
                assert bare(written(earlgrey, "-d", "data", hosts)) == bare(want)
                asked += 1
        assert compacting.returncode == 0
        assert bare(written(earlgrey, "-d", "data", hosts)) == bare(want)
    assert len(want) > 50 and asked > 5


def test_the_number_under_either_name(earlgrey, packets):
    path, _truth = packets
    for words in ([], ["--bpf", "udp"], ["--pdml"]):
        one, other = (re.sub("(?<=time=)\"[^\"]*\"", "", earlgrey.ok("packets", "-q", "-r", path, *words, letter, "3"))
                      for letter in ("-n", "-c"))
        assert one == other and one.count("<packet>" if "--pdml" in words else "\n") == (3 if "--pdml" in words else 4)
    done = earlgrey.run("packets", "-r", path, "-n", "3", "-c", "4")
    assert done.returncode == 2 and "-c and -n are the same" in done.stderr


def test_pipes(earlgrey, packets):
    """What can be read only once: looked through, indexed, shown."""
    path, _truth = packets
    raw = path.read_bytes()
    for words in (["udp"], ["--bpf", "udp"], ["udp", "--outermost", "--both"]):
        piped = earlgrey.run("packets", "-q", "-r", "-", *words, "--fields", "time,offset", "-o", "csv", stdin=raw, text=False)
        assert piped.returncode == 0, piped.stderr
        assert piped.stdout.decode() == earlgrey.ok("packets", "-q", "-r", path, *words, "--fields", "time,offset", "-o", "csv")
    piped = earlgrey.run("flows", "-q", "-r", "-", "udp", "--packets", "-w", "udp.pcap", stdin=raw, text=False)
    assert piped.returncode == 0 and in_time(read(earlgrey.home / "udp.pcap")) == in_time(tcpdump(path, "udp"))
    done = earlgrey.run("packets", "-r", "-", "--flow", "0" * 32, stdin=raw, text=False)
    assert done.returncode == 2 and b"keep - in a file first" in done.stderr


def capture(magic, link, packets):
    """A pcap file of (seconds, fraction, bytes)."""
    raw = struct.pack("<IHHIIII", magic, 2, 4, 0, 0, 65535, link)
    for seconds, fraction, data in packets:
        raw += struct.pack("<IIII", seconds, fraction, len(data), len(data)) + data
    return raw


T = 1_700_000_000
NS = T * 10**9


def test_times_and_link_types(earlgrey):
    (earlgrey.home / "ns.pcap").write_bytes(capture(0xa1b23c4d, 1, [(T, 2000, b"a" * 60), (T + 1, 999999999, b"b" * 60)]))
    (earlgrey.home / "us.pcap").write_bytes(capture(0xa1b2c3d4, 1, [(T + 2, 5, b"c" * 60)]))
    (earlgrey.home / "sll.pcap").write_bytes(capture(0xa1b2c3d4, 113, [(T, 7, b"d" * 60)]))
    earlgrey.ok("packets", "-q", "-r", "us.pcap", "-w", "1.pcap")
    assert (earlgrey.home / "1.pcap").read_bytes()[:4] == b"\xd4\xc3\xb2\xa1"
    earlgrey.ok("packets", "-q", "-r", "ns.pcap", "us.pcap", "-w", "2.pcap")
    assert (earlgrey.home / "2.pcap").read_bytes()[:4] == b"\x4d\x3c\xb2\xa1"
    assert [p.time_ns for p in read(earlgrey.home / "2.pcap")] == [NS + 2000, NS + 1999999999, NS + 2 * 10**9 + 5000]
    done = earlgrey.run("packets", "-r", "ns.pcap", "sll.pcap", "-w", "3.pcap")
    assert done.returncode == 2 and "--format pcapng holds both" in done.stderr and "1 and 113" in done.stderr
    assert not list(earlgrey.home.glob("3.*"))
    earlgrey.ok("ingest", "-q", "ns.pcap", "us.pcap", "sll.pcap", "-d", "data")
    earlgrey.ok("packets", "-q", "-d", "data", "-w", "3.pcapng")
    assert [(p.time_ns, p.link) for p in read(earlgrey.home / "3.pcapng")] == \
        [(NS + 2000, 1), (NS + 7000, 113), (NS + 1999999999, 1), (NS + 2 * 10**9 + 5000, 1)]


def test_rows_in_every_format(earlgrey, packets):
    path, _truth = packets
    want = [p.time_ns // 1000 for p in tcpdump(path, "udp")]
    assert sorted(r["time"] for r in earlgrey.rows("packets", "-r", path, "udp", "--epoch")) == sorted(want)
    for words in (["--bpf", "udp"], ["udp"], ["udp", "--outermost"]):
        text = earlgrey.ok("packets", "-q", "-r", path, *words, "--epoch", "--fields", "time", "-o", "csv", "--no-header")
        assert sorted(map(int, text.split())) == sorted(want), words
    for form in ("table", "wide", "tsv", "jsonl", "markdown", "parquet", "arrow"):
        assert earlgrey.run("packets", "-q", "-r", path, "-c", "5", "--bpf", "tcp", "-o", form, text=False).stdout, form
    earlgrey.ok("packets", "-q", "-r", path, "-c", "5", "-w", "rows.csv")
    assert (earlgrey.home / "rows.csv").read_text().count("\n") == 6
    assert earlgrey.run("packets", "-q", "-r", path, "port 1 and port 2 and port 3", "--exit-status").returncode == 4


# ---- trouble ----

def test_nothing_is_written_over(earlgrey, packets):
    path, _truth = packets
    (earlgrey.home / "mine.pcap").write_text("mine")
    done = earlgrey.run("packets", "-r", path, "-w", "mine.pcap")
    assert (done.returncode, done.stderr) == (2, "earlgrey: packets: mine.pcap exists; --force writes over it\n")
    assert (earlgrey.home / "mine.pcap").read_text() == "mine"
    earlgrey.ok("packets", "-q", "-r", path, "-w", "mine.pcap", "--force")
    assert len(read(earlgrey.home / "mine.pcap")) == len(read(path))


@pytest.mark.parametrize("words, told", [
    (["--bpf", "port 80 and foo"], "bpf filter 'port 80 and foo': unknown port 'foo'"),
    (["--bytes", "ff*"], "byte pattern"),
    (["--stellar", "NO_SUCH(1)"], "there is no function NO_SUCH"),
    (["src_adr = 1"], "src_adr"),
    (["--format", "pcapng"], "--format is of captures"),
    (["--receipt", "r.json"], "--receipt is of captures"),
    (["--fields", "src_prt"], "did you mean 'src_port'?"),
    (["-w", "out.pcap.gz"], "out.pcap.gz: captures are written uncompressed: name it .pcap or .pcapng"),
    (["-w", "out.ZST", "--format", "pcapng"], "captures are written uncompressed"),
    (["-w", "/nowhere/out.pcap"], "cannot write /nowhere/out.pcap"),
    (["-w", "-", "--receipt", "-"], "cannot both go to standard output"),
    (["-w", "-", "--records-per-file", "3"], "cannot be split"),
])
def test_bad_usage(earlgrey, packets, words, told):
    path, _truth = packets
    done = earlgrey.run("packets", "-r", path, *words)
    assert done.returncode == (1 if "/nowhere/out.pcap" in words else 2), done.stderr
    assert told in done.stderr and not done.stdout
    assert not list(earlgrey.home.iterdir())


NOT_KEPT = "not kept; ingest with --keep copy keeps them"


def test_bytes_that_were_not_kept(earlgrey, shared):
    """None: a line, exit 1, no file. Some: what there is, the number, exit 3."""
    corpus = shared / "packets"
    piped = earlgrey.run("ingest", "-q", "-", "--keep", "none", "-d", "data", stdin=(corpus / "ipfixprobe" / "dns.pcap").read_bytes(), text=False)
    assert piped.returncode == 0, piped.stderr
    for words in (["-w", "out.pcap"], ["--bpf", "udp", "-w", "out.pcap"], ["--bpf", "udp"], ["--bytes", "00"],
                  ["--stellar", "true"], ["--pdml", "-w", "out.xml"]):
        done = earlgrey.run("packets", "-d", "data", *words)
        assert done.returncode == 1 and f"the bytes of the 16 matching packets were {NOT_KEPT}" in done.stderr, (words, done.stderr)
        assert len(done.stderr.splitlines()) == 1 and not done.stdout
    done = earlgrey.run("flows", "-q", "-d", "data", "--packets", "-w", "out.pcap")
    assert done.returncode == 1 and "matching packets were " + NOT_KEPT in done.stderr
    assert [p.name for p in earlgrey.home.iterdir()] == ["data"]
    assert len(earlgrey.rows("packets", "-q", "-d", "data")) == 16 # the index needs no bytes
    earlgrey.ok("ingest", "-q", corpus / "zeek" / "http" / "get.pcap", "-d", "data")
    done = earlgrey.run("packets", "-q", "-d", "data", "-w", "out.pcap", "--receipt", "r.json")
    assert done.returncode == 3 and f"16 more matching packets were {NOT_KEPT}" in done.stderr
    assert len(read(earlgrey.home / "out.pcap")) == 14
    assert json.loads((earlgrey.home / "r.json").read_text())["read"]["not_kept"] == 16
    done = earlgrey.run("packets", "-q", "-d", "data", "--bpf", "greater 1", "-o", "csv", "--no-header")
    assert done.returncode == 3 and len(done.stdout.splitlines()) == 14
    earlgrey.ok("packets", "-q", "-d", "data", "tcp", "-w", "tcp.pcap")


def test_live_packets_that_were_not_kept(earlgrey, wire, tmp_path, packets): # noqa: F811
    run = wire.start(EARLGREY, "ingest", "iface:eg1", "--interval", "200ms", "-d", tmp_path / "live", stderr=subprocess.PIPE)
    try:
        assert "capturing on" in run.stderr.readline()
        wire.replay(packets[0], "--pps=50000")
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=60)
    finally:
        run.kill()
    done = earlgrey.run("packets", "-d", tmp_path / "live", "udp", "-w", "out.pcap")
    assert done.returncode == 1 and NOT_KEPT in done.stderr and not (earlgrey.home / "out.pcap").exists()


def test_exported_flows_have_no_packets(earlgrey, shared):
    path = shared / "flow-export" / "tcpdump" / "sflow-print-v6.pcap"
    earlgrey.ok("ingest", "-q", path, "-d", "data")
    flow = earlgrey.rows("flows", "-q", "-d", "data", "-n", "1", "--fields", "flow_id")[0]["flow_id"]
    for words in (["flows", "-d", "data", "--packets"], ["flows", "-r", path, "--packets", "--both"], ["packets", "-d", "data", "--flow", flow]):
        done = earlgrey.run(*words, "-w", "out.pcap")
        assert done.returncode == 1 and "exported flows have no packets here" in done.stderr, (words, done.stderr)
    assert not (earlgrey.home / "out.pcap").exists()


def test_a_capture_that_changed_or_went_away(earlgrey, packets):
    path, _truth = packets
    mine = earlgrey.home / "mine.pcap"
    mine.write_bytes(path.read_bytes())
    earlgrey.ok("ingest", "-q", mine, "-d", "data")
    raw = bytearray(mine.read_bytes())
    raw[28] ^= 1 # a time
    mine.write_bytes(raw)
    done = earlgrey.run("packets", "-d", "data", "-w", "out.pcap")
    assert done.returncode == 1 and "changed" in done.stderr and str(mine) in done.stderr
    mine.unlink()
    done = earlgrey.run("packets", "-d", "data", "-w", "out.pcap")
    assert done.returncode == 1 and str(mine) in done.stderr and len(done.stderr.splitlines()) == 1
    assert not list(earlgrey.home.glob("out*"))


def test_interrupted_leaves_nothing(earlgrey, packets):
    """An end while it reads a pipe that never ends."""
    path, _truth = packets
    with subprocess.Popen([EARLGREY, "packets", "-r", "-", "-w", earlgrey.home / "out.pcap"], stdin=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=False) as child:
        child.stdin.write(path.read_bytes()[:200000])
        child.stdin.flush()
        deadline = time.monotonic() + 60
        while not list(earlgrey.home.glob("out.pcap*")) and time.monotonic() < deadline:
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        told = child.stderr.read()
        assert child.wait(60) in (1, 130), told
    assert not list(earlgrey.home.glob("out*"))


def test_what_a_killed_run_left_goes(earlgrey, packets):
    """The next run that writes there removes it; not what a run that lives is writing."""
    path, _truth = packets
    head, left, runs = path.read_bytes()[:100000], [], []
    for name in ("dead.pcap", "live.pcap"):
        runs.append(subprocess.Popen([EARLGREY, "packets", "-r", "-", "-w", name], cwd=earlgrey.home, stdin=subprocess.PIPE))
        runs[-1].stdin.write(head)
        runs[-1].stdin.flush()
        left.append(earlgrey.home / f".{name}.earlgrey-{runs[-1].pid}.tmp")
    for _ in range(200):
        if all(file.exists() for file in left):
            break
        time.sleep(0.05)
    runs[0].kill()
    runs[0].wait()
    assert all(file.exists() for file in left)
    done = earlgrey.run("packets", "-r", path, "-c", "1", "-w", "other.pcap")
    assert done.returncode == 0 and "removed 1 unfinished file that a killed run left beside other.pcap" in done.stderr
    assert not left[0].exists() and left[1].exists()
    runs[1].communicate(path.read_bytes()[100000:])
    assert runs[1].returncode == 0 and read(earlgrey.home / "live.pcap") == read(path)
    assert not left[1].exists()


def test_places_and_lengths_are_shown_whole(earlgrey, packets):
    path, _truth = packets
    words = ["packets", "-r", path, "-n", "50", "--fields", "offset,length,captured", "--no-header"]
    shown = [line.replace("│", " ").split() for line in earlgrey.ok(*words, "-o", "table").splitlines()]
    assert shown == [line.split("\t") for line in earlgrey.ok(*words, "-o", "tsv").splitlines()] and len(shown) == 50
    assert max(int(row[0]) for row in shown) > 1000


def test_a_reader_that_leaves(earlgrey, packets):
    path, _truth = packets
    with subprocess.Popen([EARLGREY, "packets", "-q", "-r", path, "-w", "-"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, env={**os.environ, "HOME": str(earlgrey.home)}) as child:
        assert len(child.stdout.read(100)) == 100
        child.stdout.close()
        assert child.wait(60) == 0 and child.stderr.read() == b""


def test_nothing_is_written_over_unasked_and_inputs_never(earlgrey, packets, tmp_path):
    capture = tmp_path / "in.pcap"
    capture.write_bytes(pathlib.Path(packets[0]).read_bytes())
    whole = capture.read_bytes()
    (tmp_path / "mine.json").write_text("mine")
    earlgrey.ok("ingest", "-q", "in.pcap", "-d", "data")
    for words, says in (
            (["-r", "in.pcap", "-w", "out.pcap", "--receipt", "mine.json"], "mine.json exists"),
            (["-r", "in.pcap", "-w", "out.pcap", "--receipt", "out.pcap", "--force"], "cannot both go to out.pcap"),
            (["-r", "in.pcap", "-w", "out.pcap", "--receipt", "in.pcap", "--force"], "in.pcap is one of the captures"),
            (["-r", "in.pcap", "-w", "in.pcap", "--force"], "in.pcap is one of the captures"),
            (["-d", "data", "-w", "in.pcap", "--force"], "in.pcap is one of the captures")):
        done = earlgrey.run("packets", *words)
        assert done.returncode == 2 and says in done.stderr, (words, done.stderr)
        assert not (tmp_path / "out.pcap").exists()
    assert capture.read_bytes() == whole and (tmp_path / "mine.json").read_text() == "mine"
    (tmp_path / "out.pcap.tmp").write_text("mine, too")
    earlgrey.ok("packets", "-q", "-r", "in.pcap", "-w", "out.pcap", "-c", "5", "--receipt", "mine.json", "--force")
    assert (tmp_path / "out.pcap.tmp").read_text() == "mine, too"
    assert json.loads((tmp_path / "mine.json").read_text())["written"]["packets"] == 5


def mixed(path, numbers):
    """A capture of frames of these numbers, each its time in milliseconds."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for n in numbers:
            frame = bytes.fromhex("0200000000020200000000010800450000210001000040110000") + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + \
                struct.pack(">HHHH", 1000 + n % 7, 53, 13, 0) + b"abcde"
            out.write(struct.pack("<IIII", 1767225600 + n // 1000, n % 1000 * 1000, len(frame), len(frame)) + frame)


def test_what_is_written_is_in_the_order_of_time(earlgrey, tmp_path):
    """One capture in any order, several that overlap, a directory, packed ones; -c takes the earliest."""
    numbers = list(range(30000))
    dice = random.Random(SEED)
    dice.shuffle(numbers)
    (tmp_path / "dir" / "deep").mkdir(parents=True)
    mixed(tmp_path / "all.pcap", numbers)
    mixed(tmp_path / "dir" / "odd.pcap", sorted(numbers[:15000]))
    mixed(tmp_path / "dir" / "deep" / "even.pcap", sorted(numbers[15000:]))
    (tmp_path / "dir" / ".hidden.pcap").write_bytes((tmp_path / "all.pcap").read_bytes())
    (tmp_path / "dir" / "half.pcap.part").write_bytes((tmp_path / "all.pcap").read_bytes())
    (tmp_path / "dir" / "README").write_text("no capture")
    (tmp_path / "packed.gz").write_bytes(gzip.compress((tmp_path / "all.pcap").read_bytes()))
    first = 1767225600 * 10**9
    for words in (["-r", "all.pcap"], ["-r", "packed.gz"], ["-r", "dir"], ["-r", "dir/odd.pcap", "dir/deep/even.pcap"],
                  ["-r", "dir/deep", "-r", "dir/odd.pcap"]):
        assert [p.time_ns - first for p in written(earlgrey, *words)] == [n * 10**6 for n in range(30000)], words
        got = written(earlgrey, *words, "--bpf", "udp src port 1003", "-c", "100")
        assert [p.time_ns - first for p in got] == [n * 10**6 for n in range(30000) if n % 7 == 3][:100], words
    rows = earlgrey.rows("packets", "-r", "dir", "--fields", "time,file", "--epoch")
    assert [row["time"] for row in rows] == [first // 1000 + n * 1000 for n in range(30000)]
    assert {row["file"] for row in rows} == {"dir/odd.pcap", "dir/deep/even.pcap"}
    for words, count in (([], 30000), (["-c", "70"], 70)):  # a stream of several
        stream = earlgrey.run("packets", "-r", "dir/odd.pcap", "dir/deep/even.pcap", *words, "-w", "-", text=False)
        assert stream.returncode == 0 and b"stand behind" not in stream.stderr
        (tmp_path / "stream.pcap").write_bytes(stream.stdout)
        assert [p.time_ns - first for p in read(tmp_path / "stream.pcap")] == [n * 10**6 for n in range(count)]
    apart = json.loads(earlgrey.ok("packets", "-r", "dir", "-c", "50", "--pdml", "-o", "json"))["packets"]
    stamps = [field["value"] for packet in apart for field in packet["protos"][0]["fields"] if field["name"] == "timestamp"]
    assert [float(stamp) for stamp in stamps] == [1767225600 + n / 1000 for n in range(50)]
    # what goes on as it is read is as it stands, and it is said
    stream = earlgrey.run("packets", "-r", "all.pcap", "-w", "-", text=False)
    (tmp_path / "stream.pcap").write_bytes(stream.stdout)
    assert [(p.time_ns - first) // 10**6 for p in read(tmp_path / "stream.pcap")] == numbers
    late = sum(n < max(numbers[:i]) for i, n in enumerate(numbers[:2000]) if i)
    assert late > 1000 and b" packets stand behind later ones, as they were read" in stream.stderr
    apart = earlgrey.run("packets", "-r", "all.pcap", "-c", "50", "--pdml", "-w", "some.xml")
    assert "packets stand behind later ones" in apart.stderr and apart.returncode == 0
    piped = earlgrey.run("packets", "-r", "-", "-w", "piped.pcap", stdin=(tmp_path / "all.pcap").read_bytes(), text=False)
    assert b"packets stand behind later ones" in piped.stderr
    assert [(p.time_ns - first) // 10**6 for p in read(tmp_path / "piped.pcap")] == numbers


def test_captures_are_read_as_they_begin(earlgrey, tmp_path):
    """A stream cannot be put in order: so the captures are, by their first packets, whatever their names are."""
    (tmp_path / "dir").mkdir()
    mixed(tmp_path / "dir" / "z.pcap", range(100))
    mixed(tmp_path / "dir" / "a.pcap", range(99, 200))  # begins with the time the other ends with
    mixed(tmp_path / "cut.pcap", range(300, 301))
    (tmp_path / "dir" / "m.pcap").write_bytes((tmp_path / "cut.pcap").read_bytes()[:34])
    first = 1767225600 * 10**9
    for words in (["dir"], ["dir/a.pcap", "dir/m.pcap", "dir/z.pcap"]):
        stream = earlgrey.run("packets", "-r", *words, "-w", "-", text=False)
        assert stream.returncode == 3 and b"m.pcap is cut" in stream.stderr, words
        assert b"stand behind later ones" not in stream.stderr, words
        (tmp_path / "stream.pcap").write_bytes(stream.stdout)
        times = [(p.time_ns - first) // 10**6 for p in read(tmp_path / "stream.pcap")]
        assert times == [*range(100), *range(99, 200)], words


def test_the_first_so_many_of_captures_that_overlap(earlgrey, tmp_path):
    """What is enough of one capture may not be the earliest: any other that begins before its last is read, too."""
    mixed(tmp_path / "one.pcap", [*range(10), *range(100, 110)])
    mixed(tmp_path / "two.pcap", range(50, 60))
    mixed(tmp_path / "three.pcap", range(200, 210))
    first = 1767225600 * 10**9
    got = written(earlgrey, "-r", "one.pcap", "two.pcap", "three.pcap", "-c", "15")
    assert [(p.time_ns - first) // 10**6 for p in got] == [*range(10), *range(50, 55)]


def test_a_directory_without_captures(earlgrey, packets, tmp_path):
    (tmp_path / "empty").mkdir()
    earlgrey.ok("ingest", packets[0], "-d", "data")
    for words, code, told in ((["-r", "empty"], 1, "there are no captures in empty"), (["-r", "data"], 2, "-d data asks it")):
        for verb in ("packets", "top", "flows", "losses"):
            done = earlgrey.run(verb, *words)
            assert done.returncode == code and told in done.stderr and done.stdout == "", (verb, words)


@pytest.mark.skipif("asan" in EARLGREY.parent.name or "tsan" in EARLGREY.parent.name,
                    reason="a sanitizer wants to be loaded first")
def test_on_the_disk_before_it_is_said(earlgrey, packets, tmp_path):
    """The bytes before the name, and the name before the end; so of several files, of flows, and of PDML."""
    library, log = tmp_path / "sync_log.so", tmp_path / "log"
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-shared", "-fPIC", "-o", library,
                    pathlib.Path(__file__).parent / "sync_log.c", "-ldl"], check=True)
    (tmp_path / "out").mkdir()
    for words, names in ((["packets", "-c", "1000", "-w", "out/a.pcap"], ["out/a.pcap"]),
                         (["packets", "-c", "100", "-w", "out/a.pcap", "--force"], ["out/a.pcap"]),
                         (["packets", "-c", "20", "-w", "out/b.pcap", "--records-per-file", "10"],
                          ["out/b+0001.pcap", "out/b+0002.pcap"]),
                         (["flows", "-n", "1", "--packets", "-w", "out/c.pcap"], ["out/c.pcap"])):
        log.unlink(missing_ok=True)
        earlgrey.ok(*words, "-r", packets[0], env={"LD_PRELOAD": str(library), "EG_SYNC_LOG": str(log)})
        lines = [line.split(" ", 1) for line in log.read_text().splitlines()]
        named = [i for i, (what, name) in enumerate(lines) if what == "name" and name in names]
        synced = [i for i, (what, name) in enumerate(lines) if what == "sync" and "/out/." in name]
        folder = [i for i, (what, name) in enumerate(lines) if what == "sync" and name == str(tmp_path / "out")]
        assert [lines[i][1] for i in named] == names, lines
        assert len(synced) == len(names) and max(synced) < min(named) and max(folder) > max(named), lines
    log.unlink()
    earlgrey.ok("packets", "-r", packets[0], "-w", "out/d.pcap", "--no-sync",
                env={"LD_PRELOAD": str(library), "EG_SYNC_LOG": str(log)})
    assert log.read_text() == "name out/d.pcap\n"


def test_the_columns_of_the_outer_packet(earlgrey, shared):
    """With --outermost rows show what the filter was about; an index has the outer addresses of it."""
    path = shared / "packets" / "tcpdump" / "gso-ipv4-vxlan-ipv6.pcap"
    fields = "src_ip,src_port,dst_ip,dst_port,proto,ip_version,src_mac,tcp_flags,tunnel,length"
    shown = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-E", "occurrence=f", "-e", "ip.src", "-e", "udp.srcport",
                            "-e", "ip.dst", "-e", "udp.dstport", "-e", "ip.proto", "-e", "eth.src"], capture_output=True, text=True,
                           check=True).stdout.splitlines()
    earlgrey.ok("ingest", path, "-d", "data")
    for words in ([], ["udp port 4789"], ["--bpf", "udp port 4789"], ["--both", "dst port 4789"]):
        read = earlgrey.rows("packets", "-r", path, "--outermost", "--fields", fields, *words)
        assert [[str(row[n]) for n in ("src_ip", "src_port", "dst_ip", "dst_port", "proto", "src_mac")] for row in read] == \
            [line.split("\t") for line in shown], words
        assert all(row["tunnel"] == "vxlan" and row["tcp_flags"] is None and row["ip_version"] == 4 for row in read)
        indexed = earlgrey.rows("packets", "-d", "data", "--outermost", "--fields", fields, *words)
        for one, other in zip(read, indexed, strict=True):
            assert {k: v for k, v in other.items() if v is not None} == \
                {k: one[k] for k in ("src_ip", "dst_ip", "ip_version", "tunnel", "length")}
    # what is not entered (encrypted, no IP inside) is a row of the outer packet, whole
    whole = 0
    for name in ("various_gre", "nsh-over-vxlan-gpe", "geneve", "vxlan"):
        other = shared / "packets" / "tcpdump" / f"{name}.pcap"
        earlgrey.ok("ingest", other, "-d", name)
        inside = earlgrey.rows("packets", "-d", name, "--fields", "outer_src_ip")
        for one, two, entered in zip(*(earlgrey.rows("packets", *place, "--outermost", "--fields", fields)
                                       for place in (["-r", other], ["-d", name])), inside, strict=True):
            assert all(two[k] == one[k] for k in one if two[k] is not None) and two["src_ip"] == one["src_ip"]
            assert entered["outer_src_ip"] or one == two
            whole += not entered["outer_src_ip"]
    assert whole > 3
    inner = earlgrey.rows("packets", "-r", path, "--fields", fields, "tcp")
    assert len(inner) == len(read) and all(row["src_port"] != one["src_port"] for row, one in zip(inner, read))

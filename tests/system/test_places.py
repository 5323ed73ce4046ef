# SPDX-License-Identifier: Apache-2.0
"""GEO_GET and ASN_GET through the program: packets by where their addresses are, against the flow filter on
the same networks; databases that are missing, none, damaged; how they are named."""
import gzip
import ipaddress
import json
import re

import pytest
from packet_reader import read

NETWORKS = {"192.168.0.0/16": None, "106.187.0.0/16": "JP", "161.117.0.0/16": "SG", "14.136.0.0/13": "HK", "142.0.0.0/7": "US",
            "8.8.8.8/32": "US"}


def value(it):
    """As the file format has it."""
    if isinstance(it, str):
        text = it.encode()
        assert len(text) < 29
        return bytes([2 << 5 | len(text)]) + text
    if isinstance(it, int):
        text = it.to_bytes(4, "big").lstrip(b"\0")
        return bytes([6 << 5 | len(text)]) + text
    return bytes([7 << 5 | len(it)]) + b"".join(value(key) + value(what) for key, what in it.items())


def database(networks, kind="GeoLite2-City"):
    """A MaxMind DB file for IPv4: networks, and the bytes of the record of each."""
    nodes, data = [[None, None]], b""
    for network, record in networks.items():
        net, node = ipaddress.ip_network(network), 0
        bits = f"{int(net.network_address):032b}"[:net.prefixlen]
        for bit in map(int, bits[:-1]):
            if nodes[node][bit] is None:
                nodes[node][bit] = len(nodes)
                nodes.append([None, None])
            node = nodes[node][bit]
        nodes[node][int(bits[-1])] = (len(data),)
        data += record
    tree = b""
    for to in (to for node in nodes for to in node):
        number = len(nodes) if to is None else to if isinstance(to, int) else len(nodes) + 16 + to[0]
        tree += number.to_bytes(3, "big")
    about = {"binary_format_major_version": 2, "ip_version": 4, "node_count": len(nodes), "record_size": 24,
             "database_type": kind}
    return tree + bytes(16) + data + b"\xab\xcd\xefMaxMind.com" + value(about)


@pytest.fixture(name="capture")
def _capture(shared):
    return (shared / "packets/ndpi/1kxun.pcap").resolve()


@pytest.fixture(name="places")
def _places(tmp_path):
    """A database of the networks, in tmp_path."""
    records = {net: value({"country": {"iso_code": land}} if land else {}) for net, land in NETWORKS.items()}
    path = tmp_path / "places.mmdb"
    path.write_bytes(database(records))
    return path


def found(earlgrey, capture, *words):
    earlgrey.ok("packets", "-q", "-r", capture, *words, "-w", "found.pcap", "--force")
    return [p.data for p in read(earlgrey.home / "found.pcap")]


def test_packets_by_country(earlgrey, capture, places):
    some = 0
    for land in ("JP", "SG", "HK", "US"):
        got = found(earlgrey, capture, "--geo", places, "--stellar", f"GEO_GET(ip_src_addr, ['country']) == '{land}'")
        assert got == found(earlgrey, capture, " or ".join(f"src net {net}" for net, its in NETWORKS.items() if its == land))
        some += len(got) > 20
    assert some == 4
    numbers = places.with_name("as.mmdb")
    numbers.write_bytes(database({"106.187.0.0/16": value({"autonomous_system_number": 15169})}, "GeoLite2-ASN"))
    got = found(earlgrey, capture, "--asn", numbers, "--geo", places, "--stellar",
                "ASN_GET(ip_dst_addr, ['autonomous_system_number']) == 15169 and GEO_GET(ip_dst_addr, ['country']) == 'JP'")
    assert got and got == found(earlgrey, capture, "dst net 106.187.0.0/16")


def test_databases_are_configured(earlgrey, capture, places):
    """In a file, and for the form that Metron's scripts call; the receipt names them."""
    question = "GEO_GET(ip_src_addr, ['country']) == 'JP'"
    config = earlgrey.home / "c.yaml"
    config.write_text(f"geo: {places}\n")
    wanted = found(earlgrey, capture, "--geo", places, "--stellar", question)
    assert wanted and found(earlgrey, capture, "--config", config, "--stellar", question) == wanted
    for words in (("-geo", places), ("--config", config)):
        earlgrey.ok("packets", "query", "-st", "0", "-bp", capture, "-pre", "x", "-f", "-q", question, *words)
        assert len(read(earlgrey.home / "pcap-data-x+0001.pcap")) == len(wanted)
    earlgrey.ok("packets", "-r", capture, "--stellar", question, "-w", "r.pcap", "--receipt", "r.json", "--config", config)
    receipt = json.loads((earlgrey.home / "r.json").read_text())
    assert receipt["asked"]["geo"] == str(places) and receipt["asked"]["asn"] is None


def test_what_cannot_be_asked(earlgrey, capture, places):
    """One line each, and nothing written."""
    question = "GEO_GET(ip_src_addr, ['country']) == 'JP'"
    whole = places.read_bytes()
    files = {"cut": whole[:-20], "none": b"text", "packed": gzip.compress(whole), "moved": whole[6:], "headless": whole[200:],
             "as.mmdb": database({}, "GeoLite2-ASN")}
    for name, content in files.items():
        (earlgrey.home / name).write_bytes(content)
    rows = [
        ((), question, 2, "GEO_GET needs a database of places: name one with --geo FILE.mmdb\n"),
        (("--geo", places), "ASN_GET(ip_src_addr) == {}", 2, "ASN_GET needs a database of AS numbers: name one with --asn"),
        (("--geo", "gone.mmdb"), question, 1, "cannot open gone.mmdb: No such file"),
        (("--geo", "."), question, 1, ". is no file"),
        (("--geo", "cut"), question, 1, "cut is damaged"),
        (("--geo", "none"), question, 1, "none is no whole MaxMind DB (.mmdb)\n"),
        (("--geo", "packed"), question, 1, "packed is no whole MaxMind DB (.mmdb): it is compressed, so unpack it first\n"),
        (("--geo", "moved"), question, 1, "moved is damaged"),
        (("--geo", "as.mmdb"), question, 2, "as.mmdb is a database of AS numbers (GeoLite2-ASN): --asn takes it"),
        (("--asn", places), question, 2, "places.mmdb is a database of places (GeoLite2-City): --geo takes it"),
        (("--geo", "headless"), question, 1, "headless is damaged"),
        (("--geo", places), "GEO_GET(ip_src_addr, ['contry']) == 'US'", 2, "has no field 'contry' (did you mean country?)"),
    ]
    for words, expression, code, why in rows:
        done = earlgrey.run("packets", "-r", capture, *words, "--stellar", expression, "-w", "out.pcap")
        assert done.returncode == code and why in done.stderr, (words, done.stderr)
        assert done.stderr.count("earlgrey:") == 1 and not (earlgrey.home / "out.pcap").exists()
    # the place of the name, as a caret
    assert re.search(r"\n *" + re.escape(rows[-1][1]) + r"\n {%d,}\^" % rows[-1][1].index("'contry'"), done.stderr)


def test_a_damaged_record(earlgrey, capture, places):
    """Packets whose addresses lead there are left out and counted; the others are answered."""
    jp = value({"country": {"iso_code": "JP"}})
    places.write_bytes(database({"161.117.0.0/16": jp, "106.187.0.0/16": b"\xe3\xff"}))
    done = earlgrey.run("packets", "-r", capture, "--geo", places, "--stellar",
                        "GEO_GET(ip_src_addr, ['country']) == 'JP'", "-w", "out.pcap")
    assert done.returncode == 0
    left_out = re.search(r"(\d+) packets were left out: GEO_GET: what the database says about 106\.187\.[\d.]+ is damaged", done.stderr)
    assert int(left_out[1]) == len(found(earlgrey, capture, "src net 106.187.0.0/16"))
    assert [p.data for p in read(earlgrey.home / "out.pcap")] == found(earlgrey, capture, "src net 161.117.0.0/16")

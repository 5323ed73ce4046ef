# SPDX-License-Identifier: Apache-2.0
"""Packets per conversation against Zeek and Arkime, which both look into tunnels.

Zeek logs the conversation inside and, besides, the one that carries it; Arkime logs the one inside
with the outer addresses beside it. ICMP is compared by addresses (its "ports" differ between tools).
"""
import collections
import csv
import glob
import json
import os
import shutil
import subprocess

import pytest

import captures

WITH_PORTS = {"zeek": {"6", "17"}, "arkime": {"6", "17", "132"}}  # of which protocols they say them

# capture -> (how many conversations and pairs of outer addresses differ, reason)
ZEEK_DIFFERENCES = {
    "packets/zeek/smtp.pcap": (2, "the test tells Zeek to stop looking at the connections"),
    "packets/zeek/tunnels/Teredo.pcap": (
        3, "Zeek finds Teredo by what it looks like, on ports 32900 and 3797 too; ports of anybody "
        "are no reason to look into packets here"),
    "packets/zeek/tunnels/gtp/gtp1_gn_normal_incl_fragmentation.pcap": (
        2, "Zeek puts outer fragments together, and of four packets the second piece is missing; "
        "here the first piece is enough"),
    "packets/zeek/wikipedia.pcap": (1, "the test changes Zeek's capture filter on the way"),
}
ARKIME_DIFFERENCES = {
    "packets/arkime/6-4-gre-ppp-udp-4-dns": (
        1, "keeps the innermost of the outer packets' addresses, here the outermost stand"),
    "packets/arkime/gre-erspan-vxlan": (1, "the same"),
    "packets/arkime/igmp": (1, "takes all IGMP for one conversation"),
    "packets/arkime/vxlan": (1, "has ARP inside VXLAN as a conversation without ports"),
}


def conversation(proto, ends):
    return proto, tuple(sorted(ends))


def conversation_of(row, ported):
    ports = row["proto"] in ported
    return conversation(row["proto"], [(row["src_ip"], row["src_port"] if ports else ""),
                                       (row["dst_ip"], row["dst_port"] if ports else "")])


def packets_of(name, ported):
    """Packets per conversation, and per pair of outer addresses."""
    inner, outer = collections.Counter(), collections.Counter()
    for row in captures.rows("packets", captures.path(name))[0]:
        if row["src_ip"]:
            inner[conversation_of(row, ported)] += 1
        if row["outer_src_ip"]:
            outer[tuple(sorted((row["outer_src_ip"], row["outer_dst_ip"])))] += 1
    return inner, outer


# ---- Zeek ----

def zeek_logs():
    if not os.path.isdir(captures.SHARED):
        return []
    with open(captures.path("zeek-index.tsv"), encoding="utf-8") as text:
        return [(line["capture"], line["conn_log"])
                for line in csv.DictReader(text, delimiter="\t")]


def zeek_lines(path):
    with open(path, encoding="utf-8") as text:
        names = []
        for line in text:
            if line.startswith("#fields"):
                names = line.rstrip("\n").split("\t")[1:]
            elif not line.startswith("#"):
                yield dict(zip(names, line.rstrip("\n").split("\t")))


def zeek_conversation(line):
    proto = {"tcp": "6", "udp": "17", "icmp": "58" if ":" in line["id.orig_h"] else "1"}.get(
        line["proto"], line.get("ip_proto", ""))
    ports = proto in WITH_PORTS["zeek"]
    return conversation(proto, [(line["id.orig_h"], line["id.orig_p"] if ports else ""),
                                (line["id.resp_h"], line["id.resp_p"] if ports else "")])


def zeek_packets(log):
    """As packets_of; of what carries tunnels, only the addresses are told apart."""
    lines = list(zeek_lines(captures.path(log)))
    carriers = {uid for line in lines for uid in line["tunnel_parents"].split(",")}
    inner, outer = collections.Counter(), collections.Counter()
    for line in lines:
        packets = int(line["orig_pkts"]) + int(line["resp_pkts"])
        if line["uid"] in carriers and line["tunnel_parents"] in ("-", "(empty)"):
            outer[tuple(sorted((line["id.orig_h"], line["id.resp_h"])))] += packets
        elif line["uid"] not in carriers:
            inner[zeek_conversation(line)] += packets
    return inner, outer


def unequal(ours, theirs):
    return {key: f"{ours[key]} packets, theirs {count}" for key, count in theirs.items()
            if ours[key] != count}


@pytest.mark.parametrize("name,log", zeek_logs())
def test_zeek(name, log):
    captures.need()
    ours, theirs = packets_of(name, WITH_PORTS["zeek"]), zeek_packets(log)
    assert sum(theirs[0].values())
    found = unequal(ours[0], theirs[0]) | unequal(ours[1], theirs[1])
    assert len(found) == ZEEK_DIFFERENCES.get(name, (0,))[0], found


# ---- Arkime ----

def arkime_sessions():
    names = glob.glob(os.path.join(captures.SHARED, "packets", "arkime", "*.test.json"))
    return sorted("packets/arkime/" + os.path.basename(name).removesuffix(".test.json")
                  for name in names)


def arkime_packets(name):
    with open(captures.path(name + ".test.json"), encoding="utf-8") as text:
        sessions = [entry["body"] for entry in json.load(text)["sessions3"]]
    inner, outer = collections.Counter(), set()
    for session in sessions:
        source, destination = session["source"], session["destination"]
        if "ip" not in source or session.get("ipProtocol", 0) == 0:
            continue
        proto = str(session["ipProtocol"])
        ports = proto in WITH_PORTS["arkime"]
        ends = [(end["ip"], str(end["port"]) if ports else "") for end in (source, destination)]
        inner[conversation(proto, ends)] += source["packets"] + destination["packets"]
        outer |= set(session.get("srcOuterIp", [])) | set(session.get("dstOuterIp", []))
    return inner, outer


@pytest.mark.parametrize("name", arkime_sessions())
def test_arkime(name):
    captures.need()
    ours, outer = packets_of(name + ".pcap", WITH_PORTS["arkime"])
    theirs, outer_theirs = arkime_packets(name)
    found = unequal(ours, theirs)
    ends = {address for pair in outer for address in pair}
    if ends != outer_theirs:
        found["outer"] = f"{sorted(ends)}, theirs {sorted(outer_theirs)}"
    assert len(found) == ARKIME_DIFFERENCES.get(name, (0,))[0], found


# ---- numbers of tunnels: the goldens lack them, the tshark of this machine is asked ----

NUMBERS = {
    "packets/zeek/tunnels/vxlan-encapsulated-http.pcap": "vxlan.vni",
    "packets/suricata-verify/vxlan-decoder-03__vxlan.pcap": "vxlan.vni",
    "packets/tcpdump/geneve.pcap": "geneve.vni",
    "packets/tcpdump/gso-ipv6-geneve-ipv4.pcap": "geneve.vni",
    "packets/arkime/gtp-u.pcap": "gtp.teid",
    "packets/zeek/tunnels/gtp/gtp7_ipv6.pcap": "gtp.teid",
    "packets/zeek/erspanIII.pcap": "erspan.spanid",
    "packets/tcpdump/erspan-type-ii-2.pcap": "erspan.spanid",
    "packets/pcapplusplus/GrePackets.cap": "gre.key.call_id",
    "packets/flowtest/gre.pcap": "gre.key",
    "packets/zeek/tunnels/gre-sample.pcap": "gre.key",
}


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_of_tunnels(name):
    captures.need()
    if not shutil.which("tshark"):
        pytest.skip("no tshark here")
    done = subprocess.run(["tshark", "-n", "-r", captures.path(name), "-T", "fields",
                           "-e", NUMBERS[name]], capture_output=True, text=True, check=True)
    rows, _ = captures.rows("packets", captures.path(name))
    lines = done.stdout.split("\n")[:-1]
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines):
        number = line.split(",")[-1] if row["tunnel"] else ""
        want = str(int(number, 0)) if number else ""
        assert row["tunnel_id"] == want, (row["tunnel"], line)


def test_lists_name_captures_that_are_there():
    captures.need()
    assert set(ZEEK_DIFFERENCES) <= {name for name, _ in zeek_logs()}
    assert set(ARKIME_DIFFERENCES) <= set(arkime_sessions())

# SPDX-License-Identifier: Apache-2.0
"""What other tools make of captures, as sums: {(source, port, destination, port, protocol):
[packets, bytes]}, of each direction by itself, TCP, UDP and SCTP only (others have no ports, and every
tool an idea of its own what to put there). Flows of one tuple are added up: when a flow ends differs.

bytes are those of frames on the wire, or None where the tool counts from the IP header on."""
import csv
import glob
import gzip
import ipaddress
import json
import os
import re

import captures

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}


def address(text):
    return str(ipaddress.ip_address(text))


class Sums(dict):
    """Sums of tuples; directions without packets are left out."""

    def add(self, proto, a, a_port, b, b_port, packets, octets):
        if not packets:
            return
        key = (address(a), int(a_port), address(b), int(b_port), proto)
        have = self.setdefault(key, [0, 0])
        have[0] += packets
        have[1] = None if octets is None else have[1] + octets

    def both(self, proto, a, a_port, b, b_port, there, back):
        """`there` and `back`: (packets, bytes)."""
        self.add(proto, a, a_port, b, b_port, *there)
        self.add(proto, b, b_port, a, a_port, *back)


def ours(path):
    sums = Sums()
    rows, _ = captures.rows("metered", path)
    for row in rows:
        if row["src_port"] and int(row["proto"]) in PROTOCOLS.values():
            sums.add(int(row["proto"]), row["src_ip"], row["src_port"], row["dst_ip"],
                     row["dst_port"], int(row["packets"]), int(row["bytes"]))
    return sums


def argus(path):
    sums = Sums()
    with plain(path) as lines:
        for row in csv.DictReader(lines):
            if row["Proto"] in PROTOCOLS and row["Sport"]:
                sums.both(PROTOCOLS[row["Proto"]], row["SrcAddr"], int(row["Sport"], 0),
                          row["DstAddr"], int(row["Dport"], 0),
                          (int(row["SrcPkts"]), int(row["SrcBytes"])),
                          (int(row["DstPkts"]), int(row["DstBytes"])))
    return sums


def arkime(path):
    sums = Sums()
    with open(path, encoding="utf-8") as text:
        sessions = json.load(text)["sessions3"]
    for session in (entry["body"] for entry in sessions):
        if session.get("ipProtocol") not in PROTOCOLS.values():
            continue
        ends = session["source"], session["destination"]
        sums.both(session["ipProtocol"], ends[0]["ip"], ends[0]["port"], ends[1]["ip"],
                  ends[1]["port"], *((end["packets"], end["bytes"]) for end in ends))
    return sums


def zeek(path):
    sums = Sums()
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            words = line.rstrip("\n").split("\t")
            if words[0] == "#fields":
                names = words[1:]
            elif not line.startswith("#"):
                row = dict(zip(names, words))
                if row["proto"] in PROTOCOLS and row["orig_pkts"] != "-":
                    sums.both(PROTOCOLS[row["proto"]], row["id.orig_h"], row["id.orig_p"],
                              row["id.resp_h"], row["id.resp_p"], (int(row["orig_pkts"]), None),
                              (int(row["resp_pkts"]), None))
    return sums


NDPI = re.compile(r"^\t\d+\t(TCP|UDP|SCTP) \[?([0-9a-f.:]+?)\]?:(\d+) <?-> \[?([0-9a-f.:]+?)\]?:(\d+) .*?"
                  r"\[(\d+) pkts/(\d+) bytes (?:<->|->) (\d+) pkts/(\d+) bytes\]")


def ndpi(path):
    sums = Sums()
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            found = NDPI.match(line)
            if found:
                proto, a, a_port, b, b_port, *counts = found.groups()
                there, there_bytes, back, back_bytes = map(int, counts)
                sums.both(PROTOCOLS[proto.lower()], a, a_port, b, b_port, (there, there_bytes),
                          (back, back_bytes))
    return sums


def ipfixprobe(path):
    sums = Sums()
    with open(path, encoding="utf-8") as text:
        lines = text.read().splitlines()
    header = next(line for line in lines if line.startswith("ipaddr"))
    names = [name.split(" ")[-1] for name in header.split(",")]
    for line in lines:
        if line == header or not line:
            continue
        row = dict(zip(names, line.split(",")))
        if int(row["PROTOCOL"]) in PROTOCOLS.values():
            sums.both(int(row["PROTOCOL"]), row["SRC_IP"], row["SRC_PORT"], row["DST_IP"],
                      row["DST_PORT"], (int(row["PACKETS"]), None),
                      (int(row["PACKETS_REV"]), None))
    return sums


CONVERSATION = re.compile(r"^(\S+):(\d+) +<-> (\S+):(\d+) +(\d+) [\d,]+ \S+ +(\d+) [\d,]+ \S+ +\d+ ")


def tshark(path):
    sums, proto = Sums(), None
    with plain(path) as lines:
        for line in lines:
            if line.endswith(" Conversations\n"):
                proto = PROTOCOLS.get(line.split(" ", maxsplit=1)[0].lower())
            found = CONVERSATION.match(line)
            if found and proto:
                a, a_port, b, b_port, back, there = found.groups()
                sums.both(proto, a, a_port, b, b_port, (int(there), None), (int(back), None))
    return sums


def plain(path):
    """The text of a golden, which may be compressed."""
    if path.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return open(path, newline="", encoding="utf-8")


def goldens():
    """(tool, capture, its golden), all there are."""
    base, found = captures.SHARED, []
    for tool in ("argus", "tshark-conv"):
        for path in glob.glob(f"{base}/golden-tools/{tool}/packets/**/*", recursive=True):
            name = os.path.relpath(path, f"{base}/golden-tools/{tool}").removesuffix(".gz")
            if os.path.isfile(path):
                found.append((tool, os.path.splitext(name)[0], path))
    for path in glob.glob(f"{base}/packets/arkime/*.test.json"):
        found.append(("arkime", "packets/arkime/" + os.path.basename(path)[:-10] + ".pcap", path))
    with open(f"{base}/zeek-index.tsv", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            found.append(("zeek", row["capture"], f"{base}/{row['conn_log']}"))
    for path in glob.glob(f"{base}/packets/ndpi/*.out"):
        found.append(("ndpi", "packets/ndpi/" + os.path.basename(path)[:-4], path))
    for path in glob.glob(f"{base}/packets/ipfixprobe/expected/*.csv"):
        name = os.path.basename(path).split(".pcap.")[0]
        found.append(("ipfixprobe", f"packets/ipfixprobe/{name}.pcap", path))
    return sorted(found)


READERS = {"argus": argus, "arkime": arkime, "zeek": zeek, "ndpi": ndpi, "ipfixprobe": ipfixprobe,
           "tshark-conv": tshark}


def differences(tool, name, golden):
    """Tuples whose sums differ: {tuple: (ours, theirs)}."""
    mine, theirs = ours(captures.path(name)), READERS[tool](golden)
    found = {}
    for key in mine.keys() | theirs.keys():
        a, b = mine.get(key, [0, 0]), theirs.get(key, [0, 0])
        if a[0] != b[0] or (b[1] is not None and a[1] != b[1]):
            found[key] = (a, b)
    return found, len(theirs)

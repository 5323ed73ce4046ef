# SPDX-License-Identifier: Apache-2.0
"""Every sample of flow exports, what is fed to the decoders for it, and the results that others have
of it. A case is a sample's name as the goldens of the tools have it: project/name."""
import collections
import glob
import gzip
import json
import os
import re
import struct

import captures

FLOWS = "flow-export"
# The ports that the samples were sent to; exports on others are found by their content.
PORTS = "2055,9991,9995,9996,9999,6343,4739"
PORT = 2055
SENDER = "192.0.2.9"


def shared(*names):
    return captures.path(os.path.join(FLOWS, *names))


def listing(*names):
    return sorted(glob.glob(shared(*names)))


def read_json(*names):
    with open(shared(*names), encoding="utf-8") as text:
        return json.load(text)


# ---- making captures ----

def clock_of(datagram):
    """When the exporter says it sent the datagram: then no clock has to be corrected."""
    version = struct.unpack(">H", datagram[:2])[0] if len(datagram) >= 16 else 0
    at = {1: 8, 5: 8, 7: 8, 9: 8, 10: 4}.get(version)
    return struct.unpack(">I", datagram[at:at + 4])[0] if at else 1700000000


def wrap(datagrams):
    """Datagrams as a capture of IPv4 packets, from one sender, in order."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 101)
    for datagram in datagrams:
        udp = struct.pack(">HHHH", 40000, PORT, 8 + len(datagram), 0) + datagram
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                         bytes(int(part) for part in SENDER.split(".")), bytes([192, 0, 2, 1]))
        size = len(ip) + len(udp)
        out += struct.pack("<IIII", clock_of(datagram), 0, size, size) + ip + udp
    return out


def join(paths):
    """Captures one behind the other, as one; all of them have the same header."""
    parts = [open(path, "rb").read() for path in paths]
    assert len({part[:4] + part[20:24] for part in parts}) == 1, paths
    return parts[0] + b"".join(part[24:] for part in parts[1:])


# ---- the cases ----

Case = collections.namedtuple("Case", "project name files kind")


def all_cases():
    found = {}

    def add(project, name, files, kind):
        found[f"{project}/{name}"] = Case(project, name, files, kind)

    for path in listing("logstash", "expected", "*.json"):
        golden = json.load(open(path, encoding="utf-8"))
        add("logstash", os.path.basename(path).removesuffix(".json"),
            [shared("logstash", name) for name in golden["datagrams_in_order"]], "datagrams")
    for path in listing("telegraf", "*", "expected.out"):
        folder = os.path.dirname(path)
        add("telegraf", os.path.basename(folder), sorted(glob.glob(os.path.join(folder, "*.bin"))),
            "datagrams")
    if os.path.isdir(captures.SHARED):
        for test, golden in read_json("akvorado", "expected.json").items():
            folder = test.split(":")[0]
            if folder != "packet": # frames, not exports
                add("akvorado", re.sub("[^0-9A-Za-z]+", "-", test),
                    [shared("akvorado", folder, name) for name in golden["pcaps_in_order"]],
                    "captures")
    for project in ("graylog", "ndpi", "libnetflow9", "tcpdump", "traffic-reproducer"):
        for path in listing(project, "*.pcap"):
            add(project, os.path.basename(path), [path], "captures")
    for path in listing("graylog", "*.dat"):
        add("graylog", os.path.basename(path), [path], "datagrams")
    for path in listing("pmacct", "*", "traffic-00.pcap"):
        add("pmacct", os.path.basename(os.path.dirname(path)), [path], "captures")
    for path in listing("ipfixcol*", "*.ipfix"):
        add(os.path.basename(os.path.dirname(path)), os.path.basename(path), [path], "file")
    return found


CASES = all_cases()


def input_of(case, folder):
    """The one file that is read for the case; made in `folder` where it must be made."""
    what = CASES[case]
    if what.kind == "file" or (what.kind == "captures" and len(what.files) == 1):
        return what.files[0]
    path = os.path.join(str(folder), case.replace("/", "-") + ".pcap")
    if not os.path.exists(path):
        with open(path, "wb") as made:
            made.write(join(what.files) if what.kind == "captures" else
                       wrap([open(name, "rb").read() for name in what.files]))
    return path


def ours(case, folder, table="flows", **environment):
    """Our rows and counters."""
    return captures.rows(table, input_of(case, folder),
                         environment={"EG_NETFLOW_PORT": PORTS} | environment)


# ---- results of tools ----

def golden_lines(tool, case):
    """The lines of a tool's result, or None where it has none of the case. Of tshark, objects are
    lists of pairs, since it repeats keys."""
    what = CASES[case]
    base = captures.path(os.path.join("golden-tools", tool, FLOWS, what.project))
    for name in (what.name, os.path.join("cases", what.name),
                 os.path.join(what.name, "traffic-00.pcap")):
        for path in (os.path.join(base, name + ".ndjson"), os.path.join(base, name + ".ndjson.gz")):
            if os.path.exists(path):
                with (gzip.open if path.endswith(".gz") else open)(path, "rt",
                                                                  encoding="utf-8") as text:
                    pairs = {"object_pairs_hook": list} if tool == "tshark-cflow" else {}
                    return [json.loads(line, **pairs) for line in text if line.strip()]
    return None


def counters_of(tally):
    """The counters as {cause: records}."""
    sums = {}
    for cause, _exporter, _domain, records, *_rest in tally:
        sums[cause] = sums.get(cause, 0) + int(records)
    return sums

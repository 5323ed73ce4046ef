# SPDX-License-Identifier: Apache-2.0
"""Every packet of every capture against tshark's view of it.

The goldens hold one row a packet (tshark -T fields, all occurrences of a field, no reassembly, no
relative sequence numbers). The innermost IP packet is the row here (what ICMP quotes is none), so of
a field with several occurrences the one counts that stands at the place of that packet among
tshark's layers, and a transport header counts only directly behind it.
"""
import gzip
import re
import shutil
import subprocess

import pytest

import captures
from packet_differences import (DIFFERENCES, OTHER_LINK_NAMES, OTHER_LINKS, OUTER_DIFFERENCES,
                                UNREADABLE)

# tshark's names of IPv6 extension headers, as they stand in frame.protocols
EXTENSIONS = {"ipv6.hopopts", "ipv6.dstopts", "ipv6.routing", "ipv6.fraghdr", "ah"}
TRANSPORTS = {"tcp": 6, "udp": 17, "udplite": 136, "sctp": 132, "dccp": 33, "icmp": 1,
              "icmpv6": 58}
# and of what else was found behind IPv6
UPPER = TRANSPORTS | {"ospf": 89, "ipv6": 41, "ip": 4, "gre": 47, "esp": 50, "pim": 103,
                      "eigrp": 88, "mipv6": 135}
LINK_ETHERNET = 1
LINK_LAYERS = {"eth", "vlan", "mpls", "wlan"}
QUOTING = {"icmp", "icmpv6", "sflow"}  # what stands in them is not of this frame
TUNNELS = {"erspan": "erspan", "gre": "gre", "vxlan": "vxlan", "geneve": "geneve", "gtp": "gtp",
           "teredo": "teredo", "l2tp": "l2tp", "capwap.data": "capwap"}
TEXTS = {"src_ip", "dst_ip", "src_mac", "dst_mac", "mpls_labels", "tunnel", "outer_src_ip",
         "outer_dst_ip"}
LINKS = {0, 1, 6, 7, 8, 9, 10, 12, 14, 50, 51, 100, 101, 104, 105, 107, 108, 109, 113, 117, 119, 127,
         129, 138, 149, 163, 166, 178, 179, 180, 181, 182, 192, 204, 205, 206, 219, 226, 228, 229,
         239, 240, 242, 258, 276, 281, 282, 284, 285}


def nth(row, field, index=0):
    """The occurrence of a field that belongs to the layer with `index` others of its kind before."""
    values = row.get(field, "").split(",")
    return values[index] if index < len(values) else ""


def number(text):
    if text == "":
        return None
    if text in ("True", "False"):
        return int(text == "True")
    return int(text, 0)


def golden_rows(path):
    opener = gzip.open if path.endswith(".gz") else open
    with opener(path, "rt", encoding="utf-8", errors="replace") as lines:
        names = next(lines).rstrip("\n").split("\t")
        rows = [dict(zip(names, line.rstrip("\n").split("\t"))) for line in lines]
    # tshark also counts pcapng blocks that hold no packet; only packets have an encapsulation
    return [row for row in rows if row["frame.encap_type"]]


class Layers:
    """Where the innermost IP packet stands among tshark's layers.

    ip, behind    its name ("ip", "ipv6" or None) and what is behind it ("" if nothing)
    link          the layers of the link layer that it stands on, `before` what is before those
    index(name)   how many layers of that name stand before the packet's own part of the frame
    tunnel        what it is in, or, not being in one, carries; outer: name of the outermost IP layer
    """

    def __init__(self, row, outermost=False):
        protocols = row["frame.protocols"].split(":")
        quotes = [at for at, name in enumerate(protocols) if name in QUOTING]
        protocols = protocols[:quotes[0] + 1] if quotes else protocols
        places = [at for at, name in enumerate(protocols) if name in ("ip", "ipv6")]
        if outermost and len(places) > 1:  # the tunnel stands up to the second packet
            protocols, places = protocols[:places[1]] + ["inside"], places[:1]
        self.ip = protocols[places[-1]] if places else None
        self.outer = protocols[places[0]] if len(places) > 1 else None
        self.before_ip = protocols[:places[-1]] if places else protocols
        behind = protocols[places[-1] + 1:] if places else []
        while behind and behind[0] in EXTENSIONS:
            behind = behind[1:]
        self.behind = behind[0] if behind else ""
        starts = [0] + [at + 1 for at in places]
        ends = places + [len(protocols)]
        parts = [protocols[a:b] for a, b in zip(starts, ends)]
        at = len(places) - 1 if places else 0
        while at > 0 and not LINK_LAYERS & set(parts[at]):
            at -= 1
        self.link, self.before = parts[at], protocols[:starts[at]]
        if self.outer:
            self.tunnel = tunnel_of(parts[len(places) - 1], True)
        else:
            self.tunnel = tunnel_of(parts[-1], "inside" in parts[-1]) if places else None

    def index(self, name):
        return self.before_ip.count(name)


def tunnel_of(part, entered):
    """The kind of tunnel by the layers between two IP packets, or behind the only one."""
    for layer, name in TUNNELS.items():
        if layer in part:
            return name
    if "mpls" in part:
        return "mpls"
    return "ipip" if entered else None


def times(number, factor):
    return None if number is None else number * factor


def expected_ip(row, layers):
    at = layers.index(layers.ip)
    if layers.ip == "ip":
        # behind an authentication header is another protocol; what is not known has no name there
        proto = number(nth(row, "ip.proto", at))
        proto = {"proto": proto if proto != 51 else UPPER.get(layers.behind, 51)}
        return proto | {
            "ip_version": 4 if nth(row, "ip.src", at) else None,
            "src_ip": nth(row, "ip.src", at), "dst_ip": nth(row, "ip.dst", at),
            "ttl": number(nth(row, "ip.ttl", at)), "tos": number(nth(row, "ip.dsfield", at)),
            "ip_id": number(nth(row, "ip.id", at)),
            "fragment_offset": times(number(nth(row, "ip.frag_offset", at)), 8),
            "more_fragments": number(nth(row, "ip.flags.mf", at)),
            "dont_fragment": number(nth(row, "ip.flags.df", at)),
        }
    return expected_proto_ipv6(row, layers) | {
        "ip_version": 6, "src_ip": nth(row, "ipv6.src", at), "dst_ip": nth(row, "ipv6.dst", at),
        "ttl": number(nth(row, "ipv6.hlim", at)), "tos": number(nth(row, "ipv6.tclass", at)),
        "ip_id": number(nth(row, "ipv6.fraghdr.ident")),
        "fragment_offset": times(number(nth(row, "ipv6.fraghdr.offset")), 8),
        "more_fragments": number(nth(row, "ipv6.fraghdr.more")),
        "dont_fragment": None,
    }


def expected_proto_ipv6(row, layers):
    """tshark names the last header only by what it shows behind it; {}: it does not tell."""
    if not any(name in row["frame.protocols"].split(":") for name in EXTENSIONS | {"mipv6"}):
        return {"proto": number(nth(row, "ipv6.nxt", layers.index("ipv6")))}
    return {"proto": UPPER[layers.behind]} if layers.behind in UPPER else {}


def expected_transport(row, layers):
    want = dict.fromkeys(("src_port", "dst_port", "tcp_flags", "tcp_seq", "icmp_type",
                          "icmp_code"))
    transport = layers.behind
    at = layers.index(transport)
    fields = "udp" if transport == "udplite" else transport
    if transport in ("tcp", "udp", "udplite", "sctp", "dccp"):
        want["src_port"] = number(nth(row, fields + ".srcport", at))
        want["dst_port"] = number(nth(row, fields + ".dstport", at))
    if transport == "tcp":
        want["tcp_flags"] = number(nth(row, "tcp.flags", at))
        want["tcp_seq"] = number(nth(row, "tcp.seq_raw", at))
        if nth(row, "tcp.len", at):
            want["payload_length"] = number(nth(row, "tcp.len", at))
    fragment = number(nth(row, "ip.flags.mf", layers.index("ip"))) if layers.ip == "ip" else \
        number(nth(row, "ipv6.fraghdr.more"))
    if transport == "udp" and nth(row, "udp.length", at) and not fragment:
        want["payload_length"] = number(nth(row, "udp.length", at)) - 8
    if transport in ("icmp", "icmpv6"):
        want["icmp_type"] = number(nth(row, transport + ".type", at))
        want["icmp_code"] = number(nth(row, transport + ".code", at))
    if transport not in TRANSPORTS:
        want["payload_length"] = None
    return want


def expected_tunnel(row, layers):
    want = {"tunnel": layers.tunnel, "outer_src_ip": None, "outer_dst_ip": None}
    if layers.outer:
        want["outer_src_ip"] = nth(row, layers.outer + ".src")
        want["outer_dst_ip"] = nth(row, layers.outer + ".dst")
    return want


def expected_time(row):
    if not row["frame.time_epoch"]:
        return {"time": None, "time_ns": None}
    seconds, fraction = row["frame.time_epoch"].split(".")
    fraction = int(fraction.ljust(9, "0"))
    nanoseconds = int(seconds) * 10**9 + (-fraction if seconds.startswith("-") else fraction)
    return {"time": nanoseconds // 1000, "time_ns": nanoseconds % 1000}


def expected_link(row, layers, link_type):
    link, before = layers.link, layers.before
    want = {"vlan": None, "mpls_labels": None}
    if "vlan" in link:
        want["vlan"] = number(nth(row, "vlan.id", before.count("vlan")))
    if "mpls" in link:  # occurrences of the field are labels, not stacks: all but those before
        labels = row.get("mpls.label", "")
        want["mpls_labels"] = labels or None
    if "eth" in link:
        want["src_mac"] = nth(row, "eth.src", before.count("eth")) or None
        want["dst_mac"] = nth(row, "eth.dst", before.count("eth")) or None
    elif link_type == LINK_ETHERNET and not before:
        want["src_mac"] = want["dst_mac"] = None
    return want


def expected(row, link_type, outermost=False):
    want = expected_time(row) | {
        "length": number(row["frame.len"]), "captured": number(row["frame.cap_len"]),
    }
    if link_type not in LINKS:
        return want | dict.fromkeys(("src_ip", "src_port", "proto", "src_mac", "vlan", "tunnel"))
    layers = Layers(row, outermost)
    want |= expected_tunnel(row, layers) | expected_link(row, layers, link_type)
    if layers.ip:
        return want | expected_ip(row, layers) | expected_transport(row, layers)
    return want | dict.fromkeys(("ip_version", "src_ip", "dst_ip", "proto", "ttl", "tos",
                                 "src_port", "dst_port", "payload_length"))


def matches(column, got, want):
    if column in TEXTS:
        return (got or None) == (want or None)
    return (None if got == "" else int(got)) == want


def differences(name, outermost=False):
    """{column: [numbers of the frames in which it differs]}, and one example each."""
    environment = {"EG_OUTERMOST": "1"} if outermost else None
    got, _ = captures.rows("packets", captures.path(name), environment=environment)
    want = golden_rows(captures.golden("tshark-packets", name))
    assert len(got) == len(want), f"{len(got)} rows, {len(want)} packets"
    found, examples = {}, {}
    for frame, (row, golden) in enumerate(zip(got, want), 1):
        for column, value in expected(golden, int(row["link_type"]), outermost).items():
            if not matches(column, row[column], value):
                found.setdefault(column, []).append(frame)
                examples.setdefault(column, f"frame {frame}: {row[column]!r}, tshark {value!r}, "
                                            f"{golden['frame.protocols']}")
    return found, examples


@pytest.mark.parametrize("name", captures.with_golden("tshark-packets"))
def test_packets_are_what_tshark_says(name):
    found, examples = differences(name)
    known = {column: count for column, (count, _) in DIFFERENCES.get(name, {}).items()}
    assert {column: len(frames) for column, frames in found.items()} == known, examples


def test_outer_packets_are_what_tshark_says():
    """All captures with tunnels once more, from the outside."""
    captures.need()
    seen = {}
    for name in captures.with_golden("tshark-packets"):
        rows = golden_rows(captures.golden("tshark-packets", name))
        if any(Layers(row).outer for row in rows):
            found, examples = differences(name, outermost=True)
            seen[name] = {column: len(frames) for column, frames in found.items()}
            known = {column: count for column, (count, _) in
                     OUTER_DIFFERENCES.get(name, {}).items()}
            assert seen[name] == known, (name, examples)
    assert len(seen) > 40 and set(OUTER_DIFFERENCES) <= set(seen)


def test_link_types_that_are_not_taken_apart():
    """Exactly the captures listed have such frames, and each of those frames was counted."""
    captures.need()
    found = {}
    for name in captures.with_golden("tshark-packets"):
        rows, tally = captures.rows("packets", captures.path(name))
        others = [int(row["link_type"]) for row in rows if int(row["link_type"]) not in LINKS]
        counted = sum(int(entry[4]) for entry in tally if entry[0] == "link_type_unsupported")
        assert counted == len(others), name
        found |= {name: number for number in others}
    assert found == OTHER_LINKS
    assert set(found.values()) <= set(OTHER_LINK_NAMES)


def test_captures_that_tshark_cannot_open():
    """They are listed; those that are captures at all give a row a packet."""
    captures.need()
    without = set(captures.all_captures()) - set(captures.with_golden("tshark-packets"))
    assert without == set(UNREADABLE)
    for name, reason in UNREADABLE.items():
        if reason == "not a capture":
            with pytest.raises(AssertionError, match="EG_E_FORMAT"):
                captures.rows("packets", captures.path(name))
            continue
        rows, tally = captures.rows("packets", captures.path(name))
        assert rows and "link_type_unsupported" not in {entry[0] for entry in tally}


ADDRESS = r"(\d+\.\d+\.\d+\.\d+)(?:\.(\d+))?"
MACS = r"((?:[0-9a-f]{2}:){5}[0-9a-f]{2}) > ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})"


@pytest.mark.parametrize("name", ["dsa", "edsa", "brcm-tag", "kday6"])
def test_what_tcpdump_reads_and_tshark_cannot(name):
    """Addresses and ports as tcpdump prints them, a line a packet; for the others see above."""
    captures.need()
    rows, _ = captures.rows("packets", captures.path(f"packets/tcpdump/{name}.pcap"))
    with open(captures.path(f"packets/tcpdump/out/{name}.out"), encoding="utf-8") as text:
        lines = [line for line in text if re.match(r" *\d+  ", line)]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows):
        found = re.search(f"IP {ADDRESS} > {ADDRESS}:", line)
        want = [end or "" for end in found.groups()] if found else [""] * 4
        assert [row["src_ip"], row["src_port"], row["dst_ip"], row["dst_port"]] == want, line
        assert row["icmp_type"] == ("8" if "echo request" in line else
                                    "0" if "echo reply" in line else ""), line
    if name == "kday6":
        return
    with open(captures.path(f"packets/tcpdump/out/{name}-e.out"), encoding="utf-8") as text:
        found = [re.search(MACS, line).groups() for line in text if re.match(r" *\d+  ", line)]
    assert [(row["src_mac"], row["dst_mac"]) for row in rows] == found


@pytest.mark.parametrize("capacity", ["1", "7"])
@pytest.mark.parametrize("name", ["packets/ndpi/1kxun.pcap", "packets/tcpdump/arista_ether.pcap",
                                  "packets/zeek/mixed-vlan-mpls.pcap",
                                  "packets/pcapplusplus/many_interfaces-1.pcapng",
                                  "packets/flowtest/mpls-vpn-transport-vpn-labels.pcap"])
def test_any_batch_capacity_gives_the_same_rows(name, capacity):
    captures.need()
    usual = captures.rows("packets", captures.path(name))
    assert captures.rows("packets", captures.path(name),
                         environment={"EG_BATCH_ROWS": capacity}) == usual


@pytest.mark.parametrize("name", ["packets/arkime/wireshark-retrans.pcap",
                                  "packets/arkime/v6-http.pcap", "packets/zeek/smtp.pcap",
                                  "packets/ndpi/http_ipv6.pcap", "packets/zeek/linux_dlt_sll2.pcap",
                                  "packets/flowtest/dns_tcp.pcap"])
def test_acknowledgements_and_windows(name):
    """The goldens lack these two: the tshark of this machine is asked, where there is one."""
    captures.need()
    if not shutil.which("tshark"):
        pytest.skip("no tshark here")
    done = subprocess.run(
        ["tshark", "-n", "-r", captures.path(name), "-T", "fields", "-E", "occurrence=f",
         "-o", "tcp.relative_sequence_numbers:FALSE", "-e", "frame.protocols", "-e", "tcp.ack_raw",
         "-e", "tcp.window_size_value", "-e", "sll.src.eth"],
        capture_output=True, text=True, check=True)
    rows, _ = captures.rows("packets", captures.path(name))
    lines = done.stdout.split("\n")[:-1]
    assert len(rows) == len(lines)
    for row, line in zip(rows, lines):
        protocols, ack, window, cooked = line.split("\t")
        if Layers({"frame.protocols": protocols}).behind == "tcp":
            assert (row["tcp_ack"], row["tcp_window"]) == (ack, window)
        else:
            assert (row["tcp_ack"], row["tcp_window"]) == ("", "")
        if cooked.strip("0:"):  # a loopback interface has zeros there; it has no address
            assert row["src_mac"] == cooked


def test_lists_name_captures_that_are_there():
    captures.need()
    assert set(DIFFERENCES) <= set(captures.with_golden("tshark-packets"))

# SPDX-License-Identifier: Apache-2.0
"""Every packet of every capture against tshark's view of it.

The goldens hold one row a packet (tshark -T fields, all occurrences of a field, no reassembly, no
relative sequence numbers). The outermost IP packet is the row here, so a field's first occurrence
is what counts, and a transport header counts only where tshark's layers have it directly behind
that IP packet: what ICMP quotes and what tunnels carry stands in the same fields.
"""
import gzip
import shutil
import subprocess

import pytest

import captures
from packet_differences import DIFFERENCES, OTHER_LINK_NAMES, OTHER_LINKS, UNREADABLE

# tshark's names of IPv6 extension headers, as they stand in frame.protocols
EXTENSIONS = {"ipv6.hopopts", "ipv6.dstopts", "ipv6.routing", "ipv6.fraghdr", "ah"}
TRANSPORTS = {"tcp": 6, "udp": 17, "udplite": 136, "sctp": 132, "dccp": 33, "icmp": 1,
              "icmpv6": 58}
# and of what else was found behind IPv6
UPPER = TRANSPORTS | {"ospf": 89, "ipv6": 41, "ip": 4, "gre": 47, "esp": 50, "pim": 103,
                      "eigrp": 88, "mipv6": 135}
LINK_ETHERNET = 1
LINKS = {0, 1, 9, 12, 14, 50, 101, 108, 113, 228, 229, 276}


def first(row, field):
    return row.get(field, "").split(",")[0]


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


def layers_of(row):
    """Link layers, the first IP layer ('ip', 'ipv6' or None), and what is behind it ('' if none)."""
    protocols = row["frame.protocols"].split(":")
    for at, name in enumerate(protocols):
        if name in ("ip", "ipv6"):
            behind = protocols[at + 1:]
            while name == "ipv6" and behind and behind[0] in EXTENSIONS:
                behind = behind[1:]
            return protocols[:at], name, behind[0] if behind else ""
    return protocols, None, ""


def times(number, factor):
    return None if number is None else number * factor


def expected_ip(row, ip):
    if ip == "ip":
        return {
            "ip_version": 4 if first(row, "ip.src") else None, "src_ip": first(row, "ip.src"), "dst_ip": first(row, "ip.dst"),
            "proto": number(first(row, "ip.proto")), "ttl": number(first(row, "ip.ttl")),
            "tos": number(first(row, "ip.dsfield")), "ip_id": number(first(row, "ip.id")),
            "fragment_offset": times(number(first(row, "ip.frag_offset")), 8),
            "more_fragments": number(first(row, "ip.flags.mf")),
            "dont_fragment": number(first(row, "ip.flags.df")),
        }
    return {
        "ip_version": 6, "src_ip": first(row, "ipv6.src"), "dst_ip": first(row, "ipv6.dst"),
        "ttl": number(first(row, "ipv6.hlim")), "tos": number(first(row, "ipv6.tclass")),
        "ip_id": number(first(row, "ipv6.fraghdr.ident")),
        "fragment_offset": times(number(first(row, "ipv6.fraghdr.offset")), 8),
        "more_fragments": number(first(row, "ipv6.fraghdr.more")),
        "dont_fragment": None,
    }


def expected_proto_ipv6(row, behind):
    """tshark names the last header only by what it shows behind it; {}: it does not tell."""
    if not any(name in row["frame.protocols"].split(":") for name in EXTENSIONS | {"mipv6"}):
        return {"proto": number(first(row, "ipv6.nxt"))}
    return {"proto": UPPER[behind]} if behind in UPPER else {}


def expected_transport(row, transport):
    want = dict.fromkeys(("src_port", "dst_port", "tcp_flags", "tcp_seq", "icmp_type",
                          "icmp_code"))
    fields = "udp" if transport == "udplite" else transport
    if transport in ("tcp", "udp", "udplite", "sctp", "dccp"):
        want["src_port"] = number(first(row, fields + ".srcport"))
        want["dst_port"] = number(first(row, fields + ".dstport"))
    if transport == "tcp":
        want["tcp_flags"] = number(first(row, "tcp.flags"))
        want["tcp_seq"] = number(first(row, "tcp.seq_raw"))
        if first(row, "tcp.len"):
            want["payload_length"] = number(first(row, "tcp.len"))
    fragment = number(first(row, "ip.flags.mf")) or number(first(row, "ipv6.fraghdr.more"))
    if transport == "udp" and first(row, "udp.length") and not fragment:
        want["payload_length"] = number(first(row, "udp.length")) - 8
    if transport in ("icmp", "icmpv6"):
        want["icmp_type"] = number(first(row, transport + ".type"))
        want["icmp_code"] = number(first(row, transport + ".code"))
    if transport not in TRANSPORTS:
        want["payload_length"] = None
    return want


def expected_time(row):
    if not row["frame.time_epoch"]:
        return {"time": None, "time_ns": None}
    seconds, fraction = row["frame.time_epoch"].split(".")
    fraction = int(fraction.ljust(9, "0"))
    nanoseconds = int(seconds) * 10**9 + (-fraction if seconds.startswith("-") else fraction)
    return {"time": nanoseconds // 1000, "time_ns": nanoseconds % 1000}


def expected(row, link_type):
    want = expected_time(row) | {
        "length": number(row["frame.len"]), "captured": number(row["frame.cap_len"]),
    }
    if link_type not in LINKS:
        return want | dict.fromkeys(("src_ip", "src_port", "proto", "src_mac", "vlan"))
    link, ip, behind = layers_of(row)
    if ip:
        want |= expected_ip(row, ip) | expected_transport(row, behind)
        if ip == "ipv6":
            want |= expected_proto_ipv6(row, behind)
    else:
        want |= dict.fromkeys(("ip_version", "src_ip", "dst_ip", "proto", "ttl", "tos",
                               "src_port", "dst_port", "payload_length"))
    want["vlan"] = number(first(row, "vlan.id")) if "vlan" in link else None
    want["mpls_labels"] = (row.get("mpls.label") or None) if "mpls" in link else None
    if link_type == LINK_ETHERNET:
        want["src_mac"] = first(row, "eth.src") or None
        want["dst_mac"] = first(row, "eth.dst") or None
    return want


def matches(column, got, want):
    if column in ("src_ip", "dst_ip", "src_mac", "dst_mac", "mpls_labels"):
        return (got or None) == (want or None)
    return (None if got == "" else int(got)) == want


def differences(name):
    """{column: [numbers of the frames in which it differs]}, and one example each."""
    got, _ = captures.rows("packets", captures.path(name))
    want = golden_rows(captures.golden("tshark-packets", name))
    assert len(got) == len(want), f"{len(got)} rows, {len(want)} packets"
    found, examples = {}, {}
    for frame, (row, golden) in enumerate(zip(got, want), 1):
        for column, value in expected(golden, int(row["link_type"])).items():
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
    """They are listed; those that are captures at all give a row a packet, with a counter each."""
    captures.need()
    without = set(captures.all_captures()) - set(captures.with_golden("tshark-packets"))
    assert without == set(UNREADABLE)
    for name, reason in UNREADABLE.items():
        if reason == "not a capture":
            with pytest.raises(AssertionError, match="EG_E_FORMAT"):
                captures.rows("packets", captures.path(name))
            continue
        rows, tally = captures.rows("packets", captures.path(name))
        assert rows and tally[0][0] == "link_type_unsupported"
        assert int(tally[0][4]) == len(rows)


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
        if layers_of({"frame.protocols": protocols})[2] == "tcp":
            assert (row["tcp_ack"], row["tcp_window"]) == (ack, window)
        else:
            assert (row["tcp_ack"], row["tcp_window"]) == ("", "")
        if cooked.strip("0:"):  # a loopback interface has zeros there; it has no address
            assert row["src_mac"] == cooked


def test_lists_name_captures_that_are_there():
    captures.need()
    assert set(DIFFERENCES) <= set(captures.with_golden("tshark-packets"))

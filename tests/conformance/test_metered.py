# SPDX-License-Identifier: Apache-2.0
"""Metered flows against the packets they were made of, and against what argus, Arkime, ipfixprobe,
nDPI, tshark and Zeek make of the same captures: sums of packets and bytes of each direction of each
5-tuple. What is not compared is left out by rule (see left_out), every other difference is listed."""
import collections
import functools

import pytest

import captures
import flow_goldens

ETHERNET = 1

SCTP = "argus knows no SCTP ports"
BEHIND = "argus does not look behind this link or label"
LENGTH = "a length that cannot be: the tool drops the packet, or cuts it"
ROUTED = "tshark counts for the last address of the routing header, here the destination counts"
NDPI_SCTP = "nDPI gives SCTP no ports"
SUBSET = "the golden was made of a part of the capture"
CARRIER = "Zeek shows the tunnel's own conversation, too; here the innermost packet counts"

# (tool, capture): (tuples that differ, why)
DIFFERENCES = {
    ("argus", "packets/arkime/sctp-www.pcap"): (5, SCTP),
    ("argus", "packets/ndpi/dlt_ppp.pcap"): (1, BEHIND),
    ("argus", "packets/ndpi/fuzz-2021-06-07-c6c72a0a56.pcap"): (1, LENGTH),
    ("argus", "packets/ndpi/lru_ipv6_caches.pcapng"):
        (2, "argus shows this STUN conversation as another protocol"),
    ("argus", "packets/ndpi/sctp.cap"): (4, SCTP),
    ("argus", "packets/pcapplusplus/null_loopback.pcap"): (1, "argus shows DNS of AF_INET only"),
    ("argus", "packets/tcpdump/ipv4_invalid_hdr_length.pcap"):
        (1, "the header is shorter than one can be; argus reads ports all the same"),
    ("argus", "packets/tcpdump/ipv4_tcp_http_xml_tso.pcap"): (1, LENGTH),
    ("argus", "packets/tcpdump/isup.pcap"): (2, SCTP),
    ("argus", "packets/tcpdump/lspping-fec-ldp.pcap"): (3, BEHIND),
    ("argus", "packets/tcpdump/macsec-short-valid.pcap"): (1, BEHIND),
    ("argus", "packets/tcpdump/mpls-traceroute.pcap"): (9, BEHIND),
    ("argus", "packets/tcpdump/nsh.pcap"): (1, BEHIND),
    ("argus", "packets/zeek/communityid/sctp.pcap"): (2, SCTP),
    ("argus", "packets/zeek/pbb.pcap"): (2, BEHIND),
    ("argus", "packets/zeek/ppp/quic-interop-retry.pcap"): (2, BEHIND),
    ("argus", "packets/zeek/trunc/ipv4-truncated-broken-header.pcap"):
        (1, "ports 0 of a header that was not captured; here it has none"),
    ("arkime", "packets/arkime/single-packets.pcap"):
        (2, "a SYN-ACK alone: Arkime counts it for who must have sent the SYN"),
    ("arkime", "packets/arkime/vxlan.pcap"): (3, "Arkime gives a VXLAN packet it cannot follow port 0"),
    ("ndpi", "packets/ndpi/capwap.pcap"):
        (2, "nDPI looks behind the 802.11 header in CAPWAP's data; here the CAPWAP flow counts"),
    ("ndpi", "packets/ndpi/fuzz-2021-06-07-c6c72a0a56.pcap"): (1, LENGTH),
    ("ndpi", "packets/ndpi/sctp.cap"): (8, NDPI_SCTP),
    ("ndpi", "packets/ndpi/teredo.pcap"): (10, "nDPI shows Teredo itself as the flow"),
    ("tshark-conv", "packets/arkime/sctp-www.pcap"):
        (1, "tshark's list is short of a packet whose payload it finds malformed"),
    ("tshark-conv", "packets/flowtest/ipv6-routing-header.pcap"): (2, ROUTED),
    ("tshark-conv", "packets/ndpi/fuzz-2021-06-07-c6c72a0a56.pcap"): (1, LENGTH),
    ("tshark-conv", "packets/tcpdump/LINKTYPE_IPV4_invalid.pcap"):
        (1, "IPv6 under the link type of IPv4: tshark shows it, here the header is bad"),
    ("tshark-conv", "packets/tcpdump/bigtcp-ipv6.pcap"): (1, LENGTH),
    ("tshark-conv", "packets/tcpdump/heapoverflow-tcp_print.pcap"): (1, LENGTH),
    ("tshark-conv", "packets/tcpdump/ipv6-routing-header.pcap"): (2, ROUTED),
    ("tshark-conv", "packets/tcpdump/tcp_header_heapoverflow.pcap"): (1, LENGTH),
    ("tshark-conv", "packets/tcpdump/udp-length-heapoverflow.pcap"): (1, LENGTH),
    ("tshark-conv", "packets/zeek/ipv6-hbh-routing0.pcap"): (2, ROUTED),
    ("zeek", "packets/zeek/communityid/sctp.pcap"): (2, "Zeek knows no SCTP: no ports, no packets"),
    ("zeek", "packets/zeek/ntp/misordered-ntp.pcap"):
        (2, "the answer stands before the question: Zeek counts both for who asked"),
    ("zeek", "packets/zeek/smtp.pcap"): (10, SUBSET),
    ("zeek", "packets/zeek/tunnels/Teredo.pcap"):
        (5, CARRIER + "; and it knows Teredo by its looks, here port 3544 tells"),
    ("zeek", "packets/zeek/tunnels/geneve.pcap"): (2, CARRIER),
    ("zeek", "packets/zeek/tunnels/gtp/gtp1_gn_normal_incl_fragmentation.pcap"):
        (3, CARRIER + "; and 4 first fragments of it lack their rest: Zeek leaves what they carry"),
    ("zeek", "packets/zeek/tunnels/gtp/gtp7_ipv6.pcap"): (1, CARRIER),
    ("zeek", "packets/zeek/tunnels/vxlan-encapsulated-http.pcap"): (1, CARRIER),
    ("zeek", "packets/zeek/wikipedia.pcap"): (28, SUBSET),
}


@functools.cache
def facts(name):
    """Whether the capture has frames of unknown link types, tunnels, fragments, other links."""
    rows, tally = captures.rows("packets", captures.path(name))
    return {
        "unknown link type": any(entry[0] == "link_type_unsupported" for entry in tally),
        "tunnel": any(row["tunnel"] for row in rows),
        "fragment": any(row["more_fragments"] == "1" or row["fragment_offset"] not in ("", "0")
                        for row in rows),
        "other links": any(int(row["link_type"]) != ETHERNET for row in rows),
    }


UNKNOWN_LINK = "frames of a link type that is not taken apart"
TUNNEL = "counts the outer packet, or every layer; here the innermost packet counts"
FRAGMENT = "later fragments have no flow, or one of their own; here they have that of the first"
PLUGIN = "holds only the flows that a plugin had something to say about"


def left_out(tool, name, golden):
    """Why a golden says nothing about our flows; None: it does."""
    seen = facts(name)
    if seen["unknown link type"]:
        return UNKNOWN_LINK
    if seen["tunnel"] and tool in ("argus", "tshark-conv"):
        return TUNNEL
    if seen["fragment"] and tool in ("argus", "tshark-conv", "ndpi"):
        return FRAGMENT
    if tool == "ipfixprobe" and golden.split(".")[-2] in ("bstats", "passivedns", "nettisa"):
        return PLUGIN
    return None


def compare(tool, name, golden):
    found, theirs = flow_goldens.differences(tool, name, golden)
    if tool == "argus" and facts(name)["other links"]:  # it leaves the link header out of bytes
        found = {key: sums for key, sums in found.items() if sums[0][0] != sums[1][0]}
    return found, theirs


# goldens of each tool that are compared, the tuples they are about, and those left out by a rule:
# all there are, so that none drops out unseen
COMPARED = {"argus": (181, 3211), "arkime": (30, 137), "ipfixprobe": (7, 133), "ndpi": (32, 2510),
            "tshark-conv": (172, 3294), "zeek": (31, 158)}
LEFT_OUT = {"argus": {TUNNEL: 46, FRAGMENT: 10}, "arkime": {}, "ipfixprobe": {PLUGIN: 3},
            "ndpi": {FRAGMENT: 4}, "tshark-conv": {TUNNEL: 46, FRAGMENT: 11}, "zeek": {}}


@pytest.mark.parametrize("tool", sorted(flow_goldens.READERS))
def test_sums_are_those_of_other_tools(tool):
    captures.need()
    differ, examples, tuples, compared = {}, {}, 0, 0
    rules = collections.Counter()
    for case in flow_goldens.goldens():
        if case[0] != tool:
            continue
        rule = left_out(*case)
        if rule:
            rules[rule] += 1
            continue
        found, theirs = compare(*case)
        compared += 1
        tuples += theirs
        if found:
            differ[case[1]] = len(found)
            examples[case[1]] = list(found.items())[:2]
    known = {name: count for (of, name), (count, _) in DIFFERENCES.items() if of == tool}
    assert differ == known, examples
    assert (compared, tuples) == COMPARED[tool]
    assert rules == LEFT_OUT[tool]


def sums(rows, *columns):
    return [sum(int(row[column] or 0) for row in rows) for column in columns]


def by_tuple(rows, packets, octets):
    found = {}
    for row in rows:
        key = tuple(row[column] for column in ("src_ip", "dst_ip", "src_port", "dst_port", "proto"))
        if not (row["src_ip"] and row["dst_ip"]):  # half a header is no IP flow
            key = ("", "", "", "", "")
        have = found.setdefault(key, [0, 0])
        have[0] += int(row[packets]) if packets else 1
        have[1] += int(row[octets])
    return found


def test_sums_over_flows_are_sums_over_packets():
    """In every capture there is, in all and by 5-tuple (where no fragments are without ports)."""
    captures.need()
    compared = 0
    for name in captures.all_captures():
        try:
            packets, _ = captures.rows("packets", captures.path(name))
        except AssertionError:
            continue  # not a capture
        flows, _ = captures.rows("metered", captures.path(name))
        assert sums(flows, "packets", "bytes") == [len(packets), *sums(packets, "length")], name
        if not facts(name)["fragment"]:
            assert by_tuple(flows, "packets", "bytes") == by_tuple(packets, None, "length"), name
        compared += 1
    assert compared > 380


@pytest.mark.parametrize("division", [{"EG_BATCH_ROWS": "1"}, {"EG_UNIT_BYTES": "700"},
                                      {"EG_BATCH_ROWS": "7", "EG_UNIT_BYTES": "4000"}])
def test_any_division_gives_the_same_flows(division):
    captures.need()
    for folder in ("ndpi", "zeek", "pcapplusplus", "flowtest"):
        for name in captures.all_captures():
            if f"packets/{folder}/" not in name:
                continue
            usual, _ = captures.rows("metered", captures.path(name))
            other, _ = captures.rows("metered", captures.path(name), environment=division)
            assert sorted(map(str, usual)) == sorted(map(str, other)), name


def test_the_list_names_captures_that_are_there():
    captures.need()
    assert set(DIFFERENCES) <= {case[:2] for case in flow_goldens.goldens()}

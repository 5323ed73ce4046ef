# SPDX-License-Identifier: Apache-2.0
"""The flow filter with --outermost and the same question as BPF select the same packets: hosts and nets, of
both versions of IP, on every link type of the captures without tunnels and VLANs. (Ethernet's IPv4, ports and
protocols are asked for in test_packets.py.)"""
import collections
import ipaddress
import json
import random

from packet_reader import read, tcpdump

SEED = 20261124
QUESTIONS = 3  # of each capture, and these
MORE_QUESTIONS = {"tcpdump/ipv6-bad-version.pcap": ["dst net ff02::/48"]}

NOT_THERE = "libpcap's compiler does not look for IP at this place of this link type; here it is found"
LABELS = "behind MPLS labels libpcap's compiler does not look; here the IP packet is found"
SNAPPED = "libpcap cuts the record to the snapshot length of the file; here it is whole"
# capture: why ours are more than BPF's
MORE = {
    "arkime/icmp-frame-relay.pcap": NOT_THERE,
    "libpcap-filter/arcnet-rfc1051-arp-icmp-http.pcap": NOT_THERE,
    "ndpi/BGP_Cisco_hdlc_slarp.pcap": NOT_THERE,
    "ndpi/dlt_ppp.pcap": NOT_THERE,
    "ndpi/someip_sd_sample.pcap": NOT_THERE,
    "tcpdump/OSPFv3_NBMA_adjacencies.pcap": NOT_THERE,
    "tcpdump/ipv6_missing_jumbo_payload_option.pcap": SNAPPED,
    "tcpdump/lspping-fec-ldp.pcap": LABELS,
    "tcpdump/mpls-traceroute.pcap": LABELS,
    "zeek/ppp/quic-interop-retry.pcap": NOT_THERE,
    "zeek/pppoe.pcap": "behind PPPoE libpcap's compiler looks only when told to",
}
# capture: why ours are fewer
FEWER = {
    "tcpdump/ipv6-bad-version.pcap": "the header's version is not 6: here it has no addresses, BPF does not look at it",
    "tcpdump/ipv6_missing_jumbo_payload_option.pcap": SNAPPED,
}
NO_COMPILER = "libpcap has no filters for this link type"
SEVERAL = "tcpdump reads no capture of several link types"
UNASKED = {
    "arkime/nflog.pcap": NO_COMPILER,
    "libpcap-filter/dsa.pcap": NO_COMPILER,
    "pcapng-test-generator/be/test006.pcapng": SEVERAL,
    "pcapng-test-generator/le/test006.pcapng": SEVERAL,
    "pcapplusplus/many_interfaces-1.pcapng": SEVERAL,
    "tcpdump/LINKTYPE_PKTAP.pcap": NO_COMPILER,
    "tcpdump/brcm-tag.pcap": NO_COMPILER,
    "tcpdump/dsa.pcap": NO_COMPILER,
    "tcpdump/edsa.pcap": NO_COMPILER,
    "tcpdump/ipoib.pcap": NO_COMPILER,
    "tcpdump/nflog.pcap": NO_COMPILER,
    "zeek/nflog-http.pcap": NO_COMPILER,
}


def without_tunnels(earlgrey, path):
    """The rows with addresses of such a capture; none where the question makes no sense."""
    views = []
    for view in ((), ("--outermost",)):
        done = earlgrey.run("packets", "-q", "-r", path, *view, "--json", "--fields",
                            "link_type,src_ip,dst_ip,tunnel,vlan")
        if done.returncode not in (0, 3):
            return []
        views.append(json.loads(done.stdout or "[]"))
    inner, outer = views
    if any(row["tunnel"] for row in inner) or any(row["vlan"] is not None for row in outer):
        return []
    rows = [row for row in outer if row["src_ip"] and row["dst_ip"]]
    return [] if all(row["link_type"] == 1 and ":" not in row["src_ip"] for row in rows) else rows


def question(rng, row):
    """(for us, for BPF)"""
    side = rng.choice(("src", "dst"))
    address = ipaddress.ip_address(row[f"{side}_ip"])
    bits = rng.choice((64, 48, 16) if address.version == 6 else (24, 16, 8))
    what = rng.choice((f"host {address}", f"net {ipaddress.ip_network((address, bits), strict=False)}"))
    about = rng.choice((what, f"{side} {what}"))
    return about, ("ip6 and " if address.version == 6 else "ip and ") + about


def test_hosts_and_nets_are_those_of_bpf(earlgrey, shared):
    folder, out = (shared / "packets").resolve(), earlgrey.home / "found.pcapng"
    asked, kinds, more, fewer, unasked = 0, collections.Counter(), set(), set(), set()
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".pcap", ".pcapng", ".cap", ".trace", ".pcapnano") or path.stat().st_size > 1 << 20:
            continue
        rows, name = without_tunnels(earlgrey, path), str(path.relative_to(folder))
        rng = random.Random(f"{SEED} {name}")
        questions = []
        for _ in range(QUESTIONS if rows else 0):
            row = rng.choice(rows)
            questions.append((row, *question(rng, row)))
        questions += [(rows[0], about, "ip6 and " + about) for about in MORE_QUESTIONS.get(name, ())]
        for row, about, bpf in questions:
            want = tcpdump(path, bpf)
            if want is None:
                unasked.add(name)
                continue
            done = earlgrey.run("packets", "-q", "-r", path, "--outermost", about, "-w", out, "--force")
            assert done.returncode in (0, 3), (name, about, done.stderr)
            ours, theirs = (collections.Counter(packet.data for packet in packets) for packets in (read(out), want))
            asked += 1
            kinds[row["link_type"], ":" in row["src_ip"]] += 1
            if ours - theirs:
                more.add(name)
            if theirs - ours:
                fewer.add(name)
    assert more == set(MORE)
    assert fewer == set(FEWER)
    assert unasked == set(UNASKED)
    assert asked == 223 and len({link for link, _ in kinds}) == 16, kinds
    assert sum(number for (_, version6), number in kinds.items() if version6) > 100, kinds

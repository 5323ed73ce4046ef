# SPDX-License-Identifier: Apache-2.0
"""Where `packets` rows and tshark differ, and why. The lists are exact: a difference that is gone,
or one more, fails the test.

DIFFERENCES   capture -> {column: (frames that differ, reason)}
OTHER_LINKS   captures with frames of a link type that is not taken apart: rows of times and lengths
UNREADABLE    captures that tshark cannot open, so that there is no golden
"""


def because(reason, **counts):
    return {column: (count, reason) for column, count in counts.items()}


def ip_columns(frames, reason, **more):
    """An IP packet that only tshark gets at."""
    names = ("ip_version", "src_ip", "dst_ip", "proto", "ttl", "tos", "ip_id", "fragment_offset",
             "more_fragments", "dont_fragment")
    return because(reason, **{name: frames for name in names}, **more)


def ports(frames, **more):
    return {"src_port": frames, "dst_port": frames, "payload_length": frames, **more}


COMPRESSED = "tshark looks into what IPComp compressed"
VERSION_6 = "what announces the header says IPv4, its version 6: here it is bad, tshark believes it"
CONTROL = "the message is about tunnels, and no packet in one"
SERVICE_TAG = "tshark shows the outer tag of 802.1ad as ieee8021ad.id and the inner one as vlan.id"
OVER_LENGTH = "the record holds more bytes than its length says: the length was raised"
UDP_LENGTH = "payload_length goes by the IP length, udp.length says something else"
CUT_HEADER = "tshark shows no field of a header that is cut; those in front of the cut are kept"

DIFFERENCES = {
    "flow-export/tcpdump/sflow_print-segv.pcap": because(UDP_LENGTH, payload_length=1),
    "packets/arkime/dot1ad.pcap": because(SERVICE_TAG, vlan=2),
    "packets/brimcap/bad-caplen.pcap": because(OVER_LENGTH, length=1),
    "packets/libpcap-filter/slip-compressed_sl_print-oobr.pcap": because(OVER_LENGTH, length=1),
    "packets/libpcap-filter/slip-sliplink_print-oobr.pcap": because(OVER_LENGTH, length=1),
    "packets/libpcap-filter/AH-IPcomp-IPv4.pcap": because(
        COMPRESSED, tunnel=4, outer_src_ip=4, outer_dst_ip=4, proto=4, src_ip=4, dst_ip=4, ip_id=4,
        src_port=4, dst_port=4, tcp_flags=4, tcp_seq=4, payload_length=4, ttl=3),
    "packets/ndpi/fuzz-2006-06-26-2594.pcap": because(UDP_LENGTH, payload_length=32)
    | because("the IP packet ends inside the TCP header; what is there of it is kept", tcp_seq=1)
    | because(VERSION_6, tunnel=1, ip_version=1, src_ip=1, dst_ip=1, ttl=1, tos=1),
    "packets/ndpi/fuzz-2021-06-07-c6c72a0a56.pcap": because(
        "the fraction of the second is more than a second: there is no time", time=1, time_ns=1)
    | because("tshark takes lengths above 2 GiB for 2 GiB less one", length=1)
    | because(UDP_LENGTH, payload_length=1) | because(CONTROL, tunnel=1),
    "packets/ndpi/gtp_c.pcap": because(CONTROL, tunnel=4),
    "packets/ndpi/ip_fragmented_garbage.pcap": because(
        "the flags stand in the first fragment, the rest of the TCP header does not", tcp_flags=2),
    "packets/tcpdump/802.1ad_QinQ.pcap": because(SERVICE_TAG, vlan=2),
    "packets/tcpdump/LINKTYPE_IPV4_invalid.pcap": because(
        VERSION_6, tunnel=1, proto=1, ip_version=1, src_ip=1, dst_ip=1, ttl=1, tos=1, src_port=1,
        dst_port=1, payload_length=1),
    "packets/tcpdump/bad-ipv4-version-pgm-heapoverflow.pcap": because(
        VERSION_6, tunnel=1, proto=1, ip_version=1, ttl=1, tos=1),
    "packets/tcpdump/bigtcp-ipv6.pcap": because(
        "tshark 4.0 does not know segments of over 64 KiB; tcpdump's result is the same as this",
        src_port=1, dst_port=1, tcp_flags=1, tcp_seq=1),
    "packets/tcpdump/cve2015-0261-ipv6.pcap": because(
        "tshark shows no packet where the direction is not 0 or 1; tcpdump does", ip_version=2,
        src_ip=2, dst_ip=2, ttl=2, tos=2, proto=1),
    "packets/tcpdump/kday1.pcap": because(
        VERSION_6, tunnel=1, proto=1, ip_version=1, src_ip=1, dst_ip=1, ttl=1, tos=1),
    "packets/tcpdump/kday3.pcap": because(
        VERSION_6, tunnel=1, proto=1, ip_version=1, src_ip=1, dst_ip=1, ttl=1, tos=1),
    "packets/tcpdump/nsh-over-vxlan-gpe.pcap": because(
        "tshark shows no VXLAN-GPE layer, but what is behind it", tunnel=1),
    "packets/tcpdump/tcp_header_heapoverflow.pcap": because(CUT_HEADER, tcp_seq=1),
    "packets/tcpdump/timestamp_invalid_micro.pcap": because(
        "a fraction of a second or more is no time; tshark carries it over", time=2, time_ns=2),
    "packets/tcpdump/timestamp_invalid_nano.pcap": because(
        "a fraction of a second or more is no time; tshark carries it over", time=2, time_ns=2),
    "packets/zeek/trunc/ip4-trunc.pcap": because(CUT_HEADER, ip_version=1),
    "packets/zeek/trunc/ip6-trunc.pcap": because(
        "the header is cut in front of the addresses; what follows them is not believed", proto=1),
    "packets/zeek/trunc/ipv4-truncated-broken-header.pcap": because(CUT_HEADER, ip_version=1),
    "packets/zeek/trunc/trunc-hdr.pcap": because(CUT_HEADER, dst_mac=1),
}

# as DIFFERENCES, of captures with tunnels whose outermost packets are the rows
OUTER_DIFFERENCES = {
    "packets/libpcap-filter/AH-IPcomp-IPv4.pcap": because(
        "what is behind an authentication header counts; tshark names the header", proto=10)
    | because(COMPRESSED, tunnel=4),
    "packets/ndpi/fuzz-2006-06-26-2594.pcap": because(UDP_LENGTH, payload_length=32)
    | because("the IP packet ends inside the TCP header; what is there of it is kept", tcp_seq=1)
    | because(VERSION_6, tunnel=1),
    "packets/tcpdump/LINKTYPE_IPV4_invalid.pcap": because(VERSION_6, tunnel=1),
    "packets/tcpdump/bad-ipv4-version-pgm-heapoverflow.pcap": because(VERSION_6, tunnel=1),
    "packets/tcpdump/kday1.pcap": because(VERSION_6, tunnel=1),
    "packets/tcpdump/kday3.pcap": because(VERSION_6, tunnel=1),
    "packets/tcpdump/nsh-over-vxlan-gpe.pcap": because(
        "tshark shows no VXLAN-GPE layer, but what is behind it", tunnel=1),
}

# LINKTYPE_ numbers whose frames are rows of times and lengths
OTHER_LINK_NAMES = {
    140: "MTP2",
    160: "private",
    165: "BACnet MS/TP",
    195: "802.15.4",
    231: "D-Bus",
    253: "netlink",
    271: "vsock",
}

OTHER_LINKS = {
    "packets/libpcap-filter/isup_load_generator.pcap": 140,
    "packets/libpcap-filter/mstp_20140225214217.pcap": 165,
    "packets/pcapplusplus/microsecs_big_endian.pcap": 253,
    "packets/tcpdump/802_15_4_beacon.pcap": 195,
    "packets/tcpdump/unsupported-link-type-160.pcap": 160,
    "packets/tcpdump/unsupported-link-type-dbus.pcap": 231,
    "packets/tcpdump/vsock-1.pcapng": 271,
}

UNREADABLE = {
    "packets/libpcap-filter/brcm-tag-stp.pcap": "link type 281 is unknown to tshark",
    "packets/libpcap-filter/dsa.pcap": "link type 284 is unknown to tshark",
    "packets/libpcap-invalid/linktype-reserved-field-not-zero.pcap": "not a capture",
    "packets/libpcap-invalid/pcap-invalid-version-1.pcap": "not a capture",
    "packets/libpcap-invalid/pcapng-invalid-vers-1.pcapng": "not a capture",
    "packets/libpcap-invalid/shb-option-too-long.pcapng": "not a capture",
    "packets/tcpdump/brcm-tag.pcap": "link type 281 is unknown to tshark",
    "packets/tcpdump/dsa.pcap": "link type 284 is unknown to tshark",
    "packets/tcpdump/edsa.pcap": "link type 285 is unknown to tshark",
    "packets/tcpdump/kday6.pcap": "link type 182 is unknown to tshark",
}

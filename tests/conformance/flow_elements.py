# SPDX-License-Identifier: Apache-2.0
"""From a record under IANA's names, as collectors write it, to the columns it must become, by the
rules of docs/reference/elements.md, written down a second time."""
import datetime
import ipaddress
import json

from flow_compare import address

PORTED, TCP, ICMP = (6, 17, 33, 132, 136), 6, (1, 58)
PROTOCOLS = {"ICMP": 1, "IGMP": 2, "IPv4": 4, "TCP": 6, "UDP": 17, "GRE": 47, "ESP": 50, "AH": 51,
             "ICMPv6": 58, "HOPOPT": 0, "PIM": 103, "VRRP": 112, "L2TP": 115,
             "SCTP": 132, "IPv6": 41, "RSVP": 46, "IPv6ICMP": 58, "OSPFIGP": 89}

ADDRESSES = {"sourceIPv4Address": "src_ip", "sourceIPv6Address": "src_ip",
             "destinationIPv4Address": "dst_ip", "destinationIPv6Address": "dst_ip",
             "postNATSourceIPv4Address": "nat_src_ip",
             "postNATDestinationIPv4Address": "nat_dst_ip"}
NUMBERS = {"protocolIdentifier": "proto", "ipClassOfService": "tos", "minimumTTL": "min_ttl",
           "maximumTTL": "max_ttl", "bgpSourceAsNumber": "src_as",
           "bgpDestinationAsNumber": "dst_as", "ingressInterface": "in_if",
           "egressInterface": "out_if", "flowEndReason": "end_reason",
           "octetDeltaCount": "bytes", "octetTotalCount": "bytes", "packetDeltaCount": "packets",
           "packetTotalCount": "packets", "minimumIpTotalLength": "min_length",
           "maximumIpTotalLength": "max_length", "samplingInterval": "sampling_rate",
           "samplingPacketInterval": "sampling_rate", "postNAPTSourceTransportPort": "nat_src_port",
           "postNAPTDestinationTransportPort": "nat_dst_port", "firewallEvent": "event",
           "natEvent": "event"}
MACS = {"sourceMacAddress": "src_mac", "destinationMacAddress": "dst_mac"}
TIMES = {f"flow{edge}{unit}": column for edge, column in (("Start", "start_time"),
                                                         ("End", "end_time"))
         for unit in ("Seconds", "Milliseconds", "Microseconds", "Nanoseconds")}
END_REASONS = {"idletimeout": 1, "activetimeout": 2, "endofflowdetected": 3, "forcedend": 4,
               "lackofresources": 5}
FLAG_BITS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}
# Where they go depends on other elements, so that they are looked at one by one, or not at all.
SPECIAL = {"sourceTransportPort", "destinationTransportPort", "tcpControlBits", "vlanId",
           "dot1qVlanId", "ipNextHopIPv4Address", "ipNextHopIPv6Address", "bgpNextHopIPv4Address",
           "bgpNextHopIPv6Address", "icmpTypeCodeIPv4", "icmpTypeCodeIPv6", "icmpTypeIPv4",
           "icmpCodeIPv4", "flowDirection", "ipVersion", "paddingOctets", "flowStartSysUpTime",
           "flowEndSysUpTime", "sourceIPv4PrefixLength", "destinationIPv4PrefixLength",
           "sourceIPv6PrefixLength", "destinationIPv6PrefixLength", "ingressVRFID", "egressVRFID",
           "VRFname", "exporterIPv4Address", "exporterIPv6Address", "observationDomainId",
           "applicationName", "initiatorOctets", "responderOctets",
           "systemInitTimeMilliseconds"}


def micros(text):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.timezone.utc)
    return (moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) \
        // datetime.timedelta(microseconds=1)


def number(value):
    """A number, whatever a collector makes of it."""
    if isinstance(value, dict) and set(value) <= set(FLAG_BITS):
        return sum(FLAG_BITS[name] for name, set_ in value.items() if set_)
    if isinstance(value, dict):
        return next(iter(value.values()))
    if isinstance(value, str):
        if value in PROTOCOLS:
            return PROTOCOLS[value]
        if value.lower().replace(" ", "") in END_REASONS:
            return END_REASONS[value.lower().replace(" ", "")]
    return int(value)


def routing_of(record):
    row = {}
    hops = [address(record[name]) for name in ("ipNextHopIPv4Address", "ipNextHopIPv6Address",
                                               "bgpNextHopIPv4Address", "bgpNextHopIPv6Address")
            if name in record]
    if hops:
        row["next_hop"] = next((hop for hop in hops if hop), "")
    family = "IPv6" if "sourceIPv6Address" in record and \
        address(record.get("sourceIPv4Address", "::")) == "" else "IPv4"
    for end, column in (("source", "src_mask"), ("destination", "dst_mask")):
        if f"{end}{family}PrefixLength" in record:
            row[column] = str(number(record[f"{end}{family}PrefixLength"]))
    if "vlanId" in record:
        row["vlan"] = str(record["vlanId"] or "")
    if record.get("flowDirection") in (0, 1, "ingress", "egress"):
        row["direction"] = str({"ingress": 0, "egress": 1}.get(record["flowDirection"],
                                                               record["flowDirection"]))
    return row


LABELS = ["mplsTopLabelStackSection"] + [f"mplsLabelStackSection{n}" for n in range(2, 11)]


def labels_of(record):
    """Labels of 3 bytes each, down to the bottom of the stack; an empty place is none."""
    labels = []
    for name in LABELS:
        if name in record and any(record[name]):
            first, second, third = record[name]
            labels.append(str(first << 12 | second << 4 | third >> 4))
            if third & 1:
                break
    return {"mpls_labels": ",".join(labels)} if LABELS[0] in record else {}


def transport_of(record):
    proto = number(record["protocolIdentifier"]) if "protocolIdentifier" in record else None
    row = {}
    for name, column in (("sourceTransportPort", "src_port"),
                         ("destinationTransportPort", "dst_port")):
        if name in record:
            row[column] = str(record[name]) if proto is None or proto in PORTED else ""
    if "tcpControlBits" in record:
        flags = number(record["tcpControlBits"])
        row["tcp_flags"] = str(flags) if proto in (TCP, None) else ""
    if "icmpTypeIPv4" in record and proto in ICMP:
        row |= {"icmp_type": str(record["icmpTypeIPv4"]), "icmp_code": str(record["icmpCodeIPv4"])}
    if "applicationName" in record:
        row["application"] = record["applicationName"]
    if "initiatorOctets" in record:
        row["bytes"] = str(record["initiatorOctets"])
    for name in ("icmpTypeCodeIPv4", "icmpTypeCodeIPv6"):
        if name in record and proto in ICMP:
            row |= {"icmp_type": str(record[name] // 256), "icmp_code": str(record[name] % 256)}
    return row


def columns_of(record):
    """The columns, as far as `record` alone says them."""
    row = transport_of(record) | routing_of(record) | labels_of(record)
    for name, value in record.items():
        if name in ADDRESSES:
            if address(value) or not row.get(ADDRESSES[name]):
                row[ADDRESSES[name]] = address(value)
        elif name in NUMBERS:
            row[NUMBERS[name]] = str(number(value))
            if NUMBERS[name] == "sampling_rate" and not number(value):
                row["sampling_rate"] = ""
        elif name in MACS:
            row[MACS[name]] = value.lower() if isinstance(value, str) else \
                ":".join(f"{byte:02x}" for byte in value)
        elif name in TIMES and isinstance(value, str):
            row[TIMES[name]] = str(micros(value))
    return row


def same_extra(mine, theirs):
    """Whether a value in extra says what a collector's says."""
    if isinstance(theirs, list): # bytes, of which none are nothing
        return mine == int.from_bytes(theirs) if isinstance(mine, int) else \
            (mine or "") == bytes(theirs).hex()
    if isinstance(theirs, bool) or isinstance(mine, bool):
        return bool(mine) == bool(theirs)
    if isinstance(theirs, str) and isinstance(mine, str):
        try:
            return micros(mine) == micros(theirs)
        except ValueError:
            pass
        try:
            return ipaddress.ip_address(mine) == ipaddress.ip_address(theirs)
        except ValueError:
            return mine == theirs.rstrip("\0")
    return str(mine) == str(theirs)


def extra_of(row, record, skipped=()):
    """{name: (ours, theirs)} of the elements without a column that row's extra has otherwise."""
    extra = json.loads(row["extra"] or "{}")
    others = {name: value for name, value in record.items()
              if name not in ADDRESSES | NUMBERS | MACS | TIMES and name not in SPECIAL
              and name not in LABELS and name not in skipped}
    return {name: (extra.get(name), value) for name, value in others.items()
            if not same_extra(extra.get(name), value)}

# SPDX-License-Identifier: Apache-2.0
"""What the others say of a NetFlow v9 or IPFIX sample, read from their files into records of columns
(flow_elements.py), for flow_compare.py."""
import datetime
import json
import re

import flow_samples as samples
from flow_compare import address, known, mac, nfdump_flags
from flow_elements import FLAG_BITS, PORTED, PROTOCOLS, TCP, columns_of, micros, transport_of

# ---- NetGauze: every record, by IANA's names ----


def netgauze(case):
    """Data records (not those of options), each a dictionary by IANA's names; a name that stands
    several times keeps its first value."""
    booted = {}
    with open(samples.shared(case, "netgauze-decoded.ndjson"), encoding="utf-8") as text:
        for line in text:
            for message in json.loads(line).values():
                for kinds in message["sets"]:
                    for record in kinds.get("Data", {}).get("records", []):
                        merged = merge(record["fields"])
                        domain = message.get("observation_domain_id")
                        if record["scope_fields"] and "systemInitTimeMilliseconds" in merged:
                            booted[domain] = merged["systemInitTimeMilliseconds"]
                        if not record["scope_fields"]:
                            yield merged | {"_uptime": uptimes(message, merged,
                                                               booted.get(domain))}


INNER = {"sourceIPv4Address", "destinationIPv4Address", "sourceIPv6Address",
         "destinationIPv6Address", "sourceTransportPort", "destinationTransportPort",
         "protocolIdentifier", "tcpControlBits", "ipClassOfService"}


def merge(fields):
    """One dictionary of them. Where the protocol stands twice, the elements of a packet before it are
    those of a tunnel, which become `_outer`, and the ones behind count."""
    names = [name for field in fields for name in field]
    first = -1
    if names.count("protocolIdentifier") == 2:
        first = names.index("protocolIdentifier")
        first += next(at for at, name in enumerate(names[first:]) if name.startswith("source"))
    merged, outer = {}, {}
    for at, field in enumerate(fields):
        for name, value in field.items():
            if name in INNER and at < first:
                outer[name] = value
            else:
                merged.setdefault(name, value)
    if outer:
        merged["_outer"] = {"outer_src_ip": address(outer["sourceIPv6Address"]),
                            "outer_dst_ip": address(outer["destinationIPv6Address"]),
                            "tunnel": {4: "ipip"}[PROTOCOLS.get(outer["protocolIdentifier"])]}
    return merged


def uptimes(message, record, booted):
    """Start and end in µs where they are told by sysUptime; `booted` is what options said."""
    if "flowStartSysUpTime" not in record:
        return {}
    if record.get("systemInitTimeMilliseconds", booted):
        boot = micros(record.get("systemInitTimeMilliseconds", booted))
    elif "sys_up_time" in message:
        boot = micros(message["unix_time"]) - message["sys_up_time"] * 1000
    else:
        return {}
    return {column: str(boot + record[name] * 1000) for name, column in
            (("flowStartSysUpTime", "start_time"), ("flowEndSysUpTime", "end_time"))}


# ---- tshark ----

TSHARK = {"srcaddr": "sourceIPv4Address", "dstaddr": "destinationIPv4Address",
          "srcaddrv6": "sourceIPv6Address", "dstaddrv6": "destinationIPv6Address",
          "nexthop": "ipNextHopIPv4Address", "nexthopv6": "ipNextHopIPv6Address",
          "bgpnexthop": "bgpNextHopIPv4Address", "bgpnexthopv6": "bgpNextHopIPv6Address",
          "inputint": "ingressInterface", "outputint": "egressInterface",
          "packets": "packetDeltaCount", "octets": "octetDeltaCount",
          "srcport": "sourceTransportPort", "dstport": "destinationTransportPort",
          "protocol": "protocolIdentifier", "tcpflags": "tcpControlBits",
          "tos": "ipClassOfService", "srcas": "bgpSourceAsNumber", "dstas": "bgpDestinationAsNumber",
          "srcmask": "sourceIPv4PrefixLength", "dstmask": "destinationIPv4PrefixLength",
          "srcmaskv6": "sourceIPv6PrefixLength", "dstmaskv6": "destinationIPv6PrefixLength",
          "vlanid": "vlanId", "srcmac": "sourceMacAddress", "dstmac": "destinationMacAddress",
          "ttl_min": "minimumTTL", "ttl_max": "maximumTTL", "flow_end_reason": "flowEndReason",
          "direction": "flowDirection", "length_min": "minimumIpTotalLength",
          "length_max": "maximumIpTotalLength",
          "post_natsource_ipv4_address": "postNATSourceIPv4Address",
          "post_natdestination_ipv4_address": "postNATDestinationIPv4Address",
          "post_naptsource_transport_port": "postNAPTSourceTransportPort",
          "post_naptdestination_transport_port": "postNAPTDestinationTransportPort"}
TEXTS = {"srcmac", "dstmac"}


def seconds(text):
    whole, _, fraction = text.partition(".")
    return int(whole) * 1000000 + int((fraction + "000000")[:6])


def moment(text):
    """"Mar 14, 2022 19:25:25.123456789 UTC" in µs."""
    found = re.fullmatch(r"(\w+ +\d+, \d+ \d+:\d+:\d+)\.(\d{6})\d* UTC", text)
    parsed = datetime.datetime.strptime(found[1], "%b %d, %Y %H:%M:%S")
    return (parsed - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1) \
        + int(found[2])


def flatten(pairs, out=None):
    """All leaves, the first of each name."""
    out = {} if out is None else out
    for name, value in pairs:
        if isinstance(value, list) and value and isinstance(value[0], (list, tuple)):
            flatten(value, out)
        elif not isinstance(value, list):
            out.setdefault(name.split(" #")[0], value)
    return out


def tshark_columns(pairs, header):
    leaves = {name.removeprefix("cflow."): value for name, value in flatten(pairs).items()
              if name.startswith("cflow.")}
    record = {}
    for theirs, name in TSHARK.items():
        if theirs in leaves:
            value = leaves[theirs]
            if theirs in TEXTS or "addr" in theirs or "hop" in theirs:
                record[name] = value
            else:
                record[name] = int(value, 0) if isinstance(value, str) else value
    row = columns_of(record)
    for theirs, column in (("abstimestart", "start_time"), ("abstimeend", "end_time")):
        if theirs in leaves:
            row[column] = str(moment(leaves[theirs]))
    if header.get("cflow.version") == "9" and "timestart" in leaves:
        boot = int(header["cflow.unix_secs"]) * 1000000 - seconds(header["cflow.sysuptime"])
        for theirs, column in (("timestart", "start_time"), ("timeend", "end_time")):
            row[column] = str(boot + seconds(leaves[theirs]))
    return row


def tshark(case):
    """(columns of the data records, how many records of options), or None without a result."""
    lines = samples.golden_lines("tshark-cflow", case)
    if lines is None:
        return None
    records, options, templates = [], 0, {}
    for line in lines:
        for name, cflow in line:
            if name.split(" #")[0] != "cflow" or not isinstance(cflow, list):
                continue
            header = flatten(cflow)
            domain = header.get("cflow.source_id", header.get("cflow.od_id"))
            for title, flowset in cflow:
                if title.startswith("pdu ") and isinstance(flowset, list):
                    records.append(tshark_columns(flowset, header))
                if not re.match("(FlowSet|Set) ", title) or not isinstance(flowset, list):
                    continue
                for entry, body in flowset:
                    found = re.match(r"(Options )?Template \(Id = (\d+)", entry)
                    if found:
                        templates[domain, found[2]] = bool(found[1])
                    if not entry.startswith("Flow "):
                        continue
                    number = re.search(r"\[id=(\d+)\]", title)[1]
                    if templates.get((domain, number)):
                        options += 1
                    else:
                        records.append(tshark_columns(body, header))
    return records, options


# ---- nfdump and pmacct ----

NFDUMP = {"proto": "proto", "tos": "src_tos", "packets": "in_packets", "bytes": "in_bytes",
          "in_if": "input_snmp", "out_if": "output_snmp", "src_as": "src_as", "dst_as": "dst_as",
          "src_mask": "src_mask", "dst_mask": "dst_mask"}


def nfdump(case):
    """Records; what it leaves out or has as 0 stands in ours as null or 0, so it is not compared."""
    golden = samples.golden_lines("nfdump", case)
    if golden is None:
        return None
    records = []
    for record in golden:
        row = {mine: str(record[theirs]) for mine, theirs in NFDUMP.items() if record.get(theirs)}
        if record.get("sampled"): # multiplied by the rate
            row |= {f"scaled_{name}": row.pop(name) for name in ("packets", "bytes")}
        for mine, theirs in (("src_ip", "src"), ("dst_ip", "dst")):
            row[mine] = address(record.get(theirs + "4_addr", "::")) or \
                address(record.get(theirs + "6_addr", "::"))
        if record.get("proto") in PORTED:
            row |= {"src_port": str(record.get("src_port", "")),
                    "dst_port": str(record.get("dst_port", ""))}
        if record.get("proto") == TCP and nfdump_flags(record["tcp_flags"]):
            row["tcp_flags"] = str(nfdump_flags(record["tcp_flags"]))
        records.append(row)
    return records


PMACCT_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "ipv6-icmp": "58", "ip": "0", "gre": "47",
                    "ah": "51", "esp": "50", "sctp": "132", "igmp": "2", "ipencap": "4",
                    "ospf": "89", "pim": "103", "vrrp": "112", "rsvp": "46", "ipv6": "41"}


def pmacct(case):
    """{addresses, ports, protocol: [packets, bytes]}: it joins records of the same key."""
    golden = samples.golden_lines("pmacct", case)
    if golden is None:
        return None
    sums = {}
    for record in golden:
        proto = PMACCT_PROTOCOLS.get(record["ip_proto"], record["ip_proto"])
        ports = [str(record[name]) if int(proto) in PORTED else ""
                 for name in ("port_src", "port_dst")]
        total = sums.setdefault((address(record["ip_src"] or "::"), address(record["ip_dst"] or "::"),
                                 *ports, proto), [0, 0])
        total[0] += record.get("packets", 0) # none where the exporter counts none
        total[1] += record.get("bytes", 0)
    return sums


def pmacct_own(case):
    """What pmacct's own tests expect of its captures, without counters: they are multiplied by rates
    that stand in its configuration."""
    with open(samples.shared(case, "pmacct-output-flow-00.json"), encoding="utf-8") as text:
        for line in text:
            record = json.loads(line)
            if "ip_src" not in record:
                continue
            proto = PMACCT_PROTOCOLS.get(record["ip_proto"], record["ip_proto"])
            ported = int(proto) in PORTED
            row = {"src_ip": address(record["ip_src"]), "dst_ip": address(record["ip_dst"]),
                   "src_port": str(record["port_src"]) if ported else "",
                   "dst_port": str(record["port_dst"]) if ported else "", "proto": proto,
                   "in_if": str(record["iface_in"]), "out_if": str(record["iface_out"])}
            if "tos" in record:
                row["tos"] = str(record["tos"])
            if proto == "6" and "tcp_flags" in record:
                row["tcp_flags"] = str(sum(FLAG_BITS[name] for name in record["tcp_flags"]))
            if "mpls_label_stack" in record: # place-label
                row["mpls_labels"] = ",".join(label.split("-")[1] for label in
                                              record["mpls_label_stack"])
            yield row


# ---- the projects' tests ----

LOGSTASH_V9 = {"in_bytes": "octetDeltaCount", "in_pkts": "packetDeltaCount",
               "in_permanent_bytes": "octetTotalCount", "protocol": "protocolIdentifier",
               "src_tos": "ipClassOfService", "tcp_flags": "tcpControlBits",
               "l4_src_port": "sourceTransportPort", "l4_dst_port": "destinationTransportPort",
               "ipv4_src_addr": "sourceIPv4Address", "ipv4_dst_addr": "destinationIPv4Address",
               "src_mask": "sourceIPv4PrefixLength", "dst_mask": "destinationIPv4PrefixLength",
               "input_snmp": "ingressInterface", "output_snmp": "egressInterface",
               "ipv4_next_hop": "ipNextHopIPv4Address", "src_as": "bgpSourceAsNumber",
               "dst_as": "bgpDestinationAsNumber", "bgp_ipv4_next_hop": "bgpNextHopIPv4Address",
               "in_src_mac": "sourceMacAddress", "in_dst_mac": "destinationMacAddress",
               "direction": "flowDirection", "ip_protocol_version": "ipVersion",
               "src_vlan": "vlanId", "xlate_src_addr_ipv4": "postNATSourceIPv4Address",
               "xlate_dst_addr_ipv4": "postNATDestinationIPv4Address",
               "xlate_src_port": "postNAPTSourceTransportPort",
               "xlate_dst_port": "postNAPTDestinationTransportPort",
               "fw_event": "firewallEvent", "first_switched": "flowStartMilliseconds",
               "last_switched": "flowEndMilliseconds", "flow_start_msec": "flowStartMilliseconds",
               "sampling_interval": "samplingInterval", "conn_id": "flowId",
               "icmp_type": "icmpTypeIPv4", "icmp_code": "icmpCodeIPv4",
               "fw_ext_event": "NF_F_FW_EXT_EVENT", "ingress_acl_id": "NF_F_INGRESS_ACL_ID",
               "egress_acl_id": "NF_F_EGRESS_ACL_ID", "username": "NF_F_USERNAME",
               "event_time_msec": "observationTimeMilliseconds", "user_id": "User-ID",
               "fwd_flow_delta_bytes": "initiatorOctets", "rev_flow_delta_bytes": "responderOctets",
               "flow_sampler_id": "samplerId", "forwarding_status": "forwardingStatus",
               "out_pkts": "postPacketDeltaCount", "out_bytes": "postOctetDeltaCount",
               "app_id": "applicationName", "src_traffic_index": "srcTrafficIndex",
               "dst_traffic_index": "dstTrafficIndex",
               "sampling_algorithm": "samplingAlgorithm",
               # by their makers' own names
               "natSubString": "aluNatSubString", "natInsideSvcid": "aluInsideServiceId",
               "natOutsideSvcid": "aluOutsideServiceId", "proceraService": "applicationName",
               "ixiaL7AppName": "applicationName", "netscalerUnknown330": "5951:330"}
# What the message's header says, and what stands in no column under a name of theirs.
LOGSTASH_ASIDE = {"version", "flow_seq_num", "flowset_id", "flow_records", "engine_type",
                  "engine_id"}


def logstash(case):
    """(how many records, or None; those it asserts something of, by their number)."""
    golden = samples.read_json("logstash", "expected", case.split("/")[1] + ".json")
    records = {}
    for record in golden["full_records"]:
        records.setdefault(record["record"], {}).update(record["event"]["netflow"])
    for asserted in golden["field_assertions"]:
        records.setdefault(asserted["record"], {})[asserted["field"]] = asserted["equals"]
    return golden["expected_record_count"], {
        number: {LOGSTASH_V9.get(name, name): logstash_value(name, value) for name, value in
                 records[number].items() if name not in LOGSTASH_ASIDE}
        for number in sorted(records)}


REVERSE = re.compile("reverse(?!FlowDelta)([A-Z])")
OTHER_END = {"source": "destination", "destination": "source"}


def directions(record):
    """A record that counted something in the other direction, too, as two of one direction each."""
    back = {REVERSE.sub(lambda found: found[1].lower(), name): value
            for name, value in record.items() if REVERSE.match(name)}
    if not back.get("octetTotalCount") and not back.get("octetDeltaCount"):
        return [record]
    for name in record:
        end = re.match("(source|destination)(?=IPv|Transport)", name)
        if end:
            back[OTHER_END[end[0]] + name[end.end():]] = record[name]
    return [{name: value for name, value in record.items() if not REVERSE.match(name)}, back]


def logstash_value(name, value):
    if name == "event_time_msec":
        return datetime.datetime.fromtimestamp(value / 1000, datetime.timezone.utc).isoformat()
    if name == "forwarding_status":
        return value["status"] << 6 | value["reason"]
    if name.endswith("_acl_id"):
        return value.replace("-", "")
    if name == "netscalerUnknown330":
        return f"{value:04x}"
    return value.replace("#{nanos}", "") if isinstance(value, str) else value


TELEGRAF = {"src": "src_ip", "dst": "dst_ip", "src_port": "src_port", "dst_port": "dst_port",
            "in_bytes": "bytes", "in_total_bytes": "bytes", "in_packets": "packets",
            "in_total_packets": "packets", "bgp_src_as": "src_as", "bgp_dst_as": "dst_as",
            "src_mask": "src_mask", "dst_mask": "dst_mask", "in_snmp": "in_if",
            "out_snmp": "out_if", "in_src_mac": "src_mac", "out_dst_mac": "dst_mac"}
TELEGRAF_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "ipv6-icmp": "58", "igmp": "2",
                      "hopopt": "0"}


def telegraf(case):
    """(flows, how many lines of options)."""
    records, options = [], 0
    with open(samples.shared(case, "expected.out"), encoding="utf-8") as text:
        for line in text:
            fields = {name: re.sub("^([0-9]+)u$", r"\1", value.strip('"')) for name, value in
                      re.findall(r'(\w+)=("[^"]*"|[^, ]+)', line.split(" ", 1)[1])}
            if line.startswith("netflow_options"):
                options += 1
                continue
            row = {mine: fields[theirs] for theirs, mine in TELEGRAF.items() if theirs in fields}
            row["proto"] = TELEGRAF_PROTOCOLS[fields["protocol"]]
            row |= transport_of({"protocolIdentifier": int(row["proto"])} | {
                name: int(fields[theirs]) for theirs, name in
                (("src_port", "sourceTransportPort"), ("dst_port", "destinationTransportPort"))
                if theirs in fields})
            if "src_tos" in fields:
                row["tos"] = str(int(fields["src_tos"], 0))
            for theirs, column in (("flow_start_ms", "start_time"), ("flow_end_ms", "end_time")):
                if theirs in fields:
                    row[column] = fields[theirs] + "000"
            records.append(row)
    return records, options


AKVORADO = {"SamplingRate": "sampling_rate", "InIf": "in_if", "OutIf": "out_if",
            "SrcVlan": "vlan", "Bytes": "bytes", "Packets": "packets", "Proto": "proto",
            "SrcPort": "src_port", "DstPort": "dst_port", "IPTTL": "min_ttl", "IPTos": "tos",
            "SrcAS": "src_as", "DstAS": "dst_as", "SrcNetMask": "src_mask",
            "DstNetMask": "dst_mask", "SrcPortNAT": "nat_src_port", "DstPortNAT": "nat_dst_port"}


def akvorado(case):
    """(flows, whether these are all), or None where the test asserts none."""
    golden = {re.sub("[^0-9A-Za-z]+", "-", name): golden for name, golden in
              samples.read_json("akvorado", "expected.json").items()}[case.split("/")[1]]
    if not golden["expected_flows"]:
        return None
    records = []
    for flow in golden["expected_flows"][0]:
        row = {mine: str(flow[theirs]) for theirs, mine in AKVORADO.items() if theirs in flow}
        for name in ("sampling_rate", "vlan"):
            if name in row:
                row[name] = known(row[name], "0")
        row |= {mine: address(flow[theirs]) for theirs, mine in
                {"SrcAddr": "src_ip", "DstAddr": "dst_ip", "NextHop": "next_hop",
                 "SrcAddrNAT": "nat_src_ip", "DstAddrNAT": "nat_dst_ip"}.items()
                if theirs in flow}
        row |= {mine: mac(flow[theirs]) for theirs, mine in
                {"SrcMAC": "src_mac", "DstMAC": "dst_mac"}.items() if theirs in flow}
        if row.get("proto") == "6" and "TCPFlags" in flow:
            row["tcp_flags"] = str(flow["TCPFlags"])
        if "FlowDirection" in flow:
            row["direction"] = {"ingress": "0", "egress": "1"}[flow["FlowDirection"]]
        if "MPLSLabels" in flow:
            row["mpls_labels"] = ",".join(str(label) for label in flow["MPLSLabels"])
        records.append(row)
    return records, "compares_only_first_n_flows" not in golden

# SPDX-License-Identifier: Apache-2.0
"""Every sFlow sample against what others made of it: tshark, nfdump, pmacct, tcpdump, and the tests
of akvorado, Telegraf and nDPI. Where a result is not ours, REASONS says why."""
import functools
import json
import re

import pytest

import captures
import flow_samples as samples
from flow_compare import Opinions, address, differences, known, mac, nfdump_flags

CASES = sorted(case for case in samples.CASES if "sflow" in case.lower())
PORTED, TCP = ("6", "17", "33", "132", "136"), "6"
INTERNAL = str(0x3FFFFFFF)

# What is counted beside the rows; nothing where a case is not named.
COUNTED = {
    # two agents send processor and memory counters of their maker
    "tcpdump/sflow_multiple_counter_30_pdus.pcap": {"sample_unknown"},
    # by the UDP length it has 8 bytes
    "tcpdump/sflow_print-segv.pcap": {"short_header"},
}

FRAME = "takes the frame's length, with link header and check sequence, where bytes are from the " \
        "IP header on"
BASIC, VXLAN, QINQ = (f"akvorado/sflow-TestDecode-{name}" for name in (
    "basic", "encap-VXLAN", "flow-sample-with-QinQ"))
OWN_AS = "leaves 0 where the gateway names no AS: it is the gateway's own, as akvorado has it"
NO_VLAN = "cuts 2^32-1, which is no VLAN, to 16 bits"
ITSELF = "takes 2^30-1, the device itself, for an interface"
INNERMOST = "takes the innermost of two tags, where vlan is the outermost"
OUTER = "does not look into VXLAN; akvorado does, and finds what stands here"
SEVERAL = "takes the number of interfaces that a packet was sent to for one of them"
REASONS = {
    ("nfdump", "*", "bytes"): FRAME,
    ("pmacct", "*", "bytes"): FRAME,
    ("nfdump", BASIC, "src_as"): OWN_AS,
    ("nfdump", BASIC, "dst_as"): OWN_AS,
    ("pmacct", BASIC, "src_as"): OWN_AS,
    ("pmacct", BASIC, "dst_as"): OWN_AS,
    ("nfdump", BASIC, "vlan"): NO_VLAN,
    ("pmacct", BASIC, "vlan"): NO_VLAN,
    ("pmacct", BASIC, "tos"): "does not read the traffic class of IPv6",
    ("nfdump", VXLAN, "in_if"): ITSELF,
    ("nfdump", VXLAN, "out_if"): ITSELF,
    ("pmacct", VXLAN, "*"): OUTER,
    ("nfdump", QINQ, "vlan"): INNERMOST,
    ("akvorado", QINQ, "vlan"): INNERMOST,
    ("akvorado", QINQ, "dst_vlan"): INNERMOST,
    ("nfdump", "*", "icmp_type"): "does not read ICMP messages in sampled headers",
    ("nfdump", "telegraf/sflow_issue_15918", "out_if"): SEVERAL,
    ("pmacct", "telegraf/sflow_issue_15918", "out_if"): SEVERAL,
    ("pmacct", "tcpdump/sflow-print-v6.pcap", "out_if"): SEVERAL,
    ("pmacct", "akvorado/sflow-TestDecode-flow-sample-with-IPv4-data", "vlan"):
        "takes the outgoing VLAN of the switch where there is no incoming one; ours is in extra",
    ("telegraf", "telegraf/sflow_issue_15918", "proto"):
        "names the first header of an IPv6 packet, a hop-by-hop one, where proto is the last",
    ("telegraf", "telegraf/sflow_issue_15918", "direction"):
        "says egress wherever the data source is not the incoming interface, even where a packet "
        "went out by several",
    ("telegraf", "telegraf/sflow_issue_15918", "in_if"):
        "writes the data source over the incoming interface of what it calls egress",
    ("tshark_counters", "telegraf/sflow_v5_example", "records"):
        "does not pass over a port name record, and takes what follows for another kind",
    ("telegraf", "telegraf/sflow_v5_example", "in_multicast"): "all ones: the agent has it not",
    ("telegraf", "telegraf/sflow_v5_example", "in_broadcast"): "the same",
    ("telegraf", "telegraf/sflow_v5_example", "out_multicast"): "the same",
    ("telegraf", "telegraf/sflow_v5_example", "out_broadcast"): "the same",
} | {(tool, VXLAN, column): OUTER for tool, columns in {
    "tshark": ("src_mac", "dst_mac", "src_ip", "dst_ip", "proto", "bytes", "src_port", "dst_port"),
    "nfdump": ("src_mac", "dst_mac", "src_ip", "dst_ip", "proto", "src_port", "dst_port"),
}.items() for column in columns}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    captures.need()
    return tmp_path_factory.mktemp("sflow")


@functools.lru_cache(maxsize=None)
def rows_of(case, table, folder):
    rows, _tally = samples.ours(case, folder, table)
    return [row for row in rows if row["source"] == "sflow"]


def interface(value, form="0"):
    """The index of a single interface that is known and not the device itself."""
    return known(value, "0", INTERNAL) if form == "0" else ""


# ---- tshark: every sample, field by field ----

def first(pairs, name):
    return dict(reversed(pairs)).get(name)


def tshark_samples(case, kind):
    for line in samples.golden_lines("tshark-cflow", case) or []:
        for key, value in dict(line).get("sflow", []):
            if isinstance(value, list) and kind in key:
                yield dict(value), value


def header_of(tree):
    """Columns of the first headers of a kind that tshark found in the sampled packet."""
    row = {}
    ethernet, ip, ip6 = (dict(first(tree, name) or {}) for name in ("eth", "ip", "ipv6"))
    if ethernet:
        row |= {"src_mac": ethernet["eth.src"], "dst_mac": ethernet["eth.dst"]}
    if first(tree, "vlan"):
        row["vlan"] = dict(first(tree, "vlan"))["vlan.id"]
    if ip:
        row |= {"src_ip": ip["ip.src"], "dst_ip": ip["ip.dst"], "proto": ip["ip.proto"],
                "tos": int(ip["ip.dsfield"], 16), "min_ttl": ip["ip.ttl"],
                "max_ttl": ip["ip.ttl"], "bytes": ip["ip.len"]}
    elif ip6:
        row |= {"src_ip": ip6["ipv6.src"], "dst_ip": ip6["ipv6.dst"],
                "tos": int(ip6["ipv6.tclass"], 16), "min_ttl": ip6["ipv6.hlim"],
                "max_ttl": ip6["ipv6.hlim"], "bytes": int(ip6["ipv6.plen"]) + 40}
        if ip6["ipv6.nxt"] != "0":
            row["proto"] = ip6["ipv6.nxt"]
    for name in ("tcp", "udp"):
        if first(tree, name):
            transport = dict(first(tree, name))
            row |= {"src_port": transport[name + ".srcport"],
                    "dst_port": transport[name + ".dstport"]}
    if first(tree, "tcp"):
        row["tcp_flags"] = int(dict(first(tree, "tcp"))["tcp.flags"], 16)
    for name in ("icmp", "icmpv6"):
        if isinstance(first(tree, name), list):
            message = dict(first(tree, name))
            row |= {"icmp_type": message[name + ".type"], "icmp_code": message[name + ".code"]}
    return row


def gateway_of(record):
    paths = [value for key, value in record if key.startswith("sflow.as_type_tree")]
    gateway = dict(record)
    path = [number for _name, number in paths[-1]] if paths else []
    row = {"src_as": known(gateway["sflow_245.srcAS"], "0") or gateway["sflow_245.as"],
           "dst_as": path[-1] if path else gateway["sflow_245.as"]}
    extra = {"as": int(gateway["sflow_245.as"])}
    if gateway["sflow_245.peerAS"] != "0":
        extra["src_peer_as"] = int(gateway["sflow_245.peerAS"])
    if path:
        extra["as_path"] = [int(number) for number in path]
    if "sflow_245.communityEntries_tree" in gateway:
        extra["communities"] = [int(number) for _name, number in
                                gateway["sflow_245.communityEntries_tree"]]
    if gateway["sflow_245.localpref"] != "0":
        extra["local_pref"] = int(gateway["sflow_245.localpref"])
    return row, extra


def tshark_flow(sample):
    out = dict(sample.get("sflow.flow_sample.output_interface_tree", []))
    form = out.get("sflow.flow_sample.output_interface_format",
                   sample.get("sflow.flow_sample.output_interface.format"))
    out = out.get("sflow.flow_sample.output_interface_value",
                  sample.get("sflow.flow_sample.output_interface_value"))
    inside = sample.get("sflow.flow_sample.input_interface",
                        sample.get("sflow.flow_sample.input_interface_value"))
    row = {"packets": "1", "sampling_rate": sample["sflow.flow_sample.sampling_rate"],
           "in_if": interface(inside), "out_if": interface(out, form)}
    extra = {}
    switch = dict(sample.get("Extended switch data", []))
    vlans = {name: switch.get("sflow_245.vlan." + name, "0") for name in ("in", "out")}
    vlans = {name: "" if int(vlan) in (0, 2**32 - 1) else vlan for name, vlan in vlans.items()}
    row["vlan"] = vlans["in"]
    raw = dict(sample.get("Raw packet header", []))
    row |= header_of(raw.get("sflow_245.header_tree", []))
    if vlans["out"] not in ("", row["vlan"]):
        extra["dst_vlan"] = int(vlans["out"])
    if "Extended router data" in sample:
        router = dict(sample["Extended router data"])
        row |= {"next_hop": address(router["sflow_245.nexthop"]),
                "src_mask": router["sflow_245.nexthop.src_mask"],
                "dst_mask": router["sflow_245.nexthop.dst_mask"]}
    if "Extended gateway data" in sample:
        columns, more = gateway_of(sample["Extended gateway data"])
        row |= columns
        extra |= more
    if form == "2":
        extra["out_interfaces"] = int(out)
    return row | {"extra": extra}


def with_extra(rows, *names):
    """Rows whose extra is an object without the members named."""
    return [row | {"extra": str({name: value for name, value in sorted(
        json.loads(row["extra"] or "{}").items()) if name not in names})} for row in rows]


def ask_tshark(case, folder):
    records = [tshark_flow(sample) for sample, _pairs in tshark_samples(case, "low sample")]
    for record in records:
        record["extra"] = str(dict(sorted(record["extra"].items())))
    return differences(with_extra(rows_of(case, "flows", folder), "agent"), records, None)


TSHARK_COUNTERS = {"interface": "ifindex", "if_type": "iftype", "speed": "ifspeed",
                   "in_bytes": "ifinoct", "in_packets": "ifinpkt", "in_multicast": "ifinmcast",
                   "in_broadcast": "ifinbcast", "in_discards": "ifindisc", "in_errors": "ifinerr",
                   "out_bytes": "ifoutoct", "out_packets": "ifoutpkt",
                   "out_multicast": "ifoutmcast", "out_broadcast": "ifoutbcast",
                   "out_discards": "ifoutdisc", "out_errors": "ifouterr"}
ALL_ONES = (str(2**32 - 1), str(2**64 - 1))


def tshark_counters(sample, pairs):
    generic = dict(sample["Generic interface counters"])
    row = {name: known(generic["sflow_245." + theirs], *ALL_ONES)
           for name, theirs in TSHARK_COUNTERS.items()}
    row["status"] = str(int(generic["sflow_245.ifadmin_status"])
                        + 2 * int(generic["sflow_245.ifoper_status"]))
    extra = {name: int(generic["sflow_245." + theirs]) for name, theirs in
             {"ifDirection": "ifdirection", "ifInUnknownProtos": "ifinunk",
              "ifPromiscuousMode": "ifpromisc"}.items()
             if generic["sflow_245." + theirs] not in ALL_ONES}
    for key, value in pairs:
        if isinstance(value, list):
            extra |= {name.removeprefix("sflow_245."): int(number) for name, number in value
                      if name.startswith(("sflow_245.dot3", "sflow_245.dot12"))}
    return row | {"extra": str(dict(sorted(extra.items())))}


def ask_tshark_counters(case, folder):
    records = [tshark_counters(*sample) for sample in tshark_samples(case, "ounters sample")
               if "Generic interface counters" in sample[0]]
    rows = with_extra(rows_of(case, "counters", folder), "agent", "port_name")
    return differences(rows, records, None)


# ---- nfdump and pmacct: flows only ----

def ask_nfdump(case, folder):
    golden = samples.golden_lines("nfdump", case)
    if golden is None:
        return None
    records = []
    for record in golden: # it multiplies by the rate
        row = {"src_ip": record.get("src4_addr") or record.get("src6_addr"),
               "dst_ip": record.get("dst4_addr") or record.get("dst6_addr"),
               "proto": record["proto"], "tos": record["src_tos"],
               "sampling_rate": record["in_packets"], "in_if": known(record["input_snmp"], 0),
               "out_if": known(record["output_snmp"], 0),
               "vlan": known(record["src_vlan"], 0), "src_mac": record["in_src_mac"],
               "dst_mac": record["out_dst_mac"], "src_as": known(record["src_as"], 0),
               "dst_as": known(record["dst_as"], 0), "src_mask": known(record["src_mask"], 0),
               "dst_mask": known(record["dst_mask"], 0),
               "bytes": record["in_bytes"] // record["in_packets"],
               "next_hop": record.get("ip4_next_hop") or record.get("ip6_next_hop") or ""}
        if str(record["proto"]) in PORTED:
            row |= {"src_port": record["src_port"], "dst_port": record["dst_port"]}
        if str(record["proto"]) == TCP:
            row["tcp_flags"] = nfdump_flags(record["tcp_flags"])
        if "icmp_type" in record:
            row |= {"icmp_type": record["icmp_type"], "icmp_code": record["icmp_code"]}
        records.append({name: str(value) for name, value in row.items()})
    return differences(rows_of(case, "flows", folder), records, None)


PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "ipv6-icmp": "58", "ip": "0", "gre": "47",
             "ah": "51", "esp": "50", "sctp": "132", "igmp": "2"}
PMACCT = {"src_ip": "ip_src", "dst_ip": "ip_dst", "in_if": "iface_in", "out_if": "iface_out",
          "src_as": "as_src", "dst_as": "as_dst", "src_mask": "mask_src", "dst_mask": "mask_dst",
          "vlan": "vlan", "tos": "tos", "sampling_rate": "sampling_rate", "packets": "packets",
          "bytes": "bytes"}


def ask_pmacct(case, folder):
    golden = samples.golden_lines("pmacct", case)
    if golden is None:
        return None
    records = []
    for record in golden:
        proto = PROTOCOLS.get(record["ip_proto"], record["ip_proto"])
        row = {mine: str(record[theirs]) for mine, theirs in PMACCT.items()} | {"proto": proto}
        for name in ("in_if", "out_if", "src_as", "dst_as", "src_mask", "dst_mask", "vlan"):
            row[name] = known(row[name], "0")
        row |= {"src_port": str(record["port_src"]) if proto in PORTED else "",
                "dst_port": str(record["port_dst"]) if proto in PORTED else ""}
        if proto == TCP:
            row["tcp_flags"] = record["tcp_flags"]
        records.append(row)
    joined = {} # pmacct adds up records of the same key
    for row in rows_of(case, "flows", folder):
        key = tuple(row[name] for name in ("src_ip", "dst_ip", "src_port", "dst_port", "in_if",
                                           "out_if"))
        sums = joined.setdefault(key, row | {"packets": "0", "bytes": "0"})
        for name in ("packets", "bytes"):
            sums[name] = str(int(sums[name]) + int(row[name]))
    return differences(list(joined.values()), records)


# ---- the projects' own tests ----

def golden_test(case):
    return {re.sub("[^0-9A-Za-z]+", "-", name): golden for name, golden in
            samples.read_json("akvorado", "expected.json").items()}[case.split("/")[1]]


AKVORADO = {"SamplingRate": "sampling_rate", "InIf": "in_if", "OutIf": "out_if",
            "SrcVlan": "vlan", "Bytes": "bytes", "Packets": "packets", "Proto": "proto",
            "SrcPort": "src_port", "DstPort": "dst_port", "IPTTL": "min_ttl", "IPTos": "tos",
            "TCPFlags": "tcp_flags", "SrcAS": "src_as", "DstAS": "dst_as",
            "SrcNetMask": "src_mask", "DstNetMask": "dst_mask", "ICMPv6Type": "icmp_type"}


def ask_akvorado(case, folder):
    if not case.startswith("akvorado/"):
        return None
    rows, records = [], []
    wanted = golden_test(case)["expected_flows"][0]
    for row, flow in zip(rows_of(case, "flows", folder), wanted):
        extra = json.loads(row["extra"] or "{}")
        record = {mine: known(flow[theirs], 0) for theirs, mine in AKVORADO.items()
                  if theirs in flow}
        if "tos" in record:
            record["tos"] = str(flow["IPTos"])
        record |= {mine: address(flow[theirs]) for theirs, mine in
                   {"SrcAddr": "src_ip", "DstAddr": "dst_ip", "NextHop": "next_hop"}.items()
                   if theirs in flow}
        record |= {mine: mac(flow[theirs]) for theirs, mine in
                   {"SrcMAC": "src_mac", "DstMAC": "dst_mac"}.items()}
        mine = {"agent": extra.get("agent", row["exporter"]),
                "dst_vlan": str(extra.get("dst_vlan", row["vlan"])),
                "as_path": str(extra.get("as_path", [])),
                "communities": str(extra.get("communities", []))}
        record |= {"agent": address(flow["ExporterAddress"]),
                   "as_path": str(flow.get("DstASPath", [])),
                   "communities": str(flow.get("DstCommunities", []))}
        if "DstVlan" in flow:
            record["dst_vlan"] = str(flow["DstVlan"])
        rows.append(row | mine)
        records.append(record)
    found = differences(rows, records, None)
    if len(wanted) != len(rows_of(case, "flows", folder)):
        found["records"] = f"{len(wanted)} flows"
    return found


def telegraf_lines(case):
    with open(samples.shared(case, "expected.out"), encoding="utf-8") as text:
        for line in text:
            fields = dict(re.findall(r'(\w+)=("[^"]*"|[^, ]+)', line.split(" ", 1)[1]))
            yield {name: re.sub("^([0-9]+)u$", r"\1", value.strip('"'))
                   for name, value in fields.items()}


def telegraf_flow(line):
    proto = {"udp": "17", "tcp": "6", "hopopt": "0"}[line["protocol"]]
    row = {"src_ip": line["src"], "dst_ip": line["dst"], "proto": proto,
           "src_port": line.get("src_port", ""), "dst_port": line.get("dst_port", ""),
           "in_if": interface(line.get("in_snmp", "0")),
           "out_if": interface(line.get("out_snmp", "0")), "vlan": line["vlan_src"],
           "src_mac": line["in_src_mac"], "dst_mac": line["out_dst_mac"],
           "min_ttl": line["ttl"], "sampling_rate": line["sampling_interval"],
           "bytes": line.get("ipv4_total_len") or str(int(line["ipv6_total_len"]) + 40),
           "direction": {"ingress": "0", "egress": "1"}[line["direction"]],
           "domain": line["agent_subid"]}
    if "src_tos" in line:
        row["tos"] = line["src_tos"]
    return row


TELEGRAF_COUNTERS = {"interface": "interface", "if_type": "interface_type", "speed": "speed",
                     "in_bytes": "in_bytes", "in_packets": "in_unicast_packets_total",
                     "in_multicast": "in_mcast_packets_total",
                     "in_broadcast": "in_broadcast_packets_total",
                     "in_discards": "in_dropped_packets", "in_errors": "in_errors",
                     "out_bytes": "out_bytes", "out_packets": "out_unicast_packets_total",
                     "out_multicast": "out_mcast_packets_total",
                     "out_broadcast": "out_broadcast_packets_total",
                     "out_discards": "out_dropped_packets", "out_errors": "out_errors",
                     "domain": "agent_subid"}


def ask_telegraf(case, folder):
    if not case.startswith("telegraf/"):
        return None
    lines = list(telegraf_lines(case))
    flows = [telegraf_flow(line) for line in lines if "sampling_interval" in line]
    keys = ("src_ip", "dst_ip", "src_port", "dst_port") # its lines are in an order of their own
    found = differences(rows_of(case, "flows", folder), flows, keys)
    counters = [{mine: line[theirs] for mine, theirs in TELEGRAF_COUNTERS.items()}
                | {"status": {"up": "3"}[line["status"]]}
                for line in lines if "interface_type" in line]
    rows = rows_of(case, "counters", folder)
    for line, row in zip([line for line in lines if "interface_type" in line], rows):
        assert json.loads(row["extra"]).get("port_name") == line.get("port_name")
    return found | differences(rows, counters, None)


def ask_tcpdump(case, folder):
    """Its numbers of samples, and every generic counter it prints."""
    if not case.startswith("tcpdump/"):
        return None
    name = case.split("/")[1].removesuffix(".pcap")
    text = open(samples.shared("tcpdump", "out", name + ".out"), encoding="utf-8").read()
    number = r"(?:{}) (\d+)"
    records = []
    for block in re.findall(r"Generic counter.*?promisc mode \d+", text, re.S):
        fields = {}
        for mine, theirs in {"interface": "ifindex", "if_type": "iftype", "speed": "ifspeed",
                             "status": "ifstatus", "in_bytes": "In octets",
                             "in_errors": "In errors", "out_bytes": "Out octets",
                             "out_errors": "Out errors"}.items():
            fields[mine] = re.search(number.format(theirs), block)[1]
        for mine, theirs in {"packets": "unicast pkts", "multicast": "multicast pkts",
                             "broadcast": "broadcast pkts", "discards": "discards"}.items():
            values = re.findall(number.format(theirs), block)
            fields |= {"in_" + mine: values[0], "out_" + mine: values[1]}
        records.append(fields)
    found = differences(rows_of(case, "counters", folder), records, None)
    flows = len(re.findall(r"^\s(?:expanded )?flow sample", text, re.M))
    if flows != len(rows_of(case, "flows", folder)):
        found["records"] = f"{flows} flow samples"
    return found


OPINIONS = Opinions(REASONS)
for asker in (ask_tshark, ask_tshark_counters, ask_nfdump, ask_pmacct, ask_akvorado, ask_telegraf,
              ask_tcpdump):
    OPINIONS.ask(asker.__name__.removeprefix("ask_"), asker)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("who", OPINIONS.askers)
def test_sflow(who, case, folder):
    OPINIONS.check(who, case, folder)


def test_every_reason_is_needed(folder):
    assert not OPINIONS.unused(CASES, folder)


def test_every_sample_has_an_opinion(folder):
    assert CASES
    for case in CASES:
        assert rows_of(case, "flows", folder) or rows_of(case, "counters", folder) or \
            case in COUNTED
        assert samples.golden_lines("tshark-cflow", case) is not None


@pytest.mark.parametrize("case", CASES)
def test_counted(case, folder):
    _rows, tally = samples.ours(case, folder)
    assert {cause for cause, *_rest in tally} == COUNTED.get(case, set()), tally


def test_ndpi_saw_as_many_datagrams(folder):
    rows = rows_of("ndpi/sflow.pcap", "flows", folder)
    counters = rows_of("ndpi/sflow.pcap", "counters", folder)
    text = open(samples.shared("ndpi", "sflow.pcap.out"), encoding="utf-8").read()
    assert len(rows) + len(counters) == int(re.search(r"^sFlow\t(\d+)", text, re.M)[1]) == 9

# SPDX-License-Identifier: Apache-2.0
"""Every sample of NetFlow v9 and IPFIX against what others made of it (NetFlow v5 and sFlow have
tests of their own), and all samples of all protocols with other capacities and cuts.

Nothing is skipped silently: where a result is not ours, REASONS says why, and a reason that nothing
needs any more fails the test."""
import functools
import re

import pytest

import captures
import flow_readers as readers
import flow_samples as samples
from flow_compare import KEY, Opinions, differences, pairs
from flow_elements import columns_of, extra_of

ASA, YAF, TELEGRAF_YAF, BIFLOW = ("logstash/11-netflow-9-cisco-asa-2",
                                  "logstash/48-ipfix-yaf-basic-with-applabel",
                                  "telegraf/ipfix_example", "akvorado/netflow-TestDecodeRFC5103")
H3C = "logstash/19-netflow-9-h3c-netstream-with-varstring"
MIXED = "akvorado/netflow-TestTemplatesMixedWithData"
SOFTFLOWD, PROCERA = "graylog/netflow9.pcap", "logstash/24-ipfix-procera"
CROWD = "traffic-reproducer/ipfix-multi-sources.pcap"
STITCHED = ("pmacct/101-NFv9-CISCO-cust_primitives",
            "pmacct/102-NFv9-CISCO-f2rd-pretag-sampling-reload")

TWO_ROWS = "has one record of both directions, which are two rows"
AWAITED = "drops sets that come before their template, which wait for it here"
TOO_SMALL_COUNT = "stops at the header's count, which softflowd writes too small"
BORROW = "does not borrow from the seconds where the milliseconds go below zero: 1 s late"
AT_BOOT = "takes 0, the moment the exporter started, for 1970"
FUTURE = "believes the exporter; the capture was dated 58 days before what it says, and nothing is " \
         "sent from the future, so the receipt counts (time_flag 1)"
NAMED = "writes names for numbers"
OUTSIDE = "shows the tunnel's addresses first; ours are those of the packet inside"
REASONS = {
    **{(who, case, "records"): TWO_ROWS for who in ("tshark", "nfdump") for case in
       (ASA, YAF, TELEGRAF_YAF, BIFLOW)},
    **{("pmacct", case, "sums"): TWO_ROWS for case in (ASA, YAF, TELEGRAF_YAF, BIFLOW)},
    ("logstash", ASA, "records"): TWO_ROWS,
    ("logstash", YAF, "records"): TWO_ROWS,
    ("telegraf", TELEGRAF_YAF, "records"): TWO_ROWS,
    ("logstash", "logstash/21-ipfix-from-ixia-something-something",
     "extra.reverseIcmpTypeCodeIPv4"): "the record counts nothing in the other direction: there "
                                       "is no second row",
    **{(who, case, "records"): AWAITED for who in ("tshark", "nfdump") for case in (MIXED, CROWD)},
    ("tshark", "logstash/50-ipfix-netscaler-data-before-template", "records"): AWAITED,
    ("pmacct", MIXED, "sums"): AWAITED,
    ("pmacct", CROWD, "sums"): AWAITED,
    ("tshark", SOFTFLOWD, "records"): TOO_SMALL_COUNT,
    ("tshark", SOFTFLOWD, "options"): TOO_SMALL_COUNT,
    ("pmacct", SOFTFLOWD, "sums"): TOO_SMALL_COUNT,
    ("tshark", "logstash/08-netflow-9-invalid-01", "*"): "gives up a datagram whose count is not "
                                                         "that of its records; nfdump does not",
    ("tshark", "graylog/netflow-v9-1.dat", "records"):
        "gives up the file, two datagrams in a row; the first is whole",
    ("nfdump", "graylog/nprobe-netflow9.pcap", "records"):
        "its records of NetFlow v5 are compared in test_netflow5.py",
    **{("tshark", case, field): AT_BOOT for case, fields in
       {"graylog/nprobe-netflow9.pcap": ("start_time", "end_time"),
        "libnetflow9/1.pcap": ("start_time", "end_time"),
        "logstash/07-netflow-9-multiple-netflow-exporters": ("start_time",),
        "logstash/10-ipfix": ("start_time",)}.items() for field in fields},
    ("tshark", "libnetflow9/malformed_2.pcap", "options"):
        "takes padding behind a set of length 1 for templates without fields, and sets for their "
        "records; libnetflow9 calls all 16 malformed, as we do",
    ("tshark", BIFLOW, "start_time"): "cuts the NTP fraction to microseconds, where the exporter's "
                                      "microsecond is the nearest one",
    ("tshark", BIFLOW, "end_time"): "the same",
    **{(who, case, field): FUTURE for who, fields in
       {"tshark": ("start_time", "end_time"), "netgauze": ("records",)}.items()
       for case in STITCHED for field in fields},
    **{("logstash", case, field): BORROW for case in
       ("logstash/03-netflow-9-valid-01", "logstash/05-netflow-9-cisco-aci",
        "logstash/07-netflow-9-multiple-netflow-exporters",
        "logstash/15-netflow-9-ipt-netflow-reduced-size-encoding",
        "logstash/18-netflow-9-palo-alto-1-flowset-in-large-zero-filled-packet",
        "logstash/34-netflow-9-template-with-0-length-fields",
        "logstash/38-netflow-9-cisco-asr-9000-series-template-260", H3C)
       for field in ("start_time", "end_time")},
    ("logstash", "logstash/31-ipfix-netscaler-with-variable-length-fields",
     "extra.netscalerHttpResForwFB"): "leaves the bytes; by the maker's description it is a time",
    ("logstash", "logstash/31-ipfix-netscaler-with-variable-length-fields",
     "extra.netscalerHttpResForwLB"): "the same",
    ("logstash", "logstash/31-ipfix-netscaler-with-variable-length-fields", "end_time"):
        "asserts milliseconds in one place and nanoseconds in another of the same record",
    ("logstash", "logstash/50-ipfix-netscaler-data-before-template", "end_time"):
        "asserts milliseconds, or nanoseconds, as its version has them; ours are microseconds",
    ("netgauze", "*", "extra.forwardingStatus"): NAMED,
    ("netgauze", "*", "extra.mplsTopLabelType"): NAMED,
    ("netgauze", "*", "extra.Huawei"): "has no names for the maker's elements, nor several of them",
    ("tshark", "pmacct/106-IPFIXv10-HUAWEI-vrf_name", "records"): OUTSIDE,
    ("tshark", "pmacct/500-IPFIXv10-BGP-CISCO-SRv6", "records"): OUTSIDE,
    ("pmacct", "pmacct/106-IPFIXv10-HUAWEI-vrf_name", "sums"):
        "lost one of two records when it was run for us; what its own tests expect has both",
    **{("tshark", case, field): "shows the seconds, where milliseconds were sent as well"
       for case in ("telegraf/ipfix_pen_35632", "telegraf/issue_13305")
       for field in ("start_time", "end_time")},
    ("nfdump", PROCERA, "records"): "takes the zero IPv6 addresses of records with both families",
    ("pmacct", PROCERA, "sums"): "the same, and the records count no packets or bytes",
    ("pmacct", "libnetflow9/malformed_1.pcap", "sums"): "makes a record of nothing out of a data "
                                                        "set whose template has no fields",
    ("nfdump", "pmacct/501-IPFIXv10-BGP-IPv6-CISCO-MPLS", "records"):
        "leaves out the addresses of 9 records of IPv6 with labels",
    ("nfdump", "akvorado/netflow-TestDecodeDataLink", "records"):
        "does not look into the frame that the record carries",
    ("akvorado", BIFLOW, "in_if"): "swaps an interface that was not sent with one that was",
    ("akvorado", BIFLOW, "out_if"): "the same",
}

# The records of options that logstash asserts, by their number: no flows. What becomes of them is in
# test_flow_options.py.
OPTIONS = {
    "logstash/09-netflow-9-options-template-with-scope-fields": (0,),
    "logstash/10-ipfix": (0,),
    "logstash/22-ipfix-options-template-from-juniper-mx240-junos-15-1-r6-s3": (0,),
    "logstash/33-juniper-srx-options-template-with-0-scope-field-length": (0,),
    "logstash/35-netflow-9-cisco-asr-9000-series-options-template-256": (18,),
    "logstash/39-netflow-9-cisco-nbar-options-template-260": (14,),
    YAF: (2,),
}
OF_TEMPLATES = ("netflow9", "ipfix")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    captures.need()
    return tmp_path_factory.mktemp("exports")


@functools.lru_cache(maxsize=None)
def read(case, folder):
    rows, tally = samples.ours(case, folder)
    return rows, tally, samples.counters_of(tally)


def templated(rows):
    return [row for row in rows if row["source"] in OF_TEMPLATES]


# In this one the same hosts talk in the records of many exporters, which no result tells apart.
CROWD_KEY = KEY + ("packets", "bytes", "in_if", "out_if", "src_as", "tos", "start_time", "end_time",
                   "tcp_flags", "direction")


# ---- the opinions ----

def ask_tshark(case, folder):
    golden = readers.tshark(case)
    if golden is None:
        return None
    records, options = golden
    rows, _tally, counters = read(case, folder)
    found = differences([row for row in rows if row["source"] != "sflow"], records,
                        CROWD_KEY if case == CROWD else KEY)
    if options != counters.get("options_record", 0):
        found["options"] = f"ours {counters.get('options_record', 0)}, theirs {options}"
    return found


def ask_netgauze(case, folder):
    if not case.startswith("pmacct/"):
        return None
    records = list(readers.netgauze(case))
    keys = KEY + ("bytes", "start_time")
    wanted = [columns_of(record) | record["_uptime"] | record.get("_outer", {})
              for record in records]
    found = differences(templated(read(case, folder)[0]), wanted, keys)
    found |= extra_differences(case, folder, wanted, records, keys)
    return found


def extra_differences(case, folder, wanted, records, keys):
    """Of the elements that have no column, as extra.NAME."""
    matched, _alone, _left = pairs(templated(read(case, folder)[0]),
                                   [row | {"_record": record} for row, record in
                                    zip(wanted, records)], keys)
    found = {}
    for row, record in matched:
        for name, (mine, theirs) in extra_of(row, record["_record"], {"_uptime", "_outer"}).items():
            found.setdefault("extra." + name, f"ours {mine!r}, theirs {theirs!r}")
    return found


def ask_nfdump(case, folder):
    records = readers.nfdump(case)
    rows = templated(read(case, folder)[0])
    if records is None or not rows:
        return None
    rows = [row | {f"scaled_{name}": str(int(row[name] or 0) * int(row["sampling_rate"] or 1))
                   for name in ("packets", "bytes")} for row in rows]
    if case == CROWD:
        records = [{name: record.get(name, "") for name in KEY} for record in records]
    return differences(rows, records)


def ask_pmacct(case, folder):
    theirs = readers.pmacct(case)
    if theirs is None:
        return None
    mine = {}
    for row in read(case, folder)[0]:
        if row["source"] != "sflow":
            sums = mine.setdefault(tuple(row[name] for name in KEY), [0, 0])
            sums[0] += int(row["packets"] or 0)
            sums[1] += int(row["bytes"] or 0)
    off = [(key, mine.get(key), theirs.get(key)) for key in sorted({*mine, *theirs})
           if mine.get(key) != theirs.get(key)]
    return {"sums": f"{len(off)} of {len(theirs)}: key, ours, theirs: {off[0]}"} if off else {}


def ask_logstash(case, folder):
    """The number of records, options among them, and each asserted record: some row has it all."""
    if not case.startswith("logstash/"):
        return None
    count, records = readers.logstash(case)
    rows, _tally, counters = read(case, folder)
    if any(row["source"] == "netflow5" for row in rows):
        return None
    found = {}
    ours = len(rows) + counters.get("options_record", 0)
    if count is not None and count != ours:
        found["records"] = f"ours {ours}, theirs {count}"
    options = OPTIONS.get(case, ())
    if len(options) > counters.get("options_record", 0):
        found["options"] = f"ours {counters.get('options_record', 0)}, listed {len(options)}"
    unseen = set(options) - set(records)
    if unseen:
        found["options"] = f"nothing is asserted of {sorted(unseen)}"
    for number, record in records.items():
        for one in readers.directions(record):
            best = closest(rows, one)
            if number not in options:
                found |= best
            elif not best:
                found["options"] = f"record {number} is a flow"
    return found


def closest(rows, record):
    """What differs between the record and the row that it is most like."""
    best, wanted = None, columns_of(record)
    for row in rows:
        off = differences([row], [wanted], None)
        off |= {"extra." + name: f"ours {mine!r}, theirs {theirs!r}"
                for name, (mine, theirs) in extra_of(row, record).items()}
        if best is None or len(off) < len(best):
            best = off
    return {"record": "there is none"} if best is None else best


def ask_telegraf(case, folder):
    if not case.startswith("telegraf/"):
        return None
    rows, _tally, counters = read(case, folder)
    if not {row["source"] for row in rows} <= set(OF_TEMPLATES):
        return None
    records, options = readers.telegraf(case)
    found = differences(rows, records)
    if options != counters.get("options_record", 0):
        found["options"] = f"ours {counters.get('options_record', 0)}, theirs {options}"
    return found


def ask_akvorado(case, folder):
    if not case.startswith("akvorado/") or "sflow" in case or "NFv5" in case:
        return None
    golden = readers.akvorado(case)
    if golden is None:
        return None
    records, all_of_them = golden
    rows = read(case, folder)[0]
    return differences(rows if all_of_them else rows[:len(records)], records, None)


def ask_pmacct_own(case, folder):
    if not case.startswith("pmacct/"):
        return None
    return differences(templated(read(case, folder)[0]), list(readers.pmacct_own(case)),
                       KEY + ("in_if", "out_if"))


OPINIONS = Opinions(REASONS)
for asker in (ask_tshark, ask_netgauze, ask_nfdump, ask_pmacct, ask_pmacct_own, ask_logstash,
              ask_telegraf, ask_akvorado):
    OPINIONS.ask(asker.__name__.removeprefix("ask_"), asker)
CASES = sorted(case for case in samples.CASES if "sflow" not in case.lower())


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("who", OPINIONS.askers)
def test_flow_export(who, case, folder):
    OPINIONS.check(who, case, folder)


def test_every_reason_is_needed(folder):
    assert not OPINIONS.unused(CASES, folder)


# ---- what single projects assert beside records ----

def test_graylog(folder):
    golden = samples.read_json("graylog", "expected.json")
    rows, _tally, counters = read(SOFTFLOWD, folder)
    # its 19 are the flows of the first template; the second is IPv6, behind the header's count
    wanted = columns_of({"sourceIPv4Address": "8.8.8.8", "destinationIPv4Address": "192.168.1.20",
                         "octetDeltaCount": 76, "packetDeltaCount": 1, "sourceTransportPort": 53,
                         "destinationTransportPort": 34865, "protocolIdentifier": 17})
    assert golden["netflow9.pcap"]["contains_record"]["in_bytes"] == 76
    assert any(not differences([row], [wanted], None) for row in rows)
    four = [row for row in rows if "." in row["src_ip"]]
    assert len(four) == golden["netflow9.pcap"]["records"]
    assert counters["options_record"] == 1
    rows, _tally, counters = read("graylog/nprobe-netflow9.pcap", folder)
    assert len(rows) == golden["nprobe-netflow9.pcap"]["messages"]
    rows, _tally, counters = read("graylog/netflow-v9-3_incomplete.dat", folder)
    assert not rows and counters == {"template_missing": 1}


def test_libnetflow9(folder):
    golden = samples.read_json("libnetflow9", "expected.json")
    rows, _tally, counters = read("libnetflow9/1.pcap", folder)
    assert [row["src_ip"] for row in rows] == golden["1.pcap"]["data_record_src_ipv4"]
    assert len(rows) + counters["options_record"] == golden["1.pcap"]["total_records"]
    assert set(counters) == {"options_record"}
    for name in ("malformed_1.pcap", "malformed_2.pcap"):
        rows, _tally, counters = read(f"libnetflow9/{name}", folder)
        assert not rows
        assert counters["template_bad"] == golden[name]["malformed_packets"]
    rows, _tally, counters = read("libnetflow9/malformed-OT.pcap", folder)
    assert not rows and counters["template_bad"] == 1


# Rows, and what its log says of a file in our causes.
IPFIXCOL = {
    "02-odid0.ipfix": (121, set()),
    "bad-length-in-set.ipfix": (0, {"capture_cut"}),
    "bad-template-field-count.ipfix": (0, {"template_bad", "template_missing"}),
    # an options template without scope
    "enterprise-from-nfv9.ipfix": (57, {"template_bad", "template_missing"}),
    "header-and-zeros.ipfix": (0, {"set_length_bad"}),
    "missing-template-258.ipfix": (4, {"template_missing"}),
    "only-data-no-templates.ipfix": (0, {"template_missing"}),
    "withdrawal-message-256.ipfix": (0, {"withdrawal_ignored"}),
}


@pytest.mark.parametrize("name", IPFIXCOL)
def test_ipfixcol(name, folder):
    rows, _tally, counters = read("ipfixcol/" + name, folder)
    assert (len(rows), set(counters)) == IPFIXCOL[name]


def test_every_file_of_ipfixcol_is_tested():
    captures.need()
    assert {case for case in samples.CASES if case.startswith("ipfixcol/")} == {
        "ipfixcol/" + name for name in IPFIXCOL}


def test_ipfixcol2(folder):
    rows, _tally, counters = read("ipfixcol2/example_flows.ipfix", folder)
    assert len(rows) == 3979
    assert set(counters) <= {"sequence_gap"}


@pytest.mark.parametrize("name,datagrams", [("netflow-fritz.pcap", 1), ("netflowv9.pcap", 10)])
def test_ndpi(name, datagrams, folder):
    """It saw so many packets of NetFlow; they are templates, and data without them."""
    with open(samples.shared("ndpi", name + ".out"), encoding="utf-8") as text:
        assert int(re.search(r"^NetFlow\t(\d+)", text.read(), re.M)[1]) == datagrams
    rows, _tally, counters = read("ndpi/" + name, folder)
    assert not rows
    assert set(counters) <= {"template_missing"}


# ---- all samples, however they are read ----

@pytest.mark.parametrize("case", sorted(samples.CASES))
def test_capacities_and_cuts_change_nothing(case, folder):
    for table in ("flows", "counters"):
        rows, tally = samples.ours(case, folder, table)
        for capacity in ("1", "7"):
            again, again_tally = samples.ours(case, folder, table, EG_BATCH_ROWS=capacity)
            assert again == rows
            assert sorted(again_tally) == sorted(tally)
        small, small_tally = samples.ours(case, folder, table, EG_UNIT_BYTES="65536")
        assert sorted(map(str, small)) == sorted(map(str, rows))
        assert sorted(small_tally) == sorted(tally)

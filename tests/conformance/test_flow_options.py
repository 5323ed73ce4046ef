# SPDX-License-Identifier: Apache-2.0
"""What becomes of the records of options that others assert: they are no flows, but a flow that the
same exporter sends behind them has their rates and names. Such a flow is made here, since the samples
have none; of options that say nothing of flows it has nothing."""
import json
import re
import struct

import pytest

import captures
import flow_samples as samples

NINE, TEN = 9, 10
OCTETS, IN_IF, OUT_IF, APPLICATION, STARTED = (1, 4), (10, 4), (14, 4), (95, 4), (22, 4)
EXTRA = ("in_if_name", "out_if_name")


def flow(version, domain, seconds, values):
    """A datagram of one flow, with its template."""
    layout = b"".join(struct.pack(">HH", *field) for field in values)
    template = struct.pack(">HH", 999, len(values)) + layout
    record = b"".join(value.to_bytes(4, "big") for value in values.values())
    sets = struct.pack(">HH", {NINE: 0, TEN: 2}[version], 4 + len(template)) + template + \
        struct.pack(">HH", 999, 4 + len(record)) + record
    if version == TEN:
        return struct.pack(">HHIII", 10, 16 + len(sets), seconds, 7, domain) + sets
    return struct.pack(">HHIIII", 9, 2, 9000000, seconds, 7, domain) + sets


def row_behind(case, folder, version, domain, values):
    """The row of such a flow, behind the sample."""
    sent = [open(name, "rb").read() for name in samples.CASES[case].files]
    seconds = samples.clock_of(sent[-1])
    path = str(folder / "behind.pcap")
    with open(path, "wb") as made:
        made.write(samples.wrap(sent + [flow(version, domain, seconds, {OCTETS: 1234567} | values)]))
    rows, _tally = captures.rows("flows", path, environment={"EG_NETFLOW_PORT": samples.PORTS})
    found = [row for row in rows if row["bytes"] == "1234567"]
    assert len(found) == 1
    return found[0]


# what is asked for: (version, domain, further fields of the flow, what its row must have)
SAID = {
    "logstash/22-ipfix-options-template-from-juniper-mx240-junos-15-1-r6-s3":
        (TEN, 524288, {}, {"sampling_rate": "1000"}),
    "logstash/33-juniper-srx-options-template-with-0-scope-field-length":
        (NINE, 142, {}, {"sampling_rate": "1"}),
    "logstash/35-netflow-9-cisco-asr-9000-series-options-template-256":
        (NINE, 2177, {IN_IF: 104}, {"in_if": "104", "in_if_name": "TenGigE0_6_0_2"}),
    "logstash/39-netflow-9-cisco-nbar-options-template-260":
        (NINE, 0, {APPLICATION: 1 << 24 | 13}, {"application": "argus"}),
    # the moment it booted, from which times of flows are counted: 1482670712 s, and 1.5 s
    "logstash/48-ipfix-yaf-basic-with-applabel":
        (TEN, 0, {STARTED: 1500}, {"start_time": "1482670713500000", "sampling_rate": ""}),
    "telegraf/ipfix_example":
        (TEN, 0, {STARTED: 1500}, {"start_time": "1666725028500000", "sampling_rate": ""}),
    # how much it has exported
    "logstash/09-netflow-9-options-template-with-scope-fields":
        (NINE, 147, {IN_IF: 1}, {"sampling_rate": "", "in_if_name": None}),
}


@pytest.mark.parametrize("case", sorted(SAID))
def test_what_options_say_of_flows(case, tmp_path):
    captures.need()
    version, domain, values, wanted = SAID[case]
    row = row_behind(case, tmp_path, version, domain, values)
    extra = json.loads(row["extra"] or "{}")
    assert {name: extra.get(name) if name in EXTRA else row[name] for name in wanted} == wanted


def test_rates_of_a_sample_with_flows(tmp_path):
    """Softflowd says that it took 1 packet and left out 0; the flows came in the same message."""
    captures.need()
    rows, _tally = samples.ours("logstash/10-ipfix", tmp_path)
    assert [row["sampling_rate"] for row in rows] == ["1"] * 6


def test_names_of_all_interfaces(tmp_path):
    captures.need()
    case, named = "telegraf/netflow_v9_options", {}
    with open(samples.shared(case, "expected.out"), encoding="utf-8") as text:
        for line in text:
            fields = dict(re.findall(r'(\w+)="?([^",]*)', line))
            named[int(fields["in_snmp"].rstrip("u"))] = fields["interface"]
    assert len(named) == 8
    for number, name in named.items():
        row = row_behind(case, tmp_path, NINE, 6, {IN_IF: number, OUT_IF: 99})
        assert json.loads(row["extra"]) == {"in_if_name": name}

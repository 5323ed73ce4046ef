# SPDX-License-Identifier: Apache-2.0
"""TCP analysis of metered flows against the tshark of this machine, on every capture: segments sent
again and out of order of each direction, and the round trip time of each conversation's handshake.

tshark's answers are asked for here, since the goldens lack them; they are those of its fields
tcp.analysis.retransmission (fast and spurious ones among them), .out_of_order and .initial_rtt."""
import csv
import io
import shutil
import subprocess

import pytest

import captures
import tcp_traffic

FIELDS = ["frame.protocols", "ip.src", "ipv6.src", "ip.dst", "ipv6.dst", "tcp.srcport",
          "tcp.dstport", "tcp.analysis.retransmission", "tcp.analysis.out_of_order",
          "tcp.analysis.initial_rtt", "tcp.stream"]

NOT_SHOWN = "tshark shows the time only beside later acknowledgements, and there are none"
NO_TIME = "the acknowledgement has a time that cannot be; here it has none"
PACKED = "the acknowledgement is in a compressed packet, which only tshark unpacks"
ZERO = "all packets of the handshake have one time: tshark goes on looking for a time that is not 0"

QUOTED = "a direction of which there is only what ICMPv6 quotes: tshark counts that, too"
CUT = "the IP packet ends inside the TCP header: tshark still shows the ports"
LONG = "tshark 4.0 does not know segments of over 64 KiB"

# capture: (conversations or directions that differ, why)
DIFFERENCES = {
    "packets/arkime/tcp_handshake_synthetic.pcap": (1, NOT_SHOWN),
    "packets/libpcap-filter/AH-IPcomp-IPv4.pcap": (1, PACKED),
    "packets/ndpi/6in4tunnel.pcap": (1, QUOTED),
    "packets/ndpi/fuzz-2006-06-26-2594.pcap": (1, CUT),
    "packets/tcpdump/bigtcp-ipv6.pcap": (1, LONG),
    "packets/tcpdump/tfo-5c1fa7f9ae91.pcap": (1, NOT_SHOWN),
    "packets/tcpdump/timestamp_invalid_micro.pcap": (1, NO_TIME),
    "packets/tcpdump/timestamp_invalid_nano.pcap": (1, NO_TIME),
    "packets/zeek/nflog-http.pcap": (1, ZERO),
}
# seed of a made capture: directions that differ. tshark calls a segment that fills a hole within
# 20 ms "sent again" where an acknowledgement of something nobody saw came before it: it counts
# repeated acknowledgements down to -1 there, which is more than two without a sign.
MADE = {1: 2, 2: 3, 3: 0}


def tshark(path):
    """Counts by direction, and round trip times in µs by conversation, of the innermost packets."""
    command = ["tshark", "-n", "-r", path, "-Y", "tcp", "-T", "fields", "-E", "occurrence=l",
               "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE",
               "-o", "tcp.desegment_tcp_streams:FALSE"]
    for field in FIELDS:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    counts, times = {}, {}
    for line in done.stdout.splitlines():
        row = dict(zip(FIELDS, line.split("\t")))
        layers = row["frame.protocols"].split(":")
        last = [layer for layer in layers[:layers.index("tcp")] if layer in ("ip", "ipv6")][-1]
        source, target = (row[f"{last}.src"], row["tcp.srcport"]), (row[f"{last}.dst"],
                                                                    row["tcp.dstport"])
        have = counts.setdefault((source, target), [0, 0])
        have[0] += bool(row["tcp.analysis.retransmission"])
        have[1] += bool(row["tcp.analysis.out_of_order"])
        if row["tcp.analysis.initial_rtt"]:
            seconds = float(row["tcp.analysis.initial_rtt"])
            times.setdefault(frozenset((source, target)), set()).add(round(seconds * 1e6))
    return counts, times


def told(rows):
    """The same of rows of ours; those of no TCP have no counts."""
    counts, times = {}, {}
    for row in rows:
        if row["retransmissions"] == "":
            continue
        source, target = (row["src_ip"], row["src_port"]), (row["dst_ip"], row["dst_port"])
        have = counts.setdefault((source, target), [0, 0])
        have[0] += int(row["retransmissions"])
        have[1] += int(row["out_of_order"])
        if row["rtt_us"]:
            times.setdefault(frozenset((source, target)), set()).add(int(row["rtt_us"]))
    return counts, times


def near(ours, theirs):
    """Times in whole microseconds of two packets differ by less than 2 from those in nanoseconds."""
    return len(ours) == len(theirs) and all(
        abs(a - b) <= 1 for a, b in zip(sorted(ours), sorted(theirs)))


def different(ours, theirs):
    """The conversations whose times are not the same."""
    return [(sorted(key), ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys()
            if not near(ours.get(key, set()), theirs.get(key, set()))]


def differing(path):
    """What differs, directions that only one has among it, and how much there was to compare."""
    ours, our_times = told(captures.rows("metered", path)[0])
    if not ours:
        return [], 0, 0
    theirs, their_times = tshark(path)
    found = [(key, ours.get(key), theirs.get(key)) for key in ours.keys() | theirs.keys()
             if ours.get(key) != theirs.get(key)]
    found += different(our_times, their_times)
    marked = sum(sum(counts) for counts in theirs.values())
    return found, marked, len(their_times)


def test_analysis_is_that_of_tshark():
    captures.need()
    if not shutil.which("tshark"):
        pytest.skip("no tshark here")
    differ, examples, marked, shaken = {}, {}, 0, 0
    for name in captures.all_captures():
        try:
            found, marks, times = differing(captures.path(name))
        except AssertionError:
            continue  # not a capture
        marked += marks
        shaken += times
        if found:
            differ[name] = len(found)
            examples[name] = found[:2]
    assert differ == {name: count for name, (count, _) in DIFFERENCES.items()}, examples
    assert marked >= 200 and shaken >= 220


@pytest.mark.parametrize("seed", sorted(MADE))
def test_analysis_of_made_conversations(seed, tmp_path):
    if not shutil.which("tshark"):
        pytest.skip("no tshark here")
    path = str(tmp_path / "made.pcap")
    tcp_traffic.write(path, seed, 400)
    found, marked, shaken = differing(path)
    assert len(found) == MADE[seed], found
    assert all(len(key) == 2 and sum(ours) == sum(theirs) for key, ours, theirs in found)
    assert marked > 2000 and shaken > 300


def test_analysis_of_one_direction(earlgrey, tmp_path):
    """What a direction tells alone is what tshark makes of a capture of that direction."""
    if not shutil.which("tshark"):
        pytest.skip("no tshark here")
    path = str(tmp_path / "made.pcap")
    tcp_traffic.write(path, 1, 200)
    ours, our_times = told(csv.DictReader(io.StringIO(earlgrey.ok(
        "flows", "-r", path, "--one-way", "-o", "csv", "--fields",
        "src_ip,src_port,dst_ip,dst_port,retransmissions,out_of_order,rtt_us"))))
    theirs, their_times = {}, {}
    for way in ("tcp.dstport == 80", "tcp.srcport == 80"):
        half = str(tmp_path / "half.pcap")
        subprocess.run(["tshark", "-n", "-r", path, "-Y", way, "-w", half, "-F", "pcap"], check=True,
                       capture_output=True)
        counts, times = tshark(half)
        theirs.update(counts)
        for key, found in times.items():
            their_times.setdefault(key, set()).update(found)
    assert len(ours) > 300 and ours.keys() == theirs.keys()
    differ = [(key, ours[key], theirs[key]) for key in ours if ours[key] != theirs[key]]
    assert not differ, differ[:5]
    assert sum(sum(counts) for counts in ours.values()) > 1000
    assert len(their_times) > 100
    differ = different(our_times, their_times)
    assert len(differ) == 2 and all(not theirs for _, _, theirs in differ), differ  # NOT_SHOWN

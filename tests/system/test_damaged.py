# SPDX-License-Identifier: Apache-2.0
"""Captures that are damaged: whatever reads one tells which file, at which byte, and why, gives what can be
read, and exits with 3."""
import json

import pytest
from make_odd import MARK, entry, head, packet, pcap, sequence

EACH = 16 + 46  # of a pcap record
FIRST = head() + packet(1)
ONE = sequence(entry(1))
BLOCKED = entry(2)

# name -> (bytes, hosts that can be read, byte, why)
CAPTURES = {
    "stopped.pcap": (pcap(1, 2, 3, damaged=2), [1], 24 + EACH, "a record that claims to hold more than 256 KiB"),
    "inside.pcapng": (FIRST + packet(2, captured=4000) + packet(3), [1, 3], len(FIRST),
                      "a packet whose length contradicts its block's"),
    "unknown.pcapng": (FIRST + packet(2, interface=3) + packet(3), [1, 3], len(FIRST),
                       "a packet of an interface that is not described"),
    "inside.seq": (sequence(entry(1), b"\x7f" + BLOCKED[1:], entry(3)), [1, 3], len(ONE) + 20, "a record of an impossible length"),
    "value.seq": (sequence(entry(1), entry(2, pcap(2)[:-1]), entry(3)), [1, 3], len(ONE) + 20, ""),
}


def damaged(earlgrey, name):
    """The hosts that can be read of it, and what must be told."""
    data, hosts, place, why = CAPTURES[name]
    (earlgrey.home / name).write_bytes(data)
    return hosts, f"{name} is damaged at byte {place}: {why}"


VERBS = [
    ["top", "-r", "@"], ["top", "-r", "@", "-s", "dst_port"], ["flows", "-r", "@"], ["trend", "-r", "@"],
    ["packets", "-r", "@"], ["packets", "-r", "@", "udp"], ["packets", "-r", "@", "--bpf", "udp"],
    ["packets", "-r", "@", "-w", "out.pcap"], ["packets", "-r", "@", "-w", "out.pcap", "--bytes", "'data'"],
    ["flows", "-r", "@", "--packets", "-w", "out.pcap"], ["packets", "-r", "@", "--pdml"],
    ["sql", "-r", "@", "select count(*) from packets"], ["sql", "-r", "@", "select count(*) from flows"],
    ["sql", "-r", "@", "select (select count(*) from flows), (select count(*) from packets)"],
    ["sql", "select count(*) from read_packets('@')"], ["losses", "-r", "@"], ["inspect", "--json", "@"],
    ["ingest", "@", "-d", "data"], ["ingest", "@", "-d", "data", "--tables", "packets"], ["ingest", "@", "-d", "data", "-q"],
    ["ingest", "@", "--to", "null:"], ["anonymize", "--random-key", "@", "out.pcap"],
    ["anonymize", "-q", "--random-key", "@", "out.pcap"], ["replay", "@", "udp://127.0.0.1:9"],
]


@pytest.mark.parametrize("name", ["stopped.pcap", "inside.pcapng", "inside.seq"])
@pytest.mark.parametrize("words", VERBS, ids=" ".join)
def test_every_verb_tells(earlgrey, name, words):
    _, told = damaged(earlgrey, name)
    done = earlgrey.run(*(word.replace("@", name) for word in words))
    said = done.stdout if words[0] == "inspect" else done.stderr
    assert said.count(told) == 1, (done.stdout, done.stderr)
    assert done.returncode == (1 if words[0] == "replay" else 3)  # it sends exports, and there are none


@pytest.mark.parametrize("name", sorted(CAPTURES))
def test_what_can_be_read_is_read(earlgrey, name):
    hosts, told = damaged(earlgrey, name)
    (earlgrey.home / "whole.pcap").write_bytes(pcap(9))
    done = earlgrey.run("sql", "-r", name, "-r", "whole.pcap", "select src_ip from packets order by time", "--json")
    assert [row["src_ip"] for row in json.loads(done.stdout)] == [f"10.0.0.{host}" for host in [*hosts, 9]]
    assert done.returncode == 3 and told in done.stderr
    done = earlgrey.run("anonymize", "--random-key", "--json", name, "out.pcap")
    account = json.loads(done.stdout)
    assert account["packets"] == len(hosts) and account["damaged"] == 1 and account["cut"] is False
    assert told in account["trouble"] and told in done.stderr
    assert [row["n"] for row in earlgrey.rows("sql", "-r", "out.pcap", "select count(*) n from packets")] == [len(hosts)]
    # ingested it is counted; nothing is told twice of what is known
    done = earlgrey.run("ingest", name, "-d", "data", "--json")
    account = json.loads(done.stdout)
    assert sum(account["lost"].get(cause, {"records": 0})["records"]
               for cause in ("capture_damaged", "capture_interface_unknown")) == 1
    assert [error["status"] for error in account["errors"]] == ["EG_E_CUT"]
    again = earlgrey.run("ingest", name, "-d", "data")
    assert again.returncode == 0 and "already ingested" in again.stderr and "damaged" not in again.stderr


def test_growth_behind_damage_tells_only_what_is_new(earlgrey):
    data = CAPTURES["inside.pcapng"][0]
    (earlgrey.home / "c.pcapng").write_bytes(data)
    assert earlgrey.run("ingest", "c.pcapng", "-d", "data").returncode == 3
    (earlgrey.home / "c.pcapng").write_bytes(data + packet(4))
    done = earlgrey.run("ingest", "c.pcapng", "-d", "data")
    assert done.returncode == 0 and "damaged" not in done.stderr, done.stderr
    (earlgrey.home / "c.pcapng").write_bytes(data + packet(4) + packet(5, captured=4000) + packet(6))
    done = earlgrey.run("ingest", "c.pcapng", "-d", "data")
    assert done.returncode == 3 and f"is damaged at byte {len(data + packet(4))}: " in done.stderr
    rows = earlgrey.rows("sql", "-d", "data", "select src_ip from packets order by time")
    assert [row["src_ip"][-1] for row in rows] == ["1", "3", "4", "6"]


def test_a_key_that_others_can_read_is_a_remark(earlgrey):
    (earlgrey.home / "a.pcap").write_bytes(pcap(1))
    (earlgrey.home / "key").write_bytes(bytes(32))
    for mode, words, told in ((0o644, [], True), (0o644, ["-q"], False), (0o600, [], False)):
        (earlgrey.home / "key").chmod(mode)
        done = earlgrey.run("anonymize", "--force", "--key", "key", "a.pcap", "out.pcap", *words)
        assert done.returncode == 0 and ("key can be read by others: 'chmod 600 key'" in done.stderr) == told


def test_several_places_and_a_cut_are_one_line(earlgrey):
    data = FIRST + packet(2, captured=4000) + packet(3, captured=4000) + packet(4)
    (earlgrey.home / "c.pcapng").write_bytes(data[:-1])
    done = earlgrey.run("anonymize", "--random-key", "c.pcapng", "out.pcapng")
    assert done.returncode == 3
    [line] = [line for line in done.stderr.splitlines() if "damaged" in line]
    assert f"is damaged at byte {len(FIRST)}: " in line and "and in 1 more places" in line
    assert "c.pcapng is cut: it ends inside the record" in line


def test_inspect_prints_the_lines_of_a_damaged_sequence_file(earlgrey):
    for name in ("inside.seq", "value.seq"):
        (earlgrey.home / name).write_bytes(CAPTURES[name][0])
        done = earlgrey.run("inspect", name)
        assert done.returncode == 3 and done.stdout.count("TS: ") == 2
        # one that holds no packet is told in its place, and once
        assert ("Error: malformed packet #=1" in done.stderr) == (name == "value.seq")
        assert ("is damaged at byte" in done.stderr) == (name == "inside.seq")
    assert MARK in CAPTURES["inside.seq"][0]


def test_files_that_are_no_captures_are_one_line(earlgrey):
    below = earlgrey.home / "below"
    below.mkdir()
    for number in range(7):
        (below / f"notes-{number}.txt").write_text("no capture\n")
    (below / "a.pcap").write_bytes(pcap(1, 2))
    for verb in ("top", "flows", "packets"):
        done = earlgrey.run(verb, "-r", "below", "--json")
        assert done.returncode == 0 and json.loads(done.stdout)
        [line] = [line for line in done.stderr.splitlines() if "left out" in line]
        assert line == ("earlgrey: left out, no captures: below/notes-0.txt, below/notes-1.txt, below/notes-2.txt and "
                        "4 more ('earlgrey inspect FILE' says why)")
        assert "left out" not in earlgrey.run(verb, "-r", "below", "-q").stderr
    for number in range(1, 7):
        (below / f"notes-{number}.txt").unlink()
    assert "left out, no capture: below/notes-0.txt ('earlgrey" in earlgrey.run("top", "-r", "below").stderr

# SPDX-License-Identifier: Apache-2.0
"""Names of files that are bytes but no text, and texts that are no names: every answer is text all the
same, JSON is JSON, a terminal gets no control character, and a packet is found by its file's real bytes."""
import json
import os

import pytest
import terminal
from make_odd import head, option, packet, pcap

BYTES = b"caf\xe9 100%\x1b[31m.pcap"
ESCAPED = "caf%E9 100%25\x1b[31m.pcap"


@pytest.fixture(name="odd")
def _odd(earlgrey):
    path = os.path.join(os.fsencode(earlgrey.home), BYTES)
    with open(path, "wb") as out:
        out.write(pcap(1, 2, 3))
    return os.fsdecode(path)


def strict(done, *codes):
    """The JSON values of what was printed; both streams are UTF-8."""
    assert done.returncode in (codes or (0,)), done.stderr
    text = done.stdout.decode("utf-8")
    done.stderr.decode("utf-8")
    assert not [c for c in text if c < " " and c not in "\n\t"] and "\x7f" not in text
    decoder, values = json.JSONDecoder(), []
    while text.strip():
        value, end = decoder.raw_decode(text.strip())
        values.append(value)
        text = text.strip()[end:]
    return values


def test_reports_of_such_a_file(earlgrey, odd):
    for words in (["top"], ["flows"], ["trend"], ["packets"], ["packets", "--bpf", "udp"], ["packets", "host 10.0.0.2"],
                  ["top", "-s", "src_ip"], ["losses"]):
        verb, rest = words[0], words[1:]
        [rows] = strict(earlgrey.run(verb, "-r", odd, "--json", *rest, text=False))
        assert rows or verb == "losses", words
    [rows] = strict(earlgrey.run("sql", "-r", odd, "select distinct file from packets", "--json", text=False))
    assert rows == [{"file": f"{earlgrey.home}/{ESCAPED}"}]
    # beside one whose name is text, and below a directory
    (earlgrey.home / "plain.pcap").write_bytes(pcap(4))
    [rows] = strict(earlgrey.run("sql", "-r", odd, "-r", "plain.pcap", "select count(*) n from packets", "--json",
                                 text=False))
    assert rows == [{"n": 4}]
    [rows] = strict(earlgrey.run("flows", "-r", ".", "--json", text=False))
    assert len(rows) == 4
    # in a user's own SQL, as bytes
    name = "".join(f"\\x{byte:02x}" for byte in BYTES)
    [rows] = strict(earlgrey.run("sql", f"select count(*) n from read_packets('{name}'::blob)", "--json", text=False))
    assert rows == [{"n": 3}]


def test_retrieval_from_such_a_file(earlgrey, odd):
    home = earlgrey.home
    (home / "plain.pcap").write_bytes(pcap(4))
    for number, words in enumerate((["host 10.0.0.2"], ["--bpf", "host 10.0.0.2"],
                                    ["src ip 10.0.0.2", "--bytes", "'data'"])):
        done = earlgrey.run("packets", "-r", odd, "-r", "plain.pcap", *words, "-w", f"{number}.pcap", "--receipt",
                            f"{number}.json", text=False)
        assert done.returncode == 0, done.stderr
        assert (home / f"{number}.pcap").read_bytes()[24:] == pcap(2)[24:]
        read = json.loads((home / f"{number}.json").read_text(encoding="utf-8"))["read"]["captures"]
        assert f"{home}/{ESCAPED}" in [capture["file"] for capture in read]
    # from a flow to its packets, which is by the index of what was read
    done = earlgrey.run("flows", "-r", odd, "src ip 10.0.0.3", "--packets", "-w", "flow.pcap", text=False)
    assert done.returncode == 0, done.stderr
    assert (home / "flow.pcap").read_bytes()[24:] == pcap(3)[24:]


@pytest.mark.parametrize("keep", ["link", "copy"])
def test_a_dataset_finds_it_by_its_bytes(earlgrey, odd, keep):
    strict(earlgrey.run("ingest", odd, "-d", "data", "--keep", keep, "--json", text=False))
    [capture] = strict(earlgrey.run("inspect", "data", "--captures", "--json", text=False))
    if keep == "link":
        assert capture["place"] == capture["capture"] == f"{earlgrey.home}/{ESCAPED}"
    assert capture["state"] == "unchanged"
    [rows] = strict(earlgrey.run("packets", "-d", "data", "--json", "--fields", "file", text=False))
    assert {row["file"] for row in rows} == {capture["capture"]}
    done = earlgrey.run("packets", "-d", "data", "host 10.0.0.2", "-w", "found.pcap", text=False)
    assert done.returncode == 0, done.stderr
    assert (earlgrey.home / "found.pcap").read_bytes()[24:] == pcap(2)[24:]
    # what is said of it is text, too
    os.unlink(os.fsencode(odd))
    if keep == "link":
        done = earlgrey.run("packets", "-d", "data", "host 10.0.0.2", "-w", "none.pcap", text=False)
        assert done.returncode == 1 and b"\\xe9" in done.stderr and b"\xe9" not in done.stderr


def test_other_verbs_say_such_names_as_text(earlgrey, odd):
    bad = os.fsdecode(os.path.join(os.fsencode(earlgrey.home), b"\xff\x9b2J.pcap"))
    with open(bad, "wb") as out:
        out.write(pcap(1, 2, damaged=2))
    [facts] = strict(earlgrey.run("inspect", odd, "--json", text=False))
    assert facts["name"] == f"{earlgrey.home}/{ESCAPED}"
    [facts] = strict(earlgrey.run("inspect", bad, "--json", text=False), 3)
    assert facts["name"] == f"{earlgrey.home}/%FF%9B2J.pcap"
    [account] = strict(earlgrey.run("ingest", bad, odd, "-d", "data", "--json", text=False), 3)
    assert [error["input"] for error in account["errors"]] == [f"{earlgrey.home}/%FF%9B2J.pcap"]
    strict(earlgrey.run("doctor", "-d", "data", "--json", text=False))
    strict(earlgrey.run("losses", "-d", "data", "--json", text=False))
    strict(earlgrey.run("anonymize", "--random-key", "--json", odd, "out.pcap", text=False))
    strict(earlgrey.run("replay", bad, "udp://127.0.0.1:9", "--json", text=False), 0, 1, 3)
    for words in (["inspect", odd, bad], ["top", "-r", bad], ["sql", "-r", bad, "select count(*) from packets"],
                  ["packets", "-r", bad, "-o", "table"], ["top", "-r", "no-such-file-\udcff"],
                  ["inspect", "data", "--captures"]):
        done = earlgrey.run(*words, text=False)
        for text in (done.stdout, done.stderr):
            assert "\x1b" not in text.decode("utf-8") and "\x9b" not in text.decode("utf-8"), words


def test_a_dataset_at_such_a_place_is_refused(earlgrey, odd):
    for words in (["ingest", odd, "-d", "caf\udce9"], ["top", "-d", "caf\udce9"]):
        done = earlgrey.run(*words)
        assert done.returncode == 2 and "caf\\xe9: a dataset must stand where all names are UTF-8" in done.stderr
    assert not os.path.exists(os.path.join(os.fsencode(earlgrey.home), b"caf\xe9"))
    # SQL goes on where it works in such a place
    place = os.path.join(os.fsencode(earlgrey.home), b"w\xe9")
    os.mkdir(place)
    assert earlgrey.run("sql", "select 7 as n", "--json", cwd=place).stdout.split() == ["[", '{"n":7}', "]"]
    assert earlgrey.run("top", "-r", odd, "--json", cwd=place).returncode == 0


# Names of interfaces in captures are texts of somebody else.
NAMES = {b"eth\xff0": None, b"\x9b2Jx": None, b"a\x1b]0;title\x07b": "a\x1b]0;title\x07b", b"c1\xc2\x9b2J": "c1\x9b2J"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_texts_from_the_wire(earlgrey, name):
    comment = option(1, b"\xff\x1b[2J")
    (earlgrey.home / "odd.pcapng").write_bytes(head(name, comment, option(3, name)) + packet(1) + packet(2))
    [rows] = strict(earlgrey.run("packets", "-r", "odd.pcapng", "--json", "--fields", "interface", text=False))
    assert [row["interface"] for row in rows] == [NAMES[name]] * 2
    strict(earlgrey.run("ingest", "odd.pcapng", "-d", "data", "--json", text=False))
    for words in (["inspect", "odd.pcapng"], ["inspect", "data"], ["inspect", "data", "--captures"],
                  ["packets", "-d", "data", "--fields", "interface,file"], ["flows", "-d", "data", "--fields", "all"],
                  ["top", "-r", "odd.pcapng"], ["trend", "-r", "odd.pcapng"], ["losses", "-d", "data"],
                  ["losses", "-r", "odd.pcapng"], ["sql", "-d", "data", "select * from packets"],
                  ["sql", "-r", "odd.pcapng", "select * from packets_pcapstream"], ["doctor", "-d", "data"],
                  ["compact", "-d", "data"], ["inspect", "data", "--templates"], ["fields"], ["config", "show"]):
        values = strict(earlgrey.run(*words, "--json", text=False))
        assert values or words[0] in ("losses", "inspect"), words
        shown = terminal.shown(earlgrey, *words, errors=True)
        assert b"\x1b" not in shown and "\x9b" not in shown.decode("utf-8"), words
    earlgrey.ok("packets", "-r", "odd.pcapng", "-w", "again.pcapng")
    [rows] = strict(earlgrey.run("packets", "-r", "again.pcapng", "--json", "--fields", "interface", text=False))
    assert [row["interface"] for row in rows] == [NAMES[name]] * 2

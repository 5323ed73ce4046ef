# SPDX-License-Identifier: Apache-2.0
"""What the documents show, run: the README's tour, the filter page's examples, the generated pages,
and the house rules' own test."""
import gzip
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import v5_capture
from conftest import EARLGREY

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture(scope="module", name="demo")
def _demo(tmp_path_factory):
    """The demonstration as `make demo` runs it; its folder."""
    done = subprocess.run([ROOT / "tools" / "demo", str(EARLGREY)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "ip_a" in done.stdout and "start_time" in done.stdout
    return ROOT / "build" / "demo"


def tour():
    """The shell blocks of the README between the tour's marks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    part = text.split("<!-- tour -->")[1].split("<!-- /tour -->")[0]
    return re.findall(r"```sh\n(.*?)```", part, re.S)


def test_readme_tour(demo):
    commands = [line for block in tour() for line in block.splitlines() if line.strip() and not line.startswith("#")]
    assert len(commands) >= 8
    subprocess.run(["rm", "-rf", "data"], cwd=demo, check=True)
    for command in commands:
        if command.startswith(("git ", "make ", "cd ")):
            continue
        done = subprocess.run(["bash", "-c", command], cwd=demo, capture_output=True, text=True, check=False,
                              env={"PATH": f"{EARLGREY.parent}:{ROOT}/build/venv/bin:/usr/bin:/bin", "HOME": str(demo),
                                   "LC_ALL": "C.UTF-8", "TZ": "UTC"})
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        assert done.stdout or done.stderr or " -w " in command, command
    assert (demo / "web.parquet").stat().st_size > 1000


def filters_of_page():
    """The filters in the code blocks tagged `filter` of docs/filter.md."""
    text = (ROOT / "docs" / "filter.md").read_text(encoding="utf-8")
    return [line for block in re.findall(r"```filter\n(.*?)```", text, re.S) for line in block.splitlines()
            if line.strip() and not line.strip().startswith("--")]


def test_filter_page_examples(earlgrey, exports):
    filters = filters_of_page()
    assert len(filters) >= 10
    for text in filters:
        done = earlgrey.run("top", "-r", exports[0], "--explain", text)
        assert done.returncode == 0, f"{text}: {done.stderr}"


def test_generated_pages_are_fresh():
    done = subprocess.run([ROOT / "tools" / "generate", str(EARLGREY), "--check"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_verb_examples_are_understood(earlgrey):
    """Every example in a verb's help names options that exist."""
    overview = earlgrey.ok("help")
    for verb in [line.split()[0] for line in overview.split("Verbs:\n")[1].split("\n\n")[0].splitlines()]:
        text = earlgrey.ok(verb, "-h")
        known = set(re.findall(r"--[a-z-]+", text.split("Options:\n")[-1])) | {"--config"}
        examples = text.split("Examples:\n")[1].split("\n\n")[0] if "Examples:" in text else ""
        for option in re.findall(r"(?<!\S)--[a-z-]+", examples):
            assert option in known or option == "--", (verb, option)


def shell_lines(page):
    """The commands in the shell blocks of a page, in order."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines() if line.strip()]


def run_line(folder, command):
    """One command of a page, as a user would type it; what it printed."""
    done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
                          env={"PATH": f"{EARLGREY.parent}:/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "TZ": "UTC"})
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    return done


def test_watch_page(tmp_path):
    for number in (12, 13):
        (tmp_path / f"hour{number}.pcap").write_bytes(
            v5_capture.capture(hours=1, first_host=20 * number, start=v5_capture.START + 3600 * (number - 12)))
    (tmp_path / "late.pcap").write_bytes(v5_capture.capture(hours=1, per_hour=4, first_host=900))
    commands = shell_lines("watch.md")
    assert len(commands) >= 10
    told = [run_line(tmp_path, command) for command in commands]
    assert "4 rows too late" in told[-1].stderr
    assert (tmp_path / "receivers.md").read_text().startswith("| dst_ip |")
    assert len((tmp_path / "ports.jsonl").read_text().splitlines()) == 2
    assert len((tmp_path / "hours.csv").read_text().splitlines()) == 2


def test_deduplication_page(tmp_path):
    for name, exporter in (("one", (192, 0, 2, 1)), ("two", (192, 0, 2, 2))):
        (tmp_path / f"{name}.pcap").write_bytes(v5_capture.capture(hours=1, exporter=exporter))
    commands = shell_lines("deduplication.md")
    assert len(commands) == 4
    told = [run_line(tmp_path, command) for command in commands]
    assert "several exporters, or kinds of export, reported the same flows (at least 20)" in told[1].stderr
    assert told[1].stdout.splitlines()[1].split("\t") == ["10.9.9.9", "40", "120", "40420"]
    assert told[2].stdout.splitlines()[1].split("\t") == ["10.9.9.9", "20", "60", "20210"]
    assert "several exporters" not in told[2].stderr
    assert told[3].stdout.splitlines()[1].split("\t")[1:] == ["20210", "60", "20"]


def test_anonymize_page(tmp_path, packets):
    (tmp_path / "capture.pcap").write_bytes(packets[0].read_bytes())
    told = [run_line(tmp_path, command) for command in shell_lines("anonymize.md")]
    assert len(told) == 7
    assert len(told[-2].stdout.splitlines()) == 4
    assert (tmp_path / "shared.pcap").stat().st_size > 1000


def test_packets_page(tmp_path, packets):
    shutil.copy(packets[0], tmp_path / "packets.pcap")
    commands = shell_lines("packets.md")
    assert len(commands) == 21
    told = [run_line(tmp_path, command) for command in commands]
    truth = packets[1]
    assert f"{truth['packets']:,} packets" in told[0].stderr and "metered from the packets" in told[0].stderr
    assert "answered from flows metered from packets" in told[1].stderr
    source, flows, count, size = told[2].stdout.splitlines()[1].split("\t")
    assert source == "packet" and int(flows) > truth["flows"]
    assert (int(count), int(size)) == (truth["packets"], truth["bytes"])
    assert "metered from its packets" in told[3].stderr and len(told[3].stdout.splitlines()) == 6
    assert "answered from its packets" in told[4].stderr
    assert told[5].stdout.splitlines()[0].endswith("\tretransmissions")
    assert sum(int(line.split("\t")[2]) for line in told[6].stdout.splitlines()[1:]) == truth["packets"]
    assert told[7].stdout.splitlines()[1].startswith(f"{truth['packets']}\t")
    assert {line.split("\t")[0] for line in told[8].stdout.splitlines()[1:]} == {"tcp", "udp", "icmp"}
    assert all(len(told[i].stdout.splitlines()) > 3 for i in (9, 10, 11, 12))
    heads = ["ttl\tpackets\tbytes", "protocol\ttos\tpackets\tbytes", "time\ttcp_flags\tpackets\tbytes\tpackets_per_s\tbits_per_s",
             "time\tbytes\tpackets", "time\tprotocol\tbytes\tpackets\tpackets_per_s\tbits_per_s",
             "time\tttl\tin_bytes\tin_packets\tout_bytes\tout_packets"]
    assert [line.stdout.splitlines()[0] for line in told[15:]] == heads
    assert all(len(line.stdout.splitlines()) > 1 for line in told[15:])
    assert '"tcpFlags":{"tcpFlagNs":' in told[13].stdout and (tmp_path / "pcapstream.parquet").stat().st_size > 1000


def test_retrieval_page(tmp_path, packets):
    """From a capture to a flow to its packets in tshark; rows, bytes, receipts, Metron's forms."""
    shutil.copy(packets[0], tmp_path / "capture.pcap")
    commands = shell_lines("retrieval.md")
    assert len(commands) == 16
    told = [run_line(tmp_path, command) for command in commands]
    largest = told[2].stdout.splitlines()[1].split("\t")
    assert len(largest[0]) == 32
    assert f"{largest[1]}:{largest[2]}" in told[4].stdout and f"{largest[3]}:{largest[4]}" in told[4].stdout
    assert len(told[5].stdout.splitlines()) == 5 and largest[1] in told[5].stdout
    assert len(told[6].stdout.splitlines()) == 6
    assert (tmp_path / "syns.pcap").stat().st_size > 100
    assert (tmp_path / "dns.pcap").stat().st_size > 100
    assert 1 <= len(told[10].stdout.splitlines()) <= 6
    assert (tmp_path / "one.xml").read_text().count("<packet>") == 1
    assert json.loads((tmp_path / "receipt.json").read_text())["written"]["files"][0]["file"] == "host.pcap"
    assert (tmp_path / "pcap-data-web+0001.pcap").exists() and (tmp_path / "pcap-data-names+0001.pcap").exists()


def test_readme_packets(demo, tmp_path):
    shutil.copy(demo / "packets.pcap", tmp_path / "packets.pcap")
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- packets -->")[1].split("<!-- /packets -->")[0]
    commands = [line for line in text.splitlines() if line.startswith("earlgrey ")]
    assert len(commands) == 5
    told = [run_line(tmp_path, command) for command in commands]
    assert (tmp_path / "largest.pcap").stat().st_size > 100
    assert len(told[3].stdout.splitlines()) == 11  # a head, and what the pattern found
    assert len(told[4].stdout.splitlines()) == 10


def test_packets_and_tunnels_page(tmp_path):
    (tmp_path / "tunnels.pcap").write_bytes((ROOT / "tests" / "bad" / "B42-200-of-vxlan.pcap").read_bytes())
    rows, top, inner, outer = [run_line(tmp_path, command).stdout for command in shell_lines("packets-and-tunnels.md")]
    assert rows.count("vxlan") == 4 and "11.0.0.1" in rows
    assert "11.0.0.1" in top and "vxlan" in top
    assert len(inner.splitlines()) == 4 and len(outer.splitlines()) == 5


def test_collecting_page(tmp_path):
    """Each block is a story of its own: something in the background, an answer, an orderly end."""
    (tmp_path / "exports.pcap").write_bytes(v5_capture.capture(hours=3))
    text = (ROOT / "docs" / "collecting.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    assert len(blocks) == 3
    told = [run_line(tmp_path, "set -e\n" + block) for block in blocks]
    assert "the configuration was read again: 3 sampling rates" in told.pop(1).stderr
    assert "60 flows, 0 packets" in told[0].stderr and "60 flows, 0 packets" in told[1].stderr
    assert told[0].stdout.splitlines()[0].startswith("ip_a")
    assert len(told[0].stdout.splitlines()) >= 6 and len(told[1].stdout.splitlines()) == 4


def test_readme_live(demo):
    """The README's stories of things left running, each a block."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").split("<!-- live -->")[1].split("<!-- /live -->")[0]
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    assert len(blocks) == 3
    for folder in ("live", "wire", "followed", "incoming", "captures"):
        subprocess.run(["rm", "-rf", folder], cwd=demo, check=True)
    for number, block in enumerate(blocks):
        if number == 1 and not may_capture():
            continue
        told = run_line(demo, "set -e\n" + block)
        assert len(told.stdout.splitlines()) >= 2, told.stderr
        if number != 1:  # on the loopback interface there may be others
            assert "lost           nothing" in told.stderr, told.stderr
            assert "300,000 flows" in told.stderr


def may_capture():
    """Whether interfaces can be opened here."""
    return os.geteuid() == 0


def test_packet_store_page(tmp_path, packets):
    whole = packets[0].read_bytes()
    for name, first in (("capture", 1), ("old", 2), ("small", 3)):  # they differ in a byte of an address
        (tmp_path / f"{name}.pcap").write_bytes(whole[:40 + 28] + bytes([first]) + whole[40 + 29:])
    (tmp_path / "old.pcap.gz").write_bytes(gzip.compress((tmp_path / "old.pcap").read_bytes()))
    commands = shell_lines("packet-store.md")
    told = [run_line(tmp_path, command) for command in commands]
    assert "1 pointed to where they are" in told[0].stderr
    assert "1 copied" in told[1].stderr and "1 copied" in told[2].stderr
    assert "captures             3" in told[5].stdout and "captures_copied      2" in told[5].stdout
    assert told[6].stdout.count("unchanged") == 3 and len(told[7].stdout.splitlines()) == 3
    assert [line.split("\t")[1] for line in told[8].stdout.splitlines()[1:]] == ["20000"] * 3
    assert "capture.pcap is gone" in told[10].stdout and "is gone" not in told[12].stdout


def test_sequence_files_page(tmp_path, packets):
    (tmp_path / "capture.pcap").write_bytes(packets[0].read_bytes())
    told = [run_line(tmp_path, command) for command in shell_lines("sequence-files.md")]
    names = told[1].stdout.split()
    assert len(names) == 3 and all(re.fullmatch(r"pcap_edge_\d{19}_0_r1", name) for name in names)
    assert len([line for line in told[2].stdout.splitlines() if line.startswith("TS: January 1, 2026")]) == 9
    assert [line.count('"packets":7000') for line in told[3].stdout.splitlines()] == [1, 1, 0]
    assert "20,000 packets" in told[4].stderr and len(told[5].stdout.splitlines()) == 4

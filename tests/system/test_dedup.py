# SPDX-License-Identifier: Apache-2.0
"""Traffic that was reported more than once, on captures of several exporters whose numbers are known.

Host n sends 1000 + n bytes (or so) to 10.9.9.9. Router one (192.0.2.1) saw hosts 1 to 20, router two
(192.0.2.2) hosts 11 to 30 and 5 bytes more of each; router three (192.0.2.3) saw hosts 41 to 50 at two
interfaces, once with 7 bytes more."""
import json
import subprocess

import pytest
import v5_capture

ONE = sum(1000 + n for n in range(1, 21))
TWO = sum(1005 + n for n in range(11, 31))
THREE_IN, THREE_OUT = sum(1000 + n for n in range(41, 51)), sum(1007 + n for n in range(41, 51))
ALL = ONE + TWO + THREE_IN + THREE_OUT
EXPORTER = sum(1000 + n for n in range(1, 11)) + TWO + THREE_IN + THREE_OUT
PATH = sum(1000 + n for n in range(1, 11)) + TWO + THREE_OUT
TOTALS = {"none": (ALL, 60), "exporter": (EXPORTER, 50), "path": (PATH, 40)}


@pytest.fixture(name="captures")
def _captures(tmp_path):
    made = {
        "one.pcap": {"first_host": 1, "per_hour": 20},
        "two.pcap": {"first_host": 11, "per_hour": 20, "exporter": (192, 0, 2, 2), "octets": 1005},
        "three-in.pcap": {"first_host": 41, "per_hour": 10, "exporter": (192, 0, 2, 3), "interfaces": (7, 0)},
        "three-out.pcap": {"first_host": 41, "per_hour": 10, "exporter": (192, 0, 2, 3), "interfaces": (0, 8), "octets": 1007},
    }
    for name, what in made.items():
        (tmp_path / name).write_bytes(v5_capture.capture(hours=1, **what))
    return list(made)


def test_totals_are_those_counted_by_hand(earlgrey, captures):
    """From captures and from a dataset, in all three verbs."""
    earlgrey.ok("ingest", *captures, "-d", "data")
    for origin in (["-r", *captures], ["-d", "data"]):
        for dedup, (octets, flows) in TOTALS.items():
            words = [*origin, "--dedup", dedup]
            top = earlgrey.rows("top", *words, "-s", "dst_ip")
            assert top == [{"dst_ip": "10.9.9.9", "flows": flows, "packets": 3 * flows, "bytes": octets}], dedup
            rows = earlgrey.rows("flows", *words)
            assert len(rows) == flows and sum(r["bytes"] for r in rows) == octets
            trend = earlgrey.rows("trend", *words, "--by", "1h")
            assert sum(r["bytes"] for r in trend) == octets and sum(r["flows"] for r in trend) == flows


def test_which_report_counts(earlgrey, captures):
    rows = earlgrey.rows("flows", "-r", *captures, "--dedup", "path", "--fields", "src_ip,exporter,in_if,bytes")
    of = {int(r["src_ip"].rsplit(".", 1)[1]): r for r in rows}
    assert sorted(of) == [*range(1, 31), *range(41, 51)]
    for host, row in of.items():
        assert row["exporter"] == ("192.0.2.1" if host <= 10 else "192.0.2.2" if host <= 30 else "192.0.2.3")
        assert row["in_if"] == (0 if host > 40 else 1)
        assert row["bytes"] == host + (1000 if host <= 10 else 1005 if host <= 30 else 1007)


def test_the_filter_comes_first(earlgrey, captures):
    """A filter for one exporter leaves nothing to tell apart."""
    rows = earlgrey.rows("top", "-r", *captures, "--dedup", "path", "-s", "exporter", "exporter 192.0.2.1")
    assert rows == [{"exporter": "192.0.2.1", "flows": 20, "packets": 60, "bytes": ONE}]


def test_a_remark_says_that_sums_may_count_twice(earlgrey, captures):
    earlgrey.ok("ingest", *captures, "-d", "data")
    for origin in (["-r", *captures], ["-d", "data"]):
        said = earlgrey.run("top", *origin).stderr.splitlines()
        assert [line for line in said if "several exporters" in line] == [
            "earlgrey: several exporters, or kinds of export, reported the same flows (at least 10): the sums may count traffic "
            "more than once; --dedup exporter counts it once"]
        for words in (["--dedup", "exporter"], ["-q"], ["-s", "exporter"], ["exporter 192.0.2.1"], ["src host 10.0.0.5"]):
            assert "several exporters" not in earlgrey.run("top", *origin, *words).stderr, words
    assert "several exporters" not in earlgrey.run("top", "-r", "one.pcap").stderr


def test_explain_shows_the_layer(earlgrey, captures):
    plain = earlgrey.ok("top", "-r", *captures, "--explain")
    assert plain == earlgrey.ok("top", "-r", *captures, "--explain", "--dedup", "none")
    shown = earlgrey.ok("top", "-r", *captures, "--explain", "--dedup", "exporter")
    assert "dense_rank()" in shown and "dense_rank()" not in plain
    done = earlgrey.run("top", "-r", *captures, "--dedup", "both")
    assert done.returncode == 2 and "none|exporter|path" in done.stderr


def test_a_watch_counts_once_too(earlgrey, captures):
    for number, name in enumerate(captures):
        earlgrey.ok("ingest", name, "-d", "data")
        said = earlgrey.ok("watch", "top", "-s", "dst_ip", "-d", "data", "--dedup", "path", "--mode", "update", "--trigger", "once",
                           "--checkpoint", "at", "-o", "jsonl")
        want = [ONE, sum(1000 + n for n in range(1, 11)) + TWO, PATH - THREE_OUT + THREE_IN, PATH][number]
        assert json.loads(said)["bytes"] == want
    refused = earlgrey.run("watch", "top", "-d", "data", "--dedup", "path", "--mode", "append", "--window", "1h", "--trigger", "once")
    assert refused.returncode == 2 and "--mode append cannot go with --dedup" in refused.stderr


def test_dedup_never_adds(earlgrey, tmp_path):
    """On generated exports of five exporters: no group grows, and every group stays."""
    from conftest import ROOT
    for seed in range(3):
        subprocess.run([ROOT / "build/release/bench/bench-gen_netflow", "--out", tmp_path / "made.pcap", "--records", "20000",
                        "--pairs", "60", "--hours", "2", "--exporters", "5", "--seed", str(seed + 1)], check=True, capture_output=True)
        sums = {}
        for dedup in TOTALS:
            rows = earlgrey.rows("top", "-r", "made.pcap", "-n", "0", "-s", "src_ip,dst_ip,src_port,dst_port,proto", "--dedup", dedup)
            sums[dedup] = {tuple(list(r.values())[:5]): (r["flows"], r["bytes"]) for r in rows}
        plain = earlgrey.rows("top", "-r", "made.pcap", "-n", "0", "-s", "src_ip,dst_ip,src_port,dst_port,proto")
        assert {tuple(list(r.values())[:5]): (r["flows"], r["bytes"]) for r in plain} == sums["none"]
        assert set(sums["exporter"]) == set(sums["none"]) and set(sums["path"]) == set(sums["none"])
        for key, (flows, octets) in sums["none"].items():
            assert sums["path"][key][0] <= sums["exporter"][key][0] <= flows
            assert sums["exporter"][key][1] <= octets
        assert sum(f for f, _ in sums["exporter"].values()) < sum(f for f, _ in sums["none"].values())

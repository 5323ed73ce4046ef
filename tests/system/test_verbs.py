# SPDX-License-Identifier: Apache-2.0
"""The verbs as a user meets them: right numbers, every format, options, exit codes."""
import csv
import io
import json
import struct
import subprocess

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import terminal


@pytest.fixture(name="dataset")
def _dataset(earlgrey, exports):
    path, _truth = exports
    earlgrey.ok("ingest", path, "-d", "data")
    return "data"


def test_top_pairs_are_the_truth(earlgrey, exports):
    path, truth = exports
    rows = earlgrey.rows("top", "-r", path)
    wanted = [(tuple(sorted((p["a"], p["b"]))), p["flows"], p["bytes"]) for p in truth["top_pairs"]]
    assert [((r["ip_a"], r["ip_b"]), r["flows"], r["bytes"]) for r in rows] == wanted


def test_top_is_the_same_from_the_dataset(earlgrey, exports, dataset):
    path, _truth = exports
    for words in ([], ["-s", "src_ip"], ["-s", "dst_port/flows"], ["-s", "src_ip,dst_port", "-m", "packets"],
                  ["-s", "ip"], ["-s", "port"], ["-s", "as"], ["-s", "exporter", "proto tcp"]):
        straight = earlgrey.rows("top", "-r", path, "-n", "50", *words)
        kept = earlgrey.rows("top", "-d", dataset, "-n", "50", *words)
        assert straight == kept, words
        assert straight, words


def test_flows_of_one_host(earlgrey, exports, dataset):
    _path, truth = exports
    host = truth["host"]
    rows = earlgrey.rows("flows", "-d", dataset, f"host {host}")
    assert len(rows) == truth["host_flows"]
    assert sum(r["bytes"] for r in rows) == truth["host_bytes"]
    assert all(host in (r["src_ip"], r["dst_ip"]) for r in rows)
    assert [r["start_time"] for r in rows] == sorted(r["start_time"] for r in rows)


def test_trend_adds_up(earlgrey, exports, dataset):
    _path, truth = exports
    for by in ("1m", "7m", "1h"):
        rows = earlgrey.rows("trend", "-d", dataset, "--by", by)
        assert sum(r["bytes"] for r in rows) == truth["bytes"], by
        assert sum(r["packets"] for r in rows) == truth["packets"], by
        assert sum(r["flows"] for r in rows) == truth["records"], by
    ends = earlgrey.rows("trend", "-d", dataset, "--by", "1h", "--attribute", "end")
    assert sum(r["bytes"] for r in ends) == truth["bytes"]


def test_trend_of_a_host(earlgrey, exports, dataset):
    _path, truth = exports
    rows = earlgrey.rows("trend", "-d", dataset, "--host", truth["host"], "--by", "1h")
    assert sum(r["in_bytes"] + r["out_bytes"] for r in rows) == truth["host_bytes"]
    network = earlgrey.rows("trend", "-d", dataset, "--host", "10.0.0.0/8", "--by", "1h")
    assert sum(r["in_bytes"] + r["out_bytes"] for r in network) == truth["bytes"]


def test_times_select_what_overlaps(earlgrey, dataset):
    whole = earlgrey.rows("flows", "-d", dataset)
    low, high = "2026-01-01T01:00:00.000000Z", "2026-01-01T01:30:00.000000Z"
    for match, keep in {
            "overlaps": lambda r: r["start_time"] <= high and r["end_time"] >= low,
            "start": lambda r: low <= r["start_time"] <= high,
            "end": lambda r: low <= r["end_time"] <= high,
            "inside": lambda r: low <= r["start_time"] and r["end_time"] <= high}.items():
        rows = earlgrey.rows("flows", "-d", dataset, "-t", "2026-01-01 01:00,2026-01-01 01:30", "--match", match)
        assert len(rows) == sum(map(keep, whole)), match
        assert 0 < len(rows) < len(whole)


def test_every_format_says_the_same(earlgrey, dataset, tmp_path):
    words = ["flows", "-d", dataset, "-n", "25"]
    truth = earlgrey.rows(*words)
    lines = [json.loads(line) for line in earlgrey.ok(*words, "-o", "jsonl").splitlines()]
    assert lines == truth
    as_text = [{k: "" if v is None else str(v) for k, v in row.items()} for row in truth]
    assert list(csv.DictReader(io.StringIO(earlgrey.ok(*words, "-o", "csv")))) == as_text
    assert list(csv.DictReader(io.StringIO(earlgrey.ok(*words, "-o", "tsv")), delimiter="\t")) == as_text
    assert len(earlgrey.ok(*words, "-o", "csv", "--no-header").splitlines()) == 25
    table = earlgrey.ok(*words, "-o", "table", "--units", "raw", "--utc")
    wide = earlgrey.ok(*words, "-o", "wide")
    markdown = earlgrey.ok(*words, "-o", "markdown")
    for row in truth:
        for text in (table, wide, markdown):
            assert row["src_ip"] in text and row["dst_ip"] in text
    earlgrey.ok(*words, "-o", "parquet", "-w", "out.parquet")
    stored = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [r["src_ip"] for r in stored] == [r["src_ip"] for r in truth]
    assert [r["bytes"] for r in stored] == [r["bytes"] for r in truth]
    raw = earlgrey.run(*words, "-o", "arrow", "-w", "-", text=False).stdout
    arrow = pa.ipc.open_stream(raw).read_all()
    arrow.validate(full=True)
    assert arrow.column("src_ip").to_pylist() == [r["src_ip"] for r in truth]
    assert arrow.column("packets").to_pylist() == [r["packets"] for r in truth]


def test_packets_answer_where_there_are_no_exports(earlgrey, packets):
    path, truth = packets
    done = earlgrey.run("top", "-r", path, "-s", "proto", "--json")
    assert done.returncode == 0 and "answered from its packets" in done.stderr
    rows = {r["proto"]: r for r in json.loads(done.stdout)}
    assert rows[6]["packets"] == truth["tcp"] and rows[17]["packets"] == truth["udp"]
    assert sum(r["bytes"] for r in rows.values()) == truth["bytes"]
    earlgrey.ok("ingest", path, "-d", "packets-only")
    kept = earlgrey.rows("top", "-d", "packets-only", "-s", "proto")
    assert {r["proto"]: r for r in kept} == rows


def test_source_packet_chooses(earlgrey, exports):
    path, truth = exports
    rows = earlgrey.rows("top", "-r", path, "--source", "packet", "-s", "proto")
    assert rows == [{"proto": 17, "flows": 5, "packets": truth["datagrams"], "bytes": rows[0]["bytes"]}]


def test_sql_over_dataset_and_captures(earlgrey, exports, packets, dataset, tmp_path):
    path, truth = exports
    (tmp_path / "here.pcap").symlink_to(path)
    (tmp_path / "copy.pcap").write_bytes(path.read_bytes())
    question = "select count(*) as n, sum(bytes) as b from {} where protocol = 'tcp' or protocol <> 'tcp'"
    assert earlgrey.rows("sql", "-d", dataset, question.format("flows")) == [{"n": truth["records"], "b": truth["bytes"]}]
    assert earlgrey.rows("sql", "-r", path, question.format("flows")) == [{"n": truth["records"], "b": truth["bytes"]}]
    assert earlgrey.rows("sql", "select count(*) as n from read_flows('copy.pcap')") == [{"n": truth["records"]}]
    rows = earlgrey.rows("sql", "-r", packets[0], "select count(*) as n, sum(length) as b from packets")
    assert rows == [{"n": packets[1]["packets"], "b": packets[1]["bytes"]}]


def test_inspect_tells_what_is_there(earlgrey, exports, dataset, tmp_path):
    path, truth = exports
    seen = json.loads(earlgrey.ok("inspect", path, "--json"))
    assert seen["flow_records"] == truth["records"] and seen["packets"] == truth["datagrams"]
    assert seen["format"] == "pcap, microseconds, little-endian" and seen["compression"] == "none"
    packed = tmp_path / "packed.gz"
    packed.write_bytes(subprocess.run(["gzip", "-c", str(path)], capture_output=True, check=True).stdout)
    assert json.loads(earlgrey.ok("inspect", packed, "--json"))["compression"] == "gzip"
    for link, name in ((1, "Ethernet"), (101, "RAW"), (127, "IEEE802_11_RADIO"), (239, "NFLOG"), (60000, "")):
        (tmp_path / "link.pcap").write_bytes(struct.pack("<IHHIIIIIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, link, 1767225600, 0, 4, 4) + bytes(4))
        assert json.loads(earlgrey.ok("inspect", "link.pcap", "--json"))["link_types"] == f"{name} {link} (1)".strip()
    data = json.loads(earlgrey.ok("inspect", dataset, "--json"))
    assert data["flows_rows"] == truth["records"]
    part = next((tmp_path / dataset / "flows").rglob("*.parquet"))
    assert json.loads(earlgrey.ok("inspect", part, "--json"))["rows"] > 0


def test_account_is_complete(earlgrey, exports):
    path, truth = exports
    account = json.loads(earlgrey.ok("ingest", path, "-d", "accounted", "--json", "-q"))
    assert account["read"]["packets"] == account["decoded"]["exports"] == truth["datagrams"]
    assert account["kept"] == {"flows": truth["records"], "packets": 0, "counters": 0}
    assert account["lost"] == {} and account["errors"] == []
    again = json.loads(earlgrey.ok("ingest", path, "-d", "accounted", "--json", "-q"))
    assert again["inputs_known"] == 1 and again["kept"] == {"flows": 0, "packets": 0, "counters": 0}


def test_losses_are_kept_and_told(earlgrey, tmp_path):
    from conftest import ROOT
    path = tmp_path / "lossy.pcap"
    truth = json.loads(subprocess.run(
        [ROOT / "build/release/bench/bench-gen_netflow", "--out", path, "--records", "30000", "--hours", "2",
         "--exporters", "3", "--lose", "50"], check=True, capture_output=True, text=True).stdout)
    done = earlgrey.run("ingest", path, "-d", "lossy")
    assert done.returncode == 0 and "sequence_gap" in done.stderr
    for words in (["-d", "lossy"], ["-r", path]):
        rows = [r for r in earlgrey.rows("losses", *words) if r["cause"] == "sequence_gap"]
        # a gap is only seen by what follows it: the last datagrams of an exporter may be among the lost
        assert 0 < truth["lost_records"] - sum(r["records"] for r in rows) + 1 <= 91
        assert {r["source"] for r in rows} == {"netflow5"}


def test_records_to_standard_output(earlgrey, exports):
    path, truth = exports
    done = earlgrey.run("ingest", "-", "--to", "-", "-q", stdin=path.read_bytes(), text=False)
    assert done.returncode == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    flows = [r for r in rows if "src_ip" in r]
    assert len(flows) == truth["records"] and sum(r["bytes"] for r in flows) == truth["bytes"]
    assert earlgrey.ok("ingest", path, "--to", "null:", "-q") == ""


def test_explain_shows_filter_and_sql(earlgrey, dataset):
    text = earlgrey.ok("flows", "-d", dataset, "--explain", "src ip 10.0.0.0/8 and bytes > 1M")
    assert "filter:" in text and "in_subnet(src_ip" in text and "sql:" in text


def test_exit_status_of_no_rows(earlgrey, dataset):
    assert earlgrey.run("flows", "-d", dataset, "host 1.2.3.4").returncode == 0
    assert earlgrey.run("flows", "-d", dataset, "--exit-status", "host 1.2.3.4").returncode == 4
    assert earlgrey.ok("flows", "-d", dataset, "host 1.2.3.4", "--json").strip() == "[]"


def test_configuration_and_where_it_came_from(earlgrey, dataset, tmp_path):
    config = tmp_path / "earlgrey.yaml"
    config.write_text("top:\n  number: 3\nfilters:\n  web: dst port in (80, 443)\n")
    assert len(earlgrey.rows("top", "-d", dataset, "--config", config)) == 3
    assert len(earlgrey.rows("top", "-d", dataset, "--config", config, "-n", "5")) == 5
    assert len(earlgrey.rows("top", "-d", dataset, "--config", config, env={"EARLGREY_TOP_NUMBER": "4"})) == 4
    assert len(earlgrey.rows("top", env={"EARLGREY_DATASET": dataset})) == 10
    web = earlgrey.rows("flows", "-d", dataset, "--config", config, "@web")
    assert web and all(r["dst_port"] in (80, 443) for r in web)
    shown = earlgrey.ok("config", "show", "--origin", "--config", config)
    assert f"top.number: 3  # {config}:2:11" in shown
    earlgrey.ok("config", "check", "--config", config)


def test_every_verb_has_help_manual_and_completion(earlgrey):
    overview = earlgrey.ok("help")
    verbs = [line.split()[0] for line in overview.split("Verbs:\n")[1].split("\n\n")[0].splitlines()]
    assert len(verbs) >= 13
    for verb in verbs:
        assert "Usage:" in earlgrey.ok(verb, "-h") and earlgrey.ok("help", verb)
        page = earlgrey.ok("help", verb, "--format", "man")
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "error"], input=page, capture_output=True, text=True, check=False)
        assert lint.returncode == 0, lint.stdout
    for shell in ("bash", "zsh", "fish"):
        script = earlgrey.ok("completion", shell)
        assert all(verb in script for verb in verbs)
        checked = subprocess.run([shell, "-n"], input=script, capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
    completed = subprocess.run(
        ["bash", "-c", earlgrey.ok("completion", "bash") +
         "COMP_WORDS=(earlgrey top --met); COMP_CWORD=2; _earlgrey; echo ${COMPREPLY[@]}"],
        capture_output=True, text=True, check=True).stdout
    assert completed.strip() == "--metric"
    assert earlgrey.ok("--version").startswith("earlgrey ")


def test_trend_of_packets_is_their_own_time(earlgrey, shared):
    path = shared / "packets/pcapplusplus/example.pcap"
    lines = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-e", "frame.time_epoch"],
                           capture_output=True, text=True, check=True).stdout.split()
    wanted = {}
    for line in lines:
        wanted[int(float(line))] = wanted.get(int(float(line)), 0) + 1
    rows = earlgrey.rows("trend", "-r", path, "--by", "1s", "--epoch")
    got = {r["time"] // 1000000: r["packets"] for r in rows if r["packets"]}
    assert got == wanted
    assert all(r["flows"] is None for r in rows)


def test_trend_fills_the_time_asked_for(earlgrey, dataset):
    rows = earlgrey.rows("trend", "-d", dataset, "--by", "1h", "-t", "2025-12-31 20:00,2026-01-01 06:00")
    assert len(rows) == 11 and rows[0]["time"] == "2025-12-31T20:00:00.000000Z" and rows[0]["bytes"] == 0


def test_pipes_answer_as_files_do(earlgrey, exports, packets):
    for path, _truth in (exports, packets):
        for words in (["top", "-n", "3"], ["trend"], ["flows", "-n", "3"]):
            file = earlgrey.ok(*words, "-r", path, "-o", "csv")
            pipe = earlgrey.run(*words, "-r", "-", "-o", "csv", stdin=path.read_bytes(), text=False)
            assert pipe.returncode == 0 and pipe.stdout.decode() == file, words
    seen = earlgrey.run("inspect", "-", "--json", stdin=exports[0].read_bytes(), text=False)
    assert json.loads(seen.stdout)["flow_records"] == exports[1]["records"]


def test_derived_fields_in_top(earlgrey, exports):
    rows = earlgrey.rows("top", "-r", exports[0], "-s", "protocol,dst_port", "-n", "0")
    assert {r["protocol"] for r in rows} == {"tcp", "udp", "icmp"}
    assert sum(r["flows"] for r in rows) == exports[1]["records"]
    pairs = earlgrey.rows("top", "-r", exports[0], "-s", "community_id", "-n", "0")
    whole = {r["community_id"]: r["bytes"] for r in earlgrey.rows("sql", "-r", exports[0], "select community_id, sum(scaled_bytes)::bigint bytes from flows group by all")}
    assert {r["community_id"]: r["bytes"] for r in pairs} == whole and len(whole) > 100


def test_a_dataset_tells_what_its_answer_misses(earlgrey, tmp_path, packets):
    from conftest import ROOT
    subprocess.run([ROOT / "build/release/bench/bench-gen_netflow", "--out", tmp_path / "lossy.pcap", "--records",
                    "30000", "--hours", "2", "--exporters", "3", "--lose", "50"], check=True, capture_output=True)
    earlgrey.ok("ingest", "lossy.pcap", packets[0], "-d", "both")
    done = earlgrey.run("top", "-d", "both")
    assert "not in the answer:" in done.stderr and "sequence_gap" in done.stderr
    assert "answered from flow exports (netflow5); the " in done.stderr and "flows metered from packets beside" in done.stderr and "--source packet" in done.stderr
    assert earlgrey.run("top", "-d", "both", "-q").stderr == ""


def test_the_ending_of_a_file_names_its_format(earlgrey, dataset, tmp_path):
    for name in ("o.parquet", "o.csv", "o.json", "o.jsonl", "o.arrow", "o.md"):
        earlgrey.ok("flows", "-d", dataset, "-n", "2", "-w", name)
    assert pq.read_table(tmp_path / "o.parquet").num_rows == 2
    assert len(json.loads((tmp_path / "o.json").read_text())) == 2
    assert (tmp_path / "o.csv").read_text().count("\n") == 3
    assert pa.ipc.open_stream(tmp_path / "o.arrow").read_all().num_rows == 2


def test_positions_stand_in_one_file_of_a_commit(earlgrey, tmp_path, shared):
    captures = sorted((shared / "packets/zeek").glob("*.pcap"))[:30]
    earlgrey.run("ingest", *captures, "-d", "many")
    sizes = sorted(len((pq.read_metadata(p).metadata or {}).get(b"earlgrey", b""))
                   for p in (tmp_path / "many").rglob("*.parquet"))
    assert len(sizes) > 3 and sizes[-1] > 1000 > sizes[-2]


def test_fields_list_derived_columns(earlgrey, exports, dataset):
    """What `fields` marks as derived is what the views of `sql` have beyond the stored columns."""
    fields = earlgrey.rows("fields")
    for table in ("flows", "packets"):
        named = [f["name"] for f in fields if f["table"] == table]
        derived = {f["name"] for f in fields if f["table"] == table and f["derived"]}
        shown = earlgrey.ok("sql", "-r", exports[0], f"select * from {table} limit 0", "-o", "tsv").split()
        assert shown == named
        assert derived == ({"protocol", "duration_us", "scaled_bytes", "scaled_packets", "flow_id", "mean_length", "community_id"}
                           if table == "flows" else {"protocol", "community_id"})
    row = earlgrey.rows("flows", "-d", dataset, "-n", "1", "--fields", "duration_us,scaled_bytes,protocol")[0]
    assert row["duration_us"] >= 0 and row["scaled_bytes"] > 0 and row["protocol"]


def on_terminal(program, columns, *words, lines=40):
    """What it shows on a terminal that wide."""
    return terminal.shown(program, *words, columns=columns, lines=lines, code=0).decode().replace("\r\n", "\n")


def test_tables_fit_the_terminal(earlgrey, dataset):
    words = ["flows", "-d", dataset, "-n", "5"]
    wide = on_terminal(earlgrey, 300, *words).splitlines()
    assert "sampling_rate" in wide[0] and "not shown" not in wide[-1]
    narrow = on_terminal(earlgrey, 80, *words).splitlines()
    assert all(len(line) <= 80 for line in narrow), narrow
    for name in ("src_ip", "dst_ip", "bytes"):
        assert name in narrow[0]
    left_out = len(wide[0].split("│")) - len(narrow[0].split("│"))
    assert narrow[-1] == f"… {left_out} columns not shown; -o wide shows all"
    assert "sampling_rate" in on_terminal(earlgrey, 80, *words, "-o", "wide").splitlines()[0]
    assert "sampling_rate" in earlgrey.ok(*words, "-o", "table").splitlines()[0]
    fields = on_terminal(earlgrey, 80, "fields", "losses").splitlines()
    assert all(len(line) <= 80 for line in fields) and "meaning" in fields[0] and "not shown" in fields[-1]


def test_inspect_lists_templates(earlgrey, tmp_path):
    def message(sequence, *sets):
        body = b"".join(struct.pack(">HH", id_, 4 + len(data)) + data for id_, data in sets)
        return struct.pack(">HHIII", 10, 16 + len(body), 1700000000, sequence, 7) + body

    flow = struct.pack(">HH6H", 256, 3, 8, 4, 12, 4, 96, 65535)
    options = struct.pack(">HHH4H", 257, 2, 1, 144, 4, 34, 4)
    record = bytes([10, 0, 0, 1, 10, 0, 0, 2, 3]) + b"dns"
    (tmp_path / "m.ipfix").write_bytes(
        message(0, (2, flow), (3, options), (257, struct.pack(">II", 0, 100)), (256, record * 2)))
    lines = earlgrey.ok("inspect", "m.ipfix", "--templates", "--json").splitlines()
    seen = [json.loads(line) for line in lines]
    assert [(t["template"], t["of"], t["records"], t["domain"]) for t in seen] == [
        (256, "flows", 2, 7), (257, "options", 1, 7)]
    assert seen[0]["fields"] == (
        "sourceIPv4Address(4), destinationIPv4Address(4), applicationName(v)")
    assert seen[1]["scope"] == "exportingProcessId(4)"
    assert seen[1]["fields"] == "samplingInterval(4)"
    told = earlgrey.ok("inspect", "m.ipfix", "--templates")
    assert "template             256" in told and "records              2" in told


def complete(earlgrey, *words):
    """What bash offers for the last of these words."""
    line = " ".join(f"'{word}'" for word in ("earlgrey", *words))
    return subprocess.run(["bash", "-c", earlgrey.ok("completion", "bash") + "compopt() { :; }\n" +
                           f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _earlgrey; echo ${{COMPREPLY[@]}}"],
                          capture_output=True, text=True, check=True, cwd=earlgrey.home).stdout.split()


def test_completion_of_forms_and_addresses(earlgrey):
    assert complete(earlgrey, "packets", "f") == ["fixed"] and complete(earlgrey, "packets", "q") == ["query"]
    assert complete(earlgrey, "packets", "fixed", "--ip_src") == ["--ip_src_addr", "--ip_src_port"]
    assert set(complete(earlgrey, "packets", "fixed", "-s")) >= {"-sa", "-sp", "-st"}
    assert complete(earlgrey, "packets", "query", "-pfo", "p") == ["payload"]
    assert complete(earlgrey, "packets", "query", "--query") == ["--query"]
    assert "--query" not in complete(earlgrey, "packets", "fixed", "--")
    assert complete(earlgrey, "packets", "--stel") == ["--stellar"]
    assert set(complete(earlgrey, "ingest", "")) == {"udp://", "tcp://", "iface:"}
    assert complete(earlgrey, "ingest", "x.pcap", "--to", "s") == ["seqfile:"]
    assert set(complete(earlgrey, "ingest", "x.pcap", "--to", "")) == {"udp://", "pcap:", "seqfile:", "null:"}
    assert complete(earlgrey, "replay", "x.pcap", "u") == ["udp://"]
    assert complete(earlgrey, "ingest", "iface", ":", "l") == ["lo"] and "lo" in complete(earlgrey, "ingest", "iface", ":")
    for shell in ("zsh", "fish"):
        script = earlgrey.ok("completion", shell)
        # in zsh a bare colon would end what an option completes
        assert ("seqfile\\:" if shell == "zsh" else "seqfile:") in script and "iface:" in script and "ip_src_addr" in script and "packet_filter_on" in script


def test_trend_says_how_narrow_it_may_be(earlgrey, exports, tmp_path):
    done = earlgrey.run("trend", "-r", exports[0], "--by", "1ms", "--attribute", "end")
    assert done.returncode == 2 and "an answer has at most 1,000,000: take --by 20ms or wider, or less time" in done.stderr
    assert len(earlgrey.rows("trend", "-r", exports[0], "--by", "20ms", "--attribute", "end")) > 500_000
    # flows of a day, of which a second is asked for: their other intervals are not made
    long = tmp_path / "long.pcap"
    frame = bytes.fromhex("020000000001020000000002080045000021000100004011000a0a0000010a000002") + b"\0\x01\0\x02\0\x0d\0\0hello"
    with open(long, "wb") as out:
        out.write(struct.pack("<IHHIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for day in range(366):
            out.write(struct.pack("<IIII", 1767225600 + day * 86399, 0, len(frame), len(frame)) + frame)
    earlgrey.ok("ingest", long, "--tables", "flows", "--idle", "1d", "--active", "1d", "-d", "data")
    flows = earlgrey.rows("flows", "-d", "data", "--fields", "start_time,end_time")
    assert len(flows) > 100
    rows = earlgrey.rows("trend", "-d", "data", "--by", "1ms", "-t", "2026-02-01T00:00:00Z,2026-02-01T00:00:00.999Z")
    assert len(rows) == 1000
    done = earlgrey.run("trend", "-d", "data", "--by", "1ms", "-t", "2026-02-01T00:00:00Z,2026-02-01T00:16:39.999Z",
                        "--match", "inside")
    assert done.returncode == 0, done.stderr

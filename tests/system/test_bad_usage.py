# SPDX-License-Identifier: Apache-2.0
"""Bad usage: one clear line that names the thing, the place and the remedy, the right exit code, and
nothing changed."""
import json
import os
import pathlib
import re
import subprocess

import pytest

from small_disk import mounted


def snapshot(folder):
    """Every file below a folder with its content."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in pathlib.Path(folder).rglob("*") if p.is_file()}


def refused(earlgrey, code, *words, says=(), **more):
    """Runs it; exactly one line of complaint (a hint or a caret may follow), the code, no change."""
    before = snapshot(earlgrey.home)
    done = earlgrey.run(*words, **more)
    assert done.returncode == code, f"exit {done.returncode}: {done.stderr}"
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert sum(line.startswith("earlgrey: ") for line in lines) == 1, done.stderr
    for text in says:
        assert text in done.stderr, f"{text!r} is not in {done.stderr!r}"
    assert snapshot(earlgrey.home) == before
    return done.stderr


def test_missing_file(earlgrey):
    for words in (["top", "-r", "gone.pcap"], ["ingest", "gone.pcap"], ["inspect", "gone.pcap"]):
        refused(earlgrey, 1, *words, says=["gone.pcap", "No such file or directory"])


def test_missing_dataset(earlgrey):
    refused(earlgrey, 1, "top", "-d", "nowhere", says=["nowhere"])
    refused(earlgrey, 1, "flows", says=["earlgrey-data"])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become nobody")
def test_directory_without_permission(earlgrey, exports, tmp_path):
    # root may write anywhere, so the program runs as nobody (65534)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o005 != 0o005 and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    capture = tmp_path / "c.pcap"
    capture.write_bytes(exports[0].read_bytes())
    capture.chmod(0o644)
    from conftest import EARLGREY
    if subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", str(EARLGREY), "--version"],
                      capture_output=True, check=False).returncode:
        pytest.skip("nobody cannot reach the build directory")
    done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", str(EARLGREY), "ingest", str(capture),
                           "-d", str(closed / "data")], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 1, done.stderr
    assert str(closed) in done.stderr and "Permission denied" in done.stderr
    assert list(closed.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to hide a file")
def test_without_duckdb(earlgrey, exports):
    """What asks no SQL works; what does names the library and what brings it."""
    from conftest import EARLGREY, ROOT
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace may be made here")
    library = (ROOT / "build/deps/duckdb/libduckdb.so").resolve()
    hidden = ["unshare", "-m", "sh", "-c", f'mount --bind /dev/null {library} && exec "$@"', "sh", str(EARLGREY)]
    done = subprocess.run([*hidden, "inspect", str(exports[0])], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "pcap" in done.stdout, done.stderr
    done = subprocess.run([*hidden, "sql", "-r", str(exports[0]), "select 1"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == "", done
    assert re.match("earlgrey: sql: the SQL engine cannot be loaded: .*libduckdb.so.*tools/fetch-duckdb", done.stderr)


def test_answers_go_over_nothing_that_is_read(earlgrey, packets, tmp_path):
    (tmp_path / "c.pcap").write_bytes(packets[0].read_bytes()[:100000])
    (tmp_path / "link.csv").symlink_to("c.pcap")
    for name in ("c.pcap", "./c.pcap", "link.csv"):
        for words in (["top"], ["flows"], ["trend", "--by", "1s"], ["sql", "select 1"], ["packets", "-c", "1", "-o", "csv", "--force"]):
            refused(earlgrey, 2, *words, "-r", "c.pcap", "-w", name, says=[f"{name} is one of the captures that are read"])


def test_rows_of_packets_go_over_no_file_unasked(earlgrey, packets, tmp_path):
    (tmp_path / "rows.csv").write_text("mine\n")
    words = ["packets", "-r", packets[0], "-c", "2", "-w", "rows.csv"]
    refused(earlgrey, 2, *words, says=["rows.csv exists; --force writes over it"])
    earlgrey.ok(*words, "--force")
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 3


def test_where_to_look_for_nothing(earlgrey, packets):
    refused(earlgrey, 2, "packets", "-r", packets[0], "--bytes-on", "payload", says=["--bytes-on says where --bytes and --stellar look"])
    earlgrey.ok("packets", "-r", packets[0], "-n", "1", "--bytes-on", "payload", "--stellar", "LENGTH(packet) >= 0")


def test_captures_or_a_dataset(earlgrey, exports):
    for words in (["top"], ["sql", "select 1"], ["packets"], ["losses"]):
        refused(earlgrey, 2, *words, "-r", exports[0], "-d", "data", says=["-r answers from captures, -d from a dataset: give one"])


def test_a_file_where_a_filter_is_expected(earlgrey, exports, tmp_path):
    (tmp_path / "c.pcap").write_bytes(exports[0].read_bytes())
    for verb in ("top", "flows", "packets"):
        refused(earlgrey, 2, verb, "c.pcap", says=["there is a file c.pcap: to read it, put -r before it"])


def test_not_a_capture(earlgrey, tmp_path):
    (tmp_path / "page.html").write_text("<html><body>not a capture</body></html>")
    (tmp_path / "empty.pcap").write_bytes(b"")
    refused(earlgrey, 1, "top", "-r", "page.html", says=["page.html", "not a capture"])
    refused(earlgrey, 1, "ingest", "page.html", says=["page.html", "not a capture"])
    refused(earlgrey, 1, "ingest", "empty.pcap", says=["empty.pcap", "empty"])


def test_dataset_of_a_newer_version(earlgrey, exports, tmp_path):
    earlgrey.ok("ingest", exports[0], "-d", "data")
    about = tmp_path / "data" / "_earlgrey" / "dataset.json"
    text = json.loads(about.read_text())
    text["schema"] = 99
    about.write_text(json.dumps(text))
    for words in (["top", "-d", "data"], ["ingest", exports[0], "-d", "data"]):
        refused(earlgrey, 1, *words, says=["data", "99"])


def test_full_disk(earlgrey, exports, tmp_path):
    with mounted(tmp_path / "small", "700k") as small:
        done = earlgrey.run("ingest", exports[0], "-d", "small/data")
        assert done.returncode == 1, done.stderr
        assert "No space left on device" in done.stderr or "full" in done.stderr
        assert "small" in done.stderr
        assert not list(small.rglob("*.parquet")) and not list(small.rglob("*.tmp"))


def test_source_that_another_process_ingests(earlgrey, exports, tmp_path):
    import fcntl
    earlgrey.ok("ingest", exports[0], "-d", "data")
    held = []
    for lock in (tmp_path / "data" / "_earlgrey" / "locks").rglob("*.lock"):
        held.append(open(lock, "r+", encoding="utf-8"))
        fcntl.flock(held[-1], fcntl.LOCK_EX)
    if not held:
        pytest.fail("an ingest leaves no lock file to hold")
    grown = tmp_path / "grown.pcap"
    grown.write_bytes(exports[0].read_bytes() * 1 + exports[0].read_bytes()[24:])
    before = {k: v for k, v in snapshot(tmp_path / "data").items() if k.startswith("flows")}
    done = earlgrey.run("ingest", grown, "-d", "data")
    assert done.returncode == 1, done.stderr
    assert "grown.pcap" in done.stderr or "ingest" in done.stderr
    assert {k: v for k, v in snapshot(tmp_path / "data").items() if k.startswith("flows")} == before


def test_filter_with_an_unknown_field(earlgrey, exports):
    text = refused(earlgrey, 2, "flows", "-r", exports[0], "src_adr = 10.0.0.1", says=["src_adr", "did you mean"])
    assert "\n" in text and "^" in text
    refused(earlgrey, 2, "top", "-r", exports[0], "bytes > > 5")
    refused(earlgrey, 2, "ingest", exports[0], "-f", "nonsense here")


def test_sql_that_writes(earlgrey, exports):
    earlgrey.ok("ingest", exports[0], "-d", "data")
    for statement in ("create table t as select 1", "copy (select 1) to 'out.csv'", "set threads = 1",
                      "insert into flows values (1)", "attach 'x.db'", "select 1; select 2", "drop view flows",
                      "install httpfs", "pragma database_list", "call pragma_version()",
                      "copy flows to 'data/x.parquet'", "export database 'x'"):
        refused(earlgrey, 2, "sql", "-d", "data", statement)


def test_sql_that_reads_elsewhere(earlgrey, exports, tmp_path):
    earlgrey.ok("ingest", exports[0], "-d", "data")
    outside = tmp_path.parent / f"outside-{tmp_path.name}.csv"
    outside.write_text("secret\n1\n")
    for statement in (f"select * from read_csv('{outside}')", "select * from read_text('/etc/hostname')",
                      f"select * from '{outside}'", f"select * from read_flows('{exports[0]}')",
                      "select * from read_packets('data/../../' || 'x')", "select * from glob('/etc/*')"):
        done = earlgrey.run("sql", "-d", "data", statement)
        assert done.returncode in (1, 2), f"{statement}: {done.stdout}{done.stderr}"
        assert "secret" not in done.stdout


def test_unknown_words(earlgrey, exports):
    assert "did you mean 'top'" in earlgrey.run("topp").stderr
    assert earlgrey.run("topp").returncode == 2
    refused(earlgrey, 2, "top", "--metrik", "bytes", says=["--metric"])
    refused(earlgrey, 2, "top", "-n", "many", says=["number"])
    refused(earlgrey, 2, "top", "-m", "stars", "-r", exports[0], says=["stars", "bytes"])
    refused(earlgrey, 2, "top", "-s", "src_adr", "-r", exports[0], says=["src_adr", "src_"])
    refused(earlgrey, 2, "flows", "-r", exports[0], "-t", "yesterday-ish", says=["yesterday-ish"])
    refused(earlgrey, 2, "ingest", exports[0], "--to", "nowhere:x", says=["nowhere"])
    refused(earlgrey, 2, "ingest", says=["capture"])


def test_configuration_errors_have_a_place(earlgrey, tmp_path):
    config = tmp_path / "bad.yaml"
    config.write_text("top:\n  numbr: 3\n")
    refused(earlgrey, 2, "config", "check", "--config", config, says=["bad.yaml:2:", "numbr", "number"])
    config.write_text("top:\n  number: lots\n")
    refused(earlgrey, 2, "top", "--config", config, says=["bad.yaml:2:", "lots"])
    config.write_text("top: [1, 2\n")
    refused(earlgrey, 2, "config", "check", "--config", config, says=["bad.yaml:"])
    refused(earlgrey, 2, "top", "--config", "gone.yaml", says=["gone.yaml"])


def test_cut_capture_is_partial(earlgrey, exports, tmp_path):
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(exports[0].read_bytes()[:-100])
    for words in (["top", "-r", "cut.pcap"], ["ingest", "cut.pcap", "-d", "data"], ["inspect", "cut.pcap"]):
        done = earlgrey.run(*words)
        assert done.returncode == 3, (words, done.stderr)
    account = json.loads(earlgrey.run("ingest", "cut.pcap", "-d", "data2", "--json", "-q").stdout)
    assert account["kept"]["flows"] == exports[1]["records"] - 30 or \
        exports[1]["records"] - 30 < account["kept"]["flows"] < exports[1]["records"]
    assert account["lost"]["capture_cut"]


def test_one_bad_input_among_good_ones(earlgrey, exports, tmp_path):
    (tmp_path / "bad.pcap").write_text("not a capture at all")
    done = earlgrey.run("ingest", exports[0], "bad.pcap", "-d", "data", "--json", "-q")
    assert done.returncode == 3
    account = json.loads(done.stdout)
    assert account["kept"]["flows"] == exports[1]["records"]
    assert account["inputs_failed"] == 1 and "bad.pcap" in account["errors"][0]["message"]


def test_devices_and_closed_descriptors(earlgrey, exports, tmp_path):
    earlgrey.ok("flows", "-r", exports[0], "-n", "1", "-w", "/dev/null")
    assert pathlib.Path("/dev/null").is_char_device()
    from conftest import EARLGREY
    for words in ("--version", f"top -r {exports[0]}", "fields", f"flows -r {exports[0]} -o parquet"):
        for end in (">/dev/full", ">&-"):
            done = subprocess.run(["bash", "-c", f"{EARLGREY} {words} {end}"], capture_output=True, text=True,
                                  cwd=tmp_path, check=False)
            assert done.returncode in (1, 2), (words, end, done.stderr)
    subprocess.run(["bash", "-c", f"{EARLGREY} ingest {exports[0]} -d closed <&- >&- 2>&-"], cwd=tmp_path, check=True)
    for path in (tmp_path / "closed" / "_earlgrey").rglob("*.lock"):
        assert b"ingest:" not in path.read_bytes()


def test_what_would_never_end_is_refused(earlgrey, exports):
    refused(earlgrey, 2, "trend", "-r", exports[0], "--by", "1ms", says=["--by", "intervals"])
    refused(earlgrey, 2, "top", "-r", exports[0], "--memory-limit", "-5GB", says=["--memory-limit", "2GB"])
    refused(earlgrey, 2, "packets", "-r", exports[0], "host 10.0.0.1", "-w", "x.pcap", "--memory-limit", "2",
            says=["--memory-limit", "2GB"]) # also where no SQL engine is needed
    refused(earlgrey, 2, "top", "-r", exports[0], "--source", "netflo5", says=["netflow5"])
    assert "options follow the verb" in earlgrey.run("--config", "x", "top").stderr
    refused(earlgrey, 2, "top", exports[0], says=["-r"])


def test_the_number_of_a_protocol(earlgrey, packets):
    refused(earlgrey, 2, "sql", "-r", packets[0], "select count(*) from packets where protocol = 6",
            says=["proto = 6", "protocol = 'tcp'"])
    for name in ("flows", "packets"):
        number, word = (earlgrey.ok(name, "-r", packets[0], text, "-o", "csv") for text in ("protocol=6", "protocol=tcp"))
        assert number == word and number.count("\n") > 100


@pytest.mark.parametrize("words, says", [
    (["udp://127.0.0.1:20991?queue=1"], 'option queue: "1" is too small: write 512Ki or more (bytes)'),
    (["udp://127.0.0.1:20991?workers=99"], 'option workers: "99" is too large: write 1 to 16'),
    (["udp://127.0.0.1:20991?receive-buffer=1"], "write 4Ki to 1Gi (bytes)"),
    (["udp://127.0.0.1:20991?sync-interval=2d"], 'option sync-interval: "2d" is too long: write 1ms to 1h'),
    (["udp://127.0.0.1:20991", "--to", "udp://127.0.0.1:20992?send-buffer=1"], "write 4Ki to 1Gi (bytes)"),
    (["udp://127.0.0.1:20991", "--max-files-per-trigger", "0"], "write 1 to 100000"),
])
def test_values_out_of_range(earlgrey, words, says):
    refused(earlgrey, 2, "ingest", *words, "-d", "data", timeout=60, says=[says])


def test_sinks_that_are_none(earlgrey, packets):
    there_is = ["udp://HOST:PORT", "pcap:DIR", "seqfile:DIR", "null:", "dataset"]
    for word in ("stdout", "null", "udp", "iface", "pcap"):
        refused(earlgrey, 2, "ingest", packets[0], "--to", word, says=[f"'{word}' alone is no sink", f"./{word}", *there_is])
    refused(earlgrey, 2, "ingest", packets[0], "--to", "stdout", says=["standard output is -"])
    refused(earlgrey, 2, "ingest", packets[0], "--to", "pacp:out", says=["no sink 'pacp:' (did you mean 'pcap:'?)", *there_is])
    refused(earlgrey, 2, "ingest", packets[0], "--to", "tcp://127.0.0.1:1", says=["no sink 'tcp:'", *there_is])
    earlgrey.ok("ingest", packets[0], "--to", "./stdout")
    assert (earlgrey.home / "stdout" / "_earlgrey").is_dir()


@pytest.mark.parametrize("listens, to", [
    (["udp://:20991"], "udp://127.0.0.1:20991"),
    (["udp://:20991"], "udp://[::1]:20991?rate=5"),
    (["udp://0.0.0.0:20991"], "udp://127.0.0.1:20991"),
    (["udp://0.0.0.0:20991"], "udp://127.1.2.3:20991"),
    (["udp://[::]:20991"], "udp://[::1]:20991"),
    (["udp://127.0.0.1:20990", "udp://127.0.0.1:20991"], "udp://127.0.0.1:20991"),
    (["udp://127.0.0.1:20991?workers=2"], "udp://0.0.0.0:20991"),
    (["udp://:20991", "tcp://:20991"], "udp://localhost:20991/"),
])
def test_passing_on_to_oneself(earlgrey, listens, to):
    """What is passed on would be received and passed on again."""
    refused(earlgrey, 2, "ingest", *listens, "--to", "null:", "--to", to, "-d", "data", timeout=60,
            says=[f"--to {to} is where this command itself listens (udp://", "name another collector or another port"])


@pytest.mark.parametrize("listens, to", [
    ("udp://127.0.0.1:20991", "udp://127.0.0.1:20992"),
    ("udp://127.0.0.1:20991", "udp://127.0.0.2:20991"),
    ("udp://[::1]:20991", "udp://127.0.0.1:20991"),
    ("udp://0.0.0.0:20991", "udp://[::1]:20991"),
    ("udp://:20991", "udp://192.0.2.1:20991"),
    ("tcp://:20991", "udp://127.0.0.1:20991"),
])
def test_passing_on_to_others(earlgrey, listens, to):
    """These are not: what is refused is only that the directory for the dataset is a file."""
    (earlgrey.home / "file").write_text("")
    complaint = refused(earlgrey, 1, "ingest", listens, "--to", to, "-d", "file", timeout=60)
    assert "itself" not in complaint


@pytest.mark.parametrize("words", [
    ["top"], ["trend"], ["flows"], ["losses"], ["sql", "select 1 as one"], ["packets"], ["watch", "top", "--trigger", "once"],
    ["watch", "select 1 as one", "--trigger", "once"], ["compact"], ["expire", "--older", "1d"], ["doctor"]], ids=lambda words: words[0])
def test_a_dataset_that_is_not_there(earlgrey, words):
    """All say the same in one line, with what to do, and make nothing. (A watch that is to go on waits for it.)"""
    nowhere = earlgrey.home / "nowhere"
    done = earlgrey.run(*words, "-d", nowhere)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if "nowhere" in line]
    assert told == [f"earlgrey: {words[0]}: no dataset at {nowhere}: make one with `earlgrey ingest FILE -d {nowhere}`, "
                    "or name another with -d"]
    assert not nowhere.exists()

# SPDX-License-Identifier: Apache-2.0
"""`earlgrey watch`: what is put out while a dataset grows, in every mode, is in the end what a batch
question answers, whatever happens in between."""
import json
import os
import random
import re
import resource
import signal
import socket
import subprocess
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import v5_capture
from conftest import EARLGREY
from test_verbs import on_terminal

HOURLY = ["--window", "1h", "--late", "0s"]


def write(tmp_path, name, **more):
    """A capture of its own; its path."""
    (tmp_path / name).write_bytes(v5_capture.capture(**more))
    return name


def hour(tmp_path, number, **more):
    """The twenty flows of one hour."""
    return write(tmp_path, f"hour{number}.pcap", hours=1, first_host=1 + 20 * number,
                 start=v5_capture.START + 3600 * number, **more)


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def begin(program, *words, verb=("watch",), **more):
    """A watch (or another verb) that goes on until it is stopped."""
    env = {"PATH": os.environ["PATH"], "HOME": str(program.home), "LC_ALL": "C.UTF-8", "TZ": "UTC",
           "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.Popen([str(EARLGREY), *verb, *map(str, words)], cwd=program.home, env=env, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def until(condition, seconds=30):
    """Waits for it; a condition that raises is not met."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (ValueError, IndexError, OSError):  # a line that is being written, a file not there yet
            pass
        time.sleep(0.02)
    pytest.fail("it did not come")


def test_complete_blocks_say_which_trigger(earlgrey, tmp_path):
    earlgrey.ok("ingest", hour(tmp_path, 0), "-d", "data")
    text = earlgrey.ok("watch", "top", "-d", "data", "--trigger", "once", "-n", "3")
    first, rest = text.split("\n", 1)
    assert re.fullmatch(r"# trigger 1, 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z, 3 rows", first)
    assert rest == earlgrey.ok("top", "-d", "data", "-n", "3") + "\n"
    said = json.loads(earlgrey.ok("watch", "top", "-d", "data", "--trigger", "once", "--json"))
    assert said["trigger"] == 1 and said["answer"] == earlgrey.rows("top", "-d", "data")
    head, *rows = earlgrey.ok("watch", "trend", "-d", "data", "--trigger", "once", "-o", "jsonl").splitlines()
    assert json.loads(head)["rows"] == len(rows)
    assert rows == earlgrey.ok("trend", "-d", "data", "-o", "jsonl").splitlines()


def test_continuous_answers_as_soon_as_something_is_added(earlgrey, tmp_path):
    """The dataset is not even there when it begins; each commit makes a block; Ctrl-C ends it well."""
    run = begin(earlgrey, "top", "-s", "dst_ip", "-d", "data", "--trigger", "continuous", "--mode", "update", "-w", "out.jsonl")
    assert "no dataset at data yet; waiting for it" in run.stderr.readline()
    for number in range(3):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
        until(lambda n=number: len(lines(tmp_path / "out.jsonl")) == n + 1)
    run.send_signal(signal.SIGINT)
    _out, err = run.communicate(timeout=60)
    assert run.returncode == 0
    assert "3 triggers, 3 rows put out" in err
    assert [row["flows"] for row in lines(tmp_path / "out.jsonl")] == [20, 40, 60]


def test_a_file_of_complete_answers_holds_the_last(earlgrey, tmp_path):
    for number in range(2):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
        earlgrey.ok("watch", "top", "-d", "data", "--trigger", "once", "-w", "now.md", "-n", "0")
        assert (tmp_path / "now.md").read_text() == earlgrey.ok("top", "-d", "data", "-n", "0", "-o", "markdown")


def test_the_screen_is_drawn_in_place(earlgrey, tmp_path):
    earlgrey.ok("ingest", hour(tmp_path, 0), "-d", "data")
    seen = on_terminal(earlgrey, 80, "watch", "top", "-d", "data", "--trigger", "once", "-n", "30", lines=12)
    assert seen.startswith("\x1b[2J\x1b[H# trigger 1") and seen.endswith("\x1b[J")
    assert seen.count("\n") <= 12 and seen.count("\x1b[K\n") == seen.count("\n")
    assert "ip_a" in seen


def test_intervals_without_end_are_refused(earlgrey, tmp_path):
    for number in (0, 500):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
    done = earlgrey.run("watch", "trend", "-d", "data", "--trigger", "once", "--window", "1s")
    assert done.returncode == 2 and done.stdout == ""
    assert "--window is too narrow for the time that data holds: it makes 18" in done.stderr
    assert earlgrey.ok("watch", "trend", "-d", "data", "--trigger", "once", "--window", "1h", "-o", "jsonl").count("\n") > 500


@pytest.mark.parametrize("question", [["top", "-n", "0"], ["trend"],
                                      ["select time_bucket(interval '1 hour', start_time) as time, src_ip, "
                                       "sum(bytes)::bigint as b from flows group by all order by all"]])
def test_append_puts_out_each_window_once(earlgrey, tmp_path, question):
    """After each hour the one before is closed: its rows come once, and never change."""
    told = ["watch", *question, "-d", "data", *HOURLY, "--mode", "append", "--trigger", "once", "--checkpoint", "at",
            "-w", "out.jsonl"]
    batch = {"top": ["top", "-n", "0", "--window", "1h"], "trend": ["trend", "--by", "1h"]}.get(question[0], ["sql", *question])
    for number in range(4):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
        done = earlgrey.run(*told)
        assert done.returncode == 0, done.stderr
        closed = f"2026-01-02T{12 + number}"
        assert f"windows closed up to {closed}:00:00.000000Z, 0 rows too late" in done.stderr
        rows = earlgrey.rows(*batch, "-d", "data")
        assert lines(tmp_path / "out.jsonl") == [r for r in rows if r["time"] < closed]
        assert any(r["time"] >= closed for r in rows)
    before = (tmp_path / "out.jsonl").read_bytes()
    earlgrey.ok(*told)
    assert (tmp_path / "out.jsonl").read_bytes() == before


def test_late_rows_are_counted_and_told(earlgrey, tmp_path):
    """Rows behind the watermark: not in an append, each counted once, in one run or in several, and
    also where files were exchanged meanwhile; in an update they change the row."""
    append = ["watch", "top", "-d", "data", *HOURLY, "-n", "0", "--mode", "append", "--trigger", "once", "--checkpoint", "at",
              "-w", "out.jsonl"]
    update = ["watch", "trend", "-d", "data", "--window", "1h", "--mode", "update", "--trigger", "once", "--checkpoint", "up",
              "-w", "up.jsonl"]
    for number in range(3):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
    earlgrey.ok(*append)
    earlgrey.ok(*update)
    put_out = lines(tmp_path / "out.jsonl")
    assert len(put_out) == 40
    late = write(tmp_path, "late.pcap", hours=1, per_hour=7, first_host=900)
    earlgrey.ok("ingest", late, "-d", "data")
    done = earlgrey.run(*append)
    assert "7 rows came behind the watermark" in done.stderr and ", 7 rows too late for theirs" in done.stderr
    assert lines(tmp_path / "out.jsonl") == put_out
    assert ", 7 rows too late for theirs" in earlgrey.run(*append).stderr
    earlgrey.ok(*update)
    assert [(r["time"][11:13], r["flows"]) for r in lines(tmp_path / "up.jsonl")] == [("12", 20), ("13", 20), ("14", 20), ("12", 27)]


def test_late_rows_are_counted_while_it_runs(earlgrey, tmp_path):
    for number in range(2):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
    run = begin(earlgrey, "top", "-d", "data", *HOURLY, "-n", "0", "--mode", "append", "--trigger", "100ms", "-w", "out.jsonl")
    until(lambda: len(lines(tmp_path / "out.jsonl")) == 20)
    earlgrey.ok("ingest", write(tmp_path, "late.pcap", hours=1, per_hour=5, first_host=900), "-d", "data")
    earlgrey.ok("ingest", hour(tmp_path, 2), "-d", "data")
    until(lambda: len(lines(tmp_path / "out.jsonl")) == 40)
    run.send_signal(signal.SIGTERM)
    err = run.communicate(timeout=60)[1]
    assert run.returncode == 0 and "5 rows came behind" in err and ", 5 rows too late" in err
    assert len({(r["time"], r["ip_a"]) for r in lines(tmp_path / "out.jsonl")}) == 40


def test_idle_windows_are_put_out_as_zero(earlgrey, tmp_path):
    told = ["watch", "trend", "-d", "data", *HOURLY, "--mode", "append", "--trigger", "once", "--checkpoint", "at", "-w", "out.tsv"]
    for number in (0, 5, 6):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
        earlgrey.ok(*told)
    rows = [line.split("\t") for line in (tmp_path / "out.tsv").read_text().splitlines()]
    assert rows[0] == ["time", "bytes", "packets", "flows"]
    assert [int(r[3]) for r in rows[1:]] == [20, 0, 0, 0, 0, 20]


def test_update_puts_out_what_changed(earlgrey, tmp_path):
    told = ["watch", "top", "-s", "dst_port,dst_ip", "-d", "data", "-n", "0", "--mode", "update", "--trigger", "once",
            "--checkpoint", "at"]
    earlgrey.ok("ingest", hour(tmp_path, 0), "-d", "data")
    assert earlgrey.ok(*told).splitlines() == ["dst_port\tdst_ip\tflows\tpackets\tbytes", "443\t10.9.9.9\t20\t60\t20210"]
    assert earlgrey.ok(*told) == ""
    earlgrey.ok("ingest", hour(tmp_path, 1), "-d", "data")
    assert earlgrey.ok(*told).splitlines() == ["443\t10.9.9.9\t40\t120\t40820"]


def test_packets_are_watched_where_there_are_no_flows(earlgrey, tmp_path, packets):
    earlgrey.ok("ingest", packets[0], "-d", "data")
    rows = [json.loads(line) for line in
            earlgrey.ok("watch", "trend", "-d", "data", "--window", "5ms", "--late", "0s", "--mode", "append", "--trigger", "once", "-o", "jsonl").splitlines()]
    whole = earlgrey.rows("trend", "-d", "data", "--by", "5ms")
    assert rows and rows == whole[:len(rows)] and len(rows) >= len(whole) - 1
    top = [json.loads(line) for line in
           earlgrey.ok("watch", "top", "-d", "data", "--window", "5ms", "--late", "0s", "--mode", "append", "--trigger", "once",
                       "-n", "0", "-o", "jsonl").splitlines()]
    assert sum(r["packets"] for r in top) == sum(r["packets"] for r in rows)
    assert sum(r["bytes"] for r in top) == sum(r["bytes"] for r in rows)


@pytest.mark.parametrize("words, says", [
    (["top", "--mode", "append"], "--mode append needs --window"),
    (["select count(*) as n from flows", "--mode", "append", "--window", "1m"], "needs a column of time"),
    (["select now() as time", "--mode", "append", "--window", "1m"], "needs the table flows or packets"),
    (["flows"], "'flows' cannot be watched"),
    ([], "say what to watch"),
    (["top", "--trigger", "sometimes"], "--trigger takes once, continuous"),
    (["top", "-o", "parquet"], "a watch writes text"),
    (["top", "--mode", "update", "-w", "x.md"], "writes lines"),
    (["trend", "--by", "soon"], "soon"),
    (["top", "-s", "src_adr"], "did you mean"),
    (["top", "-r", "x.pcap"], "unknown option"),
    (["trend", "--mode", "append", "-t", "-15m"], "cannot go with a time that moves"),
])
def test_what_cannot_work_is_one_line(earlgrey, tmp_path, words, says):
    earlgrey.ok("ingest", hour(tmp_path, 0), "-d", "data")
    done = earlgrey.run("watch", *words, "-d", "data", *([] if "--trigger" in words else ["--trigger", "once"]))
    assert done.returncode == 2 and done.stdout == ""
    assert says in done.stderr.splitlines()[0]
    assert all(line.startswith("Try ") for line in done.stderr.splitlines()[1:])


def test_a_checkpoint_is_of_one_question_and_one_file(earlgrey, tmp_path):
    told = ["watch", "trend", "-d", "data", *HOURLY, "--mode", "append", "--trigger", "once", "--checkpoint", "at", "-w", "out.tsv"]
    for number in range(2):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
    earlgrey.ok(*told)
    out = tmp_path / "out.tsv"
    whole = out.read_bytes()
    other = earlgrey.run(*told, "proto tcp")
    assert other.returncode == 2 and "the checkpoint of another question" in other.stderr
    out.write_bytes(whole[:-1])
    assert earlgrey.run(*told).returncode == 1
    out.write_bytes(whole[:-2] + b"?\n")
    assert "is not the file the checkpoint speaks of" in earlgrey.run(*told).stderr
    out.write_bytes(whole + b"cut off in the middle of a li")
    earlgrey.ok(*told)
    assert out.read_bytes() == whole
    (tmp_path / "at").rename(tmp_path / "away")
    refused = earlgrey.run(*told)
    assert refused.returncode == 2 and "holds something that no checkpoint speaks of" in refused.stderr
    (tmp_path / "at").write_text("{}")
    damaged = earlgrey.run(*told)
    assert damaged.returncode == 1 and "is no checkpoint" in damaged.stderr
    assert out.read_bytes() == whole


def merge(folder):
    """All files of an hour become one, as compaction does it."""
    parts = sorted(folder.glob("*.parquet"))
    rows = pa.concat_tables([pq.read_table(part) for part in parts])
    pq.write_table(rows, folder / "_merged.tmp")
    (folder / "_merged.tmp").rename(folder / "merged.parquet")
    for part in parts:
        part.unlink()


def test_merged_files_are_not_late(earlgrey, tmp_path):
    """What stands in other files now is not new: after a restart, and while it runs."""
    words = ["top", "-d", "data", *HOURLY, "-n", "0", "--mode", "append", "--checkpoint", "at", "-w", "out.jsonl"]
    for number in range(3):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
        earlgrey.ok("ingest", write(tmp_path, f"more{number}.pcap", hours=1, per_hour=3, first_host=500 + 3 * number,
                                    start=v5_capture.START + 3600 * number), "-d", "data")
    earlgrey.ok("watch", *words, "--trigger", "once")
    before = lines(tmp_path / "out.jsonl")
    assert len(before) == 46
    day = tmp_path / "data" / "flows" / "date=2026-01-02"
    merge(day / "hour=12")
    assert ", 0 rows too late" in earlgrey.run("watch", *words, "--trigger", "once").stderr
    run = begin(earlgrey, *words, "--trigger", "50ms")
    until(lambda: json.loads((tmp_path / "at").read_text())["trigger"] >= 3)
    run.send_signal(signal.SIGSTOP)
    merge(day / "hour=13")
    earlgrey.ok("ingest", write(tmp_path, "late.pcap", hours=1, per_hour=2, first_host=900), "-d", "data")
    run.send_signal(signal.SIGCONT)
    until(lambda: json.loads((tmp_path / "at").read_text())["late"] == 2)
    run.send_signal(signal.SIGINT)
    assert ", 2 rows too late" in run.communicate(timeout=60)[1]
    assert lines(tmp_path / "out.jsonl") == before


def test_hours_are_compacted_meanwhile(earlgrey, tmp_path):
    """Files are merged and exchanged under two running watches while others come in."""
    files = [write(tmp_path, f"c{i:02}.pcap", hours=1, per_hour=5, first_host=1 + 5 * i, start=v5_capture.START + 600 * i)
             for i in range(24)]
    earlgrey.ok("ingest", files[0], "-d", "data")
    shared = ["-d", "data", "--trigger", "continuous"]
    runs = [begin(earlgrey, "top", "-n", "0", "-s", "src_ip", "--window", "10m", "--late", "0s", "--mode", "append", "--checkpoint",
                  "a", "-w", "append.jsonl", *shared),
            begin(earlgrey, "top", "-n", "0", "-s", "dst_ip", "--mode", "update", "--checkpoint", "u", "-w", "update.jsonl", *shared)]
    for name in files[1:]:
        earlgrey.ok("ingest", name, "-d", "data", "-q")
        earlgrey.ok("compact", "-d", "data", "--all", "--grace", "0s", "-q")
    rows = [r for r in earlgrey.rows("top", "-n", "0", "-s", "src_ip", "--window", "10m", "-d", "data")]
    last = max(r["time"] for r in rows)
    want = [r for r in rows if r["time"] < last]
    until(lambda: len(lines(tmp_path / "append.jsonl")) == len(want))
    until(lambda: lines(tmp_path / "update.jsonl")[-1]["flows"] == 120)
    for run in runs:
        run.send_signal(signal.SIGINT)
        err = run.communicate(timeout=60)[1]
        assert run.returncode == 0, err
        assert "came behind" not in err
    assert lines(tmp_path / "append.jsonl") == want
    counts = [r["flows"] for r in lines(tmp_path / "update.jsonl")]
    assert counts == sorted(set(counts))


def test_a_time_that_moves(earlgrey, tmp_path):
    """What began longer ago leaves the answer, though nothing is added."""
    second = int(time.time()) - 1799  # the flows end a second before the datagram, 1800 s after its hour
    earlgrey.ok("ingest", write(tmp_path, "now.pcap", hours=1, start=second), "-d", "data")
    run = begin(earlgrey, "top", "-s", "dst_ip", "-d", "data", "-t", "-8s", "--trigger", "100ms", "-w", "out.jsonl")
    until(lambda: len(lines(tmp_path / "out.jsonl")) == 1)
    until(lambda: lines(tmp_path / "out.jsonl") == [])
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 0


def short_of_space():
    """Files may not grow beyond 700 bytes: a write that would fails, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700))


def test_a_full_disk_ends_it_and_the_next_start_goes_on(earlgrey, tmp_path):
    words = ["top", "-d", "data", *HOURLY, "-n", "0", "--mode", "append", "--checkpoint", "at", "-w", "out.jsonl"]
    for number in range(2):
        earlgrey.ok("ingest", hour(tmp_path, number), "-d", "data")
    with begin(earlgrey, *words, "--trigger", "50ms", preexec_fn=short_of_space) as run:
        err = run.communicate(timeout=60)[1]
        assert run.returncode == 1 and "out.jsonl" in err.splitlines()[0]
    earlgrey.ok("watch", *words, "--trigger", "once")
    assert lines(tmp_path / "out.jsonl") == [r for r in earlgrey.rows("top", "-d", "data", "--window", "1h", "-n", "0")
                                            if r["time"] < "2026-01-02T13"]
    refused = earlgrey.run("watch", "top", "-d", "data", "--trigger", "once", "--checkpoint", "missing/at")
    assert refused.returncode == 1 and "missing/at" in refused.stderr


def test_a_collector_is_watched(earlgrey, tmp_path):
    """Exports over loopback into a live ingest, an append and an update watch beside it: once it has
    stopped, both have the batch answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    collector = begin(earlgrey, verb=["ingest", f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "200ms"])
    runs = [begin(earlgrey, "top", "-s", "src_ip", "-n", "0", "-d", "data", "--trigger", "continuous", "--window", "1s", "--late", "2s",
                  "--mode", "append", "-w", "append.jsonl"),
            begin(earlgrey, "top", "-s", "dst_ip", "-n", "0", "-d", "data", "--trigger", "continuous", "--mode", "update", "-w", "update.jsonl")]
    try:
        until(lambda: port_taken(port))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as exporter:
            for burst in range(15):
                hosts = range(1 + 10 * burst, 11 + 10 * burst)
                exporter.sendto(v5_capture.datagram(int(time.time()), 10 * burst, hosts), ("127.0.0.1", port))
                time.sleep(0.4)
        until(lambda: lines(tmp_path / "update.jsonl")[-1]["flows"] == 150)
        until(lambda: len({r["time"] for r in lines(tmp_path / "append.jsonl")}) >= 2)
    finally:
        for run in [*runs, collector]:
            run.send_signal(signal.SIGINT)
    told = [run.communicate(timeout=60)[1] for run in [*runs, collector]]
    assert [run.returncode for run in [*runs, collector]] == [0, 0, 0], told
    assert lines(tmp_path / "update.jsonl")[-1] == earlgrey.rows("top", "-s", "dst_ip", "-d", "data")[0]
    closed = re.search(r"closed up to (\S+), 0 rows too late", told[0]).group(1)
    rows = earlgrey.rows("top", "-s", "src_ip", "-n", "0", "--window", "1s", "-d", "data")
    assert lines(tmp_path / "append.jsonl") == [r for r in rows if r["time"] < closed]


def port_taken(port):
    """Whether somebody listens there (RFC 1122's answer to a closed port is not waited for)."""
    with open("/proc/net/udp", encoding="ascii") as table:
        return any(line.split()[1].endswith(f":{port:04X}") for line in list(table)[1:])


# ---- kill -9 ----

KILLS = 50


def ingest_all(program, files):
    """One file after the other, each a process of its own, as a collector's flushes come."""
    for name in files:
        program.ok("ingest", name, "-d", "data", "-q")


def killed(program, tmp_path, seed, words):
    """Kills the watch at random moments while files come in; then lets it come to an end."""
    pick = random.Random(seed)
    files = [write(tmp_path, f"m{i:03}.pcap", hours=1, per_hour=6, first_host=1 + 3 * i,
                   start=v5_capture.START + 100 * i) for i in range(90)]
    for i in range(0, len(files) - 1, 7):  # somewhat out of order, within what --late allows
        files[i], files[i + 1] = files[i + 1], files[i]
    writer = threading.Thread(target=ingest_all, args=(program, files))
    writer.start()
    try:
        for _ in range(KILLS):
            with begin(program, *words, "--trigger", "continuous", "-q") as run:
                try:
                    run.wait(pick.uniform(0, 0.3))
                    pytest.fail(f"it ended by itself: {run.stderr.read()}")
                except subprocess.TimeoutExpired:
                    run.kill()
    finally:
        writer.join(120)
    done = program.run("watch", *words, "--trigger", "once")
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.parametrize("seed, question, batch", [
    (1, ["top", "-n", "3"], ["top", "-n", "3", "--window", "5m"]),
    (2, ["trend", "--attribute", "end"], ["trend", "--attribute", "end", "--by", "5m"])])
def test_killed_append_equals_the_batch_answer(earlgrey, tmp_path, seed, question, batch):
    words = [*question, "-d", "data", "--window", "5m", "--late", "10m", "--mode", "append", "--checkpoint", "at", "-w", "out.jsonl"]
    account = killed(earlgrey, tmp_path, seed, words)
    closed = re.search(r"windows closed up to (\S+), 0 rows too late", account).group(1)
    rows = [r for r in earlgrey.rows(*batch, "-d", "data") if r["time"] < closed]
    assert len({r["time"] for r in rows}) >= 20
    assert lines(tmp_path / "out.jsonl") == rows


def test_killed_update_equals_the_batch_answer(earlgrey, tmp_path):
    killed(earlgrey, tmp_path, 3, ["top", "-s", "src_ip", "-n", "0", "-d", "data", "--mode", "update", "--checkpoint", "at",
                                   "-w", "out.jsonl"])
    last = {}
    for row in lines(tmp_path / "out.jsonl"):
        if row["src_ip"] in last:
            assert row["flows"] > last[row["src_ip"]]["flows"]
        last[row["src_ip"]] = row
    rows = earlgrey.rows("top", "-s", "src_ip", "-n", "0", "-d", "data")
    assert sorted(last.values(), key=str) == sorted(rows, key=str)
    assert len(rows) > 200

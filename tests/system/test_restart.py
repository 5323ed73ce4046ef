# SPDX-License-Identifier: Apache-2.0
"""What a collector remembers over a restart, and what it is told by its user: templates and sampling
rates learned from exports, rates from the command line and the configuration, which SIGHUP reads again."""
import signal
import socket
import struct
import time

import live

FIELDS = ((8, 4), (12, 4), (4, 1), (7, 2), (11, 2), (2, 4), (1, 4), (10, 2), (152, 8), (153, 8))


def message(sets, sequence):
    """An IPFIX message of domain 7."""
    body = b"".join(struct.pack(">HH", number, 4 + len(text)) + text for number, text in sets)
    return struct.pack(">HHIII", 10, 16 + len(body), int(time.time()), sequence, 7) + body


def template():
    """The set that describes record 256."""
    return 2, struct.pack(">HH", 256, len(FIELDS)) + b"".join(struct.pack(">HH", *f) for f in FIELDS)


def record(number, in_if=5):
    """A record whose source address carries its number."""
    now = int(time.time() * 1000)
    return 256, struct.pack(">I4sBHHIIHQQ", 0x0A000000 + number, bytes([10, 9, 9, 9]), 17, 1000, 53, 10, 1000, in_if,
                            now - 1000, now)


def rates(earlgrey):
    """(interface, sampling rate) of all flows, by their number."""
    return [(row["in_if"], row["sampling_rate"]) for row in earlgrey.rows(
        "sql", "-d", "data", "select in_if, sampling_rate from flows order by src_ip")]


def test_templates_survive(earlgrey):
    port, sender = live.free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    words = (f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "200ms")
    with live.Collector(earlgrey, *words) as collector:
        sender.sendto(message([template(), record(1)], 0), ("127.0.0.1", port))
        live.flows_there(earlgrey, 1)
        assert collector.end()["kept"]["flows"] == 1
    with live.Collector(earlgrey, *words) as collector:
        sender.sendto(message([record(2)], 1), ("127.0.0.1", port))
        live.flows_there(earlgrey, 2)
        collector.signal(signal.SIGKILL)
        collector.child.wait(60)
    with live.Collector(earlgrey, *words) as collector:
        sender.sendto(message([record(3)], 2), ("127.0.0.1", port))
        live.flows_there(earlgrey, 3)
        account = collector.end()
    assert account["lost"] == {} and "template_awaited" not in account["noted"], account
    assert len(rates(earlgrey)) == 3
    kept = earlgrey.ok("inspect", "data", "--templates")
    assert "127.0.0.1" in kept and "256" in kept and "sourceIPv4Address" in kept
    assert "keeps no templates" in earlgrey.run("inspect", ".", "--templates").stderr
    assert earlgrey.run("doctor", "-d", "data").returncode == 0
    sender.close()


def test_a_directory_hears_of_it_too(earlgrey, tmp_path):
    (tmp_path / "in").mkdir()
    config = tmp_path / "earlgrey.yaml"
    config.write_text("ingest:\n  sampling: ['*=7']\n")
    with live.Collector(earlgrey, "in", "-d", "data", "--follow", "--config", config) as collector:
        config.write_text("ingest:\n  sampling: ['*=8']\n")
        collector.signal(signal.SIGHUP)
        collector.wait_for("configuration was read again: 1 sampling")
        collector.end()


def rates_around_a_reload(earlgrey, config, first, then, *words):
    """The rates of a flow decoded with `first` as configuration, and of one after SIGHUP with `then`; what was said."""
    port, sender = live.free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    config.write_text(first)
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "200ms", "--config", config,
                        *words) as collector:
        sender.sendto(message([template(), record(1)], 0), ("127.0.0.1", port))
        live.flows_there(earlgrey, 1)
        config.write_text(then)
        collector.signal(signal.SIGHUP)
        collector.wait_for("configuration was read again")
        sender.sendto(message([record(2)], 1), ("127.0.0.1", port))
        live.flows_there(earlgrey, 2)
        collector.end()
    sender.close()
    return [rate for _, rate in rates(earlgrey)], "".join(collector.lines)


def test_a_rate_that_is_no_longer_there_goes(earlgrey, tmp_path):
    """The values of the configuration do not outlive it."""
    config = tmp_path / "earlgrey.yaml"
    told, said = rates_around_a_reload(earlgrey, config, "ingest:\n  sampling: ['*=7']\n", "ingest: {}\n")
    assert told == [7, None], told
    assert "read again: 0 sampling rates" in said


def test_the_command_line_always_wins(earlgrey, tmp_path):
    """A rate of the command line stands at the start and at every SIGHUP, changed or not."""
    config = tmp_path / "earlgrey.yaml"
    text = "ingest:\n  sampling: ['*=7']\n"
    told, said = rates_around_a_reload(earlgrey, config, text, text, "--sampling", "*=1000")
    assert told == [1000, 1000], told
    assert "read again: 1 sampling rates, those of the command line" in said


def test_sampling_is_told_and_told_again(earlgrey, tmp_path):
    port, sender = live.free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    config = tmp_path / "earlgrey.yaml"
    config.write_text("ingest:\n  sampling: [127.0.0.1/5=100, '*=7']\n")
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "200ms", "--config",
                        config) as collector:
        sender.sendto(message([template(), record(1), record(2, in_if=6)], 0), ("127.0.0.1", port))
        live.flows_there(earlgrey, 2)
        config.write_text("ingest:\n  sampling: ['127.0.0.1=50']\n")
        collector.signal(signal.SIGHUP)
        collector.wait_for("configuration was read again", seconds=5)  # although nothing arrives
        sender.sendto(message([record(3)], 2), ("127.0.0.1", port))
        sender.sendto(message([record(4)], 3), ("127.0.0.1", port))
        live.flows_there(earlgrey, 4)
        config.write_text("ingest:\n  sampling: ['nonsense']\n")
        collector.signal(signal.SIGHUP)
        collector.wait_for("the configuration stays as it was: --sampling takes")
        sender.sendto(message([record(5)], 4), ("127.0.0.1", port))
        collector.end()
    told = rates(earlgrey)
    assert told == [(5, 100), (6, 7)] + [(5, 50)] * 3, told
    bad = earlgrey.run("ingest", "udp://127.0.0.1:1", "-d", "other", "--sampling", "192.0.2.1=0")
    assert bad.returncode == 2 and "EXPORTER=RATE" in bad.stderr
    sender.close()

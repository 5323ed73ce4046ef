# SPDX-License-Identifier: Apache-2.0
"""What is written to is removed meanwhile, by somebody who cleans up: the collector says so, counts what is
gone with it, and its exit code tells."""
import shutil
import signal
import socket
import time

import live
import v5_capture


def send(port, first, count):
    """`count` datagrams of one record."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for i in range(first, first + count):
            sender.sendto(v5_capture.datagram(v5_capture.START, i, [i + 1]), ("127.0.0.1", port))


def test_the_dataset(earlgrey, tmp_path):
    port = live.free_port()
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "200ms") as collector:
        send(port, 0, 10)
        end = time.monotonic() + 60
        while not list(tmp_path.glob("data/flows/**/*.parquet")) and time.monotonic() < end:
            time.sleep(0.1)
        shutil.rmtree(tmp_path / "data")
        send(port, 10, 10)
        collector.wait_for("trying again every second")  # it may have been moved, and come back
        collector.signal(signal.SIGTERM)
        assert collector.child.wait(60) in (1, 3)
        collector.wait_for("the dataset data was removed while it was written to")
    assert not any("is in the spool" in line for line in collector.lines)


def test_the_directory_of_a_recording(earlgrey, tmp_path):
    port = live.free_port()
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "200ms", "--record",
                        "kept") as collector:
        send(port, 0, 10)
        end = time.monotonic() + 60
        while not list(tmp_path.glob("kept/**/.*.tmp")) and time.monotonic() < end:
            time.sleep(0.1)
        live.flows_there(earlgrey, 10)
        shutil.rmtree(tmp_path / "kept")
        time.sleep(1)
        send(port, 10, 7)
        live.flows_there(earlgrey, 17)
        account = collector.end(code=3)
    assert account["lost"]["recording_removed"]["packets"] == 10
    assert account["kept"]["flows"] == 17
    there = list(tmp_path.glob("kept/**/*.pcap"))
    assert len(there) == 1 and there[0].stat().st_size == 24 + 7 * (16 + 20 + 8 + 72)
    told = earlgrey.rows("sql", "-d", "data", "select sum(packets) n from losses where cause = 'recording_removed'")
    assert told[0]["n"] == 10

# SPDX-License-Identifier: Apache-2.0
"""Input that can be read only once, and commands that are hung up on: what no capture is is refused at its beginning,
and nothing is left over."""
import fcntl
import os
import signal
import subprocess
import time

import pytest
from conftest import EARLGREY
from make_odd import pcap

CAPTURE = pcap(*range(1, 200))
OLD = time.time() - 600


@pytest.fixture(name="copies")
def _copies(tmp_path, monkeypatch):
    """Where copies of such input are kept."""
    place = tmp_path / "copies"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    return place


def start(home, *words, **more):
    """A command that reads standard input, which stays open."""
    return subprocess.Popen([str(EARLGREY), *words], cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, **more)


def wait_for(truth):
    """Until it holds."""
    until = time.monotonic() + 30
    while not truth():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_in_small_pieces(tmp_path, copies):
    with start(tmp_path, "top", "-r", "-", "--no-header") as run:
        for i in range(0, 80):
            run.stdin.write(CAPTURE[i:i + 1])
            run.stdin.flush()
        out, told = run.communicate(CAPTURE[80:], timeout=60)
    assert run.returncode == 0 and out.count(b"\n") > 0, told
    assert b"standard input: no flow exports in it" in told and bytes(copies) not in told
    assert list(copies.iterdir()) == []


@pytest.mark.parametrize("verb", ["top", "inspect", "flows"])
def test_endless_input_of_another_kind(tmp_path, copies, verb):
    words = ["-"] if verb == "inspect" else ["-r", "-"]
    with open("/dev/zero", "rb") as zeros:
        done = subprocess.run([EARLGREY, verb, *words], cwd=tmp_path, stdin=zeros, capture_output=True, text=True, timeout=60,
                              check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"earlgrey: {verb}: standard input is not a capture: it begins with 00 00 00 00")
    assert list(copies.iterdir()) == []


@pytest.mark.parametrize("number, code", [(signal.SIGHUP, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -9)])
def test_hung_up_on(tmp_path, copies, number, code):
    """What a kill leaves is removed by the next run, and nothing that another one uses."""
    with start(tmp_path, "top", "-r", "-") as run:
        run.stdin.write(CAPTURE)
        run.stdin.flush()
        wait_for(lambda: any(path.stat().st_size for path in copies.iterdir()))
        run.send_signal(number)
        assert run.wait(30) == code
    left = list(copies.iterdir())
    assert len(left) == (code < 0)
    used = copies / "earlgrey-input-used"
    used.write_bytes(b"x")
    for path in (*left, used):
        os.utime(path, (OLD, OLD))
    with used.open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        with start(tmp_path, "top", "-r", "-") as run:
            assert run.communicate(CAPTURE, timeout=60)[0] and run.returncode == 0
    assert list(copies.iterdir()) == [used]


def test_what_is_written_when_hung_up_on(tmp_path):
    with start(tmp_path, "packets", "-r", "-", "-w", "out.pcap") as run:
        run.stdin.write(CAPTURE)
        run.stdin.flush()
        wait_for(lambda: any(tmp_path.iterdir()))  # the file it writes, under another name yet
        run.send_signal(signal.SIGHUP)
        assert run.wait(30) == 130
    assert list(tmp_path.iterdir()) == []


def test_with_nohup_it_goes_on(tmp_path, copies):
    ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}
    with start(tmp_path, "top", "-r", "-", **ignoring) as run:
        run.stdin.write(CAPTURE)
        run.stdin.flush()
        wait_for(lambda: any(path.stat().st_size for path in copies.iterdir()))
        run.send_signal(signal.SIGHUP)
        assert run.communicate(timeout=60)[0] and run.returncode == 0

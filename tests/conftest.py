# SPDX-License-Identifier: Apache-2.0
"""What all Python tests share: where the program and the captures are, and how to run it."""
import functools
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PRESET = os.environ.get("EG_PRESET", "release")
EARLGREY = ROOT / "build" / PRESET / "earlgrey"
SHARED = pathlib.Path(os.environ.get("EG_SHARED", ROOT.parent / "shared"))


@functools.lru_cache(None)
def claimed(path):
    """Whether this stream runs a file: the first to ask for it does (tools/run-tests starts several
    streams over the same files)."""
    folder = os.environ.get("EG_CLAIMS")
    try:
        if folder:
            os.close(os.open(os.path.join(folder, path.name), os.O_CREAT | os.O_EXCL))
        return True
    except FileExistsError:
        return False


def pytest_runtest_protocol(item, nextitem):
    """Leaves out, and does not count, what another stream runs. What the test before it left standing for this one
    is taken down as far as the next one does not need it."""
    if claimed(item.path):
        return None
    item.session._setupstate.teardown_exact(nextitem)
    return True


class Program:
    """Runs earlgrey as a user would: nothing inherited that could change its mind."""

    def __init__(self, home):
        self.home = home

    def run(self, *words, stdin=None, env=None, cwd=None, timeout=120, text=True):
        """The finished process: returncode, stdout, stderr."""
        clean = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8", "TZ": "UTC",
                 "ASAN_OPTIONS": "detect_leaks=0", **(env or {})}
        return subprocess.run([str(EARLGREY), *map(str, words)], input=stdin, capture_output=True,
                              text=text, env=clean, cwd=cwd or self.home, timeout=timeout, check=False)

    def ok(self, *words, **more):
        """Its standard output; anything but exit code 0 fails the test."""
        done = self.run(*words, **more)
        assert done.returncode == 0, f"exit {done.returncode}: {done.stderr}"
        return done.stdout

    def rows(self, *words, **more):
        """The answer as a list of dictionaries."""
        return json.loads(self.ok(*words, "--json", **more))


@pytest.fixture
def earlgrey(tmp_path):
    """The program, at home in an empty directory."""
    if not EARLGREY.exists():
        pytest.fail(f"{EARLGREY.relative_to(ROOT)} is not built")
    return Program(tmp_path)


@pytest.fixture(scope="session")
def shared():
    """The captures that others made; without them a test is skipped, in CI it fails."""
    if not (SHARED / "data").exists():
        if os.environ.get("CI") == "true":
            pytest.fail("the shared captures are missing")
        pytest.skip("the shared captures are not on this machine (EG_SHARED)")
    return SHARED / "data"


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """A generated capture of NetFlow v5 exports over three hours, and its truth."""
    return generated(tmp_path_factory, "gen_netflow", "--records", "60000", "--pairs", "2000",
                     "--hours", "3", "--exporters", "5")


@pytest.fixture(scope="session")
def packets(tmp_path_factory):
    """A generated capture of TCP, UDP and ICMP packets, and its truth."""
    return generated(tmp_path_factory, "gen_packets", "--packets", "20000", "--flows", "800",
                     "--live", "100")


def generated(tmp_path_factory, name, *options):
    """(path, truth) of a generator's capture."""
    path = tmp_path_factory.mktemp(name) / "made.pcap"
    text = subprocess.run([str(ROOT / "build" / "release" / "bench" / f"bench-{name}"), "--out",
                           str(path), *options], check=True, capture_output=True, text=True).stdout
    return path, json.loads(text)

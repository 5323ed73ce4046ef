# SPDX-License-Identifier: Apache-2.0
"""The program killed right after its n-th call that changes a file of a dataset: what tests of that
share. Calls are counted over all threads by a preloaded library (kill_at.c)."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys

import pytest

from conftest import EARLGREY, PRESET

HERE = pathlib.Path(__file__).resolve().parent


class Killer:
    """Runs the program in a directory, to its end or up to one of its calls."""

    def __init__(self, work, timeout=60):
        if not shutil.which("cc"):
            pytest.skip("no C compiler")
        if PRESET in ("asan", "tsan"):
            pytest.skip("a sanitizer's runtime must be loaded first")
        self.work, self.timeout, self.library = work, timeout, work / "kill_at.so"
        subprocess.run(["cc", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", self.library,
                        HERE / "kill_at.c", "-ldl"], check=True)

    def run(self, dataset, *words, at=None, log=None):
        """The finished process; `at`: the call after which it is killed, `log`: where the calls are told."""
        env = dict(os.environ)
        if at or log:
            env |= {"LD_PRELOAD": str(self.library), "EG_KILL_ROOT": str(dataset)}
            env |= {"EG_KILL_AT": str(at)} if at else {}
            env |= {"EG_KILL_LOG": str(log)} if log else {}
        return subprocess.run([str(EARLGREY), *map(str, words), "-d", str(dataset)], cwd=self.work, env=env,
                              capture_output=True, text=True, timeout=self.timeout, check=False)

    def dies(self, dataset, *words, at):
        """Whether it was killed there: a run may be over before, since threads share the count."""
        return self.run(dataset, *words, at=at).returncode == -signal.SIGKILL

    def calls(self, dataset, *words):
        """The calls of a run to its end, a line each."""
        log = self.work / "log"
        log.unlink(missing_ok=True)
        done = self.run(dataset, *words, log=log)
        assert done.returncode == 0, done.stderr
        return log.read_text(encoding="utf-8").splitlines()

    def each(self, points, words, *, make=None, look=None, after, often=4, stride=(3, 80), stays=0):
        """Kills `words` after each of these calls, in a dataset of its own (as `make` leaves it), and of
        the recoveries every `often`-th too, each time at another of its calls, by `stride`; a further
        run completes it. `look` sees the dataset after each of the former, `after` after the latter; the
        last `stays` datasets stay for readers. So many were killed, and recoveries."""
        killed = recoveries = 0
        for turn, point in enumerate(points):
            dataset, where = self.work / f"d{point}", f"point {point} of {words[0]}"
            for call in (make, look):
                if call:
                    call(dataset)
            killed += self.dies(dataset, *words, at=point)
            if look:
                look(dataset)
            if turn % often == 0:
                recoveries += self.dies(dataset, *words, at=1 + turn // often * stride[0] % stride[1])
                if look:
                    look(dataset)
            done = self.run(dataset, *words)
            assert done.returncode == 0, f"{where}: {done.stderr}"
            after(dataset, where, turn)
            if turn >= stays:
                shutil.rmtree(self.work / f"d{points[turn - stays]}")
        return killed, recoveries


def points_of(calls):
    """Which calls to kill after: all but the encoder's plain writes into a file that is not finished yet,
    which leave the same thing behind; of those every tenth."""
    points, plain = [], 0
    for number, line in enumerate(calls, 1):
        call, path = line.split(" ", 1)
        if call in ("write", "pwrite", "pwrite64") and path.endswith(".parquet.tmp"):
            plain += 1
            if plain % 10:
                continue
        points.append(number)
    return points


def leftovers(dataset):
    """What no run that came to its end leaves."""
    return [str(path.relative_to(dataset)) for path in dataset.rglob("*")
            if path.name.endswith((".tmp", ".intent", "-journal", ".swap", ".hour", ".spill", ".next"))
            or path.name.startswith(("writer-", "source-"))]


@contextlib.contextmanager
def reading(killer, *words):
    """Two programs of others read `current` of the killer's place all the while (poll_dataset.py); to a list, what
    each told."""
    current, stop, told = killer.work / "current", killer.work / "stop", []
    running = [subprocess.Popen([sys.executable, HERE / "poll_dataset.py", reader, current, stop, *words],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for reader in ("duckdb", "pyarrow")]
    yield current, told
    stop.touch()
    told += [reader.communicate(timeout=60)[0] for reader in running]
    assert not [one for one in told if "ERROR" in one], told

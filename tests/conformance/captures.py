# SPDX-License-Identifier: Apache-2.0
"""Where the shared captures and their goldens are, and the rows that the decoders make of them."""
import os
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(os.environ.get("EG_SHARED", os.path.join(ROOT, "..", "shared")), "data")
ROWS = os.environ.get("EG_CONFORMANCE_ROWS") or os.path.join(
    ROOT, "build", os.environ.get("EG_PRESET", "release"),
    "tests", "conformance", "conformance-rows")


def need():
    """Skips, with the reason, where the captures are not; under CI their absence is a failure."""
    if os.path.isdir(SHARED):
        return
    reason = f"no shared captures at {SHARED} (EG_SHARED names another place)"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def path(name):
    return os.path.join(SHARED, name)


def golden(kind, name):
    base = os.path.join(SHARED, "golden-tools", kind, name + ".tsv")
    return base if os.path.exists(base) else base + ".gz"


def with_golden(kind):
    """Names of the captures that have a golden of that kind, in order."""
    base = os.path.join(SHARED, "golden-tools", kind)
    names = []
    for directory, _, files in os.walk(base):
        for file in files:
            inside = os.path.relpath(os.path.join(directory, file), base)
            names.append(inside.removesuffix(".gz").removesuffix(".tsv"))
    return sorted(names)


def all_captures():
    """Names of all files that are captures by their name (results of tools stand beside them)."""
    names = []
    for folder in ("packets", "flow-export"):
        for directory, _, files in os.walk(os.path.join(SHARED, folder)):
            names += [os.path.relpath(os.path.join(directory, file), SHARED) for file in files
                      if file.endswith((".pcap", ".pcapng", ".pcapnano", ".cap", ".trace"))]
    return sorted(names)


def rows(table, *files, environment=None):
    """The rows as dictionaries of texts ("" is null), and the counters as lists of texts."""
    done = subprocess.run([ROWS, table, *files], capture_output=True, timeout=120,
                          env=os.environ | (environment or {}))
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    lines = done.stdout.decode("utf-8", errors="replace").split("\n")[:-1]
    names = lines[0].split("\t")
    tally = [line.split("\t")[1:] for line in lines if line.startswith("#tally\t")]
    return [dict(zip(names, line.split("\t"))) for line in lines[1:]
            if not line.startswith("#tally\t")], tally

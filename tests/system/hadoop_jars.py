# SPDX-License-Identifier: Apache-2.0
"""Hadoop's own reader and writer of sequence files: fetched by Maven once into build/hadoop, held against
checksums, compiled with the JDK, run. Skips, with the reason, where that cannot be; under CI it fails."""
import hashlib
import os
import shutil
import subprocess

import pytest
from conftest import ROOT

HERE = ROOT / "tests" / "system" / "hadoop"
BUILD = ROOT / "build" / "hadoop"


def missing(reason):
    """No Java, no jars: nothing is tested here."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def wanted():
    """{jar: SHA-256}"""
    lines = (HERE / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines)}


def whole():
    """Whether all jars are there, and are what they should be."""
    return all((BUILD / "lib" / name).exists()
               and hashlib.sha256((BUILD / "lib" / name).read_bytes()).hexdigest() == digest
               for name, digest in wanted().items())


def fetch():
    """The jars, by Maven."""
    if whole():
        return
    if not shutil.which("mvn"):
        missing("Maven is not installed (tools/install-packages test brings it)")
    shutil.rmtree(BUILD / "lib", ignore_errors=True)
    done = subprocess.run(["mvn", "-q", "-B", "-f", HERE / "pom.xml", "dependency:copy-dependencies",
                           f"-DoutputDirectory={BUILD / 'lib'}", "-DincludeScope=runtime"],
                          capture_output=True, text=True, timeout=600, check=False)
    if done.returncode != 0:
        missing(f"Maven cannot fetch Hadoop's jars: {done.stdout[-300:]}")
    assert whole(), "the jars that came are not those of jars.sha256"


class Hadoop:
    """Runs SequenceFiles.java."""

    def __init__(self):
        if not shutil.which("javac"):
            missing("no JDK is installed (tools/install-packages test brings one)")
        fetch()
        self.path = f"{BUILD / 'classes'}:{BUILD / 'lib'}/*"
        subprocess.run(["javac", "-cp", self.path, "-d", BUILD / "classes", HERE / "SequenceFiles.java"],
                       check=True, capture_output=True, timeout=120)

    def run(self, *words):
        """The finished process."""
        return subprocess.run(["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", self.path,
                               "SequenceFiles", *map(str, words)],
                              capture_output=True, text=True, timeout=120, check=False)

    def read(self, *files):
        """[(key, value)] of all of them, in order."""
        done = self.run("read", *files)
        assert done.returncode == 0, done.stderr
        lines = [line.split("\t") for line in done.stdout.splitlines() if not line.startswith("#")]
        return [(int(key), bytes.fromhex(value)) for key, _, value in lines]

    def copy(self, source, target, layout, codec="DefaultCodec", block=None, numbered=False):
        """Hadoop writes `target` with the records of `source`."""
        done = self.run("copy-int" if numbered else "copy", source, target, layout, codec, *([block] if block else []))
        assert done.returncode == 0, done.stderr

# SPDX-License-Identifier: Apache-2.0
"""A directory with a dataset in it, as a user sees it: the program is run there, and files are looked at."""
import subprocess

import duckdb

from conftest import EARLGREY


class Place:
    """`home` is where the program runs, `data` the dataset below it."""

    def __init__(self, home):
        self.home, self.data = home, home / "data"

    def run(self, *words, code=0):
        """All that it said, of which the exit code must be this."""
        done = subprocess.run([str(EARLGREY), *map(str, words)], cwd=self.home, capture_output=True,
                              text=True, timeout=120, check=False)
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stdout + done.stderr

    def ingest(self, *words, code=0):
        return self.run("ingest", *words, "-d", "data", code=code)

    def select(self, columns):
        """Of all flows, in order."""
        if not list(self.data.glob("flows/*/*/*.parquet")):
            return []
        return duckdb.sql(f"select {columns} from read_parquet('{self.data}/flows/*/*/*.parquet') order by all").fetchall()

    def hosts(self):
        return [row[0] for row in self.select("src_ip")]

    def files(self):
        return sorted(str(p.relative_to(self.data)) for p in self.data.rglob("*.parquet"))

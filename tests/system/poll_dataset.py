# SPDX-License-Identifier: Apache-2.0
"""Reads a dataset over and over as other programs do, while it is written: any error is told.

    poll_dataset.py duckdb|pyarrow CURRENT STOP [gone]     CURRENT is a file that names the dataset

With `gone`, a file that was listed and is not there any more is counted, not an error: that is what
others see of an hour that was exchanged between their listing it and reading it.
"""
import glob
import pathlib
import sys
import time


def with_duckdb(dataset):
    import duckdb
    if not glob.glob(f"{dataset}/flows/*/*/*.parquet"):
        return 0
    sql = f"select count(*), count(distinct src_ip) from read_parquet('{dataset}/flows/**/*.parquet', hive_partitioning=true)"
    with duckdb.connect() as connection:  # a failed query would leave a shared one in its transaction
        rows, different = connection.execute(sql).fetchone()
    assert rows == different, f"{rows} rows, {different} different"
    return rows


def with_pyarrow(dataset):
    import pyarrow.dataset
    if not glob.glob(f"{dataset}/flows/*/*"):
        return 0
    found = pyarrow.dataset.dataset(f"{dataset}/flows", format="parquet", partitioning="hive")
    if not found.files:
        return 0
    hosts = found.to_table(columns=["src_ip"])["src_ip"].to_pylist()
    assert len(hosts) == len(set(hosts)), f"{len(hosts)} rows, {len(set(hosts))} different"
    return len(hosts)


def main():
    look = {"duckdb": with_duckdb, "pyarrow": with_pyarrow}[sys.argv[1]]
    current, stop = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    looks = seen = gone = 0
    words = ("no such file", "no files found", "filenotfound") if sys.argv[4:] == ["gone"] else ()
    while not stop.exists():
        dataset = current.read_text(encoding="utf-8") if current.exists() else ""
        try:
            seen += look(dataset) > 0
        except Exception as error:  # whatever it is, a reader met it
            if any(word in repr(error).lower() for word in words):
                gone += 1
            else:
                print(f"ERROR {dataset}: {error!r}", flush=True)
        looks += 1
        time.sleep(0.01)
    print(f"gone {gone} looks {looks} seen {seen}")


main()

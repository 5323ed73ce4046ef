# SPDX-License-Identifier: Apache-2.0
"""Parquet files of ours, read by pyarrow, fastparquet and DuckDB: the rows that the JSON encoder, which
knows nothing of Parquet, wrote beside them; types that every engine has; ranges and null counts that are
those of the values; row groups of the promised size."""
import json
import os
import subprocess

import duckdb
import fastparquet
import pyarrow
import pyarrow.compute
import pyarrow.parquet
import pytest

from conftest import ROOT

SHAPES = ["none", "one", "few", "many", "nulls", "packets", "groups"]
TYPES = {"int16", "int32", "int64", "double", "bool", "string", "binary", "timestamp[us, tz=UTC]"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The directory that parquet_rows filled."""
    programs = sorted(ROOT.glob("build/*/tests/system/parquet_rows"), key=os.path.getmtime)
    if not programs:
        pytest.fail("parquet_rows is not built")
    directory = tmp_path_factory.mktemp("parquet")
    env = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    subprocess.run([programs[-1], directory], check=True, env=env)
    return directory


def expected(files, shape):
    """The rows as dictionaries; times are microseconds."""
    with open(files / f"{shape}.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def plain(value):
    """A value of any reader as the JSON encoder writes it."""
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        value = value.decode()
    return value


def columns_of(rows, table):
    """Column lists of the expected rows; JSON columns are objects there and texts in the file."""
    return {name: [row[name] for row in rows] for name in table.column_names}


def assert_same(name, got, wanted):
    """Equal lists; texts that hold JSON are compared as what they say."""
    if got == wanted:
        return
    assert len(got) == len(wanted), name
    for place, (a, b) in enumerate(zip(got, wanted)):
        if isinstance(b, dict):
            a = json.loads(a)
        assert a == b, f"{name}[{place}]: {a!r}, not {b!r}"


@pytest.mark.parametrize("shape", SHAPES)
def test_pyarrow(files, shape):
    table = pyarrow.parquet.read_table(files / f"{shape}.parquet")
    rows = expected(files, shape)
    assert {str(field.type) for field in table.schema} <= TYPES
    for name, wanted in columns_of(rows, table).items():
        column = table[name]
        if pyarrow.types.is_timestamp(column.type):
            column = column.cast(pyarrow.int64())
        assert_same(name, [plain(v) for v in column.to_pylist()], wanted)


@pytest.mark.parametrize("shape", SHAPES)
def test_fastparquet(files, shape):
    frame = fastparquet.ParquetFile(str(files / f"{shape}.parquet")).to_pandas()
    rows = expected(files, shape)
    assert len(frame) == len(rows)
    for name in frame.columns:
        column = frame[name]
        null = column.isna()
        if str(column.dtype).startswith("datetime"):
            if column.dt.tz is not None:
                column = column.dt.tz_convert(None)
            column = column.astype("datetime64[us]").astype("int64")
        got = [None if missing else plain(value) for value, missing in zip(column.tolist(), null)]
        assert_same(name, got, [row[name] for row in rows])


@pytest.mark.parametrize("shape", SHAPES)
def test_an_older_duckdb(files, shape):
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    path = files / f"{shape}.parquet"
    rows = expected(files, shape)
    described = connection.execute(f"DESCRIBE FROM read_parquet('{path}')").fetchall()
    wanted = ", ".join(f'epoch_us("{c[0]}")' if "TIME" in c[1] else f'"{c[0]}"' for c in described)
    got = connection.execute(f"SELECT {wanted} FROM read_parquet('{path}')").fetchall()
    for place, (name, *_) in enumerate(described):
        assert_same(name, [plain(row[place]) for row in got], [row[name] for row in rows])


@pytest.mark.parametrize("shape", [s for s in SHAPES if s != "none"])
def test_footers_tell_the_truth(files, shape):
    path = files / f"{shape}.parquet"
    file = pyarrow.parquet.ParquetFile(path)
    assert file.metadata.metadata[b"earlgrey"] == shape.encode()
    for group in range(file.metadata.num_row_groups):
        about = file.metadata.row_group(group)
        assert about.num_rows <= 200000
        table = file.read_row_group(group)
        for place in range(about.num_columns):
            column = about.column(place)
            values = table[column.path_in_schema]
            assert column.compression == "ZSTD"
            assert column.statistics.null_count == values.null_count
            if not column.statistics.has_min_max:
                assert values.null_count == len(values) or column.path_in_schema == "extra"
                continue
            least, most = (pyarrow.compute.min_max(values)[k] for k in ("min", "max"))
            assert (column.statistics.min, column.statistics.max) == (least.as_py(), most.as_py())

# SPDX-License-Identifier: Apache-2.0
"""The library as another program meets it: libearlgrey through ctypes, its batches through the Arrow C
stream interface into pyarrow, and the program's Arrow IPC output."""
import ctypes
import ipaddress
import os

import pyarrow as pa
import pytest

from conftest import PRESET, ROOT

FLOWS, PACKETS = 0, 1
TEXT, NATIVE = 0, 1
EG_OK, EG_E_NOENT, EG_E_FORMAT, EG_E_USAGE = 0, -3, -6, -7


class Error(ctypes.Structure):
    """struct eg_error"""
    _fields_ = [("status", ctypes.c_int), ("retriable", ctypes.c_bool), ("position", ctypes.c_int64),
                ("message", ctypes.c_char * 768)]


class Options(ctypes.Structure):
    """struct eg_reader_options"""
    _fields_ = [("table", ctypes.c_int), ("columns", ctypes.POINTER(ctypes.c_char_p)),
                ("column_count", ctypes.c_uint32), ("filter", ctypes.c_char_p),
                ("netflow_ports", ctypes.POINTER(ctypes.c_uint16)),
                ("netflow_port_count", ctypes.c_uint32), ("batch_rows", ctypes.c_uint32),
                ("style", ctypes.c_int), ("metered", ctypes.c_bool)]


class Stream(ctypes.Structure):
    """struct ArrowArrayStream: four callbacks and the producer's own pointer"""
    _fields_ = [("slots", ctypes.c_void_p * 5)]


class Library:
    """libearlgrey with the few functions used here."""

    def __init__(self, path):
        self.lib = ctypes.CDLL(str(path))
        self.lib.eg_reader_free.argtypes = [ctypes.c_void_p]

    def open(self, paths, table=PACKETS, style=TEXT, columns=None, where=None, batch_rows=0):
        """(status, error, reader)"""
        names = [str(p).encode() for p in paths]
        c_paths = (ctypes.c_char_p * len(names))(*names)
        options = Options(table=table, style=style, batch_rows=batch_rows,
                          filter=where.encode() if where else None)
        if columns is not None:
            options.columns = (ctypes.c_char_p * len(columns))(*[c.encode() for c in columns])
            options.column_count = len(columns)
        reader, error = ctypes.c_void_p(), Error()
        status = self.lib.eg_reader_open(ctypes.byref(reader), c_paths, ctypes.c_size_t(len(names)),
                                         ctypes.byref(options), ctypes.byref(error))
        return status, error, reader

    def table(self, *paths, **more):
        """All rows as a pyarrow table, validated to the last byte."""
        status, error, reader = self.open(paths, **more)
        assert status == EG_OK, error.message.decode()
        stream = Stream()
        assert self.lib.eg_reader_stream(reader, ctypes.byref(stream), ctypes.byref(error)) == EG_OK
        table = pa.RecordBatchReader._import_from_c(ctypes.addressof(stream)).read_all()
        table.validate(full=True)
        return table


@pytest.fixture(name="library", scope="session")
def _library():
    path = ROOT / "build" / PRESET / "libearlgrey.so"
    if not path.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("libearlgrey.so is not built")
        pytest.skip("libearlgrey.so is not built")
    return Library(path)


def captures(shared):
    """Small captures of others: Ethernet, raw IP, SLL, PPP, IPv6, VLANs, pcapng."""
    found = [p for p in sorted((shared / "packets").rglob("*"))
             if p.suffix in (".pcap", ".pcapng", ".cap") and 0 < p.stat().st_size < 200_000]
    assert len(found) > 50
    return found[::7]


def test_styles_tell_the_same(library, shared):
    rows = addresses = 0
    for path in captures(shared):
        status, error, reader = library.open([path])
        if status == EG_E_FORMAT:
            continue
        assert status == EG_OK, error.message
        library.lib.eg_reader_free(reader)
        text = library.table(path, style=TEXT)
        native = library.table(path, style=NATIVE)
        assert text.num_rows == native.num_rows, path
        assert text.column_names == native.column_names
        assert native.schema.field("src_ip").type == pa.binary(16)
        assert native.schema.field("file").type == pa.dictionary(pa.int32(), pa.utf8())
        assert native.schema.field("src_mac").type == pa.int64()
        assert text.schema.field("time").type == pa.timestamp("us", tz="UTC")
        for name in text.column_names:
            one, other = text[name].to_pylist(), native[name].to_pylist()
            if name.endswith("_ip"):
                other = [None if a is None else canonical(a) for a in other]
                addresses += sum(a is not None for a in one)
            elif name.endswith("_mac"):
                other = [None if m is None else f"{m:012x}" for m in other]
                one = [None if m is None else m.replace(":", "") for m in one]
            assert one == other, (path, name)
        rows += text.num_rows
    assert rows > 500 and addresses > 500


def canonical(packed):
    """RFC 5952 text of the 16 bytes, by Python; ::a.b.c.d is written without dots."""
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)


def test_batch_size_does_not_show(library, shared):
    for path in captures(shared)[:8]:
        if library.open([path])[0] != EG_OK:
            continue
        tables = [library.table(path, style=NATIVE, batch_rows=n) for n in (1, 7, 4096)]
        plain = [t.to_pydict() for t in tables]
        assert plain[0] == plain[1] == plain[2], path


def test_flows_out_of_exports(library, exports):
    path, truth = exports
    table = library.table(path, table=FLOWS)
    assert table.num_rows == truth["records"]
    assert sum(table["bytes"].to_pylist()) == truth["bytes"]
    assert set(table["source"].to_pylist()) == {"netflow5"}


def test_columns_and_filter(library, exports):
    path, truth = exports
    table = library.table(path, table=FLOWS, columns=["dst_ip", "bytes", "src_ip"],
                          where=f"host {truth['host']}")
    assert set(table.column_names) == {"src_ip", "dst_ip", "bytes"}
    assert table.num_rows == truth["host_flows"]
    assert sum(table["bytes"].to_pylist()) == truth["host_bytes"]


def test_a_stream_may_be_dropped_early(library, exports):
    path, _truth = exports
    status, error, reader = library.open([path], table=FLOWS, batch_rows=10)
    assert status == EG_OK, error.message
    stream = Stream()
    assert library.lib.eg_reader_stream(reader, ctypes.byref(stream), ctypes.byref(error)) == EG_OK
    batches = pa.RecordBatchReader._import_from_c(ctypes.addressof(stream))
    first = batches.read_next_batch()
    del batches
    first.validate(full=True)  # outlives its stream
    assert first.num_rows > 0


def test_errors(library, exports, tmp_path):
    path, _truth = exports
    not_a_capture = tmp_path / "letter.txt"
    not_a_capture.write_text("Dear Sir or Madam, " * 10)
    for paths, more, status, words in (
            ([tmp_path / "none.pcap"], {}, EG_E_NOENT, ["none.pcap"]),
            ([path, tmp_path / "none.pcap"], {}, EG_E_NOENT, ["none.pcap"]),
            ([not_a_capture], {}, EG_E_FORMAT, ["letter.txt"]),
            ([path], {"columns": ["scr_ip"]}, EG_E_USAGE, ["scr_ip", "src_ip"]),
            ([path], {"where": "prot tcp"}, EG_E_USAGE, ["prot"]),
            ([path], {"table": 3}, EG_E_USAGE, ["losses"])):
        got, error, _reader = library.open(paths, **more)
        assert got == status, error.message
        for word in words:
            assert word in error.message.decode()


def test_program_writes_arrow(earlgrey, exports, tmp_path):
    path, truth = exports
    out = tmp_path / "flows.arrow"
    earlgrey.ok("flows", "-r", path, "-n", "0", "-o", "arrow", "-w", out)
    with pa.OSFile(str(out)) as source:
        table = pa.ipc.open_stream(source).read_all()
    table.validate(full=True)
    assert table.num_rows == truth["records"]
    assert sum(table["bytes"].to_pylist()) == truth["bytes"]

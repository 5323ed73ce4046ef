# SPDX-License-Identifier: Apache-2.0
"""Captures whose data comes before its templates, more of it than is ever held: every record is there,
with the sampling rate that options brought, however many threads read it."""
import gzip
import json
import shutil

import pytest

from conftest import generated

QUESTION = """select count(*)::bigint records, sum(packets)::bigint packets, sum(bytes)::bigint bytes,
              min(sampling_rate) least, max(sampling_rate) most from flows"""


def wanted(truth):
    return [{"records": truth["records"], "packets": truth["packets"], "bytes": truth["bytes"],
             "least": truth["sampling"], "most": truth["sampling"]}]


@pytest.mark.parametrize("v9", (0, 1))
@pytest.mark.parametrize("exporters,records,least",
                         ((8, 460_000, 2 << 20), pytest.param(40, 2_400_000, 100 << 20, id="100 MiB")))
def test_all_records_are_there(earlgrey, tmp_path_factory, v9, exporters, records, least):
    """`least`: of an exporter's data before its templates, or of all of it."""
    path, truth = generated(tmp_path_factory, "gen_ipfix", "--v9", str(v9), "--records", str(records),
                            "--exporters", str(exporters), "--hours", "3", "--late", "2300")
    assert path.stat().st_size > least * (1 if least > 50 << 20 else exporters)
    for threads in (1, 4):
        assert earlgrey.rows("sql", QUESTION, "-r", path, "--threads", threads) == wanted(truth)
    path.unlink()


def test_in_a_dataset_and_compressed(earlgrey, tmp_path_factory, tmp_path):
    path, truth = generated(tmp_path_factory, "gen_ipfix", "--records", "460000", "--exporters", "8",
                            "--hours", "3", "--late", "2300")
    with open(path, "rb") as whole, gzip.open(tmp_path / "late.pcap.gz", "wb", 1) as packed:
        shutil.copyfileobj(whole, packed)
    for name in (path, tmp_path / "late.pcap.gz"):
        account = json.loads(earlgrey.ok("ingest", name, "-d", tmp_path / f"{name.suffix}.data", "--json"))
        assert account["lost"] == {}
        assert account["noted"]["template_awaited"]["records"] >= 8 * 2300
        assert earlgrey.rows("sql", QUESTION, "-d", tmp_path / f"{name.suffix}.data") == wanted(truth)


def test_a_pipe_holds_what_it_can(earlgrey, tmp_path_factory):
    """Nobody can read it twice: what is lost is counted."""
    path, truth = generated(tmp_path_factory, "gen_ipfix", "--records", "460000", "--exporters", "8",
                            "--hours", "3", "--late", "2300")
    account = json.loads(earlgrey.ok("ingest", "-", "-d", "data", "--json", stdin=path.read_bytes(), text=False))
    assert 0 < earlgrey.rows("sql", QUESTION, "-d", "data")[0]["records"] < truth["records"]
    assert account["lost"]["template_missing"]["records"] > 8000


def test_templates_say_what_was_decoded(earlgrey, tmp_path_factory):
    path, truth = generated(tmp_path_factory, "gen_ipfix", "--records", "460000", "--exporters", "8",
                            "--hours", "3", "--late", "2300")
    templates = map(json.loads, earlgrey.ok("inspect", path, "--templates", "--json").splitlines())
    assert sum(t["records"] for t in templates if t["of"] == "flows") == truth["records"]

# SPDX-License-Identifier: Apache-2.0
"""Two exporters behind one address, with the same domain and template id and other layouts: with
--exporter-ports each is read by its own template and numbered by itself, after a restart too."""
import time

import pytest

import live
from export_model import FIELDS, TIMES, Exporter, socket_of, template_set


class Turned(Exporter):
    """The same fields in an order that has the same length, so that nothing but the values would tell."""

    def _ipfix(self, sources, template):
        made = super()._ipfix(sources, False)
        size = len(made) - 20
        assert size % len(sources) == 0
        records = b""
        for i in range(len(sources)):
            record = made[20 + i * (size // len(sources)):][:size // len(sources)]
            records += record[4:8] + record[:4] + record[12:16] + record[8:12] + record[16:]
        fields = (FIELDS[1], FIELDS[0], FIELDS[3], FIELDS[2], *FIELDS[4:], *TIMES["ipfix"])
        sets = (template_set("ipfix", fields=fields) if template else b"") + made[16:20] + records
        return made[:2] + (16 + len(sets)).to_bytes(2, "big") + made[4:16] + sets


def exporters():
    """Each with a socket of its own at one address; their numbers are far from each other."""
    return [(socket_of(), Exporter("ipfix", domain=7, name=1)), (socket_of(), Turned("ipfix", domain=7, name=2, first=500_000))]


def send(pairs, port, rounds, templates):
    """In turns; how many records each sent."""
    for i in range(rounds):
        for s, exporter in pairs:
            s.sendto(exporter.datagram(3, template=templates and i % 10 == 0)[0], ("127.0.0.1", port))
            if not i:
                time.sleep(0.2)  # its template is there before the other's
        if i % 20 == 19:
            time.sleep(0.01)
    time.sleep(0.5)
    return 3 * rounds


RIGHT = ("select count(*) n, count(distinct src_ip) flows from flows where dst_ip = '10.9.9.0' and bytes = 1000 and packets = 3"
         " and src_ip::varchar like '10.%.0.%' and exporter = '127.0.0.1'")


@pytest.mark.parametrize("where", ["127.0.0.1", "*"])
def test_each_is_read_by_its_own_template(earlgrey, tmp_path, where):
    port, pairs = live.free_port(), exporters()
    config = tmp_path / "earlgrey.yaml"
    config.write_text(f"ingest:\n  exporter-ports: ['{where}']\n")
    words = (f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "300ms", "--config", config)
    with live.Collector(earlgrey, *words) as collector:
        count = send(pairs, port, 40, True)
        assert collector.end()["lost"] == {}
    with live.Collector(earlgrey, *words) as collector:  # which knows the templates of both
        count += send(pairs, port, 40, False)
        account = collector.end()
    assert account["lost"] == {} and "template_awaited" not in account["noted"], account
    for cause in ("template_changed", "sequence_reset", "sequence_late", "sequence_repeated"):
        assert cause not in account["noted"], account
    rows = earlgrey.rows("sql", "-d", "data", RIGHT)
    assert rows == [{"n": 2 * count, "flows": 2 * count}]
    told = earlgrey.ok("inspect", "data", "--templates")
    for s, _ in pairs:
        assert str(s.getsockname()[1]) in told
        s.close()


def test_else_the_port_does_not_count(earlgrey):
    """One exporter that restarts with another port goes on with its templates; two are taken for one."""
    port, pairs = live.free_port(), exporters()
    moved = (socket_of(), pairs[0][1])
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "300ms", "--exporter-ports",
                        "192.0.2.1") as collector:
        count = send(pairs[:1], port, 20, True) + send([moved], port, 20, False)
        until = time.monotonic() + 60
        while earlgrey.rows("sql", "-d", "data", RIGHT) != [{"n": count, "flows": count}]:
            assert time.monotonic() < until, earlgrey.rows("sql", "-d", "data", RIGHT)
            time.sleep(0.2)
        send(pairs[1:], port, 1, True)
        account = collector.end()
    assert account["lost"].keys() <= {"sequence_gap"} and account["noted"]["template_changed"]["records"] == 1
    for s, _ in (*pairs, moved):
        s.close()


def test_what_is_no_address(earlgrey):
    done = earlgrey.run("ingest", "udp://127.0.0.1:1", "-d", "data", "--exporter-ports", "router")
    assert done.returncode == 2 and "an address or *" in done.stderr

# SPDX-License-Identifier: Apache-2.0
"""A killed run on an interface cannot read its packets again: those that are kept and that no flow counts are
counted by the next run on it, once."""
import json
import signal
import struct
import time

from conftest import EARLGREY
from lone_wire import Log, wait_for, wire  # noqa: F401


class Run:
    """An ingest of eg1 that has begun to capture."""

    def __init__(self, of, data, tables="auto"):
        self.log = Log()
        self.child = of.start(EARLGREY, "ingest", "iface:eg1", "-d", data, "--json", "--interval", "300ms",
                              "--tables", tables, stderr=self.log)
        wait_for(lambda: "capturing on" in self.log.text())

    def end(self):
        self.child.send_signal(signal.SIGTERM)
        out = self.child.communicate(timeout=60)[0]
        assert self.child.returncode == 0, self.log.text()
        return json.loads(out)


def test_open_flows_of_a_killed_run(wire, earlgrey, tmp_path, packets):  # noqa: F811
    data = tmp_path / "data"

    def one(query):
        return list(earlgrey.rows("sql", query, "-d", data)[0].values())

    def kept():
        return one("select count(*)::bigint n, sum(length)::bigint b from packets")

    def metered():
        return one("select coalesce(sum(packets), 0)::bigint n, coalesce(sum(bytes), 0)::bigint b from flows")

    def lost():
        return one("select coalesce(sum(packets), 0)::bigint n, coalesce(sum(bytes), 0)::bigint b from losses "
                   "where cause = 'metering_ended'")
    run = Run(wire, data)
    wire.replay(packets[0], "--pps=20000", "--limit=3000")
    wait_for(lambda: data.exists() and kept()[0] == 3000)
    run.child.kill()
    run.child.wait(60)
    missing = [a - b for a, b in zip(kept(), metered())]
    assert missing[0] > 0 and lost() == [0, 0]
    for more in (0, 2000, 0):  # the next run tells it, an idle one, too; those behind it tell nothing
        run = Run(wire, data)
        if more:
            wire.replay(packets[0], "--pps=20000", f"--limit={more}")
            wait_for(lambda: kept()[0] == 5000)
        else:
            wait_for(lambda: lost() == missing)
        account = run.end()
        told = account["lost"].get("metering_ended", {}).get("packets", 0)
        assert told == (missing[0] if not more and kept()[0] == 3000 else 0)
        assert lost() == missing
        assert [a + b for a, b in zip(metered(), lost())] == kept()
    assert earlgrey.run("doctor", "-d", data).returncode == 0


def lengths(capture, count):
    """The sum of the lengths of its first so many packets."""
    data, at, sum_of = capture.read_bytes(), 24, 0
    for _ in range(count):
        kept, length = struct.unpack_from("<II", data, at + 8)
        at, sum_of = at + 16 + kept, sum_of + length
    return sum_of


def test_open_flows_without_packets(wire, earlgrey, tmp_path, packets):  # noqa: F811
    """Where packets are not kept nothing but the flows could count them: they are told all the same."""
    data = tmp_path / "data"

    def one(query):
        return list(earlgrey.rows("sql", query, "-d", data)[0].values())
    run = Run(wire, data, "flows")
    wire.replay(packets[0], "--pps=20000", "--limit=3000")
    wait_for(lambda: (data / "_earlgrey").exists())
    time.sleep(3)
    run.child.kill()
    run.child.wait(60)
    for turn in range(2):
        told = Run(wire, data, "flows").end()["lost"].get("metering_ended", {"packets": 0, "bytes": 0})
        assert (told["packets"] > 0) == (turn == 0)
        found = one("select (select coalesce(sum(packets), 0) from flows)::bigint + sum(packets)::bigint n,"
                    " (select coalesce(sum(bytes), 0) from flows)::bigint + sum(bytes)::bigint b"
                    " from losses where cause = 'metering_ended'")
        assert found == [3000, lengths(packets[0], 3000)]
    run = Run(wire, data, "packets")  # these are in no flow since nobody asked for any
    wire.replay(packets[0], "--pps=20000", "--limit=500")
    wait_for(lambda: one("select count(*)::bigint n from packets")[0] == 500)
    run.child.kill()
    run.child.wait(60)
    assert Run(wire, data, "packets").end()["lost"] == {}
    assert Run(wire, data, "auto").end()["lost"] == {}

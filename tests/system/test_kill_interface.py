# SPDX-License-Identifier: Apache-2.0
"""A killed run on an interface cannot read its packets again: those that are kept and that no flow counts are
counted by the next run on it, once."""
import json
import signal

from conftest import EARLGREY
from lone_wire import Log, wait_for, wire  # noqa: F401


class Run:
    """An ingest of eg1 that has begun to capture."""

    def __init__(self, of, data):
        self.log = Log()
        self.child = of.start(EARLGREY, "ingest", "iface:eg1", "-d", data, "--json", "--interval", "300ms",
                              stderr=self.log)
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
    wait_for(lambda: data.exists() and kept()[0] == 3000, 20)
    run.child.kill()
    run.child.wait(20)
    missing = [a - b for a, b in zip(kept(), metered())]
    assert missing[0] > 0 and lost() == [0, 0]
    for more in (0, 2000, 0):  # the next run tells it, an idle one, too; those behind it tell nothing
        run = Run(wire, data)
        if more:
            wire.replay(packets[0], "--pps=20000", f"--limit={more}")
            wait_for(lambda: kept()[0] == 5000, 20)
        else:
            wait_for(lambda: lost() == missing, 20)
        account = run.end()
        told = account["lost"].get("metering_ended", {}).get("packets", 0)
        assert told == (missing[0] if not more and kept()[0] == 3000 else 0)
        assert lost() == missing
        assert [a + b for a, b in zip(metered(), lost())] == kept()
    assert earlgrey.run("doctor", "-d", data).returncode == 0

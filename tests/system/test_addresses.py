# SPDX-License-Identifier: Apache-2.0
"""Addresses that a collector receives on: IPv6, groups, several at once with several workers each; what was
sent to each is there, once."""
import json
import sys

import live
from lone_wire import refused, wait_for, wire  # noqa: F401
from v5_capture import START, datagram

# Sends [[family, address, port, [payload in hex]]] from a socket each, no faster than buffers take it.
SEND = """
import json, socket, sys, time
for family, address, port, payloads in json.load(sys.stdin):
    s = socket.socket(socket.AF_INET6 if family == 6 else socket.AF_INET, socket.SOCK_DGRAM)
    if family == 4:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    for i, payload in enumerate(payloads):
        s.sendto(bytes.fromhex(payload), (address, port))
        if i % 20 == 19:
            time.sleep(0.002)
"""


def made(count, first, each=10):
    """So many datagrams of so many flows, whose sources count on from `first`."""
    return [datagram(START, i * each, range(first + i * each, first + (i + 1) * each)).hex() for i in range(count)]


def test_every_kind_of_address(earlgrey, wire):
    """IPv6 and IPv4 with three workers for each port, and a group; thirty senders and 12,000 flows."""
    wire.run("sh", "-c", "echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6", check=False)
    if "::1" not in wire.run("ip", "-6", "addr", "show", "dev", "lo").stdout:
        refused("there is no IPv6 here")
    wire.run("ip", "link", "set", "lo", "multicast", "on")
    wire.run("ip", "route", "add", "239.0.0.0/8", "dev", "lo")
    ports = [20001, 20002, 20003]  # in a network of its own: nobody has them
    places = [(6, "::1", "[::1]"), (4, "127.0.0.1", "127.0.0.1"), (4, "239.77.1.2", "239.77.1.2")]
    uris = [f"udp://{name}:{port}" for (_, _, name), port in zip(places, ports)]
    uris[0] += "?workers=3&interface=lo"
    plan = [[family, address, port, made(40, 1 + 400 * (10 * k + sender))]
            for k, ((family, address, _), port) in enumerate(zip(places, ports)) for sender in range(10)]
    with live.Collector(earlgrey, *uris, "-d", "data", "--interval", "300ms", namespace=wire.name) as collector:
        for uri in uris:
            collector.wait_for("listening on .*" + uri.split("?")[0].split("/")[2].replace("[", r"\[").replace("]", r"\]"))
        sent = wire.run(sys.executable, "-c", SEND, input=json.dumps(plan), check=False)
        assert sent.returncode == 0, sent.stderr
        wait_for(lambda: earlgrey.run("inspect", "data", "--json").returncode == 0 and earlgrey.rows(
            "sql", "-q", "-d", "data", "select count(*) n from flows") == [{"n": 12000}], 20)
        account = collector.end()
    assert account["read"]["packets"] == 1200 and account["kept"]["flows"] == 12000
    rows = earlgrey.rows("sql", "-d", "data", "select exporter, count(*) n, count(distinct src_ip) hosts, "
                         "cast(sum(bytes) as bigint) bytes from flows group by all order by all")
    assert sum(row["n"] for row in rows) == sum(row["hosts"] for row in rows) == 12000
    assert sum(row["bytes"] for row in rows) == sum(1000 + host for host in range(1, 12001))
    assert {row["exporter"] for row in rows} == {"::1", "127.0.0.1"}

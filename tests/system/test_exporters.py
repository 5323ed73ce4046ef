# SPDX-License-Identifier: Apache-2.0
"""Real exporters over loopback: what softflowd and pmacctd make of a capture, and what arrives of it
in the dataset, sums to the capture's own packets and bytes."""
import os
import shutil
import socket
import struct
import subprocess
import time

import pytest

import live
from lone_wire import wait_for, wire  # noqa: F401

# Captures in which softflowd itself counts what tshark counts (in others it is off by some bytes).
CAPTURES = ("packets/ndpi/KakaoTalk_chat.pcap", "packets/ndpi/http_ipv6.pcap")


def program(name):
    """The exporter; without it the test is skipped, in CI it fails."""
    found = live.installed(name)
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{name} is missing; tools/install-packages test brings it")
        pytest.skip(f"{name} is not installed")
    return found


def truth(capture):
    """Packets and IP bytes of the capture by protocol, as tshark counts them."""
    text = subprocess.run(["tshark", "-n", "-r", capture, "-T", "fields", "-e", "ip.proto", "-e", "ip.len",
                           "-e", "ipv6.nxt", "-e", "ipv6.plen"],
                          check=True, capture_output=True, text=True).stdout
    sums = {}
    for line in text.splitlines():
        proto, length, next_header, payload = (field.split(",")[0] for field in line.split("\t"))
        if not proto and not next_header:
            continue
        proto, length = (int(proto), int(length)) if proto else (int(next_header), int(payload) + 40)
        packets, size = sums.get(proto, (0, 0))
        sums[proto] = (packets + 1, size + length)
    return sums


def softflowd(capture, home, port, version):
    """Runs softflowd over the capture."""
    subprocess.run([program("softflowd"), "-r", capture, "-n", f"127.0.0.1:{port}", "-v", str(version),
                    "-c", "ctl", "-p", "pid", "-d"], check=True, capture_output=True, timeout=60,
                   cwd=home)  # it cannot take a long path of its control socket


def pmacctd(capture, home, port, plugin, extra=""):
    """Runs pmacctd over the capture until it has nothing more to say."""
    (home / "pmacctd.conf").write_text(
        f"daemonize: false\nplugins: {plugin}\n{plugin}_receiver: 127.0.0.1:{port}\n{extra}")
    child = subprocess.Popen([program("pmacctd"), "-f", home / "pmacctd.conf", "-I", capture],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        child.wait(60)
    except subprocess.TimeoutExpired:
        child.terminate()
        child.wait(60)


EXPORTERS = {
    "softflowd-netflow5": lambda *a: softflowd(*a, 5),
    "softflowd-netflow9": lambda *a: softflowd(*a, 9),
    "softflowd-ipfix": lambda *a: softflowd(*a, 10),
    "pmacctd-netflow5": lambda *a: pmacctd(*a, "nfprobe", "nfprobe_version: 5\n"),
    "pmacctd-netflow9": lambda *a: pmacctd(*a, "nfprobe", "nfprobe_version: 9\n"),
    "pmacctd-ipfix": lambda *a: pmacctd(*a, "nfprobe", "nfprobe_version: 10\n"),
}


@pytest.mark.parametrize("capture", CAPTURES)
@pytest.mark.parametrize("name", EXPORTERS)
def test_real_exporter(earlgrey, shared, name, capture):
    if "ipv6" in capture and "netflow5" in name:
        return  # NetFlow v5 has none
    port = live.free_port()
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "1s") as collector:
        EXPORTERS[name](shared / capture, earlgrey.home, port)
        time.sleep(1)
        account = collector.end()
    assert account["lost"] == {}, account
    rows = earlgrey.rows("sql", "-d", "data", "select proto, source, cast(sum(packets) as bigint) packets, "
                         "cast(sum(bytes) as bigint) bytes from flows group by all")
    assert {row["source"] for row in rows} == {name.split("-")[1]}
    assert {row["proto"]: (row["packets"], row["bytes"]) for row in rows} == truth(shared / capture)


def test_sflow_probe(earlgrey, shared, tmp_path):
    """sfprobe keeps its last samples to itself when the capture is over, and so what it sent passes
    through the test, and is held against what tshark finds in it."""
    port, relay = live.free_port(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    relay.bind(("127.0.0.1", 0))
    relay.settimeout(2)
    sent = []
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "1s") as collector:
        pmacctd(shared / CAPTURES[1], earlgrey.home, relay.getsockname()[1], "sfprobe", "sampling_rate: 1\n")
        try:
            while True:
                sent.append(relay.recv(65535))
                relay.sendto(sent[-1], ("127.0.0.1", port))
        except TimeoutError:
            relay.close()
        account = collector.end()
    assert account["lost"] == {}, account
    assert account["decoded"]["exports"] == len(sent) > 10
    with open(tmp_path / "sent.pcap", "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for payload in sent:
            packet = struct.pack(">BBHHHBBH4s4sHHHH", 0x45, 0, 28 + len(payload), 1, 0, 64, 17, 0, bytes([192, 0, 2, 1]),
                                 bytes([192, 0, 2, 2]), 4000, 6343, 8 + len(payload), 0) + payload
            out.write(struct.pack("<IIII", 1, 0, len(packet), len(packet)) + packet)
    text = subprocess.run(["tshark", "-n", "-r", tmp_path / "sent.pcap", "-T", "fields", "-e", "ip.proto", "-e", "ip.len",
                           "-e", "ipv6.nxt", "-e", "ipv6.plen"],
                          check=True, capture_output=True, text=True).stdout
    sums = {}
    for line in text.splitlines():
        protos, lengths, nexts, payloads = (field.split(",") if field else [] for field in line.split("\t"))
        for proto, length in [*zip(map(int, protos[1:]), map(int, lengths[1:])),
                              *zip(map(int, nexts), (int(n) + 40 for n in payloads))]:
            packets, size = sums.get(proto, (0, 0))
            sums[proto] = (packets + 1, size + length)
    rows = earlgrey.rows("sql", "-d", "data", "select proto, cast(sum(packets) as bigint) packets, "
                         "cast(sum(bytes) as bigint) bytes from flows where source = 'sflow' group by all")
    assert {row["proto"]: (row["packets"], row["bytes"]) for row in rows} == sums


def ip_sums(earlgrey):
    """Packets and bytes of the flows in the dataset by protocol; of what is no IP nothing."""
    if earlgrey.run("inspect", "data", "--json").returncode:
        return {}  # there is none so far
    rows = earlgrey.rows("sql", "-q", "-d", "data", "select proto, cast(sum(packets) as bigint) packets, "
                         "cast(sum(bytes) as bigint) bytes from flows where proto is not null group by all")
    return {row["proto"]: (row["packets"], row["bytes"]) for row in rows}


LIVE = {
    "sflow": "plugins: sfprobe\nsfprobe_receiver: 127.0.0.1:{port}\nsampling_rate: 1\n",
    **{name: "plugins: nfprobe\nnfprobe_receiver: 127.0.0.1:{port}\nnfprobe_version: " + version +
             "\nnfprobe_timeouts: tcp=1:tcp.rst=1:tcp.fin=1:udp=1:icmp=1:general=1:maxlife=1:expint=1\n"
       for name, version in (("netflow5", "5"), ("netflow9", "9"), ("ipfix", "10"))},
}


ETHERNET = (CAPTURES[1], "packets/pcapplusplus/example.pcap")


def probed(earlgrey, wire, how, capture, pps, want):
    """The account of a collector to which pmacctd on eg1 tells of a capture that is played on eg0."""
    port, total = live.free_port(), sum(packets for packets, _ in want.values())
    (earlgrey.home / "pmacctd.conf").write_text("daemonize: false\npcap_interface: eg1\nplugin_pipe_size: 33554432\n" + how.format(port=port))
    with live.Collector(earlgrey, f"udp://127.0.0.1:{port}", "-d", "data", "--interval", "500ms",
                        namespace=wire.name) as collector:
        probe = wire.start(program("pmacctd"), "-f", earlgrey.home / "pmacctd.conf", stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        wait_for(lambda: len(wire.run("cat", "/proc/net/packet").stdout.splitlines()) > 1)  # it has opened eg1
        wire.replay(capture, f"--pps={pps}")
        until = time.monotonic() + 8
        # the last packet it may keep until another comes, or the end
        while sum(packets for packets, _ in ip_sums(earlgrey).values()) < total - 1 and time.monotonic() < until:
            time.sleep(0.2)
        probe.terminate()
        probe.wait(60)
        time.sleep(1)
        return collector.end()


@pytest.mark.parametrize("source, capture", [(source, capture) for source in LIVE for capture in ETHERNET
                                             # NetFlow v5 has no IPv6; of so few packets sfprobe keeps some
                                             if capture != CAPTURES[1] or source not in ("netflow5", "sflow")])
def test_live_probe(earlgrey, shared, tmp_path, wire, source, capture):
    """pmacctd on an interface, past which a capture is played: every packet of it arrives, once. On a busy
    machine the probe itself may miss some, and says nothing of it; then it is asked again, more slowly."""
    want = truth(shared / capture)
    for interface in ("eg0", "eg1"):  # captures hold packets that a card had joined
        wire.run("ip", "link", "set", interface, "mtu", 16000)
    for pps in (5000, 1000, 500):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        account = probed(earlgrey, wire, LIVE[source], shared / capture, pps, want)
        if ip_sums(earlgrey) == want:
            break
    assert account["lost"] == {}, account
    assert ip_sums(earlgrey) == want
    assert {row["source"] for row in earlgrey.rows("sql", "-d", "data", "select distinct source from flows")} == {source}

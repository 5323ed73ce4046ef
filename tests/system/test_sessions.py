# SPDX-License-Identifier: Apache-2.0
"""IPFIX over TCP and TLS into the program, from Python's own ssl, and datagrams passed on to another
collector as they came: what goes in at one end comes out at the other."""
import shutil
import socket
import ssl
import struct
import subprocess
import time

import pytest

from live import Collector, free_port


def message(number, size=200):
    """An IPFIX message with a number in it."""
    return struct.pack(">HHIII", 10, size, 1_700_000_000, number, 7) + bytes(size - 16)


def udp_receiver():
    """A UDP socket that stands for another collector."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind(("127.0.0.1", 0))
    s.settimeout(10)
    return s


@pytest.fixture
def receiver():
    """One for the time of a test."""
    with udp_receiver() as s:
        yield s


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, and certificates of a server and a client, made by openssl."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    place = tmp_path_factory.mktemp("certificates")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=place, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2")
    for name in ("server", "client"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-out", f"{name}.pem", "-days", "2")
    return place


def numbers(receiver, count):
    return [struct.unpack(">I", receiver.recv(70000)[8:12])[0] for _ in range(count)]


def test_messages_over_tcp(earlgrey, receiver):
    port = free_port(socket.SOCK_STREAM)
    with Collector(earlgrey, f"tcp://127.0.0.1:{port}", "--to",
                   f"udp://127.0.0.1:{receiver.getsockname()[1]}") as collector:
        with socket.create_connection(("127.0.0.1", port)) as s:
            stream = b"".join(message(i, 100 + i) for i in range(500))
            for at in range(0, len(stream), 777):
                s.sendall(stream[at:at + 777])
            assert numbers(receiver, 500) == list(range(500))
        collector.end()


def test_messages_over_tls(earlgrey, receiver, certificates):
    port = free_port(socket.SOCK_STREAM)
    uri = (f"tcp://127.0.0.1:{port}?tls-cert={certificates}/server.pem&tls-key={certificates}/server.key"
           f"&tls-ca={certificates}/ca.pem")
    with Collector(earlgrey, uri, "--to", f"udp://127.0.0.1:{receiver.getsockname()[1]}") as collector:
        context = ssl.create_default_context(cafile=certificates / "ca.pem")
        context.check_hostname = False
        context.load_cert_chain(certificates / "client.pem", certificates / "client.key")
        with socket.create_connection(("127.0.0.1", port)) as plain, \
                context.wrap_socket(plain) as s:
            assert s.version() == "TLSv1.3"
            for i in range(300):
                s.sendall(message(i, 1000))
            assert numbers(receiver, 300) == list(range(300))
        # Without a certificate, and without TLS, nothing comes through, and it is said why.
        context = ssl.create_default_context(cafile=certificates / "ca.pem")
        context.check_hostname = False
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with socket.create_connection(("127.0.0.1", port)) as plain, \
                    context.wrap_socket(plain) as s:
                s.sendall(message(1000))
                s.recv(1)
                raise ConnectionError("closed")
        collector.wait_for(r"TCP session of 127.0.0.1 .*TLS")
        collector.end()
    receiver.settimeout(0.2)
    with pytest.raises(TimeoutError):
        receiver.recv(100)


def test_certificates_that_are_not_there(earlgrey):
    done = earlgrey.run("ingest", "tcp://127.0.0.1:0?tls-cert=/no/such.pem", "--to", "null:")
    assert done.returncode == 1
    assert "cannot read the TLS certificate /no/such.pem" in done.stderr


def test_datagrams_are_passed_on_to_several(earlgrey, receiver):
    port = free_port()
    with udp_receiver() as second:
        with Collector(earlgrey, f"udp://127.0.0.1:{port}", "--to",
                       f"udp://127.0.0.1:{receiver.getsockname()[1]}", "--to",
                       f"udp://127.0.0.1:{second.getsockname()[1]}") as collector:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                for i in range(200):
                    s.sendto(message(i), ("127.0.0.1", port))
                    if i % 50 == 0:
                        time.sleep(0.01)
            assert numbers(receiver, 200) == list(range(200))
            assert numbers(second, 200) == list(range(200))
            collector.end()


TEMPLATES = {  # the same number means something else in each session
    "a": struct.pack(">HHHH" + "HH" * 3, 2, 20, 256, 3, 8, 4, 12, 4, 1, 8),  # src, dst, bytes
    "b": struct.pack(">HHHH" + "HH" * 3, 2, 20, 256, 3, 1, 8, 12, 4, 8, 4),  # bytes, dst, src
}


def ipfix(sequence, *sets):
    """A message of these sets."""
    body = b"".join(sets)
    return struct.pack(">HHIII", 10, 16 + len(body), int(time.time()), sequence, 7) + body


def flow_set(session, number):
    """One record: from 10.x.x.x by its number to 10.9.9.9, number + 1 bytes."""
    source, destination, size = struct.pack(">I", 0x0A000000 + number), bytes([10, 9, 9, 9]), number + 1
    record = source + destination + struct.pack(">Q", size) if session == "a" else \
        struct.pack(">Q", size) + destination + source
    return struct.pack(">HH", 256, 4 + len(record)) + record


def test_flows_over_tcp_with_templates_of_their_own(earlgrey, tmp_path):
    port = free_port(socket.SOCK_STREAM)
    with Collector(earlgrey, f"tcp://127.0.0.1:{port}", "-d", tmp_path / "data") as collector:
        sessions = {name: socket.create_connection(("127.0.0.1", port)) for name in "ab"}
        for name, s in sessions.items():
            s.sendall(ipfix(0, TEMPLATES[name]))
        for number in range(400):
            name = "ab"[number % 2]
            sessions[name].sendall(ipfix(number // 2, flow_set(name, number)))
        sessions["a"].sendall(ipfix(200, flow_set("a", 400))[:-3])  # and half a message
        for s in sessions.values():
            s.close()
        time.sleep(0.5)
        collector.end()
    rows = earlgrey.rows("sql", "select count(*) as n, count(distinct src_ip) as sources, sum(bytes)::bigint as bytes,"
                         " min(dst_ip) as dst, max(dst_ip) as dst2, min(source) as source from flows",
                         "-d", tmp_path / "data")
    assert rows == [{"n": 400, "sources": 400, "bytes": 400 * 401 // 2, "dst": "10.9.9.9", "dst2": "10.9.9.9",
                     "source": "ipfix"}]
    losses = earlgrey.rows("losses", "-d", tmp_path / "data")
    assert [(loss["cause"], loss["source"], loss["exporter"], loss["packets"]) for loss in losses] == \
        [("stream_broken", "tcp", "127.0.0.1", 1)], losses
    assert losses[0]["start_time"]

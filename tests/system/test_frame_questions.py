# SPDX-License-Identifier: Apache-2.0
"""Questions about frames, asked through the program: byte patterns against Python's regular expressions,
payloads against tshark, Stellar against the flow filter; what the pages show; warnings."""
import random
import re
import struct
import subprocess

import pytest
from packet_reader import read, tcpdump

SEED = 20261121
CAPTURES = ("ndpi/1kxun.pcap", "zeek/pppoe.pcap", "tcpdump/geneve.pcap", "arkime/gre-erspan-vxlan.pcap")


@pytest.fixture(scope="module", name="capture")
def _capture(shared):
    """A capture of a few thousand packets of many kinds, and its packets."""
    path = (shared / "packets/ndpi/1kxun.pcap").resolve()
    return path, tcpdump(path)


def asked(earlgrey, path, *words):
    earlgrey.ok("packets", "-q", "-r", path, *words, "-w", "found.pcap", "--force")
    return [p.data for p in read(earlgrey.home / "found.pcap")]


def charset(members):
    """A class of Python's for these bytes."""
    return b"[" + b"".join(b"\\x%02x" % b for b in sorted(members)) + b"]" if members else b"(?!)"


def element(rng, byte):
    """(pattern, members) of one position that holds for `byte`, in one of the ways there are."""
    everything = set(range(256))
    letter = chr(byte) if 0x20 < byte < 0x7f and chr(byte) not in "'`" else None
    low, high = rng.randrange(byte + 1), rng.randrange(byte, 256)
    other = rng.choice(sorted(everything - {byte}))
    bits = byte & rng.randrange(256)
    choices = [
        (f"{byte:02x}", {byte}), (f"{byte:02X}", {byte}), (".", everything),
        (f"{low:02x}-{high:02x}", set(range(low, high + 1))),
        (f"^{other:02x}", everything - {other}),
        (f"^[{other:02x} {other ^ 1:02x}]" if other ^ 1 != byte else ".",
         everything - {other, other ^ 1} if other ^ 1 != byte else everything),
        (f"[{byte:02x} {other:02x}]", {byte, other}),
        (f"[{other:02x} [{low:02x} - {byte:02x}]]", {other} | set(range(low, byte + 1))),
        (f"&{bits:02x}", {b for b in everything if b & bits == bits}),
        (f"^&{other:02x}" if byte & other != other else f"~{byte:02x}" if byte else "^~ff",
         {b for b in everything if b & other != other} if byte & other != other
         else {b for b in everything if b & byte} if byte else {0}),
    ]
    if letter:
        either = {ord(letter.lower()), ord(letter.upper())} if letter.isalpha() else {byte}
        choices += [(f"'{letter}'", {byte}), (f"`{letter}`", either), (f"['{letter}xyz']", {byte} | set(b"xyz"))]
    if chr(byte).isdigit():
        choices.append(("\\d", set(b"0123456789")))
    if byte < 128:
        choices.append(("\\i", set(range(128))))
    return rng.choice(choices)


def pattern_for(rng, data):
    """A pattern that these bytes fit, and the regular expression of it."""
    text, regex, at = "", b"", 0
    while at < len(data):
        pattern, members = element(rng, data[at])
        run = 1
        while at + run < len(data) and data[at + run] in members and rng.random() < 0.7:
            run += 1
        if run > 1:
            group = rng.random() < 0.5
            text += f"({pattern}){{{run}}} " if group else f"{pattern}{{{run}}} "
        else:
            text += pattern + rng.choice((" ", "  # so\n", "\t"))
        regex += charset(members) + b"{%d}" % run
        at += run
    return text, re.compile(regex, re.S)


def test_random_patterns(earlgrey, capture):
    path, packets = capture
    rng = random.Random(SEED)
    several = 0
    for _ in range(120):
        data = rng.choice(packets).data
        at = rng.randrange(len(data))
        text, regex = pattern_for(rng, data[at:at + rng.choice((1, 2, 3, 5, 8, 13))])
        want = [p.data for p in packets if regex.search(p.data)]
        assert asked(earlgrey, path, "--bytes", text) == want, text
        several += 0 < len(want) < len(packets)
    assert several > 60


def test_patterns_in_stellar_are_the_same(earlgrey, capture):
    path, packets = capture
    rng = random.Random(SEED + 1)
    for _ in range(30):
        data = rng.choice(packets).data
        at = rng.randrange(len(data))
        text, regex = pattern_for(rng, data[at:at + 4])
        quoted = text.replace("\\", "\\\\").replace('"', '\\"')
        assert asked(earlgrey, path, "--stellar", f'BYTEARRAY_MATCHER("{quoted}", packet)') == \
            [p.data for p in packets if regex.search(p.data)], text


def test_payload(earlgrey, capture):
    """Behind UDP's header, as tshark sees it."""
    path, packets = capture
    told = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-e", "udp.payload", "-o", "ip.defragment:FALSE",
                           "-Y", "udp and not icmp and not gtp"], capture_output=True, text=True, check=True).stdout
    payloads = [bytes.fromhex(line) for line in told.split("\n") if line]
    assert len(payloads) > 300
    for piece in (b"\r\n", b"HTTP/1.1", b"\0\1\0\0", b"google"):
        found = asked(earlgrey, path, "--bytes", piece.hex(), "--bytes-on", "payload", "--bpf", "udp")
        assert len(found) == sum(piece in payload for payload in payloads), piece
        assert len(found) <= sum(piece in p.data for p in packets)
    # the payload's first bytes stand behind the header, not in it
    assert asked(earlgrey, path, "--stellar", "LENGTH(packet) == 0", "--bytes-on", "payload", "--bpf", "udp") == []


def test_stored(earlgrey, capture):
    """With the head of a capture of one packet before each frame."""
    path, packets = capture
    packet = packets[17]
    seconds, micros = packet.time_ns // 10**9, packet.time_ns // 1000 % 10**6
    head = struct.pack("<IHHiIIIIIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1, seconds, micros, len(packet.data), len(packet.data))
    assert len(head) == 40
    assert asked(earlgrey, path, "--bytes", head.hex() + packet.data[:8].hex(), "--bytes-on", "stored") == \
        [p.data for p in packets if p.time_ns // 1000 == packet.time_ns // 1000 and len(p.data) == len(packet.data)
         and p.data[:8] == packet.data[:8]]
    assert len(asked(earlgrey, path, "--bytes", "d4c3b2a1", "--bytes-on", "stored")) == len(packets)
    assert asked(earlgrey, path, "--bytes", "d4c3b2a1 02000400") == []


# Each in both languages. They differ where a packet lacks what is asked for and the answer is turned
# round, so that stands here only before what is never lacking.
SAME = (
    ("ip_dst_port == 53", "dst_port = 53"), ("protocol == 17", "proto = 17"),
    ("ip_src_port > 1023 and ip_dst_port <= 1023", "src_port > 1023 and dst_port <= 1023"),
    ("ip_dst_port in [80, 443, 8080]", "dst_port in (80, 443, 8080)"),
    ("IN_SUBNET(ip_src_addr, '192.168.0.0/16')", "src_ip in (192.168.0.0/16)"),
    ("not(exists(ip_src_port))", "not exists src_port"), ("exists(ip_src_addr)", "exists src_ip"),
    ("PROTOCOL_TO_NAME(protocol) == 'TCP'", "tcp"),
    ("STARTS_WITH(ip_dst_addr, '10.') or STARTS_WITH(ip_dst_addr, 'fe80:')", "dst_ip in (10.0.0.0/8, fe80::/16)"),
    ("match{ protocol == 6 => ip_dst_port == 443, default => protocol == 58 }",
     "(proto = 6 and dst_port = 443) or proto = 58"),
    ("", "any"),
)


def test_stellar_and_the_flow_filter(earlgrey, shared):
    rng = random.Random(SEED + 2)
    paths = [shared / "packets" / name for name in CAPTURES]
    for stellar, flow in SAME:
        for path in paths:
            for view in ((), ("--outermost",)):
                assert asked(earlgrey, path, *view, "--stellar", stellar) == asked(earlgrey, path, *view, flow), (path, stellar)
    for _ in range(20):
        (a, x), (b, y) = rng.sample(SAME[:-1], 2)
        join = rng.choice(("and", "or"))
        path = rng.choice(paths)
        assert asked(earlgrey, path, "--stellar", f"({a}) {join} ({b})") == asked(earlgrey, path, f"({x}) {join} ({y})"), (a, b)


def test_what_is_odd_is_said(earlgrey, capture, shared):
    path, packets = capture
    done = earlgrey.run("packets", "-r", path, "--stellar", "ip_scr_addr == '1.2.3.4'", "-w", "none.pcap")
    assert done.returncode == 0 and "did you mean 'ip_src_addr'?" in done.stderr
    done = earlgrey.run("packets", "-r", path, "--stellar", "protocol == 'TCP'", "-w", "none.pcap", "--force")
    assert done.returncode == 0 and "a number never equals text" in done.stderr
    done = earlgrey.run("packets", "-r", path, "--stellar", "ip_src_addr > 5", "-w", "none.pcap", "--force")
    assert done.returncode == 2 and "text and a number have no order" in done.stderr
    assert "\nip_src_addr > 5\n" + " " * 12 + "^\n" in done.stderr
    done = earlgrey.run("packets", "-r", path, "--stellar", "GET_FIRST([ip_src_addr]) > 5", "-w", "none.pcap", "--force")
    left_out = int(re.search(r"(\d+) packets were left out: text and a number have no order", done.stderr)[1])
    assert 0.5 * len(packets) < left_out <= len(packets)  # all that have an address
    raw = next((shared / "packets/tcpdump").resolve().glob("*RAW*ipv4*"))
    done = earlgrey.run("packets", "-r", raw, "--bpf", "vlan 5", "-w", "none.pcap", "--force")
    assert "1 packets were left out: bpf on link type 101: no VLAN support" in done.stderr
    # where nothing could be asked, no answer is no answer: not even silence hides it
    for words in (["-w", "none.pcap", "--force"], ["-o", "csv"], ["--pdml"]):
        done = earlgrey.run("packets", "-q", "-r", raw, "--bpf", "vlan 5", *words)
        assert done.returncode == 3 and "1 packets were left out" in done.stderr, (words, done.stderr)
    # where some could, that is an answer
    done = earlgrey.run("packets", "-r", raw, path, "--bpf", "vlan 5", "-w", "none.pcap", "--force")
    assert done.returncode == 0 and "1 packets were left out" in done.stderr


@pytest.mark.parametrize("words, place", [
    (("--bytes", "'GET' 00*"), 8), (("--bytes", "[00"), 0), (("--stellar", "ip_dst_port = 5"), 12),
    (("--stellar", "protocol == 6 and IN_SUBNET(ip_src_addr, '10.0.0.0/33')"), 41), (("--stellar", "ip_dst_port == 1 / 0"), 17),
    (("--stellar", "IS_IP('a') and REGEX('a')"), 15), (("--stellar", "BYTEARRAY_MATCHER('00?', packet)"), 21),
])
def test_places_of_errors(earlgrey, capture, words, place):
    """The line below the text points at the place."""
    done = earlgrey.run("packets", "-r", capture[0], *words)
    lines = done.stderr.splitlines()
    assert done.stdout == ""
    assert done.returncode == 2 and lines[-2] == words[1] and lines[-1] == " " * place + "^", done.stderr

# SPDX-License-Identifier: Apache-2.0
"""`earlgrey anonymize`: tshark reads each capture before and after, and every address it shows must
be the mapped one, every checksum as right or wrong as it was, everything else the same. The mapping
is computed here once more, with the AES of the openssl command."""
import functools
import ipaddress
import json
import pathlib
import struct
import subprocess

import pytest

KEY = bytes(range(7, 39))


def aes(blocks, key=KEY[:16]):
    """AES-128 of 16-byte blocks, by openssl."""
    return subprocess.run(["openssl", "enc", "-aes-128-ecb", "-nopad", "-K", key.hex()], input=blocks,
                          capture_output=True, check=True).stdout


@functools.cache
def padding():
    return aes(KEY[16:])


def flips(value, bits):
    """Which bits of the value change: for bit i by the i bits before it."""
    pad = int.from_bytes(padding(), "big")
    head = value << (128 - bits)
    blocks = b"".join((head >> (128 - i) << (128 - i) | pad & (1 << (128 - i)) - 1).to_bytes(16, "big")
                      for i in range(bits))
    out = aes(blocks)
    return sum((out[16 * i] >> 7) << (bits - 1 - i) for i in range(bits))


@functools.cache
def mapped(text):
    """The address that takes this one's place."""
    address = ipaddress.ip_address(text)
    if address.version == 6 and address.ipv4_mapped:
        return "::ffff:" + mapped(str(address.ipv4_mapped))
    new = int(address) ^ flips(int(address), address.max_prefixlen)
    return str(type(address)(new))


@functools.cache
def mapped_mac(text):
    value = int(text.replace(":", ""), 16)
    value ^= flips(value, 48)
    return ":".join(f"{value >> shift & 255:02x}" for shift in range(40, -8, -8))


IPS = ["ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "dns.a", "dns.aaaa",
       "icmpv6.nd.ns.target_address", "icmpv6.nd.na.target_address"]
MACS = ["eth.src", "eth.dst", "arp.src.hw_mac", "arp.dst.hw_mac", "icmpv6.opt.linkaddr"]
SAME = ["frame.time_epoch", "frame.len", "ip.id", "ip.ttl", "ip.proto", "tcp.srcport", "tcp.dstport",
        "tcp.seq_raw", "udp.srcport", "udp.dstport", "udp.length", "icmp.type", "icmpv6.type", "vlan.id", "gre.proto",
        "vxlan.vni", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status",
        "icmp.checksum.status", "icmpv6.checksum.status", "dns.count.answers"]
PREFERENCES = ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"]
SEPARATOR = "\x1f"


def dissected(path):
    """One dictionary a packet, field by field; a field's occurrences as a list."""
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-E", "occurrence=a", "-E", f"aggregator={SEPARATOR}"]
    command += ["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE", "-o", "tcp.desegment_tcp_streams:FALSE"]
    for name in PREFERENCES:
        command += ["-o", f"{name}:TRUE"]
    fields = SAME + IPS + MACS
    for name in fields:
        command += ["-e", name]
    text = subprocess.run(command, capture_output=True, check=True).stdout.decode(errors="replace")
    return [dict(zip(fields, (value.split(SEPARATOR) if value else [] for value in line.split("\t"))))
            for line in text.split("\n")[:-1]]


# Headers, tunnels, quotes and neighbour discovery that tshark and the dissector both follow.
CAPTURES = [
    "packets/community-id/icmp.pcap", "packets/tcpdump/icmpv6.pcap", "packets/tcpdump/icmp-rfc5837.pcap",
    "packets/tcpdump/geneve.pcap", "packets/tcpdump/vxlan.pcap", "packets/tcpdump/802.1ad_QinQ.pcap",
    "packets/tcpdump/ipv6hdr-heapoverflow.pcap", "packets/tcpdump/various_gre.pcap",
    "packets/ipfixprobe/dns.pcap", "packets/ipfixprobe/mixed.pcap", "packets/flowtest/icmp.pcap",
    "packets/ndpi/dns_fragmented.pcap", "packets/flowtest/vxlan.pcap",
]

# Other link layers, and what capturing systems put in front of packets: what tshark must say of each, and
# those that only the dissector takes apart (tshark 4.0 has no names for their link types).
LINKS = {
    "packets/arkime/icmp-frame-relay.pcap": "fr:ip:icmp",
    "packets/arkime/nflog.pcap": "nflog:ip:tcp",
    "packets/libpcap-filter/arcnet-rfc1051-arp-icmp-http.pcap": "arcnet:ip:udp",
    "packets/ndpi/someip_sd_sample.pcap": "ppi:pcap_pktdata:eth:ethertype:ip:udp",
    "packets/tcpdump/LINKTYPE_PKTAP.pcap": "pktap:pcap_pktdata:eth:ethertype:ip:udp",
    "packets/tcpdump/arcnet-rfc1201-arp-icmp-http.pcap": "arcnet:ip:tcp",
    "packets/tcpdump/e1000g.pcap": "ipnet:ip",
    "packets/tcpdump/ipoib.pcap": "ipoib:ip:tcp",
    "packets/tcpdump/nflog.pcap": "nflog:ip:udp",
    "packets/zeek/nflog-http.pcap": "nflog:ip:tcp",
}
LINKS_WITH_CUTS = {
    "packets/libpcap-filter/http_PPI.pcap": "ppi:wlan_radio:wlan:llc:ip:udp",
    "packets/tcpdump/isis_poi.pcap": "juniper:eth:llc",
    "packets/libpcap-filter/bacnet-arcnet-linux.pcap": "arcnet",
    "packets/tcpdump/dsa.pcap": None, "packets/tcpdump/edsa.pcap": None,
    "packets/tcpdump/brcm-tag.pcap": None, "packets/libpcap-filter/brcm-tag-stp.pcap": None,
    "packets/tcpdump/kday6.pcap": None,
}


def key_file(place):
    path = place / "secret.key"
    path.write_bytes(KEY)
    path.chmod(0o600)
    return path


def choose(shared):
    """Those of the list, and some of every folder."""
    assert [name for name in CAPTURES if not (shared / name).exists()] == []
    names = list(CAPTURES) + list(LINKS)
    for folder in ("zeek", "arkime", "ndpi", "ipfixprobe", "flowtest", "suricata-verify", "pcapplusplus"):
        files = sorted(p for p in (shared / "packets" / folder).rglob("*") if p.suffix in (".pcap", ".trace", ".pcapng"))
        names += [str(p.relative_to(shared)) for p in files if p.stat().st_size < 300_000][:12]
    return sorted(set(names))


def compare(name, before, after):
    """What differs that should not: a list of texts."""
    wrong = []
    for number, (old, new) in enumerate(zip(before, after), 1):
        for field in SAME:
            if old[field] != new[field]:
                wrong.append(f"{name} {number} {field}: {old[field]} became {new[field]}")
        for field in IPS:
            if new[field] != [mapped(text) for text in old[field]]:
                wrong.append(f"{name} {number} {field}: {old[field]} became {new[field]}")
        for field in MACS:
            if new[field] != [mapped_mac(text) for text in old[field]]:
                wrong.append(f"{name} {number} {field}: {old[field]} became {new[field]}")
    return wrong


def test_tshark_sees_every_address_mapped_and_nothing_else_changed(earlgrey, shared, tmp_path):
    key, compared, cut, wrong = key_file(tmp_path), 0, [], []
    for name in choose(shared):
        out = tmp_path / "out.pcapng"
        done = earlgrey.run("anonymize", "-q", "--key", key, "--everything", "--keep-payload", "--json",
                            shared / name, out)
        if done.returncode not in (0, 3):
            assert done.stderr, name  # not a capture that can be read
            continue
        account = json.loads(done.stdout)
        try:
            before, after = dissected(shared / name), dissected(out)
        except subprocess.CalledProcessError:
            out.unlink()
            continue  # tshark gives up on the original
        out.unlink()
        if account["emptied"] or account["shortened"] or len(before) != len(after):
            cut.append(name)  # frames that are cut on purpose are compared below
            continue
        compared += 1
        wrong += compare(name, before, after)
    assert compared >= 40, cut
    assert not set(LINKS) & set(cut)
    assert not wrong, "\n".join(wrong[:40])


def test_no_original_address_is_left_anywhere(earlgrey, shared, tmp_path):
    """Without payload: not one of the addresses of hosts stands in any frame any more, byte for byte."""
    key = key_file(tmp_path)
    for name in ("packets/ipfixprobe/mixed.pcap", "packets/flowtest/icmp.pcap"):
        out = tmp_path / "out.pcap"
        earlgrey.ok("anonymize", "-q", "--key", key, shared / name, out)
        hosts = {text for row in dissected(shared / name) for field in ("ip.src", "ip.dst") for text in row[field]}
        hosts = {h for h in hosts if not ipaddress.ip_address(h).is_multicast and h not in ("0.0.0.0", "255.255.255.255")}
        assert hosts
        bytes_after = out.read_bytes()
        out.unlink()
        left = [h for h in hosts if ipaddress.ip_address(h).packed in bytes_after]
        assert not left, name


def protocols(path):
    """What tshark calls the headers of each packet."""
    return subprocess.run(["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.protocols"],
                          capture_output=True, text=True, check=True).stdout.splitlines()


def places(earlgrey, path):
    """All addresses of a capture as the dissector tells them: IP, then MAC."""
    rows = earlgrey.rows("sql", "-q", "-r", path, "select src_ip, dst_ip, src_mac, dst_mac from packets")
    return [[{row[name] for row in rows} - {None} for name in names]
            for names in (("src_ip", "dst_ip"), ("src_mac", "dst_mac"))]


@pytest.mark.parametrize("name, names", [*LINKS.items(), *LINKS_WITH_CUTS.items()])
def test_other_link_layers(earlgrey, shared, tmp_path, name, names):
    """No packet is emptied, no address is left, the dissector and tshark see the mapped ones in the same
    headers."""
    key, capture, out = key_file(tmp_path), shared / name, tmp_path / "out.pcap"
    account = json.loads(earlgrey.ok("anonymize", "-q", "--key", key, "--everything", "--json", capture, out))
    assert account["packets"] and not account["emptied"]
    before, after = places(earlgrey, capture), places(earlgrey, out)
    assert after[0] == [{mapped(a) for a in side} for side in before[0]]
    assert after[1] == [{mapped_mac(a) for a in side} for side in before[1]]
    raw = out.read_bytes()
    ips = {ipaddress.ip_address(a).packed for side in before[0] for a in side}
    macs = {bytes.fromhex(a.replace(":", "")) for side in before[1] for a in side}
    assert [a for a in ips | macs if any(a) and a in raw] == []
    if names is None:
        return
    was, now = protocols(capture), protocols(out)
    assert any(line == names or line.startswith(names + ":") for line in now)
    assert len(was) == len(now) and all(one.startswith(two) for one, two in zip(was, now))


def test_one_key_maps_a_capture_and_its_dataset_alike(earlgrey, packets, tmp_path):
    key = key_file(tmp_path)
    earlgrey.ok("ingest", "-q", packets[0], "-d", "data")
    earlgrey.ok("anonymize", "-q", "--key", key, "data", "mapped")
    account = json.loads(earlgrey.ok("anonymize", "--key", key, "--json", packets[0], "mapped.pcap"))
    assert account["packets"] == packets[1]["packets"]
    question = "select time, src_ip, dst_ip, src_port, dst_port, proto, length from packets order by all"
    from_dataset = earlgrey.ok("sql", "-q", "-d", "mapped", question, "-o", "csv")
    from_capture = earlgrey.ok("sql", "-q", "-r", "mapped.pcap", question, "-o", "csv")
    assert from_dataset == from_capture
    assert from_dataset != earlgrey.ok("sql", "-q", "-d", "data", question, "-o", "csv")
    left_out = earlgrey.rows("sql", "-q", "-d", "mapped",
                             'select count(file) f, count("offset") o, count(extra) e from packets')
    assert left_out == [{"f": 0, "o": 0, "e": 0}]


def test_a_dataset_of_exports_keeps_its_sums(earlgrey, exports, tmp_path):
    key = key_file(tmp_path)
    earlgrey.ok("ingest", "-q", exports[0], "-d", "data")
    earlgrey.ok("anonymize", "-q", "--key", key, "data", "mapped")
    sums = "select count(*) n, sum(bytes) b, sum(packets) p, count(distinct src_ip) s, count(distinct exporter) e from flows"
    assert earlgrey.rows("sql", "-q", "-d", "mapped", sums) == earlgrey.rows("sql", "-q", "-d", "data", sums)
    one = earlgrey.rows("sql", "-q", "-d", "data", "select min(src_ip) a from flows")[0]["a"]
    rows = "select count(*) n from flows where src_ip = '{}'"
    plain = ipaddress.ip_address(one)
    if not plain.is_multicast and not plain.is_loopback:
        assert earlgrey.rows("sql", "-q", "-d", "mapped", rows.format(mapped(one))) == \
            earlgrey.rows("sql", "-q", "-d", "data", rows.format(one))
    assert "healthy" in earlgrey.ok("doctor", "-d", "mapped") or earlgrey.run("doctor", "-d", "mapped").returncode == 0


def test_hex_keys_and_random_keys(earlgrey, packets, tmp_path):
    (tmp_path / "hex.key").write_text(KEY.hex() + "\n")
    (tmp_path / "hex.key").chmod(0o600)
    earlgrey.ok("anonymize", "-q", "--key", key_file(tmp_path), packets[0], "a.pcap")
    earlgrey.ok("anonymize", "-q", "--key", "hex.key", packets[0], "b.pcap")
    earlgrey.ok("anonymize", "-q", "--random-key", packets[0], "c.pcap")
    earlgrey.ok("anonymize", "-q", "--random-key", packets[0], "d.pcap")
    a, b, c, d = ((tmp_path / f"{name}.pcap").read_bytes() for name in "abcd")
    assert a == b != c != d


@pytest.mark.parametrize("words, says", [
    (["IN", "out.pcap"], "--key FILE"),
    (["--key", "none", "IN", "out.pcap"], "head -c 32 /dev/urandom > none"),
    (["--key", "short", "IN", "out.pcap"], "32 bytes, or 64 hex digits, not 5 bytes"),
    (["--random-key", "--key", "short", "IN", "out.pcap"], "not both"),
    (["--random-key", "IN", "there.pcap"], "there.pcap exists"),
    (["--random-key", "IN", "out.pcap.gz"], "captures are written uncompressed: name it .pcap or .pcapng"),
    (["--random-key", "IN"], "name a capture or a dataset"),
    (["--random-key", "no-such-file", "out.pcap"], "no-such-file"),
    (["--random-key", "short", "out.pcap"], "short"),
])
def test_bad_usage_changes_nothing(earlgrey, packets, tmp_path, words, says):
    (tmp_path / "short").write_text("12345")
    (tmp_path / "there.pcap").write_text("mine")
    before = sorted(p.name for p in tmp_path.iterdir())
    done = earlgrey.run("anonymize", *[packets[0] if word == "IN" else word for word in words])
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2
    assert sorted(p.name for p in tmp_path.iterdir()) == before
    assert (tmp_path / "there.pcap").read_text() == "mine"


def test_a_dataset_with_rows_is_not_written_into(earlgrey, packets, tmp_path):
    key = key_file(tmp_path)
    for name in ("data", "other"):
        earlgrey.ok("ingest", "-q", packets[0], "-d", name)
    done = earlgrey.run("anonymize", "--key", key, "data", "other")
    assert done.returncode == 2 and "holds rows" in done.stderr
    assert pathlib.Path(tmp_path / "other").exists()


def test_interfaces_of_a_pcapng_stay_apart(earlgrey, shared, tmp_path):
    name = shared / "packets" / "pcapplusplus" / "many_interfaces-1.pcapng"
    earlgrey.ok("anonymize", "-q", "--random-key", name, "out.pcapng")
    seen = [subprocess.run(["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.interface_name"],
                           capture_output=True, text=True, check=True).stdout.splitlines()
            for path in (name, tmp_path / "out.pcapng")]
    assert seen[0] == seen[1] and len(set(seen[0])) > 1


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def two_link_types():
    """A pcapng with an Ethernet packet and one that begins with its IP header."""
    ip = bytes.fromhex("45000014000100004011000001020304c0000201")
    frames = (bytes(12) + b"\x08\x00" + ip, ip)
    raw = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    raw += b"".join(block(1, struct.pack("<HHI", link_type, 0, 65535)) for link_type in (1, 101))
    for number, frame in enumerate(frames):
        head = struct.pack("<IIIII", number, 0x60000, number, len(frame), len(frame))
        raw += block(6, head + frame + bytes(-len(frame) % 4))
    return raw


def test_two_link_types_need_pcapng(earlgrey, tmp_path):
    """What a pcap file cannot hold is refused with the remedy, and works as pcapng."""
    (tmp_path / "in.pcapng").write_bytes(two_link_types())
    done = earlgrey.run("anonymize", "--random-key", "in.pcapng", "out.pcap")
    assert done.returncode == 2 and "--format pcapng" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.pcapng"]
    earlgrey.ok("anonymize", "-q", "--random-key", "--format", "pcapng", "in.pcapng", "out.pcap")
    assert (tmp_path / "out.pcap").read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
    assert [row["ip.src"] for row in dissected(tmp_path / "out.pcap")] != [["1.2.3.4"], ["1.2.3.4"]]


def test_what_became_zeros_is_told(earlgrey, tmp_path):
    """Link types that are emptied by name, options that are not known; of a dataset what is in quarantine."""
    ip = bytes.fromhex("46000018000100004011000001020304c0000201" "52041234")
    raw = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    raw += b"".join(block(1, struct.pack("<HHI", link_type, 0, 65535)) for link_type in (6, 10, 101, 65001))
    for number, interface in enumerate((0, 2, 1, 0, 3)):
        raw += block(6, struct.pack("<IIIII", interface, 0, number, len(ip), len(ip)) + ip)
    (tmp_path / "in.pcapng").write_bytes(raw)
    done = earlgrey.run("anonymize", "--random-key", "in.pcapng", "out.pcapng")
    assert "4 packets of link types whose addresses are not known were left empty: " \
        "IEEE802 6 (2), FDDI 10 (1), 65001 (1)\n" in done.stderr
    assert "1 packets have options that are not known: their data became zeros" in done.stderr
    assert b"\x52\x04\x12\x34" not in (tmp_path / "out.pcapng").read_bytes()
    account = json.loads(earlgrey.ok("anonymize", "--random-key", "--force", "--json", "in.pcapng", "out.pcapng"))
    assert (account["emptied"], account["options_blanked"]) == (4, 1)
    assert [tuple(link.values()) for link in account["emptied_link_types"]] == [(6, "IEEE802", 2), (10, "FDDI", 1), (65001, None, 1)]
    (tmp_path / "raw.pcap").write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101) +
                                        b"".join(struct.pack("<IIII", second, 0, len(ip), len(ip)) + ip
                                                 for second in (5, 6, 1600000000)))
    earlgrey.ok("ingest", "-q", "raw.pcap", "-d", "data", "--tables", "packets")
    done = earlgrey.run("anonymize", "--random-key", "data", "mapped")
    assert "0 flows, 3 packets" in done.stderr and "2 of these rows stand in quarantine" in done.stderr
    assert "quarantine: 2 rows" in earlgrey.ok("doctor", "-d", "mapped")
    assert json.loads(earlgrey.ok("anonymize", "--random-key", "--json", "data", "again"))["quarantined"] == 2


def test_a_capture_is_not_its_own_copy(earlgrey, packets, tmp_path):
    """--force writes over a file that exists, but never over what is read."""
    mine = tmp_path / "mine.pcap"
    mine.write_bytes(packets[0].read_bytes())
    (tmp_path / "link.pcap").symlink_to(mine)
    for out in ("mine.pcap", "link.pcap"):
        done = earlgrey.run("anonymize", "--random-key", "--force", "mine.pcap", out)
        assert done.returncode == 2 and f"{out} is what is read" in done.stderr
    assert mine.read_bytes() == packets[0].read_bytes()
    (tmp_path / "old.pcap").write_text("mine")
    earlgrey.ok("anonymize", "-q", "--random-key", "--force", "mine.pcap", "old.pcap")
    assert len(dissected(tmp_path / "old.pcap")) == packets[1]["packets"]


@pytest.mark.parametrize("magic", ["d4c3b2a1", "4d3cb2a1"])
def test_times_keep_their_digits(earlgrey, tmp_path, magic):
    """Microseconds stay microseconds, nanoseconds nanoseconds: no time gains or loses digits."""
    raw = bytes.fromhex(magic) + struct.pack("<HHiIII", 2, 4, 0, 0, 65535, 101)
    frame = bytes.fromhex("45000014000100004011000001020304c0000201")
    raw += struct.pack("<IIII", 1_700_000_000, 123_456, len(frame), len(frame)) + frame
    (tmp_path / "in.pcap").write_bytes(raw)
    earlgrey.ok("anonymize", "-q", "--random-key", "in.pcap", "out.pcap")
    out = (tmp_path / "out.pcap").read_bytes()
    assert out[:4].hex() == magic
    assert struct.unpack("<II", out[24:32]) == (1_700_000_000, 123_456)

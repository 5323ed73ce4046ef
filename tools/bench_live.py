# SPDX-License-Identifier: Apache-2.0
"""Live capture on a veth pair in a network namespace of its own: the highest rate of packets at which
tcpdump -w drops nothing, found by halving, and what is dropped at that rate when the same packets go to
capture files and to rows at once. Packets come from `earlgrey replay`, on the same machine."""
import json
import os
import re
import shutil
import signal
import subprocess
import time


class Wire:
    """eg0 sends, eg1 is captured."""

    def __init__(self, earlgrey, packets):
        self.earlgrey, self.packets = earlgrey, packets
        self.name = f"eg-bench-{os.getpid()}"

    def __enter__(self):
        ip = ["ip", "-n", self.name, "link"]
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run([*ip, "add", "eg0", "type", "veth", "peer", "name", "eg1"], check=True)
        for interface in ("eg0", "eg1"):
            self.run("sh", "-c", f"echo 1 >/proc/sys/net/ipv6/conf/{interface}/disable_ipv6")
            subprocess.run([*ip, "set", interface, "up"], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "netns", "del", self.name], check=False)

    def run(self, *words):
        """A command inside, to its end."""
        return subprocess.run(["ip", "netns", "exec", self.name, *map(str, words)], check=True, capture_output=True, text=True)

    def start(self, *words):
        """A command inside, running."""
        return subprocess.Popen(["ip", "netns", "exec", self.name, *map(str, words)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def send(self, rate, seconds):
        """(packets, packets a second) that were sent; `rate` 0: as fast as possible."""
        how = ["--pps", rate, "--count", int(rate * seconds)] if rate else ["--speed", "max", "--count", int(3e5 * seconds)]
        done = json.loads(self.run(self.earlgrey, "replay", *how, "--loop", 10**9, "--json", self.packets, "iface:eg0").stdout)
        return done["frames"], done["frames"] / done["seconds"]


def tcpdump(wire, place, rate, seconds):
    """(sent, rate reached, missing) with tcpdump -w and a ring of the same size."""
    stay = ["-Z", "root"] if os.geteuid() == 0 else []
    child = wire.start("tcpdump", "-i", "eg1", "-n", "-B", 65536, *stay, "-w", place / "live.pcap")
    time.sleep(1)
    sent, reached = wire.send(rate, seconds)
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate()
    (place / "live.pcap").unlink()
    return sent, reached, sent - int(re.search(r"(\d+) packets captured", said).group(1))


def files_and_rows(wire, place, rate, seconds):
    """(sent, rate reached, missing) with capture files and a dataset."""
    for name in ("livedata", "livefiles"):
        shutil.rmtree(place / name, ignore_errors=True)
    child = wire.start(wire.earlgrey, "ingest", "iface:eg1", "-d", place / "livedata", "--to",
                       f"pcap:{place / 'livefiles'}", "--json", "-q")
    time.sleep(1)
    sent, reached = wire.send(rate, seconds)
    time.sleep(1)
    child.send_signal(signal.SIGTERM)
    out, _ = child.communicate()
    for name in ("livedata", "livefiles"):
        shutil.rmtree(place / name, ignore_errors=True)
    return sent, reached, sent - json.loads(out)["kept"]["packets"]


def compare(earlgrey, packets, place, seconds):
    """(rate at which tcpdump drops nothing, packets sent at it, what ours is missing of them)."""
    with Wire(earlgrey, packets) as wire:
        low, high, best = 2e4, 0, 0
        for _ in range(5):
            sent, reached, missing = tcpdump(wire, place, high and int((low * high) ** 0.5), seconds)
            print(f"  tcpdump -w: {reached / 1e3:.0f} k/s, {missing} of {sent} missing", flush=True)
            if missing and not high:
                high = reached
            elif missing:
                high = int((low * high) ** 0.5)
            else:
                best = low = max(best, reached)
                if not high:
                    break  # as fast as the sender can
        sent, reached, missing = files_and_rows(wire, place, 0 if not high else int(best), seconds)
        print(f"  files and rows: {reached / 1e3:.0f} k/s, {missing} of {sent} missing", flush=True)
        return best, reached, sent, missing

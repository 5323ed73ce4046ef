# SPDX-License-Identifier: Apache-2.0
"""A collector left running under load: is its memory flat? The load is 70 % of what it makes rows of
for as long as it goes on (the spool takes more than that for a while, which is not what is asked
here): upkeep runs beside it and keeps the dataset below a limit."""
import json
import pathlib
import shutil
import signal
import subprocess
import time

from bench_udp import free_port

WARM = 60  # seconds until pools, caches and the first batches have the size they keep


def resident_mb(pid):
    """Resident memory of a process, in MB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return 0.0


class Run:
    """A collector with a sender; what became of it."""

    def __init__(self, program, sender, capture, place):
        self.program, self.sender, self.capture, self.place = program, sender, capture, place

    def go(self, rate, seconds, every=5):
        """(records sent, records kept, seconds until all were, [(second, MB), …])."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir(parents=True)
        port = free_port()
        with open(self.place / "account", "w+b") as account:
            child = subprocess.Popen([self.program, "ingest", f"udp://127.0.0.1:{port}", "-d", self.place / "data",
                                      "--json", "-q", "--max-bytes", "8G", "--upkeep-every", "30s"], stdout=account)
            try:
                time.sleep(1)
                sent, seen, began = self.send(child, port, rate, seconds, every)
            finally:
                child.send_signal(signal.SIGTERM)
                child.wait(600)
            took = time.monotonic() - began
            account.seek(0)
            kept = json.loads(account.read())["kept"]["flows"]
        shutil.rmtree(self.place, ignore_errors=True)
        return sent, kept, took, seen

    def send(self, child, port, rate, seconds, every):
        sender = subprocess.Popen([self.sender, "--in", self.capture, "--to", f"127.0.0.1:{port}",
                                   "--records-per-second", str(rate), "--seconds", str(seconds)],
                                  stdout=subprocess.PIPE, text=True)
        began, seen = time.monotonic(), []
        while sender.poll() is None:
            seen.append((round(time.monotonic() - began), round(resident_mb(child.pid))))
            time.sleep(every)
        return json.loads(sender.stdout.read())["records"], seen, began


def flat(program, sender, capture, place, seconds):
    """(largest memory of the second half over that of the first, behind the warm-up; what was seen)."""
    run = Run(program, sender, capture, place)
    _, kept, took, _ = run.go(4_000_000, 30)
    rate = round(0.7 * kept / took)
    print(f"  rows of {kept / took / 1e6:.2f} M records/s; left running at {rate / 1e6:.2f} M/s for {seconds} s",
          flush=True)
    sent, kept, _, seen = run.go(rate, seconds)
    warm = [mb for second, mb in seen if second >= min(WARM, seconds / 4)]
    first, second = warm[:len(warm) // 2], warm[len(warm) // 2:]
    return max(second) / max(first), {"records_per_s": rate, "lost": sent - kept, "mb_first": max(first),
                                      "mb_second": max(second)}

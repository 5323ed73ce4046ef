# SPDX-License-Identifier: Apache-2.0
"""The highest rate over loopback UDP at which a collector loses nothing, found by halving: each trial
starts the collector anew, sends for so many seconds at a steady rate, ends it in order, and holds
what it stored against what was sent. Peers whose store is slow to count are believed when the kernel
dropped nothing at their socket (which favours them)."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time


def free_port():
    """A UDP port that nobody has at the moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def kernel_drops(port):
    """What the kernel dropped at the sockets of a port."""
    total = 0
    for table in ("/proc/net/udp", "/proc/net/udp6"):
        for line in pathlib.Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if int(fields[1].split(":")[1], 16) == port:
                total += int(fields[-1])
    return total


class Collector:
    """A collector's command, and how to tell how many records it stored (None: by drops alone)."""

    def __init__(self, name, command, stored=None, settle=0.5):
        self.name, self.command, self.stored, self.settle = name, command, stored, settle


def earlgrey(program):
    """Ours, durable in Parquet."""
    def stored(_, out):
        return json.loads(out)["kept"]["flows"]
    return Collector("earlgrey", lambda port, place: [
        program, "ingest", f"udp://127.0.0.1:{port}", "-d", place / "data", "--json", "-q"], stored)


def nfcapd(tool):
    """nfcapd writing raw blocks."""
    def stored(place, _):
        text = subprocess.run([tool("nfdump"), "-R", place / "store", "-I"], capture_output=True,
                              text=True, check=False).stdout
        return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith("Flows:"))
    return Collector("nfcapd", lambda port, place: [
        tool("nfcapd"), "-b", "127.0.0.1", "-p", str(port), "-w", place / "store", "-t", "3600",
        "-B", str(32 << 20)], stored)


def goflow2(program):
    """goflow2 to a binary file."""
    return Collector("goflow2", lambda port, place: [
        program, "-listen", f"netflow://127.0.0.1:{port}", "-addr", f"127.0.0.1:{free_port()}",
        "-transport", "file", "-transport.file", place / "out.bin", "-transport.file.sep", "",
        "-format", "bin"], settle=1.5)


def nfacctd(program):
    """nfacctd with its print plugin, one row a flow."""
    def command(port, place):
        (place / "conf").write_text(
            f"daemonize: false\nnfacctd_ip: 127.0.0.1\nnfacctd_port: {port}\nplugins: print\n"
            "aggregate: src_host,dst_host,src_port,dst_port,proto,timestamp_start\n"
            f"print_output: json\nprint_output_file: {place}/out.json\nprint_refresh_time: 10\n"
            "plugin_pipe_size: 1024000000\nplugin_buffer_size: 1024000\n"
            f"print_cache_entries: 4000037\nnfacctd_pipe_size: {32 << 20}\n")
        return [program, "-f", place / "conf"]
    return Collector("nfacctd", command, settle=1.5)


def trial(collector, sender, capture, place, rate, seconds):
    """One run; (lost nothing, records sent)."""
    shutil.rmtree(place, ignore_errors=True)
    (place / "store").mkdir(parents=True)
    port = free_port()
    out = open(place / "stdout", "w+b")
    child = subprocess.Popen([str(w) for w in collector.command(port, place)], stdout=out,
                             stderr=subprocess.DEVNULL)
    try:
        time.sleep(0.5 + collector.settle)
        sent = json.loads(subprocess.run(
            [sender, "--in", capture, "--to", f"127.0.0.1:{port}", "--records-per-second", str(rate),
             "--seconds", str(seconds)], check=True, capture_output=True, text=True).stdout)
        time.sleep(collector.settle)
        drops = kernel_drops(port)
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(180 if collector.stored else 10)  # what it has queued is believed to be stored
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    out.seek(0)
    text = out.read().decode("utf-8", "replace")
    out.close()
    whole = drops == 0 and sent["records"] >= rate * seconds * 0.97  # the sender kept the rate
    if whole and collector.stored:
        whole = collector.stored(place, text) == sent["records"]
    shutil.rmtree(place, ignore_errors=True)
    return whole, sent["records"]


def highest(collector, sender, capture, place, low, high, seconds, steps):
    """The highest rate found to be free of loss, in records a second."""
    best = 0
    for _ in range(steps):
        rate = int((low * high) ** 0.5)
        whole, sent = trial(collector, sender, capture, place, rate, seconds)
        print(f"  {collector.name}: {rate / 1e6:.2f} M/s {'nothing lost' if whole else 'lost some'}"
              f" of {sent}", flush=True)
        if whole:
            best, low = rate, rate
        else:
            high = rate
    return best


def goflow2_program(made):
    """goflow2, installed as its page says; None where there is no Go."""
    found = shutil.which("goflow2") or made / "go" / "bin" / "goflow2"
    if os.path.exists(found):
        return found
    if not shutil.which("go"):
        return None
    subprocess.run(["go", "install", "github.com/netsampler/goflow2/v2/cmd/goflow2@v2.2.6"], check=False,
                   env={**os.environ, "GOBIN": str(made / "go" / "bin"), "GOPATH": str(made / "go")})
    return found if os.path.exists(found) else None

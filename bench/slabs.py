"""python -m bench.slabs: what a slab of a million entries costs (core/slabs.py), a dictionary, and HAProxy's table.

- update      CPU of one update of an entry that exists, two processes at once, in random order, and a dictionary's
- memory      of a table of addresses with gpc0, http_req_rate and conn_cur: ours with the slots of two lanes and of
              control for two generations, and what Debian's haproxy takes for the same, filled through its socket
- eviction    the longest call while a million entries take the places of others
- expiry      the longest call while they expire
- rebuild     the time until a shard is usable whose owner was killed
"""

import os
import random
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pointsman.core import slab_program as ops
from pointsman.core.slab_program import op
from pointsman.core.slabs import BUILT, Busy, Slab

COUNT: Final = 1_000_000
UPDATES: Final = 500_000
SLOTS: Final = 6  # two lanes and control, twice
PERIOD: Final = 10_000
DATA: Final = 16  # gpc0, and a rate; conn_cur lies in the gauges
NOW: Final = 100_000
EXPIRE: Final = 600_000
TRACK: Final = op(ops.ADD1_32) + op(ops.RATE1, 4, PERIOD) + op(ops.CURRENT_UP)
ORPHANED: Final = 1 << 63
CONFIG: Final = """
global
    stats socket {socket} level admin
    maxconn 100
    nbthread 2
defaults
    mode http
    timeout client 60s
    timeout server 60s
    timeout connect 1s
backend table
    stick-table type ip size {size} expire 10m store gpc0,http_req_rate(10s),conn_cur
"""


def key_of(number: int) -> bytes:
    """An address in 10.0.0.0/8."""
    return struct.pack(">I", 10 << 24 | number)


def cpu(work: Callable[[], None]) -> float:
    """µs of CPU that one of its updates takes."""
    before = time.process_time()
    work()
    return (time.process_time() - before) / UPDATES * 1e6


def in_two_processes(work: Callable[[], float]) -> list[float]:
    """What each of them has measured, both at once."""
    children = []
    for _ in range(2):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.write(writer, struct.pack("d", work()))
            os._exit(0)
        os.close(writer)
        children.append((child, reader))
    found = []
    for child, reader in children:
        found.append(float(struct.unpack("d", os.read(reader, 8))[0]))
        os.close(reader)
        os.waitpid(child, 0)
    return found


def update(slab: Slab, keys: Sequence[bytes]) -> None:
    chosen = random.Random(os.getpid()).sample(keys, UPDATES)
    counts = dict.fromkeys(keys, 0)

    def count_in_dictionary() -> None:
        for key in chosen:
            counts[key] += 1

    def count_in_slab() -> None:
        enter, left = slab.enter, iter(chosen)
        while True:
            try:
                for key in left:
                    enter(key, NOW, EXPIRE, True, TRACK, 1)
                return
            except Busy:  # on a busy machine whoever has the lock may have to wait longer for a processor than we do
                continue

    def count_by_reference() -> None:
        apply, left = slab.apply, iter(references)
        while True:
            try:
                for ref in left:
                    apply(ref, TRACK, 1, NOW)
                return
            except Busy:
                continue

    def as_lane(work: Callable[[], None]) -> Callable[[], float]:
        def measured() -> float:
            slab.slot = slab.claim_slot(os.getpid())
            return cpu(work)

        return measured

    references = [slab.find(key, NOW) for key in chosen]
    base = max(in_two_processes(lambda: cpu(count_in_dictionary)))
    slabs = max(in_two_processes(as_lane(count_in_slab)))
    known = max(in_two_processes(as_lane(count_by_reference)))
    print(f"update       dictionary {base:.2f} us   slab, by key {slabs:.2f} us   by reference {known:.2f} us")


def taken(fd: int) -> int:
    """Bytes of memory that a file in memory has."""
    return os.fstat(fd).st_blocks * 512


def haproxy_takes(program: str) -> int:
    """Bytes of its resident memory for COUNT entries."""
    with tempfile.TemporaryDirectory() as folder:
        path, file = f"{folder}/socket", Path(folder, "haproxy.cfg")
        file.write_text(CONFIG.format(socket=path, size=COUNT))
        with subprocess.Popen([program, "-db", "-f", str(file)]) as process:
            try:
                while not os.path.exists(path):
                    time.sleep(0.05)
                    if process.poll() is not None:
                        raise SystemExit("slabs: haproxy does not start")
                before = resident(process.pid)
                fill(path)
                if entries(path) != COUNT:
                    raise SystemExit("slabs: haproxy does not have all entries")
                return resident(process.pid) - before
            finally:
                process.terminate()


def resident(pid: int) -> int:
    words = Path(f"/proc/{pid}/statm").read_text().split()
    return int(words[1]) * os.sysconf("SC_PAGE_SIZE")


def ask(path: str, line: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(path)
        sock.sendall(line.encode() + b"\n")
        pieces = []
        while data := sock.recv(65536):
            pieces.append(data)
    return b"".join(pieces).decode()


def fill(path: str) -> None:
    for start in range(0, COUNT, 200):
        numbers = range(start, min(start + 200, COUNT))
        ask(path, ";".join(f"set table table key {socket.inet_ntoa(key_of(n))} data.gpc0 1" for n in numbers))


def entries(path: str) -> int:
    """What it says itself."""
    return int(ask(path, "show table").partition("used:")[2].strip())


def memory(slab: Slab, fd: int) -> None:
    ours = taken(fd)
    line = f"memory       slab {ours / 1e6:.0f} MB, {ours / slab.used:.0f} bytes an entry"
    program = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is not None:
        theirs = haproxy_takes(program)
        line += f"   haproxy {theirs / 1e6:.0f} MB, {theirs / COUNT:.0f} bytes   ratio {ours / theirs:.2f}"
    print(line)


class Longest:
    """The longest of many calls, in ms, by the clock and in CPU."""

    def __init__(self) -> None:
        self.clock = self.cpu = 0.0
        self.calls = 0

    def note(self, began: int, began_cpu: int) -> None:
        self.clock = max(self.clock, (time.perf_counter_ns() - began) / 1e6)
        self.cpu = max(self.cpu, (time.thread_time_ns() - began_cpu) / 1e6)
        self.calls += 1

    def __str__(self) -> str:
        return f"{self.cpu:.3f} ms CPU ({self.clock:.3f} ms by the clock) of {self.calls:,} calls"


def expire(slab: Slab) -> None:
    longest, looked = Longest(), 64
    while looked == 64:
        began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
        looked = slab.expire(NOW + 10 * EXPIRE)
        longest.note(began, began_cpu)
    print(f"expiry       longest {longest}; {slab.used} left")


def evict(slab: Slab) -> None:
    """All entries were touched in another order since they were made; each call makes room for one more."""
    longest = Longest()
    for number in range(COUNT, 2 * COUNT):
        key = key_of(number)
        began, began_cpu = time.perf_counter_ns(), time.thread_time_ns()
        slab.enter(key, NOW + 1, EXPIRE)
        longest.note(began, began_cpu)
    print(f"eviction     longest {longest}; {slab.used:,} of {slab.size:,} used")


def rebuild(slab: Slab) -> None:
    """Each of some shards once, locked by somebody who is dead."""
    times = []
    view = memoryview(slab).cast("B")
    width = struct.unpack_from("=8I", view, 16)[6]
    for number in range(0, COUNT, COUNT // 20):
        key = key_of(2 * COUNT - 1 - number)
        ref = slab.find(key, NOW)
        place = lock_of(slab, view, ref)
        struct.pack_into("=Q", view, place, ORPHANED)
        began = time.thread_time_ns()
        slab.find(key, NOW)
        times.append((time.thread_time_ns() - began) / 1e6)
    rooms = struct.unpack_from("=8I", view, 16)[4]
    print(
        f"rebuild      {min(times):.3f} to {max(times):.3f} ms CPU of shards of up to {rooms} entries of {width} bytes"
    )


def lock_of(slab: Slab, view: memoryview, ref: int) -> int:
    """Where the lock of an entry's shard lies."""
    room, ring = struct.unpack_from("=8I", view, 16)[4], struct.unpack_from("=8I", view, 16)[7]
    begin = (4096 + 8 * ring + 4095) // 4096 * 4096
    size = (len(view) - begin) // slab.shards
    return int(begin + size * ((ref & 0xFFFFFFFF) >> (room - 1).bit_length()))


def main() -> None:
    if not BUILT:
        sys.exit("slabs: the extension was not built")
    layout = COUNT, 4, DATA, SLOTS
    fd = os.memfd_create("slab", os.MFD_CLOEXEC)
    os.ftruncate(fd, Slab.size_for(*layout))
    slab = Slab(*layout, fd)
    slab.slot = slab.claim_slot(os.getpid())
    keys = [key_of(number) for number in range(COUNT)]
    for key in keys:
        slab.enter(key, NOW, EXPIRE)
    memory(slab, fd)
    update(slab, keys)
    evict(slab)
    rebuild(slab)
    expire(slab)


if __name__ == "__main__":
    main()

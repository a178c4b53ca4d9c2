"""What Linux tells of a process (/proc), and what a program tells of itself on its runtime socket."""

from __future__ import annotations

import csv
import os
import socket
from dataclasses import dataclass
from pathlib import Path

TICK = 1_000_000 // os.sysconf("SC_CLK_TCK")  # µs


@dataclass(frozen=True, slots=True)
class Cpu:
    """µs that were spent, in steps of a tick."""

    user: int
    system: int

    def __sub__(self, before: Cpu) -> Cpu:
        return Cpu(self.user - before.user, self.system - before.system)

    @property
    def total(self) -> int:
        """Both."""
        return self.user + self.system


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        found.append(one)
    return found


def stat_fields(pid: int) -> list[str]:
    """/proc/<pid>/stat from the third field on (proc(5)); [] if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_of(pid: int) -> Cpu:
    """User and system time of a process and of all that descend from it."""
    user = system = 0
    for one in family(pid):
        if fields := stat_fields(one):
            user += int(fields[11]) * TICK
            system += int(fields[12]) * TICK
    return Cpu(user, system)


def nanoseconds_of(pid: int) -> int:
    """ns of CPU of the living threads of a process and of all that descend from it, to the ns (proc(5), schedstat)."""
    total = 0
    for one in family(pid):
        for task in Path(f"/proc/{one}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return total


def last_cores(pid: int) -> list[int]:
    """The cores on which the threads of a process and its descendants ran last."""
    cores = set()
    for one in family(pid):
        for task in Path(f"/proc/{one}/task").glob("*/stat"):
            try:
                cores.add(int(task.read_text().rpartition(")")[2].split()[36]))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return sorted(cores)


def anonymous_kilobytes(pid: int) -> int:
    """Anonymous memory of a process and its descendants: what is their own."""
    total = 0
    for one in family(pid):
        try:
            lines = Path(f"/proc/{one}/status").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
    return total


def ask(path: Path, command: str) -> str:
    """The answer to a command of the runtime socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(path))
        sock.sendall(command.encode() + b"\n")
        answer = b""
        while data := sock.recv(65536):
            answer += data
    return answer.decode()


def show_stat(path: Path) -> dict[str, dict[str, str]]:
    """`show stat` as rows by "proxy/service" (manual, management 9.1)."""
    lines = ask(path, "show stat").lstrip("# ").strip().splitlines()
    return {f"{row['pxname']}/{row['svname']}": row for row in csv.DictReader(lines)}


def dropped_logs(path: Path) -> int:
    """Log lines that the program says it has dropped (`show info`)."""
    for line in ask(path, "show info").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "DroppedLogs":
            return int(value)
    raise SystemExit("show info says nothing of dropped logs")

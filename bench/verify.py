"""What is wrong with a run: nothing is believed that was not counted twice.

wrk, h2load  answers it has seen, errors, bytes          at most one request of each connection (or stream of it) is
the program  requests or sessions, 2xx, bytes, backend   under way when the load stops: such a request may have been
nginx        requests it has answered                    counted by the program and by nginx, but not by the load
the log      lines received; dropped by the program or by the kernel: lines equal the program's own count
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.rows import Row

PROBE = 1  # wrk opens one connection more, to see whether the address answers; it is counted as a request
KINDS = ("status", "connect", "read", "write", "timeout")


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted, of a program's birth up to now, or between two such times."""

    served: int  # by nginx
    sessions: int  # by the program's frontend
    requests: int
    good: int  # answers with 2xx
    bytes_in: int
    routed: int  # requests or sessions of the row's backend
    lines: int
    dropped: int  # log lines, by the program
    lost: int  # log lines, by the kernel

    def __sub__(self, before: Counts) -> Counts:
        return Counts(
            self.served - before.served,
            self.sessions - before.sessions,
            self.requests - before.requests,
            self.good - before.good,
            self.bytes_in - before.bytes_in,
            self.routed - before.routed,
            self.lines - before.lines,
            self.dropped - before.dropped,
            self.lost - before.lost,
        )


def verify(row: Row, load: dict[str, int], counts: Counts, name: str) -> str:
    """What is wrong with a run, "" if nothing."""
    problems = [f"{load[kind]} {kind} errors" for kind in KINDS if load.get(kind)]
    count = load["requests"]
    probes = 0 if row.streams else PROBE
    most = count + row.under_way + probes

    def within(what: str, value: int) -> None:
        if not count <= value <= most:
            problems.append(f"{value:,} {what} for {count:,} requests of the load")

    if not count:
        problems.append("no request was answered")
    within("requests at nginx", counts.served)
    if row.tcp and not row.close:
        if not row.connections <= counts.sessions <= row.connections + PROBE:
            problems.append(f"{counts.sessions} sessions for {row.connections} connections")
    elif row.tcp:
        within("sessions", counts.sessions)
        within(f"sessions of {row.backend}", counts.routed)
    else:
        within("requests in show stat", counts.requests)
        within("answers with 2xx in show stat", counts.good)
        within(f"requests of {row.backend}", counts.routed)
    if load["bytes"] < count * row.size:
        problems.append("bodies are too short")
    if row.post and counts.bytes_in < count * row.post:
        problems.append("bodies that were sent are too short")
    # With TLS the probe is a handshake that fails, which has a line of its own.
    if row.logged and counts.lines != counts.requests + probes * row.tls:
        problems.append(f"{counts.lines:,} log lines for {counts.requests:,} requests in show stat")
    if counts.dropped or counts.lost:
        problems.append(f"log lines dropped: {counts.dropped} by the program, {counts.lost} by the kernel")
    return ", ".join(f"{name}: {problem}" for problem in problems)

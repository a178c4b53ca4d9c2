"""The rows of the table: which port is asked, for what, over how many connections."""
from __future__ import annotations

from dataclasses import dataclass

SIZES = {"small": 0, "10k": 10_000, "1m": 1_000_000}
SMALL = b"Hello from server %d!"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of work. `close`: a connection for each request."""

    name: str
    tells: str
    frontend: str = "http"
    path: str = "/"
    size: int = 0  # bytes of a body; 0: the small text
    connections: int = 64
    close: bool = False

    @property
    def script(self) -> str:
        """For wrk: what differs from a plain GET, and a last line that says everything exactly."""
        head = 'wrk.headers["Connection"] = "close"\n' if self.close else ""
        return head + LAST_LINE


LAST_LINE = """\
done = function(summary, latency, requests)
   local e = summary.errors
   io.write(string.format(
      'RESULT {"requests": %d, "microseconds": %d, "bytes": %d, "connect": %d, "read": %d, "write": %d,' ..
      ' "status": %d, "timeout": %d, "p50": %d, "p99": %d}\\n',
      summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout,
      latency:percentile(50), latency:percentile(99)))
end
"""

ROWS = {
    row.name: row
    for row in (
        Row(name="small", tells="a small answer, connections kept"),
        Row(name="full", tells="the same with three ACLs, a deny, header rules, forwardfor and a log line",
            frontend="full"),
        Row(name="10k", tells="bodies of 10 KB", path="/10k.bin", size=10_000),
        Row(name="1m", tells="bodies of 1 MB", path="/1m.bin", size=1_000_000, connections=16),
        Row(name="close", tells="a connection for each request", close=True),
        Row(name="tcp", tells="TCP mode, ping-pong on kept connections", frontend="tcp"),
        Row(name="tcp-connect", tells="TCP mode, a connection for each exchange", frontend="tcp", close=True),
    )
}

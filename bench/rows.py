"""The rows of the table that are measured under load: what is asked, of which frontend, and what must come back.

A request is a template: {n} is another number in every request, {t} a random one of nine digits. `script` makes a wrk
script of it, `request` the bytes for our own client; both send the same lines in the same order. Paths below /v ask a
server for two header lines that are never the same, paths below /w for five (`bench/configs.py`, `bench/crowd.py`).
A row with streams is asked in HTTP/2, by h2load, which sends the same request again and again.
"""

from __future__ import annotations

import random
import re
import struct
from dataclasses import dataclass

from bench.results import Goal

FULL = ("full", "limited", "tls-full", "h2c", "tls-h2", "h2-server", "grpc")  # frontends with the full configuration
SIZES = {"10k.bin": 10_000, "1m.bin": 1_000_000}
SMALL = b"Hello from server %d!"
POSTED = 10_000  # bytes of a body that is sent
RULES = 200  # use_backend rules of the frontend "rules"
SPAN = 100_000_000  # of {n}: what one run may use up

BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Encoding: gzip, deflate, br",
    "Accept-Language: en-GB,en;q=0.9",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark",
    "Cache-Control: max-age=0",
    "Sec-Fetch-Mode: navigate",
    "Referer: http://www.example.com/somewhere/else",
)
IDENTIFIED = (*BROWSER, "X-Request-Id: {n}-{t}")
DIFFERENT = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) Browser/{t}.{n}",
    "Accept: text/html,application/xml;q=0.{t},*/*;x={n}",
    "Accept-Encoding: gzip, x-{t}-{n}",
    "Accept-Language: en-GB,en;q=0.9,x-{n}-{t}",
    "Cookie: session={t}{n}0123456789abcdef; theme=dark",
    "Referer: http://www.example.com/somewhere/{n}/{t}",
    "X-Request-Id: {n}-{t}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of work. `least` and `aim` are ratios of requests per second to haproxy's: more is better."""

    name: str
    tells: str
    least: float
    aim: float
    must: bool = False  # a row that has to reach its minimum
    frontend: str = "http"
    path: str = "/"
    host: str = "www.example.com"
    lines: tuple[str, ...] = ()
    size: int = 0  # bytes of a body; 0: the small text
    post: int = 0  # bytes of a body that is sent
    connections: int = 64
    close: bool = False  # a connection for each request
    variant: str = "one"  # "one" lane, "two" lanes, or one with the memories "off", or one that speaks "h2", too
    backend: str = "servers"  # that every request reaches
    by_cpu: bool = False  # the goal is about CPU: the load's own work with TLS may keep the other core busier
    streams: int = 0  # of each connection at a time, in HTTP/2; 0: HTTP/1
    grpc: bool = False  # what is sent is one message of gRPC, what comes back has a trailer

    @property
    def goal(self) -> Goal:
        """About requests per second."""
        return Goal(self.least, self.aim, self.must)

    @property
    def tcp(self) -> bool:
        """Whether sessions are counted instead of requests."""
        return self.frontend in ("tcp", "sni")

    @property
    def logged(self) -> bool:
        """Whether each request is to give one log line."""
        return self.frontend in FULL

    @property
    def tls(self) -> bool:
        """Whether clients speak TLS."""
        return self.frontend == "sni" or self.frontend.startswith("tls-")

    @property
    def under_way(self) -> int:
        """Requests at most that are unanswered when the load stops."""
        return self.connections * max(self.streams, 1)

    @property
    def sent(self) -> bytes:
        """The body of a request."""
        if self.grpc:  # not compressed, and its length
            return struct.pack("!BI", 0, self.post) + b"x" * self.post
        return b"x" * self.post

    @property
    def template(self) -> str:
        """The request with its places."""
        lines = [f"{'POST' if self.post else 'GET'} {self.path} HTTP/1.1", f"Host: {self.host}", *self.lines]
        if self.post:
            lines.append(f"Content-Length: {self.post}")
        if self.close:
            lines.append("Connection: close")
        return "\r\n".join(lines) + "\r\n\r\n" + "x" * self.post

    def request(self, number: int) -> bytes:
        """One request; another number gives other bytes where the row has places."""
        text = self.template
        if "{" not in text:
            return text.encode()
        digits = random.Random(number).randrange(10**8, 10**9)
        return text.replace("{n}", str(number)).replace("{t}", str(digits)).encode()

    def script(self, start: int) -> str:
        """For wrk: requests with numbers after `start`, and a last line that says everything exactly."""
        text = self.template
        if "{" not in text:
            return f"local raw = {quoted(text)}\nwrk.format = function() return raw end\n{LAST_LINE}"
        parts = [part if part in "nt" else quoted(part) for part in re.split(r"\{([nt])\}", text) if part]
        return (
            f"local n, random = {start}, math.random\nmath.randomseed({start % (1 << 31)})\n"
            f"request = function()\n   n = n + 1\n   local t = random(100000000, 999999999)\n"
            f"   return {' .. '.join(parts)}\nend\n{LAST_LINE}"
        )


def quoted(text: str) -> str:
    """A string of Lua."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n") + '"'


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

H2_CONNECTIONS = 16
HTTP2 = (
    Row(
        name="h2c",
        tells="full over HTTP/2 in clear, one stream at a time",
        least=1.1,
        aim=1.4,
        must=True,
        frontend="h2c",
        variant="h2",
        connections=H2_CONNECTIONS,
        streams=1,
    ),
    Row(
        name="h2c-10",
        tells="the same, ten streams at a time",
        least=0.9,
        aim=1.3,
        must=True,
        frontend="h2c",
        variant="h2",
        connections=H2_CONNECTIONS,
        streams=10,
    ),
    Row(
        name="h2-tls",
        tells="full over HTTP/2 and TLS 1.3, one stream at a time",
        least=1.2,
        aim=1.5,
        must=True,
        frontend="tls-h2",
        variant="h2",
        connections=H2_CONNECTIONS,
        streams=1,
        by_cpu=True,
    ),
    Row(
        name="h2-tls-10",
        tells="the same, ten streams at a time",
        least=1.0,
        aim=1.3,
        must=True,
        frontend="tls-h2",
        variant="h2",
        connections=H2_CONNECTIONS,
        streams=10,
        by_cpu=True,
    ),
    Row(
        name="h2-server",
        tells="full, HTTP/1 clients, HTTP/2 to the servers",
        least=1.0,
        aim=1.3,
        must=True,
        frontend="h2-server",
        variant="h2",
        backend="multiplexed",
        by_cpu=True,
    ),
    Row(
        name="grpc",
        tells="unary calls in the form of gRPC's, full, HTTP/2 in front and behind",
        least=1.0,
        aim=1.3,
        must=True,
        frontend="grpc",
        variant="h2",
        path="/greeting.Greeter/Greet",
        lines=("content-type: application/grpc", "te: trailers"),
        post=20,
        connections=H2_CONNECTIONS,
        backend="multiplexed",
        streams=1,
        grpc=True,
        by_cpu=True,
    ),
    Row(
        name="h2-1m",
        tells="1 MB down over HTTP/2, full",
        least=1.2,
        aim=1.6,
        must=True,
        frontend="h2c",
        variant="h2",
        path="/1m.bin",
        size=1_000_000,
        connections=H2_CONNECTIONS,
        streams=1,
    ),
    Row(
        name="h2-up",
        tells="1 MB up over HTTP/2, full",
        least=1.0,
        aim=1.3,
        must=True,
        frontend="h2c",
        variant="h2",
        path="/upload",
        post=1_000_000,
        connections=H2_CONNECTIONS,
        streams=1,
    ),
    Row(
        name="h2-first",
        tells="the first request of a new connection, HTTP/2 in clear, full",
        least=0.9,
        aim=1.1,
        must=True,
        frontend="h2c",
        variant="h2",
        connections=250,
        streams=1,
        close=True,
        by_cpu=True,
    ),
)

ROWS = {
    row.name: row
    for row in (
        Row(name="full", tells="small keep-alive, full configuration", least=1.2, aim=1.6, must=True, frontend="full"),
        Row(name="small", tells="small keep-alive, plain configuration", least=1.0, aim=1.2),
        Row(name="browser", tells="full, a browser's headers", least=1.2, aim=1.6, frontend="full", lines=BROWSER),
        Row(
            name="path+id",
            tells="full, path and id header differ in every request",
            least=1.1,
            aim=1.5,
            must=True,
            frontend="full",
            path="/p{t}-{n}",
            lines=IDENTIFIED,
        ),
        Row(
            name="responses",
            tells="and every response differs in two header lines",
            least=1.1,
            aim=1.6,
            frontend="full",
            path="/v/p{t}-{n}",
            lines=IDENTIFIED,
        ),
        Row(
            name="all-differ",
            tells="and no line is like another, in both directions",
            least=1.0,
            aim=1.5,
            must=True,
            frontend="full",
            path="/w/p{t}-{n}",
            host="h{n}.example.com",
            lines=DIFFERENT,
        ),
        Row(
            name="memories-off",
            tells="full with the memories switched off",
            least=0.6,
            aim=0.8,
            frontend="full",
            variant="off",
        ),
        Row(
            name="rules200",
            tells="200 use_backend rules, path tail and a header differ, last rule hit",
            least=1.1,
            aim=2.0,
            frontend="rules",
            path="/last/p{t}-{n}",
            lines=IDENTIFIED,
            backend="others",
        ),
        Row(name="post10k", tells="POST with 10 KB", least=0.9, aim=1.2, path="/post", post=POSTED),
        Row(name="10k", tells="10 KB down", least=0.95, aim=1.2, path="/10k.bin", size=10_000),
        Row(name="1m", tells="1 MB down", least=1.4, aim=3, must=True, path="/1m.bin", size=1_000_000, connections=16),
        Row(
            name="close",
            tells="connection: close, full configuration",
            least=0.85,
            aim=1.1,
            must=True,
            frontend="full",
            close=True,
        ),
        Row(name="1000", tells="1,000 connections keep-alive", least=1.0, aim=1.3, connections=1000),
        Row(name="one", tells="one connection (latency)", least=0.9, aim=1.0, connections=1),
        Row(name="tcp", tells="TCP mode ping-pong", least=0.85, aim=1.0, must=True, frontend="tcp"),
        Row(name="tcp-connect", tells="TCP mode, new connection each", least=0.8, aim=1.0, frontend="tcp", close=True),
        Row(
            name="tcp-1m",
            tells="TCP mode 1 MB",
            least=1.5,
            aim=3,
            frontend="tcp",
            path="/1m.bin",
            size=1_000_000,
            connections=16,
        ),
        Row(
            name="tls-full",
            tells="full over TLS 1.3, keep-alive",
            least=1.2,
            aim=1.6,
            must=True,
            frontend="tls-full",
            by_cpu=True,
        ),
        Row(
            name="tls-differ",
            tells="all-differ over TLS 1.3",
            least=1.1,
            aim=1.5,
            must=True,
            frontend="tls-full",
            path="/w/p{t}-{n}",
            host="h{n}.example.com",
            lines=DIFFERENT,
            by_cpu=True,
        ),
        Row(
            name="tls-1m",
            tells="1 MB down over TLS 1.3",
            least=1.3,
            aim=1.6,
            must=True,
            frontend="tls-ec",
            path="/1m.bin",
            size=1_000_000,
            connections=16,
            by_cpu=True,
        ),
        Row(
            name="tls-server",
            tells="small keep-alive, TLS to the servers",
            least=1.1,
            aim=1.4,
            must=True,
            frontend="reencrypt",
            backend="encrypted",
            by_cpu=True,
        ),
        Row(
            name="rate-limit",
            tells="full, every client tracked, deny on its rate",
            least=1.0,
            aim=1.3,
            must=True,
            frontend="limited",
        ),
        Row(
            name="sni-connect",
            tells="TLS passed through by SNI, new connection each",
            least=0.8,
            aim=1.0,
            must=True,
            frontend="sni",
            backend="passed",
            close=True,
        ),
        Row(
            name="sni-1m",
            tells="TLS passed through by SNI, 1 MB",
            least=1.5,
            aim=3,
            must=True,
            frontend="sni",
            backend="passed",
            path="/1m.bin",
            size=1_000_000,
            connections=16,
        ),
        Row(
            name="two-lanes",
            tells="two lanes and nbthread 2, small full",
            least=1.0,
            aim=1.4,
            frontend="full",
            variant="two",
        ),
        *HTTP2,
    )
}

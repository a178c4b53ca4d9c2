"""retry-on: requests that are sent again, and disable-l7-retry."""

from __future__ import annotations

from collections.abc import Sequence

from support.actor import Close, Pause, Recv, Reset, Send, Serve
from support.origin import Script, ok
from support.scenario import Logged, Scenario, Stat

from families.requests import get, post, response
from families.simple import simple

COLUMNS = ("wretr", "wredis", "eresp", "hrsp_2xx", "hrsp_5xx", "stot", "lbtot", "econ")
EACH = "`eresp` counts each attempt that fails, repeated or not; 2.6 counts no end without a byte that is repeated"
HALF = "half a response head is no response (502 `PH`, and `junk-response` to `retry-on`); 2.6 says `SH`"
EMPTY = (Recv(), Close())
GONE = (Recv(), Reset())
JUNK = (Recv(), Send(b"nonsense\r\n\r\n"), Close())
PART = (Recv(), Send(b"HTTP/1.1 200 OK\r\nX: "), Close())
SLOW = (Recv(), Pause(1.2), Close())
GOOD = (Serve(ok(b"a")),)
CHUNKED = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"


def status(code: int) -> Script:
    """A server that answers with it."""
    return (Serve(response(f"{code} X", "Content-Length: 1", body=b"x")),)


def retry(
    name: str,
    back: str,
    scripts: Sequence[Script],
    *expect: str,
    request: bytes = get("/"),
    second: bool = False,
    twice: bool = False,
    differs: str = "",
    ours: Sequence[str] = (),
) -> Scenario:
    """One request; the server plays one script a connection. `second`: another server answers 200. `twice`: 3.2 counts
    the attempt that is not repeated twice (eresp)."""
    counts = Stat("app/.*", tuple(one for one in COLUMNS if one != "eresp" or not twice))
    servers = {"a": scripts}
    config = simple(back="balance roundrobin\n" + back)
    if second:
        config += "    server s2 {server:b}\n"
        servers["b"] = (GOOD,)
    return Scenario(
        name=name,
        config=config,
        servers=servers,
        talk=[Send(request), Recv(), Logged(1), counts],
        expect=expect,
        differs=differs,
        until_peer=(3, 0),
        ours=ours,
    )


SCENARIOS = [
    retry("without it", "", (EMPTY, GOOD), "502 B - - SH-- 1/1/0/0/0 ", twice=True),
    retry("none", "retry-on none", (EMPTY, GOOD), "502 B - - SH--", twice=True),
    retry(
        "empty-response",
        "retry-on empty-response",
        (EMPTY, GOOD),
        "200 B - - ---- 1/1/0/0/1 ",
        "wretr=2",
        differs=EACH,
        ours=["200 B - - ---- 1/1/0/0/1 ", "eresp=1"],
    ),
    retry("empty-response: a reset", "retry-on empty-response", (GONE, GOOD), "200 B", "eresp=1"),
    retry(
        "empty-response: half a head",
        "retry-on empty-response",
        (PART, GOOD),
        "200 B",
        twice=True,
        differs=HALF,
        ours=["502 B - - PH--"],
    ),
    retry(
        "empty-response: a body goes along",
        "retry-on empty-response",
        (EMPTY, GOOD),
        "200 B",
        "connection 2:\n  POST / HTTP/1.1\n  host: h\n  content-length: 5\n  [length] 'hello'",
        request=post("/", b"hello"),
        differs=EACH,
        ours=["eresp=1", "connection 2:\n  POST / HTTP/1.1\n  host: h\n  content-length: 5\n  [length] 'hello'"],
    ),
    retry("junk-response", "retry-on junk-response", (JUNK, GOOD), "200 B", "eresp=1"),
    retry(
        "junk-response: half a head",
        "retry-on junk-response",
        (PART, GOOD),
        "502 B",
        differs=HALF,
        ours=["200 B", "eresp=1"],
    ),
    retry("junk-response: nothing", "retry-on junk-response", (EMPTY, GOOD), "502 B", twice=True),
    retry("response-timeout", "timeout server 300ms\nretry-on response-timeout", (SLOW, GOOD), "200 B"),
    retry("statuses", "retry-on 503 404", (status(503), status(404), GOOD), "200 B - - ---- 1/1/0/0/2 "),
    retry("another status", "retry-on 503", (status(404), GOOD), "404 B - - ---- 1/1/0/0/0 "),
    retry("a status to the end", "retry-on 503\nretries 2", (status(503),), "503 B - - ---- 1/1/0/0/2 "),
    retry(
        "nothing to the end",
        "retry-on empty-response\nretries 2",
        (EMPTY,),
        "502 B - - SH-- 1/1/0/0/2 ",
        twice=True,
    ),
    retry(
        "all-retryable-errors",
        "retry-on all-retryable-errors",
        (EMPTY, JUNK, GOOD),
        "200 B - - ---- 1/1/0/0/2 ",
        differs=EACH,
        ours=["200 B - - ---- 1/1/0/0/2 ", "eresp=2"],
    ),
    retry("no retries", "retry-on 503\nretries 0", (status(503), GOOD), "503 B"),
    retry(
        "redispatch",
        "retry-on empty-response\noption redispatch",
        (EMPTY,),
        "app/s2",
        "/+1 ",
        second=True,
        differs=EACH,
        ours=["app/s2", "/+1 ", "eresp=1"],
    ),
    retry("redispatch 1", "retry-on 503\noption redispatch 1", (status(503),), "app/s2", "wredis=1", second=True),
    retry("no redispatch", "retry-on 503", (status(503),), "app/s1", "503 B - - ---- 1/1/0/0/3 ", second=True),
    retry(
        "disable-l7-retry",
        "retry-on all-retryable-errors\nhttp-request disable-l7-retry if { path / }",
        (EMPTY, GOOD),
        "502 B",
        twice=True,
    ),
    retry(
        "disable-l7-retry for POST alone",
        "retry-on all-retryable-errors\nhttp-request disable-l7-retry if METH_POST",
        (EMPTY, GOOD),
        "200 B",
        differs=EACH,
        ours=["200 B", "eresp=1"],
    ),
    retry("larger than a buffer", "retry-on 503", (status(503), GOOD), "503 B", request=post("/", b"x" * 20_000)),
    retry("nearly a buffer", "retry-on 503", (status(503), GOOD), "200 B", request=post("/", b"x" * 12_000)),
    retry("a chunked body", "retry-on 503", (status(503), GOOD), "connection 2:", "[chunked] 'abc'", request=CHUNKED),
    retry(
        "rules see the last response only",
        "retry-on 503\nhttp-response set-header x-s %[status]\n"
        "http-response set-header x-r %[var(txn.n)].\nhttp-response set-var(txn.n) int(1)",
        (status(503), GOOD),
        "x-s: 200",
        "x-r: .",
    ),
]

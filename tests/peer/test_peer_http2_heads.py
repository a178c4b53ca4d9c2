"""Heads of HTTP/2 on both programs: what a server of HTTP/1 is sent, what the client is told, what the log says.

The server's answer is what it was sent. All requests of a program go over one connection, one after the other: that
one is refused does not concern the others.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from support.h2_heads import ANSWERED, HOST, MALFORMED, SERVED, Pairs, head
from support.h2_peer import RawClient, headers, literals
from support.programs import HAPROXY, POINTSMAN, Program, peer_version
from support.receiver import LogReceiver
from support.threaded_servers import ThreadedServers

pytestmark = pytest.mark.peer

CONFIG = """
global
    log {log} format raw local0
defaults
    mode http
    log global
    log-format "%ST %ts %{+Q}r %HV"
    timeout connect 5s
    timeout client 20s
    timeout server 5s
    retries 0
frontend f
    bind 127.0.0.1:{port:front} proto h2
    default_backend b
backend b
    server a 127.0.0.1:{server} pool-max-conn 0
"""

# What differs on purpose: docs/differences.md, HTTP/2.
DIFFERENT = {
    *("another Host", "a Host with another port", "an empty Host", "two Hosts", "a Host twice"),
    *("two Hosts and an authority", "an empty authority", "two ports", "an asterisk, but not OPTIONS"),
    *("CONNECT without port", "CONNECT with an empty port", "CONNECT without a host", "CONNECT with another Host"),
    *(f"{byte!r} {place} a value" for byte in (b" ", b"\t") for place in ("before", "behind")),
}
# What 2.6 lets pass, or answers, where 3.2 resets the stream, as here: it looks less at authorities.
OLD = {
    *("a user", "a user with a password", "a comma", "a slash in the authority", "a query in the authority"),
    *("a fragment in the authority", "a blank in the authority", "an open bracket", "above 127 in the authority"),
    *("a blank in Host", "a comma in Host", "a slash in Host", "a user in Host", "a length of 00"),
    *(f"{byte!r} in an authority" for byte in (b"\x7f", b" ")),
}
FATAL = {"an empty name", "nothing"}  # HAProxy closes the connection
CASES: dict[str, Pairs] = {
    name: pairs for name, pairs in {**SERVED, **ANSWERED, **MALFORMED}.items() if name not in FATAL
}


# What rules make of requests: each begins with a path of its own.
RULES = r"""
    http-request redirect location /loc if { path_beg /location }
    http-request redirect prefix http://pre.org if { path_beg /prefix/ }
    http-request redirect prefix http://pre.org drop-query append-slash if { path /slash }
    http-request redirect prefix / if { path_beg /here }
    http-request redirect scheme https if { path_beg /scheme }
    http-request redirect scheme https code 307 drop-query if { path_beg /bare }
    http-request redirect location http://%[req.hdr(host)]/x%[path] if { path_beg /computed }
    http-request replace-uri ^http://(.*) https://\1 if { path_beg /absolute }
    http-request replace-uri ^/never(.*) /new\1 if { path_beg /never }
    http-request replace-path /path(.*) /new\1 if { path_beg /path }
    http-request replace-pathq /query(.*) /new\1&x=y if { path_beg /query }
    http-request set-pathq /set?zz if { path_beg /pathq }
    http-request set-uri %[url,regsub(foo,bar)] if { path_beg /regfoo }
    http-request set-method POST if { path_beg /method }
    http-request replace-header host (.*)\.com \1.org if { path_beg /header }
    http-request replace-value host (.*)\.com \1.net if { path_beg /value }
    http-request add-header x-u %[url],%[urlp(a)],%[url32],%[base32],%[path,length],%[baseq] if { path_beg /fetches }
    http-request add-header x-c %[req.cook(a)],%[req.cook(c)],%[req.cook_cnt(a)] if { path_beg /cookies }
    http-request del-header cookie if { path_beg /crumbs }
    http-request set-header connection close if { path_beg /connection }
    http-request set-header upgrade foo if { path_beg /upgrade }
    http-request deny if { url_beg /url }
    http-request deny if { url_beg http://ex.com/refused }
    http-request deny deny_status 410 if { url_dom ex.com } { path_beg /domain }
    monitor-uri /monitor
    option forwardfor
"""
PATHS = (
    *(
        "/location?x",
        "/prefix/a?b",
        "/slash?x",
        "/slash",
        "/here?x",
        "/scheme?x",
        "/bare?x",
        "/computed?x",
        "/absolute?x",
    ),
    *(
        "/never/a?b",
        "/path/a?b",
        "/query?a",
        "/pathq?a",
        "/regfoo?a",
        "/method",
        "/header",
        "/value",
        "/fetches?a=1&b=2",
    ),
    *("/cookies", "/crumbs", "/connection", "/upgrade", "/url", "/refused", "/domain", "/monitor", "/plain"),
)


class Mirror(ThreadedServers):
    """Answers with the head that it was sent."""

    async def talk(self, server: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%b" % (len(head), head))
        await writer.drain()
        writer.close()


def told(client: RawClient, stream: int, pairs: Pairs) -> tuple[object, ...]:
    client.send(headers(stream, literals(pairs)))
    answer = client.collect(stream)
    if answer.get(b"location") is not None:
        return ("sent elsewhere", answer.status, answer.get(b"location"))
    if answer.reset is not None and not answer.status:
        return ("reset", answer.reset)
    if answer.status == 200:
        return ("sent", answer.body)
    return ("answered", answer.status)


def results(program: Program, log: LogReceiver, names: list[str]) -> dict[str, tuple[object, ...]]:
    with RawClient(program.ports["front"]) as client:
        said = [told(client, 2 * number + 1, CASES[name]) for number, name in enumerate(names)]
    lines = log.wait(len(names))
    assert len(lines) == len(names), lines
    return {name: (*one, line) for name, one, line in zip(names, said, lines, strict=True)}


def test_both_programs_take_and_refuse_the_same(tmp_path: Path) -> None:
    names = list(CASES)
    seen = []
    for kind in (HAPROXY, POINTSMAN):
        log = LogReceiver()
        with Mirror("a") as mirror:
            values = {"log": log.where, "server": str(mirror.ports["a"])}
            with Program(kind, CONFIG, tmp_path / kind.name, values) as program:
                seen.append(results(program, log, names))
        log.close()
    theirs, ours = seen
    differ = {name: (theirs[name], ours[name]) for name in names if theirs[name] != ours[name]}
    expected = DIFFERENT | OLD if peer_version() < (3, 0) else DIFFERENT
    assert set(differ) == expected, {name: differ.get(name) for name in set(differ) ^ expected}
    assert {name for name in names if ours[name][0] == "sent"} == set(SERVED)
    assert {name for name in names if ours[name][0] == "answered"} == set(ANSWERED)


def test_rules_make_the_same_of_requests_of_http_2(tmp_path: Path) -> None:
    """Written for HTTP/1, where most URIs are paths, they meet absolute ones (manual 4.2, replace-uri)."""
    rest = [(b"cookie", b"a=1; b=2"), (b"x", b"1"), (b"cookie", b"c=3")]
    cases = [[*head(path=path.encode()), *rest] for path in PATHS]
    cases += [[*HOST[:2], (b":path", path.encode()), (b"host", b"h.com:8080")] for path in PATHS]
    seen = []
    for kind in (HAPROXY, POINTSMAN):
        text = CONFIG.replace("    default_backend b\n", RULES + "    default_backend b\n")
        with Mirror("a") as mirror:
            values = {"log": "127.0.0.1:1", "server": str(mirror.ports["a"])}
            with (
                Program(kind, text, tmp_path / kind.name, values) as program,
                RawClient(program.ports["front"]) as client,
            ):
                seen.append([told(client, 2 * number + 1, pairs) for number, pairs in enumerate(cases)])
    for pairs, theirs, ours in zip(cases, *seen, strict=True):
        assert ours == theirs, pairs
    assert {said[0] for said in seen[1]} == {"sent", "sent elsewhere", "answered"}

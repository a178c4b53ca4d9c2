"""What is remembered changes nothing: any rules, any requests and responses, with the memories and without them.

A story is played twice on the same configuration and the same clock, once with POINTSMAN_MEMORIES=off. What the servers
were sent, what the clients were sent, every log line and every counter must be the same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.everything import MEASURED, everything
from support.stand import End, Lines, Stand

from pointsman.assemble import MEMORIES
from pointsman.core.address import NetAddress, net_address
from pointsman.core.counters import COUNTER_FIELDS
from pointsman.core.diagnostics import NOWHERE
from pointsman.core.words import Word
from pointsman.log.policy import When
from pointsman.sample.context import Context
from pointsman.sample.format import Format, parse_format
from pointsman.sample.types import Where
from pointsman.stream.h1back import H1Back
from pointsman.stream.h1front import H1Front
from pointsman.tables.patterns import LISTS

LOG: Final = (
    "%ci:%cp %fi:%fp %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %U %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r "
    "%HM %HP %HQ %HU %HV %ID %rt %[capture.req.method] %[capture.req.uri] %[capture.req.hdr(0)] "
    "%[capture.res.hdr(0)] %[var(txn.x)] %[var(sess.n)] %[status] %[txn.status] %[method] %[src] %[http_first_req] "
    "%[res.ver] %[unique-id] %OG"
)
PLACES: Final = MEASURED | {"%bp", "%sp", "bc_src_port", "bc_dst_port"}  # by chance others each time
CLOSED: Final = b"<closed>"


@dataclass
class Uses:
    """How often what was remembered was used: then the very object of an earlier exchange stands for this one's."""

    lines: int = 0  # of which it is known
    requests: int = 0
    responses: int = 0

    def add(self, other: Uses) -> None:
        self.lines += other.lines
        self.requests += other.requests
        self.responses += other.responses


class Told(Lines):
    """Keeps whole lines."""

    def __init__(self, when: When, line: Format) -> None:
        super().__init__(when)
        self.form = line
        self.all = everything()
        self.uses = Uses()
        self.seen: dict[int, object] = {}  # by id(), and kept, so that no id comes again

    def stream(self, ctx: Context, level: int = 6) -> None:
        self.lines.append(f"{level} {self.form.render(ctx)!r}")
        self.lines += [f"{name} {one.render(ctx)!r}" for name, one in self.all.items() if name not in PLACES]
        self.uses.lines += 1
        self.uses.requests += id(ctx.request) in self.seen
        self.uses.responses += id(ctx.response) in self.seen
        for one in (ctx.request, ctx.response):
            if one is not None:
                self.seen[id(one)] = one


class Twin(Stand):
    """One of two that must do the same: addresses of clients are made up."""

    number = 0

    def _source(self, address: NetAddress) -> NetAddress:
        self.number += 1
        return net_address(f"10.0.0.{self.number}", 40_000 + self.number)

    def _here(self) -> NetAddress:
        return net_address("10.1.0.1", 80)

    def _logger(self, when: When) -> Lines:
        return Told(when, parse_format(Word(LOG, NOWHERE), Where.LOG, merge_spaces=True))


@dataclass(frozen=True)
class Step:
    """What happens next: bytes from a client, or time, or an entry more in the list (`entry`)."""

    client: int = 0
    data: bytes = b""
    time: int = 0
    entry: str = ""
    stop: bool = False


@dataclass
class Tale:
    """What came of a story."""

    to_servers: list[tuple[str, bytes]] = field(default_factory=list)  # of each connection
    to_clients: dict[int, bytes] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    counters: list[tuple[str, str, int]] = field(default_factory=list)
    uses: Uses = field(default_factory=Uses, compare=False)


class Play:
    """A scripted world around one stand: servers answer whatever is complete."""

    def __init__(self, stand: Twin, responses: Sequence[bytes]) -> None:
        self.stand = stand
        self.responses = responses
        self.asked = 0
        self.tale = Tale()
        self.clients: dict[int, End] = {}
        self.servers: list[tuple[str, End, bytearray]] = []

    def step(self, step: Step) -> None:
        stand = self.stand
        if step.time:
            stand.wait(step.time)
        if step.entry:
            LISTS.references[0].add(step.entry, None)
        if step.stop:
            stand.live.process.stopping = True
        if step.data:
            client = self.clients.get(step.client)
            if client is None or client.closed:
                client = self.clients[step.client] = stand.client()
            client.send(step.data)
        for _ in range(200):
            if not self._serve():
                break
        for number, end in self.clients.items():
            if end.sock.fileno() >= 0:
                got = end.take()
                if got or end.closed:
                    self.tale.to_clients[number] = self.tale.to_clients.get(number, b"") + got + CLOSED * end.closed
                if end.closed:
                    end.close()

    def _serve(self) -> bool:
        """True: somebody had something to do."""
        busy = False
        for name in ("a", "b"):
            for end in self.stand.arrivals(name):
                self.servers.append((name, end, bytearray()))
                self.tale.to_servers.append((name, b""))
                busy = True
        for place, (name, end, data) in enumerate(self.servers):
            if end.sock.fileno() < 0:
                continue
            got = end.take()
            if got:
                busy = True
                data += got
                self.tale.to_servers[place] = name, self.tale.to_servers[place][1] + got
            while size := whole(data):
                head_only = data.startswith(b"HEAD ")
                del data[:size]
                response = self.responses[self.asked % len(self.responses)].replace(b"#", b"%d" % (self.asked * 3))
                self.asked += 1
                last = response.rfind(b"HTTP/1.")
                start = response[last:]
                if head_only:
                    response = response[:last] + start[: start.index(b"\r\n\r\n") + 4]
                end.send(response)
                if (
                    b"ontent-length" not in start.lower()
                    and b"chunked" not in start
                    and not head_only
                    and start[9:12] not in (b"204", b"304")
                ):
                    end.close()
                    break
            if end.closed and end.sock.fileno() >= 0:
                end.close()
        return busy


def whole(data: bytearray) -> int:
    """The size of the request that it begins with, if that is all here."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return 0
    head = bytes(data[:end]).lower()
    if b"transfer-encoding: chunked" in head:
        last = data.find(b"0\r\n\r\n", end)
        return last + 5 if last >= 0 else 0
    _, found, rest = head.partition(b"content-length: ")
    size = end + (int(rest.split(b"\r\n")[0]) if found else 0)
    return size if size <= len(data) else 0


def play(config: str, story: Sequence[Step], responses: Sequence[bytes], remembers: bool) -> Tale:
    with mock.patch.dict(os.environ, {MEMORIES: "on" if remembers else "off"}), Twin(config, "a", "b") as stand:
        assert stand.live.program.remembers == remembers
        scene = Play(stand, responses)
        for step in story:
            scene.step(step)
        tale = scene.tale
        for one in (channel.owner() for channel in stand.reactor.channels):
            if isinstance(one, H1Front) and not remembers:
                assert one.model is None and one.outcome is None and not one.block
            if isinstance(one, H1Back) and not remembers:
                assert one.model is None and one.answer is None
        stand.live.process.stopping = False
        tale.lines = list(stand.lines)
        for logger in stand.logs.values():
            assert isinstance(logger, Told)
            tale.uses.add(logger.uses)
        assert remembers or not tale.uses.requests + tale.uses.responses
        for proxy in (*stand.live.frontends, *stand.live.backends):
            tale.counters += [
                (proxy.name.decode(), name, getattr(proxy.counters.totals, name)) for name in COUNTER_FIELDS
            ]
        for backend in stand.live.backends:
            for server in backend.servers:
                tale.counters += [
                    (server.name.decode(), name, getattr(server.counters.totals, name)) for name in COUNTER_FIELDS
                ]
    return tale


def same(config: str, story: Sequence[Step], responses: Sequence[bytes]) -> Tale:
    """Play it both ways. When the kernel hands on what one end has sent is its own affair, on a busy machine a little
    later: so a difference has to show twice more before it is one."""
    for _ in range(2):
        with_them = play(config, story, responses, True)
        if with_them == play(config, story, responses, False):
            return with_them
    with_them = play(config, story, responses, True)
    without = play(config, story, responses, False)
    assert with_them.to_servers == without.to_servers
    assert with_them.to_clients == without.to_clients
    assert with_them.lines == without.lines
    assert with_them.counters == without.counters
    return with_them


# Random rules.

REQUEST_ACLS: Final = (
    "path /a",
    "path_beg /b /a",
    "path_reg ^/[ab]",
    "method POST",
    "method GET HEAD",
    "url_param(x) 1",
    "url_param(x) -m found",
    "req.hdr(x-one) 1",
    "hdr(host) -i h",
    "req.hdr(x-one,1) 1",
    "req.hdr(x-one,-1) 2",
    "req.hdr_cnt(x-one) gt 1",
    "cook(s) 7",
    "req.cook(s) -m beg 1",
    "src 10.0.0.1",
    "src 10.0.0.0/31 10.9.9.9",
    "dst_port 80",
    "var(txn.x) -m str 1",
    "var(txn.x) -m found",
    "var(sess.n) -m found",
    "nbsrv(one) gt 1",
    "be_conn(one) gt 0",
    "req.body_len gt 2",
    "req.ver 1.0",
    "http_first_req",
    "rand(1) 0",
    "always_true",
    "acl(named)",
    "base_beg h/a",
    "always_false",
    "fe_req_rate gt 3",
    "req.hdrs_bin -m found",
    "capture.req.hdr(0) -m found",
    "capture.req.method GET",
    "unique-id -m found",
)
RESPONSE_ACLS: Final = (
    "status 200",
    "status 404 500",
    "res.hdr(x-two) 1",
    "res.hdr_cnt(set-cookie) gt 0",
    "res.cook(s) 1",
    "var(txn.x) -m str 1",
    "capture.req.uri -m beg /a",
    "capture.req.method POST",
    "src 10.0.0.1",
    "srv_name s1",
    "nbsrv(one) gt 1",
    "capture.res.hdr(0) -m found",
    "method POST",
    "res.ver 1.0",
    "var(sess.n) -m found",
    "http_first_req",
)
VALUES: Final = (
    "constant",
    "%[path]",
    "%[src]-%[dst_port]",
    "%[req.hdr(x-one)]",
    "%[url_param(x)]",
    "%[var(txn.x)]",
    "%[method]",
    "%ci:%cp",
    "%[unique-id]",
    "%[fe_req_rate]",
    "%HM",
    "%[req.hdr(host),lower]",
    "%[cook(s)]",
    "%b",
    "%r",
    "%rt",
    "%Ti",
    "%[var(sess.n)]",
    "%[nbsrv(one)]",
    "%[req.body]",
    "%hr",
)
ANSWERS: Final = (
    "constant",
    "%[status]",
    "%[res.hdr(x-two)]",
    "%[capture.req.uri]",
    "%[var(txn.x)]",
    "%s",
    "%[src]",
    "%[method]",
    "%Tr",
    "%[capture.res.hdr(0)]",
    "%hs",
    "%ST",
    "%[srv_conn(one/s1)]",
    "%[rand(1)]",
    "%[http_first_req]",
)


STILL: Final = REQUEST_ACLS[:16]  # of these most are made, or hardly anything would be remembered
STILL_ANSWERS: Final = RESPONSE_ACLS[:5]


def conditions(acls: Sequence[str], more: Sequence[str]) -> st.SearchStrategy[str]:
    """Nothing, or a condition of anonymous and named ACLs."""
    one = st.builds(
        lambda bang, text: f"{bang}{{ {text} }}",
        st.sampled_from(["", "!"]),
        st.one_of(*[st.sampled_from(STILL if acls is REQUEST_ACLS else STILL_ANSWERS)] * 4, st.sampled_from(acls)),
    )
    named = st.builds(lambda bang, text: bang + text, st.sampled_from(["", "!"]), st.sampled_from(more))
    term = st.one_of(one, one, named)
    return st.one_of(
        st.just(""),
        st.builds(lambda word, text: f" {word} {text}", st.sampled_from(["if", "unless"]), term),
        st.builds(lambda a, joint, b: f" if {a} {joint} {b}", term, st.sampled_from(["", "or"]), term),
    )


BIG: Final = "add-header x-big " + "b" * 9_000  # one fits into a buffer, two do not
NAMES: Final = st.sampled_from(["x-one", "x-two", "x-new", "host", "cookie", "connection"])
REQUEST_ACTIONS: Final = st.one_of(
    st.builds(
        lambda how, name, value: f'{how} {name} "{value}"',
        st.sampled_from(["set-header", "add-header"]),
        st.sampled_from(["x-one", "x-new", "x-two"]),
        st.one_of(st.sampled_from(VALUES[:5]), st.sampled_from(VALUES[:5]), st.sampled_from(VALUES)),
    ),
    st.builds("del-header {}".format, NAMES),
    st.sampled_from(
        [
            "set-header host other",
            "set-header connection close",
            "replace-header x-one (.*) <\\1>",
            "replace-value x-one 1 9",
            "replace-header host h g",
            "set-path /b",
            'set-path "%[path]/c"',
            'set-query "y=%[req.hdr(x-one)]"',
            "set-uri /u?x=1",
            "set-uri http://o/u",
            "set-method PUT",
            "set-method GET",
            "set-method HEAD",
            "replace-path /(.*) /p/\\1",
            "set-pathq /pq?x=1",
            "set-var(txn.x) req.hdr(x-one)",
            "set-var(txn.x) int(1)",
            "set-var(sess.n) path",
            "unset-var(txn.x)",
            "set-src req.hdr(x-one)",
            "set-src src",
            "set-src-port int(7)",
            "set-dst ipv4(1.2.3.4)",
            "deny",
            "deny deny_status 429",
            'return status 200 content-type text/plain lf-string "%[path]"',
            "redirect location /else",
            "redirect prefix /p code 303",
            "allow",
            "set-log-level silent",
            "set-log-level err",
            "capture req.hdr(x-one) len 9",
            "capture path id 0",
            "disable-l7-retry",
            "set-nice 3",
            "strict-mode off",
            BIG,
            "reject",
            'set-header x-a "%[capture.req.hdr(0)]"',
        ]
    ),
)
RESPONSE_ACTIONS: Final = st.one_of(
    st.builds(
        lambda how, name, value: f'{how} {name} "{value}"',
        st.sampled_from(["set-header", "add-header"]),
        st.sampled_from(["x-two", "x-new", "set-cookie"]),
        st.one_of(st.sampled_from(ANSWERS[:4]), st.sampled_from(ANSWERS[:4]), st.sampled_from(ANSWERS)),
    ),
    st.builds("del-header {}".format, st.sampled_from(["x-two", "server", "set-cookie", "connection"])),
    st.sampled_from(
        [
            "replace-header x-two (.*) <\\1>",
            "replace-value x-two 1 9",
            "set-status 201",
            "set-status 503 reason no",
            "set-status 404",
            "set-var(txn.x) res.hdr(x-two)",
            "set-var(sess.n) status",
            "set-header connection close",
            "set-log-level silent",
            "set-log-level warning",
            "allow",
            "capture res.hdr(x-two) id 0",
            "unset-var(txn.x)",
            "strict-mode off",
            BIG,
        ]
    ),
)
STRICT_RESPONSE: Final = st.sampled_from(["deny", "redirect location /gone", "return status 200"])


@st.composite
def configurations(draw: st.DrawFn) -> str:
    on_request = conditions(REQUEST_ACLS, ["named", "both", "listed"])
    on_response = conditions(RESPONSE_ACLS, ["late"])

    def rules(kind: str, actions: st.SearchStrategy[str], tests: st.SearchStrategy[str], most: int) -> list[str]:
        return draw(
            st.lists(st.builds(lambda action, test: f"    {kind} {action}{test}", actions, tests), max_size=most)
        )

    acls = [
        "    acl named path_beg /a",
        "    acl both req.hdr(x-one) 1",
        "    acl both method POST",
        "    acl listed path -f {list}",
        "    acl late res.hdr(x-two) -m found",
    ]
    answers = st.one_of(RESPONSE_ACTIONS, RESPONSE_ACTIONS, RESPONSE_ACTIONS, STRICT_RESPONSE)
    options = [
        "option http-server-close",
        "option httpclose",
        "option forwardfor",
        "option forwardfor if-none",
        "option originalto",
        "option forwarded",
        "option forwarded host for by by_port-expr hdr(x-one)",
        "monitor-uri /b",
        "option http-buffer-request",
        "option forwardfor header x-one",
        "option http-pretend-keepalive",
        "http-reuse never",
        "http-reuse always",
        "option http-keep-alive",
        "timeout http-keep-alive 15s",
        "retry-on 503 empty-response",
        "stats uri /statistics",
        "option http-restrict-req-hdr-names delete",
        "option http-restrict-req-hdr-names reject",
    ]
    fronts = ["monitor-uri /b", "unique-id-format %ci-%rt\n    unique-id-header x-id", "unique-id-format %[path]%rt"]
    text = ["defaults", "    mode http", "    timeout connect 5s", "    timeout client 60s", "    timeout server 30s"]
    text += [
        "    " + one
        for one in draw(st.lists(st.sampled_from(options), unique=True, max_size=3))
        if one != "monitor-uri /b"
    ]
    text += ["frontend f", "    bind 127.0.0.1:1", *acls]
    if draw(st.booleans()):
        text += [
            "    capture request header x-one len 20",
            "    capture response header x-two len 20",
            "    capture cookie s= len 9",
        ]
    else:
        text += ["    declare capture request len 10", "    declare capture response len 10"]
    text += [
        "    " + one
        for one in draw(st.lists(st.sampled_from(fronts), unique=True, max_size=1))
        if draw(st.integers(0, 3)) == 0
    ]
    text += rules("http-request", REQUEST_ACTIONS, on_request, 4)
    text += rules("http-response", answers, on_response, 2)
    text += rules("http-after-response", RESPONSE_ACTIONS, on_response, 2)
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(["one", "two", "%[path,regsub(/a,one)]", "%[var(txn.x)]"]))
        test = draw(on_request)
        text.append(f"    use_backend {name}{test or ' if TRUE'}")
    text += [
        "    default_backend one",
        "backend one",
        "    balance " + draw(st.sampled_from(["roundrobin", "hdr(x-one)", "uri", "source", "leastconn"])),
        *acls,
    ]
    text += rules(
        "http-request", REQUEST_ACTIONS.filter(lambda one: "capture" not in one or " id " in one), on_request, 2
    )
    text += rules("http-response", answers, on_response, 2)
    text += rules("http-after-response", RESPONSE_ACTIONS, on_response, 1)
    if draw(st.integers(0, 4)) == 0:
        text.append("    use-server s2" + (draw(on_request) or " if TRUE"))
    words = draw(st.sampled_from(COOKIES)) if draw(st.integers(0, 3)) == 0 else ""
    if words:
        text += ["    cookie s " + words, *draw(st.lists(st.sampled_from(PERSIST), max_size=2))]
    text += [
        "    server s1 {a}" + " cookie 7" * bool(words),
        "    server s2 {b}" + draw(st.sampled_from(["", " cookie 1", " cookie 1 disabled"])),
        "backend two",
        "    server s3 {b}" + draw(st.sampled_from(["", " maxconn 1", " send-proxy"])),
    ]
    return "\n".join(text) + "\n"


COOKIES: Final = (
    *("insert", "insert indirect nocache", "insert indirect preserve postonly", "prefix", "rewrite", "indirect"),
    *("insert maxidle 5 maxlife 9", "insert indirect dynamic", "nocache"),
)
PERSIST: Final = (
    *("    option persist", "    force-persist if { req.hdr(x-one) 1 }", "    ignore-persist if { path_beg /a }"),
    "    ignore-persist unless { req.hdr(x-two) -m found }",
)

# Random traffic.

FIELDS_OF: Final = (
    b"",
    b"X-One: 1\r\n",
    b"X-One: 2\r\n",
    b"X-One: 1\r\nX-One: 2\r\n",
    b"Cookie: s=7\r\n",
    b"Cookie: s=1; t=2\r\n",
    b"x-one:   1\r\nUser-Agent: u\r\n",
    b"X-Forwarded-For: 9.9.9.9\r\n",
    b"X-Two: 5\r\n",
    b"X_Odd: 1\r\n",
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from([b"GET", b"GET", b"GET", b"POST", b"HEAD", b"PUT"]))
    path = draw(st.sampled_from([b"/a", b"/a", b"/b", b"/a?x=1", b"/bb?x=2", b"/c", b"http://h/a"]))
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.1", b"1.0"]))
    host = draw(st.sampled_from([b"h", b"h", b"g"]))
    head = b"%b %b HTTP/%b\r\nHost: %b\r\n" % (method, path, version, host)
    head += draw(st.sampled_from(FIELDS_OF))
    if version == b"1.0":
        head += draw(st.sampled_from([b"", b"Connection: keep-alive\r\n"]))
    else:
        head += draw(st.sampled_from([b"", b"", b"", b"", b"Connection: close\r\n"]))
    if method in (b"POST", b"PUT"):
        body = draw(st.sampled_from([b"", b"x", b"x=1&y=2"]))
        if version == b"1.1" and draw(st.booleans()):
            return (
                head
                + b"Transfer-Encoding: chunked\r\n\r\n"
                + (b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
                + b"0\r\n\r\n"
            )
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    return head + b"\r\n"


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """Few different heads, each often."""
    heads = draw(st.lists(requests(), min_size=1, max_size=3))
    story: list[Step] = []
    for _ in range(draw(st.integers(2, 9))):
        kind = draw(st.integers(0, 19))
        client = draw(st.integers(1, 2))
        if kind == 0:
            story.append(Step(time=draw(st.sampled_from([100, 3000, 11_000]))))
        elif kind == 1:
            story.append(Step(entry=draw(st.sampled_from(["/a", "/b"]))))
        elif kind == 2:
            story.append(Step(stop=True))
        elif kind < 6:
            story.append(Step(client, b"".join(draw(st.lists(st.sampled_from(heads), min_size=2, max_size=3)))))
        elif kind == 6:
            data = draw(st.sampled_from(heads))
            cut = draw(st.integers(1, len(data) - 1))
            story += [Step(client, data[:cut]), Step(client, data[cut:])]
        else:  # mostly the same again and again
            story += [Step(client, draw(st.sampled_from(heads)))] * draw(st.sampled_from([1, 3, 4, 6]))
    return story


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    status = draw(
        st.sampled_from(
            [b"200 OK", b"200 OK", b"200 OK", b"404 No", b"204 None", b"304 Same", b"401 Who", b"503 No", b"500 Oh"]
        )
    )
    head = b"HTTP/1.%b %b\r\n" % (draw(st.sampled_from([b"1", b"1", b"1", b"0"])), status)
    head += draw(
        st.sampled_from(
            [
                b"",
                b"X-Two: 1\r\n",
                b"X-Two: 2\r\nServer: s\r\n",
                b"Set-Cookie: s=1\r\n",
                b"WWW-Authenticate: NTLM\r\n",
                b"Connection: close\r\n",
            ]
        )
    )
    body = draw(st.sampled_from([b"", b"y", b"yy"]))
    if status[:3] in (b"204", b"304"):
        head += b"\r\n"
    else:
        kind = draw(st.integers(0, 5))
        if kind == 0 and head.startswith(b"HTTP/1.1"):
            head += (
                b"Transfer-Encoding: chunked\r\n\r\n"
                + (b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
                + b"0\r\n\r\n"
            )
        elif kind == 1:
            head += b"\r\n" + body
        else:
            head += b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    if draw(st.integers(0, 9)) == 0:
        head = b"HTTP/1.1 103 Early\r\nLink: l\r\n\r\n" + head
    return head


LONG: Final = os.environ.get("POINTSMAN_LONG") == "1"


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file of patterns."""
    file = tmp_path_factory.mktemp("lists") / "paths"
    file.write_text("/c\n")
    return str(file)


def test_memories_change_nothing(listed: str) -> None:
    """How often they serve is a matter of luck here (seen: of 100 requests 0 to 26): see test_they_are_used.

    CI draws the same stories in every run: in the first 25 of 60, memories served 6 of the 7 times. New ones are looked
    for by POINTSMAN_LONG=1, and what those have found stands below.
    """
    uses = Uses()

    @settings(max_examples=2000 if LONG else 25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        config=configurations(),
        story=stories(),
        answers=st.one_of(
            responses().map(lambda one: [one]),
            responses().map(lambda one: [one]),
            st.lists(responses(), min_size=2, max_size=3),
        ),
    )
    def compare(config: str, story: list[Step], answers: list[bytes]) -> None:
        uses.add(same(config.replace("{list}", listed), story, answers).uses)

    compare()
    print(uses)
    assert uses.lines > 100, uses


@settings(max_examples=500 if LONG else 15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    config=configurations(),
    numbers=st.lists(st.integers(1, 200), min_size=4, max_size=12),
    lines=st.lists(st.sampled_from([b"X-One: #", b"Cookie: s=#", b"X-Two: 5", b"User-Agent: u#"]), max_size=4),
    path=st.sampled_from([b"/a", b"/#", b"/a?x=#"]),
    answer=st.sampled_from([b"X-Two: #", b"Server: s\r\nX-Two: #\r\nSet-Cookie: s=#", b"ETag: #"]),
)
def test_memories_change_nothing_of_heads_that_vary(
    listed: str, config: str, numbers: list[int], lines: list[bytes], path: bytes, answer: bytes
) -> None:
    """Heads of one shape: a "#" is another number each time."""
    head = b"\r\n".join([b"GET " + path + b" HTTP/1.1", b"Host: h", *lines, b"Accept: b", b"", b""])
    same(
        config.replace("{list}", listed),
        [Step(1, head.replace(b"#", b"%d" % one)) for one in numbers],
        [OK.replace(b"X-Two: 1", answer)],
    )


# What was forgotten once.

PLAIN: Final = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 30s
    {option}
frontend f
    bind 127.0.0.1:1
    capture request header x-one len 20
    capture response header x-two len 20
    capture cookie s= len 9
    acl listed path -f {list}
    {rule}
    default_backend one
backend one
    server s1 {a}
backend two
    server s3 {b} maxconn 1
"""
GET: Final = b"GET /a HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nCookie: s=7\r\n\r\n"
HEAD: Final = GET.replace(b"GET", b"HEAD")
ODD: Final = GET.replace(b"Cookie", b"X_Odd: 1\r\nCookie")
OTHER: Final = GET.replace(b"X-One: 1", b"X-One: 2")
POST: Final = b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"
WAITS: Final = POST.replace(b"Content", b"Expect: 100-continue\r\nContent")
OLD: Final = b"GET /a HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"
OK: Final = b"HTTP/1.1 200 OK\r\nX-Two: 1\r\nContent-Length: 2\r\n\r\nok"

VARIED: Final = [
    b"%b /%d HTTP/1.1\r\nHost: h\r\nX-One: %d\r\nCookie: s=%d\r\nContent-Length: %d\r\nAccept: b\r\n\r\n%b"
    % (b"POST" if i != 9 else b"PUT", i, i * i, i % 3, i % 4, b"x" * (i % 4))
    for i in range(12)
]


@pytest.mark.parametrize(
    ("rule", "option", "sent"),
    [
        ("http-request del-header x-one", "", [GET] * 4),
        ("http-request set-header cookie s=8", "", [GET] * 4),
        ("http-response del-header x-two", "", [GET] * 4),
        ("http-request set-method GET", "", [HEAD] * 4),
        ("http-request set-method PUT", "", [GET, OTHER, GET, OTHER.replace(b"GET", b"PUT"), GET]),
        ("http-request set-header host other", "", [GET, OTHER, GET, GET]),
        ("http-response set-status 404", "", [GET, GET, OTHER, GET]),
        ("http-response set-status 404 if { status 200 }", "retry-on 404", [GET, GET, OTHER, GET]),
        ("http-request set-log-level silent if { path /a }", "", [GET] * 4),
        ("http-request disable-l7-retry if { path /a }", "retry-on 503", [GET] * 4),
        (
            "",
            "option http-buffer-request",
            [POST, POST[:-1], POST[-1:], POST, WAITS[:-2], WAITS[-2:], WAITS[:-2], WAITS[-2:]],
        ),
        ("", "", [OLD, GET, OLD, GET, GET, OLD]),
        ("", "cookie s insert indirect nocache", [GET, OLD, GET, GET, OTHER, HEAD, GET]),
        ("", "cookie s insert maxidle 2s maxlife 4s", [GET] * 6),
        ("", "cookie s prefix", [GET, GET, GET.replace(b"s=7", b"s=q~7"), GET]),
        ("http-request set-header cookie s=8", "cookie s indirect", [GET] * 4),
        ("http-request set-header x-new 1", "option forwardfor", VARIED * 2),
        ("http-request set-header x-new %[req.hdr(x-one)]", "option forwardfor", VARIED),
        ("http-request del-header x-one", "", VARIED),
        ("http-request del-header x-one if { path_end 5 }", "", VARIED),
        ("http-request set-path /%[req.hdr(x-one)]", "option http-server-close", VARIED),
        ("http-request set-uri /?%[req.hdr(x-one)] if { path_end 5 }", "option forwardfor if-none", VARIED),
        ("http-request set-header host %[req.hdr(x-one)]", "", VARIED),
        ("http-request replace-header x-one 5 6", "", VARIED),
        ("http-response del-header x-two", "", VARIED),
        ("http-response set-header x-new %[res.hdr(x-two)]", "option httpclose", VARIED),
        ("http-response set-status 201 if { res.hdr(x-two) 4 8 }", "", VARIED),
        ("", "option http-restrict-req-hdr-names delete", [ODD] * 4),
        ("", "option http-restrict-req-hdr-names delete", [one.replace(b"Accept", b"Acc_ept") for one in VARIED]),
        ("http-request del-header x_odd", "option http-restrict-req-hdr-names reject", [ODD] * 4),
        ("http-request set-src req.hdr(x-one) if { path /b }", "option forwardfor", [GET, GET, OTHER]),
        (f"http-request strict-mode off\n    http-request {BIG}\n    http-request {BIG}", "", [GET] * 5),
        (f"http-request {BIG}\n    http-request {BIG} if {{ path /b }}", "", [GET, GET, OTHER, OTHER, GET]),
        (f"http-response strict-mode off\n    http-response {BIG}\n    http-response {BIG}", "", [GET] * 6),
        (f"http-response {BIG}\n    http-after-response {BIG}", "", [GET] * 5),
    ],
)
def test_what_rules_edit(listed: str, rule: str, option: str, sent: list[bytes]) -> None:
    config = PLAIN.replace("{rule}", rule).replace("{option}", option).replace("{list}", listed)
    answer = OK.replace(b"200 OK", b"503 No") if "503" in option else OK
    if sent[0] is VARIED[0]:
        answer = OK.replace(b"X-Two: 1", b"X-Two: #\r\nServer: s")
    tale = same(config, [Step(1, data) for data in sent], [answer])
    assert tale.to_servers and tale.to_clients
    if sent[0] is VARIED[0] and "close" not in option:
        assert tale.to_clients[1].count(b"HTTP/1.1 20") == len(sent)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "http-request set-header x-new %[path] if { path_beg /a }",
        "http-response set-header x-new %[status] if { status 200 }",
    ],
)
def test_they_are_used(listed: str, rule: str) -> None:
    """Of ten requests in the same bytes the first two teach; of their responses the third may, too."""
    config = PLAIN.replace("{rule}", rule).replace("{option}", "").replace("{list}", listed)
    uses = same(config, [Step(1, GET)] * 10, [OK]).uses
    assert uses.lines == 10 and uses.requests == 8 and uses.responses >= 7


def test_a_list_that_changes_while_a_request_waits_for_a_server(listed: str) -> None:
    """Its rules were asked before: what they decided holds for it, and for no later one."""
    config = PLAIN.replace("{rule}", "http-request set-header x-new listed if listed").replace("{option}", "")
    config = config.replace("default_backend one", "default_backend two").replace("{list}", listed)
    with Twin(config, "a", "b") as stand:
        first, second = stand.client(), stand.client()
        first.send(GET)
        second.send(GET)  # it waits: maxconn 1
        server = stand.accept("b")
        assert b"listed" not in server.take()
        LISTS.references[0].add("/a", None)
        server.send(OK)
        again = stand.accept("b")
        sent = again.take()
        assert sent.startswith(b"GET /a") and b"listed" not in sent
        again.send(OK)
        second.take()
        second.send(GET)
        sent = again.take()
        assert b"x-new: listed" in sent
        again.send(OK)

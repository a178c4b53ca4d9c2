"""What is decided without a socket is what the live program does: 200 random requests through random configurations.

Each configuration draws rules of both lists and both sides, routes, captures, options that write headers, services;
each request is first asked of the engine of `pointsman explain` (verbs/explain/http_exchange.py), then sent through the
same proxies. The same server may have it, with the same head; the client gets the same bytes; the log has the same
letters and fields.
"""

import os
import random
from dataclasses import dataclass, field

import pytest
from support.stand import Stand

from pointsman.core.address import net_address
from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.log.logger import Logger
from pointsman.log.policy import When
from pointsman.proto.reasons import reason_of
from pointsman.sample.context import Context
from pointsman.sample.format import Format, parse_format
from pointsman.sample.trace import RouteRecord, RuleRecord, Trace
from pointsman.sample.types import Where
from pointsman.tables.changes import CHANGES
from pointsman.verbs.explain.entrance import Entrance
from pointsman.verbs.explain.http_exchange import HttpExchange
from pointsman.verbs.explain.lines import LogFields
from pointsman.verbs.explain.model import Answered, Asked
from pointsman.verbs.explain.plans import Plans

CONFIGURATIONS, REQUESTS = 20, 10
SERVERS = ("a", "b", "c", "d")
LINE = (
    "%ST %ts %b %f %HM %HU %hr %hs %ID %CC %CS %[src] %[capture.req.uri] %[var(txn.v)] %[var(txn.w)] %[var(txn.late)]"
)

OPTIONS = [
    "option forwardfor",
    "option forwardfor except 127.0.0.0/8",
    "option forwardfor header x-client if-none",
    "option originalto",
    "option http-restrict-req-hdr-names delete",
    "option http-restrict-req-hdr-names reject",
    "option http-buffer-request",
]
OF_FRONTEND = [
    "capture request header x-v len 8",
    "capture request header host len 4",
    "capture response header y-a len 8",
    "capture cookie sid= len 12",
    "unique-id-format %[path]-%[req.hdr(host)]\n    unique-id-header x-unique",
    "monitor-uri /monitor",
]
OF_BACKEND = [
    "option checkcache",
    "option forwarded for host-expr hdr(host)",
    "stats enable\n    stats uri /stats\n    stats auth me:secret",
]
OF_REQUEST = [
    "set-header x-a %[path]",
    "add-header x-b {n}",
    "del-header x-del",
    "set-path /new%[path] if {{ hdr(x-v) 2 }}",
    "set-query q={n}",
    "set-uri /uri?{n} if {{ path /c }}",
    "replace-header host (.*) \\1.{n}",
    "set-var(txn.v) hdr(x-v)",
    "set-var(txn.late) hdr(x-v),add({n})",
    "set-header x-var %[var(txn.v)]",
    "deny if {{ path_beg /deny }}",
    "deny deny_status 429 if {{ hdr(x-v) 3 }}",
    "return status 200 content-type text/plain string hi{n} if {{ path /return }}",
    "redirect location /else{n} if {{ path /redirect }}",
    "redirect prefix http://other if {{ hdr(x-v) 1 }} {{ path /b }}",
    "tarpit deny_status 403 if {{ path /tarpit }}",
    "silent-drop if {{ path /drop }}",
    "reject if {{ path /reject }}",
    "auth realm x if {{ path /auth }}",
    "auth unless {{ path_len gt 0 }}",
    "pause 20 if {{ hdr(x-v) 1 }}",
    "pause hdr(x-pause)",
    "wait-for-body time 1s if {{ method POST }}",
    "set-header x-body %[req.body]",
    "allow if {{ hdr(x-v) 2 }} {{ path /b }}",
    "set-src hdr(x-src)",
    "set-method PUT if {{ path /c }} {{ method POST }}",
    "strict-mode off",
    "disable-l7-retry",
]
OF_RESPONSE = [
    "set-header y-a {n}",
    "add-header y-b %[status]",
    "del-header x-powered",
    "set-status 299 if {{ status 200 }}",
    "deny if {{ res.hdr(x-bad) 1 }}",
    "deny deny_status 503 if {{ status 404 }}",
    "return status 200 content-type text/plain string r{n} if {{ res.hdr(x-return) 1 }}",
    "redirect location /r{n} if {{ status 302 }}",
    "silent-drop if {{ res.hdr(x-drop) 1 }}",
    "pause 20 if {{ status 200 }}",
    "wait-for-body time 1s",
    "wait-for-body time 1s at-least 2",
    "replace-header y-a ([0-9]) x\\1",
    "set-var(txn.w) status",
    "set-header y-v %[var(txn.v)]",
    "allow if {{ status 404 }}",
]
AFTER = ["set-header z %[status]", "del-header y-b", "add-header z {n}", "set-status 298 if {{ status 299 }}"]
ROUTES = [
    "{{ path_beg /b }}",
    "{{ path_beg /c /d }}",
    "{{ hdr(host) -i one.example }}",
    "{{ hdr(x-v) 1 }} !{{ path / }}",
    "{{ var(txn.v) -m str 2 }}",
    "{{ src 10.0.0.0/8 }}",
    "{{ method POST }}",
    "unless {{ hdr(x-v) -m found }}",
]
PATHS = ["/", "/b", "/b/x", "/c", "/d", "/deny/1", "/return", "/redirect", "/tarpit", "/drop", "/reject", "/auth"]
PATHS += ["/stats", "/monitor", "/e?x=1"]
HEADERS = ["x-v: 1", "x-v: 2", "x-v: 3", "x-del: 1", "x-src: 10.1.2.3", "x-pause: 30", "x_odd: 1", "x-client: 9"]
HEADERS += ["cookie: sid=12345; b=2", "accept: */*", "x-forwarded-for: 1.2.3.4"]
ANSWERS = [
    "x-bad: 1",
    "x-return: 1",
    "x-drop: 1",
    "x-powered: by",
    "y-a: 7",
    "set-cookie: sid=9",
    "cache-control: private",
]


def drawn(chance: random.Random, pool: list[str], prefix: str, most: int) -> list[str]:
    chosen = [chance.choice(pool) for _ in range(chance.randrange(most + 1))]
    return [f"{prefix}{one}".format(n=chance.randrange(10)) for one in chosen]


def routes(chance: random.Random) -> list[str]:
    found: list[str] = []
    for _ in range(chance.randrange(7)):
        condition = chance.choice(ROUTES).format()
        word = "" if condition.startswith("unless") else "if "
        name = chance.choice(["x", "y", "x", "y", "%[hdr(x-to)]", "x%[str()]"])
        found.append(f"use_backend {name} {word}{condition}")
    if chance.random() < 0.9:
        found.append(f"default_backend {chance.choice('xy')}")
    return found


def a_configuration(chance: random.Random) -> str:
    """Two backends of two servers each."""
    lines = ["defaults", "mode http", "timeout client 9s", "timeout server 9s", "timeout connect 1s"]
    lines += ["timeout tarpit 50ms", "http-reuse never", "retries 0"]
    lines += ["frontend f", "bind 127.0.0.1:1"]
    lines += chance.sample(OPTIONS, chance.randrange(3)) + chance.sample(OF_FRONTEND, chance.randrange(4))
    lines += drawn(chance, OF_REQUEST, "http-request ", 8) + drawn(chance, OF_RESPONSE, "http-response ", 4)
    lines += drawn(chance, AFTER, "http-after-response ", 2) + routes(chance)
    for name, servers in (("x", "ab"), ("y", "cd")):
        lines += [f"backend {name}", *chance.sample(OPTIONS, chance.randrange(3))]
        lines += chance.sample(OF_BACKEND, chance.randrange(2))
        lines += drawn(chance, OF_REQUEST, "http-request ", 6) + drawn(chance, OF_RESPONSE, "http-response ", 3)
        lines += drawn(chance, AFTER, "http-after-response ", 1)
        for _ in range(chance.randrange(3)):
            lines.append(f"use-server {chance.choice(servers)} if {chance.choice(ROUTES[:5]).format()}")
        lines += [f"server {one} {{{one}}}" for one in servers]
    return "\n    ".join(lines) + "\n"


def a_request(chance: random.Random) -> tuple[bytes, bytes]:
    """A head and a body."""
    body = chance.choice([b"", b"", b"0123456789"])
    fields = [f"host: {chance.choice(['one.example', 'two.example'])}", *chance.sample(HEADERS, chance.randrange(5))]
    if chance.random() < 0.2:
        fields.append(f"x-to: {chance.choice(['x', 'y', 'none'])}")
    if body:
        fields.append(f"content-length: {len(body)}")
    method = "POST" if body else chance.choice(["GET", "GET", "HEAD", "DELETE"])
    path = chance.choice(PATHS)
    return (f"{method} {path} HTTP/1.1\r\n" + "".join(f"{one}\r\n" for one in fields) + "\r\n").encode(), body


def a_response(chance: random.Random) -> Answered:
    fields = [tuple(one.split(": ")) for one in chance.sample(ANSWERS, chance.choice([0, 1, 1, 2]))]
    status = chance.choice([200, 200, 404, 302])
    return Answered(status=status, headers=tuple((name, value) for name, value in fields), body=b"body")


@dataclass
class Story:
    """What became of an exchange."""

    servers: set[str] = field(default_factory=set)  # it goes to one of these; none: to nobody
    head: bytes = b""  # as that one receives it
    response: bytes = b""  # the head that the client receives; b"": none
    body: bytes = b""
    line: bytes = b""  # of the log


class Line(Logger):
    """Writes the line that everything is compared by."""

    def __init__(self, made: Format) -> None:
        super().__init__([], lambda context: b"", when=When.END)
        self.made = made
        self.lines: list[bytes] = []

    def stream(self, ctx: Context, level: int = 6) -> None:
        self.lines.append(self.made.render(ctx))


FIELDS = LogFields()


def alone(stand: Stand, line: Format, plans: Plans, head: bytes, body: bytes, answer: Answered) -> tuple[Story, Trace]:
    """What the engine of `pointsman explain` says of it, and what that stands on."""
    frontend = stand.frontend()
    here, there = net_address("127.0.0.1", 80), net_address("127.0.0.1", 40000)
    with CHANGES.gathered() as changes:
        entrance = Entrance(frontend, None, there, here, False, "", Asked())
        exchange = HttpExchange(stand.reactor, entrance, stand.bind_states[id(frontend)], plans, FIELDS, changes)
        exchange.turns = b""  # none is taken
        assert exchange.admit()
        exchange.run(head, body, answer)
        story = Story()
        if exchange.outcome == "server":
            story.servers = {one.name.decode() for one in exchange.candidates or [exchange.server] if one is not None}
        story.head = exchange.request_head
        story.response, story.body = exchange.response, exchange.content
        if exchange.logs:
            story.line = line.render(exchange.context)
        exchange.close()
    return story, exchange.witness


def live(stand: Stand, line: Line, head: bytes, body: bytes, answer: Answered) -> Story:
    """The same through the program."""
    story = Story()
    client = stand.client()
    client.send(head + body)
    stand.wait(250)
    arrived = {name: found for name in SERVERS for found in stand.arrivals(name)}
    for name, server in arrived.items():
        story.servers.add(name)
        story.head = server.take().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        fields = "".join(f"{one}: {value}\r\n" for one, value in answer.headers)
        start = f"HTTP/1.1 {answer.status} {reason_of(answer.status).decode()}\r\n"
        content = b"" if head.startswith(b"HEAD") else answer.body
        server.send(f"{start}{fields}content-length: {len(answer.body)}\r\n\r\n".encode() + content)
        stand.wait(250)
    got, end, story.body = client.take().partition(b"\r\n\r\n")
    story.response = got + end
    client.close()
    for server in arrived.values():
        server.close()
    story.line = line.lines.pop() if line.lines else b""
    return story


def compared(told: Story, seen: Story) -> None:
    """The same story. Letters, status and fields of the log stand in the line."""
    if told.servers:
        assert seen.servers <= told.servers
        assert len(seen.servers) == 1
    else:
        assert seen.servers == set()
    assert seen.head == told.head
    assert seen.response == told.response
    assert seen.body == told.body
    assert seen.line == told.line


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_random_requests_are_decided_alone_as_by_the_live_program(seed: int) -> None:
    chance = random.Random(seed)
    with Stand(a_configuration(chance), *SERVERS) as stand:
        made = parse_format(Word(LINE, Position("test", 1)), Where.LOG)
        line = Line(made)
        stand.frontend().logger = line
        plans = Plans()
        for number in range(REQUESTS):
            head, body = a_request(chance)
            answer = a_response(chance)
            files, channels = set(os.listdir("/proc/self/fd")), stand.reactor.open
            told, trace = alone(stand, made, plans, head, body, answer)
            assert set(os.listdir("/proc/self/fd")) <= files and stand.reactor.open == channels
            for record in trace.records:
                assert isinstance(record, RuleRecord | RouteRecord)
                assert record.at.line > 0
            seen = live(stand, line, head, body, answer)
            try:
                compared(told, seen)
            except AssertionError as error:
                error.add_note(f"request {number}: {head!r}\nanswer: {answer!r}\n")
                raise


def test_the_draw_meets_everything() -> None:
    """All outcomes occur among the requests that are compared, or the comparison says little."""
    found: set[bytes] = set()
    rules: set[str] = set()
    for seed in range(CONFIGURATIONS):
        chance = random.Random(seed)
        with Stand(a_configuration(chance), *SERVERS) as stand:
            made = parse_format(Word("%ts %ST", Position("test", 1)), Where.LOG)
            plans = Plans()
            for _ in range(REQUESTS):
                head, body = a_request(chance)
                told, trace = alone(stand, made, plans, head, body, a_response(chance))
                found.add(told.line[:2])
                rules |= {
                    one.action for one in trace.records if isinstance(one, RuleRecord) and one.verdict is not None
                }
    assert {b"--", b"PR", b"LR", b"PT", b"SC", b"PH", b"LH"} <= found
    assert {"pause", "wait-for-body", "set-header", "redirect", "set-src", "deny", "set-var"} <= rules

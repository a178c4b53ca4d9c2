"""What the decision says alone, without a socket, is what the live program does: 200 random requests through random
configurations.

Each configuration draws rules of both lists and both sides, routes, captures, options that write headers, services;
each request is first decided alone (stream/decision.py, a context made by hand, needs met as they would be), then sent
through the same proxies. Same decision, same head towards the server, same letters and fields of the log, same fields
of the response.
"""

import os
import random
from dataclasses import dataclass, field

import pytest
from support.stand import Stand

from pointsman.config.verdict import DENY, DROP, FAILED, SILENT_DROP, TARPIT, WAIT
from pointsman.core.address import net_address
from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.log.logger import Logger
from pointsman.log.policy import When
from pointsman.proto.h1 import parse_request, parse_response, split_head
from pointsman.proto.h1_render import request_bytes
from pointsman.rules.reply import Reply, Served
from pointsman.sample.context import Context
from pointsman.sample.format import Format, parse_format
from pointsman.sample.need import REQUEST_BODY
from pointsman.sample.trace import RouteRecord, RuleRecord, Trace
from pointsman.sample.types import Where
from pointsman.stream.acceptor import Arrival
from pointsman.stream.decision import REQUEST_LETTERS, RESPONSE_LETTERS, Decision
from pointsman.stream.entries import DECIDED, LOG, MONITORED, ROUTED, SERVED, UNROUTED
from pointsman.stream.proxies import Frontend
from pointsman.stream.session import ClientSession

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


def a_response(chance: random.Random) -> bytes:
    fields = chance.sample(ANSWERS, chance.choice([0, 1, 1, 2]))
    status = chance.choice(["200 OK", "200 OK", "404 Not Found", "302 Found"])
    return (
        f"HTTP/1.1 {status}\r\n" + "".join(f"{one}\r\n" for one in fields) + "content-length: 4\r\n\r\nbody"
    ).encode()


@dataclass
class Story:
    """What became of an exchange."""

    servers: set[str] = field(default_factory=set)  # it goes to one of these; none: to nobody
    head: bytes = b""  # as that one receives it
    status: int = 0  # of what the client receives; 0: nothing
    fields: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes | None = None  # of our own replies
    line: bytes = b""  # of the log


class Line(Logger):
    """Writes the line that everything is compared by."""

    def __init__(self, made: Format) -> None:
        super().__init__([], lambda context: b"", when=When.END)
        self.made = made
        self.lines: list[bytes] = []

    def stream(self, ctx: Context, level: int = 6) -> None:
        self.lines.append(self.made.render(ctx))


class Alone:
    """An exchange that has no connection: the decision, and what was told."""

    def __init__(self, stand: Stand, line: Format, trace: Trace | None) -> None:
        frontend: Frontend = stand.frontend()
        here = net_address("127.0.0.1", 80)
        there = net_address("127.0.0.1", 40000)
        arrival = Arrival(-1, there, here, stand.bind_states[id(frontend)], stand.clock)
        session = ClientSession(frontend, arrival, stand.clock)
        context = self.context = Context(frontend, session)
        context.source, context.destination = session.source, session.destination
        context.buffer = frontend.program.buffer
        context.room = context.buffer.reserve
        context.now = context.record.begun = stand.clock
        self.frontend = frontend
        self.line = line
        self.decision = Decision(frontend, context)
        self.decision.trace = trace
        self.body = b""
        self.story = Story()

    def run(self, head: bytes, body: bytes, answer: bytes) -> Story:
        context, story = self.context, self.story
        request = context.request = parse_request(head)
        context.record.request_line = request.line
        self.body = context.body = body  # it comes with the head
        outcome = self.request()
        if outcome == DECIDED:
            backend, forced = self.decision.backend, self.decision.forced
            assert backend is not None
            story.servers = {one.name.decode() for one in ([forced] if forced is not None else backend.peek(context))}
            story.head = request_bytes(request, close=request.close_asked)
            self.respond(answer, request.method == b"HEAD")
        else:
            self.end(outcome)
        if outcome != MONITORED:
            story.line = self.line.render(context)
        return story

    def request(self) -> int:
        """Up to the end of its decision."""
        decision, context = self.decision, self.context
        outcome = decision.begin()
        while outcome in (WAIT, LOG, ROUTED):
            if outcome == WAIT:
                self.meet()
                outcome = decision.go_on()
            elif outcome == ROUTED:
                context.backend = decision.backend
                outcome = decision.enter()
            else:
                outcome = decision.proceed()
        return outcome

    def meet(self) -> None:
        """What a live stream waits for is told."""
        context = self.context
        need, request = context.need, context.request
        assert need is not None and request is not None
        if need.kind == REQUEST_BODY:
            request.expects_continue = False
        context.body = self.body
        need.meet()

    def end(self, outcome: int) -> None:
        """The request does not go on."""
        decision, record = self.decision, self.context.record
        record.cause, record.step = REQUEST_LETTERS[outcome]
        if outcome in (DROP, SILENT_DROP):
            return
        if outcome in (MONITORED, SERVED):
            self.reply(decision.taken())
            if outcome == SERVED:
                self.context.backend = decision.proxy
        elif outcome in (UNROUTED, FAILED):
            self.reply(decision.page(503 if outcome == UNROUTED else 500))
        else:
            self.reply(decision.reply({DENY: 403, TARPIT: 500}.get(outcome, 200)))

    def reply(self, reply: Reply) -> None:
        """An answer of our own."""
        context, story = self.context, self.story
        assert not isinstance(reply, Served)
        context.responding = True
        response, story.body = reply.render(context)
        context.response = response
        context.record.status = reply.logged or response.status
        assert self.decision.after_response(self.decision.backend)
        story.status = response.status
        story.fields = [(one.name, one.value) for one in response.fields]

    def respond(self, answer: bytes, empty: bool) -> None:
        """The server answers."""
        decision, context, story = self.decision, self.context, self.story
        size = split_head(answer, 0, 16_384, False)
        response = context.response = parse_response(answer[:size])
        response.empty = empty
        context.responding = True
        context.record.status = response.status
        outcome = decision.begin_response(decision.backend, True)
        while outcome == WAIT:
            assert context.need is not None
            context.need.meet()
            outcome = decision.go_on()
        if outcome == DECIDED:
            assert decision.after_response(decision.backend)
            context.record.status = story.status = response.status
            story.fields = [(one.name, one.value) for one in response.fields]
            return
        context.record.cause, context.record.step = RESPONSE_LETTERS[outcome]
        if outcome == FAILED:
            self.reply(decision.page(500))
        elif outcome not in (DROP, SILENT_DROP):
            self.reply(decision.reply(502 if outcome == DENY else 200))


def live(stand: Stand, line: Line, head: bytes, body: bytes, answer: bytes) -> Story:
    """The same through the program."""
    story = Story()
    client = stand.client()
    client.send(head + body)
    stand.wait(250)
    arrived = {name: found for name in SERVERS for found in stand.arrivals(name)}
    for name, server in arrived.items():
        story.servers.add(name)
        story.head = server.take().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        server.send(answer[:-4] if head.startswith(b"HEAD") else answer)
        stand.wait(250)
    got, _, story.body = client.take().partition(b"\r\n\r\n")
    if got:
        status, *fields = got.split(b"\r\n")
        story.status = int(status.split(b" ")[1])
        story.fields = [(name.lower(), value) for name, _, value in (one.partition(b": ") for one in fields)]
    client.close()
    for server in arrived.values():
        server.close()
    story.line = line.lines.pop() if line.lines else b""
    return story


FRAMING = (b"content-length", b"connection", b"transfer-encoding")


def unframed(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [one for one in fields if one[0] not in FRAMING]


def compared(told: Story, seen: Story, bodiless: bool) -> None:
    """The same story. Letters, status and fields of the log stand in the line."""
    if told.servers:
        assert seen.servers <= told.servers
        assert len(seen.servers) == 1
    else:
        assert seen.servers == set()
    assert seen.head == told.head
    assert seen.status == told.status
    assert [one for one in seen.fields if one[0] not in FRAMING] == [
        one for one in told.fields if one[0] not in FRAMING
    ]
    if told.body is not None and not bodiless:
        assert seen.body == told.body
    assert seen.line == told.line


@pytest.mark.parametrize("seed", range(CONFIGURATIONS))
def test_random_requests_are_decided_alone_as_by_the_live_program(seed: int) -> None:
    chance = random.Random(seed)
    with Stand(a_configuration(chance), *SERVERS) as stand:
        made = parse_format(Word(LINE, Position("test", 1)), Where.LOG)
        line = Line(made)
        stand.frontend().logger = line
        for number in range(REQUESTS):
            head, body = a_request(chance)
            answer = a_response(chance)
            files, channels = len(os.listdir("/proc/self/fd")), stand.reactor.open
            told = Alone(stand, made, None).run(head, body, answer)
            trace = Trace()
            explained = Alone(stand, made, trace).run(head, body, answer)
            assert (len(os.listdir("/proc/self/fd")), stand.reactor.open) == (files, channels)
            assert explained == told  # a trace changes nothing
            for record in trace.records:
                assert isinstance(record, RuleRecord | RouteRecord)
                assert record.at.line > 0
            seen = live(stand, line, head, body, answer)
            try:
                compared(told, seen, head.startswith(b"HEAD"))
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
            for _ in range(REQUESTS):
                head, body = a_request(chance)
                trace = Trace()
                found.add(Alone(stand, made, trace).run(head, body, a_response(chance)).line[:2])
                rules |= {
                    one.action for one in trace.records if isinstance(one, RuleRecord) and one.verdict is not None
                }
    assert {b"--", b"PR", b"LR", b"PT", b"SC", b"PH", b"LH"} <= found
    assert {"pause", "wait-for-body", "set-header", "redirect", "set-src", "deny", "set-var"} <= rules

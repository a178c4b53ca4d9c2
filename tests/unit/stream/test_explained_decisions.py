"""Decisions that are explained come out as those of traffic do: outcome, backend, forced server, heads, answers."""

import base64
import random
from collections.abc import Callable

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.config.verdict import ANSWER, CONTINUE, DENY, WAIT
from pointsman.core.address import net_address
from pointsman.core.diagnostics import Diagnostics
from pointsman.proto.h1 import parse_request, parse_response
from pointsman.sample.context import Context, ListenerFacts, Session
from pointsman.sample.need import Need
from pointsman.sample.trace import RouteRecord, RuleRecord, Trace
from pointsman.sample.variables import PROCESS_VARIABLES
from pointsman.server.server import FORCED_MAINT
from pointsman.stream.decision import Decision
from pointsman.stream.entries import DECIDED, LOG, MONITORED, ROUTED, UNROUTED
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.proxies import BackendProxy
from pointsman.tables.changes import CHANGES

HEAD = """\
defaults
    mode http
    timeout client 1s
    timeout connect 1s
    timeout server 1s
"""
FRONT = [
    "acl a path_beg /a",
    "acl a hdr(x) -m found",
    "capture request header host len 8",
    "monitor-uri /alive",
    "option http-buffer-request",
    "option http-restrict-req-hdr-names delete",
    "unique-id-format %ci-%[path]",
    "unique-id-header x-id",
    "log-format %ci",
    "option forwardfor if-none",
    "stats uri /stats",
]
RULES = [
    "set-header x %[path,length]",
    "set-var(txn.v) path,lower",
    "set-var(proc.of_explanations) path",
    "set-path /a%[path]",
    "set-map(virt@explained) %[path] 1",
    "deny",
    "deny deny_status 429",
    "return status 200 content-type text/plain string hello",
    "redirect location /elsewhere",
    "allow",
    "tarpit",
    "capture req.hdr(x) len 4",
    "del-header y",
]
CONDITIONS = [
    "if a",
    "unless a",
    "if { path /b } or { var(txn.v) -m beg /a }",
    "if { path,map(virt@explained) -m found }",
    "if METH_POST !a",
    "if { var(proc.of_explanations) -m found }",
    "if { hdr_cnt(x) gt 1 } { path -m reg ^/. }",
    "",
]
BACK = [
    "option originalto",
    "option forwarded host for",
    "option http-buffer-request",
    "option checkcache",
    "option http-restrict-req-hdr-names reject",
]
CONTENT = ["set-var(txn.v) path,length", "capture path len 4", "set-src ipv4(192.0.2.7)", "accept", "reject"]
CONTENT_ANSWERS = ["set-var(txn.v) status", "accept", "reject", "close", "set-log-level err"]
OF_BACKENDS = [one for one in CONDITIONS if one not in ("if a", "unless a", "if METH_POST !a")]  # they have no ACL a
RESPONSES = ["set-header r %[status]", "set-status 201", "del-header set-cookie", "deny", "return status 503", "allow"]
ANSWERS = ["if { status 200 }", "unless { res.hdr(set-cookie) -m found }", "if { status ge 400 }"]


def written(draw: random.Random) -> str:
    """A frontend and three backends of random rules."""

    def some(lines: list[str], most: int) -> list[str]:
        return draw.sample(lines, draw.randint(0, min(most, len(lines))))

    def rules(actions: list[str], conditions: list[str], name: str) -> list[str]:
        drawn = [f"{draw.choice(actions)} {draw.choice(conditions)}" for _ in range(draw.randint(0, 5))]
        return [f"http-{name} {rule}" for rule in drawn]

    def content(actions: list[str], conditions: list[str], name: str) -> list[str]:
        drawn = [f"{draw.choice(actions)} {draw.choice(conditions)}" for _ in range(draw.randint(0, 3))]
        return [f"tcp-{name} content {rule}" for rule in drawn]

    lines = ["frontend f", "bind 127.0.0.1:1", FRONT[0], FRONT[1], *some(FRONT[2:], 5)]
    lines += content(CONTENT, CONDITIONS[:-1], "request")
    lines += rules(RULES, CONDITIONS, "request") + rules(RESPONSES, ANSWERS, "response")
    names = ["b1", "b2", "b%[path,length]"]
    lines += [f"use_backend {draw.choice(names)} {draw.choice(CONDITIONS[:-1])}" for _ in range(3)]
    lines += ["default_backend b3"] if draw.random() < 0.7 else []
    for number in (1, 2, 3):
        own = content([one for one in CONTENT if "capture" not in one], OF_BACKENDS[:-1], "request")
        own += content(CONTENT_ANSWERS, ANSWERS, "response")
        own += rules([one for one in RULES if "capture" not in one], OF_BACKENDS, "request")
        servers = [f"server s{one} 127.0.0.1:1" for one in (1, 2, 3)]
        chosen = ["use-server s1 if { path_beg /a }", "use-server s%[path,length] unless { path /b }"]
        lines += [f"backend b{number}", *some(BACK, 2), *own, *rules(RESPONSES, ANSWERS, "response"), *servers]
        lines += some(chosen, 2)
    return HEAD + "\n".join(lines) + "\n"


def loaded(text: str) -> LiveFrontend:
    diagnostics = Diagnostics()
    live = assemble(load_text(text, diagnostics), diagnostics)
    assert not diagnostics.failed, [finding.message for finding in diagnostics.findings]
    made = live.frontends[0]
    assert isinstance(made, LiveFrontend)
    for backend in live.backends:
        backend.servers[-1].admin = FORCED_MAINT if len(backend.servers) > 1 else 0
        backend.refresh()
    return made


def context(made: LiveFrontend, seed: int) -> Context:
    """The same request each time, for the same seed."""
    draw = random.Random(seed)
    ctx = Context(made, Session(ListenerFacts("l", 1)))
    ctx.source = ctx.session.source = net_address("192.0.2.1", 5)
    ctx.destination = ctx.session.destination = net_address("192.0.2.9", 80)
    some = draw.sample(["X: 1", "X: 2", "Y: 3", "X_odd: 4", "X-Forwarded-For: 5"], draw.randint(0, 4))
    lines = ["Host: h.example", *some]
    method = draw.choice(["GET", "GET", "POST"])
    if method == "POST":
        lines.append("Content-Length: 3")
        ctx.body = b"abc"
    path = draw.choice(["/", "/a", "/b", "/A/b", "/alive", "/stats", "/cc"])
    head = "".join(f"{one}\r\n" for one in [f"{method} {path} HTTP/1.1", *lines, ""])
    ctx.request = parse_request(head.encode())
    if made.captures is not None:
        ctx.request_capture_sizes = [8, 4, 4, 4, 4, 4, 4]
    return ctx


def answer(ctx: Context, made: LiveFrontend, seed: int) -> BackendProxy | None:
    """A response of one of the backends."""
    draw = random.Random(seed)
    fields = draw.sample(["Set-Cookie: a=1", "Cache-Control: private", "R: 1"], draw.randint(0, 3))
    block = "".join(f"{one}\r\n" for one in [f"HTTP/1.1 {draw.choice([200, 302, 404])} Fine", *fields, ""])
    ctx.response = parse_response(block.encode())
    ctx.responding = True
    backend = draw.choice([*made.backends.values()])
    ctx.backend = backend
    return backend


def run(decision: Decision, outcome: int, meet: Callable[[Need], None]) -> int:
    """As a live stream goes on, but that nothing takes time."""
    while True:
        if outcome == WAIT:
            need = decision.context.need
            assert need is not None
            meet(need)
            outcome = decision.go_on()
        elif outcome == LOG:
            outcome = decision.proceed()
        elif outcome == ROUTED:
            outcome = decision.enter()
        else:
            return outcome


def met(need: Need) -> None:
    need.meet()


def state(decision: Decision) -> object:
    """All that a decision leaves behind."""
    ctx = decision.context
    request, response = ctx.request, ctx.response
    assert request is not None
    return (
        (request.method, request.uri, [(one.name, one.value) for one in request.fields]),
        response and (response.status, response.reason, [(one.name, one.value) for one in response.fields]),
        decision.backend and decision.backend.name,
        decision.forced and decision.forced.name,
        ctx.variables,
        (ctx.request_captures, ctx.response_captures, ctx.unique_id, ctx.record.status, ctx.lenient),
        (type(ctx.answer), ctx.answer if isinstance(ctx.answer, int) else None, type(decision.answer)),
        (ctx.need, ctx.may_wait, len(ctx.answers)),
    )


def explain(made: LiveFrontend, ctx: Context, waits: bool = True) -> tuple[int, Decision, Trace]:
    """The outcome for a request, and what it stood on."""
    decision = Decision(made, ctx)
    decision.trace = trace = Trace()
    return run(decision, decision.begin(waits), met), decision, trace


@pytest.mark.parametrize("seed", range(40))
def test_random_requests(seed: int) -> None:
    """Five requests to each of forty configurations, and a response to each."""
    PROCESS_VARIABLES.clear()
    made = loaded(written(random.Random(seed)))
    for number in range(5):
        plain = Decision(made, context(made, 1000 * seed + number))
        with CHANGES.gathered() as changes:
            outcome = run(plain, plain.begin(), met)
        with CHANGES.gathered() as gathered:
            found, explained, trace = explain(made, context(made, 1000 * seed + number))
        assert found == outcome
        assert state(explained) == state(plain)
        assert gathered == changes
        with CHANGES.gathered():
            assert explain(made, context(made, 1000 * seed + number))[2] == trace  # nothing is left behind
        for record in trace.records:
            assert record.at.file == "haproxy.cfg" and record.at.line > 6
        backends = [answer(one.context, made, number) for one in (plain, explained)]
        outcome = run(plain, plain.begin_response(backends[0], True), met)
        assert run(explained, explained.begin_response(backends[1], True), met) == outcome
        assert state(explained) == state(plain)


CONFIG = (
    HEAD
    + """\
frontend f
    bind 127.0.0.1:1
    monitor-uri /alive
    option http-buffer-request
    http-request set-header x %[path,length]
    http-request deny deny_status 403 if { path /secret } !{ src 10.0.0.0/8 }
    use_backend special if { path_beg /s }
    default_backend plain
backend special
    server s 127.0.0.1:1
    use-server s if { path /sx }
backend plain
    http-request redirect location / if { path_len gt 5 }
    server s 127.0.0.1:1
"""
)


def told(path: str) -> tuple[int, list[tuple[int, object, object]]]:
    """The outcome; and of each record the line, with a rule's action and verdict, or what a route names."""
    made = loaded(CONFIG)
    ctx = context(made, 1)
    ctx.request = parse_request(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    outcome, _, trace = explain(made, ctx)
    lines: list[tuple[int, object, object]] = []
    for record in trace.records:
        if isinstance(record, RuleRecord):
            lines.append((record.at.line, record.action, record.verdict))
        else:
            assert isinstance(record, RouteRecord)
            lines.append((record.at.line, record.holds, record.name))
    return outcome, lines


def test_what_is_told() -> None:
    rule = (10, "set-header", CONTINUE)
    denial = (11, "deny", None)
    assert told("/secret") == (DENY, [rule, (11, "deny", DENY)])
    assert told("/sx") == (DECIDED, [rule, denial, (12, True, b"special"), (16, True, b"s")])
    assert told("/s/other") == (DECIDED, [rule, denial, (12, True, b"special"), (16, False, None)])
    there = [rule, denial, (12, False, None), (13, True, b"plain")]
    assert told("/x") == (DECIDED, [*there, (18, "redirect", None)])
    assert told("/longer") == (ANSWER, [*there, (18, "redirect", ANSWER)])
    assert told("/alive") == (MONITORED, [])


def test_nobody_is_there() -> None:
    made = loaded(CONFIG.replace("    default_backend plain\n", "").replace("path_beg /s", "path /s"))
    ctx = context(made, 1)
    ctx.request = parse_request(b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
    outcome, decision, trace = explain(made, ctx)
    assert decision.entry is not None
    assert (outcome, decision.entry.name) == (UNROUTED, "use_backend")
    assert [record.holds for record in trace.records if isinstance(record, RouteRecord)] == [False]


# What `openssl passwd -5 -salt saltsalt secret` says.
USERS = """\
userlist l
    user u password $5$saltsalt$0IyaXrmV7.sGNS6tirgqHLqX/G.FBvgkYA.lpPdS5sA
"""


@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_an_encrypted_password(password: str) -> None:
    """Which takes a thread and a moment in traffic: where nobody can wait it is computed at once."""
    rule = "    http-request deny unless { http_auth(l) }\n    use_backend special"
    made = loaded(USERS + CONFIG.replace("    use_backend special", rule, 1))
    ctx = context(made, 1)
    credentials = base64.b64encode(f"u:{password}".encode()).decode()
    ctx.request = parse_request(f"GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Basic {credentials}\r\n\r\n".encode())
    outcome, decision, _ = explain(made, ctx, waits=False)
    assert outcome == (DECIDED if password == "secret" else DENY)
    assert decision.context.answers == []

"""The table of use_backend rules finds what a walk over them finds."""

import random

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.address import net_address
from pointsman.core.diagnostics import Diagnostics
from pointsman.proto.h1 import parse_request
from pointsman.sample.context import Context, ListenerFacts, Session
from pointsman.sample.trace import RouteRecord, Trace
from pointsman.server.server import FORCED_MAINT
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.proxies import BackendProxy, Route
from pointsman.stream.routing import RouteTable, explain_backend, explain_server, pick_backend, pick_server

ATOMS = [
    "path_beg /{a}",
    "path /{a}",
    "path_beg -i /{a}",
    "path_end {a}",
    "path_reg ^/{a}[0-9]",
    "path_sub {a}",
    "hdr(host) -i {a}.example",
    "hdr(host) {a}.example",
    "hdr(x) {a}",
    "hdr_sub(x) {a}",
    "method GET",
    "url_param(u) {a}",
    "src 127.0.0.0/8",
    "path,lower /{a}",
    "hdr_cnt(x) 1",
    "req.hdr(x,1) {a}",
]
LETTERS = "abcd"


def condition(draw: random.Random) -> str:
    def term() -> str:
        atom = draw.choice(ATOMS).format(a=draw.choice(LETTERS))
        return ("!" if draw.random() < 0.15 else "") + f"{{ {atom} }}"

    alternatives = [" ".join(term() for _ in range(draw.choice((1, 1, 1, 2)))) for _ in range(draw.choice((1, 1, 2)))]
    return f"{draw.choice(('if', 'if', 'if', 'unless'))} {' or '.join(alternatives)}"


def frontend(lines: list[str]) -> LiveFrontend:
    text = (
        "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
        "frontend f\n bind 127.0.0.1:1\n"
        + "".join(f" {line}\n" for line in lines)
        + "".join(f"backend b{i}\n server s 127.0.0.1:1\n" for i in range(40))
    )
    diagnostics = Diagnostics()
    live = assemble(load_text(text, diagnostics), diagnostics)
    assert not diagnostics.failed, [finding.message for finding in diagnostics.findings]
    made = live.frontends[0]
    assert isinstance(made, LiveFrontend)
    return made


def context(made: LiveFrontend, draw: random.Random) -> Context:
    ctx = Context(made, Session(ListenerFacts("l", 1)))
    ctx.source = ctx.session.source = net_address("127.0.0.1", 5)
    lines = [f"Host: {draw.choice('abcdABz')}.example"]
    lines += [
        f"X: {','.join(draw.choice(LETTERS) for _ in range(draw.choice((1, 2))))}"
        for _ in range(draw.choice((0, 1, 2)))
    ]
    path = f"/{draw.choice('abcdABCz')}{draw.choice(('', '1', '/b', 'c'))}{draw.choice(('', '?u=a', '?u=b'))}"
    head = f"{draw.choice(('GET', 'POST'))} {path} HTTP/1.1\r\n" + "".join(f"{one}\r\n" for one in lines) + "\r\n"
    ctx.request = parse_request(head.encode())
    return ctx


def route_to(made: LiveFrontend, target: BackendProxy) -> Route:
    return next(route for route in made.use_backend if route.target is target)


@pytest.mark.parametrize("seed", range(12))
def test_the_table_finds_what_a_walk_finds(seed: int) -> None:
    draw = random.Random(seed)
    made = frontend([f"use_backend b{i} {condition(draw)}" for i in range(40)])
    for _ in range(60):
        ctx = context(made, draw)
        walked = next((route.target for route in made.use_backend if route.holds(ctx)), None)
        asked, ctx.asked = ctx.asked, 0
        assert pick_backend(made, ctx) is walked
        trace = Trace()
        assert explain_backend(made, ctx, trace) is walked
        holds = [record.holds for record in trace.records if isinstance(record, RouteRecord)]
        assert len(holds) == (40 if walked is None else made.use_backend.index(route_to(made, walked)) + 1)
        assert holds == [route.holds(ctx) for route in made.use_backend[: len(holds)]]
        if walked is None:
            assert ctx.asked & asked == asked


def test_hundreds_of_rules_of_two_shapes_are_all_indexed() -> None:
    lines = [f"use_backend b{i} if {{ path_beg /p{i}/ }}" for i in range(20)]
    lines += [f"use_backend b{i} if {{ hdr(host) -i h{i} }}" for i in range(20)]
    made = frontend(lines)
    table = RouteTable(made.use_backend)
    assert not table.others
    assert len(table.indexes) == 2
    assert all(table.whole)


def records_of(trace: Trace) -> list[tuple[int, bool, bytes | None, list[bytes]]]:
    """Of each rule: its line, whether it holds, what it names, and the samples of a computed name."""
    found = []
    for record in trace.records:
        assert isinstance(record, RouteRecord)
        values = [sample.value for sample in record.samples if isinstance(sample.value, bytes)]
        found.append((record.at.line, record.holds, record.name, values))
    return found


@pytest.mark.parametrize(
    ("path", "chosen"), [("/x", b"b7"), ("/b3", b"b3"), ("/b99", b"b1"), ("/other", b"b1"), ("/b4", b"b4")]
)
def test_computed_names_are_told(path: str, chosen: bytes) -> None:
    """A name that no backend has falls back to the default backend, and is told nevertheless."""
    made = frontend(
        ["default_backend b1", "use_backend b7 if { path /x }", "use_backend %[path,bytes(1)] if { path_beg /b }"]
    )
    ctx = context(made, random.Random(1))
    assert ctx.request is not None
    ctx.request.uri = path.encode()
    trace = Trace()
    found = explain_backend(made, ctx, trace)
    assert found is not None and found.name == chosen
    assert found is pick_backend(made, ctx)
    name = path[1:].encode()
    by_path = (10, True, name, [name]) if path.startswith("/b") else (10, False, None, [])
    default = [(8, True, b"b1", [])] if chosen == b"b1" else []
    assert records_of(trace) == ([(9, True, b"b7", [])] if path == "/x" else [(9, False, None, []), by_path, *default])


@pytest.mark.parametrize("down", [(), ("s1",), ("s2",), ("s1", "s2", "s3")])
@pytest.mark.parametrize("path", ["/1", "/2", "/s3", "/s9", "/none"])
def test_use_server_is_told(path: str, down: tuple[str, ...]) -> None:
    text = (
        "defaults\n mode http\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
        "frontend f\n bind 127.0.0.1:1\n default_backend b\n"
        "backend b\n"
        + "".join(f" server s{number} 127.0.0.1:1\n" for number in (1, 2, 3))
        + " use-server s1 if { path /1 }\n"
        " use-server s2 unless { path_beg /s } or { path /none }\n"
        " use-server %[path,bytes(1)] if { path_beg /s }\n"
    )
    diagnostics = Diagnostics()
    live = assemble(load_text(text, diagnostics), diagnostics)
    assert not diagnostics.failed, [finding.message for finding in diagnostics.findings]
    backend = live.backends[0]
    for server in backend.servers:
        if server.name.decode() in down:
            server.admin = FORCED_MAINT
    made = live.frontends[0]
    assert isinstance(made, LiveFrontend)
    ctx = context(made, random.Random(1))
    assert ctx.request is not None
    ctx.request.uri = path.encode()
    trace = Trace()
    chosen = explain_server(backend, ctx, trace)
    assert chosen is pick_server(backend, ctx)
    told = records_of(trace)
    assert [line for line, *_ in told] == [13, 14, 15][: len(told)]
    if chosen is not None:
        assert told[-1][1:3] == (True, chosen.name)
    if path == "/1" and "s1" in down and "s2" not in down:
        assert [record[1:3] for record in told] == [(True, b"s1"), (True, b"s2")]  # the first one is down


def test_a_listen_section_is_its_own_default_backend() -> None:
    text = (
        "listen l\n mode http\n bind 127.0.0.1:1\n timeout client 1s\n timeout connect 1s\n timeout server 1s\n"
        " server s 127.0.0.1:1\n"
    )
    diagnostics = Diagnostics()
    made = assemble(load_text(text, diagnostics), diagnostics).frontends[0]
    assert isinstance(made, LiveFrontend)
    trace = Trace()
    assert explain_backend(made, context(made, random.Random(1)), trace) is made.default_backend
    assert records_of(trace) == [(1, True, b"l", [])]

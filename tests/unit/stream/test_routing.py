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
from pointsman.stream.frontends import LiveFrontend
from pointsman.stream.routing import RouteTable, pick_backend

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


@pytest.mark.parametrize("seed", range(12))
def test_the_table_finds_what_a_walk_finds(seed: int) -> None:
    draw = random.Random(seed)
    made = frontend([f"use_backend b{i} {condition(draw)}" for i in range(40)])
    for _ in range(60):
        ctx = context(made, draw)
        walked = next((route.target for route in made.use_backend if route.holds(ctx)), None)
        asked, ctx.asked = ctx.asked, 0
        assert pick_backend(made, ctx) is walked
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

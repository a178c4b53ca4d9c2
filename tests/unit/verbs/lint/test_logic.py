"""Whether one condition implies another: what is said is true of every request; what should be known is known."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pointsman.keywords
from pointsman.core.address import net_address
from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.proto.message import Request, field
from pointsman.sample.acl import AclTable
from pointsman.sample.condition import Condition, parse_condition
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.types import Where
from pointsman.verbs.lint.lists import routes_of
from pointsman.verbs.lint.logic import Formula, Literal, contradiction, formula, implies
from pointsman.verbs.lint.shadow import shadowed
from pointsman.verbs.lint.subject import examine
from pointsman.verbs.lint.text import Text

assert pointsman.keywords


def words(text: str) -> list[Word]:
    return [Word(part, Position("test.cfg", 1, 1, len(part), text)) for part in text.split()]


def condition(text: str) -> Condition:
    return parse_condition(words(text), AclTable(), Where.HTTP_REQ)


def request(path: str, host: str, source: str, port: int, method: str) -> Context:
    ctx = Context(ProxyFacts("front", 2, True), Session(ListenerFacts("", 1)))
    ctx.source = ctx.session.source = net_address(source, 40000)
    ctx.destination = ctx.session.destination = net_address("127.0.0.1", port)
    ctx.session.real_source, ctx.session.real_destination = ctx.source, ctx.destination
    made = Request()
    made.method, made.uri, made.minor = method.encode(), path.encode(), 1
    made.fields.append(field(b"host", host.encode()))
    made.host = host.encode()
    ctx.request = made
    return ctx


REQUESTS = [
    request(*parts)
    for parts in itertools.product(
        ("/", "/a", "/A", "/a/b", "/ab", "/b/a", "/c.ab"),
        ("a.b", "A.b", "b.a.b", "x"),
        ("10.0.0.1", "10.1.0.1", "192.0.2.7"),
        (80, 443),
        ("GET", "POST"),
    )
]
TEXTS = ("/", "/a", "/A", "/a/", "/a/b", "a", "b", ".ab", "a.b", "A.b", ".b", "x")
NETWORKS = ("10.0.0.0/8", "10.0.0.0/16", "10.0.0.1", "10.1.0.0/16", "192.0.2.0/24", "0.0.0.0/0")
PORTS = ("80", "443", "ge 80", "gt 80", "lt 443", "80:443", "81:442", "le 80 ge 443")


def text_terms() -> st.SearchStrategy[str]:
    return st.builds(
        "{{ {} {}-m {} {} }}".format,
        st.sampled_from(("path", "hdr(host)", "path,lower", "req.hdr(Host)")),
        st.sampled_from(("", "-i ")),
        st.sampled_from(("str", "beg", "end", "sub", "dir", "dom", "reg")),
        st.lists(st.sampled_from(TEXTS), min_size=1, max_size=3).map(" ".join),
    )


def terms() -> st.SearchStrategy[str]:
    others = st.one_of(
        st.lists(st.sampled_from(NETWORKS), min_size=1, max_size=2).map(lambda some: f"{{ src {' '.join(some)} }}"),
        st.sampled_from(PORTS).map(lambda some: f"{{ dst_port {some} }}"),
        st.sampled_from(
            ("{ method GET }", "{ method POST }", "METH_GET", "METH_POST", "{ method get }", "TRUE", "FALSE")
        ),
        st.sampled_from(("{ path -m found }", "{ hdr(host) -m len 3 }", "{ hdr(x) -m found }", "LOCALHOST")),
    )
    return st.builds(str.__add__, st.sampled_from(("", "!")), st.one_of(text_terms(), others))


def conditions() -> st.SearchStrategy[str]:
    alternative = st.lists(terms(), min_size=1, max_size=3).map(" ".join)
    return st.lists(alternative, min_size=1, max_size=2).map(" or ".join)


@settings(max_examples=60, deadline=None)
@given(conditions(), st.booleans(), conditions(), st.booleans())
def test_what_is_implied_holds_for_every_request(one: str, unless: bool, other: str, otherwise: bool) -> None:
    first, second = condition(one), condition(other)
    mine, its = formula(first, unless), formula(second, otherwise)
    if mine is None or its is None or not implies(mine, its):
        return
    for ctx in REQUESTS:
        assert first.test(ctx) == unless or second.test(ctx) != otherwise


@settings(max_examples=60, deadline=None)
@given(terms(), terms())
def test_one_term_implies_another_only_where_it_does(one: str, other: str) -> None:
    first, second = condition(one), condition(other)
    mine, its = formula(first), formula(second)
    assert mine is not None and its is not None
    if implies(mine, its):
        assert [ctx for ctx in REQUESTS if first.test(ctx) and not second.test(ctx)] == []


@settings(max_examples=60, deadline=None)
@given(st.lists(terms(), min_size=2, max_size=3).map(" ".join))
def test_a_contradiction_never_holds(text: str) -> None:
    made = condition(text)
    literals = tuple(Literal(tuple(term.usable), term.negated) for term in made.alternatives[0])
    if contradiction(literals) is not None:
        assert not any(made.test(ctx) for ctx in REQUESTS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{ path /a/b }", "{ path_beg /a }"),
        ("{ path_beg /a/b }", "{ path_beg /a /c }"),
        ("{ path_beg /a }", "{ path_beg -i /A }"),
        ("{ path_end .png }", "{ path_sub png }"),
        ("{ hdr(host) a.b }", "{ req.hdr(Host) -i A.b }"),
        ("{ hdr(host) www.a.b }", "{ hdr_reg(host) ^www }"),
        ("{ src 10.1.2.3 }", "{ src 10.0.0.0/8 }"),
        ("{ dst_port 81:90 }", "{ dst_port gt 80 }"),
        ("{ dst_port 80 }", "{ dst_port 1:80 81:100 }"),
        ("{ path_beg /a } { src 10.0.0.1 }", "{ path_beg / }"),
        ("{ path /a } or { path /b }", "{ path /b /a }"),
        ("!{ path_beg / }", "!{ path_beg /a }"),
        ("METH_POST", "!{ method DELETE }"),
        ("{ path /x }", "TRUE"),
        ("{ var(txn.a) -m str x }", "{ var(txn.a) -m str x y }"),
    ],
)
def test_what_is_known(one: str, other: str) -> None:
    mine, its = formula(condition(one)), formula(condition(other))
    assert mine is not None and its is not None
    assert implies(mine, its)
    assert one == other or not implies(its, mine) or "or" in one


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{ path_beg -i /a }", "{ path_beg /a }"),
        ("{ hdr(x) a }", "!{ hdr(x) b }"),
        ("{ rand lt 5 }", "{ rand lt 5 }"),
        ("{ path_reg ^/a }", "{ path_beg /a }"),
        ("{ path_beg /ab }", "{ path_dir a }"),
        ("{ src 10.0.0.0/7 }", "{ src 10.0.0.0/8 }"),
    ],
)
def test_what_is_not_known_is_not_said(one: str, other: str) -> None:
    mine, its = formula(condition(one)), formula(condition(other))
    assert mine is not None and its is not None
    assert not implies(mine, its)


def test_unless_is_worked_in() -> None:
    both = condition("{ path_beg /a } { src 10.0.0.1 }")
    either = formula(both, True)
    assert either is not None and len(either) == 2
    inside = formula(condition("!{ path_beg /a }"))
    assert inside is not None and implies(inside, either)
    assert formula(condition(" or ".join(["{ path /a } { src 10.0.0.1 }"] * 9)), True) is None


def test_a_table_of_hosts_is_not_compared_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f"use_backend b if {{ hdr(host) -i h{number}.example.com }} {{ path_beg /p{number} }}" for number in range(300)
    ]
    lines.append("use_backend b if { hdr(host) -i h7.example.com } { path_beg /p7/x }")
    text = "frontend www\n mode http\n bind :80\n " + "\n ".join(lines) + "\nbackend b\n mode http\n"
    subject = examine(["big.cfg"], {"big.cfg": Text("big.cfg", text.encode())})
    asked: list[object] = []

    def counting(one: Formula, other: Formula) -> bool:
        asked.append(one)
        return implies(one, other)

    monkeypatch.setattr("pointsman.verbs.lint.shadow.implies", counting)
    found = list(shadowed(routes_of(subject.fronts[0])))
    assert [(entry.setting.at.line, blamed.setting.at.line) for entry, blamed in found] == [(304, 11)]
    assert len(asked) < 10

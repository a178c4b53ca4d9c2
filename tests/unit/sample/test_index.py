"""Many ACLs at once: the table says what each ACL says alone."""

import functools
import operator

import pytest
from exchanges import exchange, words
from hypothesis import given
from hypothesis import strategies as st

import pointsman.keywords  # noqa: F401
from pointsman.core.diagnostics import ConfigError
from pointsman.core.epoch import EPOCH
from pointsman.sample.acl import Acl, parse_acl
from pointsman.sample.context import Context
from pointsman.sample.index import Index, opening_of
from pointsman.sample.regex import compile_regex

PLACE = words("x")[0].at
CRITERIA = [
    "path",
    "path,lower",
    "req.hdr(x-a)",
    "req.fhdr(x-a)",
    "req.hdr(x-a),upper",
    "req.cook(a)",
    "urlp(a)",
    "method",
    "url",
    "req.hdr(x-a,2)",
    "req.hdr_val(x-a)",
    "path,length",
    "res.hdr(x-b)",
    "src",
]
TEXTS = st.text("aA/b.,", min_size=1, max_size=4)
REGEXES = st.sampled_from(
    [
        "^/a",
        "^/a?b",
        "^/A+",
        "a|^b",
        "^(a|b)",
        "^a\\.b",
        "^[^a]/",
        "^[/a]b|a",
        "b$",
        "^/a$",
        "^/aa*b",
        "(?i)^/b",
        "^b{2}",
        "^,",
        "^/(?:a|A)b",
        "^a.b",
    ]
)
NUMBERS = st.sampled_from(["1", "2", "3", "ge 2", "2:4", "0"])


@st.composite
def patterns(draw: st.DrawFn) -> str:
    method = draw(st.sampled_from(["str", "beg", "end", "sub", "dir", "dom", "reg", "len", "found"]))
    case = draw(st.sampled_from(["", "-i "]))
    if method == "found":
        return "-m found"
    source = REGEXES if method == "reg" else NUMBERS if method == "len" else TEXTS
    found = draw(st.lists(source, min_size=1, max_size=6))
    return f"{case}-m {method} -- {' '.join(found)}"


def acls_of(criterion: str, flags: list[str]) -> list[tuple[Acl, int]]:
    return [(parse_acl(words(f"{criterion} {one}")), 1 << index) for index, one in enumerate(flags)]


def alone(acls: list[tuple[Acl, int]], ctx: Context) -> int:
    return sum(bit for acl, bit in acls if acl.test(ctx))


@given(
    st.sampled_from(CRITERIA),
    st.lists(patterns(), min_size=1, max_size=12),
    st.lists(st.text("aAbB/.,;= 12", max_size=7), max_size=3),
    st.text("aAb/.", max_size=5),
)
def test_the_table_says_what_each_says_alone(criterion: str, flags: list[str], lines: list[str], path: str) -> None:
    if criterion in ("req.hdr_val(x-a)", "path,length"):
        flags = ["1", "2 3", "2:9", "-m found", "ge 3", "-m str -- 2", "4"]
    elif criterion == "src":
        flags = ["127.0.0.0/8", "127.0.0.1", "-m str -- 127.0.0.1", "::ffff:127.0.0.1 ::1", "10.0.0.0/8"]
    acls = acls_of(criterion, flags)
    assert all(Index.takes(acl) for acl, _ in acls)
    block = "".join(f"x-a: {line}\ncookie: {line}\n" for line in lines)
    ctx = exchange(
        f"GET /{path}?a={path}&a=b HTTP/1.1",
        block,
        answer="HTTP/1.1 200 OK",
        answer_fields="".join(f"x-b: {line}\n" for line in lines),
    )
    index = Index(acls[0][0].expression, acls)
    assert index.bits(ctx) == alone(acls, ctx)
    header = acls[0][0].header
    if header is None:
        return
    head = ctx.response if criterion.startswith("res") else ctx.request
    assert head is not None
    lines_of_header = [field.value for field in head.fields if field.name == header]
    by_line = [sum(bit for acl, bit in acls if acl.holds_line(line)) for line in lines_of_header]
    assert functools.reduce(operator.or_, by_line, 0) == alone(acls, ctx)


@given(st.text("^/aA|()[]?*+.\\b{2$", max_size=8), st.text("/aAb.|2", max_size=6), st.booleans())
def test_every_match_begins_with_the_opening(text: str, value: str, nocase: bool) -> None:
    try:
        pattern = compile_regex(text, PLACE, nocase)
    except ConfigError:
        return
    data = value.encode()
    if pattern.test(data):
        opening = opening_of(pattern)
        assert (data.lower() if nocase else data).startswith(opening.lower() if nocase else opening)


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        ("^/r5/[0-9]+", b"/r5/"),
        ("^/a\\.b(c|d)", b"/a.b"),
        ("^/ab?", b"/a"),
        ("^a|b", b""),
        ("a", b""),
        ("^(a)", b""),
        ("^/a[|]b", b"/a"),
        ("^/a[^]|]b", b"/a"),
        ("^/a\\|b", b"/a|b"),
        ("^/a$", b"/a"),
        ("^", b""),
        ("^x[](]|b", b""),
        ("^x[[:alpha:](]|b", b""),
        ("^x\\Q(\\E|b", b""),
        ("^x(?#()|b", b""),
        ("^x[](]b", b"x"),
    ],
)
def test_openings(text: str, opening: bytes) -> None:
    assert opening_of(compile_regex(text, PLACE)) == opening


def test_a_list_that_changes_is_entered_anew() -> None:
    acls = acls_of("path", ["-m str -- /a", "-m beg -- /b", "-m reg -- ^/c"])
    index = Index(acls[0][0].expression, acls)
    ctx = exchange("GET /new HTTP/1.1")
    assert index.bits(ctx) == 0
    first = acls[0][0]
    own = first.lists.own
    assert own is not None
    before, version = EPOCH.number, first.version
    own.add("/new", None)
    assert EPOCH.number > before
    assert first.version > version
    assert first.test(ctx)
    assert index.bits(ctx) == 1
    own.delete("/new")
    assert index.bits(ctx) == 0


def test_what_moves_is_not_taken() -> None:
    assert not Index.takes(parse_acl(words("rand(10) 5")))
    assert not Index.takes(parse_acl(words("path,concat(a,txn.b) /x")))
    assert not Index.takes(parse_acl(words("var(txn.a) -m str x")))


@pytest.mark.parametrize(
    ("criterion", "header"),
    [
        ("req.hdr(Host) a", b"host"),
        ("hdr(Host) a", b"host"),
        ("hdr_end(host) a", b"host"),
        ("hdr_cnt(host) 1", None),
        ("req.hdr(host,1) a", None),
        ("req.hdr(host,-1) a", None),
        ("req.hdr(host,0) a", b"host"),
        ("req.hdr a", None),
        ("req.fhdr(a),lower b", b"a"),
        ("req.hdr(a),add(txn.n) 1", None),
        ("res.hdr(Via) b", b"via"),
        ("hdr_ip(x-forwarded-for) 10.0.0.0/8", b"x-forwarded-for"),
        ("cook(a) b", b"cookie"),
        ("scook(a) b", b"set-cookie"),
        ("req.cook_cnt(a) 1", None),
        ("path a", None),
        ("base a", None),
    ],
)
def test_what_is_decided_line_by_line(criterion: str, header: bytes | None) -> None:
    assert parse_acl(words(criterion)).header == header


@pytest.mark.parametrize(
    ("criterion", "moving"),
    [
        ("path /a", False),
        ("src 10.0.0.1", False),
        ("req.hdr(a) b", False),
        ("status 200", False),
        ("req.body -m sub a", True),
        ("rand(2) 1", True),
        ("be_name a", True),
        ("always_true", False),
    ],
)
def test_what_moves(criterion: str, moving: bool) -> None:
    assert parse_acl(words(criterion)).moving is moving

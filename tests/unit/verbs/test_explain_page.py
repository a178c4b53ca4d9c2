"""Explanations as pages, tables and JSON: hand-made ones, and whatever an explanation may hold."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.json_schema import complaints

from pointsman.core.diagnostics import NOWHERE, Position
from pointsman.sample.trace import (
    AclRecord,
    ConditionRecord,
    ConverterRecord,
    PatternRecord,
    SampleRecord,
    TermRecord,
)
from pointsman.sample.types import Type
from pointsman.verbs import explain
from pointsman.verbs.explain.as_json import explanation_json
from pointsman.verbs.explain.model import (
    Asked,
    Branch,
    Choice,
    Explanation,
    HeadDiff,
    LeftOut,
    Limit,
    Stage,
    Step,
    Unknown,
)
from pointsman.verbs.explain.places import short_names
from pointsman.verbs.explain.render import page
from pointsman.verbs.explain.repeated import repeated_json, table, turn_of
from pointsman.verbs.explain.values import plain, quoted
from pointsman.verbs.terminal import Terminal, columns

SCHEMA = json.loads((Path(explain.__file__).parent / "explanation.schema.json").read_text(encoding="utf-8"))


def at(line: int, text: str = "", file: str = "haproxy.cfg") -> Position:
    return Position(file, line, 5, 0, f"    {text}")


def sample(text: str, value: bytes | None, kind: Type = Type.STR) -> SampleRecord:
    return SampleRecord(at(9), text, kind, value, value)


def acl(text: str, value: bytes, pattern: str = "", name: str = "") -> AclRecord:
    found = PatternRecord(pattern, "haproxy.cfg", 9) if pattern else None
    of_it = (sample(text, value),)
    return AclRecord(at(9), name, text, "str", of_it, bool(pattern), value if pattern else None, found)


def condition(*terms: TermRecord) -> ConditionRecord:
    return ConditionRecord(at(9), "", (terms,), terms[-1].verdict)


def term(line: AclRecord, negated: bool = False) -> TermRecord:
    return TermRecord(at(9), line.name, negated, (line,), line.verdict != negated)


ADMIN = acl("path_beg", b"/api/x", name="is_admin")
API = acl("path_beg", b"/api/x", "/api/", name="is_api")
RULES = Stage(
    name="http-request",
    proxy="frontend 'web'",
    steps=(
        Step(
            at=at(15),
            text="http-request deny if is_admin",
            what="deny",
            ran=False,
            condition=condition(term(ADMIN)),
        ),
        Step(
            at=at(16),
            text="http-request set-header X-Client %[src]",
            what="set-header",
            ran=True,
            verdict="continue",
            samples=(sample("src", b"\x7f\x00\x00\x01", Type.IPV4),),
            diff=HeadDiff(removed=("x-client: a\x1b[2J",), added=("x-client: 127.0.0.1",)),
            variables=(("txn.a", "1"), ("txn.b", None)),
            captures=("one",),
            notes=("tracks an entry of a table",),
        ),
    ),
)
ROUTES = Stage(
    name="use_backend",
    proxy="frontend 'web'",
    steps=(
        Step(
            at=at(18),
            text="use_backend api if is_api",
            what="use_backend",
            ran=True,
            names="api",
            condition=condition(term(API), term(ADMIN, negated=True)),
        ),
    ),
)
TO_SERVER = Explanation(
    asked=Asked(url="http://shop.test/api/x"),
    frontend="web",
    at=at(12, "frontend web"),
    bind=at(13, "bind :8080"),
    stages=(RULES, ROUTES),
    outcome="server",
    backend="api",
    backend_at=at(28, "backend api"),
    backend_why="use_backend",
    server=Choice(
        name="api2",
        at=at(32, "server api2 192.0.2.2:80"),
        address="192.0.2.2:80",
        algorithm="balance leastconn",
        why="it has the fewest connections",
        left_out=(LeftOut(name="api1", at=at(31), why="down, as was asked"),),
    ),
    limits=(Limit(name="timeout server", value="50s", at=at(10)),),
    request=("GET /api/x HTTP/1.1", "host: shop.test"),
    body_from="server",
    status=200,
    response=("HTTP/1.1 200 OK",),
    letters="--",
    log_line="a line",
    notes=("something",),
)


def lines(explanation: Explanation, everything: bool = False) -> list[str]:
    return list(page(explanation, Terminal(), everything))


def test_the_answer_comes_first() -> None:
    assert lines(TO_SERVER)[:4] == [
        "GET http://shop.test/api/x -> backend api -> server api2 -> 200",
        "  frontend  web   bind :8080                                      haproxy.cfg:13",
        "  backend   api   use_backend api if is_api                       haproxy.cfg:18",
        "  server    api2  balance leastconn: it has the fewest            haproxy.cfg:32",
    ]


def test_the_tree() -> None:
    text = "\n".join(lines(TO_SERVER))
    assert "\n".join(lines(TO_SERVER)[6:20]) == (
        "frontend web                                                      haproxy.cfg:12\n"
        "├─ http-request\n"
        '│  ├─ · deny if is_admin  [path_beg is "/api/x"]                  haproxy.cfg:15\n'
        "│  └─ ✓ set-header X-Client %[src]                                haproxy.cfg:16\n"
        "│        src = 127.0.0.1\n"
        "│        - x-client: a\\x1b[2J\n"
        "│        + x-client: 127.0.0.1\n"
        '│        txn.a := "1"\n'
        "│        txn.b is taken away\n"
        '│        captured "one"\n'
        "│        tracks an entry of a table\n"
        "└─ use_backend\n"
        "   └─ ✓ api if is_api                                             haproxy.cfg:18\n"
        '         is_api: path_beg is "/api/x", matches /api/ (true)'
    ), text
    for part in (
        '         and not is_admin: path_beg is "/api/x", matches no pattern (true)\n',
        "server\n├─ ✓ api2  192.0.2.2:80                                           haproxy.cfg:32\n",
        "└─ · api1  left out: down, as was asked                           haproxy.cfg:31\n",
        "limits in force\n└─ timeout server  50s                                            haproxy.cfg:10\n",
        "the request as api2 would get it\n│ GET /api/x HTTP/1.1\n│ host: shop.test\n",
        "if the server answers 200",
        "the log line\n│ a line\n",
        "note: something",
    ):
        assert part in text, part


def test_in_ascii() -> None:
    text = "\n".join(page(TO_SERVER, Terminal(unicode=False)))
    assert text.isascii() and "|- http-request\n|  |- . deny" in text and "|  `- * set-header" in text


def test_all_shows_why_a_rule_did_not_apply() -> None:
    text = "\n".join(lines(TO_SERVER, True))
    assert "· deny if is_admin  " in text and 'is_admin: path_beg is "/api/x", matches no pattern (false)' in text


def test_of_many_rules_the_first_and_last_are_shown() -> None:
    idle = tuple(replace(RULES.steps[0], at=at(100 + n), text=f"http-request deny if a{n}") for n in range(2000))
    many = replace(TO_SERVER, stages=(replace(RULES, steps=idle),))
    text = lines(many)
    assert len(text) < 60
    shown = [line for line in text if "deny if a" in line or "more" in line]
    assert [line.split()[2:4] for line in shown if "deny" in line] == [["deny", "if"]] * 6
    assert "... 1,994 more did not apply (--all shows them)" in shown[3]
    assert len(lines(many, True)) > 2000


def test_a_rule_that_ends_it() -> None:
    rule = replace(RULES.steps[0], ran=True, verdict="deny", condition=condition(term(API)))
    denied = replace(
        TO_SERVER,
        stages=(replace(RULES, steps=(rule,)),),
        outcome="deny",
        status=403,
        ended_by=at(15, "http-request deny if is_admin"),
        backend="",
        backend_at=NOWHERE,
        server=None,
        body_from="deny",
        body=b"no\x1b\n" * 9,
    )
    text = lines(denied)
    assert text[0] == "GET http://shop.test/api/x -> denied: 403"
    assert text[2] == "  ended by  http-request deny if is_admin                         haproxy.cfg:15"
    assert "   └─ ■ deny if is_admin                                          haproxy.cfg:15" in text
    start = text.index("the response as the client would get it")
    assert text[start + 1 : start + 9] == ["│ HTTP/1.1 200 OK", "│", *["│ no\\x1b"] * 5, "│ ... (36 bytes)"]


def test_what_is_not_known_is_shown_both_ways() -> None:
    rate = Unknown(text="sc_http_req_rate(0)", why="a rate", at=at(11), assumed="0")
    other = replace(TO_SERVER, outcome="deny", status=429, backend="", server=None, ended_by=at(11, "deny"))
    unsure = replace(
        TO_SERVER, unknown=(rate,), branches=(Branch(unknown=replace(rate, assumed="21"), explanation=other),)
    )
    text = lines(unsure)
    start = text.index("not known here, so the answer may be another one:")
    assert text[start + 1 : start + 4] == [
        "  sc_http_req_rate(0): a rate; taken for 0                        haproxy.cfg:11",
        "    with 21: denied: 429                                          haproxy.cfg:11",
        "    to say what it is: --set 'sc_http_req_rate(0)=21'",
    ]


def test_repeated() -> None:
    assert TO_SERVER.server is not None
    other = replace(TO_SERVER, server=replace(TO_SERVER.server, name="api1", why="its turn"))
    asked = [TO_SERVER, other, TO_SERVER, replace(TO_SERVER, outcome="no server", status=503)]
    turns = [turn_of(one) for one in asked]
    text = list(table(TO_SERVER, turns, Terminal(), False))
    assert text[text.index("") + 1 :] == [
        " turn  server       status  why",
        "    1  api/api2     200     it has the fewest connections",
        "    2  api/api1     200     its turn",
        "    3  api/api2     200     it has the fewest connections",
        "    4  (no server)  503     it has the fewest connections",
        "",
        "shares of 4 requests",
        "  api/api2     2   50.0 %  ████████████",
        "  api/api1     1   25.0 %  ██████",
        "  (no server)  1   25.0 %  ██████",
    ]
    assert "... 180 more (--all shows them)" in "\n".join(table(TO_SERVER, turns * 50, Terminal(), False))
    made = explanation_json(TO_SERVER) | {"repeat": repeated_json(turns)}
    assert complaints(made, SCHEMA) == []


def test_places_are_short_and_differ() -> None:
    long = "/etc/haproxy/conf.d/of-the-shop"
    assert short_names(["a.cfg", f"{long}/a.cfg", f"{long}/b.cfg", f"{long}-2/b.cfg"]) == {
        "a.cfg": "a.cfg",
        f"{long}/a.cfg": "of-the-shop/a.cfg",
        f"{long}/b.cfg": "of-the-shop/b.cfg",
        f"{long}-2/b.cfg": "of-the-shop-2/b.cfg",
    }
    assert short_names([f"{long}/b.cfg"]) == {f"{long}/b.cfg": "b.cfg"}


@pytest.mark.parametrize(
    ("value", "kind", "shown", "bare"),
    [
        (None, Type.STR, "(none)", None),
        (b"\xc0\xa8\x00\x01", Type.IPV4, "192.168.0.1", "192.168.0.1"),
        (b"\x00" * 15 + b"\x01", Type.IPV6, "::1", "::1"),
        (b"a b", Type.STR, '"a b"', "a b"),
        (b"", Type.STR, '""', ""),
        (b"\xff\x00", Type.BIN, "ff00", "ff00"),
        (b"\xffa", Type.STR, '"\\xffa"', "\\xffa"),
        (True, Type.BOOL, "true", "true"),
        (7, Type.SINT, "7", "7"),
        (b"GET", Type.METH, "GET", "GET"),
    ],
)
def test_values(value: bytes | int | None, kind: Type, shown: str, bare: str | None) -> None:
    assert (quoted(value, kind), plain(value, kind)) == (shown, bare)


def test_converters_are_a_chain() -> None:
    entry = PatternRecord("shop", "hosts.map", 3)
    of_map = SampleRecord(
        at(9),
        "hdr(host),lower,map(hosts.map)",
        Type.STR,
        b"app",
        b"SHOP",
        (ConverterRecord("lower", b"shop"), ConverterRecord("map", b"app", entry)),
    )
    step = replace(RULES.steps[1], samples=(of_map,), diff=None, variables=(), captures=(), notes=())
    text = "\n".join(lines(replace(TO_SERVER, stages=(replace(RULES, steps=(step,)),))))
    assert '     hdr(host),lower,map(hosts.map) = "app"\n' in text
    assert '       "SHOP" -> lower: "shop" -> map (hosts.map:3): "app"\n' in text
    same = replace(
        of_map, text="hdr(host),lower", value=b"a", fetched=b"a", converters=(ConverterRecord("lower", b"a"),)
    )
    step = replace(step, samples=(same,))
    text = "\n".join(lines(replace(TO_SERVER, stages=(replace(RULES, steps=(step,)),))))
    assert '     hdr(host),lower = "a"\n' in text and "-> lower" not in text


# Whatever it holds

TEXTS = st.one_of(st.text(st.characters(), max_size=12), st.text("ab \x1b\n表\u202e", min_size=90, max_size=300))
BYTES = st.binary(max_size=20)
PLACES = st.one_of(st.just(NOWHERE), st.builds(Position, TEXTS, st.integers(1, 10**6), st.just(1), st.just(0), TEXTS))
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-5, 2**63), BYTES)
PATTERNS = st.one_of(st.none(), st.builds(PatternRecord, TEXTS, TEXTS, st.integers(0, 9)))
SAMPLES = st.builds(
    SampleRecord,
    PLACES,
    TEXTS,
    st.sampled_from(Type),
    VALUES,
    VALUES,
    st.tuples() | st.tuples(st.builds(ConverterRecord, TEXTS, VALUES, PATTERNS)),
)
ACLS = st.builds(
    AclRecord,
    PLACES,
    TEXTS,
    TEXTS,
    st.sampled_from(("str", "found")),
    st.tuples(SAMPLES),
    st.booleans(),
    VALUES,
    PATTERNS,
)
TERMS = st.builds(TermRecord, PLACES, TEXTS, st.booleans(), st.tuples() | st.tuples(ACLS, ACLS), st.booleans())
CONDITIONS = st.builds(
    ConditionRecord, PLACES, TEXTS, st.tuples() | st.tuples(st.tuples(TERMS, TERMS), st.tuples(TERMS)), st.booleans()
)
UNKNOWNS = st.builds(Unknown, text=TEXTS, why=TEXTS, at=PLACES, assumed=st.none() | TEXTS)
LISTS = st.lists(TEXTS, max_size=2).map(tuple)
DIFFS = st.builds(HeadDiff, before=TEXTS, after=TEXTS, removed=LISTS, added=LISTS)
STEPS = st.builds(
    Step,
    at=PLACES,
    text=TEXTS,
    what=TEXTS,
    ran=st.booleans(),
    condition=st.none() | CONDITIONS,
    negated=st.booleans(),
    samples=st.tuples(SAMPLES),
    verdict=st.sampled_from(("", "continue", "deny", "allow")),
    names=TEXTS,
    diff=st.none() | DIFFS,
    variables=st.tuples(st.tuples(TEXTS, st.none() | TEXTS)),
    captures=LISTS,
    notes=LISTS,
    unknown=st.tuples() | st.tuples(UNKNOWNS),
)
STAGES = st.builds(Stage, name=TEXTS, proxy=TEXTS, steps=st.lists(STEPS, max_size=2).map(tuple))
CHOICES = st.builds(
    Choice,
    name=TEXTS,
    at=PLACES,
    address=TEXTS,
    algorithm=TEXTS,
    why=TEXTS,
    candidates=LISTS,
    left_out=st.tuples(st.builds(LeftOut, name=TEXTS, at=PLACES, why=TEXTS)),
)
FIELDS = {
    "asked": st.builds(
        Asked,
        method=TEXTS,
        url=TEXTS,
        headers=st.tuples(st.tuples(TEXTS, TEXTS)),
        payload=st.none() | BYTES,
        down=st.frozensets(TEXTS, max_size=1),
    ),
    "frontend": TEXTS,
    "at": PLACES,
    "bind": PLACES,
    "outcome": st.sampled_from(SCHEMA["$defs"]["explanation"]["properties"]["outcome"]["enum"]),
    "ended_by": PLACES,
    "backend": TEXTS,
    "backend_at": PLACES,
    "backend_why": TEXTS,
    "server": st.none() | CHOICES,
    "status": st.sampled_from((0, 200, 403)),
    "letters": TEXTS,
    "log_line": TEXTS,
    "request": LISTS,
    "response": LISTS,
    "body_from": TEXTS | st.just("server"),
    "body": st.binary(max_size=2000),
    "notes": LISTS,
    "variables": st.dictionaries(TEXTS, TEXTS, max_size=1),
    "limits": st.tuples(st.builds(Limit, name=TEXTS, value=TEXTS, at=PLACES)),
}
SMALL = st.builds(Explanation, **FIELDS)
EXPLANATIONS = st.builds(
    Explanation,
    **FIELDS,
    stages=st.lists(STAGES, max_size=2).map(tuple),
    unknown=st.tuples() | st.tuples(UNKNOWNS),
    branches=st.tuples() | st.tuples(st.builds(Branch, unknown=UNKNOWNS, explanation=SMALL)),
)


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(EXPLANATIONS, st.booleans())
def test_whatever_it_holds(explanation: Explanation, everything: bool) -> None:
    """Eighty columns, nothing that a terminal would obey, and JSON that fits its schema."""
    for line in _all_lines(explanation, everything):
        assert columns(line) <= 80, line
        assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in line), ascii(line)
    made = explanation_json(explanation) | {"repeat": repeated_json([turn_of(explanation)])}
    assert complaints(made, SCHEMA) == []
    json.dumps(made)


def _all_lines(explanation: Explanation, everything: bool) -> Iterator[str]:
    yield from page(explanation, Terminal(), everything)
    yield from table(explanation, [turn_of(explanation)], Terminal(), everything)


def test_the_schema_refuses() -> None:
    """It is no schema that takes everything."""
    made = json.loads(json.dumps(explanation_json(TO_SERVER)))
    assert complaints(made, SCHEMA) == []
    for change, word in (
        ({"version": 2}, "is not 1"),
        ({"outcome": "perhaps"}, "none of"),
        ({"status": 99}, "out of range"),
        ({"server": {}}, "is no null"),
        ({"frontend_at": {"file": "a", "line": 0, "column": 1}}, "out of range"),
        ({"limits": [{}]}, "there is no name"),
        ({"backend": True}, "is no"),
        ({"more": 1}, "more is unknown"),
        ({"request": "text"}, "is no array"),
        ({"variables": {"a": 1}}, "is no string"),
        ({"stages": [1]}, "is no object"),
    ):
        found = complaints(made | change, SCHEMA)
        assert found and word in found[0], (change, found)

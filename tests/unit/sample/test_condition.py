"""Conditions: operators, named, predefined and anonymous ACLs (manual 7.2 and 7.4)."""

import itertools

import pytest
from exchanges import exchange, word, words
from hypothesis import given
from hypothesis import strategies as st
from support.configs import good, section

import pointsman.keywords  # noqa: F401
from pointsman.core.diagnostics import ConfigError, Diagnostics
from pointsman.sample.acl import PREDEFINED, AclTable
from pointsman.sample.condition import Condition, parse_condition
from pointsman.sample.format import parse_format
from pointsman.sample.types import Reads, Where


def table() -> AclTable:
    made = AclTable()
    for line in (
        "a path_beg /a",
        "b path_end b",
        "c method POST",
        "site hdr_beg(host) www.",
        "answer res.hdr(x) y",
        "mixed path /x",
        "mixed res.hdr(x) y",
    ):
        made.declare(words(line))
    return made


def condition(text: str, where: Where = Where.HTTP_REQ) -> Condition:
    return parse_condition(words(text), table(), where)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("a", "/a /ab"),
        ("a b", "/ab"),
        ("a or b", "/a /ab /b"),
        ("a || b", "/a /ab /b"),
        ("a OR b", "/a /ab /b"),
        ("!a", "/b /x"),
        ("a !b", "/a"),
        ("! a", "/b /x"),
        ("!!a", "/a /ab"),
        ("!a !b or a b", "/ab /x"),
        ("{ path /b }", "/b"),
        ("!{ path /b }", "/a /ab /x"),
        ("! { path /b } a", "/a /ab"),
        ("{ path_beg -i /A } { path_len 3 }", "/ab"),
        ("{ path /a or path /b }", "/a /b"),
        ("TRUE", "/a /ab /b /x"),
        ("FALSE", ""),
        ("METH_GET a", "/a /ab"),
        ("METH_POST", ""),
        ("c or FALSE", ""),
        ("a or", "/a /ab"),
        ("or a", "/a /ab"),
        ("a or || b", "/a /ab /b"),
        ("", ""),
        ("!", ""),
        ("LOCALHOST HTTP_1.1 HTTP a", "/a /ab"),
        ("HTTP_URL_SLASH WAIT_END !HTTP_CONTENT b", "/ab /b"),
        ("{ acl(a,!b) }", "/a"),
    ],
)
def test_which_requests_a_condition_takes(text: str, paths: str) -> None:
    made = condition(text)
    assert [path for path in ("/a", "/ab", "/b", "/x") if made.test(exchange(f"GET {path} HTTP/1.1"))] == paths.split()


@pytest.mark.parametrize(
    ("line", "fields", "names"),
    [
        ("GET / HTTP/1.1", "", "METH_GET HTTP_1.1 HTTP_URL_SLASH"),
        ("HEAD / HTTP/1.0", "", "METH_GET METH_HEAD HTTP_1.0 HTTP_URL_SLASH"),
        ("POST http://x/ HTTP/1.1", "content-length: 5", "METH_POST HTTP_1.1 HTTP_URL_ABS HTTP_CONTENT"),
        ("OPTIONS * HTTP/1.1", "content-length: 0", "METH_OPTIONS HTTP_1.1 HTTP_URL_STAR"),
        ("PUT / HTTP/1.1", "", "METH_PUT HTTP_1.1 HTTP_URL_SLASH"),
        ("DELETE / HTTP/1.1", "", "METH_DELETE HTTP_1.1 HTTP_URL_SLASH"),
        ("TRACE / HTTP/1.1", "", "METH_TRACE HTTP_1.1 HTTP_URL_SLASH"),
        ("CONNECT a:1 HTTP/1.1", "", "METH_CONNECT HTTP_1.1"),
    ],
)
def test_predefined_acls(line: str, fields: str, names: str) -> None:
    ctx = exchange(line, fields, source="192.0.2.1")
    found = [name for name in PREDEFINED if condition(name).test(ctx)]
    assert sorted(found) == sorted([*names.split(), "HTTP", "REQ_CONTENT", "TRUE", "WAIT_END"])


def test_a_declared_acl_hides_a_predefined_one() -> None:
    made = table()
    made.declare(words("TRUE path /never"))
    assert not parse_condition(words("TRUE"), made, Where.HTTP_REQ).test(exchange())


@pytest.mark.parametrize(
    ("text", "message", "column", "hint"),
    [
        ("a foo", "no such ACL : 'foo'", 3, ""),
        ("Meth_Get", "no such ACL : 'Meth_Get'", 1, ""),
        ("stie", "no such ACL : 'stie'", 1, "did you mean 'site'?"),
        ("METH_GTE", "no such ACL : 'METH_GTE'", 1, ""),
        ("a and b", "no such ACL : 'and'", 3, "terms that stand side by side are joined by 'and' already"),
        ("{path /a}", "no such ACL : '{path'", 1, "braces must be words of their own: put spaces around them"),
        ("{ path /a", "missing closing '}' in condition", 1, ""),
        ("{ }", "missing fetch method in ACL expression ''", 1, ""),
        ("{ pth /a }", "unknown fetch method 'pth'", 3, "did you mean 'path'?"),
        ("a }", "no such ACL : '}'", 3, "braces must be words of their own: put spaces around them"),
    ],
)
def test_errors_have_a_place(text: str, message: str, column: int, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        condition(text)
    finding = caught.value.finding
    assert (finding.message, finding.position.column) == (message, column)
    if hint:
        assert finding.hint == hint


@pytest.mark.parametrize(
    ("text", "where", "message"),
    [
        (
            "{ path /a }",
            Where.HTTP_RES,
            "anonymous acl will never match because it uses keyword 'path' which is incompatible with "
            "'http-response rules'",
        ),
        (
            "a",
            Where.HTTP_RES,
            "acl 'a' will never match because it only involves keywords that are "
            "incompatible with 'http-response rules'",
        ),
        (
            "mixed",
            Where.HTTP_RES,
            "acl 'mixed' involves keywords 'path' which is incompatible with 'http-response rules'",
        ),
        (
            "answer",
            Where.HTTP_REQ,
            "acl 'answer' will never match because it only involves keywords that are "
            "incompatible with 'http-request rules'",
        ),
    ],
)
def test_what_cannot_match_is_said(text: str, where: Where, message: str) -> None:
    diagnostics = Diagnostics()
    made = parse_condition(words(text), table(), where, diagnostics)
    assert [finding.message for finding in made.findings] == [message]
    assert diagnostics.findings == made.findings
    ctx = exchange("GET /a HTTP/1.1", answer="HTTP/1.1 200 OK", answer_fields="x: y")
    assert made.test(ctx) is (text == "mixed")
    negated = parse_condition(words("!" + text), table(), where)
    assert negated.test(ctx) is (text != "mixed")


def test_what_a_condition_tells_of_itself() -> None:
    made = condition("a site or { src 10.0.0.0/8 } !{ http_auth(admins) }")
    assert made.reads == Reads.REQUEST_LINE | Reads.HEADER_BLOCK | Reads.SOURCE | Reads.MOVING
    assert made.http
    assert not made.sniffs
    assert condition("HTTP").sniffs
    assert not condition("{ src 10.0.0.0/8 }").http
    assert [one.name for one in made.references] == ["admins"]
    assert [[term.name for term in terms] for terms in made.alternatives] == [["a", "site"], ["", ""]]
    assert made.alternatives[1][1].negated


NAMES = st.sampled_from(["a", "b", "c", "!a", "!b", "!c", "or", "||"])


@given(st.lists(NAMES, max_size=8))
def test_against_a_model(parts: list[str]) -> None:
    made = condition(" ".join(parts))
    for path, method in itertools.product(("/a", "/ab", "/b", "/x"), ("GET", "POST")):
        facts = {"a": path.startswith("/a"), "b": path.endswith("b"), "c": method == "POST"}
        groups = [
            list(group) for split, group in itertools.groupby(parts, lambda part: part in ("or", "||")) if not split
        ]
        expected = any(all(facts[part.lstrip("!")] != part.startswith("!") for part in group) for group in groups)
        assert made.test(exchange(f"{method} {path} HTTP/1.1")) is expected


def test_the_fetch_acl_knows_the_predefined_ones() -> None:
    """Manual 7.3.2 "acl" and 7.4; those of the section prevail."""
    declared = table()
    for line in ("mine always_true", "METH_POST always_true", "nested acl(METH_GET,!FALSE)"):
        declared.declare(words(line))
    ctx = exchange("GET / HTTP/1.1")
    text = "%[acl(TRUE)]%[acl(FALSE)]%[acl(TRUE,mine,!FALSE)]%[acl(METH_GET)]%[acl(METH_POST)]%[acl(nested)]"
    assert parse_format(word(text), Where.HTTP_REQ, acls=declared).render(ctx) == b"101111"
    assert parse_format(word("%[acl(TRUE)]%[acl(!METH_POST)]"), Where.HTTP_REQ).render(ctx) == b"11"
    assert parse_format(word("%[acl(METH_GET)]"), Where.HTTP_REQ).reads == Reads.REQUEST_LINE
    with pytest.raises(ConfigError, match="ACL 'TRUEE' not found"):
        parse_format(word("%[acl(TRUEE)]"), Where.HTTP_REQ)


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("frontend", 'log-format "%[acl(mine,TRUE)]"'),
        ("frontend", 'unique-id-format "%[acl(mine,TRUE)]"'),
        ("frontend", 'use_backend "%[acl(mine)]"'),
        ("backend", "balance hash acl(mine,TRUE)"),
        ("backend", 'http-check send hdr x "%[acl(mine,TRUE)]"'),
        ("frontend", 'http-request redirect location "/%[acl(mine)]"'),
    ],
)
def test_where_the_fetch_acl_knows_the_acls_of_its_section(kind: str, line: str) -> None:
    good(kind, "mode http", "acl mine always_true", line)
    assert section(kind, "mode http", line).errors != []


def test_predefined_acls_need_no_section() -> None:
    assert good("global", 'set-var-fmt proc.predefined "%[acl(TRUE)]"', "set-var proc.bare acl(!FALSE)").errors == []

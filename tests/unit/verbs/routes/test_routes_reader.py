"""Files of cases, read: what they say, and what is said about their mistakes."""

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.verbs.explain.model import Answered
from pointsman.verbs.routes.keys import ANSWER, ASKED, CASE, EXPECTED, FILE, GROUP, MEANT
from pointsman.verbs.routes.model import Case
from pointsman.verbs.routes.nodes import Missing, RoutesError, render
from pointsman.verbs.routes.reader import read_file, read_text
from pointsman.verbs.routes.wanted import TESTS


def read(text: str) -> list[Case]:
    return list(read_text(text.encode(), "r.yml").cases)


def said(text: str) -> list[str]:
    """The first lines of all findings."""
    with pytest.raises(RoutesError) as caught:
        read(text)
    return [render(one).partition("\n")[0] for one in caught.value.findings]


def expected(case: Case) -> dict[str, str]:
    return {one.label: str(one) for one in case.expected}


def test_the_shortest_file() -> None:
    (case,) = read("- GET http://shop.example/cart: cart\n")
    assert (case.name, case.at.line, case.at.column) == ("GET http://shop.example/cart", 1, 3)
    assert (case.asked.method, case.asked.url, case.asked.version) == ("GET", "http://shop.example/cart", "1.1")
    assert expected(case) == {"backend": "cart"}


def test_short_forms() -> None:
    cases = read(
        "cases:\n- /a: 403\n- /b: web/w1\n- POST /c HTTP/1.0: {status: 200}\n- {request: /d, expect: web}\n"
        "- CONNECT a.example:443: web\n- '*': web\n- OPTIONS *: web\n"
    )
    assert [expected(one) for one in cases[:3]] == [
        {"status": "403"},
        {"backend": "web", "server": "w1"},
        {"status": "200"},
    ]
    assert [(one.asked.method, one.asked.url) for one in cases] == [
        ("GET", "/a"),
        ("GET", "/b"),
        ("POST", "/c"),
        ("GET", "/d"),
        ("CONNECT", "a.example:443"),
        ("GET", "*"),
        ("OPTIONS", "*"),
    ]
    assert cases[2].asked.version == "1.0"


def test_everything_that_can_be_asked(tmp_path: Path) -> None:
    (tmp_path / "body.bin").write_bytes(b"\x00\x01")
    (tmp_path / "client.pem").write_text("a certificate")
    path = tmp_path / "all.yml"
    path.write_text(
        """
configuration: [a.cfg, /etc/b.cfg]
environment: {PORT: 8080}
cases:
- name: all of it
  request: PUT https://shop.example/x HTTP/2
  headers: {Cookie: a=b, X-Two: [1, 2]}
  body: {file: body.bin}
  src: 192.0.2.7
  dst: 192.0.2.1:443
  frontend: web
  sni: shop.example
  client-cert: client.pem
  down: [web/w1, web/w2]
  set: {rand(100): 7}
  answer: {status: 404, headers: {Server: x}, body: gone}
  repeat: 2
  strict: on
  skip: not today
  expect: web
- frontend: mysql
  payload: {hex: 00 ff}
  answer: 500
  expect: db
- dst: :25
  payload: {base64: aGk=}
  expect: mail
""",
        encoding="utf-8",
    )
    suite = read_file(str(path))
    assert suite.configuration == (str(tmp_path / "a.cfg"), "/etc/b.cfg")
    assert suite.environment == {"PORT": "8080"}
    case, database, mail = suite.cases
    asked = case.asked
    assert (asked.method, asked.url, asked.version) == ("PUT", "https://shop.example/x", "2")
    assert asked.headers == (("Cookie", "a=b"), ("X-Two", "1"), ("X-Two", "2"))
    assert (asked.body, asked.source, asked.destination) == (b"\x00\x01", "192.0.2.7", "192.0.2.1:443")
    assert (asked.frontend, asked.sni) == ("web", "shop.example")
    assert asked.client_certificate == str(tmp_path / "client.pem")
    assert (asked.down, asked.given) == (frozenset({"web/w1", "web/w2"}), {"rand(100)": "7"})
    assert asked.answer == Answered(status=404, headers=(("Server", "x"),), body=b"gone")
    assert (asked.payload, case.repeat, case.strict, case.skip) == (None, 2, True, "not today")
    assert (database.name, database.asked.payload, database.asked.answer.status) == (
        "connection to mysql",
        b"\x00\xff",
        500,
    )
    assert (mail.name, mail.asked.destination, mail.asked.payload) == ("connection to :25", "25", b"hi")


def test_everything_that_can_be_expected() -> None:
    (case,) = read(
        """
- GET /:
    frontend: web
    backend: {not: api}
    server: [w1, w2]
    outcome: server
    status: 200
    body: {contains: hi}
    ended-by: 12
    request-line: GET / HTTP/1.1
    to-server: {X-A: 1, X-B: {absent: yes}, X-C: {present: no}, X-D: {all: [1, 2]}}
    to-client: {X-E: {regex: '^a', not: abc}}
    variables: {txn.a: b}
    captures: {present: yes}
    letters: "--"
    log: {ST: 200}
    log-line: ' 200 '
"""
    )
    assert expected(case) == {
        "frontend": "web",
        "backend": "anything but api",
        "server": "w1 or w2",
        "outcome": "server",
        "status": "200",
        "body": "a value with hi",
        "ended-by": "12",
        "request-line": '"GET / HTTP/1.1"',
        "to-server X-A": "1",
        "to-server X-B": "none",
        "to-server X-C": "none",
        "to-server X-D": "1, then 2",
        "to-client X-E": "a value that matches ^a, anything but abc",
        "variables txn.a": "b",
        "captures": "any value",
        "letters": "--",
        "log ST": "200",
        "log-line": 'a value that matches " 200 "',
    }


def test_defaults_groups_and_cases_are_merged() -> None:
    cases = read(
        """
x-common: &office {src: 10.0.0.1}
defaults:
  headers: {User-Agent: curl, Accept: a}
  expect: {status: 200, to-server: {x-a: 1}}
cases:
- name: the shop
  headers: {user-agent: wget}
  expect: shop
  cases:
  - /a: {to-server: {X-B: 2}}
    headers: {Accept: ~}
  - /b: other
    <<: *office
  - {request: /c, expect: {status: ~}}
- /d: 404
"""
    )
    assert [one.path for one in cases] == ["the shop / /a", "the shop / /b", "the shop / /c", "/d"]
    assert cases[0].asked.headers == (("user-agent", "wget"),)
    assert expected(cases[0]) == {"status": "200", "backend": "shop", "to-server x-a": "1", "to-server X-B": "2"}
    assert cases[1].asked.source == "10.0.0.1"
    assert expected(cases[1]) == {"status": "200", "backend": "other", "to-server x-a": "1"}
    assert expected(cases[2]) == {"backend": "shop", "to-server x-a": "1"}
    assert cases[3].asked.headers == (("User-Agent", "curl"), ("Accept", "a"))
    assert expected(cases[3]) == {"status": "404", "to-server x-a": "1"}


def test_parameters() -> None:
    cases = read(
        """
- name: hosts
  parameters: {scheme: [http, https]}
  cases:
  - GET <scheme>://<host>/: <to>
    headers: {X-<host>: <host>}
    parameters:
    - {host: a.example, to: web/w1}
    - {host: b.example, to: 403}
- name: by name
  request: /
  expect: <to>
  parameters: {to: [x, y]}
"""
    )
    assert [one.asked.url for one in cases[:4]] == [
        "http://a.example/",
        "http://b.example/",
        "https://a.example/",
        "https://b.example/",
    ]
    assert cases[0].asked.headers == (("X-a.example", "a.example"),)
    assert [expected(one) for one in cases[:2]] == [{"backend": "web", "server": "w1"}, {"status": "403"}]
    assert [one.name for one in cases] == [
        "GET http://a.example/",
        "GET http://b.example/",
        "GET https://a.example/",
        "GET https://b.example/",
        "by name [to=x]",
        "by name [to=y]",
    ]


def test_repeated_requests_have_numbers() -> None:
    hashed, turns = read(
        """
- GET /<n>:
    shares: {w1: 25%, w2: 20-30 %, w3: 7, w4: 5-9}
  src: 192.0.2.<n>
  repeat: 40
- GET /: {sequence: [w1, w2, w1]}
"""
    )
    assert (hashed.request(7).url, hashed.request(7).source, hashed.repeat) == ("/7", "192.0.2.7", 40)
    assert [str(one) for one in hashed.shares] == ["25 %", "20 to 30 %", "7", "5 to 9"]
    assert [hashed.shares[0].holds(count, 40) for count in (9, 10, 11)] == [False, True, False]
    assert [hashed.shares[0].holds(count, 10) for count in (1, 2, 3, 4)] == [False, True, True, False]
    assert [hashed.shares[3].holds(count, 40) for count in (4, 5, 9, 10)] == [False, True, True, False]
    assert (turns.repeat, turns.sequence, turns.request(2)) == (3, ("w1", "w2", "w1"), turns.asked)


def test_names_are_apart_and_the_same_each_time() -> None:
    text = "- /: a\n- /: b\n- {request: /, expect: c, parameters: {unused: [1, 1]}, name: '<unused>'}\n"
    names = [one.name for one in read(text)]
    assert names == ["/ (line 1)", "/ (line 2)", "1 (line 3)", "1 (line 3) #2"]
    assert [one.name for one in read(text)] == names


def test_text_is_what_was_written() -> None:
    (case,) = read("- /: {to-server: {x-ssl: on, x-version: 1.10, x-no: 'no', x-empty: ''}}\n")
    assert [one.tests[0].values for one in case.expected] == [("on",), ("1.10",), ("no",), ("",)]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["r.yml:1:1: there are no cases in it"]),
        ("cases: []", ["r.yml:1:8: there are no cases in it"]),
        ("cases: x", ["r.yml:1:8: cases are a list ('- GET /path: backend'), not a single value"]),
        ("- GET /x", ["r.yml:1:3: it is not said what is to become of it"]),
        ("- GET /x:", ["r.yml:1:3: it is not said what is to become of it"]),
        ("- [a]", ["r.yml:1:3: a case is 'METHOD URL: backend', or a mapping, not a list"]),
        ("- /: {backnd: a}", ["r.yml:1:7: unknown key 'backnd' in 'expect'"]),
        ("- /: a\n  source: 1", ["r.yml:2:3: unknown key 'source' of a case"]),
        ("case:\n- /: a", ["r.yml:1:1: unknown key 'case' of the file"]),
        ("- GET /\n  backend: a", ["r.yml:2:10: mapping values are not allowed in this context"]),
        ("- request: /\n  backend: a", ["r.yml:2:3: unknown key 'backend' of a case"]),
        ("- GET shop: x", ["r.yml:1:3: 'shop' is no URL: it begins with / or http://"]),
        ("- GET /a b: x", ["r.yml:1:3: a request is [METHOD] URL [HTTP/VERSION]"]),
        ("- GET / HTTP/3: x", ["r.yml:1:3: '3' is no version of HTTP"]),
        ("- /: a\n  /b: c", ["r.yml:2:3: a second request in one case"]),
        ("- /: a\n  expect: b", ["r.yml:2:3: 'expect' stands here twice"]),
        ("- /: {status: ok}", ["r.yml:1:15: a status is a number of three digits, not 'ok'"]),
        ("- /: {outcome: denied}", ["r.yml:1:16: 'denied' is no outcome"]),
        ("- /: {body: {regex: '+'}}", ["r.yml:1:21: this is no regular expression: nothing to repeat at position 0"]),
        ("- /: {to-server: {a: ~}}", ["r.yml:1:22: it is not said what 'a' is to be"]),
        ("- /: {to-server: {a: {lik: x}}}", ["r.yml:1:23: unknown word for what 'a' is to be: 'lik'"]),
        ("- /: {log: {ST: 200, Tt: 0}}", ["r.yml:1:22: only a running program knows 'Tt': it cannot be expected"]),
        ("- /: {server: []}", ["r.yml:1:15: an empty list can never hold"]),
        ("- /: a\n  repeat: 0", ["r.yml:2:11: repeat is a number from 1 to 100000, not '0'"]),
        ("- /: {sequence: [a, b]}\n  repeat: 3", ["r.yml:1:17: 'sequence' has 2 servers for 3 requests"]),
        ("- /: {shares: {a: 1}}", ["r.yml:1:15: 'shares' are those of several requests"]),
        ("- /: {shares: {a: half}}\n  repeat: 2", ["r.yml:1:19: 'half' is no share"]),
        ("- /: a\n  down: w1", ["r.yml:2:9: 'w1' is no server"]),
        ("- /: a\n  strict: maybe", ["r.yml:2:11: strict is yes or no, not 'maybe'"]),
        ("- /: a\n  headers: {'a b': c}", ["r.yml:2:13: 'a b' is no name of a header"]),
        ('- /: a\n  headers: {a: "b\\nc"}', ["r.yml:2:16: a header's value has no line ends in it"]),
        ("- /: a\n  body: {file: none.bin}", ["r.yml:2:16: 'none.bin' cannot be read: No such file or directory"]),
        ("- /: a\n  body: {hex: 0}", ["r.yml:2:15: this is not hex"]),
        ("- /: a\n  client-cert: none.pem", ["r.yml:2:16: client-cert: there is no file 'none.pem'"]),
        ("- /: a\n  payload: x", ["r.yml:2:12: a case has a request or a payload, not both"]),
        ("- expect: a", ["r.yml:1:3: there is no request in it"]),
        ("- /<hots>: <host>\n  parameters: {host: [a]}", ["r.yml:1:3: there is no parameter 'hots'"]),
        ("- /: a\n  parameters: {host: [1]}", ["r.yml:2:16: the parameter 'host' is used nowhere"]),
        ("- /<n>: a\n  parameters: {n: [1]}", ["r.yml:2:16: 'n' is no name of a parameter"]),
        ("- /: a\n  parameters: []", ["r.yml:2:15: there are no parameters in it"]),
        ("- /: a\n  src: {a: b}", ["r.yml:2:8: src is one value, not a mapping"]),
        ("a: 1\na: 2", ["r.yml:2:1: 'a' stands here twice"]),
        ("- &a [*a]", ["r.yml:1:7: '*a' stands inside what it stands for"]),
        ("- *b", ["r.yml:1:3: no anchor '&b' stands before this"]),
        ("- !!python/name:os.system /: a", ["r.yml:1:3: a tag: 'tag:yaml.org,2002:python/name:os.system'"]),
        ("- /: a\n---\n- /: b", ["r.yml:2:1: a second document ('---')"]),
        ("- ? [a]\n  : b", ["r.yml:1:5: a key is a text, not a list or a mapping"]),
        ("- /: a\n  <<: b", ["r.yml:2:7: '<<' takes a mapping, or a list of them"]),
        ("- \x01", ["r.yml:1:3: a character that YAML does not allow: U+0001"]),
        ("[" * 41, ["r.yml:1:41: this is nested deeper than 40 levels"]),
        ("- /: a: b", ["r.yml:1:7: mapping values are not allowed in this context"]),
    ],
)  # fmt: skip
def test_mistakes_have_places(text: str, messages: list[str]) -> None:
    assert said(text) == messages


def test_all_mistakes_at_once_each_with_its_line_and_the_nearest_word() -> None:
    with pytest.raises(RoutesError) as caught:
        read("- /: {backnd: a}\n- /: {status: ok}\n  scr: 1\n")
    assert str(caught.value) == (
        "r.yml:1:7: unknown key 'backnd' in 'expect'\n"
        "    - /: {backnd: a}\n"
        "          ^^^^^^\n"
        "    did you mean 'backend'?\n"
        "r.yml:2:15: a status is a number of three digits, not 'ok'\n"
        "    - /: {status: ok}\n"
        "                  ^^\n"
        "r.yml:3:3: unknown key 'scr' of a case\n"
        "    scr: 1\n"
        "    ^^^\n"
        "    did you mean 'src'?"
    )


def test_what_is_no_text_and_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RoutesError, match=r"^r\.yml:2:3: this is not UTF-8"):
        read_text(b"- /: a\n- \xff", "r.yml")
    with pytest.raises(RoutesError, match="cannot be read: No such file or directory"):
        read_file(str(tmp_path / "none.yml"))


def test_aliases_cannot_multiply_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pointsman.verbs.routes.reader.MOST_CASES", 1000)
    lines = ["x-0: &a0 [{/: a}]"] + [f"x-{n}: &a{n} [{', '.join([f'{{cases: *a{n - 1}}}'] * 9)}]" for n in range(1, 12)]
    assert said("\n".join([*lines, "cases: *a11"])) == ["r.yml:1:11: these are more than 1000 cases"]
    rows = "[1, 2, 3, 4, 5, 6, 7, 8, 9, 0]"
    assert said(f"- /: a\n  parameters: {{{', '.join(f'p{n}: {rows}' for n in range(9))}}}") == [
        "r.yml:2:15: these are more than 10000 rows"
    ]


def test_without_pyyaml_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yaml", None)
    monkeypatch.delitem(sys.modules, "pointsman.verbs.routes.tree", raising=False)
    with pytest.raises(Missing, match=r"pip install 'pointsman\[test\]'"):
        read_text(b"- /: a", "r.yml")


def test_words_that_are_meant_are_words_that_there_are() -> None:
    known = {*ASKED, *CASE, *GROUP, *FILE, *ANSWER, *EXPECTED}
    assert set(MEANT.values()) <= known
    assert not known & MEANT.keys() - {"request"}


WORDS = [
    *ASKED,
    *CASE,
    *GROUP,
    *FILE,
    *ANSWER,
    *EXPECTED,
    *TESTS,
    "GET /x",
    "http://h/<a>",
    "<a>",
    "a",
    "1",
    "50%",
    "~",
]
_TREES = st.recursive(
    st.sampled_from(WORDS) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=12,
)


def written(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{written(key)}: {written(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(written, tree)) + "]"
    text = str(tree)
    return text if text == "~" else "'" + text.replace("'", "''") + "'"


@given(_TREES)
def test_no_tree_raises_anything_else(tree: object) -> None:
    try:
        read_text(written(tree).encode("utf-8", "replace"), "r.yml")
    except RoutesError as error:
        assert error.findings and all(one.position.file == "r.yml" for one in error.findings)


@given(st.binary(max_size=40) | st.text(alphabet="-:?[]{}&*!|>'\"%@` \n\taé\x85/<", max_size=40).map(str.encode))
def test_no_bytes_raise_anything_else(text: bytes) -> None:
    try:
        read_text(text, "r.yml")
    except RoutesError as error:
        assert error.findings and str(error)

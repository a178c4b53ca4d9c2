"""set-header and its kin (manual 4.4). What replace-value leaves of blanks follows the manual's example."""

import pytest
from rule_stand import error, exchange, fields, run, values

from pointsman.config.action import CONTINUE
from pointsman.core.regex import VERSION


def test_set_header_replaces_all_of_its_name_and_goes_last() -> None:
    ctx = exchange("GET / HTTP/1.1", "X-A: 1", "Host: h", "x-a: 2")
    assert run(ctx, "http-request set-header X-A %[path]:%[src]") == CONTINUE
    assert fields(ctx.request) == [("host", "h"), ("x-a", "/:192.0.2.7")]


def test_set_header_may_use_its_old_value() -> None:
    ctx = exchange("GET / HTTP/1.1", "X-A: 1")
    run(ctx, 'http-request set-header X-A "%[req.hdr(x-a)]2"')
    assert values(ctx.request, "x-a") == ["12"]


def test_add_header_keeps_what_was_there() -> None:
    ctx = exchange("GET / HTTP/1.1", "X-A: 1")
    run(ctx, "http-request add-header X-A 2", "http-request add-header X-A 3")
    assert values(ctx.request, "x-a") == ["1", "2", "3"]


@pytest.mark.parametrize("rule_set", ["http-response", "http-after-response"])
def test_response_rules_edit_the_response(rule_set: str) -> None:
    ctx = exchange("GET / HTTP/1.1", "X-A: 1", answer=("200 OK", "X-A: 2", "Server: demo"))
    run(ctx, f"{rule_set} set-header X-A %[status]", f"{rule_set} del-header server")
    assert fields(ctx.response) == [("x-a", "200")]
    assert values(ctx.request, "x-a") == ["1"]


@pytest.mark.parametrize(
    "words, left",
    [
        ("X-Ab", ["x-abc", "y-ab", "x-b"]),
        ("X-AB -m str", ["x-abc", "y-ab", "x-b"]),
        ("X-A -m beg", ["y-ab", "x-b"]),
        ("B -m end", ["x-abc"]),
        ("A -m sub", ["x-b"]),
        ("^x-a -m reg", ["y-ab", "x-b"]),
        ("^X-A -m reg", ["x-ab", "x-abc", "y-ab", "x-b"]),  # names are compared in lower case
        ("None", ["x-ab", "x-abc", "y-ab", "x-b"]),
    ],
)
def test_del_header(words: str, left: list[str]) -> None:
    ctx = exchange("GET / HTTP/1.1", "X-Ab: 1", "X-Abc: 1", "Y-ab: 1", "X-b: 1")
    run(ctx, f"http-request del-header {words}")
    assert [name for name, _ in fields(ctx.request)] == left


@pytest.mark.parametrize(
    "rule, before, after",
    [
        # The examples of the manual, with a constant for the address of the server's side.
        (
            r"replace-header Cookie foo=([^;]*);(.*) foo=\\1;ip=192.168.1.20;\\2",
            "cookie: foo=foobar; expires=Tue, 14-Jun-2016 01:40:45 GMT;",
            "foo=foobar;ip=192.168.1.20; expires=Tue, 14-Jun-2016 01:40:45 GMT;",
        ),
        ("replace-header User-Agent curl foo", "user-agent: curl/7.47.0", "foo"),
        (
            r"replace-value X-Forwarded-For ^192\\.168\\.(.*)$ 172.16.\\1",
            "x-forwarded-for: 192.168.10.1, 192.168.13.24, 10.0.0.37",
            "172.16.10.1, 172.16.13.24, 10.0.0.37",
        ),
        (
            "replace-value Cache-control ^public$ private",
            "cache-control: max-age=3600, public",
            "max-age=3600, private",
        ),
        (r"replace-header X (b)(c) <\\2\\1\\0\\9\\\\>", "x: abcd", r"<cbbc\>"),
        (r"replace-header X ^$ empty", "x:", "empty"),
        (r"replace-header X nothing else", "x: abcd", "abcd"),
        (r"replace-value X b [\\0]", 'x: "a,b", c', "[b], c"),
        (r"replace-header X [[:digit:]]+ %[method]", "x: a1", "GET"),
    ],
)
def test_replacements(rule: str, before: str, after: str) -> None:
    name = before.partition(":")[0]
    ctx = exchange("GET / HTTP/1.1", "other: abcd", before)
    run(ctx, f"http-request {rule}")
    assert fields(ctx.request) == [("other", "abcd"), (name, after)]


def test_replacement_of_each_field_of_the_name() -> None:
    ctx = exchange("GET / HTTP/1.1", "X: a1", "X: b2", "X: c")
    run(ctx, r"http-request replace-header X ([a-z])([0-9]) \\2\\1")
    assert values(ctx.request, "x") == ["1a", "2b", "c"]


@pytest.mark.parametrize(
    "rules, asked",
    [
        (["set-header Connection close"], True),
        (["set-header Connection Close,foo"], True),
        (["set-header Connection keep-alive"], False),
        (["add-header Connection close", "add-header Connection foo"], True),
        (["add-header Connection close", "set-header Connection foo"], False),
        (["add-header Connection close", "del-header connection"], False),
        (["add-header Connection close", "del-header x"], True),
        (["replace-header Connection foo close"], True),
        (["replace-header Connection foo bar"], False),
        ([], False),
    ],
)
def test_a_rule_may_ask_for_the_end_of_the_connection(rules: list[str], asked: bool) -> None:
    """What the client or server said of its own connection is not meant."""
    ctx = exchange("GET / HTTP/1.1", "Connection: foo", "Connection: close")
    run(ctx, *(f"http-request {rule}" for rule in rules))
    assert ctx.request is not None
    assert ctx.request.close_asked is asked


@pytest.mark.parametrize(
    "line, message, column",
    [
        ("http-request set-header", "'http-request set-header' expects <name>", 24),
        ("http-request set-header X", "'http-request set-header' expects <fmt>", 26),
        ("http-request set-header X", "'http-request set-header' expects <fmt>", 26),
        ("http-request set-header X y z", "'http-request set-header' cannot handle unexpected argument 'z'", 29),
        ("http-request set-header X: y", "'http-request set-header': 'X:' is no header name", 25),
        ("http-request add-header X %[nope]", "unknown fetch method 'nope'", 29),
        ("http-request del-header", "'http-request del-header' expects <name>", 24),
        ("http-request del-header", "'http-request del-header' expects <name>", 24),
        ("http-request del-header X -m", "'http-request del-header' expects <meth>", 29),
        ("http-request del-header X -m foo", "'http-request del-header': unknown meth 'foo'", 30),
        (
            "http-request del-header X[ -m reg",
            f"regex 'X[' is invalid (error=missing terminating ] for character class, erroffset={2 if VERSION else 0})",
            25,
        ),
        ("http-request replace-header X", "'http-request replace-header' expects <match-regex>", 30),
        ("http-request replace-header X a", "'http-request replace-header' expects <replace-fmt>", 32),
        (
            "http-request replace-value X ( b",
            "regex '(' is invalid (error=missing closing parenthesis, erroffset=1)"
            if VERSION
            else "regex '(' is invalid (error=missing ), unterminated subpattern, erroffset=0)",
            30,
        ),
    ],
)
def test_errors(line: str, message: str, column: int) -> None:
    assert error(line) == (message, column)

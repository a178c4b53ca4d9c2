"""Redirections (manual 4.2, redirect). What the options make of targets is compared with haproxy in the peer tests."""

import pytest
from rule_stand import answered, error, exchange, reply_of, run
from support.configs import good

from pointsman.config.action import ANSWER, CONTINUE
from pointsman.rules.keywords import RedirectLine


def location(target: str, words: str, host: str = "Host: h") -> str | None:
    ctx = exchange(f"GET {target} HTTP/1.1", *([host] if host else []))
    if run(ctx, f"http-request redirect {words}") == CONTINUE:
        return None
    return dict(answered(ctx)[1])["location"]


@pytest.mark.parametrize(
    "target, words, expected",
    [
        ("/a?x", "location /new", "/new"),
        ("/a?x", "location /new?y keep-query", "/new?y&x"),
        ("/a?x", "location /new keep-query", "/new?x"),
        ("/a", "location /new keep-query", "/new"),
        ("/a", "location /%[path]", "//a"),
        ("/a?x", "prefix https://o", "https://o/a?x"),
        ("/a?x", "prefix /", "/a?x"),
        ("/a?x", "prefix /p drop-query", "/p/a"),
        ("/a?x", "prefix /p drop-query append-slash", "/p/a/"),
        ("/a/", "prefix /p drop-query append-slash", "/p/a/"),
        ("/a?x", "prefix /p append-slash", "/p/a?x/"),
        ("/a?x", "scheme https", "https://h/a?x"),
        ("/a?x", "scheme https drop-query", "https://h/a"),
        ("http://other/z?w", "scheme https", "https://h/z?w"),
        ("*", "scheme https", "https://h/"),
        ("/a", "location %[req.hdr(none)]", ""),
        ("/a", "location %[req.hdr(none)] ignore-empty", None),
        ("/a", "prefix %[req.hdr(none)] ignore-empty", "/a"),
    ],
)
def test_targets(target: str, words: str, expected: str | None) -> None:
    assert location(target, words) == expected


def test_without_a_host() -> None:
    assert location("/a", "scheme https", host="") == "https:///a"


@pytest.mark.parametrize(
    "code, reason, cached",
    [
        (301, b"Moved Permanently", True),
        (302, b"Found", False),
        (303, b"See Other", False),
        (307, b"Temporary Redirect", False),
        (308, b"Permanent Redirect", True),
    ],
)
def test_codes(code: int, reason: bytes, cached: bool) -> None:
    ctx = exchange()
    assert run(ctx, f"http-request redirect location / code {code}") == ANSWER
    status, fields, body = answered(ctx)
    assert (status, reply_of(ctx).reason, body) == (code, reason, b"")
    assert (("cache-control", "no-cache") in fields) is not cached


@pytest.mark.parametrize(
    "words, cookie",
    [
        ("set-cookie SEEN=1", "SEEN=1; path=/;"),
        ("set-cookie SEEN", "SEEN; path=/;"),
        ("clear-cookie USERID=", "USERID=; path=/; Max-Age=0;"),
        ("set-cookie-fmt A=%[method]", "A=GET; path=/;"),
        ("set-cookie A clear-cookie B", "B; path=/; Max-Age=0;"),
    ],
)
def test_cookies(words: str, cookie: str) -> None:
    ctx = exchange()
    run(ctx, f"http-request redirect location / {words}")
    assert dict(answered(ctx)[1])["set-cookie"] == cookie


def test_of_responses() -> None:
    ctx = exchange(answer=("200 OK", "Location: /there"))
    assert run(ctx, "http-response redirect location %[res.hdr(location)]x code 303") == ANSWER
    assert answered(ctx)[:2] == (303, [("content-length", ""), ("location", "/therex"), ("cache-control", "no-cache")])


def test_the_keyword_takes_no_formats() -> None:
    written = "redirect location %[src] code 301 if { path /path }"
    (line,) = good("frontend", "mode http", written).proxy.all(RedirectLine)
    ctx = exchange()
    assert line.rule.condition is not None
    assert line.rule.condition.test(ctx)
    assert line.rule.action.run(ctx) == ANSWER
    assert ("location", "%[src]") in answered(ctx)[1]


SUPPORTED = "'http-request redirect': unsupported HTTP code"


@pytest.mark.parametrize(
    "line, message, column",
    [
        ("http-request redirect", "'http-request redirect': missing 'location', 'prefix' or 'scheme'", 22),
        ("http-request redirect code 302", "'http-request redirect': missing 'location', 'prefix' or 'scheme'", 31),
        ("http-request redirect foo", "'http-request redirect': unrecognized parameter 'foo'", 23),
        ("http-request redirect location", "'http-request redirect' expects a value of 'location'", 31),
        ("http-request redirect prefix", "'http-request redirect' expects a value of 'prefix'", 29),
        ("http-request redirect location / code", "'http-request redirect' expects <code>", 38),
        ("http-request redirect location / code 304", f"{SUPPORTED} '304'", 39),
        ("http-request redirect location / code abc", f"{SUPPORTED} 'abc'", 39),
        ("http-request redirect location / set-cookie", "'http-request redirect' expects NAME[=value]", 44),
        ("http-request redirect location %[nope]", "unknown fetch method 'nope'", 34),
        (
            "http-response redirect prefix /x",
            "'http-response redirect': response only supports redirect type 'location'",
            24,
        ),
        ("redirect", "'redirect': missing 'location', 'prefix' or 'scheme'", 9),
        ("redirect location / foo", "'redirect': unrecognized parameter 'foo'", 21),
    ],
)
def test_errors(line: str, message: str, column: int) -> None:
    assert error(line) == (message, column)

"""set-path and its kin (manual 4.4, with its examples). The peer tests compare absolute URIs and "*" with haproxy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_stand import error, exchange, run, values

from pointsman.rules.request_line import path_bounds

TARGETS = st.one_of(
    st.just(b"*"),
    st.from_regex(rb"\A(http://[a-z]{1,4})?/[a-z/]{0,6}(\?[a-z?/]{0,6})?\Z"),
    st.from_regex(rb"\Ahttp://[a-z]{1,4}\Z"),
)


@pytest.mark.parametrize(
    "target, rule, expected",
    [
        ("/bar?q=1", "set-path /%[hdr(host)]%[path]", "/h/bar?q=1"),
        ("/bar?q=1", "set-pathq /foo", "/foo"),
        ("/bar", "set-query a", "/bar?a"),
        ("/bar?", 'set-query "%[req.hdr(none)]"', "/bar?"),
        ("/bar", 'set-query "%[req.hdr(none)]"', "/bar"),
        ("/a?x%3D1&y%3D2", "set-query %[query,regsub(%3D,=,g)]", "/a?x=1&y=2"),
        ("*", "set-path /x", "/x"),
        ("http://a", "set-path /x", "http://a/x"),
        ("http://a?b=/c", "set-path /x", "http://a/x?b=/c"),
        ("http://a?b=/c", "set-pathq /x?y", "http://a/x?y"),
        ("http://a?b=/c", "set-query d", "http://a?d"),
        ("http://a/b?c", "set-path /x", "http://a/x?c"),
        ("/bar?q=1", r"replace-path (.*) /foo\\1", "/foo/bar?q=1"),
        ("/foo/bar?q=1", r"replace-path /foo/(.*) /\\1", "/bar?q=1"),
        ("/foo/bar?q=1", r"replace-path /foo/(.*) /\\1 if { url_beg /foo/ }", "/bar?q=1"),
        ("/bar?q=1", r"replace-pathq ([^?]*)(\\?(.*))? \\1/foo\\2", "/bar/foo?q=1"),
        ("http://a/b", r"replace-uri ^http://(.*) https://\\1", "https://a/b"),
        ("/bar?q=1", r"replace-uri ([^/:]*://[^/]*)?(.*) \\1/foo\\2", "/foo/bar?q=1"),
        ("*", "replace-path .* /x", "*"),
        ("/bar", "replace-path nothing /x", "/bar"),
    ],
)
def test_targets(target: str, rule: str, expected: str) -> None:
    ctx = exchange(f"GET {target} HTTP/1.1", "Host: h")
    run(ctx, f"http-request {rule}")
    assert ctx.request is not None
    assert ctx.request.uri == expected.encode()
    assert ctx.record.request_line == f"GET {target} HTTP/1.1".encode()


def test_set_method() -> None:
    ctx = exchange()
    run(ctx, "http-request set-method %[req.hdr(none)]FOO")
    assert ctx.request is not None
    assert ctx.request.method == b"FOO"


def test_set_uri_with_an_authority_names_the_host() -> None:
    ctx = exchange("GET /a HTTP/1.1", "Host: h", "X: 1")
    run(ctx, "http-request set-uri http://n.example:81/u?v")
    assert ctx.request is not None
    assert (ctx.request.uri, ctx.request.host) == (b"http://n.example:81/u?v", b"n.example:81")
    assert values(ctx.request, "host") == ["n.example:81"]


@pytest.mark.parametrize("rule", ["set-header Host other:8", "replace-header Host .* other:8"])
def test_host_names_the_authority(rule: str) -> None:
    ctx = exchange("GET http://h/a?b HTTP/1.1", "Host: h")
    run(ctx, f"http-request {rule}")
    assert ctx.request is not None
    assert (ctx.request.uri, ctx.request.host) == (b"http://other:8/a?b", b"other:8")


@pytest.mark.parametrize("action", ["set-method", "set-path", "set-pathq", "set-query", "set-uri"])
def test_errors_of_setters(action: str) -> None:
    name = f"http-request {action}"
    assert error(name) == (f"'{name}' expects <fmt>", len(name) + 1)
    assert error(f"{name} %[nope]") == ("unknown fetch method 'nope'", len(name) + 4)
    assert error(f"{name} a b") == (f"'{name}' cannot handle unexpected argument 'b'", len(name) + 4)
    assert error(f"http-response {action} a")[0] == f"'http-response': action '{action}' is not possible here"


@pytest.mark.parametrize("action", ["replace-path", "replace-pathq", "replace-uri"])
def test_errors_of_replacers(action: str) -> None:
    name = f"http-request {action}"
    assert error(name) == (f"'{name}' expects <match-regex>", len(name) + 1)
    assert error(f"{name} a") == (f"'{name}' expects <replace-fmt>", len(name) + 3)
    assert error(f"{name} ( b")[1] == len(name) + 2
    assert (
        error(f"http-after-response {action} a b")[0]
        == f"'http-after-response': action '{action}' is not possible here"
    )


@given(TARGETS)
def test_bounds_agree_with_the_fetches(uri: bytes) -> None:
    ctx = exchange()
    request = ctx.request
    assert request is not None
    request.uri = uri
    start, end = path_bounds(uri, False)
    if request.path is not None:
        assert uri[start:end] == request.path
        whole = request.path + (b"" if request.query is None else b"?" + request.query)
        assert path_bounds(uri, True) == (start, start + len(whole))
        assert uri[start:] == whole
    elif b"://" in uri:  # the place where a path would stand
        assert start == end and uri[end : end + 1] in (b"", b"?") and b"/" not in uri[uri.find(b"://") + 3 : end]
    else:
        assert (start, end) == (0, len(uri))

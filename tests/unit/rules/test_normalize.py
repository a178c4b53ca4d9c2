"""normalize-uri (manual 4.4): the manual's examples and others, with what HAProxy 3.2 was seen to make of them."""

import pytest
from rule_stand import compiled, exchange
from support.configs import section

from pointsman.config.verdict import CONTINUE, INVALID
from pointsman.rules.plan import run_steps, steps

ALLOWED = "global\n expose-experimental-directives\n"
SEEN: dict[str, list[tuple[str, str]]] = {
    "fragment-encode": [
        ("/#foo", "/%23foo"),
        ("/a#b#c?d", "/a%23b%23c?d"),
        ("/?a#b", "/?a%23b"),
        ("/%23", "/%23"),
        ("/a?b#c", "/a?b%23c"),
    ],
    "fragment-strip": [
        ("/#foo", "/"),
        ("/a?b#c#d", "/a?b"),
        ("/a", "/a"),
    ],
    "path-strip-dot": [
        ("/.", "/"),
        ("/./bar/", "/bar/"),
        ("/a/./a", "/a/a"),
        ("/.well-known/", "/.well-known/"),
        ("/a/.", "/a/"),
        ("/a/./", "/a/"),
        ("/./.", "/"),
        ("/././a", "/a"),
        ("//./a", "//a"),
        ("/a/.b/./c", "/a/.b/c"),
        ("/a?x=/./", "/a?x=/./"),
        ("/./?a", "/?a"),
        ("/.?a", "/?a"),
        ("/a/b/.", "/a/b/"),
        ("http://h/./a", "http://h/a"),
        ("http://h/.", "http://h/"),
    ],
    "path-strip-dotdot": [
        ("/foo/../", "/"),
        ("/foo/../bar/", "/bar/"),
        ("/foo/bar/../", "/foo/"),
        ("/../bar/", "/../bar/"),
        ("/bar/../../", "/../"),
        ("/foo//../", "/foo/"),
        ("/foo/%2E%2E/", "/foo/%2E%2E/"),
        ("/foo/..", "/"),
        ("/..", "/../"),
        ("/a/b/../../..", "/../"),
        ("/a/../..", "/../"),
        ("/../..", "/../../"),
        ("/foo/..?x=/../", "/?x=/../"),
        ("/...", "/..."),
        ("/a/...", "/a/..."),
        ("/a..b/../c", "/c"),
        ("/a/b/c/../../d", "/a/d"),
        ("//../a", "/a"),
        ("/a/..b", "/a/..b"),
        ("http://h/a/../b", "http://h/b"),
        ("/../a/../b", "/../b"),
        ("/a/../../b/../c", "/../c"),
    ],
    "path-strip-dotdot full": [
        ("/foo/../", "/"),
        ("/foo/../bar/", "/bar/"),
        ("/foo/bar/../", "/foo/"),
        ("/../bar/", "/bar/"),
        ("/bar/../../", "/"),
        ("/foo//../", "/foo/"),
        ("/foo/%2E%2E/", "/foo/%2E%2E/"),
        ("/foo/..", "/"),
        ("/..", "/"),
        ("/a/b/../../..", "/"),
        ("/a/../..", "/"),
        ("/../..", "/"),
        ("/foo/..?x=/../", "/?x=/../"),
        ("/...", "/..."),
        ("/a/...", "/a/..."),
        ("/a..b/../c", "/c"),
        ("/a/b/c/../../d", "/a/d"),
        ("//../a", "/a"),
        ("/a/..b", "/a/..b"),
        ("http://h/a/../b", "http://h/b"),
        ("/../a/../b", "/b"),
        ("/a/../../b/../c", "/c"),
    ],
    "path-merge-slashes": [
        ("//", "/"),
        ("/foo//bar", "/foo/bar"),
        ("///a////b//?c//d", "/a/b/?c//d"),
        ("/a//", "/a/"),
        ("http://h//a//b", "http://h/a/b"),
        ("/a///", "/a/"),
    ],
    "percent-decode-unreserved": [
        ("/%61dmin", "/admin"),
        ("/foo%3Fbar=baz", "/foo%3Fbar=baz"),
        ("/%%36%36", "/%66"),
        ("/%ZZ", "/%ZZ"),
        ("/%", "/%"),
        ("/%4", "/%4"),
        ("/a%2d%2E%5F%7e", "/a-._~"),
        ("/%2f%41?%61=%62&c=%2B", "/%2fA?a=b&c=%2B"),
        ("/%7E%7e%30%39", "/~~09"),
        ("/%c3%a4", "/%c3%a4"),
        ("/%61%", "/a%"),
        ("/?%61%ZZ", "/?a%ZZ"),
        ("/%6a%6A", "/jj"),
        ("http://h/%61", "http://h/a"),
    ],
    "percent-decode-unreserved strict": [
        ("/%61dmin", "/admin"),
        ("/foo%3Fbar=baz", "/foo%3Fbar=baz"),
        ("/%%36%36", "400"),
        ("/%ZZ", "400"),
        ("/%", "400"),
        ("/%4", "400"),
        ("/a%2d%2E%5F%7e", "/a-._~"),
        ("/%2f%41?%61=%62&c=%2B", "/%2fA?a=b&c=%2B"),
        ("/%7E%7e%30%39", "/~~09"),
        ("/%c3%a4", "/%c3%a4"),
        ("/%61%", "400"),
        ("/?%61%ZZ", "400"),
        ("/%6a%6A", "/jj"),
        ("http://h/%61", "http://h/a"),
    ],
    "percent-to-uppercase": [
        ("/%6f", "/%6F"),
        ("/%zz", "/%zz"),
        ("/%aB?%cd=%ef", "/%AB?%CD=%EF"),
        ("/%", "/%"),
        ("/%a", "/%a"),
        ("/%c3%a4", "/%C3%A4"),
        ("http://h/%6f", "http://h/%6F"),
    ],
    "percent-to-uppercase strict": [
        ("/%6f", "/%6F"),
        ("/%zz", "400"),
        ("/%aB?%cd=%ef", "/%AB?%CD=%EF"),
        ("/%", "400"),
        ("/%a", "400"),
        ("/%c3%a4", "/%C3%A4"),
        ("http://h/%6f", "http://h/%6F"),
    ],
    "query-sort-by-name": [
        ("/?c=3&a=1&b=2", "/?a=1&b=2&c=3"),
        ("/?aaa=3&a=1&aa=2", "/?a=1&aa=2&aaa=3"),
        ("/?a=3&b=4&a=1&b=5&a=2", "/?a=3&a=1&a=2&b=4&b=5"),
        ("/?", "/?"),
        ("/?a", "/?a"),
        ("/?b&a", "/?a&b"),
        ("/?&b&a", "/?&a&b"),
        ("/?b=1&&a=2", "/?&a=2&b=1"),
        ("/?a=2&a=1", "/?a=2&a=1"),
        ("/?b=1&a=2#x", "/?a=2#x&b=1"),
        ("/?B=1&a=2", "/?B=1&a=2"),
        ("/?b;a=1&a", "/?a&b;a=1"),
        ("/?=2&=1&a", "/?=2&=1&a"),
        ("/?a&a=1", "/?a&a=1"),
        ("/?c&b&", "/?b&c"),
        ("http://h/?b&a", "http://h/?a&b"),
        ("/?a=&a&aa", "/?a=&a&aa"),
        ("/?a-=1&a=2&a%=3", "/?a=2&a%=3&a-=1"),
    ],
}


def normalized(line: str, target: str) -> str:
    """What a target becomes, or the status of the answer."""
    ctx = exchange(f"GET {target} HTTP/1.1")
    verdict = run_steps(steps(compiled(f"http-request normalize-uri {line}", before=ALLOWED)), ctx)
    if verdict == INVALID:
        return "400"
    assert verdict == CONTINUE and ctx.request is not None
    return ctx.request.uri.decode()


@pytest.mark.parametrize(
    ("line", "target", "result"), [(line, *pair) for line, pairs in SEEN.items() for pair in pairs]
)
def test_a_step(line: str, target: str, result: str) -> None:
    assert normalized(line, target) == result
    if result != "400" and not target.startswith("/%%"):
        assert normalized(line, result) == result  # once is enough


@pytest.mark.parametrize("line", SEEN)
@pytest.mark.parametrize("target", ["*", "a.example:443", "http://h?b&a=/./../x"])
def test_what_has_no_path_stays(line: str, target: str) -> None:
    assert normalized(line, target) == target


def test_steps_follow_one_another() -> None:
    """The manual's advice: fragments first, escapes before dots, slashes before parents."""
    names = [
        "fragment-strip",
        "percent-decode-unreserved strict",
        "path-merge-slashes",
        "path-strip-dot",
        "path-strip-dotdot full",
        "query-sort-by-name",
        "percent-to-uppercase",
    ]
    lines = [f"http-request normalize-uri {name}" for name in names]
    ctx = exchange("GET /a//%2e/b/%2E%2E/../%c3%a4?z=1&b=%2f#x HTTP/1.1")
    assert run_steps(steps(compiled(*lines, before=ALLOWED)), ctx) == CONTINUE
    assert ctx.request is not None and ctx.request.uri == b"/%C3%A4?b=%2F&z=1"


RULE = "http-request normalize-uri"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", f"'{RULE}': missing argument <normalizer>"),
        ("foo", f"'{RULE}': unknown normalizer 'foo'"),
        ("path-strip-dotdot strict", f"'{RULE}': unknown argument 'strict' for the normalizer 'path-strip-dotdot'"),
        ("percent-to-uppercase full", f"'{RULE}': unknown argument 'full' for the normalizer 'percent-to-uppercase'"),
        ("path-strip-dot full", f"'{RULE}': unknown argument 'full' for the normalizer 'path-strip-dot'"),
    ],
)
def test_mistakes(words: str, message: str) -> None:
    assert section("frontend", "mode http", f"{RULE} {words}", before=ALLOWED).errors == [message]


def test_a_misspelt_normalizer_is_named() -> None:
    loaded = section("frontend", "mode http", f"{RULE} path-strip-dots", before=ALLOWED)
    [finding] = [one for one in loaded.diagnostics.findings if "normalizer" in one.message]
    assert finding.hint == "did you mean 'path-strip-dot'?"


def test_it_is_experimental() -> None:
    """Not allowed, or only further down."""
    text = "'normalize-uri' action is experimental, must be allowed via a global 'expose-experimental-directives'"
    assert section("frontend", "mode http", f"{RULE} fragment-strip").errors == [text]


@pytest.mark.parametrize("list_", ["http-response", "http-after-response"])
def test_responses_have_no_target(list_: str) -> None:
    [found] = section("frontend", "mode http", f"{list_} normalize-uri fragment-strip", before=ALLOWED).errors
    assert "is not possible here" in found

"""Slots and cookies (manual 4.2, capture and declare capture; 4.4, capture). Lengths and orders as haproxy has them."""

import pytest
from rule_stand import error, exchange, run
from support.configs import good

from pointsman.config.load import load_text
from pointsman.config.setting import In
from pointsman.core.diagnostics import Diagnostics
from pointsman.rules.captures import captures_of, slots_of
from pointsman.rules.rule import Rule

BOTH = ("capture request header X-A len 4", "declare capture request len 3", "capture response header X-B len 3")


def test_fields_fill_their_slots() -> None:
    ctx = exchange("GET / HTTP/1.1", "X-A: first", "X-A: second", answer=("200 OK", "X-B: 1", "X-B: 2, 3"))
    run(ctx, *BOTH)
    assert ctx.request_captures == [b"seco", b""]
    assert ctx.response_captures == [b"2, "]


def test_slots_without_a_head() -> None:
    ctx = exchange(answer=())
    run(ctx, *BOTH)
    assert ctx.request_captures == [b"", b""]
    assert ctx.response_captures == [b""]


@pytest.mark.parametrize(
    "words, value",
    [
        ("capture path id 1", b"/pa"),
        ("capture path,length id 1", b"5"),
        ("capture always_true id 1", b"1"),
        ("capture src id 1", b"192"),
        ("capture req.hdr(none) id 1", b""),
    ],
)
def test_rules_fill_slots(words: str, value: bytes) -> None:
    ctx = exchange()
    run(ctx, *BOTH, f"http-request {words}")
    assert ctx.request_captures == [b"", value]


@pytest.mark.parametrize("rule_set", ["http-response", "http-after-response"])
def test_rules_fill_slots_of_responses(rule_set: str) -> None:
    ctx = exchange(answer=("404 Not Found",))
    run(ctx, *BOTH, f"{rule_set} capture status id 0")
    assert ctx.response_captures == [b"404"]


def test_len_makes_a_slot_behind_those_before() -> None:
    loaded = good("frontend", "mode http", *BOTH, "http-request capture path len 50")
    assert [(slot.header, slot.length) for slot in slots_of(loaded.proxy, False)] == [(b"x-a", 4), (b"", 3), (b"", 50)]


DEFAULTS = "defaults d\n mode http\n http-request capture req.hdr(a) len 40\n http-request capture req.hdr(b) len 2\n"


def test_slots_of_defaults_come_first() -> None:
    """Manual 4.4, capture; 4: rules of a named defaults section run before the proxy's own."""
    text = (
        DEFAULTS + "frontend f from d\n declare capture request len 16\n http-request capture req.hdr(c) id 2\n"
        "frontend g from d\n http-request capture req.hdr(c) len 3\n"
    )
    diagnostics = Diagnostics()
    f, g = load_text(text, diagnostics).proxies
    assert diagnostics.findings == []
    for proxy, kept in ((f, [b"1", b"23", b"4567"]), (g, [b"1", b"23", b"456"])):
        captures = captures_of(proxy, 63, diagnostics)
        assert captures is not None
        ctx = exchange("GET / HTTP/1.1", "a: 1", "b: 234", "c: 4567")
        captures.of_request(ctx)
        for rule in proxy.all(Rule):
            rule.action.check(proxy, diagnostics)
            rule.action.run(ctx)
        assert ctx.request_captures == kept
    assert diagnostics.findings == []


@pytest.mark.parametrize(("kind", "what"), [("backend", "captures"), ("listen", "TCP/HTTP rules")])
def test_who_has_no_slots_cannot_take_such_defaults(kind: str, what: str) -> None:
    diagnostics = Diagnostics()
    load_text(f"{DEFAULTS}{kind} b from d\n", diagnostics)
    assert [one.message for one in diagnostics.findings] == [
        f"a {kind} section cannot inherit from a defaults section defining {what} (defaults section at haproxy.cfg:1)."
    ]


def test_a_rule_of_a_backend_may_lack_its_slot() -> None:
    (rule,) = good("backend", "mode http", "http-request capture path id 7").proxy.all(Rule)
    ctx = exchange()
    run(ctx, *BOTH)
    assert rule.action.run(ctx) == 0
    assert ctx.request_captures == [b"", b""]


@pytest.mark.parametrize(
    "cookie, sent, kept",
    [
        ("SID len 10", "a=b; SIDx=1234567890; SID=2", b"SIDx=12345"),
        ("SID= len 10", "a=b; SIDx=1; SID=2", b"SID=2"),
        ("sid len 10", "SID=2", None),
        ("SID len 10", "SID", None),
        ("SID len 0", "SID=2", b""),
    ],
)
def test_cookies(cookie: str, sent: str, kept: bytes | None) -> None:
    ctx = exchange("GET / HTTP/1.1", f"Cookie: {sent}", answer=("200 OK", "Set-Cookie: SID=9; Path=/"))
    run(ctx, f"capture cookie {cookie}")
    assert ctx.record.request_cookie == kept


def test_cookies_of_responses() -> None:
    ctx = exchange(answer=("200 OK", "Set-Cookie: a=b; Path=/", "Set-Cookie: SID=9 x; Path=/", "Set-Cookie: SID=8"))
    run(ctx, "capture cookie SID len 63")
    assert ctx.record.response_cookie == b"SID=9 x"


def test_cookies_have_a_limit() -> None:
    loaded = good("frontend", "capture cookie SID len 64")
    diagnostics = Diagnostics()
    captures = captures_of(loaded.proxy, 63, diagnostics)
    assert [one.message for one in diagnostics.findings] == ["truncating capture length to 63 bytes for frontend 'x'."]
    assert captures is not None
    assert captures.cookie is not None
    assert captures.cookie.length == 63


def test_nothing_to_capture() -> None:
    assert captures_of(good("frontend", "mode http").proxy, 63, Diagnostics()) is None


def test_an_id_that_no_slot_has() -> None:
    loaded = good(
        "frontend",
        "mode http",
        "declare capture request len 3",
        "http-request capture path id 0",
        "http-request capture path id 1",
        "declare capture response len 9",
        "http-response capture status id 1",
    )
    for rule in loaded.proxy.all(Rule):
        rule.action.check(loaded.proxy, loaded.diagnostics)
    assert loaded.errors == [
        "unable to find capture id '1' referenced by http-request capture rule.",
        "unable to find capture id '1' referenced by http-response capture rule.",
    ]
    assert loaded.proxy.kind == In.FRONTEND


@pytest.mark.parametrize(
    "line, message, column",
    [
        ("capture request header", "'capture request header' expects <name>", 23),
        ("capture request header X", "'capture request header' expects 'len' <length>", 25),
        ("capture request header X len", "'capture request header' expects <length>", 29),
        ("capture request header X len x", "'capture request header': 'x' is not a number", 30),
        ("capture response header X foo 1", "'capture response header' expects 'len' <length>", 27),
        ("capture response header X len 1 y", "'capture response header' cannot handle unexpected argument 'y'", 33),
        ("capture cookie", "'capture cookie' expects <name>", 15),
        ("capture cookie", "'capture cookie' expects <name>", 15),
        ("capture cookie X", "'capture cookie' expects 'len' <length>", 17),
        ("declare capture", "'declare capture' expects <direction>", 16),
        ("declare capture both len 1", "'declare capture': unknown direction 'both'", 17),
        ("declare capture request 10", "'declare capture' expects 'len' <length>", 25),
        ("declare capture request len 0", "'declare capture': '0' is not a number", 29),
        ("http-request capture", "'http-request capture' expects <sample>", 21),
        ("http-request capture path", "'http-request capture' expects 'len' or 'id'", 26),
        ("http-request capture path foo 1", "'http-request capture': expects len or id, found 'foo'", 27),
        ("http-request capture path len 0", "'http-request capture': '0' is not a number", 31),
        ("http-request capture path id x", "'http-request capture': 'x' is not a number", 30),
        ("http-request capture nope len 1", "unknown fetch method 'nope'", 22),
        ("http-response capture status len 1", "'http-response capture': expects id, found 'len'", 30),
    ],
)
def test_errors(line: str, message: str, column: int) -> None:
    assert error(line) == (message, column)


def test_len_needs_a_frontend() -> None:
    assert error("http-request capture path len 10", kind="backend") == (
        "'http-request capture': proxy 'x' has no frontend capability",
        27,
    )

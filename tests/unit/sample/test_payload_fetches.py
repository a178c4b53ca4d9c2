"""What is in the bytes (manual 7.3.5): values, and whether more bytes may change them. Verdicts are HAProxy's, 2.6 and
3.2 asked live; tests/peer/test_peer_first_bytes.py asks again."""

from __future__ import annotations

import pytest
from exchanges import exchange, word, words
from hypothesis import given
from hypothesis import strategies as st
from support.hello import HOST, RDP, WHOLE, client_hello

from pointsman.core.diagnostics import ConfigError
from pointsman.proto.weight import Buffer
from pointsman.sample.acl import AclTable
from pointsman.sample.condition import FALSE, TRUE, UNKNOWN, parse_condition
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Value, Where

DATA = b"\0\1\2\3abcdef"
WAITS = "more bytes may change it"


def connection(data: bytes = b"", more: bool = True, answer: bytes = b"") -> Context:
    """Of TCP mode, in the midst of its content rules."""
    ctx = Context(ProxyFacts("front", 2, False), Session(ListenerFacts("", 1)))
    ctx.request_bytes, ctx.response_bytes, ctx.more = data, answer, more
    ctx.buffer = Buffer(16_384, 1024)
    return ctx


def asked(text: str, data: bytes, more: bool = True) -> tuple[Value | None, str]:
    ctx = connection(data, more)
    value = parse_expression(word(text), Where.TCP_REQ_CNT).get(ctx)
    return value, WAITS if ctx.incomplete else ""


@pytest.mark.parametrize(
    ("text", "data", "value", "waits"),
    [
        ("req.len", b"", 0, WAITS),
        ("req_len", DATA, 10, WAITS),
        ("req.payload(0,0)", b"", b"", WAITS),
        ("req.payload(0,0)", DATA, DATA, WAITS),
        ("req.payload(3,0)", b"abc", b"", WAITS),
        ("req.payload(3,0)", b"ab", None, WAITS),
        ("req.payload(0,1)", b"", None, WAITS),
        ("req.payload(3,2)", DATA[:4], None, WAITS),
        ("req.payload(3,2)", DATA, b"\3a", ""),
        ("payload(0,2)", DATA, b"\0\1", ""),
        ("req.payload(0,16384)", DATA, None, WAITS),
        ("req.payload(0,16385)", DATA, None, ""),
        ("req.payload(16384,0)", DATA, None, WAITS),
        ("req.payload(16385,0)", DATA, None, ""),
        ("req.payload_lv(0,1)", b"", None, WAITS),
        ("req.payload_lv(0,1)", DATA, None, ""),
        ("req.payload_lv(2,1)", DATA, b"\3a", ""),
        ("req.payload_lv(2,1)", DATA[:4], None, WAITS),
        ("req.payload_lv(2,1,0)", DATA, b"\0\1", ""),
        ("req.payload_lv(2,1,5)", DATA, b"bc", ""),
        ("req.payload_lv(2,1,+1)", DATA, b"ab", ""),
        ("req.payload_lv(2,1,-1)", DATA, b"\2\3", ""),
        ("req.payload_lv(2,1,-3)", DATA, b"\0\1", ""),
        ("req.payload_lv(2,1,+)", DATA, b"\3a", ""),
        ("payload_lv(0,4)", b"\0\0\0\3abcd", b"abc", ""),
        ("req.payload_lv(0,8)", b"\0\0\0\0\0\0\0\3abc", b"abc", ""),
        ("req.payload_lv(0,2)", b"\x3f\xfeab", None, WAITS),
        ("req.payload_lv(0,2)", b"\x3f\xffab", None, ""),
        ("req.payload_lv(16383,1)", DATA, None, WAITS),
        ("req.proto_http", b"", None, WAITS),
        ("req.proto_http", b"GET / HT", None, WAITS),
        ("req.proto_http", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", True, ""),
        ("req_proto_http", b"GET / HTTP/1.1\r\nbad name: a\r\n\r\n", None, ""),
        ("req.proto_http", b"\x16\3\1", None, ""),
        ("req.rdp_cookie", RDP, b"User1", ""),
        ("rdp_cookie(mstshash)", RDP, b"User1", ""),
        ("req.rdp_cookie(MSTShash)", RDP, b"User1", ""),
        ("req.rdp_cookie(msts)", RDP, None, ""),
        ("req.rdp_cookie", RDP[:20], None, WAITS),
        ("req.rdp_cookie_cnt", RDP, 1, ""),
        ("rdp_cookie_cnt(msts)", RDP, 0, ""),
        ("req.rdp_cookie_cnt", RDP[:20], None, WAITS),
        ("req.ssl_hello_type", b"\x16", None, WAITS),
        ("req_ssl_hello_type", client_hello(), 1, ""),
        ("req.ssl_hello_type", b"GET", None, ""),
        ("req.ssl_ver", client_hello(), 0x30003, ""),
        ("req_ssl_ver", b"\x16\3", None, WAITS),
        ("req.ssl_sni", client_hello(), HOST, ""),
        ("req_ssl_sni", client_hello()[:-1], None, WAITS),
        ("req.ssl_sni,lower", client_hello(), HOST, ""),
        ("req.ssl_alpn", client_hello(extensions=WHOLE), b"h2", ""),
        ("req.ssl_alpn", client_hello(), None, ""),
        ("req.ssl_ec_ext", client_hello(), True, ""),
        ("req.ssl_ec_ext", client_hello(extensions=()), False, ""),
        ("req.ssl_ec_ext", client_hello(extensions=None), None, ""),
        ("req.ssl_st_ext", client_hello(extensions=WHOLE), 2, ""),
        ("req.ssl_st_ext", client_hello(), 0, ""),
        ("req.ssl_cipherlist,be2hex(:,2),lower", client_hello((0x1301, 0x009F)), b"1301:009f", ""),
        ("req.ssl_sigalgs,be2hex(:,2)", client_hello(), b"3A3A:0403:0804:0401", ""),
        ("req.ssl_supported_groups,be2hex(:,2)", client_hello(), b"2A2A:11EC:001D:0017:6399", ""),
        ("req.ssl_keyshare_groups,be2hex(:,2)", client_hello(extensions=WHOLE), b"2A2A:001D", ""),
    ],
)
def test_values(text: str, data: bytes, value: Value | None, waits: str) -> None:
    assert asked(text, data) == (value, waits)
    assert asked(text, data, more=False) == (value, "")  # at the end nothing is waited for


def test_a_response_has_its_own_bytes() -> None:
    ctx = connection(b"request", answer=b"\x16\3\3\0\4\2\0\0\0")
    found = {
        text: parse_expression(word(text), Where.TCP_RES_CNT).get(ctx)
        for text in ("res.len", "res.payload(0,2)", "res.payload_lv(4,1)", "res.ssl_hello_type", "rep_ssl_hello_type")
    }
    assert list(found.values()) == [9, b"\x16\3", b"\2\0\0\0", 2, 2]
    assert parse_expression(word("payload(0,2)"), Where.TCP_RES_CNT).get(ctx) == b"re"
    ctx.responding = True
    assert parse_expression(word("payload(0,2)"), Where.TCP_RES_CNT).get(ctx) == b"\x16\3"
    assert parse_expression(word("payload_lv(4,1)"), Where.TCP_RES_CNT).get(ctx) == b"\2\0\0\0"


def test_http_has_messages_and_no_bytes() -> None:
    """Lengths are those of a message (HAProxy 2.6 and 3.2 say 41 of these); all else has no sample."""
    ctx = exchange("GET /abc HTTP/1.1", "host: x")
    found = {
        text: parse_expression(word(text), Where.HTTP_REQ).get(ctx)
        for text in (
            *("req.len", "req.proto_http", "req.payload(0,0)", "payload(0,0)", "req.payload(0,4)", "req.ssl_sni"),
            *("req.ssl_hello_type", "req.rdp_cookie", "req.payload_lv(0,1)"),
        )
    }
    assert list(found.values()) == [41, True, *[None] * 7]
    assert parse_expression(word("res.len"), Where.HTTP_RES).get(ctx) == 0


@pytest.mark.parametrize(
    ("text", "data", "verdict"),
    [
        ("REQ_CONTENT", b"", UNKNOWN),
        ("REQ_CONTENT", b"x", TRUE),
        ("!REQ_CONTENT", b"", UNKNOWN),
        ("{ req.len 0 }", b"", TRUE),
        ("{ req.len gt 3 }", b"abc", UNKNOWN),
        ("HTTP", b"GET", UNKNOWN),
        ("!HTTP", b"\0", TRUE),
        ("RDP_COOKIE", RDP[:30], UNKNOWN),
        ("RDP_COOKIE", RDP, TRUE),
        ("RDP_COOKIE", b"x" * 30, FALSE),
        ("{ req.ssl_hello_type 1 }", client_hello()[:90], UNKNOWN),
        ("{ req_ssl_hello_type 1 }", client_hello(), TRUE),
        ("{ req_ssl_hello_type 1 }", b"GET / HTTP/1.1", FALSE),
        ("{ req_ssl_sni -i WWW.example.test }", client_hello(), TRUE),
        ("{ req.ssl_sni -m end .example.test }", client_hello(), TRUE),
        ("{ req.ssl_ver 3.3 }", client_hello(), TRUE),
        ("{ req_ssl_ver 3.1:3.2 }", client_hello(), FALSE),
        ("{ req.ssl_ver gt 3 }", client_hello(), TRUE),
        ("{ req.payload(0,3) -m bin 474554 }", b"GET", TRUE),
        ("{ payload(0,3) 474554 }", b"GET", TRUE),
        ("{ payload_lv(0,1) 4745 }", b"\2GET", TRUE),
        ("{ req_rdp_cookie(mstshash) User1 }", RDP, TRUE),
        ("{ req_rdp_cookie_cnt 1 }", RDP, TRUE),
        ("{ req.payload(0,3) -m bin 474554 }", b"GE", UNKNOWN),
        ("{ req.payload(0,3) -m bin 474554 }", b"PUT", FALSE),
        ("{ req.payload(0,0) -m sub needle }", b"hay", UNKNOWN),
    ],
)
def test_conditions_of_content_rules(text: str, data: bytes, verdict: int) -> None:
    made = parse_condition(words(text), AclTable(), Where.TCP_REQ_CNT)
    assert made.judge(connection(data)) == verdict
    assert made.findings == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("req.payload(1)", "expected type 'integer' at position 2, but got nothing"),
        ("req.payload(a,2)", "failed to parse 'a' as type 'integer' at position 1"),
        ("req.payload(-1,2)", "payload offset must be positive"),
        ("res.payload(1,-2)", "payload length must be positive"),
        ("req.payload_lv(-1,2)", "payload offset1 must be positive"),
        ("req.payload_lv(1,0)", "payload length must be > 0"),
        ("req.payload_lv(1,2,x)", "payload offset2 is not a number"),
        ("req.payload_lv(1,2,3x)", "payload offset2 is not a number"),
        ("req.payload_lv(1,2,-4)", "payload offset2 too negative"),
        ("distcc_body(ARGV)", "'distcc_body' is not built yet (manual 7.3.5)"),
        ("distcc_param(DOTI)", "'distcc_param' is not built yet (manual 7.3.5)"),
        ("req.ssl_sn", "unknown fetch method 'req.ssl_sn'"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_expression(word(text), Where.EVERYWHERE)
    assert message in caught.value.finding.message


@given(st.binary(max_size=40), st.integers(0, 40), st.integers(0, 8), st.integers(1, 3), st.integers(0, 20))
def test_what_is_not_waited_for_stays(data: bytes, offset: int, length: int, width: int, size: int) -> None:
    """With more bytes, a sample that was final is the same."""
    for text in (
        f"req.payload({offset},{length})",
        f"req.payload_lv({offset},{width})",
        f"req.payload_lv(0,{width},9)",
    ):
        value, waits = asked(text, data[:size])
        if not waits:
            assert asked(text, data) == (value, "")

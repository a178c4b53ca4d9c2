"""Fetches against what the program yields for the same requests, or worked out from the manual."""

import os
import re
import time

import pytest
from exchanges import exchange, many, sample, shown

import pointsman.keywords  # noqa: F401
from pointsman.core.address import UNIX_ADDRESS, net_address
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.context import Names, ProcessFacts
from pointsman.sample.fetch.constant import make_uuid
from pointsman.sample.fetch.headers import variable_integer
from pointsman.sample.fetch.lane import THIS_LANE
from pointsman.sample.users import userlist

LIST = exchange(
    "GET http://h.com:81/a/b;jsid=9?x=1&y=2;z=3&X=5&e=&q HTTP/1.1",
    """
host: H.com:81
x: a, B ,c
X: "q,r", d,,
n: 12abc
n: -5, 7
e:
ip: 1.2.3.4:80, [::1]:99, ::2, 5.6.7.8
cookie: a=1; b="x y"; a=2; c; d=; =e
cookie: a=3, f=4
xf: zz
""",
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("req.hdr(x)", b""),
        ("req.hdr(x,1)", b"a"),
        ("req.hdr(x,2)", b"B"),
        ("req.hdr(x,3)", b"c"),
        ("req.hdr(x,4)", b'"q,r"'),
        ("req.hdr(x,-3)", b"d"),
        ("req.hdr(x,-4)", b'"q,r"'),
        ("req.hdr(x,0)", b""),
        ("req.hdr(x,9)", None),
        ("req.fhdr(x)", b'"q,r", d,,'),
        ("req.fhdr(x,1)", b"a, B ,c"),
        ("req.fhdr(x,-2)", b"a, B ,c"),
        ("req.hdr()", b"zz"),
        ("req.hdr(,1)", b"H.com:81"),
        ("req.hdr(,2)", b"a"),
        ("req.hdr(none)", None),
        ("req.hdr_cnt(x)", b"7"),
        ("req.hdr_cnt", b"20"),
        ("req.fhdr_cnt(x)", b"2"),
        ("req.fhdr_cnt", b"10"),
        ("req.hdr_cnt(e)", b"1"),
        ("req.hdr_cnt(zz)", b"0"),
        ("req.hdr_val(n)", b"7"),
        ("req.hdr_val(n,1)", b"12"),
        ("req.hdr_val(n,2)", b"-5"),
        ("req.hdr_val(e)", b"0"),
        ("req.hdr_val(zz)", None),
        ("req.hdr(e)", b""),
        ("req.hdr_ip(ip)", b"5.6.7.8"),
        ("req.hdr_ip(ip,1)", b"1.2.3.4"),
        ("req.hdr_ip(ip,2)", None),
        ("req.hdr_ip(ip,3)", b"::2"),
        ("req.hdr_names", b"host,x,x,n,n,e,ip,cookie,cookie,xf"),
        ("req.hdr_names(;x)", b"host;x;x;n;n;e;ip;cookie;cookie;xf"),
        ("hdr(xf)", b"zz"),
        ("req.cook(a)", b"3"),
        ("req.cook(b)", b'"x y"'),
        ("req.cook(c)", None),
        ("req.cook(d)", b""),
        ("req.cook", b"1"),
        ("req.cook(A)", None),
        ("req.cook(f)", b"4"),
        ("req.cook_cnt(a)", b"3"),
        ("req.cook_cnt", b"7"),
        ("req.cook_val(a)", b"3"),
        ("req.cook_names", b"a,b,a,d,,a,f"),
        ("cookie(f)", b"4"),
        ("url", b"http://h.com:81/a/b;jsid=9?x=1&y=2;z=3&X=5&e=&q"),
        ("path", b"/a/b;jsid=9"),
        ("pathq", b"/a/b;jsid=9?x=1&y=2;z=3&X=5&e=&q"),
        ("query", b"x=1&y=2;z=3&X=5&e=&q"),
        ("query(with_qm)", b"?x=1&y=2;z=3&X=5&e=&q"),
        ("base", b"H.com:81/a/b;jsid=9"),
        ("baseq", b"H.com:81/a/b;jsid=9?x=1&y=2;z=3&X=5&e=&q"),
        ("base32", b"2350757645"),
        ("url32", b"2083421932"),
        ("base32+src,hex", b"8C1DB70D7F000001"),
        ("url_ip", None),
        ("url_port", b"81"),
        ("urlp(x)", b"1"),
        ("urlp(z)", b"3"),
        ("urlp(X)", b"5"),
        ("urlp(X,;)", b"5"),
        ("urlp(X,,i)", b"1"),
        ("urlp", b"1"),
        ("urlp(e)", b""),
        ("urlp(q)", None),
        ("urlp(jsid,;)", b"9?x=1"),
        ("urlp_val(x)", b"1"),
        ("urlp_val(e)", b"0"),
        ("method", b"GET"),
        ("req.ver", b"1.1"),
        ("capture.req.method", b"GET"),
        ("capture.req.ver", b"HTTP/1.1"),
        ("capture.req.uri", b"/a/b;jsid=9?x=1&y=2;z=3&X=5&e=&q"),
        ("http_first_req", b"1"),
        ("req.proto_http", b"1"),
    ],
)
def test_requests(text: str, value: bytes | None) -> None:
    assert shown(text, LIST) == value


def test_acls_see_all_values() -> None:
    assert many("req.hdr(x)", LIST) == [b"a", b"B", b"c", b'"q,r"', b"d", b"", b""]
    assert many("req.hdr(x,2)", LIST) == [b"B"]
    assert many("req.hdr_val(n)", LIST) == [12, -5, 7]
    assert many("req.hdr_ip(ip)", LIST) == [bytes([1, 2, 3, 4]), bytes(15) + b"\x02", bytes([5, 6, 7, 8])]
    assert many("req.cook(a)", LIST) == [b"1", b"2", b"3"]
    assert many("urlp", LIST) == [b"1", b"2", b"3", b"5", b""]
    assert many("req.hdr(x),upper", LIST)[:2] == [b"A", b"B"]
    assert many("path", exchange("OPTIONS * HTTP/1.1")) == []


@pytest.mark.parametrize(
    ("line", "fields", "text", "value"),
    [
        ("GET http://10.1.2.3:81/a HTTP/1.1", "host: x", "url_ip", b"10.1.2.3"),
        ("GET http://10.1.2.3/a HTTP/1.1", "host: x", "url_port", b"80"),
        ("GET http://[::1]/a HTTP/1.1", "host: x", "url_port", b"80"),
        ("GET /a HTTP/1.1", "host: x", "url_port", None),
        ("OPTIONS * HTTP/1.1", "host: a", "path", None),
        ("OPTIONS * HTTP/1.1", "host: a", "url", b"*"),
        ("OPTIONS * HTTP/1.1", "host: a", "base", b"a"),
        ("OPTIONS * HTTP/1.1", "host: a", "capture.req.uri", None),
        ("GET /?? HTTP/1.0", "", "query", b"?"),
        ("GET /?? HTTP/1.0", "", "base", b"/"),
        ("GET /?? HTTP/1.0", "", "req.ver", b"1.0"),
        ("GET /?? HTTP/1.0", "", "base32", b"2118074832"),
        ("GET /?? HTTP/1.0", "", "url32", b"498953469"),
        ("GET /a? HTTP/1.1", "host: x", "query", b""),
        ("GET /a? HTTP/1.1", "host: x", "query(with_qm)", b""),
        ("GET /a HTTP/1.1", "host: x", "query", None),
        ("GET /a HTTP/1.1", "host: x", "req.cook", None),
        ("GET /a HTTP/1.1", "host: x", "req.cook_cnt", b"0"),
        ("GET /a HTTP/1.1", "host: x", "req.hdr_ip(host)", None),
        ("GET /p?a;b=2&a=1&&=4&x;y=3 HTTP/1.1", "", "urlp(a)", b"1"),
        ("GET /p?a;b=2&a=1 HTTP/1.1", "", "urlp", b"2"),
        ("GET /p:k=1:a=3&b=4?b=5 HTTP/1.1", "", "urlp(k,:)", b"1"),
        ("GET /p:k=1:a=3&b=4?b=5 HTTP/1.1", "", "urlp(k)", None),
        ("GET /p:k=1:a=3&b=4?b=5 HTTP/1.1", "", "urlp(b,:)", b"4?b=5"),
        ("GET / HTTP/1.1", 'cookie: a="1;2"; b=x,y; c = 5 ;a', "req.cook(a)", b'"1;2"'),
        ("GET / HTTP/1.1", 'cookie: a="1;2"; b=x,y; c = 5 ;a', "req.cook(b)", b"x"),
        ("GET / HTTP/1.1", 'cookie: a="1;2"; b=x,y; c = 5 ;a', "req.cook(c)", b"5"),
        ("GET / HTTP/1.1", 'cookie: a="1;2"; b=x,y; c = 5 ;a', "req.cook_cnt", b"3"),
        ("GET / HTTP/1.1", "ip: 1.2.3.4:, 1.2.3.4:99999", "req.hdr_ip(ip,1)", None),
        ("GET / HTTP/1.1", "ip: 1.2.3.4:, 1.2.3.4:99999", "req.hdr_ip(ip,2)", None),
        ("GET / HTTP/1.1", "host: a\nb: c", "req.hdrs", b"host: a\r\nb: c\r\n\r\n"),
        ("GET / HTTP/1.1", "host: a\nb: c", "req.hdrs_bin,hex", b"04686F7374016101620163" + b"0000"),
        ("GET / HTTP/1.1", "authorization: Basic Zm9vOmJhcjpiYXo=", "http_auth_user", b"foo"),
        ("GET / HTTP/1.1", "authorization: Basic Zm9vOmJhcjpiYXo=", "http_auth_pass", b"bar:baz"),
        ("GET / HTTP/1.1", "authorization: basic Zm9vOmJhcjpiYXo=", "http_auth_type", b"Basic"),
        ("GET / HTTP/1.1", "authorization: bearer abc.def", "http_auth_type", b"Bearer"),
        ("GET / HTTP/1.1", "authorization: bearer abc.def", "http_auth_bearer", b"abc.def"),
        ("GET / HTTP/1.1", "x: Bearer abc", "http_auth_bearer(X)", b"abc"),
        ("GET / HTTP/1.1", "authorization: Basic !!", "http_auth_user", None),
        ("GET / HTTP/1.1", "host: a", "http_auth_user", None),
    ],
)
def test_other_requests(line: str, fields: str, text: str, value: bytes | None) -> None:
    assert shown(text, exchange(line, fields)) == value


RESPONSE = exchange(
    "GET /path HTTP/1.1",
    "host: a\nx: req",
    answer="HTTP/1.0 302 Found",
    answer_fields="""
x: 1, 2
set-cookie: s=abc; Path=/; Expires=Wed, 21 Oct 2026 07:28:00 GMT
set-cookie: t=5
""",
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("status", b"302"),
        ("res.ver", b"1.0"),
        ("resp_ver", b"1.0"),
        ("res.hdr(x)", b"2"),
        ("shdr(x,1)", b"1"),
        ("hdr(x)", b"2"),
        ("res.fhdr(x)", b"1, 2"),
        ("res.hdr_cnt(x)", b"2"),
        ("res.fhdr_cnt", b"3"),
        ("res.hdr_val(x)", b"2"),
        ("res.hdr_ip(x)", None),
        ("res.hdr_names", b"x,set-cookie,set-cookie"),
        ("res.cook(s)", b"abc"),
        ("scook(t)", b"5"),
        ("res.cook_cnt", b"2"),
        ("res.cook_val(t)", b"5"),
        ("res.cook_names", b"s,t"),
        ("cookie(s)", b"abc"),
        ("res.cook", b"abc"),
        ("be_name", b"back"),
        ("be_id", b"3"),
        ("srv_name", b"s1"),
        ("srv_id", b"1"),
        ("bc_src", b"127.0.0.1"),
        ("bc_src_port", b"50000"),
        ("bc_dst", b"10.0.0.9"),
        ("bc_dst_port", b"80"),
        ("capture.res.ver", b"HTTP/1.0"),
        ("bc_http_major", b"1"),
        ("txn.status", None),
        ("txn.sess_term_state", b"--"),
        ("txn.redispatched", b"0"),
    ],
)
def test_responses(text: str, value: bytes | None) -> None:
    assert shown(text, RESPONSE) == value


def test_without_a_response_there_is_no_sample() -> None:
    for text in (
        "status",
        "res.ver",
        "res.hdr(x)",
        "res.hdr_cnt(x)",
        "res.cook(a)",
        "res.cook_cnt",
        "be_name",
        "srv_id",
        "bc_src",
        "bc_dst_port",
        "res.hdrs",
        "res.hdr_names",
    ):
        assert sample(text) is None, text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("so_id", 1),
        ("so_name", None),
        ("fe_name", b"front"),
        ("fe_id", 2),
        ("src_port", 40000),
        ("dst_port", 8080),
        ("src_is_local", True),
        ("dst_is_local", True),
        ("fc_src", bytes([127, 0, 0, 1])),
        ("fc_dst_port", 8080),
        ("nbproc", 1),
        ("proc", 1),
        ("always_true", True),
        ("always_false", False),
        ("wait_end", True),
        ("fc_http_major", 1),
        ("ssl_fc", False),
        ("ssl_fc_has_sni", False),
        ("ssl_fc_is_resumed", False),
        ("ssl_fc_sni", None),
        ("ssl_c_used", None),
        ("ssl_fc_protocol", None),
        ("ssl_c_s_dn(CN)", None),
        ("ssl_fc_has_crt", None),
        ("ssl_f_version", None),
        ("ssl_bc", False),
        ("unique-id", None),
        ("capture.req.hdr(0)", None),
        ("bool(false)", False),
        ("bin(41ff)", b"A\xff"),
        ("meth(PUT)", b"PUT"),
        ("ipv4(1.2.3.4)", bytes([1, 2, 3, 4])),
        ("ipv6(::1)", bytes(15) + b"\x01"),
        ("env(NO_SUCH_VARIABLE)", None),
        ("int(-5)", -5),
        ("txn.conn_retries", 0),
        ("http_auth_group(nobody)", None),
        ("http_auth(nobody)", None),
    ],
)
def test_the_connection_and_constants(text: str, value: object) -> None:
    assert sample(text) == value


def test_addresses_of_a_connection() -> None:
    ctx = exchange(source="2001:db8::1")
    assert shown("src", ctx) == b"2001:db8::1"
    assert sample("src_is_local", ctx) is False
    ctx.source = net_address("192.0.2.7", 5)  # as a PROXY header said
    assert (shown("src", ctx), shown("fc_src", ctx)) == (b"192.0.2.7", b"2001:db8::1")
    ctx.source = ctx.destination = UNIX_ADDRESS
    for text in ("src", "src_port", "dst", "dst_port", "src_is_local"):
        assert sample(text, ctx) is None, text


def test_wrong_constants_are_refused() -> None:
    for text in (
        "bool(yes)",
        "bool(2)",
        "bin(4)",
        "bin(zz)",
        "bin(41 42)",
        "query(x)",
        "urlp(a,b,c)",
        "uuid(5)",
        "rand(0)",
        "date(0,h)",
        "capture.req.hdr(-1)",
    ):
        with pytest.raises(Exception, match="invalid args"):
            sample(text)


def test_random_numbers_and_identifiers() -> None:
    assert {sample("rand(3)") for _ in range(200)} == {0, 1, 2}
    first, second = sample("uuid"), sample("uuid(7)")
    assert isinstance(first, bytes)
    assert isinstance(second, bytes)
    assert (len(first), first[14:15], second[14:15]) == (36, b"4", b"7")
    # RFC 9562, appendices A.3 and A.6: time 0x017F22E279B0.
    noise = bytes.fromhex("017f22e279b0ccc318c4dc0c0c07398f")
    assert make_uuid(7, noise, 0x017F22E279B0) == b"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    assert make_uuid(4, bytes.fromhex("919108f752d133205bacf847db4148a8"), 0) == b"919108f7-52d1-4320-9bac-f847db4148a8"


def test_dates_and_timers() -> None:
    ctx = exchange()
    record = ctx.record
    record.accepted, record.handshake, record.begun, record.head = 1000, 1002, 1010, 1015
    record.queued, record.connected, record.answered, record.ended = 1020, 1021, 1031, 1061
    record.accept_date = 1700000000123
    expected = {
        "accept_date": 1700000000,
        "accept_date(ms)": 1700000000123,
        "accept_date(us)": 1700000000123000,
        "request_date(ms)": 1700000000133,
        "fc.timer.handshake": 2,
        "fc.timer.total": 61,
        "req.timer.idle": 8,
        "req.timer.hdr": 5,
        "req.timer.tq": 15,
        "req.timer.queue": 5,
        "bc.timer.connect": 1,
        "res.timer.hdr": 10,
        "res.timer.data": 30,
        "txn.timer.total": 51,
        "txn.timer.user": 53,
    }
    assert {text: sample(text, ctx) for text in expected} == expected
    record.ended = record.answered = -1
    ctx.now = 1100
    assert (sample("res.timer.hdr", ctx), sample("fc.timer.total", ctx)) == (-1, 100)


def test_captures() -> None:
    ctx = exchange()
    ctx.request_captures = [b"", b"agent"]
    assert (
        sample("capture.req.hdr(0)", ctx),
        sample("capture.req.hdr(1)", ctx),
        sample("capture.req.hdr(2)", ctx),
    ) == (None, b"agent", None)


def test_users_and_groups() -> None:
    users = userlist("staff")
    users.declare(b"foo", b"bar:baz", False, frozenset({b"admin", b"ops"}))
    ctx = exchange("GET / HTTP/1.1", "authorization: Basic Zm9vOmJhcjpiYXo=")
    assert sample("http_auth(staff)", ctx) is True
    assert sample("http_auth_group(staff)", ctx) == b"foo"
    assert many("http_auth_group(staff)", ctx) == [b"admin", b"ops"]
    assert sample("http_auth(staff)", exchange("GET / HTTP/1.1", "authorization: Basic Zm9vOng=")) is False
    assert not users.check(b"nobody", b"x", ctx)
    users.declare(b"locked", None, False, frozenset())
    assert not users.check(b"locked", b"", ctx)


def test_integers_of_spoe() -> None:
    assert variable_integer(0) == b"\x00"
    assert variable_integer(239) == b"\xef"
    assert variable_integer(240) == b"\xf0\x00"
    assert variable_integer(2287) == b"\xff\x7f"
    assert variable_integer(2288) == b"\xf0\x80\x00"


@pytest.mark.parametrize(
    ("fault", "text", "value"),
    [
        (0, "fc_err", b"0"),
        (0, "fc_err_str", b"Success"),
        (0, "fc_err_name", b""),
        (34, "fc_err", b"34"),
        (34, "fc_err_str", b"SSL handshake failure"),
        (34, "fc_err_name", b"SSL_HANDSHAKE"),
    ],
)
def test_why_the_clients_connection_has_failed(fault: int, text: str, value: bytes) -> None:
    ctx = exchange()
    ctx.session.fault = fault
    assert shown(text, ctx) == value


@pytest.mark.parametrize(
    ("fault", "connected", "text", "value"),
    [
        (0, -1, "bc_err", None),
        (0, -1, "bc_err_str", None),
        (0, -1, "bc_err_name", None),
        (0, 5, "bc_err", b"0"),
        (0, 5, "bc_err_str", b"Success"),
        (0, 5, "bc_err_name", b""),
        (46, -1, "bc_err", b"46"),
        (46, -1, "bc_err_str", b"ECONNREFUSED returned by OS"),
        (46, -1, "bc_err_name", b"EREFUSED"),
        (47, 5, "bc_err", b"47"),
    ],
)
def test_why_the_servers_connection_has_failed(fault: int, connected: int, text: str, value: bytes | None) -> None:
    ctx = exchange(answer="HTTP/1.1 200 OK")
    ctx.server_fault = fault
    ctx.record.connected = connected
    assert shown(text, ctx) == value


RECEIVED = [
    (0x02, b"a.example"),
    (0x05, b"id-1"),
    (0xE0, b"one"),
    (0x20, b"\1\0\0\0\0" + b"\x21\0\x07TLSv1.3" + b"\x22\0\x02cn"),
    (0xE0, b"two"),
    (0x02, b"b.example"),
    (0x22, b"outer"),
    (0x03, b"\1\2\3\4"),
    (0x01, b""),
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("fc_pp_authority", b"a.example"),
        ("fc_pp_unique_id", b"id-1"),
        ("fc_pp_tlv(0xe0)", b"one"),
        ("fc_pp_tlv(224)", b"one"),
        ("fc_pp_tlv(AUTHORITY)", b"a.example"),
        ("fc_pp_tlv(ssl_version)", b"TLSv1.3"),
        ("fc_pp_tlv(SSL_CN)", b"outer"),
        ("fc_pp_tlv(CRC32C)", b"\1\2\3\4"),
        ("fc_pp_tlv(CRC32)", b"\1\2\3\4"),
        ("fc_pp_tlv(ALPN)", b""),
        ("fc_pp_tlv(SSL_CIPHER)", None),
        ("fc_pp_tlv(0xE1)", None),
    ],
)
def test_what_a_proxy_header_has_told(text: str, value: bytes | None) -> None:
    ctx = exchange()
    assert shown(text, ctx) is None
    ctx.session.tlvs = RECEIVED
    assert shown(text, ctx) == value


def test_an_acl_sees_all_of_a_type() -> None:
    ctx = exchange()
    ctx.session.tlvs = RECEIVED
    assert many("fc_pp_tlv(0xe0)", ctx) == [b"one", b"two"]
    assert many("fc_pp_tlv(SSL_CN)", ctx) == [b"outer", b"cn"]
    assert many("fc_pp_tlv(9)", ctx) == []


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("256", "invalid args in fetch method 'fc_pp_tlv' : invalid TLV ID '256'"),
        ("-1", "invalid args in fetch method 'fc_pp_tlv' : invalid TLV ID '-1'"),
        ("0x1ff", "invalid args in fetch method 'fc_pp_tlv' : invalid TLV ID '0x1ff'"),
        ("autority", "invalid args in fetch method 'fc_pp_tlv' : 'autority' is no TLV ID; did you mean 'AUTHORITY'?"),
        ("", "invalid args in fetch method 'fc_pp_tlv' : '' is no TLV ID"),
    ],
)
def test_types_of_tlvs_that_there_are_not(argument: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sample(f"fc_pp_tlv({argument})")
    assert caught.value.finding.message == message


def test_all_variables() -> None:
    """Forms and orders are the manual's (7.3.2, dump_all_vars)."""
    ctx = exchange()
    for text in (
        r"""str('John "Doe" \\x'),set-var(txn.name)""",
        "bin(48656c6c6f),set-var(txn.data)",
        "int(42),set-var(txn.count)",
        "bool(true),set-var(txn.active)",
        "ipv4(192.168.1.1),set-var(sess.client)",
        "ipv6(2001:db8::1),set-var(sess.other)",
        "meth(GET),set-var(req.method)",
        "bin(0d0a0800),bytes(0),set-var(txn.data2)",
        "str(gone),set-var(txn.gone),unset-var(txn.gone)",
    ):
        sample(text, ctx)
    ctx.variables[b"txn.odd"] = b"\r\n\b\0\t"
    in_session = b"sess.client=192.168.1.1, sess.other=2001:db8::1"
    name = rb'txn.name="John \"Doe\" \\\\x"'
    in_exchange = (
        name + b', txn.data=x48656c6c6f, txn.count=42, txn.active=true, txn.data2=x0d0a0800, txn.odd="\\r\\n\\b\\0\t"'
    )
    assert sample("dump_all_vars", ctx) == in_session + b", " + in_exchange + b', req.method="GET"'
    assert sample("dump_all_vars(txn)", ctx) == in_exchange
    assert sample("dump_all_vars(txn,data,'; ')", ctx) == b"txn.data=x48656c6c6f; txn.data2=x0d0a0800"
    assert sample("dump_all_vars(,c)", ctx) == b"sess.client=192.168.1.1, txn.count=42"
    assert sample("dump_all_vars(res)", ctx) == b""
    ctx.responding = True  # variables of the request are gone
    assert b"req." not in (sample("dump_all_vars", ctx) or b"")  # type: ignore[operator]
    ctx.variables[b"txn.long"] = b"x" * 17000
    assert sample("dump_all_vars(txn)", ctx) is None
    assert sample("dump_all_vars(sess)", ctx) == in_session


def test_all_variables_of_no_scope() -> None:
    with pytest.raises(ConfigError, match="did you mean 'sess'"):
        sample("dump_all_vars(ses)")


def test_life_of_the_process() -> None:
    """Whole seconds since the start, and whether it stops (manual 7.3.2); worked out by hand."""
    ctx = exchange()
    assert sample("uptime", ctx) is None
    names = ctx.frontend.names = Names()
    facts = names.facts = ProcessFacts()
    facts.started, ctx.now = 4000, 9999
    assert sample("uptime", ctx) == 5
    assert sample("stopping", ctx) is False
    facts.stopping = True
    assert sample("stopping", ctx) is True


def test_what_nobody_measures() -> None:
    """0, as docs/differences.md says; no layer keeps events of its end (manual 7.3.2, term_events)."""
    names = ("cpu_calls", "cpu_ns_avg", "cpu_ns_tot", "cpu_usage_grp", "cpu_usage_proc", "cpu_usage_thr")
    assert [sample(name) for name in (*names, "lat_ns_avg", "lat_ns_tot")] == [0] * 8
    assert sample("term_events") == b"{-,-,-,-,-,-,-}"  # seven, each of them "not supported"


def test_clock_and_chance() -> None:
    """date, date_us, pid, rand, uuid: against the clock and the system, and RFC 9562's layout (5.4, 5.7)."""
    before = time.time()
    seconds, parts, shifted = sample("date"), sample("date(0,us)"), sample("date(-3600,s)")
    micros = sample("date_us")
    after = time.time()
    assert int(before) <= seconds <= int(after)  # type: ignore[operator]
    assert before * 1e6 - 1 <= parts <= after * 1e6 + 1  # type: ignore[operator]
    assert int(before) - 3600 <= shifted <= int(after) - 3600  # type: ignore[operator]
    assert 0 <= micros < 1_000_000  # type: ignore[operator]
    assert sample("pid") == os.getpid()
    assert {sample("rand(3)") for _ in range(200)} == {0, 1, 2}
    assert all(0 <= sample("rand") < 1 << 32 for _ in range(50))  # type: ignore[operator]
    for version in (4, 7):
        text = shown(f"uuid({version})")
        assert text is not None
        assert re.fullmatch(rb"[0-9a-f]{8}-[0-9a-f]{4}-%d[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}" % version, text)
    stamp = shown("uuid(7)")
    assert stamp is not None
    assert abs(int(stamp.replace(b"-", b"")[:12], 16) / 1000 - time.time()) < 60


def test_lanes() -> None:
    """thread, tgroup: from 0 on (manual 7.3.2)."""
    lane, group = THIS_LANE.lane, THIS_LANE.group
    try:
        THIS_LANE.be(3, 1)
        assert (sample("thread"), sample("tgroup")) == (3, 1)
    finally:
        THIS_LANE.be(lane, group)


def test_the_last_cookie() -> None:
    """set-cookie: the last one of that name in Set-Cookie (manual 7.3.6)."""
    ctx = exchange(answer="HTTP/1.1 200 OK", answer_fields="set-cookie: a=1; path=/\nset-cookie: b=2\nset-cookie: a=3")
    assert sample("set-cookie(b)", ctx) == b"2"
    assert sample("set-cookie(none)", ctx) is None
